"""The time zone that Exchange keeps with a meeting: by the name that Windows has for it, or by its rules.

A meeting of a program that has rules of its own for its zone (`Customized Time Zone`) brings them along, as `Periods`
and the yearly `Transitions` between them; those are written as a VTIMEZONE (RFC 5545 section 3.6.5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from connectors import ews_xml as xml
from connectors.ews_xml import Element
from connectors.ical_read import NotReadable, read
from connectors.ical_vtimezone import own_zone
from connectors.ical_zone import named, zone

_DURATION = re.compile(r"(-?)P(?:0D)?T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?")
_DAYS = {"Sunday": "SU", "Monday": "MO", "Tuesday": "TU", "Wednesday": "WE", "Thursday": "TH", "Friday": "FR"}
_DAYS["Saturday"] = "SA"
_TZID = "Own"


@dataclass(frozen=True, slots=True)
class Zone:
    """What the times of one meeting are written in."""

    name: str = ""
    """IANA's; empty for one that has rules of its own, or none at all."""
    clock: tzinfo | None = None
    rules: tuple[str, ...] = ()
    """The lines of the VTIMEZONE of a zone without a name."""

    def date(self, at: datetime) -> str:
        """The day that is meant by an instant that is its midnight; never by the zone of this machine. Without a zone
        it is the nearest midnight."""
        return f"{at.astimezone(self.clock or UTC) + timedelta(hours=12):%Y%m%d}"

    def moment(self, name: str, at: datetime, *, all_day: bool) -> str:
        """A property with a date, or with a time on the clock of the zone: a series keeps its hour when clocks
        change."""
        if all_day:
            return f"{name};VALUE=DATE:{self.date(at)}"
        if self.clock is None or self.name == "UTC":
            return f"{name}:{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        return f"{name};TZID={self.name or _TZID}:{at.astimezone(self.clock):%Y%m%dT%H%M%S}"


def zone_of(told: Element) -> Zone:
    """Of an item with `StartTimeZone`."""
    definition = xml.child(told, "StartTimeZone")
    if definition is None:
        return Zone()
    if name := named(definition.get("Id", "")) or named(definition.get("Name", "")):
        return Zone(name, zone(name))
    try:
        rules = ("BEGIN:VTIMEZONE", f"TZID:{_TZID}", *_observances(definition), "END:VTIMEZONE")
        (found,) = read("\r\n".join(("BEGIN:VCALENDAR", *rules, "END:VCALENDAR")).encode()).timezones
        return Zone("", own_zone(found), rules)
    except (NotReadable, ValueError, OverflowError, KeyError):
        return Zone()


def _observances(definition: Element) -> Iterator[str]:
    """Of several years' rules the last ones. Raises KeyError or ValueError for rules that make no sense."""
    offsets = {each.get("Id", ""): -_duration(each.get("Bias", "")) for each in xml.children(definition, "Periods")}
    groups = [*xml.children(definition, "TransitionsGroups")]
    changes = [*groups[-1].iterchildren("{*}*")] if groups else []
    if len(changes) < 2:
        only = offsets[xml.value(changes[0], "To")] if changes else next(iter(offsets.values()))
        yield from _observance("STANDARD", only, only, "16010101T000000", "")
        return
    for number, change in enumerate(changes):
        before = offsets[xml.value(changes[number - 1], "To")]
        after = offsets[xml.value(change, "To")]
        hour = (datetime(1601, 1, 1) + _duration(xml.value(change, "TimeOffset"))).strftime("%H%M%S")
        yield from _observance(
            "DAYLIGHT" if after > before else "STANDARD", before, after, f"16010101T{hour}", _yearly(change)
        )


def _yearly(change: Element) -> str:
    """`RecurringDayTransition` is the second Sunday of a month, `RecurringDateTransition` a day of it."""
    month = int(xml.value(change, "Month"))
    if day := xml.value(change, "Day"):
        return f"FREQ=YEARLY;BYMONTH={month};BYMONTHDAY={int(day)}"
    nth = f"{int(xml.value(change, 'Occurrence'))}{_DAYS[xml.value(change, 'DayOfWeek')]}"
    return f"FREQ=YEARLY;BYMONTH={month};BYDAY={nth}"


def _observance(kind: str, before: timedelta, after: timedelta, start: str, rule: str) -> Iterator[str]:
    yield f"BEGIN:{kind}"
    yield f"DTSTART:{start}"
    yield f"TZOFFSETFROM:{_offset(before)}"
    yield f"TZOFFSETTO:{_offset(after)}"
    if rule:
        yield f"RRULE:{rule}"
    yield f"END:{kind}"


def _offset(offset: timedelta) -> str:
    minutes = round(abs(offset) / timedelta(minutes=1))
    return f"{'-' if offset < timedelta(0) else '+'}{minutes // 60:02}{minutes % 60:02}"


def _duration(text: str) -> timedelta:
    """xs:duration of less than a day; Bias is what is added to local time to make UTC."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} is no duration")
    sign, hours, minutes, seconds = match.groups()
    length = timedelta(hours=int(hours or 0), minutes=int(minutes or 0), seconds=int(seconds or 0))
    return -length if sign else length
