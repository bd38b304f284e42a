"""Whole days, times without a zone and both changes of the clocks, wherever the machine stands that reads them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.dump import Rows
from tests.servers.dav import Dav
from tests.servers.radicale import Radicale
from tests.syncd.agendas import DAY, CalendarOffice, put
from tests.syncd.chain import ChainOf, on_sqlite
from tests.syncd.doors import Office as Door

VIENNA = ZoneInfo("Europe/Vienna")
TODAY = datetime.now(UTC).date()
HOSTS = ("UTC", "America/Los_Angeles", "Pacific/Kiritimati")
ZONE = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example.com//tests//EN\r\nBEGIN:VTIMEZONE\r\nTZID:America/New_York\r\n"
    "BEGIN:STANDARD\r\nDTSTART:20071104T020000\r\nTZOFFSETFROM:-0400\r\nTZOFFSETTO:-0500\r\nEND:STANDARD\r\n"
    "END:VTIMEZONE\r\nEND:VCALENDAR\r\n"
)


def _next_change() -> date:
    """The next day on which the clocks change in Vienna, in either direction, but one that is near."""
    days = (TODAY + timedelta(days=number) for number in count(10))
    return next(day for day in days if _offset(day) != _offset(day + DAY))


def _offset(day: date) -> timedelta | None:
    return datetime(day.year, day.month, day.day, tzinfo=VIENNA).utcoffset()


CHANGE = _next_change()


@pytest.fixture
def owner(radicale: Radicale) -> Dav:
    owner = radicale.owner(radicale.new_user())
    plain, zoned = owner.make_calendar("plain"), owner.make_calendar("zoned", zone=ZONE)
    week = f"{CHANGE - 4 * DAY:%Y%m%d}"
    put(owner, plain, "series", f";TZID=Europe/Vienna:{week}T090000", "RRULE:FREQ=DAILY;COUNT=8")
    put(owner, plain, "days", f";VALUE=DATE:{week}", "RRULE:FREQ=DAILY;COUNT=8")
    put(owner, plain, "floating", f":{week}T090000")
    put(owner, zoned, "floating there", f":{week}T090000")
    put(owner, zoned, "day there", f";VALUE=DATE:{week}")
    return owner


def _chain(folder: Path, radicale: Radicale, owner: Dav, more: str = "") -> ChainOf[CalendarOffice]:
    folder.mkdir()
    office = CalendarOffice(folder, url=f"{radicale.url}/", ahead_days=400)
    office.mailbox("anna", owner.user, owner.password, more)
    return on_sqlite(office)


def _read_by(host_zone: str, chain: ChainOf[CalendarOffice]) -> Mapping[str, Rows]:
    """By a process of its own, as the zone of a host is that of a process."""
    door = Door(chain.office.directory, environment={"TZ": host_zone})
    chain.office.write()
    ran = door.process("once")
    assert ran.code == 0, ran.err
    return chain.dump()


def test_the_zone_of_the_host_changes_nothing(radicale: Radicale, owner: Dav, tmp_path: Path) -> None:
    """home-assistant/core issues 98892, 103070, 113454: recurring whole days a day early."""
    dumps = [_read_by(zone, _chain(tmp_path / zone.rpartition("/")[2], radicale, owner)) for zone in HOSTS]
    assert len(dumps[0]["activity"]) == 8 + 8 + 3
    assert dumps[0] == dumps[1] == dumps[2]


def test_a_series_keeps_its_hour_when_the_clocks_change_and_a_day_stays_that_day(
    radicale: Radicale, owner: Dav, tmp_path: Path
) -> None:
    chain = _chain(tmp_path / "one", radicale, owner)
    _read_by("America/Los_Angeles", chain)
    days = [CHANGE + number * DAY for number in range(-4, 4)]
    nine = [datetime(day.year, day.month, day.day, 9, tzinfo=VIENNA).astimezone(UTC) for day in days]
    assert _starts(chain, "series") == [f"{at:%Y-%m-%d %H:%M}" for at in nine]
    assert len({at.hour for at in nine}) == 2
    assert _starts(chain, "days") == [f"{day} 00:00" for day in days]


@pytest.mark.parametrize(("more", "zone"), [("", "UTC"), ('zone = "Asia/Tokyo"', "Asia/Tokyo")])
def test_times_without_a_zone_and_ends_of_days_are_of_the_calendars_zone_else_of_the_mailboxs(
    radicale: Radicale, owner: Dav, tmp_path: Path, more: str, zone: str
) -> None:
    """home-assistant/core issues 142555, 124884."""
    chain = _chain(tmp_path / "one", radicale, owner, more)
    _read_by("Pacific/Kiritimati", chain)
    first = CHANGE - 4 * DAY
    for subject, named in (("floating", zone), ("floating there", "America/New_York")):
        at = datetime(first.year, first.month, first.day, 9, tzinfo=ZoneInfo(named)).astimezone(UTC)
        assert _starts(chain, subject) == [f"{at:%Y-%m-%d %H:%M}"]
    over = chain.rows("SELECT settles_at FROM activity WHERE subject LIKE 'About day%' ORDER BY subject, occurred_at")
    for named, (settles_at,) in ((zone, over[1]), ("America/New_York", over[0])):
        night = datetime(first.year, first.month, first.day, tzinfo=ZoneInfo(named)) + DAY
        assert str(settles_at)[:16] == f"{night.astimezone(UTC):%Y-%m-%d %H:%M}"


def _starts(chain: ChainOf[CalendarOffice], subject: str) -> list[str]:
    rows = chain.rows(f"SELECT occurred_at FROM activity WHERE subject = 'About {subject}' ORDER BY occurred_at")
    return [str(at)[:16] for (at,) in rows]
