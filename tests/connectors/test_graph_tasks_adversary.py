"""Whatever goes wrong while To Do is read, in any order: the list ends up as the server has it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from connectors import graph_tasks
from syncd.model import Task
from tests.connectors.graph_stories import SEEDS, Keeper, Trouble
from tests.connectors.graph_worlds import USER, GraphWorld, graph_world
from tests.servers.fake_graph import Cloud
from tests.servers.fake_graph_todo import ListedTask, ToDo

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
TASKS = "tasks"


@pytest.fixture
def world(another_microsoft: Cloud) -> Iterator[GraphWorld]:
    another_microsoft.login.roles = frozenset({"Tasks.Read.All"})
    with graph_world(another_microsoft) as world:
        world.since, world.now = NOW - timedelta(days=30), NOW
        world.settings = replace(world.settings, read=("tasks",))
        yield world


@dataclass
class Doing:
    todo: ToDo
    dice: Random
    made: int = 0

    def happen(self) -> None:
        todo, dice = self.todo, self.dice
        if dice.random() < 0.4 or not todo.tasks:
            for _ in range(dice.randrange(1, 6)):
                self.made += 1
                todo.add(f"Task {self.made}")
            return
        task = dice.choice([*todo.tasks.values()])
        match dice.randrange(6):
            case 0 | 1:
                todo.complete(task, NOW + timedelta(hours=dice.randrange(-24 * 40, 24)))
            case 2:
                todo.change(task, status="notStarted", completedDateTime=None)
            case 3:
                todo.remove(task)
            case 4:
                todo.generation += 1
            case 5:
                todo.change(task, title=f"Renamed {dice.randrange(1000)}")

    @property
    def truth(self) -> dict[str, bool]:
        """Title -> whether it is done, of all that was not done before the window."""
        begins = NOW - timedelta(days=30)
        return {
            task.fields["title"]: task.fields["status"] == "completed"
            for task in self.todo.tasks.values()
            if (at := _done_at(task)) is None or at >= begins
        }


def _done_at(task: ListedTask) -> datetime | None:
    told = task.fields.get("completedDateTime")
    return datetime.fromisoformat(told["dateTime"][:19]).replace(tzinfo=UTC) if told else None


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_goes_wrong_the_tasks_are_as_the_server_has_them(
    world: GraphWorld, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_tasks, "IDS", 5)
    dice, keeper = Random(seed), Keeper()
    doing = Doing(world.cloud.graph.todos[USER], dice)
    trouble = Trouble(world, dice, doing.happen)
    trouble.begin(monkeypatch)
    for _ in range(10):
        doing.happen()
        trouble.read(TASKS, keeper)
    trouble.stop()
    trouble.sleep(timedelta(minutes=20))  # the lists are looked for again
    trouble.settle(TASKS, keeper)
    trouble.restart()
    parts = [part for found in keeper.objects.values() for part in found.parts if isinstance(part, Task)]
    assert {part.subject: part.done for part in parts} == doing.truth
    assert trouble.asked_too_soon == []
