"""Google's task lists as streams, on a faithful fake: the contract, and what only Google does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.google_tasks import TaskSource
from syncd.errors import Retryable
from syncd.model import CalendarObject, Task
from tests.connectors.calendar_contract import CalendarContract, CalendarWorld
from tests.connectors.contract import Reader
from tests.connectors.google_worlds import NOW, USER, GmailWorld
from tests.servers.fake_google import FakeGoogle

SINCE = NOW - timedelta(days=180)


@dataclass
class TaskWorld(GmailWorld, CalendarWorld):
    several_batches: int = 30

    def __post_init__(self) -> None:
        super().__post_init__()
        self.settings = replace(self.settings, read=("tasks",))
        self.since = SINCE
        self.sign_in(*TaskSource.scopes)
        self.tasks = self.fake.task_list(USER)

    def add(self, count: int) -> list[str]:
        keys = []
        for number in range(count):
            keys.append(f"{self.tasks.put({'title': f'Task {number}'})}@tasks.google.com")
            self.fake.clock.sleep(1)
        return keys

    def remove(self, key: str) -> None:
        self.tasks.delete(key.partition("@")[0])
        self.fake.clock.sleep(1)

    def change(self, key: str) -> None:
        held = self.tasks.tasks[key.partition("@")[0]]
        self.tasks.put({**held, "title": "Another title"})
        self.fake.clock.sleep(1)

    def renumber(self) -> None:
        """There are no tokens to forget: what is told is told by time. Half a day passes."""
        self.fake.clock.sleep(43_200)


class TestTheContract(CalendarContract):
    @pytest.fixture
    def world(self, google: FakeGoogle) -> CalendarWorld:
        world = TaskWorld(google)
        world.tasks.page = 7
        return world


def test_a_task_that_was_done_in_googles_own_app_is_done(google: FakeGoogle) -> None:
    world = TaskWorld(google)
    id = world.tasks.put({"title": "Call Zoe", "notes": "zoe@client.example", "due": "2026-11-27T00:00:00.000Z"})
    reader = Reader(world)
    reader.whole_pass()
    world.fake.clock.sleep(60)
    world.tasks.done(id, "2026-11-20T12:01:00.000Z")
    ((item,),) = [batch.items for batch in reader.whole_pass()]
    assert isinstance(item, CalendarObject)
    (task,) = item.parts
    assert isinstance(task, Task)
    assert (task.done, task.done_at) == (True, datetime(2026, 11, 20, 12, 1, tzinfo=UTC))
    assert (task.subject, task.text) == ("Call Zoe", "zoe@client.example")


def test_a_task_that_was_done_before_the_window_says_why_it_is_nothing(google: FakeGoogle) -> None:
    world = TaskWorld(google)
    id = world.tasks.put({"title": "Old"})
    world.tasks.done(id, "2020-01-01T00:00:00.000Z")
    ((item,),) = [batch.items for batch in Reader(world).whole_pass()]
    assert isinstance(item, CalendarObject)
    assert (item.parts, item.nothing) == ((), "it was done before the time that is read")


def test_a_list_that_its_owner_takes_away_passes(google: FakeGoogle) -> None:
    world = TaskWorld(google)
    account = world.account()
    stream = world.stream(account)
    (batch,) = stream.changes(None)
    google.task_lists[USER].clear()
    for cursor in (batch.cursor, None):
        with pytest.raises(Retryable, match="no longer has tasks list1"):
            list(stream.changes(cursor))
    google.clock.sleep(1000)
    assert list(account.streams()) == []


def test_once_a_day_all_tasks_are_compared(google: FakeGoogle) -> None:
    world = TaskWorld(google)
    keys = world.add(3)
    reader = Reader(world)
    reader.whole_pass()
    del world.tasks.tasks[keys[0].partition("@")[0]]  # purged: no one will ever tell
    world.fake.clock.sleep(2 * 86_400)
    reader.whole_pass()
    assert reader.keys == sorted(keys[1:])


def test_a_clock_that_was_ahead_puts_no_comparison_off_and_hides_no_task_that_comes(google: FakeGoogle) -> None:
    world = TaskWorld(google)
    reader = Reader(world)
    world.skew = 365 * 86_400.0
    reader.whole_pass()  # of an empty list
    world.skew = 0.0
    keys = world.add(2)
    reader.whole_pass()
    assert reader.keys == sorted(keys)
