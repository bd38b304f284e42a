"""The lists of Microsoft To Do as streams.

Their delta is documented to need the right to write, which is never asked for: the ids and etags of a list are listed
at each pass, one request for 500 tasks, and the caller reads what differs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from connectors.graph_client import Graph, Part, query
from connectors.graph_errors import Missing, code_of
from connectors.graph_event import moment
from connectors.graph_message import body_text, instant, line
from connectors.graph_place import Place, place
from syncd.errors import Retryable
from syncd.model import PARSER_VERSION, Batch, CalendarObject, Cursor, Item, ItemId, Removed, Task, Unreadable

IDS = 500
_SELECT = "id,title,status,body,completedDateTime,dueDateTime,lastModifiedDateTime"
_REPEATS = {"flaggedEmails": "repeats mail"}
_SUBJECT_LIMIT = 1000
_AHEAD = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class TaskList:
    id: str
    name: str
    excluded: str = ""


def task_lists(graph: Graph) -> Sequence[TaskList]:
    path = f"{graph.mailbox}/todo/lists{query(top='100')}"
    return [_task_list(entry) for page in graph.pages(path) for entry in page.value]


def _task_list(entry: Mapping[str, Any]) -> TaskList:
    """Named by its id, as two may be called the same, and a name changes with the language of Outlook."""
    known = str(entry.get("wellknownListName") or "")
    reason = "another's" if entry.get("isOwner") is False else _REPEATS.get(known, "")
    name = "tasks" if known == "defaultList" else f"tasks {line(entry.get('displayName'))} ({str(entry['id'])[-12:]})"
    return TaskList(str(entry["id"]), name, reason)


class TaskStream:
    kind = "tasks"

    def __init__(self, found: TaskList, graph: Graph, since: datetime, now: datetime) -> None:
        self.name = found.name
        self.excluded = found.excluded
        self._id = found.id
        self._graph = graph
        self._since = since
        self._now = now
        self._path = f"{graph.mailbox}/todo/lists/{quote(found.id)}/tasks"

    def changes(self, cursor: Cursor | None) -> Iterator[Batch]:
        here = place(cursor, self._id) if cursor is not None else None
        try:
            versions = self._versions()
        except Missing as error:
            raise Retryable(f"the list {self.name} has gone meanwhile", cure="nothing: the next pass sees") from error
        digest = _digest(versions)
        if here is None or here.link != digest:
            told = Place(folder=self._id, link=digest, at=self._now.isoformat(), done=True)
            yield Batch(items=(), versions=versions, cursor=told.cursor(), epoch=self._id)

    def read(self, ids: Sequence[ItemId], *, text: bool) -> Iterator[Item]:
        parts = self._graph.batch([f"{self._path}/{quote(id_)}{query(select=_SELECT)}" for id_ in ids])
        for id_, part in zip(ids, parts, strict=True):
            yield self._item(id_, part)

    def inventory(self) -> Iterator[ItemId]:
        return iter(self._versions())

    def _versions(self) -> dict[ItemId, str]:
        path = self._path + query(select="id,lastModifiedDateTime", top=str(IDS))
        entries = [entry for page in self._graph.pages(path) for entry in page.value]
        return {ItemId(str(entry["id"])): _version(entry) for entry in entries}

    def _item(self, id_: ItemId, part: Part) -> Item:
        if part.ok and isinstance(part.body, Mapping):
            return self._object(id_, part.body)
        code, words = code_of(part.body)
        if part.status == 404 or code.lower() == "errorinvalididmalformed":
            return Removed(id_)
        return Unreadable(id_, f"Graph says {part.status} {code}: {words}")

    def _object(self, id_: ItemId, entry: Mapping[str, Any]) -> CalendarObject:
        done = entry.get("status") == "completed"
        changed = instant(entry.get("lastModifiedDateTime"))
        at = moment(entry.get("completedDateTime")) or changed if done else moment(entry.get("dueDateTime"))
        body = entry.get("body")
        made = Task(
            id=id_,
            uid=f"{id_}@todo.microsoft.com",
            done=done,
            done_at=at,
            subject=line(entry.get("title"))[:_SUBJECT_LIMIT],
            text=body_text(body) if isinstance(body, Mapping) else "",
        )
        is_old = done and at is not None and at < self._since
        return CalendarObject(
            id=id_,
            version=_version(entry),
            parts=() if is_old else (made,),
            begins=self._since,
            ends=self._now + _AHEAD,
            nothing="it was done before the time that is read" if is_old else "",
        )


def _version(entry: Mapping[str, Any]) -> str:
    """A task has no change key; the time of its last change has seven digits of a second."""
    return f"{entry.get('lastModifiedDateTime')}|{PARSER_VERSION}"


def _digest(versions: Mapping[ItemId, str]) -> str:
    whole = "\n".join(f"{item} {version}" for item, version in sorted(versions.items()))
    return hashlib.blake2s(whole.encode(), digest_size=8).hexdigest()
