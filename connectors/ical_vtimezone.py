"""A VTIMEZONE as a tzinfo (RFC 5545 section 3.6.5), for zones that have no name: Exchange's "Customized Time Zone".

Its rules may begin in 1601; only the years that are asked for are worked out. What is remembered is remembered under
the whole text of the VTIMEZONE, so that no calendar's zone is taken for another's of the same TZID.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

from connectors.ical_read import Component, NotReadable
from connectors.ical_recur import Steps, recurrences
from connectors.ical_rule import Rule, parts_of, rule

_MAX_OBSERVANCES = 500
_MAX_STEPS = 3_000
"""What a year may cost to work out; a rule that changes the offset every day is none."""
_LONGEST = 50_000
_FIRST_YEAR, _LAST_YEAR = 1900, 2200
"""What lies outside is as in these."""
_LOOK_BACK = timedelta(days=8 * 366)
"""A yearly rule gives at least one onset in that time (29 February, but for 1900 and 2100)."""
_OFFSET = re.compile(r"([+-]?)(\d\d):?(\d\d):?(\d\d)?")
_WALL = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?)?Z?")
_LINES = ("DTSTART", "TZOFFSETFROM", "TZOFFSETTO", "RRULE", "RDATE")
_Lines = tuple[tuple[str, ...], ...]


class _Observance(NamedTuple):
    start: datetime
    """Wall time under `before`, as that of all its onsets."""
    before: timedelta
    offset: timedelta
    rule: Rule | None
    dates: tuple[datetime, ...]


class _Year(NamedTuple):
    """The changes of offset in a year and its neighbours: as instants, and as wall times for both values of fold."""

    instants: list[datetime]
    walls: tuple[list[datetime], list[datetime]]
    offsets: list[timedelta]
    """One more than there are changes: the first holds before all of them."""


class OwnZone(tzinfo):
    """Offsets by the observances of one VTIMEZONE; immutable but for its memory of the years worked out."""

    def __init__(self, observances: tuple[_Observance, ...]) -> None:
        self._observances = observances
        self._years: dict[int, _Year] = {}

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        if moment is None:
            return None
        year = self._year(moment.year)
        return year.offsets[bisect_right(year.walls[moment.fold], moment.replace(tzinfo=None))]

    def dst(self, moment: datetime | None) -> timedelta | None:
        return None

    def tzname(self, moment: datetime | None) -> str | None:
        return None

    def fromutc(self, moment: datetime) -> datetime:
        year = self._year(moment.year)
        at = bisect_right(year.instants, moment.replace(tzinfo=None))
        wall = moment + year.offsets[at]
        repeated = at > 0 and wall.replace(tzinfo=None) < year.walls[0][at - 1]
        return wall.replace(fold=int(repeated))

    def _year(self, year: int) -> _Year:
        year = min(max(year, _FIRST_YEAR), _LAST_YEAR)
        if year not in self._years:
            self._years[year] = _worked_out(self._observances, year)
        return self._years[year]


def own_zone(component: Component) -> OwnZone:
    """Raise NotReadable for a VTIMEZONE that says no offset, or that would be work to follow."""
    observances = [one for one in component.components if one.name in {"STANDARD", "DAYLIGHT"}]
    if not 0 < len(observances) <= _MAX_OBSERVANCES:
        raise NotReadable("its VTIMEZONE has no observances, or too many")
    lines = tuple(tuple(_text(one, name) for name in _LINES) for one in observances)
    if sum(len(text) for texts in lines for text in texts) > _LONGEST:
        raise NotReadable(f"its VTIMEZONE is longer than {_LONGEST:,} characters")
    return _own_zone(lines)


def _text(component: Component, name: str) -> str:
    return (";" if name == "RRULE" else ",").join(line.value for line in component.all(name)).replace(" ", "")


@lru_cache(maxsize=64)
def _own_zone(lines: _Lines) -> OwnZone:
    observances = tuple(_observance(*one) for one in lines)
    _worked_out(observances, _LAST_YEAR)  # an endless rule that is too dear is so in any year
    return OwnZone(observances)


def _observance(start: str, before: str, offset: str, recurs: str, dates: str) -> _Observance:
    listed = [date.partition("/")[0] for date in dates.split(",") if date]
    return _Observance(
        _wall(start.partition(",")[0]),
        _offset(before),
        _offset(offset),
        _rule(recurs, _offset(before)) if recurs else None,
        tuple(sorted(_wall(date) for date in listed)),
    )


def _rule(text: str, before: timedelta) -> Rule:
    """UNTIL is in UTC, but for writers that leave the Z out."""
    parts = parts_of(text)
    until = _wall(parts["UNTIL"]) if "UNTIL" in parts else None
    if until is not None and parts["UNTIL"].endswith("Z"):
        until += before
    recurs = rule(parts, until)
    if recurs.frequency != "YEARLY" or recurs.interval > 4:
        raise NotReadable("its VTIMEZONE has a rule that is not yearly")
    return recurs


def _wall(text: str) -> datetime:
    match = _WALL.fullmatch(text)
    if match is None:
        raise NotReadable("its VTIMEZONE has a date that cannot be read")
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
    return datetime(year, month, day, hour, minute, second)


def _offset(text: str) -> timedelta:
    """Read an offset; Synology writes seconds without hours, so that no hour above 17 can be one (`+5730` is 57:30)."""
    match = _OFFSET.fullmatch(text.partition(",")[0])
    if match is None:
        raise NotReadable("its VTIMEZONE has an offset that cannot be read")
    hours, minutes, seconds = int(match[2]), int(match[3]), int(match[4] or 0)
    if hours > 17:
        hours, minutes, seconds = 0, hours, minutes
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return -offset if match[1] == "-" else offset


# ---------------------------------------------------------------------------------------------- years


def _worked_out(observances: tuple[_Observance, ...], year: int) -> _Year:
    first, last = datetime(year - 1, 1, 1), datetime(year + 2, 1, 1)
    steps = Steps(_MAX_STEPS)
    onsets = sorted(
        (wall - one.before, one.before, one.offset) for one in observances for wall in _onsets(one, first, last, steps)
    )
    offset = _offset_before(observances, first, steps)
    instants, walls, offsets = list[datetime](), (list[datetime](), list[datetime]()), [offset]
    for instant, _, after in onsets:
        instants.append(instant)
        walls[0].append(instant + max(offset, after))
        walls[1].append(instant + min(offset, after))
        offsets.append(after)
        offset = after
    return _Year(instants, walls, offsets)


def _onsets(one: _Observance, first: datetime, last: datetime, steps: Steps) -> set[datetime]:
    found = {wall for wall in (one.start, *one.dates) if first <= wall < last}
    if one.rule is not None:
        found.update(recurrences(one.rule, one.start, first, last, steps))
    return found


def _offset_before(observances: tuple[_Observance, ...], moment: datetime, steps: Steps) -> timedelta:
    """Return the offset that held at a moment; before all onsets, what the first of them ended."""
    latest = [(wall, one.offset) for one in observances if (wall := _last_onset(one, moment, steps)) is not None]
    if latest:
        return max(latest)[1]
    return min(observances, key=lambda one: one.start).before


def _last_onset(one: _Observance, moment: datetime, steps: Steps) -> datetime | None:
    found = [wall for wall in (one.start, *one.dates) if wall < moment]
    if one.rule is not None and one.start < moment:
        until = moment if one.rule.until is None else min(moment, one.rule.until + timedelta(seconds=1))
        since = one.start if one.rule.count is not None else max(one.start, until - _LOOK_BACK)
        found += recurrences(one.rule, one.start, since, until, steps)
    return max(found, default=None)
