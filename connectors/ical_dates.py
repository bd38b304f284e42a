"""RRULE, RDATE, EXDATE and RECURRENCE-ID, read as the series means them: in the kind and zone of its DTSTART.

Writers mix them: a date on a timed series, UTC on an all-day one (Exchange writes the local midnight), another zone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from connectors.ical_event import of_instant, original
from connectors.ical_read import Component, NotReadable, Property
from connectors.ical_rule import Rule, parts_of, rule
from connectors.ical_span import Span, length_until
from connectors.ical_time import Length, Moment, duration, instant, moment
from connectors.ical_zone import Zones

_MAX_DATES = 20_000
_MAX_RULES = 10
_LAST_OF_DAY = time(23, 59, 59, 999999)
_LINE = Property("", "")


class Dates(NamedTuple):
    """Which occurrences a series has. Wall times are those of its DTSTART's clock."""

    rules: tuple[Rule, ...]
    extra: Mapping[datetime, Length | None]
    """Wall time -> how long it lasts, if not as long as the others."""
    excluded: frozenset[str]
    """Keys, as ical_event.original gives them."""
    excluded_days: frozenset[date]


class Place(NamedTuple):
    """An occurrence by its original start."""

    wall: datetime
    key: str


def is_recurring(component: Component) -> bool:
    return bool(component.value("RRULE") or component.value("RDATE"))


def recurrence_key(component: Component, zones: Zones) -> str:
    """Return the key that RECURRENCE-ID gives by itself, or an empty text if there is none."""
    line = component.first("RECURRENCE-ID")
    if line is None or not line.value.strip():
        return ""
    found = moment(line, line.value, zones)
    if found.is_date or found.zone is None:
        return found.wall.strftime("%Y%m%d" if found.is_date else "%Y%m%dT%H%M%S")
    return of_instant(instant(found.wall, found.zone))


def dates(component: Component, when: Span, zones: Zones) -> Dates:
    """Read what a series says of its occurrences; raise NotReadable."""
    rules = [line.value for line in component.all("RRULE") if line.value.strip()]
    if len(rules) > _MAX_RULES:
        raise NotReadable(f"it has more than {_MAX_RULES} rules")
    if component.value("EXRULE"):
        zones.note("it has a rule of what is left out (EXRULE), which RFC 5545 no longer knows: it is not followed")
    extra = dict[datetime, Length | None]()
    for start, length in _values(component, "RDATE", zones):
        extra[place(start, when, zones).wall] = length
    excluded, days = set[str](), set[date]()
    for found, _ in _values(component, "EXDATE", zones):
        if found.is_date and not when.start.is_date:
            days.add(found.wall.date())
        else:
            excluded.add(place(found, when, zones).key)
    return Dates(tuple(_rule(value, when, zones) for value in rules), extra, frozenset(excluded), frozenset(days))


def place(found: Moment, when: Span, zones: Zones) -> Place:
    """Return which occurrence of a series is meant by a moment."""
    if when.start.is_date:
        wall = datetime.combine(_day(found, zones), time())
    elif found.is_date:
        wall = datetime.combine(found.wall, when.start.wall.time())
    elif found.zone is None:
        wall = found.wall
    else:
        at = instant(found.wall, found.zone)
        wall = at.astimezone(when.clock).replace(tzinfo=None)
        if when.start.zone is not None:
            return Place(wall, of_instant(at))
    return Place(wall, original(wall, when))


def _day(found: Moment, zones: Zones) -> date:
    """Return the date that is meant by a moment of an all-day series; of UTC, by the nearest local midnight."""
    if found.zone is not UTC:
        return found.wall.date()
    return _midnight_of(found, zones) or (found.wall + timedelta(hours=12)).date()


def _midnight_of(found: Moment, zones: Zones) -> date | None:
    """Return the date that begins at that instant where the calendar is, if one does."""
    local = instant(found.wall, UTC).astimezone(zones.home)
    return local.date() if local.time() == time() else None


def _values(component: Component, name: str, zones: Zones) -> Iterator[tuple[Moment, Length | None]]:
    """Yield the dates of EXDATE or RDATE that can be read, and the lengths of those that are a PERIOD."""
    count = 0
    for line in component.all(name):
        count += line.value.count(",") + 1
        if count > _MAX_DATES:
            raise NotReadable(f"it has more than {_MAX_DATES:,} dates ({name})")
        for value in filter(str.strip, line.value.split(",")):
            try:
                yield _period(line, value, zones)
            except NotReadable:
                zones.note(f"one of its dates ({name}) cannot be read")


def _period(line: Property, value: str, zones: Zones) -> tuple[Moment, Length | None]:
    """Read a date, or `start/end`, or `start/duration`."""
    first, slash, rest = value.partition("/")
    start = moment(line, first, zones)
    if not slash:
        return start, None
    return start, duration(rest) if "P" in rest.upper() else length_until(start, moment(line, rest, zones))


def _rule(value: str, when: Span, zones: Zones) -> Rule:
    parts = parts_of(value)
    return rule(parts, _until(parts["UNTIL"], when, zones) if parts.get("UNTIL") else None)


def _until(value: str, when: Span, zones: Zones) -> datetime:
    """Return the last wall time. A date includes its day; a time without Z is taken as one of the series' own clock."""
    try:
        found = moment(_LINE, value, zones)
    except NotReadable:
        raise NotReadable("its rule has an UNTIL that cannot be read") from None
    if when.start.is_date:
        day = (_midnight_of(found, zones) if found.zone is UTC else None) or found.wall.date()
        return datetime.combine(day, time())
    if found.is_date:
        return datetime.combine(found.wall, _LAST_OF_DAY)
    if found.zone is None:
        return found.wall
    return instant(found.wall, found.zone).astimezone(when.clock).replace(tzinfo=None)
