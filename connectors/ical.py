"""iCalendar text -> values of the model: the one door to the ical_* modules. Pure, thread-safe, never raises, bounded.

A limit is set to bytes, lines, components, dates, people and the steps that a rule takes; what passes one of them is
Unreadable, with the reason.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from connectors.ical_dates import recurrence_key
from connectors.ical_event import Source, Window
from connectors.ical_note import note
from connectors.ical_read import Calendar, Component, NotReadable, read, text
from connectors.ical_series import events_of, version_of
from connectors.ical_task import task
from connectors.ical_uid import normal_uid
from connectors.ical_zone import Zones, named, zone_of_timezones
from syncd.model import CalendarObject, Event, Invitation, ItemId, Note, Task, Unreadable

_NO_SUCH_DATE = "it has a date before the year 1 or after the year 9999"


class _Group(NamedTuple):
    """The components of one kind and UID."""

    kind: str
    id: ItemId
    uid: str
    components: list[Component]


class _Found(NamedTuple):
    parts: tuple[Event | Task | Note, ...]
    next_at: datetime | None = None


def calendar_object(
    data: bytes,
    *,
    id: ItemId,
    version: str,
    zone: str,
    begins: datetime,
    ends: datetime,
    own_addresses: tuple[str, ...] = (),
) -> CalendarObject | Unreadable:
    """Read one object of a calendar or task list.

    `zone` is IANA's name for the calendar's own zone, empty if it has none: times without a zone are of it, and days
    end by it. An event is in the window if some of [starts_at, ends_at) is; one that no rule works out also if it comes
    later, or was moved away from a date within. An open task and an undated note always are, other tasks and notes
    unless they were done or written before it.
    """
    try:
        calendar = read(data)
        found = _found(calendar, id, _source(calendar, zone, begins, ends, own_addresses))
    except NotReadable as error:
        return Unreadable(id, str(error), version)
    except (ValueError, OverflowError):  # of arithmetic at the ends of the calendar
        return Unreadable(id, _NO_SUCH_DATE, version)
    return CalendarObject(
        id=id,
        version=version,
        parts=found.parts,
        begins=begins,
        ends=ends,
        next_at=found.next_at,
        nothing="" if found.parts else _why_nothing(calendar),
    )


def invitation(data: bytes, *, id: ItemId, zone: str = "", begins: datetime, ends: datetime) -> Invitation | None:
    """Read the text/calendar part of a mail; None if it speaks of no meeting, without events if it tells no date.

    `id` is the mail's, and its events' with it.
    """
    try:
        calendar = read(data)
        group = next((one for one in _groups(calendar, id) if one.kind == "VEVENT"), None)
        if group is None:
            return None
        source = _source(calendar, zone, begins, ends, ())._replace(all_written=True)
    except NotReadable:
        return None
    try:
        events = events_of(group.components, id=group.id, uid=group.uid, source=source).events
    except (ValueError, OverflowError):  # a reply or a cancellation needs no date (RFC 5546 section 3.2.3)
        events = ()
    return Invitation(
        calendar.method, tuple(one._replace(problem=_problem(one, source.zones)) for one in events), group.uid
    )


def zone_of(calendar_timezone_ics: bytes) -> str:
    """Return IANA's name for what a server says of a calendar's zone, a VTIMEZONE or a name; empty if it has none."""
    try:
        return zone_of_timezones(read(calendar_timezone_ics).timezones)
    except NotReadable:
        return named(calendar_timezone_ics[:400].decode("utf-8", "replace").strip())


def _source(calendar: Calendar, zone: str, begins: datetime, ends: datetime, own_addresses: tuple[str, ...]) -> Source:
    zones = Zones(calendar.timezones, zone or calendar.zone)
    return Source(zones, Window(begins, ends), calendar.method, own_addresses)


def _found(calendar: Calendar, id: ItemId, source: Source) -> _Found:
    """Read each group; one that cannot be read is named in the others' `problem`, and raised if there is no other."""
    groups = _groups(calendar, id)
    read_groups: list[_Found] = []
    errors: list[NotReadable] = []
    for group in groups:
        try:
            read_groups.append(_read(group, source))
        except NotReadable as error:
            errors.append(error)
            source.zones.note(f"another meeting in the same file cannot be read: {error}")
    if errors and not read_groups:
        raise errors[0]
    parts = tuple(part for found in read_groups for part in found.parts)
    if source.zones.problems:
        parts = tuple(part._replace(problem=_problem(part, source.zones)) for part in parts)
    return _Found(
        parts,
        min((found.next_at for found in read_groups if found.next_at is not None), default=None),
    )


def _problem(part: Event | Task | Note, zones: Zones) -> str:
    """What is wrong with it, and what had to be guessed."""
    return "; ".join(filter(None, (part.problem, *zones.problems)))


def _why_nothing(calendar: Calendar) -> str:
    if calendar.contents:
        return "all its dates are outside the window"
    return "it holds free/busy times only" if calendar.others else "it holds no event, task or note"


# ---------------------------------------------------------------------------------------------- groups


def _groups(calendar: Calendar, id: ItemId) -> list[_Group]:
    """One UID in a file is the rule; what has another gets an id of its own.

    Components without a UID are no relations of each other, but for those that override the one before them.
    """
    found: dict[tuple[str, str, int], list[Component]] = {}
    nameless = 0
    for component in calendar.contents:
        uid = normal_uid(text(component.value("UID")))
        nameless += not uid and not component.value("RECURRENCE-ID")
        found.setdefault((component.name, uid, 0 if uid else nameless), []).append(component)
    return [
        _Group(kind, ItemId(f"{id}/{kind}/{uid or number}") if number else id, uid, components)
        for number, ((kind, uid, _), components) in enumerate(found.items())
    ]


def _read(group: _Group, source: Source) -> _Found:
    if group.kind == "VEVENT":
        return _Found(*events_of(group.components, id=group.id, uid=group.uid, source=source))
    latest: dict[str, Component] = {}
    for component in sorted(group.components, key=lambda one: version_of(one, source)):
        latest[recurrence_key(component, source.zones)] = component
    read_all = [_task_or_note(group, key, component, source) for key, component in latest.items()]
    return _Found(tuple(one for one in read_all if one is not None))


def _task_or_note(group: _Group, key: str, component: Component, source: Source) -> Task | Note | None:
    """Return it unless it was done, written or called off before; one of a series is a task or note by itself."""
    id, uid = (ItemId(f"{group.id}#{key}"), f"{group.uid}#{key}") if key else (group.id, group.uid)
    if group.kind == "VTODO":
        one: Task | Note = task(component, id=id, uid=uid, zones=source.zones)
        at = one.done_at if isinstance(one, Task) and one.done else None
    else:
        if component.value("STATUS").upper() in {"CANCELLED", "CANCELED"}:
            return None
        one = note(component, id=id, uid=uid, zones=source.zones)
        at = one.written_at
    return one if at is None or at >= source.window.begins else None
