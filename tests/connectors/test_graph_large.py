"""What is large at Graph, or lasts for years, is read all the same, by pieces."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from connectors import graph_calendar, graph_client, graph_mail
from connectors.base import Stream
from connectors.graph_mail import PAGE
from syncd.model import CalendarObject, Event, Unreadable
from tests.connectors.contract import Reader
from tests.connectors.graph_worlds import USER, GraphWorld, graph_world
from tests.servers.fake_graph import Cloud
from tests.servers.fake_graph_calendar import Agenda
from tests.servers.fake_graph_http import Request

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
DAY = timedelta(days=1)
FIVE_YEARS = [datetime(2024, 1, 1, 9, tzinfo=UTC) + number * DAY for number in range(5 * 365)]


@pytest.fixture
def world(microsoft: Cloud) -> Iterator[GraphWorld]:
    with graph_world(microsoft) as world:
        world.now = NOW
        yield world


@pytest.fixture
def agenda(world: GraphWorld) -> Agenda:
    return world.cloud.graph.agendas[USER]


def _calendar(world: GraphWorld) -> Stream:
    return next(stream for stream in world.account().streams() if stream.name == "calendar")


def _read(stream: Stream) -> list[CalendarObject | Unreadable]:
    items = stream.read([*stream.inventory()], text=True)
    return [item for item in items if isinstance(item, CalendarObject | Unreadable)]


def _events(found: CalendarObject | Unreadable) -> list[Event]:
    return [part for part in found.parts if isinstance(part, Event)] if isinstance(found, CalendarObject) else []


def test_a_page_of_mail_that_is_too_large_is_asked_for_in_halves(
    world: GraphWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_client, "LIMIT", 100_000)
    keys = world.add(PAGE)
    for key in keys:
        world.mails[key].headers.append(("X-Large", "x" * 5000))
    reader = Reader(world)
    reader.whole_pass()
    assert reader.keys == keys


def test_a_text_comes_once_with_a_series_and_not_with_each_occurrence(world: GraphWorld, agenda: Agenda) -> None:
    agenda.add("daily@example.org", FIVE_YEARS, body="What is new? " * 100)
    stream = _calendar(world)
    world.cloud.graph.answers.clear()
    (found,) = _read(stream)
    texts = {id(event.text) for event in _events(found)}
    assert len(_events(found)) > 365
    assert len(texts) == 1
    given = [
        entry for kind, body in world.cloud.graph.answers for entry in body.get("value", [body]) if kind == "event"
    ]
    assert sum("body" in entry for entry in given) == 1


def test_an_occurrence_that_was_changed_by_itself_has_its_own_text(world: GraphWorld, agenda: Agenda) -> None:
    starts = [NOW - number * DAY for number in range(5)]
    meeting = agenda.add("series@example.org", starts, body="As always.")
    meeting.exceptions[starts[2]] = {"body": {"contentType": "text", "content": "For once about the offer."}}
    (found,) = _read(_calendar(world))
    assert [event.text.strip() for event in sorted(_events(found), key=lambda event: event.starts_at)] == [
        "As always.", "As always.", "For once about the offer.", "As always.", "As always.",
    ]  # fmt: skip


def test_a_series_with_a_crowd_is_read_in_smaller_pages(
    world: GraphWorld, agenda: Agenda, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_client, "LIMIT", 200_000)
    crowd = [(f"guest{number}@client.example", "accepted") for number in range(60)]
    agenda.add("all-hands@example.org", [NOW - number * DAY for number in range(100)], attendees=crowd)
    (found,) = _read(_calendar(world))
    assert len(_events(found)) == 100
    assert {len(event.participants) for event in _events(found)} == {61}


def test_a_series_that_no_page_can_hold_is_told_and_keeps_no_other_from_being_read(
    world: GraphWorld, agenda: Agenda, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_client, "LIMIT", 60_000)
    crowd = [(f"guest{number}@client.example", "accepted") for number in range(60)]
    agenda.add("all-hands@example.org", [NOW - number * DAY for number in range(100)], attendees=crowd)
    agenda.add("review@example.org", [NOW])
    found = _read(_calendar(world))
    assert [type(each) for each in found] == [Unreadable, CalendarObject]
    assert "too large" in str(found[0])


def _on(world: GraphWorld, part: str, number: int, happen: Callable[[], object]) -> None:
    """Have it happen as the page with this number of such a listing is asked for."""
    asked = itertools.count(1)

    def hook(request: Request) -> None:
        if part in request.url and next(asked) == number:
            happen()

    world.cloud.graph.hook = hook


def test_what_leaves_during_the_listing_of_a_folder_hides_nothing_else(
    world: GraphWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_mail, "IDS", 10)
    keys = world.add(25)
    reader = Reader(world)
    _on(world, "messages?$select=id&$top=10", 2, lambda: world.remove(keys[-1]))
    reader.whole_pass()
    reader.whole_pass()
    assert reader.keys == keys[:-1]


def test_what_leaves_during_the_listing_of_a_calendar_hides_nothing_else(
    world: GraphWorld, agenda: Agenda, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_calendar, "IDS", 10)
    world.since = NOW - 30 * DAY
    meetings = [agenda.add(f"{number}@example.org", [NOW - number * DAY]) for number in range(25)]
    _on(world, "/events?$select=id,changeKey", 2, lambda: agenda.remove(meetings[0]))
    (batch,) = _calendar(world).changes(None)
    assert {agenda.meeting_id(meeting) for meeting in meetings} <= (batch.versions or {}).keys()


def test_a_daily_series_of_five_years_is_each_of_its_days_once(world: GraphWorld, agenda: Agenda) -> None:
    world.since = FIVE_YEARS[0] - DAY
    meeting = agenda.add("daily@example.org", FIVE_YEARS)
    agenda.move(meeting, FIVE_YEARS[10], FIVE_YEARS[10] + timedelta(hours=5))
    agenda.delete_occurrence(meeting, FIVE_YEARS[20])
    (found,) = _read(_calendar(world))
    assert isinstance(found, CalendarObject)
    held = {event.original_start: event.starts_at for event in _events(found)}
    within = [start for start in FIVE_YEARS if start < found.ends and start != FIVE_YEARS[20]]
    assert len(_events(found)) == len(held)
    assert held == {f"{start:%Y%m%dT%H%M%SZ}": meeting.at(start) for start in within}
    assert found.next_at == min(start for start in FIVE_YEARS if start >= found.ends)
