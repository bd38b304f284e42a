"""A first sync and later passes over calendars whose server fails again and again end as if nothing had happened."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.dump import Rows
from tests.servers.loopback_http import Asked, Told
from tests.servers.scripted_caldav import LOGIN_PAGE, ScriptedCalDav, serve
from tests.servers.scripted_calendar import BadToken, Calendar
from tests.syncd.agendas import DAY, CalendarOffice, vcalendar, vevent
from tests.syncd.chain import ChainOf, on_sqlite

COUNT = 240
PASSES = 100
KINDS = ("PROPFIND", "REPORT sync-collection", "REPORT calendar-multiget", "GET")
SOON = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) + 9 * DAY

FAULTS: tuple[Callable[[Told], Told], ...] = (
    lambda usual: Told(500, b"Internal Server Error"),
    lambda usual: Told(503),
    lambda usual: LOGIN_PAGE,
    lambda usual: replace(usual, cut_after=len(usual.body) // 2),
)
OF_LISTS: tuple[Callable[[Told], Told], ...] = (
    *FAULTS,
    lambda usual: replace(usual, body=usual.body[: len(usual.body) // 2]),
    lambda usual: Told(207, b'<?xml version="1.0"?><d:multistatus xmlns:d="DAV:"/>'),
    lambda usual: Told(404),
)
"""What a server says of a single object is believed, until the next comparison."""


def _event(number: int, *, days: int = 0, more: str = "COMMENT:none") -> bytes:
    starts = f":{SOON + (number % 20 + days) * DAY:%Y%m%dT%H%M%SZ}"
    return vcalendar(*vevent(str(number), starts, more, *(["RRULE:FREQ=WEEKLY;COUNT=3"] if number % 9 == 0 else [])))


@pytest.fixture
def server() -> Iterator[ScriptedCalDav]:
    with serve() as server:
        yield server


@pytest.fixture
def calendar(server: ScriptedCalDav) -> Calendar:
    calendar = server.add("work")
    for number in range(COUNT):
        calendar.put(f"{number}.ics", _event(number))
    return calendar


def _later(calendar: Calendar) -> None:
    for number in range(0, 60, 4):
        calendar.put(f"{number}.ics", _event(number, days=1, more="SEQUENCE:1"))
    for number in range(60, 90, 4):
        calendar.put(
            f"{number}.ics", _event(number, more=f"STATUS:CANCELLED\r\nLAST-MODIFIED:{SOON - 9 * DAY:%Y%m%dT%H%M%SZ}")
        )
    for number in range(90, 100):
        calendar.delete(f"{number}.ics")
    calendar.put("private.ics", _event(101, more="CLASS:PRIVATE"))


@dataclass(slots=True)
class Trouble:
    """Every other request or so gets an answer that is none, until so many had one."""

    server: ScriptedCalDav
    chance: random.Random
    left: int = 0
    answered: int = 0

    def begin(self, most: int) -> None:
        self.left = most
        for kind in KINDS:
            self.server.script[kind] = self._answer

    def _answer(self, asked: Asked, usual: Callable[[], Told]) -> Told:
        if not self.left or self.chance.random() < 0.5:
            return usual()
        self.left -= 1
        self.answered += 1
        return self.chance.choice(FAULTS if asked.method == "GET" else OF_LISTS)(usual())


def _chain(folder: Path, server: ScriptedCalDav) -> ChainOf[CalendarOffice]:
    folder.mkdir()
    office = CalendarOffice(folder, url=f"{server.url}/dav/")
    office.mailbox("anna", server.door.user, server.door.password)
    return on_sqlite(office)


def _to_the_end(chain: ChainOf[CalendarOffice], trouble: Trouble | None = None) -> Mapping[str, Rows]:
    passes = 0
    while chain.try_once():
        passes += 1
        assert passes < PASSES
    if trouble:
        trouble.left = 0
    # What was not given is asked for again, and removals are confirmed.
    chain.pass_once()
    chain.pass_once()
    return chain.dump()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_a_server_answers_in_between_the_store_is_in_the_end_as_without_it(
    server: ScriptedCalDav, calendar: Calendar, tmp_path: Path, seed: int
) -> None:
    calm, troubled = _chain(tmp_path / "calm", server), _chain(tmp_path / "troubled", server)
    expected = [_to_the_end(calm)]
    trouble = Trouble(server, random.Random(seed))
    trouble.begin(40)
    found = [_to_the_end(troubled, trouble)]
    _later(calendar)
    expected.append(_to_the_end(calm))
    trouble.begin(40)
    found.append(_to_the_end(troubled, trouble))
    assert trouble.answered > 10
    for before, after in zip(expected, found, strict=True):
        for table, rows in before.items():
            assert _without_refusals(after[table]) == rows, table


def _without_refusals(rows: Rows) -> Rows:
    """A series that was not given stays in the ledger as one object that left, once its occurrences are there."""
    refused = [row for row in rows if "unreadable" in row]
    assert all(True in row for row in refused)
    return tuple(row for row in rows if row not in refused)


@pytest.mark.parametrize("bad_token", ["403", "409", "412", "500", "empty", "full"])
def test_however_a_server_says_that_it_forgot_its_tokens_the_store_follows(
    server: ScriptedCalDav, calendar: Calendar, tmp_path: Path, bad_token: BadToken
) -> None:
    told = _chain(tmp_path / "told", server)
    _to_the_end(told)
    calendar.bad_token = bad_token
    calendar.expire_tokens()
    _later(calendar)
    found = _to_the_end(told)
    new = _to_the_end(_chain(tmp_path / "new", server))
    gone = {row for row in found["sighting"] if row not in new["sighting"]}
    assert len(found["sighting"]) - len(new["sighting"]) == len(gone) > 0
    assert new["participant"] == tuple(row for row in found["participant"] if row in set(new["participant"]))
