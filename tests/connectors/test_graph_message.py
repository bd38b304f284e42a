"""One message as Graph gives it: who, what, when, and what its headers tell; its text and its attachments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.graph_message import instant, message
from syncd.model import Attachment, Message, Participant, Role
from tests.connectors.contract import Reader
from tests.connectors.graph_worlds import GraphWorld, graph_world
from tests.servers.fake_graph import Cloud


@pytest.fixture
def world(microsoft: Cloud) -> Iterator[GraphWorld]:
    with graph_world(microsoft) as world:
        yield world


def _one(world: GraphWorld, folder: str = "Inbox", *, text: bool = False) -> Message:
    world.folder = folder
    reader = Reader(world)
    reader.whole_pass()
    (item,) = reader.stream().read(list(reader.seen), text=text)
    assert isinstance(item, Message)
    return item


def test_people_subject_and_times_come_as_the_provider_knows_them(world: GraphWorld) -> None:
    world.mailbox.deliver(
        "1@example.org",
        sender=('Jürgen "JJ" Weiß, Dr.', "juergen@example.org"),
        to=[("Anna", "anna@example.com"), ("", "team@example.com")],
        cc=[("Börse; Chef", "chef@example.org")],
        subject="Angebot 東京",
        received_at=datetime(2026, 11, 2, 10, 0, 5, tzinfo=UTC),
    )
    read = _one(world)
    assert read.participants == (
        Participant(Role.FROM, "juergen@example.org", 'Jürgen "JJ" Weiß, Dr.'),
        Participant(Role.TO, "anna@example.com", "Anna"),
        Participant(Role.TO, "team@example.com"),
        Participant(Role.CC, "chef@example.org", "Börse; Chef"),
    )
    assert (read.subject, read.message_id, read.problem) == ("Angebot 東京", "1@example.org", "")
    assert read.received_at == datetime(2026, 11, 2, 10, 0, 5, tzinfo=UTC)
    assert read.sent_at == datetime(2026, 11, 2, 10, 0, 3, tzinfo=UTC)


def test_headers_tell_of_threads_and_machines(world: GraphWorld) -> None:
    headers = [
        ("In-Reply-To", "<0@example.com>"),
        ("References", "<a@example.com> <0@example.com>"),
        ("Auto-Submitted", "auto-replied"),
        ("From", "somebody else <else@example.net>"),
        ("X-Spam-Score", "3"),
    ]
    world.mailbox.deliver("1@example.org", headers=headers)
    read = _one(world)
    assert (read.in_reply_to, read.references) == ("0@example.com", ("a@example.com", "0@example.com"))
    assert read.headers == {"auto-submitted": "auto-replied"}
    assert [one.address for one in read.participants] == ["bert@example.org", "anna@example.com"]


def test_what_the_owner_sent_has_no_headers_and_is_threaded_and_private_all_the_same(world: GraphWorld) -> None:
    # docs issue 2716: internetMessageHeaders are not given for Sent Items.
    extended = {"String 0x1042": "<0@example.org>", "String 0x1039": "<0@example.org>", "Integer 0x0036": "2"}
    world.mailbox.deliver("1@example.com", folder="sentitems", headers=[("Sensitivity", "?")], extended=extended)
    read = _one(world, "Sent Items")
    assert (read.in_reply_to, read.references) == ("0@example.org", ("0@example.org",))
    assert read.headers == {"sensitivity": "Private"}


def test_categories_are_labels_beside_the_folder(world: GraphWorld) -> None:
    world.mailbox.deliver("1@example.org", categories=["Private", "Red category"])
    assert _one(world).folders == ("Inbox", "Private", "Red category")


@pytest.mark.parametrize(
    ("kind", "method"),
    [("eventMessageRequest", "REQUEST"), ("eventMessageResponse", "REPLY"), ("eventMessage", "CANCEL")],
)
def test_a_mail_about_a_meeting_is_known_by_its_type(world: GraphWorld, kind: str, method: str) -> None:
    world.mailbox.deliver("1@example.org", kind=kind)
    assert _one(world).headers["content-type"] == f"text/calendar; method={method}"


def test_the_text_is_what_is_new_and_attachments_have_name_type_and_size(world: GraphWorld) -> None:
    text = "Good day.\r\n\r\nOn Mon, 2 Nov 2026 at 09:00, Anna <anna@example.com> wrote:\r\n> Old.\r\n"
    files = [("Angebot für Anna.pdf", "application/pdf", 12345)]
    world.mailbox.deliver("1@example.org", text=text, attachments=files)
    read = _one(world, text=True)
    assert (read.text or "").strip() == "Good day."
    assert read.attachments == (Attachment("Angebot für Anna.pdf", "application/pdf", 12345),)
    asked = [request.body.decode() for request in world.cloud.graph.requests if request.body]
    assert not any("contentBytes" in body for body in asked)


def test_no_text_is_fetched_when_none_is_asked_for(world: GraphWorld) -> None:
    world.mailbox.deliver("1@example.org")
    assert _one(world).text is None
    assert not any("body," in request.url + request.body.decode() for request in world.cloud.graph.requests)


def test_html_is_read_too_where_a_server_gives_no_text() -> None:
    entry = {"id": "A", "body": {"contentType": "html", "content": "<p>Good <b>day</b></p>"}}
    assert (message(entry, "Inbox").text or "").strip() == "Good day"


@pytest.mark.parametrize("text", [None, "", "0001-01-01T00:00:00Z", "4501-01-01T00:00:00Z", "yesterday", 5])
def test_what_exchange_writes_for_no_date_is_none(text: object) -> None:
    assert instant(text) is None


def test_an_address_of_the_old_exchange_kind_is_named_as_a_problem() -> None:
    sender = {"emailAddress": {"name": "Former colleague", "address": "/O=EXCHANGELABS/OU=EXCHANGE/CN=RECIPIENTS/CN=X"}}
    made = message({"id": "A", "from": sender, "sender": sender, "subject": "Hi"}, "Inbox")
    assert made.problem
    assert made.subject == "Hi"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_NAMES = ["from", "sender", "toRecipients", "subject", "internetMessageId", "categories", "receivedDateTime", "body",
          "internetMessageHeaders", "singleValueExtendedProperties"]  # fmt: skip


@given(st.dictionaries(st.sampled_from(_NAMES), _JSON))
def test_whatever_stands_in_an_entry_makes_a_message(entry: Mapping[str, Any]) -> None:
    assert message({"id": "A", **entry}, "Inbox").id == "A"
