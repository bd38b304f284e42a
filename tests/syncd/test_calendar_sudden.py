"""A calendar of which suddenly half or nothing is listed, or all is told to be gone: nothing is removed at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.servers.loopback_http import Told
from tests.servers.scripted_caldav import LOGIN_PAGE, ScriptedCalDav, serve
from tests.servers.scripted_calendar import Calendar
from tests.syncd.agendas import CONTACTS, DAY, CalendarOffice, vcalendar, vevent
from tests.syncd.chain import ChainOf, on_sqlite
from tests.syncd.doors import Office as Door
from tests.syncd.doors import Ran

COUNT = 60
PLANNED = [("planned", COUNT)]
STATUSES = "SELECT status, count(*) FROM v1_activity GROUP BY status ORDER BY status"


@pytest.fixture
def server() -> Iterator[ScriptedCalDav]:
    with serve() as server:
        yield server


@pytest.fixture
def calendar(server: ScriptedCalDav) -> Calendar:
    calendar = server.add("work")
    at = f":{datetime.now(UTC) + 9 * DAY:%Y%m%dT090000Z}"
    for number in range(COUNT):
        calendar.put(f"{number}.ics", vcalendar(*vevent(str(number), at, guests=[CONTACTS[0].address])))
    return calendar


@pytest.fixture
def chain(server: ScriptedCalDav, calendar: Calendar, tmp_path: Path) -> ChainOf[CalendarOffice]:
    office = CalendarOffice(tmp_path, url=f"{server.url}/dav/")
    office.mailbox("anna", server.door.user, server.door.password)
    chain = on_sqlite(office)
    office.contacts.write_text(f"id,name,email\n1,Guest,{CONTACTS[0].address}\n")
    chain.pass_once()
    assert chain.rows(STATUSES) == PLANNED
    return chain


def _half(names: list[str]) -> list[str]:
    return names[::2]


def _nothing(names: list[str]) -> list[str]:
    return []


def _status(chain: ChainOf[CalendarOffice]) -> Ran:
    door = Door(chain.office.directory)
    chain.office.write()
    return door.syncd("status")


def _news(calendar: Calendar) -> None:
    """So that it is looked at."""
    at = f":{datetime.now(UTC) + 9 * DAY:%Y%m%dT100000Z}"
    calendar.put("0.ics", vcalendar(*vevent("0", at, "SEQUENCE:1", guests=[CONTACTS[0].address])))


@pytest.mark.parametrize("syncs", [True, False], ids=["by its changes", "by comparison"])
@pytest.mark.parametrize("lists", [_half, _nothing])
def test_a_calendar_that_suddenly_lists_half_or_nothing_removes_nothing_and_status_says_so(
    chain: ChainOf[CalendarOffice], calendar: Calendar, lists: Callable[[list[str]], list[str]], syncs: bool
) -> None:
    calendar.syncs = syncs
    calendar.lists = lists
    calendar.expire_tokens()
    told_gone = COUNT - len(lists([*calendar.objects]))
    chain.pass_once()
    assert chain.rows(STATUSES) == PLANNED
    shown = _status(chain)
    assert shown.code == 0
    assert f"anna, work: warning\n  {told_gone} items are suddenly not listed" in shown.out
    assert "    try: " in shown.out

    calendar.lists = lambda names: names
    _news(calendar)
    chain.pass_once()
    assert chain.rows(STATUSES) == PLANNED
    assert "suddenly" not in _status(chain).out


def test_a_second_listing_that_says_the_same_is_believed(chain: ChainOf[CalendarOffice], calendar: Calendar) -> None:
    for name in _half([*calendar.objects]):
        calendar.delete(name)
    calendar.expire_tokens()
    chain.pass_once()
    assert chain.rows(STATUSES) == PLANNED
    chain.pass_once()
    assert chain.rows(STATUSES) == [("cancelled", COUNT // 2), ("planned", COUNT // 2)]
    assert "suddenly" not in _status(chain).out


def test_removals_that_a_server_names_one_by_one_are_confirmed_as_well_where_they_are_many(
    chain: ChainOf[CalendarOffice], calendar: Calendar
) -> None:
    kept = dict(calendar.objects)
    for name in [*calendar.objects]:
        calendar.delete(name)
    chain.pass_once()
    assert chain.rows(STATUSES) == PLANNED
    assert f"{COUNT} items are suddenly not listed" in _status(chain).out
    for name, stored in kept.items():
        calendar.put(name, stored.data)
    chain.pass_once()
    assert chain.rows(STATUSES) == PLANNED
    assert "suddenly" not in _status(chain).out


@pytest.mark.parametrize(
    "told",
    [
        LOGIN_PAGE,
        Told(207, b'<?xml version="1.0"?><d:multistatus xmlns:d="DAV:"/>'),
        Told(404),
        Told(503),
        Told(207, b'<?xml version="1.0"?><d:multistatus xmlns:d="DAV:"><d:resp'),
    ],
    ids=["login page", "empty list", "404", "503", "half an answer"],
)
@pytest.mark.parametrize("kind", ["PROPFIND", "REPORT sync-collection"])
def test_an_answer_that_is_none_removes_nothing_and_ends_the_pass_with_a_cure(
    chain: ChainOf[CalendarOffice], server: ScriptedCalDav, calendar: Calendar, kind: str, told: Told
) -> None:
    """runely issue 622, python-caldav/caldav issue 741: a source that cannot be reached is not an empty one."""
    _news(calendar)
    server.script[kind] = lambda asked, usual: told
    chain.try_once()
    chain.try_once()
    assert chain.rows(STATUSES) == PLANNED
    assert [cure for (cure,) in chain.rows("SELECT cure FROM mailbox") if not cure] == []
