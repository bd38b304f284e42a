"""The pass, over a mailbox in memory and a real SQLite store: one story for each promise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from syncd.errors import CursorExpired, Permanent, ReauthNeeded, Retryable
from syncd.model import Level, Participant, Role
from syncd.sync import CAREFUL, DEATHS
from tests.syncd.mailboxes import Killed, message
from tests.syncd.worlds import POLICY, World

STRANGER = "nobody@elsewhere.example"


def _fill(world: World, count: int, name: str = "rita") -> None:
    for number in range(count):
        world.folder(name).deliver(message(number))


def test_first_pass_logs_every_message_with_a_known_contact_and_records_a_decision_for_the_rest(world: World) -> None:
    _fill(world, 7)
    world.folder().deliver(message(7, to=[STRANGER]))
    result = world.run()
    assert world.subjects() == [f"Subject {number}" for number in range(7)]
    assert world.verdicts() == {"logged": 7, "skipped": 1}
    assert sum(result.by_rule.values()) == 8
    assert world.rows("SELECT rule FROM sighting WHERE verdict = 'skipped'") == [("no_known_contact",)]


def test_what_was_skipped_for_no_known_contact_leaves_no_subject_text_or_address_behind(world: World) -> None:
    world.folder().deliver(message(1, to=[STRANGER]))
    world.run()
    assert world.rows("SELECT count(*) FROM sighting_address") == [(2,)], "of the address and of its domain"
    assert STRANGER not in world.file_text()
    assert "Subject 1" not in world.file_text()


def test_second_pass_writes_nothing(world: World) -> None:
    _fill(world, 7)
    world.run()
    before = list(world.points)
    result = world.run()
    assert world.points == before
    assert result.batches == 0


def test_what_arrives_during_a_pass_is_not_lost(world: World) -> None:
    _fill(world, 7)
    folder = world.folder()
    folder.faults = [None, None, lambda: void(folder.deliver(message(100)))]
    world.run()
    world.run()
    assert len(world.subjects()) == 8


def test_the_same_mail_in_two_mailboxes_is_one_activity_with_two_sightings(world: World) -> None:
    for name in ("rita", "sam"):
        _fill(world, 5, name)
        world.run(name)
    assert len(world.subjects()) == 5
    assert world.verdicts() == {"logged": 10}


def test_text_is_read_only_of_what_is_logged_and_only_once(world: World) -> None:
    for name in ("rita", "sam"):
        wanted = world.folder(name).deliver(message(1))
        world.folder(name).deliver(message(2, to=[STRANGER]))
        world.run(name)
    assert world.stream("rita").texts_read == [wanted]
    assert world.stream("sam").texts_read == []
    assert world.rows("SELECT text FROM activity") == [("Text 1",)]


@pytest.mark.parametrize("first", ["rita", "sam"])
def test_the_most_closed_copy_wins_whichever_comes_first(world: World, first: str) -> None:
    levels = {"rita": Level.FULL, "sam": Level.METADATA}
    for name in sorted(levels, key=lambda name: name != first):
        world.folder(name).deliver(message(1))
        world.run(name, replace(POLICY, level=levels[name]))
    assert world.rows("SELECT subject, text, level FROM activity") == [(None, None, Level.METADATA)]
    assert "Text 1" not in world.dump_text()


def test_bcc_recipients_of_the_senders_copy_join_the_recipients_copy(world: World) -> None:
    mail = message(1)
    world.folder("sam").deliver(mail)
    hidden = Participant(Role.BCC, "carl@client.example")
    world.folder("rita").deliver(mail._replace(participants=(*mail.participants, hidden)))
    world.run("sam")
    world.run("rita")
    assert len(world.rows("SELECT 1 FROM activity")) == 1
    assert world.rows("SELECT address FROM participant WHERE role = 'bcc'") == [("carl@client.example",)]
    assert world.rows("SELECT kind FROM change ORDER BY sequence") == [("created",), ("updated",)]


def test_equal_message_ids_on_different_mails_make_two_activities(world: World) -> None:
    world.folder().deliver(message(1, message_id="same@mail.example"))
    world.folder().deliver(message(9000, message_id="same@mail.example", subject="Another"))
    world.run()
    assert world.subjects() == ["Subject 1", "Another"]
    assert world.rows("SELECT count(DISTINCT thread_id) FROM activity") == [(2,)]
    world.folder().renumber(2)
    world.run()
    assert world.subjects() == ["Subject 1", "Another"]


def test_mails_without_a_message_id_do_not_become_one(world: World) -> None:
    world.folder().deliver(message(1, message_id=None))
    world.folder().deliver(message(2, message_id=None))
    world.run()
    assert len(world.subjects()) == 2


def test_a_removed_item_is_a_witness_that_left_and_the_activity_stays(world: World) -> None:
    _fill(world, 5)
    world.run()
    world.folder().delete(2)
    assert world.run().removed == 1
    assert len(world.subjects()) == 5
    assert world.verdicts() == {"logged": 4}


def test_a_folder_that_is_suddenly_empty_removes_nothing_until_a_second_listing_says_the_same(world: World) -> None:
    _fill(world, 30)
    world.run()
    held, world.folder().held = world.folder().held, {}
    assert world.run().doubted == 30
    assert world.verdicts() == {"logged": 30}
    world.folder().held = held
    assert world.run().removed == 0
    world.folder().held = {}
    world.run()
    assert world.run().removed == 30
    assert len(world.subjects()) == 30


def test_a_changed_uidvalidity_with_reused_uids_doubles_and_loses_nothing(world: World) -> None:
    _fill(world, 25)
    world.run()
    for epoch in (7, 1):
        world.folder().renumber(epoch)
        world.folder().deliver(message(100 + epoch))
        world.run()
        assert world.run().batches == 0
    assert len(world.subjects()) == 27
    assert world.verdicts() == {"logged": 27}
    assert world.rows("SELECT count(DISTINCT activity_id) FROM sighting WHERE gone_at IS NULL") == [(27,)]


def test_a_cursor_that_expires_as_soon_as_it_is_given_is_no_endless_loop(world: World) -> None:
    _fill(world, 1)
    world.run()
    world.folder().faults = [CursorExpired("gone"), CursorExpired("gone")]
    with pytest.raises(Retryable):
        world.run()


@pytest.mark.parametrize("error", [Retryable("503"), ReauthNeeded("revoked"), Permanent("forbidden")])
def test_what_was_saved_before_a_failure_is_not_fetched_again(world: World, error: Exception) -> None:
    _fill(world, 9)
    world.folder().faults = [None, None, None, None, None, error]  # type: ignore[list-item]
    with pytest.raises(type(error)):
        world.run()
    saved = len(world.subjects())
    assert 0 < saved < 9
    world.run()
    assert len(world.subjects()) == 9
    assert len(world.stream().texts_read) == 9


def test_an_unreadable_item_is_quarantined_after_three_attempts_and_never_stops_the_folder(world: World) -> None:
    _fill(world, 5)
    world.folder().unreadable = {3}
    world.run()
    assert world.verdicts() == {"logged": 4, "pending": 1}
    world.run()
    world.run()
    assert world.verdicts() == {"logged": 4, "quarantined": 1}
    assert world.rows("SELECT facts FROM sighting WHERE verdict = 'quarantined'") == [("the server gave no data",)]
    points = list(world.points)
    world.run()
    assert world.points == points


def test_a_pending_item_that_becomes_readable_is_decided(world: World) -> None:
    _fill(world, 2)
    world.folder().unreadable = {1}
    world.run()
    world.folder().unreadable = set()
    world.run()
    assert world.verdicts() == {"logged": 2}


def test_an_item_that_was_in_hand_in_three_deaths_is_skipped_and_named_and_the_rest_goes_on(world: World) -> None:
    _fill(world, 5)
    world.deadly.add("Subject 3")
    for _ in range(CAREFUL + DEATHS):
        with pytest.raises(Killed):
            world.run()
    world.run()
    assert world.subjects() == [f"Subject {number}" for number in (0, 1, 2, 4)]
    assert world.rows("SELECT item, attempts FROM sighting WHERE verdict = 'quarantined'") == [("1.4", 3)]


def test_a_quarantined_item_that_kills_the_program_when_a_new_parser_tries_it_is_left_alone(world: World) -> None:
    _fill(world, 2)
    world.folder().unreadable = {1}
    for _ in range(3):
        world.run()
    world.folder().unreadable = set()
    world.execute("UPDATE sighting SET parser = parser - 1")
    world.deadly.add("Subject 0")
    for _ in range(CAREFUL + DEATHS):
        with pytest.raises(Killed):
            world.run()
    world.run()
    assert world.verdicts() == {"logged": 1, "quarantined": 1}
    points = list(world.points)
    world.run()
    assert world.points == points


def test_a_program_that_is_killed_again_and_again_with_other_items_in_hand_blames_none(world: World) -> None:
    _fill(world, 12)
    for number in (11, 11, 11, 11, 10, 10, 9, 9, 8):
        world.deadly.add(f"Subject {number}")
        with pytest.raises(Killed):
            world.run()
        world.deadly.clear()
    world.run()
    assert world.verdicts() == {"logged": 12}


def test_network_failures_with_an_item_in_hand_never_quarantine_it(world: World) -> None:
    _fill(world, 2)
    for _ in range(5):
        world.folder().faults = [None, None, Retryable("reset while the text was read")]
        with pytest.raises(Retryable):
            world.run()
    world.run()
    assert world.verdicts() == {"logged": 2}


def test_a_contact_that_is_known_by_now_is_logged_when_the_stream_is_read_anew(world: World) -> None:
    world.folder().deliver(message(1, to=[STRANGER]))
    world.run()
    world.contact("stranger", STRANGER)
    world.folder().renumber(2)
    world.run()
    assert world.subjects() == ["Subject 1"]


def test_mail_below_the_rewound_uidnext_is_found_by_the_reconciliation(world: World) -> None:
    _fill(world, 3)
    world.run()
    world.folder().held[9] = message(50)._replace(id=world.folder().item(9))
    world.execute("UPDATE stream SET cursor = replace(cursor, '\"next\": 4', '\"next\": 20')")
    world.execute("UPDATE stream SET cursor = replace(cursor, '\"count\": 3', '\"count\": 4')")
    world.run()
    assert len(world.subjects()) == 3
    world.reconcile()
    assert len(world.subjects()) == 4


def test_replies_join_a_thread_across_mailboxes_whatever_the_order(world: World) -> None:
    world.folder("sam").deliver(message(3, in_reply_to="2@mail.example", subject="Re: Offer"))
    world.folder("rita").deliver(message(1, subject="Offer"))
    world.run("sam")
    world.run("rita")
    assert world.rows("SELECT count(DISTINCT thread_id) FROM activity") == [(2,)]
    world.folder("rita").deliver(message(2, in_reply_to="1@mail.example", subject="RE: Offer"))
    world.run("rita")
    assert world.rows("SELECT count(DISTINCT thread_id), count(*) FROM activity") == [(1, 3)]


def test_what_joins_another_thread_is_told_as_updated_and_dated_so(world: World) -> None:
    world.folder().deliver(message(1, subject="Offer"))
    world.folder().deliver(message(3, in_reply_to="2@mail.example", subject="Re: Offer"))
    world.run()
    world.folder().deliver(message(2, in_reply_to="1@mail.example", subject="RE: Offer"))
    world.run()
    moved = world.rows("SELECT a.id FROM change c JOIN activity a ON a.id = c.activity_id WHERE c.kind = 'updated'")
    assert len(moved) == 1
    assert moved == world.rows("SELECT id FROM activity WHERE updated_at > created_at")


def test_a_link_that_a_person_removed_is_not_made_again(world: World) -> None:
    world.folder("rita").deliver(message(1))
    world.run("rita")
    world.execute("UPDATE link SET state = 'unlinked', origin = 'person' WHERE entity_kind = 'contact'")
    world.folder("sam").deliver(message(1))
    world.run("sam")
    assert world.rows("SELECT state, origin FROM link WHERE entity_kind = 'contact'") == [("unlinked", "person")]


def test_the_threads_earlier_link_decides_between_two_open_opportunities(world: World) -> None:
    world.opportunity("big", "client", contacts=["zoe"])
    world.folder().deliver(message(1, subject="Offer"))
    world.run()
    world.opportunity("small", "client", contacts=["zoe"])
    world.folder().deliver(message(2, subject="Re: Offer", in_reply_to="1@mail.example"))
    world.folder().deliver(message(3, subject="Something else"))
    world.run()
    links = "SELECT a.subject, l.entity_id, l.state FROM link l JOIN activity a ON a.id = l.activity_id"
    assert world.rows(f"{links} WHERE entity_kind = 'opportunity' ORDER BY a.id, l.entity_id") == [
        ("Offer", "big", "linked"),
        ("Re: Offer", "big", "linked"),
        ("Re: Offer", "small", "candidate"),
        ("Something else", "big", "candidate"),
        ("Something else", "small", "candidate"),
    ]


def test_a_pass_that_is_asked_to_stop_ends_after_a_saved_batch_and_goes_on_next_time(world: World) -> None:
    _fill(world, 9)
    assert world.run(stop_after=1).batches == 1
    assert 0 < len(world.subjects()) < 9
    world.run()
    assert len(world.subjects()) == 9


def void(_: object) -> None:
    """Swallow a value, so that a call can stand where nothing is expected."""
