"""Rule -> wall times: what RFC 5545 section 3.3.10 makes of a rule, within a range, at a cost that is bounded.

A rule without COUNT is entered at the range and not at its start. python-dateutil is not used: it walks from DTSTART
on, and a rule that matches nothing (`BYMONTH=2;BYMONTHDAY=30`) keeps it walking to the year 9999 with no way to stop it
from outside. The tests hold the two against each other.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from connectors.ical_read import NotReadable
from connectors.ical_rule import FREQUENCIES, Rule

HORIZON = datetime(2200, 1, 1)
"""No rule is followed further."""
_MAX_STEPS = 100_000
_DAY = timedelta(days=1)
_UNITS = {"HOURLY": 24, "MINUTELY": 24 * 60, "SECONDLY": 24 * 60 * 60}
"""How many periods of a frequency a day has."""


class TooManySteps(NotReadable):
    """To follow the rule costs more than anybody's meetings do."""


class Steps:
    """What may still be spent on one object."""

    def __init__(self, limit: int = _MAX_STEPS) -> None:
        self._limit = self._left = limit

    def spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise TooManySteps(f"its rule takes more than {self._limit:,} steps to follow")


def recurrences(rule: Rule, start: datetime, after: datetime, before: datetime, steps: Steps) -> Iterator[datetime]:
    """Yield, in order, the wall times in [after, before) of a rule with that DTSTART, which is always the first."""
    if after <= start < before:
        yield start
    rule = _completed(rule, start)
    last = min(before, HORIZON)
    if rule.until is not None:
        last = min(last, rule.until + timedelta(microseconds=1))
    left = None if rule.count is None else rule.count - 1
    for moment in _moments(rule, start, start if left is not None else max(start, after), last, steps):
        if moment <= start:
            continue
        if moment >= last or left == 0:
            return
        if left is not None:
            left -= 1
        if moment >= after:
            yield moment


def _completed(rule: Rule, start: datetime) -> Rule:
    """Fill in from DTSTART what the rule leaves open."""
    frequency = rule.frequency
    if rule.weekdays or rule.nth_weekdays or rule.month_days or rule.year_days:
        return rule
    if frequency == "WEEKLY" or (frequency == "YEARLY" and rule.week_numbers):
        return replace(rule, weekdays=(start.weekday(),))
    if frequency == "YEARLY":
        return replace(rule, months=rule.months or (start.month,), month_days=(start.day,))
    if frequency == "MONTHLY" and not rule.week_numbers:
        return replace(rule, month_days=(start.day,))
    return rule


def _moments(rule: Rule, start: datetime, first: datetime, last: datetime, steps: Steps) -> Iterator[datetime]:
    """Yield the wall times of all periods that [first, last) touches; a period is yielded whole."""
    if first >= last:
        return
    if rule.frequency in _UNITS:
        periods = _periods_within_days(rule, start, first.date(), last.date(), steps)
    else:
        periods = _periods_of_days_and_clocks(rule, start, first.date(), last.date(), steps)
    for period in periods:
        yield from _placed(period, rule.positions) if rule.positions else period


def _periods_of_days_and_clocks(
    rule: Rule, start: datetime, first: date, last: date, steps: Steps
) -> Iterator[list[datetime]]:
    clocks = [time(*clock) for clock in _clocks(rule, start)]
    for days in _periods_of_days(rule, start.date(), first, last, steps):
        # Before they are made: a rule of one line may ask for each second of a year.
        steps.spend(len(days) * len(clocks))
        yield [datetime.combine(day, clock) for day in days for clock in clocks]


def _placed(period: Sequence[datetime], positions: Iterable[int]) -> list[datetime]:
    """BYSETPOS"""
    size = len(period)
    return [
        period[place] for place in sorted({at - 1 if at > 0 else size + at for at in positions}) if 0 <= place < size
    ]


def _clocks(rule: Rule, start: datetime) -> list[tuple[int, int, int]]:
    """Return the times of a day, of a rule that is DAILY or slower."""
    return [
        (hour, minute, second)
        for hour in rule.hours or (start.hour,)
        for minute in rule.minutes or (start.minute,)
        for second in rule.seconds or (start.second,)
    ]


# ---------------------------------------------------------------------------------------------- periods of days


def _periods_of_days(rule: Rule, start: date, first: date, last: date, steps: Steps) -> Iterator[list[date]]:
    """Yield the days of each year, month, week or day that the rule takes, from the one of `first` on."""
    number, days_of = _PERIODS[rule.frequency]
    origin = number(rule, start)
    at = max(origin, number(rule, first))
    at += (origin - at) % rule.interval
    end = number(rule, last)
    while at <= end:
        days = days_of(rule, at)
        steps.spend(1 + len(days))
        if days:
            yield days
        at += rule.interval


def _year_of(_: Rule, day: date) -> int:
    return day.year


def _days_of_year(rule: Rule, year: int) -> list[date]:
    if rule.year_days and not rule.months:
        first, length = date(year, 1, 1).toordinal(), _year_length(year)
        places = sorted({at - 1 if at > 0 else length + at for at in rule.year_days})
        candidates = [date.fromordinal(first + place) for place in places if 0 <= place < length]
    else:
        candidates = [day for month in rule.months or range(1, 13) for day in _days_of(rule, year, month)]
    return [day for day in candidates if _fits(rule, day)]


def _month_of(_: Rule, day: date) -> int:
    return day.year * 12 + day.month - 1


def _days_of_month(rule: Rule, at: int) -> list[date]:
    year, month = divmod(at, 12)
    if rule.months and month + 1 not in rule.months:
        return []
    return [day for day in _days_of(rule, year, month + 1) if _fits(rule, day)]


def _days_of(rule: Rule, year: int, month: int) -> Iterator[date]:
    """Yield the days of a month, but for those that BYMONTHDAY or BYDAY rule out at a glance."""
    weekday, length = monthrange(year, month)
    if rule.month_days:
        numbers: Iterable[int] = sorted({at if at > 0 else length + 1 + at for at in rule.month_days})
    elif rule.weekdays or rule.nth_weekdays:
        wanted = {*rule.weekdays, *(day for _, day in rule.nth_weekdays)}
        numbers = sorted(n for day in wanted for n in range((day - weekday) % 7 + 1, length + 1, 7))
    else:
        numbers = range(1, length + 1)
    return (date(year, month, n) for n in numbers if 0 < n <= length)


def _week_of(rule: Rule, day: date) -> int:
    return (day.toordinal() - 1 - rule.week_start) // 7  # 1 January of the year 1 was a Monday


def _days_of_week(rule: Rule, at: int) -> list[date]:
    first = at * 7 + 1 + rule.week_start
    offsets = sorted((weekday - rule.week_start) % 7 for weekday in rule.weekdays or range(7))
    return [day for offset in offsets if _fits(rule, day := date.fromordinal(first + offset))]


def _day_of(_: Rule, day: date) -> int:
    return day.toordinal()


def _days_of_day(rule: Rule, at: int) -> list[date]:
    day = date.fromordinal(at)
    return [day] if _fits(rule, day) else []


_PERIODS = {
    "YEARLY": (_year_of, _days_of_year),
    "MONTHLY": (_month_of, _days_of_month),
    "WEEKLY": (_week_of, _days_of_week),
    "DAILY": (_day_of, _days_of_day),
}


def _fits(rule: Rule, day: date) -> bool:
    """Whether a day meets all that the rule says of days."""
    if rule.months and day.month not in rule.months:
        return False
    if rule.month_days and not _within(rule.month_days, day.day, monthrange(day.year, day.month)[1]):
        return False
    if rule.year_days and not _within(rule.year_days, day.timetuple().tm_yday, _year_length(day.year)):
        return False
    if rule.week_numbers and not _within(rule.week_numbers, *_week_number(day, rule.week_start)):
        return False
    if rule.nth_weekdays:
        return day.weekday() in rule.weekdays or _is_nth(rule, day)
    return not rule.weekdays or day.weekday() in rule.weekdays


def _within(numbers: tuple[int, ...], number: int, size: int) -> bool:
    """Whether the place from 1 is among the numbers, of which those below zero count from the end."""
    return number in numbers or number - size - 1 in numbers


def _is_nth(rule: Rule, day: date) -> bool:
    """Whether it is the nth such weekday of its month, or of its year in a yearly rule without BYMONTH."""
    if rule.frequency == "YEARLY" and not rule.months:
        place, length = day.timetuple().tm_yday, _year_length(day.year)
    else:
        place, length = day.day, monthrange(day.year, day.month)[1]
    weekday = day.weekday()
    nth = ((place - 1) // 7 + 1, weekday)
    return nth in rule.nth_weekdays or (-((length - place) // 7 + 1), weekday) in rule.nth_weekdays


def _year_length(year: int) -> int:
    return 365 + (monthrange(year, 2)[1] == 29)


def _week_number(day: date, week_start: int) -> tuple[int, int]:
    """Return the number of a day's week, and how many weeks that year has."""
    ordinal, year = day.toordinal(), day.year
    if ordinal < _first_week(year, week_start):
        year -= 1
    elif ordinal >= _first_week(year + 1, week_start):
        year += 1
    first = _first_week(year, week_start)
    return (ordinal - first) // 7 + 1, (_first_week(year + 1, week_start) - first) // 7


@lru_cache(maxsize=512)
def _first_week(year: int, week_start: int) -> int:
    """Return the day on which the first week with at least four days in that year begins."""
    first = date(year, 1, 1)
    offset = (first.weekday() - week_start) % 7
    return first.toordinal() - offset if offset <= 3 else first.toordinal() + 7 - offset


# ---------------------------------------------------------------------------------------------- within a day


def _periods_within_days(
    rule: Rule, start: datetime, first: date, last: date, steps: Steps
) -> Iterator[list[datetime]]:
    """Yield the moments of each hour, minute or second that the rule takes."""
    a_day = _UNITS[rule.frequency]
    origin = start.toordinal() * a_day + _unit(rule.frequency, start.hour, start.minute, start.second)
    day = first
    while day <= last:
        steps.spend(1)
        if _fits(rule, day):
            yield from _periods_of_a_day(rule, start, day, origin - day.toordinal() * a_day, steps)
        day += _DAY


def _periods_of_a_day(rule: Rule, start: datetime, day: date, origin: int, steps: Steps) -> Iterator[list[datetime]]:
    """`origin` is the unit of the day in which the rule began, counted from this day's midnight."""
    finer = FREQUENCIES.index(rule.frequency)
    minutes = rule.minutes or (range(60) if finer >= FREQUENCIES.index("MINUTELY") else (start.minute,))
    seconds = rule.seconds or (range(60) if finer >= FREQUENCIES.index("SECONDLY") else (start.second,))
    period, unit = list[datetime](), -1
    for hour in rule.hours or range(24):
        for minute in minutes:
            steps.spend(1)
            for second in seconds:
                this = _unit(rule.frequency, hour, minute, second)
                if (this - origin) % rule.interval:
                    steps.spend(1)
                    continue
                if this != unit and period:
                    steps.spend(len(period))
                    yield period
                    period = []
                unit = this
                period.append(datetime.combine(day, time(hour, minute, second)))
    if period:
        steps.spend(len(period))
        yield period


def _unit(frequency: str, hour: int, minute: int, second: int) -> int:
    if frequency == "HOURLY":
        return hour
    return hour * 60 + minute if frequency == "MINUTELY" else (hour * 60 + minute) * 60 + second
