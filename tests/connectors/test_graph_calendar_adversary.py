"""Whatever goes wrong while a calendar at Graph is read, in any order: it ends up as the server has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from connectors import graph_calendar
from connectors.base import Stream
from syncd.errors import CursorExpired, Retryable
from syncd.model import Batch, CalendarObject, Cursor, Event, Item, ItemId, Removed
from tests.connectors.graph_worlds import GraphWorld, graph_world
from tests.servers.fake_graph import Cloud, too_many
from tests.servers.fake_graph_calendar import Agenda
from tests.servers.fake_graph_http import Answer, Request
from tests.servers.fake_graph_query import Refused, failure

SEEDS = range(8)
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAY = timedelta(days=1)

Known = dict[str, tuple[datetime, str]]


@pytest.fixture
def world(microsoft: Cloud) -> Iterator[GraphWorld]:
    with graph_world(microsoft) as world:
        world.since, world.now = NOW - 30 * DAY, NOW
        yield world


@dataclass
class Store:
    """What a caller keeps: the objects, and the cursor."""

    world: GraphWorld
    objects: dict[ItemId, CalendarObject] = field(default_factory=dict)
    cursor: Cursor | None = None

    def whole_pass(self, *, most: int) -> int:
        """One pass, killed after `most` batches; returns how many there were."""
        account = self.world.account()
        number = 0
        try:
            stream = next(stream for stream in account.streams() if stream.name == "calendar")
            for number, batch in enumerate(stream.changes(self.cursor), 1):
                self._save(batch, stream)
                if number >= most:
                    break
        except CursorExpired:
            self.cursor = None
            number += 1
        except Retryable:
            number += 1
        finally:
            account.close()
        return number

    def _save(self, batch: Batch, stream: Stream) -> None:
        self.take(batch.items)
        if batch.versions is not None:
            kept = {id_: found.version for id_, found in self.objects.items()}
            stale = [id_ for id_, version in batch.versions.items() if kept.get(id_) != version]
            self.take(stream.read(stale, text=True))
            self.objects = {id_: found for id_, found in self.objects.items() if id_ in batch.versions}
        self.cursor = batch.cursor

    def take(self, items: Iterable[Item]) -> None:
        for item in items:
            if isinstance(item, CalendarObject):
                self.objects[item.id] = item
            elif isinstance(item, Removed):
                self.objects.pop(item.id, None)

    @property
    def known(self) -> Known:
        parts = [part for found in self.objects.values() for part in found.parts if isinstance(part, Event)]
        return {f"{part.uid} {part.original_start}": (part.starts_at, part.subject) for part in parts}


def _truth(agenda: Agenda, begins: datetime, ends: datetime) -> Known:
    truth: Known = {}
    for meeting in agenda.meetings.values():
        for start in meeting.occurrences(begins, ends):
            original = f"{start:%Y%m%dT%H%M%SZ}" if meeting.is_series else ""
            truth[f"{meeting.uid} {original}"] = (meeting.at(start), str(meeting.fields["subject"]))
    return truth


@dataclass
class Story:
    world: GraphWorld
    dice: Random
    made: int = 0

    @property
    def agenda(self) -> Agenda:
        return self.world.cloud.graph.agendas["anna@example.com"]

    def happen(self) -> None:
        agenda, dice = self.agenda, self.dice
        start = NOW + timedelta(hours=dice.randrange(-24 * 60, 24 * 100))
        if dice.random() < 0.4 or not agenda.meetings:
            self.made += 1
            count = dice.choice([1, 1, 2, 15])
            agenda.add(f"{self.made}@example.org", [start + number * DAY for number in range(count)])
            return
        meeting = dice.choice([*agenda.meetings.values()])
        one = dice.choice(meeting.starts)
        match dice.randrange(4):
            case 0:
                agenda.remove(meeting)
            case 1:
                agenda.move(meeting, one, start)
            case 2 if meeting.is_series:
                agenda.delete_occurrence(meeting, one)
            case _:
                agenda.change(meeting, subject=f"Subject {dice.randrange(1000)}")

    def trouble(self, request: Request) -> Answer | None:
        views = self.world.cloud.graph.views
        views.empty_pages, views.ends_empty = self.dice.random() < 0.3, self.dice.random() < 0.3
        match self.dice.randrange(30):
            case 0:
                return too_many(3600)
            case 1:
                return failure(500, "ErrorInternalServerError", "An internal server error occurred.")
            case 2:
                views.expire(Refused(410, "SyncStateNotFound", "It is not found."))
            case 3:
                self.world.cloud.graph.part_troubles = [too_many(0), None, failure(502, "generalException", "Oops.")]
            case 4:
                self.happen()
        return None


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_goes_wrong_the_calendar_is_as_the_server_has_it(
    world: GraphWorld, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_calendar, "PAGE", 5)
    monkeypatch.setattr(graph_calendar, "IDS", 7)
    graph, dice = world.cloud.graph, Random(seed)
    story, store = Story(world, dice), Store(world)
    graph.hook = story.trouble
    for _ in range(12):
        story.happen()
        store.whole_pass(most=dice.choice([1, 2, 9]))
        if dice.random() < 0.2:
            world.now += timedelta(hours=dice.randrange(30))
    graph.hook = lambda request: None
    graph.part_troubles.clear()
    world.now += 2 * DAY  # the window rolls, and all is compared
    world.since += 2 * DAY
    while store.whole_pass(most=9):
        pass
    due = [id_ for id_, found in store.objects.items() if found.next_at and found.next_at < world.now + 60 * DAY]
    account = world.account()
    stream = next(stream for stream in account.streams() if stream.name == "calendar")
    store.take(stream.read(due, text=True))
    truth = _truth(story.agenda, world.since, world.now + 60 * DAY)
    assert {key: told for key, told in store.known.items() if told[0] >= world.since} == truth
