"""Calendars as the tests need them, written line by line: what servers and programs really send, with plain names."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from connectors.ical import calendar_object
from syncd.model import CalendarObject, Event, ItemId, Note, Task, Unreadable

BEGINS, ENDS = datetime(2026, 8, 27, tzinfo=UTC), datetime(2027, 1, 24, tzinfo=UTC)


def component(name: str, *lines: str) -> list[str]:
    return [f"BEGIN:{name}", *lines, f"END:{name}"]


def vevent(*lines: str, uid: str = "meeting@example.com") -> list[str]:
    return component("VEVENT", f"UID:{uid}", *lines)


def calendar(*parts: Iterable[str]) -> bytes:
    lines = [line for part in parts for line in part]
    return "".join(f"{line}\r\n" for line in component("VCALENDAR", "VERSION:2.0", *lines)).encode()


def observance(kind: str, start: str, before: str, after: str, *more: str) -> list[str]:
    """Return a STANDARD or DAYLIGHT of a VTIMEZONE."""
    return component(kind, f"DTSTART:{start}", f"TZOFFSETFROM:{before}", f"TZOFFSETTO:{after}", *more)


def read(
    data: bytes,
    *,
    zone: str = "Europe/Berlin",
    begins: datetime = BEGINS,
    ends: datetime = ENDS,
    own_addresses: tuple[str, ...] = (),
) -> CalendarObject | Unreadable:
    return calendar_object(
        data, id=ItemId("o"), version="1", zone=zone, begins=begins, ends=ends, own_addresses=own_addresses
    )


def whole(
    data: bytes, *, zone: str = "Europe/Berlin", begins: datetime = BEGINS, ends: datetime = ENDS
) -> CalendarObject:
    found = read(data, zone=zone, begins=begins, ends=ends)
    assert isinstance(found, CalendarObject), found
    return found


def events(
    data: bytes, *, zone: str = "Europe/Berlin", begins: datetime = BEGINS, ends: datetime = ENDS
) -> list[Event]:
    """Return the events of an object in the order of their original starts."""
    parts = whole(data, zone=zone, begins=begins, ends=ends).parts
    return sorted((one for one in parts if isinstance(one, Event)), key=lambda one: one.original_start)


def event(*lines: str, zone: str = "Europe/Berlin") -> Event:
    """Return the single event that these lines make; where they give no start, it begins at 9 on 25 November 2026."""
    start = [] if any(line.startswith("DTSTART") for line in lines) else ["DTSTART;TZID=Europe/Berlin:20261125T090000"]
    (only,) = events(calendar(vevent(*start, *lines)), zone=zone)
    return only


def task(*lines: str) -> Task:
    (only,) = whole(calendar(component("VTODO", "UID:task@example.com", *lines))).parts
    assert isinstance(only, Task)
    return only


def note(*lines: str) -> Note:
    (only,) = whole(calendar(component("VJOURNAL", "UID:note@example.com", *lines))).parts
    assert isinstance(only, Note)
    return only


def reason(data: bytes) -> str:
    """Return why an object cannot be read."""
    found = read(data)
    assert isinstance(found, Unreadable), found
    assert found.version == "1"
    return found.reason


def utc(*parts: int) -> datetime:
    year, month, day, *clock = parts
    hour, minute = (*clock, 0, 0)[:2]
    return datetime(year, month, day, hour, minute, tzinfo=UTC)
