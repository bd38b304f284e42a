"""Google calendars and task lists in memory: events with their exceptions, sync tokens that end, and done tasks."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.servers import google_errors as errors
from tests.servers.fake_gmail import Query
from tests.servers.google_errors import Refusal

Event = dict[str, Any]

_OVER = "Sync token is no longer valid, a full sync is required."
_WHERE = {"locationType": "parameter", "location": "syncToken"}
SYNC_TOKEN_IS_OVER = Refusal(
    410,
    {
        "error": {
            "code": 410,
            "message": _OVER,
            "errors": [{"domain": "calendar", "reason": "fullSyncRequired", "message": _OVER, **_WHERE}],
        }
    },
)
"""As it was seen (KeepSoftwareSimple/compass-calendar issue 1239): the calendar's errors have no `status`."""
_NOT_WITH_A_TOKEN = {"iCalUID", "orderBy", "q", "timeMin", "timeMax", "updatedMin"}
_SAME_WITH_A_TOKEN = ("singleEvents", "eventTypes", "maxAttendees", "showHiddenInvitations")


@dataclass
class Calendar:
    id: str
    clock: Any
    owner: str
    summary: str = "Calendar"
    zone: str = "Europe/Berlin"
    role: str = "owner"
    events: dict[str, Event] = field(default_factory=dict)
    """By id; what was deleted stays as a tombstone for a while."""
    changed: dict[str, int] = field(default_factory=dict)
    """Event id -> the number of its last change."""
    change: int = 100
    oldest: int = 0
    """A sync token of before this change is over."""
    page: int = 2500
    empty_pages: bool = False
    parameters: dict[str, list[str]] = field(default_factory=dict)
    """What the listing that gave the first token was asked with."""
    _listings: list[tuple[list[str], str]] = field(default_factory=list)
    """The ids of each, and the token to go on from when it was begun."""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    # ------------------------------------------------------------------------------------------- what its owner does

    def put(self, event: Event) -> str:
        """A new event, or another version of one; returns its id."""
        self.change += 1
        id = str(event.get("id") or f"event{next(self._numbers):06}")
        now = datetime.fromtimestamp(self.clock(), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        whole = {
            "kind": "calendar#event",
            "status": "confirmed",
            "iCalUID": f"{event.get('recurringEventId') or id}@google.com",
            "created": now,
            **event,
            "id": id,
            "etag": f'"{self.change}"',
            "updated": now,
        }
        self.events[id] = whole
        self.changed[id] = self.change
        return id

    def cancel_occurrence(self, master: str, original: Event) -> str:
        """Of such an exception Google promises three fields, and no others."""
        start = str(original.get("dateTime") or original["date"]).replace("-", "").replace(":", "")[:15]
        id = f"{master}_{start}"
        self.put({"id": id, "recurringEventId": master})
        bare = {"kind": "calendar#event", "id": id, "status": "cancelled", "etag": self.events[id]["etag"]}
        self.events[id] = {**bare, "recurringEventId": master, "originalStartTime": original}
        return id

    def delete(self, id: str) -> None:
        """Of a deleted event its id is promised, and nothing else."""
        self.put({"id": id})
        etag = self.events[id]["etag"]
        self.events[id] = {"kind": "calendar#event", "id": id, "status": "cancelled", "etag": etag}
        for other in [each for each, held in self.events.items() if held.get("recurringEventId") == id]:
            del self.events[other], self.changed[other]

    def end_tokens(self) -> None:
        """As after weeks. Tombstones are gone by then as well."""
        self.change += 1
        self.oldest = self.change
        gone = [
            id
            for id, event in self.events.items()
            if event["status"] == "cancelled" and "recurringEventId" not in event
        ]
        for id in gone:
            del self.events[id], self.changed[id]

    # -------------------------------------------------------------------------------------------------- the methods

    def listing(self, query: Query) -> dict[str, Any] | Refusal:
        token = query.get("syncToken", [""])[0]
        if token and _NOT_WITH_A_TOKEN & query.keys():
            return errors.bad_request("Sync token cannot be used with other query restrictions.")
        if token and (not token.isdecimal() or int(token) < self.oldest):
            return SYNC_TOKEN_IS_OVER if token.isdecimal() else errors.bad_request("Invalid sync token value.")
        shape = {name: query[name] for name in _SAME_WITH_A_TOKEN if name in query}
        if token:
            assert shape == self.parameters, "a sync token is used with other parameters than it was given for"
        elif "iCalUID" not in query:
            self.parameters = shape
        if place := query.get("pageToken", [""])[0]:
            return self._page(place, query)
        found = [id for id in sorted(self.events, key=self.changed.__getitem__) if self._is_wanted(id, query)]
        self._listings.append((found, str(self.change)))
        return self._page(f"{'e' if self.empty_pages and found else ''}{len(self._listings) - 1}.0", query)

    def _is_wanted(self, id: str, query: Query) -> bool:
        event, token = self.events[id], query.get("syncToken", [""])[0]
        if token:
            return self.changed[id] > int(token)
        if "iCalUID" in query:
            uid = query["iCalUID"][0]
            master = self.events.get(event.get("recurringEventId", ""), event)
            return uid in (event.get("iCalUID"), master.get("iCalUID"))
        return event["status"] != "cancelled" or "recurringEventId" in event

    def _page(self, place: str, query: Query) -> dict[str, Any]:
        """Of a listing as it was begun, and so is the token at its end: what changes meanwhile is told by that."""
        answer: dict[str, Any] = {
            "kind": "calendar#events",
            "summary": self.summary,
            "timeZone": self.zone,
            "accessRole": self.role,
            "items": [],
        }
        if place.startswith("e"):
            return {**answer, "nextPageToken": place.removeprefix("e")}
        listing, start = map(int, place.split("."))
        found, token = self._listings[listing]
        end = start + min(int(query.get("maxResults", ["250"])[0]), self.page)
        answer["items"] = [self.events[id] for id in found[start:end] if id in self.events]
        if end < len(found):
            return {**answer, "nextPageToken": f"{'e' if self.empty_pages else ''}{listing}.{end}"}
        return answer if "iCalUID" in query else {**answer, "nextSyncToken": token}

    def get(self, id: str) -> dict[str, Any] | Refusal:
        return self.events.get(id) or errors.refusal(404, "Not Found", "notFound", "NOT_FOUND")

    def entry(self) -> dict[str, Any]:
        """As the owner's list of calendars has it."""
        primary = {"primary": True} if self.id == self.owner else {}
        return {
            "kind": "calendar#calendarListEntry",
            "id": self.id,
            "summary": self.summary,
            "timeZone": self.zone,
            "accessRole": self.role,
            **primary,
        }


@dataclass
class TaskList:
    id: str
    clock: Any
    title: str = "My Tasks"
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    page: int = 100
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def put(self, task: dict[str, Any]) -> str:
        """A new task, or another version of one; returns its id."""
        number = next(self._numbers)
        id = str(task.get("id") or f"task{number:06}")
        now = datetime.fromtimestamp(self.clock(), UTC)
        updated = f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03}Z"
        self.tasks[id] = {
            "kind": "tasks#task", "status": "needsAction", **task, "id": id, "etag": f'"{number}"', "updated": updated,
        }  # fmt: skip
        return id

    def done(self, id: str, at: str) -> None:
        """As Google's own apps do it, which hide the task as well."""
        self.put({**self.tasks[id], "status": "completed", "completed": at, "hidden": True})

    def delete(self, id: str) -> None:
        self.put({**self.tasks[id], "deleted": True})

    def listing(self, query: Query) -> dict[str, Any]:
        def shown(name: str) -> bool:
            return query.get(f"show{name}", ["true" if name == "Completed" else "false"])[0] == "true"

        since = query.get("updatedMin", [""])[0]
        found = [
            task
            for task in self.tasks.values()
            if task["updated"] >= since
            and (shown("Deleted") or not task.get("deleted"))
            and (shown("Hidden") or not task.get("hidden"))
            and (shown("Completed") or task["status"] != "completed")
        ]
        start = int(query.get("pageToken", ["0"])[0])
        size = min(int(query.get("maxResults", ["20"])[0]), self.page)
        answer: dict[str, Any] = {"kind": "tasks#tasks", "etag": '"x"'}
        if found[start : start + size]:
            answer["items"] = found[start : start + size]
        return {**answer, "nextPageToken": str(start + size)} if start + size < len(found) else answer

    def get(self, id: str) -> dict[str, Any] | Refusal:
        return self.tasks.get(id) or errors.refusal(404, "Not found.", "notFound", "NOT_FOUND")
