"""Microsoft To Do, as Graph shows it: lists and their tasks; its delta is refused to who may only read."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.servers import fake_graph_query as queries
from tests.servers.fake_graph_calendar import moment
from tests.servers.fake_graph_http import Json, Request
from tests.servers.fake_graph_mail import opaque
from tests.servers.fake_graph_query import Refused
from tests.servers.fake_graph_views import page

_BEGAN = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass(slots=True, eq=False)
class ListedTask:
    key: int
    home: str
    fields: Json


@dataclass(slots=True)
class ToDo:
    address: str
    lists: dict[str, Json] = field(default_factory=dict)
    tasks: dict[int, ListedTask] = field(default_factory=dict)
    generation: int = 1
    """Raised when all lists get new ids."""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.add_list("Tasks", wellknownListName="defaultList")
        self.add_list("Flagged Emails", wellknownListName="flaggedEmails")

    def add_list(self, name: str, *, wellknownListName: str = "none", isOwner: bool = True) -> None:
        self.lists[name] = {
            "displayName": name,
            "isOwner": isOwner,
            "isShared": not isOwner,
            "wellknownListName": wellknownListName,
        }

    def add(self, title: str, *, home: str = "Tasks", done_at: datetime | None = None, body: str = "") -> ListedTask:
        made = ListedTask(next(self._numbers), home, {"title": title, "status": "notStarted", "importance": "normal"})
        made.fields["body"] = {"contentType": "text", "content": body}
        made.fields["createdDateTime"] = _BEGAN.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.tasks[made.key] = made
        self.change(made)
        if done_at:
            self.complete(made, done_at)
        return made

    def change(self, task: ListedTask, **fields: object) -> None:
        at = _BEGAN + timedelta(seconds=next(self._numbers))
        task.fields.update(fields)
        task.fields["lastModifiedDateTime"] = f"{at:%Y-%m-%dT%H:%M:%S}.1234567Z"

    def complete(self, task: ListedTask, at: datetime) -> None:
        self.change(task, status="completed", completedDateTime=moment(at))

    def remove(self, task: ListedTask) -> None:
        del self.tasks[task.key]

    # ------------------------------------------------------------------------------------------------------ looking

    def answer(self, request: Request, origin: str, path: Sequence[str]) -> tuple[str, Json]:
        """The type of what is given, and that."""
        match path:
            case []:
                entries = [{"id": self._list_id(name), **told} for name, told in self.lists.items()]
                return "todoTaskList", page(request, origin, entries)
            case [list_id, "tasks"]:
                there = [task for task in self.tasks.values() if self._list_id(task.home) == list_id]
                if list_id not in map(self._list_id, self.lists):
                    raise _missing()
                entries = [queries.selected(self._shown(task), request.query) for task in there]
                return "todoTask", page(request, origin, entries)
            case [list_id, "tasks", "delta"]:
                raise Refused(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
            case [list_id, "tasks", id_]:
                for task in self.tasks.values():
                    if self._list_id(task.home) == list_id and self.task_id(task) == id_:
                        return "todoTask", queries.selected(self._shown(task), request.query)
                raise _missing()
        raise Refused(400, "BadRequest", f"Resource not found for the segment '{path[-1]}'.")

    def _list_id(self, name: str) -> str:
        return opaque(self.address, self.generation, "list", name)

    def task_id(self, task: ListedTask) -> str:
        return opaque(self.address, "task", task.key)

    def _shown(self, task: ListedTask) -> Json:
        changed = task.fields["lastModifiedDateTime"]
        return {"@odata.etag": f'W/"{task.key}{changed}"', "id": self.task_id(task), **task.fields}


def _missing() -> Refused:
    return Refused(404, "itemNotFound", "The specified object was not found in the store.")
