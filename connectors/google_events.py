"""An event of Google Calendar, with the changed and cancelled occurrences of its series -> CalendarObject. Pure.

Google's fields are written as iCalendar and read by connectors.ical, so that a series has the same occurrences, and a
meeting the same identity, as in every other calendar. What iCalendar has no word for is added to the events afterwards:
the owner's own answer, whose meeting it is, and Google's kinds of events that are no meetings.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.google_api import Resource
from connectors.ical import calendar_object
from connectors.ical_write import escaped, parameter
from syncd.model import CalendarObject, Event, EventStatus, ItemId, Removed, Unreadable

MEANING = 1
"""Raised when this module learns something: every version changes with it, so that all events are read again."""

_NO_MEETINGS = {
    "birthday": "birthday",
    "focusTime": "focus time",
    "outOfOffice": "out of office",
    "workingLocation": "working location",
}
_PARTSTAT = {"accepted": "ACCEPTED", "declined": "DECLINED", "tentative": "TENTATIVE", "needsAction": "NEEDS-ACTION"}
_ANSWERS = {"needsAction": "needs_action"}
_RULES = re.compile(r"(?:RRULE|RDATE|EXDATE|EXRULE)[;:][^\r\n]{1,20000}\Z", re.IGNORECASE)
_PRIVATE = {"private": "PRIVATE", "confidential": "CONFIDENTIAL"}


@dataclass(frozen=True, slots=True)
class Group:
    """A single event, or a series with its exceptions; an occurrence may come without its series."""

    id: ItemId
    master: Resource | None
    exceptions: tuple[Resource, ...]

    @property
    def version(self) -> str:
        etags = sorted(f"{each['id']} {each.get('etag', '')}" for each in (self.master, *self.exceptions) if each)
        return f"{MEANING}.{hashlib.blake2s(chr(10).join(etags).encode(), digest_size=10).hexdigest()}"


def root(event: Resource) -> ItemId:
    """The id of the event that an occurrence belongs to, or its own."""
    return ItemId(str(event.get("recurringEventId") or event["id"]))


def grouped(events: Iterable[Resource]) -> dict[ItemId, Group]:
    """By root, whatever the order in which they come; of an event that comes twice the last one counts."""
    latest = {str(event["id"]): event for event in events}
    masters = {root(event): event for event in latest.values() if not event.get("recurringEventId")}
    exceptions: dict[ItemId, list[Resource]] = {}
    for event in latest.values():
        if event.get("recurringEventId"):
            exceptions.setdefault(root(event), []).append(event)
    return {id: Group(id, masters.get(id), tuple(exceptions.get(id, ()))) for id in {**masters, **exceptions}}


def is_series(event: Resource) -> bool:
    """Whether there may be more of it than this."""
    return bool(event.get("recurrence") or event.get("recurringEventId"))


def item(
    group: Group, *, zone: str, begins: datetime, ends: datetime, own: tuple[str, ...]
) -> CalendarObject | Unreadable | Removed:
    """`zone` is the calendar's own."""
    if group.master is not None and _is_deleted(group.master):
        return Removed(group.id)
    text = "\r\n".join(_calendar(group, zone))
    found = calendar_object(
        text.encode(), id=group.id, version=group.version, zone=zone, begins=begins, ends=ends, own_addresses=own
    )
    if isinstance(found, Unreadable):
        return found
    written = {_key(each.get("originalStartTime") or {}): each for each in group.exceptions}
    parts = tuple(
        _told(part, written.get(part.original_start, group.master), group.master) if isinstance(part, Event) else part
        for part in found.parts
    )
    return found._replace(parts=parts)


def _is_deleted(master: Resource) -> bool:
    """What its organizer cancelled stays as a cancelled meeting; a guest's copy that is gone says nothing of the
    meeting, which others may hold."""
    organizer = master.get("organizer") or {}
    return master.get("status") == "cancelled" and not (organizer.get("self") and master.get("start"))


# ------------------------------------------------------------------------------------------------- as iCalendar


def _calendar(group: Group, zone: str) -> Iterable[str]:
    yield "BEGIN:VCALENDAR"
    yield "VERSION:2.0"
    uid = next((str(each["iCalUID"]) for each in (group.master, *group.exceptions) if each and each.get("iCalUID")), "")
    series_zone = ((group.master or {}).get("start") or {}).get("timeZone") or zone
    for event in (group.master, *group.exceptions):
        if event is not None:
            yield from _component(event, uid, series_zone)
    yield "END:VCALENDAR"


def _component(event: Resource, uid: str, zone: str) -> Iterable[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{escaped(uid)}"
    if event.get("recurringEventId"):
        yield _moment("RECURRENCE-ID", event.get("originalStartTime") or {}, zone)
    # A cancelled occurrence has no more than its ids and where it was.
    for name, when in (("DTSTART", event.get("start")), ("DTEND", event.get("end"))):
        if when and not (name == "DTEND" and event.get("endTimeUnspecified")):
            yield _moment(name, when, zone)
    yield from (line for line in event.get("recurrence") or () if _RULES.match(str(line)))
    yield f"STATUS:{escaped(str(event.get('status', 'confirmed')).upper())}"
    yield f"SEQUENCE:{int(event.get('sequence') or 0)}"
    for name, key in (("SUMMARY", "summary"), ("DESCRIPTION", "description"), ("LOCATION", "location")):
        if event.get(key):
            yield f"{name}:{escaped(str(event[key]))}"
    if (given := _PRIVATE.get(str(event.get("visibility", "")))) is not None:
        yield f"CLASS:{given}"
    if updated := _instant(str(event.get("updated", ""))):
        yield f"LAST-MODIFIED:{updated:%Y%m%dT%H%M%SZ}"
    yield from _people(event)
    if link := _link(event):
        yield f"CONFERENCE;VALUE=URI;FEATURE=VIDEO:{escaped(link)}"
    yield "END:VEVENT"


def _people(event: Resource) -> Iterable[str]:
    organizer = event.get("organizer") or {}
    if organizer.get("email"):
        yield f"ORGANIZER{_name(organizer)}:mailto:{escaped(organizer['email'])}"
    for each in event.get("attendees") or ():
        if each.get("email"):
            kind = ";CUTYPE=RESOURCE" if each.get("resource") else ""
            answer = _PARTSTAT.get(str(each.get("responseStatus", "")), "NEEDS-ACTION")
            yield f"ATTENDEE{_name(each)}{kind};PARTSTAT={answer}:mailto:{escaped(each['email'])}"


def _name(person: Mapping[str, Any]) -> str:
    return parameter("CN", str(person.get("displayName", "")))


def _link(event: Resource) -> str:
    entries: Sequence[Mapping[str, Any]] = (event.get("conferenceData") or {}).get("entryPoints") or ()
    video = next((str(each.get("uri", "")) for each in entries if each.get("entryPointType") == "video"), "")
    return video or str(event.get("hangoutLink") or "")


def _moment(name: str, when: Mapping[str, Any], zone: str) -> str:
    """A date, or a time on the clock of its zone: a series keeps its hour when the clocks change."""
    if when.get("date"):
        return f"{name};VALUE=DATE:{str(when['date']).replace('-', '')[:8]}"
    at = _instant(str(when.get("dateTime", "")))
    if at is None:
        return f"{name}:"
    named = str(when.get("timeZone") or zone)
    try:
        local = at.astimezone(ZoneInfo(named))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"{name}:{at:%Y%m%dT%H%M%SZ}"
    return f"{name};TZID={named}:{local:%Y%m%dT%H%M%S}"


def _instant(text: str) -> datetime | None:
    """RFC 3339, in UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None


# ---------------------------------------------------------------------------------- what iCalendar has no word for


def _key(original: Mapping[str, Any]) -> str:
    """Event.original_start of an occurrence."""
    if original.get("date"):
        return str(original["date"]).replace("-", "")
    at = _instant(str(original.get("dateTime", "")))
    return f"{at:%Y%m%dT%H%M%SZ}" if at else ""


def _told(event: Event, source: Resource | None, master: Resource | None) -> Event:
    """A cancelled occurrence says nothing of its own: it is as its series."""
    bare = source is None or (event.status is EventStatus.CANCELLED and not source.get("attendees"))
    of = (master or source or {}) if bare else source or {}
    organizer = of.get("organizer") or {}
    mine = next((each for each in of.get("attendees") or () if each.get("self")), None)
    answer = str((mine or {}).get("responseStatus", ""))
    return event._replace(
        organized=bool(organizer.get("self")) if organizer else None,
        response=_ANSWERS.get(answer, answer) if answer else None,
        not_a_meeting=event.not_a_meeting or _NO_MEETINGS.get(str(of.get("eventType", "")), ""),
        partial=event.partial or bool(of.get("attendeesOmitted")) or of.get("guestsCanSeeOtherGuests") is False,
    )
