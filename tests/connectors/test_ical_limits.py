"""Whatever a file says, reading it ends soon, costs little, raises nothing, and what comes of it is whole."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from datetime import UTC

import pytest

from connectors.ical import calendar_object, invitation, zone_of
from syncd.model import CalendarObject, Event, ItemId, Unreadable
from tests import cpu
from tests.odd_calendars import BEGINS, ENDS, calendar, component, observance, read, reason, vevent
from tests.odd_calendars.bombs import LISTS, RULES, TEXTS
from tests.odd_mail.mutants import mutants

CPU_SECONDS = 2.0
MEMORY = 150 * 1024 * 1024

OWN_ZONE = component(
    "VTIMEZONE",
    "TZID:own",
    *observance("DAYLIGHT", "16010101T020000", "-0500", "-0400", "RRULE:FREQ=YEARLY;BYDAY=2SU;BYMONTH=3"),
    *observance("STANDARD", "20070101T000000", "-0400", "-0500", "RDATE:20070101T000000"),
)
SERIES = vevent(
    "DTSTART;TZID=own:20261005T090000",
    "DTEND;TZID=own:20261005T100000",
    "RRULE:FREQ=MONTHLY;BYDAY=MO,-1FR;COUNT=9",
    "EXDATE;TZID=own:20261009T090000",
    "RDATE;VALUE=PERIOD:20261101T120000Z/PT3H",
    "SEQUENCE:3",
    "DTSTAMP:20260901T000000Z",
    'ORGANIZER;CN="Rep, Rosa":mailto:rosa@example.com',
    "ATTENDEE;PARTSTAT=ACCEPTED;CUTYPE=INDIVIDUAL:mailto:carl@customer.example",
    "SUMMARY:Talk",
    "DESCRIPTION:<b>see</b> https://meet.google.com/abc-defg-hij",
    "CLASS:PUBLIC",
)
CHANGE = vevent(
    "RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=own:20261030T090000",
    "DTSTART:20261031T090000Z",
    "DURATION:P1DT2H",
    "STATUS:CANCELLED",
)
HOLIDAY = vevent(
    "DTSTART;VALUE=DATE:20261125",
    "RRULE:FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=-1;BYSETPOS=1;UNTIL=20300101",
    "CLASS:PRIVATE",
)
TASK = component(
    "VTODO",
    "UID:t",
    "STATUS:COMPLETED",
    "COMPLETED:20261120T100000Z",
    "DUE;VALUE=DATE:20261201",
    "PERCENT-COMPLETE:100",
)
NOTE = component("VJOURNAL", "UID:n", "DTSTART:20261120T100000Z", "DESCRIPTION:one", "DESCRIPTION:two", "STATUS:DRAFT")
SEEDS = [
    calendar(["METHOD:REQUEST", "X-WR-TIMEZONE:Europe/Berlin"], OWN_ZONE, SERIES, CHANGE),
    calendar(HOLIDAY, vevent("RECURRENCE-ID:20270130T230000Z", "DTSTART;VALUE=DATE:20270201")),
    calendar(TASK, NOTE),
]


def check(found: CalendarObject | Unreadable) -> None:
    if isinstance(found, Unreadable):
        assert found.reason
        return
    assert len({one.id for one in found.parts}) == len(found.parts)
    assert bool(found.nothing) == (not found.parts)
    assert found.next_at is None or found.next_at >= found.ends
    for one in found.parts:
        assert one.subject.isprintable()
        assert "\0" not in one.text
        if isinstance(one, Event):
            assert one.starts_at <= one.ends_at
            assert {at.tzinfo for at in (one.starts_at, one.ends_at, one.settles_at)} == {UTC}
            assert one.exact or one.starts_at < found.ends
            assert one.exact or one.ends_at > found.begins or one.starts_at >= found.begins
            assert len({(who.role, who.address.lower()) for who in one.participants}) == len(one.participants)


@pytest.mark.parametrize("bomb", [*RULES.values(), *LISTS.values(), *TEXTS.values()], ids=[*RULES, *LISTS, *TEXTS])
def test_what_was_made_to_cost_costs_little(bomb: Callable[[], bytes]) -> None:
    data = bomb()
    with cpu.at_most(CPU_SECONDS):
        check(read(data))


@pytest.mark.parametrize("name", ["each second by the year", "the first second of the year, of all"])
def test_a_rule_of_one_line_takes_little_memory(name: str) -> None:
    data = RULES[name]()
    tracemalloc.start()
    read(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEMORY


@pytest.mark.parametrize(
    ("bomb", "why"),
    [
        (RULES["each second"], "its rule takes more than 100,000 steps to follow"),
        (RULES["each minute"], "it has more than 5,000 occurrences in the window"),
        (RULES["each day since 1601, counted"], "its rule takes more than 100,000 steps to follow"),
        (RULES["each second by the year"], "its rule takes more than 100,000 steps to follow"),
        (LISTS["400,000 excluded dates"], "it has more than 20,000 dates (EXDATE)"),
        (LISTS["a million attendees"], "it is larger than 8 MB"),
        (TEXTS["190,000 events within each other"], "it has more than 5,000 components"),
        (TEXTS["190,000 others within each other"], "its components are nested more than 16 deep"),
    ],
)
def test_what_passes_a_limit_says_which(bomb: Callable[[], bytes], why: str) -> None:
    assert reason(bomb()) == why


def test_each_day_since_1601_is_read_as_any_other_series() -> None:
    found = read(RULES["each day since 1601"]())
    assert isinstance(found, CalendarObject)
    assert len(found.parts) == (ENDS - BEGINS).days


def test_damage_is_read_or_refused_and_never_raised() -> None:
    for data in mutants(SEEDS, 3_000, seed=2026):
        check(calendar_object(data, id=ItemId("o"), version="1", zone="Europe/Berlin", begins=BEGINS, ends=ENDS))
        invitation(data, id=ItemId("m"), begins=BEGINS, ends=ENDS)
        zone_of(data)


def test_a_file_is_read_alike_each_time_and_whatever_was_read_before() -> None:
    before = [read(data) for data in SEEDS]
    for data in mutants(SEEDS, 200, seed=7):
        read(data)
    assert [read(data) for data in SEEDS] == before
