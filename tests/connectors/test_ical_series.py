"""Which occurrences a series has, what each is called, and where it is now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from random import Random
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rruleset, rrulestr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from syncd.model import Event, EventStatus
from tests.odd_calendars import BEGINS, ENDS, calendar, events, reason, utc, vevent, whole
from tests.odd_calendars.rules import goes_on, rules, starts

WEEKLY = (
    "DTSTART;TZID=Europe/Berlin:20261005T090000",
    "DTEND;TZID=Europe/Berlin:20261005T100000",
    "RRULE:FREQ=WEEKLY;COUNT=4",
    "SUMMARY:Weekly",
)
WALL = "%Y%m%dT%H%M%S"
KEYS = ["20261005T070000Z", "20261012T070000Z", "20261019T070000Z", "20261026T080000Z"]
HOLIDAY = ("DTSTART;VALUE=DATE:20261005", "RRULE:FREQ=WEEKLY;COUNT=3", "SUMMARY:All day")


def keys(found: list[Event]) -> list[str]:
    return [one.original_start for one in found]


def test_a_single_event_has_no_original_start_and_the_objects_id() -> None:
    (single,) = events(calendar(vevent("DTSTART:20261125T090000Z")))
    assert (single.id, single.original_start, single.exact) == ("o", "", True)


def test_a_single_event_that_is_moved_stays_the_same_event() -> None:
    before, after = (events(calendar(vevent(f"DTSTART:202611{day}T090000Z")))[0] for day in (25, 26))
    assert (before.id, before.uid, before.original_start) == (after.id, after.uid, after.original_start)


def test_each_occurrence_is_called_by_its_original_start() -> None:
    found = events(calendar(vevent(*WEEKLY)))
    assert keys(found) == KEYS
    assert [one.id for one in found] == [f"o#{key}" for key in KEYS]
    assert {one.exact for one in found} == {False}


def test_a_moved_occurrence_keeps_its_name_and_is_where_it_is_now() -> None:
    moved = vevent("RECURRENCE-ID;TZID=Europe/Berlin:20261012T090000", "DTSTART:20261014T130000Z", "SUMMARY:Moved")
    found = events(calendar(vevent(*WEEKLY), moved))
    assert keys(found) == KEYS
    assert (found[1].starts_at, found[1].subject, found[1].exact) == (utc(2026, 10, 14, 13), "Moved", True)


def test_a_cancelled_occurrence_is_cancelled_and_an_excluded_one_is_lacking() -> None:
    cancelled = vevent(
        "RECURRENCE-ID;TZID=Europe/Berlin:20261012T090000",
        "DTSTART;TZID=Europe/Berlin:20261012T090000",
        "STATUS:CANCELLED",
    )
    found = events(calendar(vevent(*WEEKLY, "EXDATE;TZID=Europe/Berlin:20261019T090000"), cancelled))
    assert keys(found) == [KEYS[0], KEYS[1], KEYS[3]]
    assert [one.status for one in found] == [EventStatus.CONFIRMED, EventStatus.CANCELLED, EventStatus.CONFIRMED]


def test_a_cancelled_occurrence_may_leave_out_all_but_its_name() -> None:
    people = ("ORGANIZER:mailto:rosa@example.com", "ATTENDEE:mailto:carl@customer.example")
    cancelled = vevent("RECURRENCE-ID:20261012T070000Z", "STATUS:CANCELLED")
    found = events(calendar(vevent(*WEEKLY, *people), cancelled))
    assert keys(found) == KEYS
    assert (found[1].status, found[1].starts_at, found[1].subject) == ("cancelled", utc(2026, 10, 12, 7), "Weekly")
    assert found[1].ends_at - found[1].starts_at == timedelta(hours=1)
    assert found[1].participants == found[0].participants
    assert found[1].problem == ""


def test_what_is_excluded_and_overridden_is_there_once_as_overridden() -> None:
    moved = vevent("RECURRENCE-ID;TZID=Europe/Berlin:20261012T090000", "DTSTART:20261014T130000Z")
    found = events(calendar(vevent(*WEEKLY, "EXDATE;TZID=Europe/Berlin:20261012T090000"), moved))
    assert keys(found) == KEYS
    assert found[1].starts_at == utc(2026, 10, 14, 13)


@pytest.mark.parametrize(
    "exdate",
    [
        "EXDATE;TZID=Europe/Berlin:20261012T090000,20261019T090000",
        "EXDATE:20261012T070000Z\r\nEXDATE:20261019T070000Z",
        "EXDATE;TZID=America/New_York:20261012T030000,20261019T030000",
        "EXDATE;VALUE=DATE:20261012,20261019",
        "EXDATE:20261012T090000,20261019T090000",
        "EXDATE:,20261012T070000Z,20261019T070000Z,",
    ],
)
def test_dates_are_excluded_in_whatever_kind_and_zone_they_are_written(exdate: str) -> None:
    assert keys(events(calendar(vevent(*WEEKLY, exdate)))) == [KEYS[0], KEYS[3]]


@pytest.mark.parametrize(
    "name",
    [
        "RECURRENCE-ID;TZID=Europe/Berlin:20261012T090000",
        "RECURRENCE-ID:20261012T070000Z",
        "RECURRENCE-ID;TZID=America/New_York:20261012T030000",
        "RECURRENCE-ID;VALUE=DATE:20261012",
        "RECURRENCE-ID:20261012T090000",
    ],
)
def test_an_occurrence_is_overridden_in_whatever_kind_and_zone_it_is_named(name: str) -> None:
    found = events(calendar(vevent(*WEEKLY), vevent(name, "DTSTART:20261014T130000Z")))
    assert keys(found) == KEYS
    assert found[1].starts_at == utc(2026, 10, 14, 13)


@pytest.mark.parametrize(
    "name",
    [
        "RECURRENCE-ID;VALUE=DATE:20261012",
        "RECURRENCE-ID:20261011T220000Z",  # the midnight of Berlin, as Exchange writes it
        "RECURRENCE-ID:20261012T070000Z",  # the midnight of an organizer in Los Angeles
        "RECURRENCE-ID:20261011T150000Z",  # and of one in Tokyo
        "RECURRENCE-ID;TZID=Europe/Berlin:20261012T000000",
        "RECURRENCE-ID:20261012T000000",
    ],
)
def test_an_all_day_occurrence_is_overridden_however_it_is_named(name: str) -> None:
    found = events(calendar(vevent(*HOLIDAY), vevent(name, "DTSTART;VALUE=DATE:20261014", "SUMMARY:Moved")))
    assert keys(found) == ["20261005", "20261012", "20261019"]
    assert (found[1].starts_at, found[1].subject) == (utc(2026, 10, 14), "Moved")


def test_this_and_following_moves_all_that_follow_and_leaves_their_names() -> None:
    later = vevent(
        "RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20261019T090000",
        "DTSTART;TZID=Europe/Berlin:20261020T110000",
        "DTEND;TZID=Europe/Berlin:20261020T113000",
        "SUMMARY:On Tuesdays",
    )
    found = events(calendar(vevent(*WEEKLY), later))
    assert keys(found) == KEYS
    assert [one.starts_at for one in found[2:]] == [utc(2026, 10, 20, 9), utc(2026, 10, 27, 10)]
    assert [one.subject for one in found] == ["Weekly", "Weekly", "On Tuesdays", "On Tuesdays"]
    assert [one.exact for one in found] == [False, False, True, False]
    assert found[3].ends_at - found[3].starts_at == timedelta(minutes=30)


def test_an_occurrence_after_a_change_of_all_that_follow_may_differ_again() -> None:
    later = vevent("RECURRENCE-ID;RANGE=THISANDFUTURE:20261012T070000Z", "DTSTART:20261012T100000Z", "DURATION:PT1H")
    once = vevent("RECURRENCE-ID:20261019T070000Z", "DTSTART:20261019T150000Z")
    found = events(calendar(vevent(*WEEKLY), later, once))
    # At ten in UTC by the change's own clock, though the series' changes to winter time
    assert [one.starts_at.hour for one in found] == [7, 10, 15, 10]


def test_a_series_called_off_from_some_day_on_is_cancelled_from_then() -> None:
    off = vevent("RECURRENCE-ID;RANGE=THISANDFUTURE:20261019T070000Z", "DTSTART:20261019T070000Z", "STATUS:CANCELLED")
    found = events(calendar(vevent(*WEEKLY), off))
    assert [one.status for one in found] == ["confirmed", "confirmed", "cancelled", "cancelled"]


def test_dates_that_are_listed_make_a_series_without_a_rule() -> None:
    found = events(
        calendar(vevent("DTSTART:20261005T070000Z", "DURATION:PT1H", "RDATE:20261101T120000Z,20261103T120000Z"))
    )
    assert keys(found) == ["20261005T070000Z", "20261101T120000Z", "20261103T120000Z"]


def test_a_listed_period_lasts_as_long_as_it_says() -> None:
    periods = "RDATE;VALUE=PERIOD:20261101T120000Z/PT3H,20261103T120000Z/20261103T123000Z"
    found = events(calendar(vevent("DTSTART:20261005T070000Z", "DURATION:PT1H", periods)))
    assert [(one.ends_at - one.starts_at).total_seconds() / 3600 for one in found] == [1, 3, 0.5]


def test_of_several_rules_all_count_and_a_date_that_both_give_counts_once() -> None:
    rules = ("RRULE:FREQ=WEEKLY;COUNT=3", "RRULE:FREQ=DAILY;INTERVAL=7;COUNT=2", "RRULE:FREQ=DAILY;COUNT=2")
    found = events(calendar(vevent("DTSTART:20261005T070000Z", *rules)))
    assert keys(found) == ["20261005T070000Z", "20261006T070000Z", "20261012T070000Z", "20261019T070000Z"]


def test_the_time_on_the_wall_is_kept_across_both_clock_changes() -> None:
    data = calendar(vevent("DTSTART;TZID=Europe/Berlin:20261020T090000", "RRULE:FREQ=WEEKLY"))
    autumn = events(data, begins=utc(2026, 10, 19), ends=utc(2026, 11, 1))
    spring = events(data, begins=utc(2027, 3, 22), ends=utc(2027, 4, 4))
    assert [one.starts_at.hour for one in autumn] == [7, 8]
    assert [one.starts_at.hour for one in spring] == [8, 7]


def test_an_exception_years_after_the_start_is_found() -> None:
    far = vevent("RECURRENCE-ID;TZID=Europe/Berlin:20261123T090000", "DTSTART:20261124T090000Z", "SUMMARY:Year six")
    master = vevent("DTSTART;TZID=Europe/Berlin:20200106T090000", "RRULE:FREQ=WEEKLY")
    found = events(calendar(master, far), begins=utc(2026, 11, 16), ends=utc(2026, 12, 1))
    assert [(one.original_start, one.subject) for one in found] == [
        ("20261116T080000Z", ""),
        ("20261123T080000Z", "Year six"),
        ("20261130T080000Z", ""),
    ]


def test_an_override_without_its_series_is_an_occurrence_by_itself() -> None:
    found = events(calendar(vevent("RECURRENCE-ID:20261012T070000Z", "DTSTART:20261014T130000Z")))
    assert [(one.id, one.original_start, one.exact) for one in found] == [
        ("o#20261012T070000Z", "20261012T070000Z", True)
    ]


def test_an_override_that_names_no_occurrence_is_one_by_itself() -> None:
    stray = vevent("RECURRENCE-ID:20261013T070000Z", "DTSTART:20261013T070000Z")
    assert keys(events(calendar(vevent(*WEEKLY), stray))) == sorted([*KEYS, "20261013T070000Z"])


def test_an_override_of_another_uid_is_of_another_meeting() -> None:
    foreign = vevent("RECURRENCE-ID:20261012T070000Z", "DTSTART:20261012T130000Z", uid="other@example.com")
    found = events(calendar(vevent(*WEEKLY), foreign))
    assert keys(found) == sorted([*KEYS, "20261012T070000Z"])
    assert [one.id for one in found if one.uid == "other@example.com"] == [
        "o/VEVENT/other@example.com#20261012T070000Z"
    ]


def test_of_two_versions_of_one_occurrence_the_later_counts() -> None:
    name = "RECURRENCE-ID:20261012T070000Z"
    versions = [
        vevent(name, "DTSTART:20261012T100000Z", "SEQUENCE:3", "DTSTAMP:20260901T000000Z", "SUMMARY:second"),
        vevent(name, "DTSTART:20261012T110000Z", "SEQUENCE:3", "DTSTAMP:20260902T000000Z", "SUMMARY:third"),
        vevent(name, "DTSTART:20261012T120000Z", "SEQUENCE:2", "DTSTAMP:20260903T000000Z", "SUMMARY:first"),
    ]
    found = events(calendar(vevent(*WEEKLY), *versions))
    assert keys(found) == KEYS
    assert found[1].subject == "third"


def test_a_uid_that_stands_twice_in_a_file_is_one_meeting_of_its_later_version() -> None:
    old = vevent("DTSTART:20261125T090000Z", "DTSTAMP:20260901T000000Z", "SUMMARY:Old")
    new = vevent("DTSTART:20261126T090000Z", "DTSTAMP:20260902T000000Z", "SUMMARY:New")
    for order in ((old, new), (new, old)):
        assert [one.subject for one in events(calendar(*order))] == ["New"]


def test_a_change_that_cannot_be_read_does_not_cost_the_series() -> None:
    found = events(calendar(vevent(*WEEKLY), vevent("RECURRENCE-ID:soon", "DTSTART:20261012T100000Z")))
    assert keys(found) == KEYS
    assert "a change to one occurrence cannot be read" in found[0].problem


def test_a_series_that_cannot_be_read_does_not_cost_what_overrides_it() -> None:
    found = events(
        calendar(vevent("RRULE:FREQ=DAILY"), vevent("RECURRENCE-ID:20261012T070000Z", "DTSTART:20261012T100000Z"))
    )
    assert keys(found) == ["20261012T070000Z"]
    assert "the series cannot be read: it has no start" in found[0].problem


def test_an_excluded_date_that_cannot_be_read_does_not_cost_the_series() -> None:
    found = events(calendar(vevent(*WEEKLY, "EXDATE:20261012T070000Z,tomorrow")))
    assert keys(found) == [KEYS[0], *KEYS[2:]]
    assert "one of its dates (EXDATE) cannot be read" in found[0].problem


def test_a_rule_of_what_is_left_out_is_not_followed_and_said_not_to_be() -> None:
    found = events(calendar(vevent(*WEEKLY, "EXRULE:FREQ=WEEKLY;INTERVAL=2")))
    assert keys(found) == KEYS
    assert "EXRULE" in found[0].problem


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    text=rules(),
    start=starts(),
    zone=st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]),
    chance=st.randoms(use_true_random=False),
)
def test_a_series_with_dates_added_and_taken_out_is_what_dateutil_makes_of_it(
    text: str, start: datetime, zone: str, chance: Random
) -> None:
    begins, ends = start, start + timedelta(days=120)
    assume("COUNT" not in text and goes_on(text, start, ends))
    reference = rruleset()
    reference.rrule(rrulestr(text, dtstart=start))
    reference.rdate(start)
    given_walls = list(takewhile(lambda at: at < ends, reference))
    excluded = chance.sample(given_walls, min(3, len(given_walls)))
    added = [chance.choice(given_walls) + timedelta(days=1, hours=1) for _ in range(2)]
    for at in excluded:
        reference.exdate(at)
    for at in added:
        reference.rdate(at)
    lines = [
        f"DTSTART;TZID={zone}:{start:{WALL}}",
        f"RRULE:{text}",
        *(f"EXDATE;TZID={zone}:{at:{WALL}}" for at in excluded),
        f"RDATE;TZID={zone}:{','.join(f'{at:{WALL}}' for at in added)}",
    ]
    window = (begins.replace(tzinfo=ZoneInfo(zone)), ends.replace(tzinfo=ZoneInfo(zone)))
    found = events(calendar(vevent(*lines)), begins=window[0].astimezone(UTC), ends=window[1].astimezone(UTC))
    theirs = {at.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for at in takewhile(lambda at: at < ends, reference)}
    assert [one.starts_at for one in found] == sorted(theirs)


# ---------------------------------------------------------------------------------------------- UNTIL


@pytest.mark.parametrize(
    ("until", "count"),
    [
        ("20261019T070000Z", 3),
        ("20261019T065959Z", 2),
        ("20261019T090000", 3),  # without Z, as an iPhone writes it
        ("20261019", 3),  # a date includes its day
        ("20261018", 2),
        ("20200101T000000Z", 1),  # before the start, which is left
    ],
)
def test_the_end_of_a_rule_is_read_in_every_form(until: str, count: int) -> None:
    found = events(calendar(vevent("DTSTART;TZID=Europe/Berlin:20261005T090000", f"RRULE:FREQ=WEEKLY;UNTIL={until}")))
    assert keys(found) == KEYS[:count]


@pytest.mark.parametrize("until", ["20261019", "20261018T220000Z", "20261019T000000", "20261019T235959Z"])
def test_the_end_of_an_all_day_rule_includes_its_day(until: str) -> None:
    found = events(calendar(vevent("DTSTART;VALUE=DATE:20261005", f"RRULE:FREQ=WEEKLY;UNTIL={until}")))
    assert keys(found) == ["20261005", "20261012", "20261019"]


# ---------------------------------------------------------------------------------------------- the window


def test_an_occurrence_counts_if_some_of_it_lies_in_the_window() -> None:
    data = calendar(vevent("DTSTART:20261001T220000Z", "DURATION:PT4H", "RRULE:FREQ=DAILY"))
    found = events(data, begins=utc(2026, 11, 10), ends=utc(2026, 11, 11, 23))
    assert keys(found) == ["20261109T220000Z", "20261110T220000Z", "20261111T220000Z"]
    assert len(events(data, begins=utc(2026, 11, 10, 2), ends=utc(2026, 11, 11, 22))) == 1


def test_what_takes_no_time_is_in_the_window_that_begins_with_it() -> None:
    data = calendar(vevent("DTSTART:20261109T100000Z", "RRULE:FREQ=DAILY;COUNT=2"))
    assert len(events(data, begins=utc(2026, 11, 10, 10), ends=utc(2026, 11, 11))) == 1
    assert len(events(data, begins=utc(2026, 11, 9), ends=utc(2026, 11, 10, 10))) == 1


def test_a_moved_occurrence_counts_where_it_is_now() -> None:
    gone = vevent("RECURRENCE-ID:20200101T070000Z", "DTSTART:20200601T070000Z")
    back = vevent("RECURRENCE-ID:20280101T070000Z", "DTSTART:20261201T070000Z")
    found = events(calendar(vevent(*WEEKLY), gone, back))
    assert keys(found) == [*KEYS, "20280101T070000Z"]


def test_a_series_moved_as_a_whole_by_weeks_is_found_where_it_is_now() -> None:
    later = vevent("RECURRENCE-ID;RANGE=THISANDFUTURE:20260105T070000Z", "DTSTART:20260309T070000Z")
    data = calendar(vevent("DTSTART:20251201T070000Z", "RRULE:FREQ=WEEKLY"), later)
    found = events(data, begins=utc(2026, 11, 16), ends=utc(2026, 11, 24))
    assert [(one.original_start, one.starts_at) for one in found] == [
        ("20260914T070000Z", utc(2026, 11, 16, 7)),
        ("20260921T070000Z", utc(2026, 11, 23, 7)),
    ]


def test_before_the_window_there_is_nothing_and_after_it_only_what_no_rule_works_out() -> None:
    past = whole(calendar(vevent("DTSTART:20200101T090000Z")))
    assert (past.parts, past.nothing, past.next_at) == ((), "all its dates are outside the window", None)
    future = whole(calendar(vevent("DTSTART:20280101T090000Z")))
    assert [part.id for part in future.parts] == [future.id]
    series = whole(calendar(vevent("DTSTART:20280101T090000Z", "RRULE:FREQ=DAILY")))
    assert (series.parts, series.next_at) == ((), utc(2028, 1, 1, 9))


def test_an_occurrence_that_was_put_off_beyond_the_window_or_moved_before_it_is_seen_where_it_is_now() -> None:
    off = vevent("RECURRENCE-ID:20261109T090000Z", "DTSTART:20280301T090000Z")
    back = vevent("RECURRENCE-ID:20261116T090000Z", "DTSTART:20200301T090000Z")
    found = events(calendar(vevent("DTSTART:20261102T090000Z", "RRULE:FREQ=WEEKLY;COUNT=4"), off, back))
    assert {one.original_start: one.starts_at for one in found} == {
        "20261102T090000Z": utc(2026, 11, 2, 9),
        "20261109T090000Z": utc(2028, 3, 1, 9),
        "20261116T090000Z": utc(2020, 3, 1, 9),
        "20261123T090000Z": utc(2026, 11, 23, 9),
    }


def test_the_next_date_is_the_first_occurrence_after_the_window() -> None:
    def next_at(*lines: str, others: tuple[list[str], ...] = ()) -> datetime | None:
        return whole(calendar(vevent("DTSTART:20261102T090000Z", *lines), *others)).next_at

    weekly = "RRULE:FREQ=WEEKLY"
    assert next_at(weekly) == utc(2027, 1, 25, 9)
    assert next_at(weekly, "EXDATE:20270125T090000Z") == utc(2027, 2, 1, 9)
    assert next_at("RRULE:FREQ=WEEKLY;COUNT=12") is None
    assert next_at("RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29") == utc(2028, 2, 29, 9)
    assert next_at("RDATE:20300101T090000Z") == utc(2030, 1, 1, 9)
    moved = vevent("RECURRENCE-ID:20270125T090000Z", "DTSTART:20270124T120000Z")
    assert next_at(weekly, others=(moved,)) == utc(2027, 2, 1, 9)


def test_windows_side_by_side_hold_each_occurrence_and_nothing_else() -> None:
    changes = [
        vevent("RECURRENCE-ID:20260901T070000Z", "DTSTART:20261101T070000Z"),
        vevent("RECURRENCE-ID;RANGE=THISANDFUTURE:20261201T080000Z", "DTSTART:20261205T100000Z", "DURATION:PT30H"),
    ]
    master = vevent("DTSTART;TZID=Europe/Berlin:20260102T090000", "DURATION:PT1H", "RRULE:FREQ=DAILY;INTERVAL=3")
    data = calendar(master, *changes)
    together = {one.id: one for one in events(data)}
    apart: dict[str, Event] = {}
    begins = BEGINS
    while begins < ENDS:
        ends = min(begins + timedelta(days=11), ENDS)
        apart |= {one.id: one for one in events(data, begins=begins, ends=ends)}
        begins = ends
    assert apart == together


def test_a_series_without_any_occurrence_left_says_so() -> None:
    found = whole(calendar(vevent("DTSTART:20261005T070000Z", "RRULE:FREQ=DAILY;COUNT=1", "EXDATE:20261005T070000Z")))
    assert (found.parts, found.next_at, bool(found.nothing)) == ((), None, True)


# ---------------------------------------------------------------------------------------------- from single to series


def test_a_single_event_that_becomes_a_series_and_back_is_told_by_its_original_start() -> None:
    single, series, again = (
        events(calendar(vevent("DTSTART:20261125T090000Z", *rule))) for rule in ((), ("RRULE:FREQ=DAILY;COUNT=1",), ())
    )
    assert (single[0].original_start, series[0].original_start, again[0].original_start) == ("", "20261125T090000Z", "")


def test_a_rule_without_sane_meaning_makes_the_object_unreadable_with_its_reason() -> None:
    assert "INTERVAL=0" in reason(calendar(vevent("DTSTART:20261125T090000Z", "RRULE:FREQ=DAILY;INTERVAL=0")))
    assert "COUNT=-1" in reason(calendar(vevent("DTSTART:20261125T090000Z", "RRULE:FREQ=DAILY;COUNT=-1")))


def test_all_times_are_instants_in_utc() -> None:
    for one in events(calendar(vevent(*WEEKLY), vevent(*HOLIDAY, uid="other@example.com"))):
        assert {one.starts_at.tzinfo, one.ends_at.tzinfo, one.settles_at.tzinfo} == {UTC}
