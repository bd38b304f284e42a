"""Meetings: many calendars, one activity, and what became of it. Calendars in memory, a real SQLite store."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest

from store.occasions import settle, unsettle
from syncd.model import EventStatus
from tests.syncd.calendars import HOUR, Office, address, meeting
from tests.syncd.calls import CARL, DAY, PAST, RITA, SAM, SOON, call, series
from tests.syncd.mailboxes import START
from tests.syncd.worlds import World


@pytest.fixture
def office(world: World) -> Office:
    return Office(world)


def test_a_meeting_in_several_calendars_is_one_activity_with_a_sighting_for_each(office: Office) -> None:
    for rep in ("rita", "sam"):
        office.calendar(rep).put("a", call())
    office.sync()
    assert office.meetings() == [("2026-11-05 09:00", "planned", "About call")]
    assert office.world.rows("SELECT verdict, count(*), count(DISTINCT activity_id) FROM sighting") == [
        ("logged", 2, 1)
    ]
    links = office.world.rows("SELECT entity_kind, entity_id, reason FROM link ORDER BY 1")
    assert links == [("account", "client", "account of a contact"), ("contact", "carl", "attendee address")]


def test_a_second_pass_over_the_same_calendars_writes_nothing(office: Office) -> None:
    for rep in ("rita", "sam"):
        office.calendar(rep).put("a", call())
    office.sync()
    written = len(office.world.points)
    office.sync()
    assert len(office.world.points) == written


def test_a_server_that_rewrites_an_object_without_meaning_tells_the_feed_nothing(office: Office) -> None:
    """sabre-io/dav issue 827: the etag changes with every answer of others."""
    office.calendar("rita").put("a", call())
    office.sync()
    told = office.feed()
    office.calendar("rita").put("a", call())
    office.sync()
    assert office.feed() == told
    assert office.world.rows("SELECT version FROM sighting") == [("2",)]


# ------------------------------------------------------------------------------------------------ reschedules


def test_a_rescheduled_meeting_stays_the_same_activity_and_says_how_often_and_from_when(office: Office) -> None:
    for rep in ("rita", "sam"):
        office.calendar(rep).put("a", call())
    office.sync()
    (before,) = office.world.rows("SELECT public_id FROM activity")
    for later in (1, 2):
        for rep in ("sam", "rita"):  # the guest's calendar may well be read first
            moved = call(SOON + later * DAY)._replace(sequence=later)
            office.calendar(rep).put("a", moved)
            office.sync(rep)
    assert office.meetings() == [("2026-11-07 09:00", "planned", "About call")]
    columns = "public_id, rescheduled, rescheduled_from"
    assert office.world.rows(f"SELECT {columns} FROM activity") == [(*before, 2, "2026-11-06 09:00:00")]


def test_a_stale_copy_of_a_guest_does_not_move_the_meeting_of_its_organizer(office: Office) -> None:
    office.calendar("rita").put("a", call(SOON + DAY)._replace(sequence=1))
    office.calendar("sam").put("a", call())
    for order in permutations(("rita", "sam")):
        office.sync(*order)
    assert office.meetings() == [("2026-11-06 09:00", "planned", "About call")]
    assert office.world.rows("SELECT rescheduled FROM activity") == [(0,)]


def test_a_held_meeting_that_is_moved_into_the_future_is_planned_again(office: Office) -> None:
    office.calendar("rita").put("a", call(PAST))
    office.sync()
    assert office.statuses() == ["held"]
    office.calendar("rita").put("a", call(SOON)._replace(sequence=1))
    office.sync()
    assert office.statuses() == ["planned"]


# ------------------------------------------------------------------------------------------------- outcomes


def test_a_meeting_becomes_held_when_its_end_passes_although_no_server_said_anything(office: Office) -> None:
    office.calendar("rita").put("a", call(SOON))
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
    office.calendar("rita").put("a", call())
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
    office.calendar("sam").put("a", call())
    office.calendar("rita").put("a", call()._replace(status=status))
    office.sync()
    assert office.statuses() == [status.value]


def test_a_meeting_that_is_cancelled_stays_as_cancelled(office: Office) -> None:
    office.calendar("rita").put("a", call())
    office.sync()
    office.calendar("rita").put("a", call()._replace(status=EventStatus.CANCELLED, sequence=1))
    office.sync()
    assert office.statuses() == ["cancelled"]


def test_cleaning_up_a_calendar_after_the_meeting_undoes_nothing(office: Office) -> None:
    office.calendar("rita").put("a", call(PAST))
    office.sync()
    cleaned = call(PAST)._replace(status=EventStatus.CANCELLED, stamped_at=PAST + 2 * HOUR)
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
            office.calendar("rita").put(str(number), called_off._replace(status=EventStatus.CANCELLED))
        office.sync()
        assert office.statuses() == ["held", "cancelled"]


def test_a_guests_copy_that_leaves_is_a_witness_that_left(office: Office) -> None:
    for rep in ("rita", "sam"):
        office.calendar(rep).put("a", call())
        office.calendar(rep).put("other", meeting("other", SOON, address(rep), {CARL: ""}))
    office.sync()
    office.calendar("sam").delete("a")
    office.sync()
    assert office.statuses() == ["planned", "planned"]


@pytest.mark.parametrize("leaver", ["rita", "both"])
def test_a_meeting_that_left_its_organizers_calendar_or_all_calendars_is_cancelled(office: Office, leaver: str) -> None:
    for rep in ("rita", "sam"):
        office.calendar(rep).put("a", call()._replace(participants=call().participants))
        office.calendar(rep).put("other", meeting(f"other {rep}", SOON, address(rep), {CARL: ""}))
    office.sync()
    for rep in ("rita", "sam") if leaver == "both" else (leaver,):
        office.calendar(rep).delete("a")
    office.sync()
    assert ("2026-11-05 09:00", "cancelled", "About call") in office.meetings()
    office.calendar("rita").put("a", call())  # moved to another calendar of hers, say
    office.sync()
    assert office.statuses() == ["planned"] * 3


def test_each_owners_answer_is_that_of_their_own_calendar(office: Office) -> None:
    office.calendar("rita").put("a", call(sam="needs_action", carl="accepted"))
    office.calendar("sam").put("a", call(sam="accepted", carl="needs_action"))
    for order in permutations(("rita", "sam")):
        office.sync(*order)
    assert office.answers() == {SAM: "accepted", CARL: "accepted"}


def test_a_meeting_that_its_owner_declined_or_all_contacts_declined_is_declined(office: Office) -> None:
    theirs = meeting("theirs", SOON, CARL, {SAM: "accepted"})
    office.calendar("sam").put("a", theirs)
    office.calendar("rita").put("b", call(carl="accepted"))
    office.sync()
    assert office.statuses() == ["planned", "planned"]
    office.calendar("sam").put("a", meeting("theirs", SOON, CARL, {SAM: "declined"}))
    office.calendar("rita").put("b", call(carl="declined"))
    office.sync()
    assert office.statuses() == ["declined", "declined"]


def test_one_rep_who_declined_does_not_undo_the_meeting_of_another(office: Office) -> None:
    office.calendar("sam").put("a", meeting("theirs", SOON, CARL, {SAM: "declined", RITA: "accepted"}))
    office.calendar("rita").put("a", meeting("theirs", SOON, CARL, {SAM: "declined", RITA: "accepted"}))
    office.sync()
    assert office.statuses() == ["planned"]


# --------------------------------------------------------------------------------------------------- series


def test_each_occurrence_of_a_series_is_an_activity(office: Office) -> None:
    for rep in ("rita", "sam"):
        office.calendar(rep).put("s", *series(0, 7, 14))
    office.sync()
    assert [at for at, *_ in office.meetings()] == ["2026-11-05 09:00", "2026-11-12 09:00", "2026-11-19 09:00"]
    assert office.world.rows("SELECT count(*), count(DISTINCT object) FROM sighting") == [(6, 1)]


def test_an_occurrence_that_is_struck_from_its_series_is_cancelled_and_the_others_are_not(office: Office) -> None:
    office.calendar("rita").put("s", *series(0, 7, 14))
    office.sync()
    office.calendar("rita").put("s", *series(0, 14, sequence=1))
    office.sync()
    assert office.statuses() == ["planned", "cancelled", "planned"]


def test_an_occurrence_outside_the_window_is_not_struck(office: Office) -> None:
    """bitfireAT/davx5-ose issue 920: leaving the window is not deletion."""
    office.world.clock = START
    office.calendar("rita").put("s", *series(-80, 0))
    office.sync()
    office.world.clock = START + 30 * DAY
    office.calendar("rita").put("s", *series(0))
    office.sync()
    assert len(office.world.rows("SELECT 1 FROM sighting WHERE gone_at IS NULL")) == 2


def test_a_moved_occurrence_says_from_when_already_at_first_sight(office: Office) -> None:
    first, second = series(0, 7)
    office.calendar("rita").put("s", first, second._replace(starts_at=SOON + 8 * DAY, exact=True))
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
    office.calendar("rita").put("s", *series(0, 7))
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
    office.calendar("rita").put("s", *series(0, 7))
    office.calendar("rita").put("t", single._replace(starts_at=SOON + DAY, ends_at=SOON + DAY + HOUR))
    office.sync()
    assert [at for at, *_ in office.meetings()] == ["2026-11-05 09:00", "2026-11-06 09:00", "2026-11-12 09:00"]


def test_an_object_is_read_again_when_the_window_reaches_more_of_it(office: Office) -> None:
    calendar = office.calendar("rita")
    calendar.put("s", *series(0, 7))
    calendar.next_at["s"] = START + 65 * DAY
    office.sync()
    del calendar.asked_for[:]
    office.world.clock = START + 4 * DAY
    office.sync()
    assert calendar.asked_for == []
    office.world.clock = START + 6 * DAY
    calendar.objects["s"] = (calendar.objects["s"][0], (*calendar.objects["s"][1], *series(62)))
    calendar.next_at["s"] = START + 72 * DAY
    office.sync()
    assert calendar.asked_for == ["s"]
    assert [at for at, *_ in office.meetings()][-1] == "2027-01-06 09:00"
