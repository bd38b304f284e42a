"""The CalDAV connector on real servers: the contract, and what goes beyond it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from connectors.caldav import Settings
from syncd.model import CalendarObject, Event
from tests.connectors.caldav_worlds import CalDavWorld, meeting
from tests.connectors.calendar_contract import CalendarContract
from tests.connectors.contract import Reader
from tests.servers.radicale import Radicale
from tests.servers.recording_http import Recording, record
from tests.servers.xandikos import Xandikos


class TestRadicale(CalendarContract):
    @pytest.fixture
    def world(self, radicale: Radicale) -> Iterator[CalDavWorld]:
        user = radicale.new_user()
        path = radicale.owner(user).make_calendar("work", title="Work")
        made = CalDavWorld(radicale, Settings(url=radicale.url, user=user), radicale.passwords[user], path)
        yield made
        made.close()


class TestXandikos(CalendarContract):
    @pytest.fixture
    def world(self, xandikos: Xandikos) -> Iterator[CalDavWorld]:
        user = xandikos.new_user()
        path = xandikos.owner(user).make_calendar("work", title="Work")
        made = CalDavWorld(xandikos, Settings(url=xandikos.url, user=user), xandikos.passwords[user], path)
        yield made
        made.close()


@pytest.fixture
def watched(radicale: Radicale) -> Iterator[tuple[CalDavWorld, Recording]]:
    """A world of three calendars, and all that is asked of its server."""
    user = radicale.new_user()
    owner = radicale.owner(user)
    path = owner.make_calendar("work", title="Work")
    owner.make_calendar("family")
    owner.make_calendar("tasks", components=("VTODO",))
    with record(radicale.port) as recording:
        world = CalDavWorld(radicale, Settings(url=recording.url, user=user), radicale.passwords[user], path)
        yield world, recording
        world.close()


def test_nothing_but_reading_leaves(watched: tuple[CalDavWorld, Recording]) -> None:
    world, recording = watched
    keys = world.add(5)
    reader = Reader(world)
    reader.whole_pass()
    world.change(keys[0])
    world.remove(keys[1])
    reader.whole_pass()
    world.renumber()
    reader.pass_from_any_cursor()
    list(reader.stream().inventory())
    assert reader.keys == [keys[0], *keys[2:]]
    assert set(recording.methods) == {"PROPFIND", "REPORT"}


def test_a_poll_of_all_calendars_in_which_nothing_happened_is_one_request(
    watched: tuple[CalDavWorld, Recording],
) -> None:
    world, recording = watched
    world.add(3)
    account = world.account()
    cursors = {stream.name: [batch.cursor for batch in stream.changes(None)][-1] for stream in account.streams()}
    recording.clear()
    for stream in account.streams():
        assert list(stream.changes(cursors[stream.name])) == []
    assert recording.requests == [("PROPFIND", f"/{world.settings.user}/")]


def test_the_zone_of_a_calendar_is_that_of_its_floating_times(radicale: Radicale) -> None:
    user = radicale.new_user()
    zone = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VTIMEZONE\r\nTZID:America/New_York\r\n"
    zone += "BEGIN:STANDARD\r\nDTSTART:19701101T020000\r\nTZOFFSETFROM:-0400\r\nTZOFFSETTO:-0500\r\nEND:STANDARD\r\n"
    path = radicale.owner(user).make_calendar("work", title="Work", zone=zone + "END:VTIMEZONE\r\nEND:VCALENDAR\r\n")
    world = CalDavWorld(radicale, Settings(url=radicale.url, user=user), radicale.passwords[user], path)
    world.owner.put(f"{path}one.ics", meeting("one", starts="20261125T100000"))
    stream = world.stream(world.account())
    (item,) = stream.read(list(stream.inventory()), text=True)
    assert isinstance(item, CalendarObject)
    (event,) = item.parts
    assert isinstance(event, Event)
    assert event.starts_at == datetime(2026, 11, 25, 15, tzinfo=UTC)
    world.close()
