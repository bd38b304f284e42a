"""What a calendar of a fake mailbox shows between two instants: every occurrence by itself, as in Exchange's view.

Each day is looked at by itself and asked whether the pattern falls on it ([MS-OXWSCDATA] 2.2.4), so that this has
nothing in common with the rules by which the connector works the same out.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from exchangelib.winzone import MS_TIMEZONE_TO_IANA_MAP
from lxml import etree

from tests.servers.fake_ews_items import Occurrence, Raw
from tests.servers.fake_ews_mailbox import Folder, Item, Mailbox, opaque
from tests.servers.fake_ews_soap import NS

DAY = timedelta(days=1)
_WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NAMED = {"Day": {*_WEEK}, "Weekday": {*_WEEK[:5]}, "WeekendDay": {*_WEEK[5:]}}
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_PLACES = {"First": 0, "Second": 1, "Third": 2, "Fourth": 3, "Last": -1}


def view(mailbox: Mailbox, folder: Folder, begins: datetime, ends: datetime) -> list[Item]:
    """In their order in time; what ends as the view begins is part of it, too."""
    found = [each for held in mailbox.held(folder) for each in shown(mailbox, held, ends)]
    within = [each for each in found if _at(each, "Start") < ends and _at(each, "End") >= begins]
    return sorted(within, key=lambda each: _at(each, "Start"))


def shown(mailbox: Mailbox, held: Item, ends: datetime) -> Iterator[Item]:
    """The meeting itself, or of a series each occurrence that begins, or was to begin, on a day up to then."""
    recurrence = held.values.get("calendar:Recurrence")
    if not isinstance(recurrence, Raw):
        yield held
        return
    changed = {each.original_at: mailbox.items[each.id] for each in _listed(held, "ModifiedOccurrences")}
    deleted = {each.original_at for each in _listed(held, "DeletedOccurrences")}
    for starts_at, ends_at in _planned(held, recurrence, ends):
        if starts_at in changed:
            yield changed[starts_at]
        elif starts_at not in deleted:
            own = {"calendar:Start": starts_at, "calendar:End": ends_at, "calendar:CalendarItemType": "Occurrence"}
            values = {**held.values, "calendar:Recurrence": None, **own}
            yield replace(held, id=opaque(held.id, starts_at), values=values)


def _planned(master: Item, recurrence: Raw, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Start and end of each occurrence, on the clock of the series."""
    pattern, range_ = _parsed(recurrence.text)
    clock = _clock(master.values.get("calendar:StartTimeZone"))
    starts_at, ends_at = (_at(master, name).astimezone(clock).replace(tzinfo=None) for name in ("Start", "End"))
    first, told = starts_at.date(), {etree.QName(each).localname: each.text or "" for each in (*pattern, *range_)}
    last = date.fromisoformat(told["EndDate"][:10]) if "EndDate" in told else until.date() + DAY
    days = (first + number * DAY for number in range((last - first).days + 1))
    falls = (day for day in days if _falls(etree.QName(pattern).localname, told, first, day))
    for day in islice(falls, int(told["NumberOfOccurrences"]) if "NumberOfOccurrences" in told else None):
        moved = starts_at + (day - first)
        yield tuple(at.replace(tzinfo=clock).astimezone(UTC) for at in (moved, moved + (ends_at - starts_at)))  # type: ignore[misc]


def first_day(pattern: str, day: date) -> date:
    """On which a series by this pattern begins that somebody makes on a day."""
    (parsed,) = _parsed(f"<t:Recurrence>{pattern}</t:Recurrence>")
    told = {etree.QName(each).localname: each.text or "" for each in parsed}
    while not _falls(etree.QName(parsed).localname, told, day, day):
        day += DAY
    return day


def _parsed(recurrence: str) -> Any:
    spaces = " ".join(f'xmlns:{name}="{uri}"' for name, uri in NS.items())
    return etree.fromstring(f"<x {spaces}>{recurrence}</x>")[0]


def _falls(kind: str, told: Mapping[str, str], first: date, day: date) -> bool:
    """Whether a pattern that began on its first day falls on another."""
    interval = int(told.get("Interval", 1))
    months = (day.year - first.year) * 12 + day.month - first.month
    match kind:
        case "DailyRecurrence":
            return (day - first).days % interval == 0
        case "WeeklyRecurrence":
            begin = _WEEK.index(told.get("FirstDayOfWeek") or "Sunday")
            weeks = (_week(day, begin) - _week(first, begin)).days // 7
            return weeks % interval == 0 and _WEEK[day.weekday()] in _weekdays(told)
        case "AbsoluteMonthlyRecurrence":
            return months % interval == 0 and _is_day(told, day)
        case "RelativeMonthlyRecurrence":
            return months % interval == 0 and _is_nth(told, day)
        case "AbsoluteYearlyRecurrence":
            return _MONTHS[day.month - 1] == told["Month"] and _is_day(told, day)
        case "RelativeYearlyRecurrence":
            return _MONTHS[day.month - 1] == told["Month"] and _is_nth(told, day)
    raise ValueError(kind)


def _week(day: date, begin: int) -> date:
    return day - (day.weekday() - begin) % 7 * DAY


def _weekdays(told: Mapping[str, str]) -> set[str]:
    return {each for name in told["DaysOfWeek"].split() for each in _NAMED.get(name, {name})}


def _is_day(told: Mapping[str, str], day: date) -> bool:
    """A month without a 31st has its last day in place of it."""
    return day.day == min(int(told["DayOfMonth"]), monthrange(day.year, day.month)[1])


def _is_nth(told: Mapping[str, str], day: date) -> bool:
    days = (day.replace(day=number + 1) for number in range(monthrange(day.year, day.month)[1]))
    fitting = [each for each in days if _WEEK[each.weekday()] in _weekdays(told)]
    return fitting[_PLACES[told["DayOfWeekIndex"]]] == day


def _clock(zone: object) -> ZoneInfo:
    name = re.search('Id="([^"]+)"', zone.text) if isinstance(zone, Raw) else None
    return ZoneInfo(MS_TIMEZONE_TO_IANA_MAP[name[1]] if name else "UTC")


def _listed(master: Item, name: str) -> list[Occurrence]:
    found: Any = master.values.get(f"calendar:{name}")
    return list(found or ())


def _at(item: Item, name: str) -> datetime:
    found = item.values[f"calendar:{name}"]
    assert isinstance(found, datetime)
    return found
