"""Rules -> wall times, held against python-dateutil, which knows RFC 5545 by its own lights."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice

import pytest
from dateutil.rrule import rrulestr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from connectors.ical_read import NotReadable
from connectors.ical_recur import Steps, TooManySteps, recurrences
from connectors.ical_rule import parts_of, rule
from tests.odd_calendars.rules import goes_on, rules, starts

START = datetime(2026, 1, 5, 9, 0)


def walls(text: str, start: datetime, after: datetime, before: datetime) -> list[datetime]:
    parts = parts_of(text)
    until = datetime.strptime(parts["UNTIL"], "%Y%m%dT%H%M%S") if "UNTIL" in parts else None
    return list(recurrences(rule(parts, until), start, after, before, Steps()))


def days(text: str, start: datetime = START, years: int = 2) -> list[str]:
    found = walls(text, start, start, start + timedelta(days=366 * years))
    return [f"{wall:%Y-%m-%d}" for wall in found]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    text=rules(),
    start=starts(),
    offset=st.integers(-100, 900),
    length=st.integers(1, 500),
)
def test_a_rule_gives_what_dateutil_gives_wherever_it_is_entered(
    text: str, start: datetime, offset: int, length: int
) -> None:
    after = start + timedelta(days=offset)
    before = after + timedelta(days=length)
    assume(goes_on(text, start, before))
    reference = rrulestr(text, dtstart=start)
    # For us DTSTART is the first of COUNT, whether it matches the rule or not; for dateutil only if it does.
    assume("COUNT" not in text or next(iter(reference)) == start)
    theirs = {at for at in reference.xafter(after, inc=True) if at < before} if "COUNT" in text else None
    if theirs is None:
        theirs = set(reference.between(after, before, inc=True)) - {before}
    if after <= start < before:
        theirs.add(start)
    assert walls(text, start, after, before) == sorted(theirs)


def test_a_weekday_and_an_nth_weekday_are_either_or() -> None:
    """dateutil asks for both at once, and finds nothing."""
    assert days("FREQ=MONTHLY;BYDAY=2SA,MO", years=1)[:6] == [
        "2026-01-05", "2026-01-10", "2026-01-12", "2026-01-19", "2026-01-26", "2026-02-02"
    ]  # fmt: skip


def test_a_week_number_alone_means_the_weekday_of_the_start() -> None:
    """Of dateutil all seven; RFC 5545 takes what the rule leaves open from DTSTART."""
    assert days("FREQ=YEARLY;BYWEEKNO=20") == ["2026-01-05", "2026-05-11", "2027-05-17"]


def test_a_position_in_a_week_counts_from_the_beginning_of_that_week() -> None:
    wednesday = datetime(2026, 1, 7, 9, 0)
    assert days("FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=1;COUNT=3", wednesday) == [
        "2026-01-07",
        "2026-01-12",
        "2026-01-19",
    ]


def test_the_start_counts_although_the_rule_does_not_give_it() -> None:
    assert days("FREQ=WEEKLY;BYDAY=TU;COUNT=3") == ["2026-01-05", "2026-01-06", "2026-01-13"]


def test_an_end_before_the_start_leaves_the_start() -> None:
    assert days("FREQ=DAILY;UNTIL=20250101T000000") == ["2026-01-05"]


def test_of_count_and_until_the_first_ends_it() -> None:
    assert len(days("FREQ=DAILY;COUNT=10;UNTIL=20260107T090000")) == 3
    assert len(days("FREQ=DAILY;COUNT=2;UNTIL=20260107T090000")) == 2


def test_a_leap_day_comes_every_four_years_and_the_31st_not_every_month() -> None:
    assert days("FREQ=YEARLY", datetime(2024, 2, 29), years=9) == ["2024-02-29", "2028-02-29", "2032-02-29"]
    assert days("FREQ=MONTHLY;COUNT=4", datetime(2026, 1, 31)) == [
        "2026-01-31",
        "2026-03-31",
        "2026-05-31",
        "2026-07-31",
    ]


def test_a_number_out_of_range_is_passed_over_if_there_is_another() -> None:
    assert days("FREQ=YEARLY;BYMONTH=3,13;BYMONTHDAY=5", years=1) == ["2026-01-05", "2026-03-05"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no FREQ"),
        ("FREQ=FORTNIGHTLY", "no FREQ"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL=0, which is not above zero"),
        ("FREQ=DAILY;COUNT=-1", "COUNT=-1, which is not above zero"),
        ("FREQ=DAILY;COUNT=ten", "COUNT=TEN"),
        ("FREQ=YEARLY;BYMONTH=13", "BYMONTH out of range"),
        ("FREQ=DAILY;BYHOUR=24", "BYHOUR out of range"),
        ("FREQ=WEEKLY;BYDAY=XX", "no weekday"),
        ("FREQ=YEARLY;RSCALE=CHINESE", "RSCALE"),
        ("FREQ=DAILY;X-JUNK=" + "1" * 3000, "longer"),
    ],
)
def test_a_rule_without_sane_meaning_is_refused_by_name(text: str, why: str) -> None:
    with pytest.raises(NotReadable, match=why):
        rule(parts_of(text), None)


def test_a_rule_is_entered_at_the_range_and_not_at_its_start() -> None:
    after = datetime(2026, 11, 25)
    first = datetime(1601, 1, 1)
    for text in ("FREQ=DAILY", "FREQ=WEEKLY;INTERVAL=3", "FREQ=MONTHLY", "FREQ=YEARLY", "FREQ=HOURLY;INTERVAL=5"):
        found = list(islice(recurrences(rule(parts_of(text), None), first, after, datetime(2030, 1, 1), Steps(200)), 2))
        assert len(found) == 2


def test_a_rule_that_never_matches_gives_nothing_for_a_look_at_each_day() -> None:
    for text in ("FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"):
        never = rule(parts_of(text), None)
        assert not list(recurrences(never, START, datetime(2027, 1, 1), datetime(2199, 1, 1), Steps(70_000)))


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=SECONDLY",
        "FREQ=MINUTELY;BYSECOND=0,1,2,3",
        "FREQ=DAILY;COUNT=999999",
    ],
)
def test_what_costs_too_many_steps_is_given_up(text: str) -> None:
    with pytest.raises(TooManySteps):
        for _ in recurrences(
            rule(parts_of(text), None), datetime(1900, 1, 1), datetime(2150, 1, 1), datetime(2199, 1, 1), Steps(50_000)
        ):
            pass
