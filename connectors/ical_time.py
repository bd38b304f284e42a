"""DATE, DATE-TIME, PERIOD and DURATION values -> wall times, instants and lengths (RFC 5545 section 3.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from connectors.ical_read import Component, NotReadable, Property, parameters
from connectors.ical_zone import Zones

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_ZERO = timedelta(0)

_STAMP = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:[Tt](\d\d):?(\d\d)(?::?(\d\d)(?:[.,]\d{1,9})?)?)?([Zz])?")
# Also `PT1D` and `P2DT`, which some write.
_DURATION = re.compile(
    r"([+-]?)P?(?:(\d{1,9})W)?(?:(\d{1,9})D)?T?(?:(\d{1,9})D)?"
    r"(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?"
)


class Moment(NamedTuple):
    """A DATE is midnight without a zone; a floating time has none, either, until somebody reads the clock."""

    wall: datetime
    is_date: bool
    zone: tzinfo | None
    zone_name: str = ""


class Length(NamedTuple):
    """How long something lasts: so many days and hours by the clock on the wall, and so much time that passes."""

    wall: timedelta = _ZERO
    exact: timedelta = _ZERO


def instant(wall: datetime, zone: tzinfo) -> datetime:
    """Return the instant of a wall time: the first of two, and in the hour that is skipped, that much later."""
    if zone is UTC:
        return wall.replace(tzinfo=UTC, fold=0)
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def moment(line: Property, value: str, zones: Zones) -> Moment:
    """Read one value of a property; raise NotReadable."""
    value = value.strip()
    match = _STAMP.fullmatch(value)
    if match is None:
        raise NotReadable("it has a date that cannot be read")
    year, month, day, hour, minute, second, utc = match.groups()
    try:
        wall = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
    except ValueError:
        wall = _odd(match)
    if hour is None:
        return Moment(wall, True, None)
    given = parameters(line)
    if given.get("VALUE", "").upper() == "DATE" and wall.time() == datetime.min.time():
        return Moment(wall, True, None)
    if utc:
        return Moment(wall, False, UTC, "UTC")
    if tzid := given.get("TZID", ""):
        return Moment(wall, False, *zones.of(tzid))
    return Moment(wall, False, None)


def _odd(match: re.Match[str]) -> datetime:
    """24:00 is the next day's midnight, and a leap second the second before it; raise NotReadable for what is no
    time."""
    year, month, day, hour, minute, second = (int(each or 0) for each in match.groups()[:6])
    if hour > 24 or minute > 59 or second > 60:
        raise NotReadable("it has a date that cannot be read")
    try:
        return datetime(year, month, day) + timedelta(hours=hour, minutes=minute, seconds=min(second, 59))
    except (ValueError, OverflowError):
        raise NotReadable("it has a date that cannot be read") from None


def stamp(component: Component, name: str, zones: Zones) -> datetime | None:
    """Return the instant of a property, if it is there and of our time; of a DATE 00:00 UTC."""
    line = component.first(name)
    if line is None:
        return None
    try:
        read = moment(line, line.value, zones)
        found = instant(read.wall, UTC if read.is_date else read.zone or zones.floating()[0])
    except (NotReadable, OverflowError):
        return None
    return found if _EARLIEST <= found < _LATEST else None


def duration(value: str) -> Length | None:
    """Read a DURATION: weeks and days by the calendar, the rest exact. None for none; a negative one is nothing."""
    match = _DURATION.fullmatch(value.strip().upper())
    if match is None or not any(match.groups()[1:]):
        return None
    sign, weeks, days, more_days, hours, minutes, seconds = match.groups()
    if sign == "-":
        return Length()
    return Length(
        timedelta(weeks=int(weeks or 0), days=int(days or 0) + int(more_days or 0)),
        timedelta(hours=int(hours or 0), minutes=int(minutes or 0), seconds=int(seconds or 0)),
    )
