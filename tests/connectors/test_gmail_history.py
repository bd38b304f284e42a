"""What Gmail's history tells, and forgets: changes of labels that are arrivals, drafts that vanish, records in bits."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from syncd.errors import CursorExpired, Retryable
from syncd.model import Cursor, ItemId, Message, Removed
from tests.connectors.contract import Reader
from tests.connectors.google_worlds import GmailWorld, items, mail
from tests.servers import google_errors as errors
from tests.servers.fake_google import FakeGoogle

HISTORY, GET, LIST = "gmail.users.history.list", "gmail.users.messages.get", "gmail.users.messages.list"


@pytest.fixture
def world(google: FakeGoogle) -> GmailWorld:
    return GmailWorld(google)


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
