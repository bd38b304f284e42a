"""Microsoft To Do by Graph: the contract, and what is a task that was done."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import Account, Stream
from syncd.model import CalendarObject, Task
from tests.connectors.calendar_contract import CalendarContract, CalendarWorld
from tests.connectors.graph_worlds import GraphWorld, graph_world
from tests.servers.fake_graph import Cloud
from tests.servers.fake_graph_todo import ListedTask, ToDo

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@dataclass
class TaskWorld(CalendarWorld):
    mail: GraphWorld
    several_batches: int = 12
    tasks: dict[str, ListedTask] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def todo(self) -> ToDo:
        return self.mail.cloud.graph.todos["anna@example.com"]

    def account(self) -> Account:
        return self.mail.account()

    def stream(self, account: Account) -> Stream:
        return next(stream for stream in account.streams() if stream.name == "tasks")

    def add(self, count: int) -> list[str]:
        made = [self.todo.add(f"Task {next(self._numbers):06}") for _ in range(count)]
        added = {f"{self.todo.task_id(task)}@todo.microsoft.com": task for task in made}
        self.tasks |= added
        return [*added]

    def change(self, key: str) -> None:
        self.todo.change(self.tasks[key], importance="high")

    def remove(self, key: str) -> None:
        self.todo.remove(self.tasks[key])

    def renumber(self) -> None:
        """The list has another id."""
        self.todo.generation += 1

    def revoke(self) -> None:
        self.mail.revoke()

    def vanish(self) -> None:
        self.mail.vanish()

    def found(self) -> list[Task]:
        stream = self.stream(self.account())
        items = [item for item in stream.read([*stream.inventory()], text=True) if isinstance(item, CalendarObject)]
        return [part for item in items for part in item.parts if isinstance(part, Task)]


@pytest.fixture
def world(microsoft: Cloud) -> Iterator[TaskWorld]:
    microsoft.login.roles |= {"Tasks.Read.All"}
    microsoft.login.consented |= {"Tasks.Read"}
    with graph_world(microsoft) as mail:
        mail.since, mail.now = NOW - timedelta(days=180), NOW
        mail.settings = replace(mail.settings, read=("tasks",))
        yield TaskWorld(mail)


class TestContract(CalendarContract):
    @pytest.fixture
    def world(self, world: TaskWorld) -> CalendarWorld:
        world.mail.settings = replace(world.mail.settings, read=("mail", "tasks"))
        world.mail.as_person()
        return world


def test_a_task_is_done_when_its_owner_says_so(world: TaskWorld) -> None:
    at = datetime(2026, 11, 20, 15, tzinfo=UTC)
    world.todo.add("Call zoe@client.example", done_at=at, body="About the offer.")
    world.todo.add("Call Ben")
    done, open_ = world.found()
    assert (done.done, done.done_at, done.subject) == (True, at, "Call zoe@client.example")
    assert done.text.strip() == "About the offer."
    assert (open_.done, open_.done_at) == (False, None)


def test_what_was_done_before_the_window_is_left_alone(world: TaskWorld) -> None:
    world.todo.add("Old", done_at=NOW - timedelta(days=200))
    assert world.found() == []


def test_flagged_mail_and_the_lists_of_others_are_not_read(world: TaskWorld) -> None:
    world.todo.add_list("Ben's", isOwner=False)
    found = {stream.name.partition(" (")[0]: stream.excluded for stream in world.account().streams()}
    assert found == {"tasks": "", "tasks Flagged Emails": "repeats mail", "tasks Ben's": "another's"}


def test_tasks_are_not_asked_for_unless_they_are_named(world: TaskWorld) -> None:
    world.mail.settings = replace(world.mail.settings, read=("mail", "calendar"))
    assert "tasks" not in {stream.kind for stream in world.account().streams()}
    assert not any("/todo" in request.url for request in world.mail.cloud.graph.requests)


def test_a_right_that_is_missing_is_told(world: TaskWorld) -> None:
    world.mail.cloud.login.roles = frozenset({"Mail.Read"})
    account = world.mail.account()
    assert account.streams() == []
    assert any("tasks are not read" in warning for warning, _ in account.grant().warnings)
