"""What is kept of meetings, tasks and notes, of whom, and what is skipped. Calendars in memory, a real SQLite store."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from store.retention import Periods, expire
from syncd.model import Event, ItemId, Level, Note, Participant, Role, Task
from syncd.sync import Pass
from tests.syncd.calendars import Office, meeting
from tests.syncd.calls import CARL, DAY, PAST, RITA, SAM, SOON, call, series
from tests.syncd.mailboxes import START
from tests.syncd.worlds import World


@pytest.fixture
def office(world: World) -> Office:
    return Office(world)


# --------------------------------------------------------------------------------------------------- privacy


def test_a_private_event_is_not_stored(office: Office) -> None:
    office.calendar("rita").put("a", call()._replace(private="CLASS:PRIVATE", subject="Divorce lawyer"))
    office.sync()
    assert office.meetings() == []
    assert office.world.rows("SELECT verdict, rule, facts FROM sighting") == [("skipped", "private", "CLASS:PRIVATE")]
    assert "Divorce" not in office.world.file_text()


def test_an_event_that_turns_private_has_its_text_and_people_erased(office: Office) -> None:
    office.calendar("rita").put("a", call()._replace(location="Room 5"))
    office.sync()
    office.calendar("rita").put("a", call()._replace(private="CLASS:PRIVATE"))
    office.sync()
    assert office.world.rows("SELECT subject, text, location, level FROM activity") == [
        (None, None, None, int(Level.PRIVATE))
    ]
    assert office.world.rows("SELECT count(*) FROM participant") == [(0,)]
    assert office.world.rows("SELECT count(*) FROM copy") == [(0,)]


@pytest.mark.parametrize("order", list(permutations(("rita", "sam"))))
def test_what_one_owner_keeps_private_is_not_shown_because_another_has_it_too(
    office: Office, order: tuple[str, str]
) -> None:
    office.calendar("rita").put("a", call()._replace(private="CLASS:PRIVATE"))
    office.calendar("sam").put("a", call())
    office.sync(*order)
    assert office.world.rows("SELECT subject, text, level FROM activity") == [(None, None, int(Level.PRIVATE))]
    assert office.world.rows("SELECT count(*) FROM participant") == [(0,)]


def test_a_level_of_an_owner_holds_for_all_copies(office: Office) -> None:
    for rep in ("rita", "sam"):
        office.calendar(rep).put("a", call())
    number, stream = office.streams["sam"]
    office.sync("rita")
    closed = replace(office.policy("sam"), level=Level.METADATA)
    Pass(stream, number, office.world.store, closed, now=office.world.now).run()
    assert office.world.rows("SELECT subject, text, level FROM activity") == [(None, None, 0)]
    assert len(office.answers()) == 2


# ---------------------------------------------------------------------------------------------- who takes part


def test_a_guest_whom_the_organizer_struck_off_takes_part_no_more(office: Office) -> None:
    office.calendar("sam").put("a", call())
    office.calendar("rita").put("a", call())
    office.sync()
    office.calendar("rita").put("a", call()._replace(participants=call().participants[:1] + call().participants[2:]))
    office.sync()
    assert office.answers() == {CARL: ""}


def test_a_copy_that_does_not_tell_all_guests_hides_none(office: Office) -> None:
    few = call()._replace(participants=call().participants[:2], partial=True)
    office.calendar("sam").put("a", call())
    office.sync()
    office.calendar("rita").put("a", few)
    office.sync()
    assert office.answers() == {SAM: "", CARL: ""}


@pytest.mark.parametrize(
    ("event", "rule"),
    [
        (meeting("x", SOON, RITA, {SAM: ""}), "internal_only"),
        (meeting("x", SOON, RITA, {"stranger@elsewhere.example": ""}), "no_known_contact"),
        (meeting("x", SOON, "", {}), "not_a_meeting"),
        (meeting("x", SOON, RITA, {CARL: ""}, not_a_meeting="free/busy only"), "not_a_meeting"),
    ],
)
def test_what_is_no_meeting_with_a_known_contact_is_skipped_by_a_named_rule(
    office: Office, event: Event, rule: str
) -> None:
    office.calendar("rita").put("a", event)
    office.sync()
    assert office.world.rows("SELECT verdict, rule FROM sighting") == [("skipped", rule)]
    assert office.meetings() == []


def test_two_events_without_uid_are_two_meetings(office: Office) -> None:
    """KeepSoftwareSimple/compass-calendar PR 2569: an absent UID is not equal to an absent UID."""
    for rep in ("rita", "sam"):
        office.calendar(rep).put("a", meeting("", SOON, RITA, {CARL: ""}))
        office.calendar(rep).put("b", meeting("", SOON, RITA, {CARL: ""}))
    office.sync()
    assert len(office.meetings()) == 4


# ------------------------------------------------------------------------------------------------- the ledger


def test_an_object_of_which_nothing_can_be_made_is_quarantined_and_tried_again_when_it_changes(office: Office) -> None:
    calendar = office.calendar("rita")
    calendar.put("a", call())
    calendar.put("bad", meeting("bad", SOON, RITA, {CARL: ""}))
    calendar.broken["bad"] = "no DTSTART"
    for _ in range(4):
        office.sync()
    found = office.world.rows("SELECT item, verdict, facts FROM sighting ORDER BY item")
    assert found == [("a", "logged", "the organizer's copy"), ("bad", "quarantined", "no DTSTART")]
    del calendar.broken["bad"]
    calendar.put("bad", meeting("bad", SOON, RITA, {CARL: ""}))
    office.sync()
    assert [title for *_, title in office.meetings()] == ["About bad", "About call"]
    assert office.world.verdicts() == {"logged": 2}


def test_an_object_that_the_server_did_not_give_for_a_while_is_read_when_it_does(office: Office) -> None:
    calendar = office.calendar("rita")
    calendar.put("a", call())
    calendar.put("s", *series(0, 7))
    calendar.refused |= {"a", "s"}
    office.sync()
    assert office.world.verdicts() == {"pending": 2}
    calendar.refused.clear()
    office.sync()
    assert office.statuses() == ["planned"] * 3
    assert office.world.verdicts() == {"logged": 3}


def test_an_object_outside_the_window_is_skipped_by_name_and_comes_when_the_window_reaches_it(office: Office) -> None:
    calendar = office.calendar("rita")
    calendar.put("far")
    calendar.next_at["far"] = START + 100 * DAY
    office.sync()
    assert office.world.rows("SELECT item, verdict, rule FROM sighting") == [("far", "skipped", "outside_window")]
    office.world.clock = START + 50 * DAY
    calendar.objects["far"] = (1, (call(START + 100 * DAY),))
    office.sync()
    assert office.statuses() == ["planned"]
    assert office.world.verdicts() == {"logged": 1}


def test_a_series_of_which_all_that_was_seen_is_taken_out_by_age_goes_on_when_the_window_reaches_more(
    office: Office,
) -> None:
    calendar = office.calendar("rita")
    calendar.put("s", *series(0, 7))
    calendar.next_at["s"] = START + 180 * DAY
    office.sync()
    engine = office.world.store.engine
    assert expire(engine, Periods(activities=100 * DAY), START + 120 * DAY).activities == 2
    office.world.clock = START + 125 * DAY
    calendar.objects["s"] = (calendar.objects["s"][0], tuple(series(178)))
    office.sync()
    assert office.statuses() == ["planned"]
    assert office.world.verdicts() == {"logged": 1, "skipped": 2}


def test_a_meeting_that_the_window_has_passed_stays_logged_when_its_object_is_read_again(office: Office) -> None:
    calendar = office.calendar("rita")
    calendar.put("a", call(PAST))
    office.sync()
    office.world.clock = START + 200 * DAY
    calendar.put("a")
    office.sync()
    assert office.statuses() == ["held"]
    assert office.world.rows("SELECT verdict, version FROM sighting") == [("logged", "2")]


def test_a_calendar_that_suddenly_lists_half_removes_nothing_without_a_second_listing(office: Office) -> None:
    calendar = office.calendar("rita")
    for number in range(60):
        calendar.put(str(number), meeting(f"m{number}", SOON, RITA, {CARL: ""}))
    office.sync()
    kept = dict(calendar.objects)
    for number in range(40):
        calendar.delete(str(number))
    assert office.sync().doubted == 40
    assert office.statuses() == ["planned"] * 60
    calendar.objects, calendar.revision = kept, calendar.revision + 1
    office.sync()
    assert office.statuses() == ["planned"] * 60
    for number in range(40):
        calendar.delete(str(number))
    office.sync()
    office.sync()
    assert office.statuses().count("cancelled") == 40


# ------------------------------------------------------------------------------------------- tasks and notes


def test_a_task_is_logged_once_it_is_done_and_says_when_it_was_opened_again(office: Office) -> None:
    tasks = office.calendar("rita", "tasks")
    task = Task(id=ItemId(""), uid="t", done=False, done_at=None, subject=f"Send the offer to {CARL}")
    tasks.put("t", task)
    office.sync()
    assert office.world.rows("SELECT rule FROM sighting") == [("not_done",)]
    tasks.put("t", task._replace(done=True, done_at=PAST))
    office.sync()
    (found,) = office.world.rows("SELECT kind, status, occurred_at FROM activity")
    assert found == ("task", "done", "2026-10-30 09:00:00")
    assert office.world.rows("SELECT reason FROM link WHERE entity_kind = 'contact'") == [("mentioned address",)]
    tasks.put("t", task)
    office.sync()
    assert office.world.rows("SELECT status FROM activity") == [("open",)]


def test_a_note_is_logged_for_whom_it_names_unless_it_is_a_draft(office: Office) -> None:
    notes = office.calendar("rita", "notes")
    note = Note(id=ItemId(""), uid="n", written_at=PAST, subject="Visit", text=f"Met Carl <{CARL}>, wants a quote")
    notes.put("n", note)
    notes.put("d", note._replace(uid="d", draft=True))
    office.sync()
    assert office.world.rows("SELECT kind, subject FROM activity") == [("note", "Visit")]
    assert office.world.rows("SELECT item, rule FROM sighting ORDER BY item") == [("d", "draft"), ("n", "logged")]


def test_what_nobody_dated_stays_where_it_was_first_seen_when_it_is_read_again(office: Office) -> None:
    notes = office.calendar("rita", "notes")
    note = Note(id=ItemId(""), uid="n", written_at=None, subject="Visit", text=f"Met {CARL}")
    notes.put("n", note)
    office.sync()
    before = office.world.rows("SELECT occurred_at FROM activity")
    told = office.feed()
    office.world.clock += 5 * DAY
    notes.put("n", note)
    office.sync()
    assert office.world.rows("SELECT occurred_at FROM activity") == before
    assert office.feed() == told
    notes.put("n", note._replace(written_at=PAST))
    office.sync()
    assert office.world.rows("SELECT occurred_at FROM activity") == [("2026-10-30 09:00:00",)]


def test_the_organizer_need_not_be_among_the_attendees(office: Office) -> None:
    """tutao/tutanota issue 3465: a customer who organizes is a participant too."""
    office.calendar("sam").put("a", meeting("x", SOON, CARL, {SAM: "accepted"}))
    office.sync()
    assert office.world.rows("SELECT reason FROM link WHERE entity_kind = 'contact'") == [("organizer address",)]


def test_an_owner_is_known_by_what_the_provider_says_of_him(office: Office) -> None:
    alias = "sammy@partner.example"
    office.calendar("sam").put("a", meeting("x", SOON, CARL, {alias: "declined"}, own_addresses=(alias,)))
    office.sync()
    assert office.statuses() == ["declined"]
    people = (Participant(Role.ATTENDEE, alias, response="declined"),)
    assert people[0].response == office.answers()[alias]
