"""Google's task lists as streams: no sync token is to be had, so the time of the last change stands for one.

What was deleted long ago is told by nobody; once a day all is listed and compared.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors import google_errors as errors
from connectors.google_api import Caller, Resource, api, pages
from connectors.google_opening import Opening
from connectors.google_settings import Settings
from connectors.mime_words import clean, clean_lines
from syncd.errors import CursorExpired
from syncd.model import Batch, CalendarObject, Cursor, Item, ItemId, Removed, Task

MEANING = 1
"""Raised when this module learns something: all tasks are read again."""

_PAGE = 100
_COMPARED = timedelta(days=1)
_AHEAD = timedelta(days=60)
_SUBJECT, _TEXT = 1000, 100_000
_TASK = "id,etag,title,notes,status,due,completed,updated,deleted"


@dataclass(frozen=True, slots=True)
class _Place:
    updated: str
    """The latest change that was told, as Google writes it; empty of a list that held nothing."""
    told: list[str]
    """Those that changed at just that time, with their etags: they come again each time."""
    compared_at: str
    meaning: int = MEANING

    def cursor(self) -> Cursor:
        return Cursor(json.dumps(asdict(self)))


def _place(cursor: Cursor) -> _Place:
    try:
        found = _Place(**json.loads(cursor))
        datetime.fromisoformat(found.compared_at)
        "".join(found.told)
    except (ValueError, TypeError) as error:
        raise CursorExpired("the cursor of the tasks cannot be read") from error
    if found.meaning != MEANING:
        raise CursorExpired("all tasks are read again, since syncd has learnt something")
    return found


class Tasks:
    """The few methods of the Tasks API that are called, for one account."""

    def __init__(self, caller: Caller, settings: Settings) -> None:
        self._caller = caller
        self._api = api("tasks", "v1", "Google Tasks API", settings.endpoint)
        self._lists = self._api.collection("tasklists")
        self._tasks = self._api.collection("tasks")

    def lists(self) -> Iterator[Resource]:
        fields = "nextPageToken,items(id,title)"
        for each in pages(lambda place: self._listed(self._lists, fields=fields, **place)):
            yield from each.get("items") or ()

    def changed(self, tasklist: str, since: str) -> list[Resource]:
        """Since a time (inclusive), or all, deleted ones too; without showHidden, what was done in Google's own apps is
        left out."""
        shown = {"showCompleted": True, "showHidden": True, "showAssigned": True, "showDeleted": True}
        after = {"updatedMin": since} if since else {}
        wanted = {"tasklist": tasklist, "fields": f"nextPageToken,items({_TASK})", **shown, **after}
        listed = pages(lambda place: self._listed(self._tasks, **wanted, **place))
        return [task for each in listed for task in each.get("items") or ()]

    def _listed(self, collection: Any, **parameters: str | int) -> Resource:
        return self._caller.call(self._api, collection.list(maxResults=_PAGE, **parameters), cost=1)

    def task(self, tasklist: str, id: str) -> Resource:
        """Raises Missing for what is gone."""
        return self._caller.call(self._api, self._tasks.get(tasklist=tasklist, task=id, fields=_TASK), cost=1)


class TaskStream:
    kind = "tasks"
    excluded = ""

    def __init__(
        self, listed: Resource, tasks: Callable[[], Tasks], since: Callable[[], datetime], now: Callable[[], datetime]
    ) -> None:
        self.name = f"tasks {listed['id']}"
        self._id = str(listed["id"])
        self._opened = tasks
        self._since = since
        self._now = now

    def changes(self, cursor: Cursor | None) -> Iterator[Batch]:
        place = _place(cursor) if cursor is not None else None
        if place is None or self._is_due(place):
            yield self._all()
            return
        found = self._changed(place.updated)
        new = [task for task in found if _key(task) not in place.told]
        if new:
            updated = _latest(found, place.updated)
            told = _Place(updated, _at(found, updated), place.compared_at)
            yield Batch(items=tuple(map(self._item, new)), cursor=told.cursor())

    def read(self, ids: Sequence[ItemId], *, text: bool) -> Iterator[Item]:
        for id in ids:
            try:
                yield self._item(self._opened().task(self._id, id))
            except errors.Missing:
                yield Removed(id)

    def inventory(self) -> Iterator[ItemId]:
        yield from map(ItemId, _present(self._changed("")))

    def _all(self) -> Batch:
        """The ids and versions of everything; what has changed since the first page of it is told the next time."""
        began = self._now().astimezone(UTC)
        found = self._changed("")
        updated = _latest(found, "")  # by Google's clock alone: ours may be ahead, and what comes now would be missed
        place = _Place(updated, _at(found, updated), began.isoformat())
        versions = {ItemId(id): _version(each) for id, each in _present(found).items()}
        return Batch(items=(), versions=versions, cursor=place.cursor())

    def _changed(self, since: str) -> list[Resource]:
        try:
            return self._opened().changed(self._id, since)
        except errors.Missing as error:
            raise errors.SourceGone(self.name) from error

    def _is_due(self, place: _Place) -> bool:
        """Whether all must be compared; a clock that was set back does not put it off."""
        return not timedelta(0) <= self._now() - datetime.fromisoformat(place.compared_at) <= _COMPARED

    def _item(self, task: Resource) -> Item:
        id = ItemId(str(task["id"]))
        if task.get("deleted"):
            return Removed(id)
        done = task.get("status") == "completed"
        begins, at = self._since(), _instant(str(task.get("completed" if done else "due") or ""))
        part = Task(
            id=id,
            uid=f"{id}@tasks.google.com",
            done=done,
            done_at=at,
            subject=clean(str(task.get("title") or ""), _SUBJECT),
            text=clean_lines(str(task.get("notes") or "")[:_TEXT]).strip(),
        )
        is_old = done and at is not None and at < begins
        return CalendarObject(
            id=id,
            version=_version(task),
            parts=() if is_old else (part,),
            begins=begins,
            ends=self._now() + _AHEAD,
            nothing="it was done before the time that is read" if is_old else "",
        )


def _present(tasks: Sequence[Resource]) -> dict[str, Resource]:
    """By id, what is not deleted."""
    return {str(each["id"]): each for each in tasks if not each.get("deleted")}


def _version(task: Resource) -> str:
    return f"{MEANING}.{task.get('etag', '')}"


def _updated(task: Resource) -> str:
    """RFC 3339 in UTC with three decimals, so that letters sort as times."""
    return str(task.get("updated") or "")


def _latest(tasks: Sequence[Resource], least: str) -> str:
    return max([least, *map(_updated, tasks)])


def _at(tasks: Sequence[Resource], updated: str) -> list[str]:
    return sorted(_key(each) for each in tasks if _updated(each) == updated)


def _key(task: Resource) -> str:
    return f"{task['id']} {task.get('etag', '')}"


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None


class TaskSource:
    """The task lists of one account."""

    name = "tasks"
    scopes = frozenset({"https://www.googleapis.com/auth/tasks.readonly"})

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._tasks: Tasks | None = None

    def streams(self) -> Sequence[TaskStream]:
        context = self._opening.context
        return [TaskStream(each, self._opened, context.since, context.now) for each in self._opened().lists()]

    def close(self) -> None:
        self._tasks = None

    def _opened(self) -> Tasks:
        if self._tasks is None:
            self._tasks = Tasks(self._opening.caller(self.scopes, of="tasks"), self._opening.settings)
        return self._tasks
