"""What Graph answers of calendars: lists, instances, and calendarView/delta with its window that stands still."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.servers import fake_graph_query as queries
from tests.servers.fake_graph_calendar import Agenda, Calendar, Meeting
from tests.servers.fake_graph_http import Json, Request
from tests.servers.fake_graph_mail import opaque
from tests.servers.fake_graph_query import Refused, preferred

Given = Callable[[str, Json], Any]
_REFUSED = {"$select", "$filter", "$orderby", "$expand", "$search"}


@dataclass(slots=True)
class _Round:
    calendar: Calendar
    begins: datetime
    ends: datetime
    since: int
    waiting: list[Json] | None = None


@dataclass(slots=True)
class Views:
    empty_pages: bool = False
    ends_empty: bool = False
    expired: Refused | None = None
    given: dict[str, _Round] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def expire(self, refused: Refused) -> None:
        self.expired = refused
        self.given.clear()

    def answer(self, request: Request, origin: str, agenda: Agenda, path: Sequence[str]) -> tuple[str, Json]:
        """The type of what is given, and that."""
        match path:
            case ["calendars"]:
                entries = [queries.selected(agenda.shown_calendar(each), request.query) for each in agenda.calendars]
                return "calendar", page(request, origin, entries)
            case ["calendars", name, "calendarView", "delta"]:
                return "event", self._delta(request, origin, agenda, _calendar(agenda, name))
            case ["calendars", name, "events"]:
                calendar = _calendar(agenda, name)
                there = [each for each in agenda.meetings.values() if each.calendar is calendar]
                entries = [queries.selected(agenda.shown(each, text=False), request.query) for each in there]
                return "event", page(request, origin, entries)
            case ["calendars", name, "events", id_, *rest]:
                meeting, start = _meeting(agenda, id_, _calendar(agenda, name))
                return "event", self._event(request, origin, agenda, meeting, start, rest)
        raise Refused(400, "BadRequest", f"Resource not found for the segment '{path[-1]}'.")

    def _event(
        self, request: Request, origin: str, agenda: Agenda, meeting: Meeting, start: datetime | None, rest: list[str]
    ) -> Json:
        text = preferred(request.headers).text
        if not rest:
            whole = agenda.instance(meeting, start, text=text) if start else agenda.shown(meeting, text=text)
            return queries.selected(whole, request.query)
        if rest != ["instances"] or not meeting.is_series:
            raise Refused(400, "ErrorInvalidRequest", "The event is not a recurring one.")
        entries = agenda.instances(meeting, *_window(request.query), text=text)
        return page(request, origin, [queries.selected(each, request.query) for each in entries])

    def _delta(self, request: Request, origin: str, agenda: Agenda, calendar: Calendar) -> Json:
        query = request.query
        if _REFUSED & query.keys():
            words = "The following parameters are not supported with change tracking over the 'CalendarView' resource."
            raise Refused(400, "ErrorInvalidUrlQuery", words)
        token = query.get("$skiptoken") or query.get("$deltatoken")
        if not token:
            begins, ends = _window(query)
            since = agenda.now()
            there = [each for each in agenda.meetings.values() if each.calendar is calendar]
            entries = [entry for each in there for entry in agenda.light(each, begins, ends)]
            current = _Round(calendar, begins, ends, since, entries)
        elif token in self.given:
            known = self.given[token]
            current = _Round(known.calendar, known.begins, known.ends, known.since, known.waiting)
        else:
            raise self.expired or Refused(410, "SyncStateNotFound", "The sync state generation is not found.")
        if current.waiting is None:
            current.waiting, current.since = self._happened(agenda, current), agenda.now()
        url = f"{origin}{request.path}"
        if self.empty_pages and not token:
            return {"value": [], "@odata.nextLink": f"{url}?$skiptoken={self._kept(current)}"}
        size = preferred(request.headers).page or 10
        entries, rest = current.waiting[:size], current.waiting[size:]
        if rest or (self.ends_empty and entries):
            current.waiting = rest
            return {"value": entries, "@odata.nextLink": f"{url}?$skiptoken={self._kept(current)}"}
        current.waiting = None
        return {"value": entries, "@odata.deltaLink": f"{url}?$deltatoken={self._kept(current)}"}

    def _happened(self, agenda: Agenda, current: _Round) -> list[Json]:
        changed = {meeting.key: meeting for number, meeting in agenda.log if number >= current.since}
        entries: list[Json] = []
        for meeting in changed.values():
            there = meeting.key in agenda.meetings and meeting.calendar is current.calendar
            told = agenda.light(meeting, current.begins, current.ends) if there else []
            # What lies outside the window is told as deleted, as what is deleted (issue 6599).
            removed = {"id": agenda.meeting_id(meeting), "@removed": {"reason": "deleted"}}
            entries += told or [removed]
        return entries

    def _kept(self, current: _Round) -> str:
        token = opaque("view", next(self._numbers))
        self.given[token] = current
        return token


def page(request: Request, origin: str, entries: Sequence[Json]) -> Json:
    start, size = int(request.query.get("$skip", 0)), int(request.query.get("$top", 10))
    body: Json = {"value": list(entries[start : start + size])}
    if start + size < len(entries):
        bare = "&".join(each for each in request.url.partition("?")[2].split("&") if not each.startswith("%24skip="))
        body["@odata.nextLink"] = f"{origin}{request.path}?{bare}&%24skip={start + size}"
    return body


def _calendar(agenda: Agenda, name: str) -> Calendar:
    for calendar in agenda.calendars:
        if name == agenda.calendar_id(calendar):
            return calendar
    raise Refused(404, "ErrorItemNotFound", "The specified object was not found in the store.")


def _meeting(agenda: Agenda, id_: str, calendar: Calendar) -> tuple[Meeting, datetime | None]:
    if not id_.startswith("AAMk"):
        raise Refused(400, "ErrorInvalidIdMalformed", "Id is malformed.")
    found = agenda.by_id(id_)
    if found is None or found[0].calendar is not calendar:
        raise Refused(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    return found


def _window(query: Mapping[str, str]) -> tuple[datetime, datetime]:
    try:
        begins, ends = (datetime.fromisoformat(query[name]) for name in ("startDateTime", "endDateTime"))
    except (KeyError, ValueError):
        words = "This request requires a time window specified by the query string parameters StartDateTime and "
        raise Refused(400, "ErrorInvalidParameter", f"{words}EndDateTime.") from None
    return begins.replace(tzinfo=begins.tzinfo or UTC), ends.replace(tzinfo=ends.tzinfo or UTC)
