"""What is large at Exchange, lasts for years or comes twice is read all the same: once, and by pieces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from connectors import ews_wire
from connectors.ews_mail import PAGE
from connectors.ews_objects import MOST_TEXT
from syncd.model import CalendarObject, Event, Item, ItemId, Message, Unreadable
from tests.connectors.contract import Reader
from tests.connectors.ews_worlds import (
    NOON,
    USER,
    EwsCalendarWorld,
    EwsWorld,
    deliver,
    exception,
    meeting,
    opened,
    series,
    settings,
)
from tests.servers.fake_ews import FakeEws, Request
from tests.servers.fake_ews_mailbox import Item as Held
from tests.servers.fake_ews_soap import NS

BEGUN = datetime(2021, 11, 22, 8, tzinfo=UTC)
DAILY = "<t:DailyRecurrence><t:Interval>1</t:Interval></t:DailyRecurrence>"
FOR_EVER = "<t:NoEndRecurrence><t:StartDate>2021-11-22</t:StartDate></t:NoEndRecurrence>"


@pytest.fixture
def world(exchange: FakeEws) -> Iterator[EwsWorld]:
    with opened(EwsWorld(exchange, settings(exchange), exchange.mailbox(USER))) as world:
        yield world


@pytest.fixture
def agenda(exchange: FakeEws) -> Iterator[EwsCalendarWorld]:
    made = EwsCalendarWorld(exchange, settings(exchange), exchange.mailbox(USER), since=NOON - timedelta(days=90))
    with opened(made):
        yield made


def asked_for(request: Request) -> int:
    """Items of one GetItem, or changes of one page."""
    most = request.payload.findtext("m:MaxChangesReturned", "0", NS)
    return int(most) or len(request.payload.findall("m:ItemIds/t:ItemId", NS))


class TestMail:
    def test_an_archive_comes_in_pieces_of_the_same_size_however_large_it_is(
        self, world: EwsWorld, exchange: FakeEws
    ) -> None:
        keys = world.add(PAGE * 6 + 1)
        sizes = [len(batch.items) for batch in Reader(world).whole_pass()]
        assert sum(sizes) == len(keys)
        assert max(sizes) == PAGE
        assert max(asked_for(each) for each in exchange.requests if each.name == "GetItem") == 10
        assert max(asked_for(each) for each in exchange.requests if each.name == "SyncFolderItems") == 512

    def test_what_a_server_tells_twice_is_the_same_item_once(self, world: EwsWorld) -> None:
        keys = world.add(PAGE + 20)
        world.mailbox.repeats = 15
        reader = Reader(world)
        batches = reader.batches(world.stream(world.account()))
        told = [item.id for _ in range(2) for item in next(batches).items]
        assert len(told) > len(set(told))
        world.mailbox.repeats = 0
        list(batches)
        reader.whole_pass()
        assert reader.keys == keys
        assert reader.whole_pass() == []

    def test_an_item_that_is_told_twice_in_one_page_is_asked_for_once(self, world: EwsWorld, exchange: FakeEws) -> None:
        items = [deliver(world.mailbox, f"{number}@example.org") for number in range(3)]
        reader = Reader(world)
        reader.whole_pass()
        for item in items:
            world.mailbox.touch(item)
        world.mailbox.repeats = 9
        asked = len(exchange.requests)
        batch = next(reader.batches(world.stream(world.account())))
        assert sorted(item.id for item in batch.items) == sorted(item.id for item in items)
        assert [asked_for(each) for each in exchange.requests[asked:] if each.name == "GetItem"] == [3]

    def test_giant_mails_are_read_one_by_one_and_what_is_too_large_alone_is_said(
        self, world: EwsWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ews_wire, "LARGEST", 60_000)
        large = [deliver(world.mailbox, f"{number}@example.org", item_Body="x" * 40_000) for number in range(3)]
        larger = deliver(world.mailbox, "larger@example.org", item_Body="x" * 80_000)
        ids = [ItemId(each.id) for each in (*large, larger)]
        items = list(world.stream(world.account()).read(ids, text=True))
        assert [type(item) for item in items] == [Message, Message, Message, Unreadable]


class TestMeetings:
    def test_of_five_years_only_what_is_in_the_window_is_asked_for(
        self, agenda: EwsCalendarWorld, exchange: FakeEws
    ) -> None:
        master = series(agenda.mailbox, BEGUN, DAILY, FOR_EVER)
        for day in range(0, 1820, 10):
            original_at = BEGUN + timedelta(days=day)
            exception(agenda.mailbox, master, original_at, original_at + timedelta(hours=2), item_Subject="Later")
        found = events(agenda)
        assert len(found) == 90 + 60
        assert [f"{each.starts_at:%H}" for each in found if each.subject == "Later"] == ["10"] * 8
        assert sum(1 for request in exchange.requests if request.name == "GetItem") == 2

    def test_a_daily_series_of_five_years_is_each_of_its_days_once(self, agenda: EwsCalendarWorld) -> None:
        agenda.since = BEGUN - timedelta(days=1)
        master = series(agenda.mailbox, BEGUN, DAILY, FOR_EVER)
        exception(agenda.mailbox, master, BEGUN + timedelta(days=10), BEGUN + timedelta(days=10, hours=5))
        found = [each.starts_at - BEGUN for each in events(agenda)]
        days = (NOON - BEGUN).days + 60
        moved = {10: timedelta(days=10, hours=5)}
        assert found == [moved.get(day, timedelta(days=day)) for day in range(days + 1)]

    def test_a_daily_meeting_with_a_long_text_of_its_own_each_day_is_read_with_the_beginning_of_each(
        self, agenda: EwsCalendarWorld
    ) -> None:
        text = "What is new since yesterday? " * 7_000
        master = series(agenda.mailbox, BEGUN, DAILY, FOR_EVER, item_Body=text)
        for day in range(1740, 1820):
            at = BEGUN + timedelta(days=day)
            exception(agenda.mailbox, master, at, at + timedelta(hours=2), item_Body=f"Day {day}. {text}")
        found = events(agenda)
        assert len(found) == 90 + 60
        assert sum(each.text.startswith("Day 18") for each in found) > 0
        assert sum(len(each.text) for each in found if each.text.startswith("Day")) < MOST_TEXT

    def test_a_meeting_that_no_answer_can_hold_is_told_and_keeps_no_other_from_being_read(
        self, agenda: EwsCalendarWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ews_wire, "LARGEST", 60_000)
        master = series(agenda.mailbox, NOON, DAILY, FOR_EVER)
        exception(agenda.mailbox, master, NOON, NOON + timedelta(hours=2), item_Body="x" * 80_000)
        small: Held = meeting(agenda.mailbox, "demo@example.com", NOON)
        kinds = {item.id: type(item) for item in objects(agenda)}
        assert kinds == {master.id: Unreadable, small.id: CalendarObject}


def objects(world: EwsCalendarWorld) -> Sequence[Item]:
    return [item for batch in Reader(world).whole_pass() for item in batch.items]


def events(world: EwsCalendarWorld) -> list[Event]:
    """Of the one series that there is, in their order in time."""
    (item,) = objects(world)
    assert isinstance(item, CalendarObject), item
    return sorted((part for part in item.parts if isinstance(part, Event)), key=lambda part: part.starts_at)
