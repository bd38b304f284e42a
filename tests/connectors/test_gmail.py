"""Gmail's mail as a stream, on a faithful fake: the contract, and what only Gmail does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.google_sign_in import HEADERS, MAIL
from syncd.errors import ReauthNeeded, Retryable
from syncd.model import Attachment, ItemId, Level, Message, Removed
from tests.connectors.contract import ConnectorContract, Reader, World
from tests.connectors.google_worlds import USER, GmailWorld, items, mail
from tests.servers.fake_google import FakeGoogle

HISTORY, GET, LIST = "gmail.users.history.list", "gmail.users.messages.get", "gmail.users.messages.list"


@pytest.fixture
def world(google: FakeGoogle) -> GmailWorld:
    return GmailWorld(google)


class TestTheContract(ConnectorContract):
    @pytest.fixture
    def world(self, google: FakeGoogle) -> World:
        return GmailWorld(google)


class TestTheContractWithOddPages(ConnectorContract):
    """The same when history comes with empty pages, in pieces and twice, and listings oldest first."""

    @pytest.fixture
    def world(self, google: FakeGoogle) -> World:
        world = GmailWorld(google)
        quirks = world.mailbox.quirks
        quirks.empty_pages = quirks.repeats = quirks.oldest_first = True
        quirks.page = 7
        return world


class TestTheContractWithHeadersOnly(ConnectorContract):
    """The same with a token that may neither search nor read bodies."""

    @pytest.fixture
    def world(self, google: FakeGoogle) -> World:
        world = GmailWorld(google, level=Level.METADATA)
        world.sign_in(HEADERS)
        return world


# ------------------------------------------------------------------------------------------------------ what is read


def test_a_message_is_what_its_headers_and_gmail_say_of_it(world: GmailWorld) -> None:
    id = world.mailbox.deliver(mail("k@example.org"), "INBOX", "UNREAD", "IMPORTANT", "CATEGORY_PERSONAL")
    (message,) = items(world.follow(None))
    assert isinstance(message, Message)
    assert (message.id, message.message_id, message.folders) == (id, "k@example.org", ("INBOX",))
    assert message.received_at == world.now()
    assert message.sent_at == datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
    assert [(each.role, each.address) for each in message.participants] == [("from", "bert@example.org"), ("to", USER)]
    assert message.size == len(mail("k@example.org"))
    assert message.text is None


def test_the_text_is_the_new_part_and_attachments_are_named(world: GmailWorld) -> None:
    raw = (
        b"From: bert@example.org\r\nTo: anna@example.com\r\nMessage-ID: <a@example.org>\r\nSubject: Offer\r\n"
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
        b'--b\r\nContent-Type: text/plain; charset="iso-8859-1"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
        b"Gr=FC=DFe aus Wien\r\n\r\nOn Fri, Nov 20, 2026 at 9:00 AM Anna <anna@example.com> wrote:\r\n> old text\r\n"
        b'--b\r\nContent-Type: application/pdf; name="offer.pdf"\r\nContent-Disposition: attachment; '
        b'filename="offer.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--b--\r\n'
    )
    id = world.mailbox.deliver(raw)
    (message,) = world.stream(world.account()).read([ItemId(id)], text=True)
    assert isinstance(message, Message)
    assert message.text == "Grüße aus Wien"
    assert message.attachments == (Attachment("offer.pdf", "application/pdf", 3),)


INVITATION = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:offer@example.org\r\n"
    "DTSTAMP:20261120T100000Z\r\nDTSTART:20261125T090000Z\r\nDTEND:20261125T100000Z\r\nSUMMARY:Offer\r\n"
    "ORGANIZER:mailto:bert@example.org\r\nATTENDEE:mailto:anna@example.com\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


@pytest.mark.parametrize("place", ["", '; name="invite.ics"\r\nContent-Disposition: attachment; filename="invite.ics"'])
def test_an_invitation_is_read_from_the_mail_or_from_what_is_attached_to_it(world: GmailWorld, place: str) -> None:
    raw = (
        "From: bert@example.org\r\nTo: anna@example.com\r\nMessage-ID: <i@example.org>\r\nSubject: Invitation\r\n"
        'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nPlease come\r\n'
        f"--b\r\nContent-Type: text/calendar{place}\r\n\r\n{INVITATION}--b--\r\n"
    )
    id = world.mailbox.deliver(raw.encode())
    (message,) = world.stream(world.account()).read([ItemId(id)], text=False)
    assert isinstance(message, Message)
    assert message.text is None
    assert message.invitation
    assert (message.invitation.method, message.invitation.uid) == ("REQUEST", "offer@example.org")


@pytest.mark.parametrize("label", ["SPAM", "TRASH", "DRAFT", "CHAT"])
def test_spam_bin_drafts_and_chats_are_never_read(world: GmailWorld, label: str) -> None:
    world.mailbox.deliver(mail("hidden@example.org"), label)
    cursor = world.first()
    world.mailbox.deliver(mail("later@example.org"), label)
    found = items(world.follow(None)) + items(world.follow(cursor))
    assert [item for item in found if not isinstance(item, Removed)] == []


def test_what_is_older_than_the_window_is_not_read_with_headers_only_either(google: FakeGoogle) -> None:
    for level, scope in ((Level.FULL, MAIL), (Level.METADATA, HEADERS)):
        world = GmailWorld(google, level=level)
        world.sign_in(scope)
        world.since = world.now() - timedelta(days=180)
        world.mailbox.deliver(mail("old@example.org"), at=(world.since - timedelta(days=1)).timestamp())
        world.mailbox.deliver(mail("new@example.org"), at=(world.since + timedelta(days=1)).timestamp())
        found = [item.message_id for item in items(world.follow(None)) if isinstance(item, Message)]
        assert set(found) == {"new@example.org"}


def test_with_headers_only_the_window_is_counted_by_the_dates_of_a_few(google: FakeGoogle) -> None:
    """Drafts and chats are among what may not be searched, and are not counted."""
    world = GmailWorld(google, level=Level.METADATA)
    world.sign_in(HEADERS)
    world.since = world.now() - timedelta(days=180)
    for number in range(3000):
        came = world.since + timedelta(hours=100 - number)
        label = {1: "DRAFT", 2: "CHAT"}.get(number, "INBOX")
        world.mailbox.deliver(mail(f"{number}@example.org"), label, at=came.timestamp())
    assert len(set(world.stream(world.account()).inventory())) == 101 - 2
    assert len(google.of(GET)) < 170
    assert all("q" not in call.query for call in google.of(LIST))


def test_a_token_for_headers_only_beside_another_is_one_for_headers_only(world: GmailWorld) -> None:
    world.sign_in(HEADERS, MAIL)
    with pytest.raises(ReauthNeeded) as raised:
        world.follow(None)
    assert "headers only" in str(raised.value)
    assert "syncd auth anna" in raised.value.cure


def test_with_headers_only_neither_a_search_nor_a_body_is_asked_for(google: FakeGoogle) -> None:
    world = GmailWorld(google, level=Level.METADATA)
    world.sign_in(HEADERS)
    world.add(3)
    world.follow(None)
    assert all("q" not in call.query for call in google.of(LIST))
    assert {call.query["format"][0] for call in google.of(GET)} == {"metadata"}


def test_no_more_than_headers_is_asked_for_until_a_text_is_wanted(world: GmailWorld) -> None:
    world.add(2)
    stream = world.stream(world.account())
    ids = [item.id for batch in stream.changes(None) for item in batch.items]
    assert {call.query["format"][0] for call in world.fake.of(GET)} == {"metadata"}
    world.fake.calls.clear()
    list(stream.read(ids[:1], text=True))
    assert [call.query["format"][0] for call in world.fake.of(GET)] == ["full"]


def test_whole_messages_are_asked_for_once_if_the_admin_says_so(world: GmailWorld) -> None:
    world.settings = replace(world.settings, fetch="whole")
    keys = world.add(3)
    stream = world.stream(world.account())
    for batch in stream.changes(None):
        texts = [
            item.text for item in stream.read([item.id for item in batch.items], text=True) if isinstance(item, Message)
        ]
        assert texts == ["Hello."] * len(batch.items)
    assert len(world.fake.of(GET)) == len(keys)


def test_a_listing_whose_place_google_lost_is_begun_anew(world: GmailWorld) -> None:
    keys = world.add(12)
    world.mailbox.quirks.page = 5
    world.mailbox.quirks.forgotten_tokens = True
    reader = Reader(world)
    with pytest.raises(Retryable):
        reader.whole_pass()
    world.mailbox.quirks.forgotten_tokens = False
    reader.pass_from_any_cursor()
    assert reader.keys == sorted(keys)


# ----------------------------------------------------------------------------------------------------------- labels


def test_a_label_is_a_folder_and_an_excluded_one_tells_the_rule_by_the_admins_own_word(world: GmailWorld) -> None:
    world.settings = replace(world.settings, exclude=("private",))
    acme, bank = world.mailbox.new_label("Clients/Acme"), world.mailbox.new_label("Private/Bank")
    world.mailbox.deliver(mail("a@example.org"), "INBOX", acme)
    world.mailbox.deliver(mail("b@example.org"), bank)
    found = {item.message_id: item.folders for item in items(world.follow(None)) if isinstance(item, Message)}
    assert set(found["a@example.org"]) == {"INBOX", "Clients/Acme"}
    assert set(found["b@example.org"]) == {"Private/Bank", "private"}


def test_with_include_only_what_has_one_of_the_labels_is_read(world: GmailWorld) -> None:
    world.settings = replace(world.settings, include=("Clients", "SENT"))
    acme = world.mailbox.new_label("Clients/Acme")
    world.mailbox.deliver(mail("a@example.org"), "INBOX", acme)
    world.mailbox.deliver(mail("b@example.org"), "INBOX")
    cursor = world.first()
    world.mailbox.deliver(mail("c@example.org"), "SENT")
    later = world.mailbox.deliver(mail("d@example.org"), "INBOX")
    found = items(world.follow(None)) + items(world.follow(cursor))
    assert {item.message_id for item in found if isinstance(item, Message)} == {"a@example.org", "c@example.org"}
    cursor = world.first()
    world.mailbox.label(later, add=[acme])
    assert [item.id for item in items(world.follow(cursor)) if isinstance(item, Message)] == [later]


def test_a_message_that_is_given_an_excluded_label_is_told_again_and_one_that_is_only_read_is_not(
    world: GmailWorld,
) -> None:
    world.settings = replace(world.settings, exclude=("Private",))
    private = world.mailbox.new_label("Private")
    first, second = (world.mailbox.deliver(mail(f"{n}@example.org")) for n in range(2))
    cursor = world.first()
    world.mailbox.label(first, remove=["UNREAD"])
    world.mailbox.label(first, add=["STARRED"])
    world.mailbox.label(second, add=[private])
    assert [item.id for item in items(world.follow(cursor))] == [second]


def test_a_label_that_is_new_since_the_last_look_is_looked_up_before_its_mail_is_decided_on(world: GmailWorld) -> None:
    world.settings = replace(world.settings, exclude=("Private",))
    account = world.account()
    cursor = list(world.stream(account).changes(None))[-1].cursor
    private = world.mailbox.new_label("Private")
    world.mailbox.deliver(mail("a@example.org"), "INBOX", private)
    (message,) = items(list(world.stream(account).changes(cursor)))
    assert isinstance(message, Message)
    assert "Private" in message.folders
