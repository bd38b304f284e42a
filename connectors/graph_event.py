"""A meeting as Graph gives it -> Event. Pure, and never raises for what a server may send.

All is asked for in UTC (`Prefer: outlook.timezone`); the zone in which it was planned stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

from connectors.graph_message import body_text, instant, line
from connectors.ical_event import of_instant
from connectors.ical_uid import normal_uid
from connectors.ical_zone import named, zone
from syncd.model import Event, EventStatus, ItemId, Participant, Role

SELECT = (
    "id,type,iCalUId,changeKey,subject,start,end,isAllDay,isCancelled,isDraft,isOrganizer,originalStart,"
    "originalStartTimeZone,sensitivity,showAs,responseStatus,hideAttendees,location,attendees,organizer,"
    "lastModifiedDateTime,seriesMasterId,recurrence"
)
_SUBJECT_LIMIT = 1000
_RESPONSES = {
    "organizer": "accepted",
    "accepted": "accepted",
    "tentativelyAccepted": "tentative",
    "declined": "declined",
    "notResponded": "needs_action",
    "none": "needs_action",
}
_MIDNIGHT = time()


def event(entry: Mapping[str, Any], id: ItemId, master: Mapping[str, Any] | None) -> Event | None:
    """A single meeting, or with its `master` one occurrence of a series; None without dates that make sense."""
    starts_at, ends_at = moment(entry.get("start")), moment(entry.get("end"))
    if starts_at is None or ends_at is None or ends_at < starts_at:
        return None
    planned = named(str(entry.get("originalStartTimeZone") or ""))
    all_day = bool(entry.get("isAllDay"))
    settles_at = ends_at
    if all_day:
        starts_at, ends_at = _date(starts_at, planned), _date(ends_at, planned)
        settles_at = ends_at.replace(tzinfo=zone(planned)).astimezone(UTC) if planned else ends_at
    original = ""
    if master is not None:
        start = instant(entry.get("originalStart")) or starts_at
        original = f"{_date(start, planned):%Y%m%d}" if all_day else of_instant(start)
        id = ItemId(f"{id}#{original}")
    made = Event(
        id=id,
        uid=normal_uid(str((master or entry).get("iCalUId") or "")),
        original_start=original,
        starts_at=starts_at,
        ends_at=ends_at,
        settles_at=settles_at,
        all_day=all_day,
        zone=planned,
    )
    return _described(made, entry)


def _described(made: Event, entry: Mapping[str, Any]) -> Event:
    organized = bool(entry.get("isOrganizer"))
    location, body = entry.get("location"), entry.get("body")
    sensitivity = str(entry.get("sensitivity") or "normal")
    return made._replace(
        status=EventStatus.CANCELLED if entry.get("isCancelled") else EventStatus.CONFIRMED,
        subject=line(entry.get("subject"))[:_SUBJECT_LIMIT],
        text=body_text(body) if isinstance(body, Mapping) else "",
        location=line(location.get("displayName")) if isinstance(location, Mapping) else "",
        participants=_people(entry),
        organized=organized,
        response=_response(entry.get("responseStatus")),
        private="" if sensitivity == "normal" else f"sensitivity: {sensitivity}",
        not_a_meeting=_not_a_meeting(entry),
        partial=bool(entry.get("hideAttendees")) and not organized,
        stamped_at=instant(entry.get("lastModifiedDateTime")),
    )


def moment(value: Any) -> datetime | None:
    """`{"dateTime": "2026-11-25T09:00:00.0000000", "timeZone": "UTC"}`. What is told in another zone than was asked for
    (guarda/davmail PR 479) is read in that."""
    if not isinstance(value, Mapping):
        return None
    wall = instant(value.get("dateTime"))
    told = named(str(value.get("timeZone") or "UTC"))
    if wall is None or not told or told == "UTC":
        return wall
    return wall.replace(tzinfo=zone(told)).astimezone(UTC)


def _date(at: datetime, planned: str) -> datetime:
    """00:00 UTC of the date that was meant. A whole day that was planned in a zone may come as that zone's midnight."""
    if at.time() == _MIDNIGHT or not planned:
        return at.replace(hour=0, minute=0, second=0, microsecond=0)
    wall = at.astimezone(zone(planned)) + timedelta(hours=12)  # the nearest midnight, where a rule changed since
    return datetime(wall.year, wall.month, wall.day, tzinfo=UTC)


def _people(entry: Mapping[str, Any]) -> tuple[Participant, ...]:
    """Rooms and other resources are none; an address of the old Exchange kind (`/O=...`) is nobody that is known."""
    found: dict[tuple[Role, str], Participant] = {}
    organizer = _person(Role.ORGANIZER, entry.get("organizer"))
    attendees = entry.get("attendees")
    people = [_person(Role.ATTENDEE, each) for each in (attendees if isinstance(attendees, list) else ())]
    for person in (organizer, *people):
        if person is not None:
            found.setdefault((person.role, person.address.lower()), person)
    return tuple(found.values())


def _person(role: Role, value: Any) -> Participant | None:
    known = value.get("emailAddress") if isinstance(value, Mapping) else None
    if not isinstance(known, Mapping) or value.get("type") == "resource":
        return None
    address = line(known.get("address"))
    if "@" not in address or address.startswith("/"):
        return None
    name = line(known.get("name"))
    response = (_response(value.get("status")) or "") if role is Role.ATTENDEE else ""
    return Participant(role, address, "" if name == address else name, response)


def _response(value: Any) -> str | None:
    return _RESPONSES.get(str(value.get("response"))) if isinstance(value, Mapping) else None


def _not_a_meeting(entry: Mapping[str, Any]) -> str:
    if entry.get("isDraft"):
        return "not sent yet"
    if not entry.get("attendees") and entry.get("showAs") in ("oof", "workingElsewhere"):
        return "out of office"
    return ""
