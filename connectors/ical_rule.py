"""RRULE text -> Rule (RFC 5545 section 3.3.10). What its makers get wrong and what can still be meant, is read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from connectors.ical_read import NotReadable
from connectors.mime_words import clean

FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY")
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_BY_DAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_RANGES = {
    "BYSECOND": range(60),
    "BYMINUTE": range(60),
    "BYHOUR": range(24),
    "BYMONTHDAY": range(-31, 32),
    "BYYEARDAY": range(-366, 367),
    "BYWEEKNO": range(-53, 54),
    "BYMONTH": range(1, 13),
    "BYSETPOS": range(-366, 367),
}
_LONGEST = 2000
_LARGEST = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Empty tuples stand for parts that are not there; each is sorted, without repetitions."""

    frequency: str
    interval: int = 1
    count: int | None = None
    until: datetime | None = None
    """The last wall time it may give."""
    seconds: tuple[int, ...] = ()
    minutes: tuple[int, ...] = ()
    hours: tuple[int, ...] = ()
    weekdays: tuple[int, ...] = ()
    """Monday is 0."""
    nth_weekdays: tuple[tuple[int, int], ...] = ()
    """(n, weekday) of `-1SU`."""
    month_days: tuple[int, ...] = ()
    year_days: tuple[int, ...] = ()
    week_numbers: tuple[int, ...] = ()
    months: tuple[int, ...] = ()
    positions: tuple[int, ...] = ()
    week_start: int = 0


def parts_of(value: str) -> dict[str, str]:
    """Return the parts of a rule by name in capitals."""
    if len(value) > _LONGEST:
        raise NotReadable(f"its rule is longer than {_LONGEST:,} characters")
    pairs = (part.partition("=") for part in value.upper().replace(" ", "").split(";") if part)
    return {name: text for name, _, text in pairs}


def rule(parts: dict[str, str], until: datetime | None) -> Rule:
    """Check a rule, whose UNTIL has been read already; raise NotReadable for one that has no sane meaning.

    With both COUNT and UNTIL, which may not be, the one that comes first ends it.
    """
    frequency = parts.get("FREQ", "")
    if frequency not in FREQUENCIES:
        raise NotReadable("its rule has no FREQ that is known")
    if parts.get("RSCALE", "GREGORIAN") != "GREGORIAN":
        raise NotReadable("its rule is of another calendar than the Gregorian (RSCALE)")
    numbers = {name: _numbers(name, parts[name]) for name in _RANGES if name in parts}
    plain, nth = _weekdays(parts.get("BYDAY", parts.get("BYWEEKDAY", "")))
    if frequency not in FREQUENCIES[:2]:  # only a month and a year have a second Tuesday
        plain, nth = tuple(sorted({*plain, *(day for _, day in nth)})), ()
    return Rule(
        frequency=frequency,
        interval=_positive("INTERVAL", parts.get("INTERVAL", "1")),
        count=_positive("COUNT", parts["COUNT"]) if "COUNT" in parts else None,
        until=until,
        seconds=numbers.get("BYSECOND", ()),
        minutes=numbers.get("BYMINUTE", ()),
        hours=numbers.get("BYHOUR", ()),
        weekdays=plain,
        nth_weekdays=nth,
        month_days=numbers.get("BYMONTHDAY", ()),
        year_days=numbers.get("BYYEARDAY", ()),
        week_numbers=numbers.get("BYWEEKNO", ()),
        months=numbers.get("BYMONTH", ()),
        positions=numbers.get("BYSETPOS", ()),
        week_start=_WEEKDAYS.index(parts["WKST"]) if parts.get("WKST") in _WEEKDAYS else 0,
    )


def _positive(name: str, text: str) -> int:
    digits = text.lstrip("+")
    if not (digits.isascii() and digits.isdigit()) or not digits.strip("0"):
        raise NotReadable(f"its rule has {name}={clean(text, 20)}, which is not above zero")
    return min(int(digits[:20]), _LARGEST)


def _numbers(name: str, text: str) -> tuple[int, ...]:
    """Return the numbers in range, without 0 where it means nothing; a part that holds no other is an error."""
    allowed = _RANGES[name]
    found = {int(one) for one in text.split(",") if re.fullmatch(r"[+-]?[0-9]{1,4}", one)}
    kept = {one for one in found if one in allowed and (one or allowed.start == 0)}
    if text and not kept:
        raise NotReadable(f"its rule has a {name} out of range")
    return tuple(sorted(kept))


def _weekdays(text: str) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
    plain, nth = set[int](), set[tuple[int, int]]()
    for one in text.split(",") if text else ():
        match = _BY_DAY.fullmatch(one)
        if match is None:
            raise NotReadable("its rule has a BYDAY that is no weekday")
        weekday, place = _WEEKDAYS.index(match[2]), int(match[1] or 0)
        if place:
            nth.add((place, weekday))
        else:
            plain.add(weekday)
    return tuple(sorted(plain)), tuple(sorted(nth))
