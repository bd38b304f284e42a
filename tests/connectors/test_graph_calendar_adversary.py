"""Whatever goes wrong while a calendar at Graph is read, in any order: it ends up as the server has it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from connectors import graph_calendar
from syncd.model import Event
from tests.connectors.graph_stories import SEEDS, Keeper, Trouble
from tests.connectors.graph_worlds import USER, GraphWorld, graph_world
from tests.servers.fake_graph import Cloud
from tests.servers.fake_graph_calendar import Agenda

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CALENDAR = "calendar"

Known = dict[str, tuple[datetime, str]]
"""UID and original start -> start and subject."""


@pytest.fixture
def world(another_microsoft: Cloud) -> Iterator[GraphWorld]:
    with graph_world(another_microsoft) as world:
        world.since, world.now = NOW - 30 * DAY, NOW
        world.settings = replace(world.settings, read=("calendar",))
        yield world


def _known(keeper: Keeper) -> Known:
    parts = [part for found in keeper.objects.values() for part in found.parts if isinstance(part, Event)]
    return {f"{part.uid} {part.original_start}": (part.starts_at, part.subject) for part in parts}


def _truth(agenda: Agenda, begins: datetime, ends: datetime) -> Known:
    truth: Known = {}
    for meeting in agenda.meetings.values():
        for start in meeting.occurrences(begins, ends):
            original = f"{start:%Y%m%dT%H%M%SZ}" if meeting.is_series else ""
            truth[f"{meeting.uid} {original}"] = (meeting.at(start), str(meeting.fields["subject"]))
    return truth


def _within(known: Known, begins: datetime, ends: datetime) -> Known:
    return {key: told for key, told in known.items() if begins <= told[0] < ends}


@dataclass
class Meetings:
    agenda: Agenda
    dice: Random
    made: int = 0

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


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_goes_wrong_the_calendar_is_as_the_server_has_it(
    world: GraphWorld, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_calendar, "PAGE", 5)
    monkeypatch.setattr(graph_calendar, "IDS", 7)
    dice, keeper = Random(seed), Keeper()
    meetings = Meetings(world.cloud.graph.agendas[USER], dice)
    trouble = Trouble(world, dice, meetings.happen)
    trouble.begin(monkeypatch)
    for _ in range(10):
        meetings.happen()
        trouble.read(CALENDAR, keeper)
        if dice.random() < 0.2:
            trouble.sleep(timedelta(hours=dice.randrange(30)))
    trouble.stop()
    trouble.settle(CALENDAR, keeper)
    always = (world.since, NOW + 60 * DAY)  # in the window at every pass
    assert _within(_known(keeper), *always) == _within(_truth(meetings.agenda, *always), *always)
    trouble.sleep(2 * DAY)  # the window rolls, and all is compared
    world.since += 2 * DAY
    trouble.restart()
    trouble.settle(CALENDAR, keeper)
    ends = world.now + 60 * DAY
    due = [id_ for id_, found in keeper.objects.items() if found.next_at and found.next_at < ends]
    stream = next(stream for stream in trouble.streams() if stream.name == CALENDAR)
    keeper.take(stream.read(due, text=True))
    trouble.restart()
    assert _within(_known(keeper), world.since, ends) == _truth(meetings.agenda, world.since, ends)
    assert trouble.asked_too_soon == []
