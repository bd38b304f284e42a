"""The calendars of a mailbox at Exchange Online, as Graph shows them.

Sources: the Graph reference of event and calendar, delta-query-events; and what is known beyond it: an occurrence in
calendarView/delta has nothing but its dates (microsoft-graph-docs issue 7632), one that was deleted leaves no trace but
that its series is told again (PR 4501), and what is written outside the window is told as removed (issue 6599).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.servers.fake_graph_http import Json
from tests.servers.fake_graph_mail import opaque, recipient

_LIGHT = ("id", "type", "seriesMasterId", "start", "end")


def moment(at: datetime) -> Json:
    """Graph writes seven digits of a second."""
    return {"dateTime": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.0000000", "timeZone": "UTC"}


@dataclass(slots=True, eq=False)
class Calendar:
    key: int
    name: str
    owner: tuple[str, str]
    default: bool = False


@dataclass(slots=True, eq=False)
class Meeting:
    """A single one has one start; a series has all of its starts, and what was done to some of them."""

    key: int
    calendar: Calendar
    uid: str
    starts: list[datetime]
    length: timedelta
    fields: Json
    body: str
    deleted: set[datetime] = field(default_factory=set)
    moved: dict[datetime, datetime] = field(default_factory=dict)
    exceptions: dict[datetime, Json] = field(default_factory=dict)
    changes: int = 0

    @property
    def is_series(self) -> bool:
        return len(self.starts) > 1

    def occurrences(self, begins: datetime, ends: datetime) -> list[datetime]:
        """The original starts of what lies in a window."""
        there = [start for start in self.starts if start not in self.deleted]
        return [start for start in there if self.at(start) < ends and self.at(start) + self.length > begins]

    def at(self, start: datetime) -> datetime:
        return self.moved.get(start, start)


@dataclass(slots=True)
class Agenda:
    """All calendars of one mailbox."""

    address: str
    calendars: list[Calendar] = field(default_factory=list)
    meetings: dict[int, Meeting] = field(default_factory=dict)
    log: list[tuple[int, Meeting]] = field(default_factory=list)
    generation: int = 1
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.calendars.append(Calendar(next(self._numbers), "Calendar", ("Anna", self.address), default=True))

    def calendar(self, name: str, owner: tuple[str, str] | None = None) -> Calendar:
        made = Calendar(next(self._numbers), name, owner or ("Anna", self.address))
        self.calendars.append(made)
        return made

    def add(
        self,
        uid: str,
        starts: Sequence[datetime],
        *,
        length: timedelta = timedelta(minutes=30),
        calendar: Calendar | None = None,
        subject: str = "Review",
        attendees: Sequence[tuple[str, str]] = (("zoe@client.example", "accepted"),),
        rooms: Sequence[str] = (),
        body: str = "The agenda.",
        **fields: object,
    ) -> Meeting:
        own = recipient("Anna", self.address)
        people = [_attendee(address, response, "required") for address, response in attendees]
        told: Json = {
            "createdDateTime": "2026-01-01T08:00:00Z",
            "lastModifiedDateTime": "2026-01-01T08:00:00Z",
            "subject": subject,
            "bodyPreview": body,
            "importance": "normal",
            "sensitivity": "normal",
            "isAllDay": False,
            "isCancelled": False,
            "isOrganizer": True,
            "isDraft": False,
            "hideAttendees": False,
            "showAs": "busy",
            "responseStatus": {"response": "organizer", "time": "0001-01-01T00:00:00Z"},
            "originalStartTimeZone": "W. Europe Standard Time",
            "originalEndTimeZone": "W. Europe Standard Time",
            "location": {"displayName": "Room 1", "locationType": "default"},
            "attendees": [*people, *(_attendee(room, "accepted", "resource") for room in rooms)],
            "organizer": own,
            **fields,
        }
        home = calendar or self.calendars[0]
        made = Meeting(next(self._numbers), home, uid, list(starts), length, told, body)
        self.meetings[made.key] = made
        self.touch(made)
        return made

    def touch(self, meeting: Meeting) -> None:
        """Whatever is done to it, or to one of its occurrences, changes the whole."""
        meeting.changes += 1
        self.log.append((next(self._numbers), meeting))

    def change(self, meeting: Meeting, **fields: object) -> None:
        meeting.fields.update(fields)
        self.touch(meeting)

    def remove(self, meeting: Meeting) -> None:
        del self.meetings[meeting.key]
        self.touch(meeting)

    def move(self, meeting: Meeting, start: datetime, to: datetime) -> None:
        """One occurrence of a series, or the only one there is."""
        if meeting.is_series:
            meeting.moved[start] = to
            meeting.exceptions.setdefault(start, {})
        else:
            meeting.starts = [to]
        self.touch(meeting)

    def delete_occurrence(self, meeting: Meeting, start: datetime) -> None:
        meeting.deleted.add(start)
        self.touch(meeting)

    def migrate(self) -> None:
        self.generation += 1
        self.log.clear()

    # ------------------------------------------------------------------------------------------------------ looking

    def now(self) -> int:
        return next(self._numbers)

    def calendar_id(self, calendar: Calendar) -> str:
        return opaque(self.address, self.generation, "calendar", calendar.key)

    def meeting_id(self, meeting: Meeting, start: datetime | None = None) -> str:
        return opaque(self.address, self.generation, "event", meeting.key, start)

    def by_id(self, id_: str) -> tuple[Meeting, datetime | None] | None:
        for meeting in self.meetings.values():
            if id_ == self.meeting_id(meeting):
                return meeting, None
            for start in meeting.starts if meeting.is_series else ():
                if id_ == self.meeting_id(meeting, start):
                    return meeting, start
        return None

    def shown_calendar(self, calendar: Calendar) -> Json:
        name, address = calendar.owner
        return {
            "id": self.calendar_id(calendar),
            "name": calendar.name,
            "isDefaultCalendar": calendar.default,
            "canEdit": True,
            "owner": {"name": name, "address": address},
        }

    def shown(self, meeting: Meeting, *, text: bool) -> Json:
        """A single event, or the master of a series, which has the dates of its first occurrence."""
        start = meeting.at(meeting.starts[0])
        entry = self._whole(meeting, start, text=text)
        entry.update(
            {"id": self.meeting_id(meeting), "type": "seriesMaster" if meeting.is_series else "singleInstance"}
        )
        if meeting.is_series:
            entry["recurrence"] = _recurrence(meeting)
        return entry

    def instances(self, meeting: Meeting, begins: datetime, ends: datetime, *, text: bool) -> list[Json]:
        return [self.instance(meeting, start, text=text) for start in meeting.occurrences(begins, ends)]

    def instance(self, meeting: Meeting, start: datetime, *, text: bool) -> Json:
        entry = self._whole(meeting, meeting.at(start), text=text)
        entry.update(meeting.exceptions.get(start, {}))
        entry["id"] = self.meeting_id(meeting, start)
        entry["type"] = "exception" if start in meeting.exceptions else "occurrence"
        entry["seriesMasterId"] = self.meeting_id(meeting)
        entry["originalStart"] = f"{start.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        return entry

    def light(self, meeting: Meeting, begins: datetime, ends: datetime) -> list[Json]:
        """As calendarView/delta tells it: a single event whole, of a series its master and bare occurrences."""
        starts = meeting.occurrences(begins, ends)
        if not meeting.is_series:
            return [self.shown(meeting, text=False)] if starts else []
        bare = [self.instance(meeting, start, text=False) for start in starts]
        entries = [each if each["type"] == "exception" else _bare(each) for each in bare]
        return [self.shown(meeting, text=False), *entries] if entries else []

    def _whole(self, meeting: Meeting, start: datetime, *, text: bool) -> Json:
        body = {"contentType": "text", "content": meeting.body}
        html = {"contentType": "html", "content": f"<html><body>{meeting.body}</body></html>"}
        return {
            "@odata.etag": f'W/"DwAAABYAAAB{meeting.key}{meeting.changes}"',
            **meeting.fields,
            "iCalUId": meeting.uid,
            "changeKey": f"DwAAABYAAAB{meeting.key}x{meeting.changes}",
            "start": moment(start),
            "end": moment(start + meeting.length),
            "body": body if text else html,
        }


def _attendee(address: str, response: str, kind: str) -> Json:
    return {
        "type": kind,
        "status": {"response": response, "time": "2026-01-01T08:00:00Z"},
        **recipient(address.partition("@")[0].title(), address),
    }


def _bare(entry: Mapping[str, object]) -> Json:
    return {"@odata.type": "#microsoft.graph.event", **{name: entry[name] for name in _LIGHT}}


def _recurrence(meeting: Meeting) -> Json:
    first, last = meeting.starts[0], meeting.starts[-1]
    every = (meeting.starts[1] - first).days
    return {
        "pattern": {"type": "daily", "interval": max(1, every), "month": 0, "dayOfMonth": 0, "index": "first"},
        "range": {
            "type": "endDate",
            "startDate": f"{first:%Y-%m-%d}",
            "endDate": f"{last:%Y-%m-%d}",
            "recurrenceTimeZone": "W. Europe Standard Time",
            "numberOfOccurrences": 0,
        },
    }
