"""What a mail about a meeting says, as Graph gives it: of its own type, without its calendar part, but for `$value`."""

from __future__ import annotations

import base64
import quopri
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.invitations import LARGEST, calendar_in
from syncd.model import Invitation, ItemId, Message
from tests.connectors.graph_worlds import GraphWorld, graph_world
from tests.servers.fake_graph import Cloud
from tests.servers.fake_graph_mail import Mail
from tests.servers.fake_graph_query import failure

ICS = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:{method}\r\nBEGIN:VEVENT\r\nUID:call@client.example\r\n"
    "DTSTAMP:20261101T100000Z\r\nDTSTART:20261120T090000Z\r\nDTEND:20261120T100000Z\r\nSUMMARY:Grüße\r\n"
    "ORGANIZER:mailto:bert@example.org\r\nATTENDEE:mailto:anna@example.com\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


@pytest.fixture
def world(microsoft: Cloud) -> Iterator[GraphWorld]:
    with graph_world(microsoft) as world:
        yield world


def deliver(world: GraphWorld, method: str = "REQUEST", **more: str) -> Mail:
    kinds = {"REQUEST": "eventMessageRequest", "REPLY": "eventMessageResponse", "CANCEL": "eventMessage"}
    calendar = more.get("calendar", ICS.format(method=method))
    return world.mailbox.deliver("invitation@example.org", kind=kinds[method], calendar=calendar)


def read(world: GraphWorld, mail: Mail, *, text: bool = True) -> Message:
    stream = world.stream(world.account())
    (item,) = stream.read([ItemId(world.mailbox.mail_id(mail, immutable=True))], text=text)
    assert isinstance(item, Message)
    return item


@pytest.mark.parametrize("method", ["REQUEST", "REPLY", "CANCEL"])
@pytest.mark.parametrize("text", [False, True])
def test_a_mail_about_a_meeting_tells_of_it_when_it_is_read(world: GraphWorld, method: str, text: bool) -> None:
    invitation = read(world, deliver(world, method), text=text).invitation
    assert isinstance(invitation, Invitation)
    assert (invitation.method, invitation.uid) == (method, "call@client.example")
    assert [event.subject for event in invitation.events] == ["Grüße"]


def test_no_mail_is_asked_for_whole_while_it_only_comes_in(world: GraphWorld) -> None:
    """Whether it concerns a known contact is decided by its header."""
    deliver(world)
    stream = world.stream(world.account())
    (first, *_, last) = stream.changes(None)
    deliver(world)
    assert [batch for batch in stream.changes(last.cursor) if batch.items]
    assert first.items
    assert not any("$value" in each.url for each in world.cloud.graph.requests)


def test_an_ordinary_mail_is_not_asked_for_whole(world: GraphWorld) -> None:
    assert read(world, world.mailbox.deliver("offer@example.org")).invitation is None
    assert not any("$value" in each.url for each in world.cloud.graph.requests)


def test_what_has_no_calendar_in_it_or_has_gone_meanwhile_is_a_mail_only(world: GraphWorld) -> None:
    assert read(world, deliver(world, calendar="")).invitation is None
    gone = failure(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    world.cloud.graph.hook = lambda request: gone if "$value" in request.url else None
    assert read(world, deliver(world)).invitation is None


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("base64", lambda data: base64.encodebytes(data).replace(b"\n", b"\r\n")),
        ("quoted-printable", lambda data: quopri.encodestring(data).replace(b"\n", b"\r\n")),
        ("8bit", lambda data: data),
    ],
)
@pytest.mark.parametrize("depth", [0, 1, 40])
def test_the_calendar_is_found_however_it_travels_and_however_deep(encoding: str, encode: object, depth: int) -> None:
    assert callable(encode)
    data = ICS.format(method="REQUEST").encode()
    mail = b"Content-Transfer-Encoding: %b\r\nContent-Type: text/calendar\r\n\r\n%b" % (encoding.encode(), encode(data))
    for level in range(depth):
        boundary = b"b%d" % level
        head = b"Subject: x\r\nContent-Type: multipart/mixed; boundary=%b\r\n\r\n" % boundary
        other = b"--%b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: 7bit\r\n\r\nHello\r\n" % boundary
        mail = b"%b%b--%b\r\n%b\r\n--%b--\r\n" % (head, other, boundary, mail, boundary)
    found = calendar_in(mail)
    assert found is not None
    assert found[0].strip() == encode(data).strip()
    assert found[1] == encoding


def test_a_calendar_that_is_too_large_is_passed_over() -> None:
    assert calendar_in(b"Content-Type: text/calendar\r\n\r\n" + b"x" * (LARGEST + 1)) is None


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_whatever_stands_around_it_nothing_is_raised(before: bytes, after: bytes) -> None:
    calendar_in(before + b"\r\nContent-Type: text/calendar" + after)
