"""Gmail's mail as a stream, on a faithful fake: the contract, and what only Gmail does."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.google_sign_in import HEADERS, MAIL
from syncd.errors import CursorExpired, Retryable
from syncd.model import Attachment, Cursor, ItemId, Level, Message, Removed
from tests.connectors.contract import ConnectorContract, Reader, World
from tests.connectors.google_worlds import USER, GmailWorld, items, mail
from tests.servers import google_errors as errors
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

    def test_the_inventory_names_what_the_passes_gave(self, world: World) -> None:
        """It cannot be had: whoever may not ask for a time would have to read every message of all years."""
        world.add(4)
        assert list(Reader(world).stream().inventory()) == []


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


# ---------------------------------------------------------------------------------------------------------- history


def test_mail_that_is_taken_out_of_spam_or_bin_arrives(world: GmailWorld) -> None:
    ids = [world.mailbox.deliver(mail(f"{label}@example.org"), label) for label in ("SPAM", "TRASH")]
    cursor = world.first()
    for id, label in zip(ids, ("SPAM", "TRASH"), strict=True):
        world.mailbox.label(id, add=["INBOX"], remove=[label])
    found = items(world.follow(cursor))
    assert {item.id for item in found if isinstance(item, Message)} == set(ids)


def test_mail_that_goes_to_the_bin_has_left_and_is_not_asked_for(world: GmailWorld) -> None:
    (key,) = world.add(1)
    cursor = world.first()
    world.mailbox.label(world.id_of(key), add=["TRASH"], remove=["INBOX"])
    world.fake.calls.clear()
    assert items(world.follow(cursor)) == [Removed(ItemId(world.id_of(key)))]
    assert world.fake.of(GET) == []


def test_a_draft_that_is_sent_arrives_once(world: GmailWorld) -> None:
    draft = world.mailbox.deliver(mail("d@example.org"), "DRAFT")
    cursor = world.first()
    world.mailbox.label(draft, add=["SENT"], remove=["DRAFT"])
    assert [item.id for item in items(world.follow(cursor)) if isinstance(item, Message)] == [draft]


def test_a_draft_that_vanishes_between_listing_and_reading_is_skipped(world: GmailWorld) -> None:
    keys = world.add(3)
    world.mailbox.vanishing.add(world.id_of(keys[1]))
    reader = Reader(world)
    reader.whole_pass()
    assert reader.keys == [keys[0], keys[2]]
    keys += world.add(2)
    world.mailbox.vanishing.add(world.id_of(keys[3]))
    reader.whole_pass()
    assert reader.keys == [keys[0], keys[2], keys[4]]
    assert reader.whole_pass() == []


def test_of_many_changes_to_one_message_the_last_one_counts_and_it_is_asked_for_once(world: GmailWorld) -> None:
    cursor = world.first()
    (kept, gone) = world.add(2)
    id = world.id_of(kept)
    for _ in range(3):
        world.mailbox.label(id, add=["SPAM"])
        world.mailbox.label(id, remove=["SPAM"])
    gone_id = world.id_of(gone)
    world.remove(gone)
    world.fake.calls.clear()
    assert {(item.id, type(item)) for item in items(world.follow(cursor))} == {(id, Message), (gone_id, Removed)}
    assert [call.path["id"] for call in world.fake.of(GET)] == [id]


def test_a_page_without_history_but_with_a_next_one_is_passed_and_each_token_is_asked_for_once(
    world: GmailWorld,
) -> None:
    cursor = world.first()
    keys = world.add(9)
    world.mailbox.quirks.empty_pages = True
    world.mailbox.quirks.page = 3
    world.fake.calls.clear()
    assert len(items(world.follow(cursor))) == len(keys)
    tokens = [call.query.get("pageToken", [""])[0] for call in world.fake.of(HISTORY)]
    assert len(tokens) == len(set(tokens)) == 6


def test_history_that_is_too_old_expires_the_cursor_and_all_that_came_since_is_found(world: GmailWorld) -> None:
    keys = world.add(5)
    reader = Reader(world)
    reader.whole_pass()
    world.fake.clock.sleep(timedelta(weeks=3).total_seconds())
    keys += world.add(4)
    world.remove(keys[1])
    world.fake.clock.sleep(timedelta(days=8).total_seconds())
    with pytest.raises(CursorExpired):
        reader.whole_pass()
    reader.cursor = None
    reader.whole_pass()
    assert reader.keys == sorted(set(keys) - {keys[1]})
    assert reader.whole_pass() == []


def test_a_message_that_is_not_there_expires_nothing(world: GmailWorld) -> None:
    cursor = world.first()
    (key,) = world.add(1)
    world.mailbox.vanishing.add(world.id_of(key))
    (batch,) = world.follow(cursor)
    assert [type(item) for item in batch.items] == [Removed]
    assert world.follow(batch.cursor) == []


def test_a_long_history_is_taken_in_pieces_that_a_cut_does_not_lose_or_repeat(world: GmailWorld) -> None:
    reader = Reader(world)
    reader.whole_pass()
    keys = world.add(200)
    yielded: list[str] = []
    passes = 0
    while True:
        account = world.account()
        batch = next(iter(reader.batches(world.stream(account))), None)
        if batch is None:
            break
        yielded += [item.message_id or "" for item in batch.items if isinstance(item, Message)]
        passes += 1
        if passes == 2:
            keys += world.add(3)
    assert sorted(yielded) == sorted(keys) == reader.keys


def test_what_left_before_a_new_beginning_is_told_although_the_pass_breaks_off_after_its_backfill(
    world: GmailWorld,
) -> None:
    keys = world.add(3)
    reader = Reader(world)
    reader.whole_pass()
    world.remove(keys[0])
    world.renumber()
    reader.cursor = None
    account = world.account()
    batches = reader.batches(world.stream(account))
    next(batches)
    keys += world.add(50)
    with suppress(Retryable):
        for _ in batches:
            world.fake.fail_next(*[errors.UNAVAILABLE] * 9, method=GET)
    account.close()
    world.fake.plan = lambda call: None
    reader.whole_pass()
    assert reader.keys == sorted(keys[1:])


def test_a_history_that_tells_no_labels_tells_no_less_of_what_arrived(world: GmailWorld) -> None:
    world.settings = replace(world.settings, include=("INBOX",))
    world.mailbox.quirks.bare_stubs = True
    cursor = world.first()
    arrived = world.mailbox.deliver(mail("a@example.org"), "INBOX")
    world.mailbox.deliver(mail("b@example.org"), "SENT")
    found = items(world.follow(cursor))
    assert [item.id for item in found if isinstance(item, Message)] == [arrived]


def test_records_that_gmail_put_together_say_what_became_of_each_message(world: GmailWorld) -> None:
    cursor = world.first()
    world.mailbox.quirks.collapses = True
    kept, gone = (world.mailbox.deliver(mail(f"{name}@example.org"), "SPAM") for name in ("kept", "gone"))
    world.mailbox.delete(gone)
    world.mailbox.label(kept, add=["INBOX"], remove=["SPAM"])
    assert {(item.id, type(item)) for item in items(world.follow(cursor))} == {(kept, Message), (gone, Removed)}


def test_history_ids_are_numbers_however_long(world: GmailWorld) -> None:
    world.mailbox.history_id = 999_999_999_990
    cursor = world.first()
    keys = world.add(3)
    assert len(items(world.follow(cursor))) == len(keys)
    (last,) = [batch.cursor for batch in world.follow(cursor)][-1:]
    assert world.follow(last) == []


def test_a_backfill_goes_on_within_one_account_without_listing_again(world: GmailWorld) -> None:
    keys = world.add(world.several_batches)
    reader, account = Reader(world), world.account()
    for _ in range(20):
        batch = next(iter(reader.batches(world.stream(account))), None)
        if batch is None:
            break
    assert reader.keys == sorted(keys)
    assert len(world.fake.of(LIST)) == 2  # the window, and in the end all that is there


def test_a_batch_that_was_given_and_not_saved_comes_again(world: GmailWorld) -> None:
    keys = world.add(world.several_batches)
    reader, account = Reader(world), world.account()
    batches = world.stream(account).changes(None)
    reader.save(next(batches))
    next(batches)  # the store could not be written
    del batches
    list(reader.batches(world.stream(account)))
    assert reader.keys == sorted(keys)


def test_after_a_lost_backfill_of_an_account_the_next_one_lists_anew(world: GmailWorld) -> None:
    keys = world.add(world.several_batches)
    account = world.account()
    next(iter(world.stream(account).changes(None)))
    keys += world.add(2)
    found = items(list(world.stream(account).changes(None)))
    assert {item.message_id for item in found if isinstance(item, Message)} == set(keys)


@pytest.mark.parametrize(
    "cursor", ["", "null", "[]", '{"history": 7}', '{"history": "x"}', '{"history": "1", "upto": "y"}', '{"a": 1}']
)
def test_what_is_no_cursor_expires(world: GmailWorld, cursor: str) -> None:
    with pytest.raises(CursorExpired):
        world.follow(Cursor(cursor))
