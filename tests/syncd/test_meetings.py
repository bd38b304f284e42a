"""Meetings: many calendars, one activity, and what became of it. Calendars in memory, a real SQLite store."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations

import pytest

from store.occasions import settle, unsettle
from syncd.model import Event, EventStatus, ItemId, Level, Note, Participant, Role, Task
from syncd.sync import Pass
from tests.syncd.calendars import HOUR, Office, address, meeting
from tests.syncd.mailboxes import START
from tests.syncd.worlds import World

CARL = "carl@client.example"
RITA, SAM = address("rita"), address("sam")
SOON, PAST = START + timedelta(days=3), START - timedelta(days=3)
DAY = timedelta(days=1)


@pytest.fixture
def office(world: World) -> Office:
    return Office(world)


def _call(starts_at: datetime = SOON, **answers: str) -> Event:
    return meeting("call", starts_at, RITA, {SAM: answers.get("sam", ""), CARL: answers.get("carl", "")})


def test_a_meeting_in_several_calendars_is_one_activity_with_a_sighting_for_each(office: Office) -> None:
    for rep in ("rita", "sam"):
        office.calendar(rep).put("a", _call())
    office.sync()
    assert office.meetings() == [("2026-11-05 09:00", "planned", "About call")]
    assert office.world.rows("SELECT verdict, count(*), count(DISTINCT activity_id) FROM sighting") == [
        ("logged", 2, 1)
    ]
    links = office.world.rows("SELECT entity_kind, entity_id, reason FROM link ORDER BY 1")
    assert links == [("account", "client", "account of a contact"), ("contact", "carl", "attendee address")]


def test_a_second_pass_over_the_same_calendars_writes_nothing(office: Office) -> None:
    for rep in ("rita", "sam"):
        office.calendar(rep).put("a", _call())
    office.sync()
    written = len(office.world.points)
    office.sync()
    assert len(office.world.points) == written


def test_a_server_that_rewrites_an_object_without_meaning_tells_the_feed_nothing(office: Office) -> None:
    """sabre-io/dav issue 827: the etag changes with every answer of others."""
    office.calendar("rita").put("a", _call())
    office.sync()
    told = office.feed()
    office.calendar("rita").put("a", _call())
    office.sync()
    assert office.feed() == told
    assert office.world.rows("SELECT version FROM sighting") == [("2",)]


# ------------------------------------------------------------------------------------------------ reschedules


def test_a_rescheduled_meeting_stays_the_same_activity_and_says_how_often_and_from_when(office: Office) -> None:
    for rep in ("rita", "sam"):
        office.calendar(rep).put("a", _call())
    office.sync()
    (before,) = office.world.rows("SELECT public_id FROM activity")
    for later in (1, 2):
        for rep in ("sam", "rita"):  # the guest's calendar may well be read first
            moved = replace(_call(SOON + later * DAY), sequence=later)
            office.calendar(rep).put("a", moved)
            office.sync(rep)
    assert office.meetings() == [("2026-11-07 09:00", "planned", "About call")]
    columns = "public_id, rescheduled, rescheduled_from"
    assert office.world.rows(f"SELECT {columns} FROM activity") == [(*before, 2, "2026-11-06 09:00:00")]


def test_a_stale_copy_of_a_guest_does_not_move_the_meeting_of_its_organizer(office: Office) -> None:
    office.calendar("rita").put("a", replace(_call(SOON + DAY), sequence=1))
    office.calendar("sam").put("a", _call())
    for order in permutations(("rita", "sam")):
        office.sync(*order)
    assert office.meetings() == [("2026-11-06 09:00", "planned", "About call")]
    assert office.world.rows("SELECT rescheduled FROM activity") == [(0,)]


def test_a_held_meeting_that_is_moved_into_the_future_is_planned_again(office: Office) -> None:
    office.calendar("rita").put("a", _call(PAST))
    office.sync()
    assert office.statuses() == ["held"]
    office.calendar("rita").put("a", replace(_call(SOON), sequence=1))
    office.sync()
    assert office.statuses() == ["planned"]


# ------------------------------------------------------------------------------------------------- outcomes


def test_a_meeting_becomes_held_when_its_end_passes_although_no_server_said_anything(office: Office) -> None:
    office.calendar("rita").put("a", _call(SOON))
    office.sync()
    store = office.world.store
    assert settle(store.engine, SOON + HOUR - timedelta(seconds=1)) == 0
    told, written = office.feed(), len(office.world.points)
    assert settle(store.engine, SOON + HOUR) == 1
    assert office.statuses() == ["held"]
    assert office.feed() == told + 1
    written = len(office.world.points)
    assert settle(store.engine, SOON + HOUR) == 0
    assert len(office.world.points) == written


def test_a_meeting_that_was_held_by_a_clock_ahead_alone_is_planned_again(office: Office) -> None:
    office.calendar("rita").put("a", _call())
    office.sync()
    store = office.world.store
    assert unsettle(store.engine, SOON) == 0
    settle(store.engine, SOON + DAY)
    told = office.feed()
    assert unsettle(store.engine, SOON) == 1
    assert office.statuses() == ["planned"]
    assert office.feed() == told + 1
    assert settle(store.engine, SOON + HOUR) == 1
    assert unsettle(store.engine, SOON + HOUR) == 0


@pytest.mark.parametrize("status", [EventStatus.CANCELLED, EventStatus.TENTATIVE])
def test_what_the_organizer_says_of_it_counts(office: Office, status: EventStatus) -> None:
    office.calendar("sam").put("a", _call())
    office.calendar("rita").put("a", replace(_call(), status=status))
    office.sync()
    assert office.statuses() == [status.value]


def test_a_meeting_that_is_cancelled_stays_as_cancelled(office: Office) -> None:
    office.calendar("rita").put("a", _call())
    office.sync()
    office.calendar("rita").put("a", replace(_call(), status=EventStatus.CANCELLED, sequence=1))
    office.sync()
    assert office.statuses() == ["cancelled"]


def test_cleaning_up_a_calendar_after_the_meeting_undoes_nothing(office: Office) -> None:
    office.calendar("rita").put("a", _call(PAST))
    office.sync()
    cleaned = replace(_call(PAST), status=EventStatus.CANCELLED, stamped_at=PAST + 2 * HOUR)
    office.calendar("rita").put("a", cleaned)
    office.sync()
    assert office.statuses() == ["held"]
    office.calendar("rita").delete("a")
    office.sync()
    office.sync()  # a listing that is empty all of a sudden needs a second one
    assert office.statuses() == ["held"]
    assert office.world.rows("SELECT count(*) FROM sighting WHERE gone_at IS NOT NULL") == [(1,)]


def test_a_program_that_calls_off_without_a_new_stamp_undoes_nothing_that_took_place(office: Office) -> None:
    for number, at in enumerate((PAST, SOON)):
        office.calendar("rita").put(str(number), meeting(f"m{number}", at, RITA, {CARL: ""}, stamped_at=PAST - DAY))
    office.sync()
    assert office.statuses() == ["held", "planned"]
    for _ in range(2):  # also when it is read again
        for number, at in enumerate((PAST, SOON)):
            called_off = meeting(f"m{number}", at, RITA, {CARL: ""}, stamped_at=PAST - DAY)
            office.calendar("rita").put(str(number), replace(called_off, status=EventStatus.CANCELLED))
        office.sync()
        assert office.statuses() == ["held", "cancelled"]


def test_a_guests_copy_that_leaves_is_a_witness_that_left(office: Office) -> None:
    for rep in ("rita", "sam"):
        office.calendar(rep).put("a", _call())
        office.calendar(rep).put("other", meeting("other", SOON, address(rep), {CARL: ""}))
    office.sync()
    office.calendar("sam").delete("a")
    office.sync()
    assert office.statuses() == ["planned", "planned"]


@pytest.mark.parametrize("leaver", ["rita", "both"])
def test_a_meeting_that_left_its_organizers_calendar_or_all_calendars_is_cancelled(office: Office, leaver: str) -> None:
    for rep in ("rita", "sam"):
        office.calendar(rep).put("a", replace(_call(), participants=_call().participants))
        office.calendar(rep).put("other", meeting(f"other {rep}", SOON, address(rep), {CARL: ""}))
    office.sync()
    for rep in ("rita", "sam") if leaver == "both" else (leaver,):
        office.calendar(rep).delete("a")
    office.sync()
    assert ("2026-11-05 09:00", "cancelled", "About call") in office.meetings()
    office.calendar("rita").put("a", _call())  # moved to another calendar of hers, say
    office.sync()
    assert office.statuses() == ["planned"] * 3


def test_each_owners_answer_is_that_of_their_own_calendar(office: Office) -> None:
    office.calendar("rita").put("a", _call(sam="needs_action", carl="accepted"))
    office.calendar("sam").put("a", _call(sam="accepted", carl="needs_action"))
    for order in permutations(("rita", "sam")):
        office.sync(*order)
    assert office.answers() == {SAM: "accepted", CARL: "accepted"}


def test_a_meeting_that_its_owner_declined_or_all_contacts_declined_is_declined(office: Office) -> None:
    theirs = meeting("theirs", SOON, CARL, {SAM: "accepted"})
    office.calendar("sam").put("a", theirs)
    office.calendar("rita").put("b", _call(carl="accepted"))
    office.sync()
    assert office.statuses() == ["planned", "planned"]
    office.calendar("sam").put("a", meeting("theirs", SOON, CARL, {SAM: "declined"}))
    office.calendar("rita").put("b", _call(carl="declined"))
    office.sync()
    assert office.statuses() == ["declined", "declined"]


def test_one_rep_who_declined_does_not_undo_the_meeting_of_another(office: Office) -> None:
    office.calendar("sam").put("a", meeting("theirs", SOON, CARL, {SAM: "declined", RITA: "accepted"}))
    office.calendar("rita").put("a", meeting("theirs", SOON, CARL, {SAM: "declined", RITA: "accepted"}))
    office.sync()
    assert office.statuses() == ["planned"]


# --------------------------------------------------------------------------------------------------- series


def _series(*days: int, **more: int) -> list[Event]:
    weekly = [SOON + day * DAY for day in days]
    return [
        replace(
            meeting("weekly", at, RITA, {CARL: ""}, original_start=at.strftime("%Y%m%dT%H%M%SZ")),
            exact=False,
            sequence=more.get("sequence", 0),
        )
        for at in weekly
    ]


def test_each_occurrence_of_a_series_is_an_activity(office: Office) -> None:
    for rep in ("rita", "sam"):
        office.calendar(rep).put("s", *_series(0, 7, 14))
    office.sync()
    assert [at for at, *_ in office.meetings()] == ["2026-11-05 09:00", "2026-11-12 09:00", "2026-11-19 09:00"]
    assert office.world.rows("SELECT count(*), count(DISTINCT object) FROM sighting") == [(6, 1)]


def test_an_occurrence_that_is_struck_from_its_series_is_cancelled_and_the_others_are_not(office: Office) -> None:
    office.calendar("rita").put("s", *_series(0, 7, 14))
    office.sync()
    office.calendar("rita").put("s", *_series(0, 14, sequence=1))
    office.sync()
    assert office.statuses() == ["planned", "cancelled", "planned"]


def test_an_occurrence_outside_the_window_is_not_struck(office: Office) -> None:
    """bitfireAT/davx5-ose issue 920: leaving the window is not deletion."""
    office.world.clock = START
    office.calendar("rita").put("s", *_series(-80, 0))
    office.sync()
    office.world.clock = START + 30 * DAY
    office.calendar("rita").put("s", *_series(0))
    office.sync()
    assert len(office.world.rows("SELECT 1 FROM sighting WHERE gone_at IS NULL")) == 2


def test_a_moved_occurrence_says_from_when_already_at_first_sight(office: Office) -> None:
    first, second = _series(0, 7)
    office.calendar("rita").put("s", first, replace(second, starts_at=SOON + 8 * DAY, exact=True))
    office.sync()
    found = office.world.rows("SELECT rescheduled, rescheduled_from FROM activity ORDER BY occurred_at")
    assert found == [(0, None), (1, "2026-11-12 09:00:00")]


def test_a_single_event_that_becomes_a_series_stays_the_activity_of_its_first_occurrence_and_back(
    office: Office,
) -> None:
    single = meeting("weekly", SOON, RITA, {CARL: ""})
    office.calendar("rita").put("s", single)
    office.sync()
    before = office.world.rows("SELECT public_id FROM activity")
    office.calendar("rita").put("s", *_series(0, 7))
    office.sync()
    at_first = "SELECT public_id FROM activity WHERE occurred_at = '2026-11-05 09:00:00'"
    assert office.world.rows(at_first) == before
    assert office.statuses() == ["planned", "planned"]
    office.calendar("rita").put("s", single)
    office.sync()
    assert office.world.rows(at_first) == before
    assert office.statuses() == ["planned", "cancelled"]


def test_a_name_that_a_meeting_gave_up_may_be_taken_by_another_at_once(office: Office) -> None:
    """nextcloud/calendar issue 4580: one UID twice in a calendar, here as a series and a single event."""
    single = meeting("weekly", SOON, RITA, {CARL: ""})
    office.calendar("rita").put("s", single)
    office.sync()
    office.calendar("rita").put("s", *_series(0, 7))
    office.calendar("rita").put("t", replace(single, starts_at=SOON + DAY, ends_at=SOON + DAY + HOUR))
    office.sync()
    assert [at for at, *_ in office.meetings()] == ["2026-11-05 09:00", "2026-11-06 09:00", "2026-11-12 09:00"]


def test_an_object_is_read_again_when_the_window_reaches_more_of_it(office: Office) -> None:
    calendar = office.calendar("rita")
    calendar.put("s", *_series(0, 7))
    calendar.next_at["s"] = START + 65 * DAY
    office.sync()
    del calendar.asked_for[:]
    office.world.clock = START + 4 * DAY
    office.sync()
    assert calendar.asked_for == []
    office.world.clock = START + 6 * DAY
    calendar.objects["s"] = (calendar.objects["s"][0], (*calendar.objects["s"][1], *_series(62)))
    calendar.next_at["s"] = START + 72 * DAY
    office.sync()
    assert calendar.asked_for == ["s"]
    assert [at for at, *_ in office.meetings()][-1] == "2027-01-06 09:00"


# --------------------------------------------------------------------------------------------------- privacy


def test_a_private_event_is_not_stored(office: Office) -> None:
    office.calendar("rita").put("a", replace(_call(), private="CLASS:PRIVATE", subject="Divorce lawyer"))
    office.sync()
    assert office.meetings() == []
    assert office.world.rows("SELECT verdict, rule, facts FROM sighting") == [("skipped", "private", "CLASS:PRIVATE")]
    assert "Divorce" not in office.world.file_text()


def test_an_event_that_turns_private_has_its_text_and_people_erased(office: Office) -> None:
    office.calendar("rita").put("a", replace(_call(), location="Room 5"))
    office.sync()
    office.calendar("rita").put("a", replace(_call(), private="CLASS:PRIVATE"))
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
    office.calendar("rita").put("a", replace(_call(), private="CLASS:PRIVATE"))
    office.calendar("sam").put("a", _call())
    office.sync(*order)
    assert office.world.rows("SELECT subject, text, level FROM activity") == [(None, None, int(Level.PRIVATE))]
    assert office.world.rows("SELECT count(*) FROM participant") == [(0,)]


def test_a_level_of_an_owner_holds_for_all_copies(office: Office) -> None:
    for rep in ("rita", "sam"):
        office.calendar(rep).put("a", _call())
    number, stream = office.streams["sam"]
    office.sync("rita")
    closed = replace(office.policy("sam"), level=Level.METADATA)
    Pass(stream, number, office.world.store, closed, now=office.world.now).run()
    assert office.world.rows("SELECT subject, text, level FROM activity") == [(None, None, 0)]
    assert len(office.answers()) == 2


# ---------------------------------------------------------------------------------------------- who takes part


def test_a_guest_whom_the_organizer_struck_off_takes_part_no_more(office: Office) -> None:
    office.calendar("sam").put("a", _call())
    office.calendar("rita").put("a", _call())
    office.sync()
    office.calendar("rita").put("a", replace(_call(), participants=_call().participants[:1] + _call().participants[2:]))
    office.sync()
    assert office.answers() == {CARL: ""}


def test_a_copy_that_does_not_tell_all_guests_hides_none(office: Office) -> None:
    few = replace(_call(), participants=_call().participants[:2], partial=True)
    office.calendar("sam").put("a", _call())
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
    calendar.put("a", _call())
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
    calendar.put("a", _call())
    calendar.put("s", *_series(0, 7))
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
    calendar.objects["far"] = (1, (_call(START + 100 * DAY),))
    office.sync()
    assert office.statuses() == ["planned"]
    assert office.world.verdicts() == {"logged": 1}


def test_a_meeting_that_the_window_has_passed_stays_logged_when_its_object_is_read_again(office: Office) -> None:
    calendar = office.calendar("rita")
    calendar.put("a", _call(PAST))
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
    tasks.put("t", replace(task, done=True, done_at=PAST))
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
    notes.put("d", replace(note, uid="d", draft=True))
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
    notes.put("n", replace(note, written_at=PAST))
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
