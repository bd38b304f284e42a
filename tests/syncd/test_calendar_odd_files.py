"""Hundreds of odd objects in one calendar, through the whole chain into either database.

What is read of them is for the tests of the reader; here nothing may stop the calendar, be lost, or cost too much.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.ical import calendar_object
from syncd.model import Batch, Cursor, Item, ItemId
from syncd.sync import Pass
from tests.dump import Rows
from tests.odd_calendars.files import bombs, odd_calendars
from tests.servers.postgres import Postgres
from tests.servers.scripted_caldav import ScriptedCalDav, serve
from tests.syncd.agendas import CalendarOffice, vcalendar, vevent
from tests.syncd.chain import ChainOf, on_postgresql, on_sqlite
from tests.syncd.worlds import POLICY, World

COUNT = 500
SEED = 20261125
CPU_SECONDS = 2.0
NEIGHBOURS = 40
BEGAN = datetime.now(UTC).replace(microsecond=0)
RECENTLY = f":{BEGAN - timedelta(days=9):%Y%m%dT090000Z}"
SMALL = 100_000
"""Bytes; larger bombs are weighed without a server, which would take longer to send them."""
RULES = {"private", "not_a_meeting", "internal_only", "no_known_contact", "not_done", "draft", "outside_window"}


@pytest.fixture(scope="module")
def files() -> Mapping[str, bytes]:
    """Of this month, so that they lie in the window."""
    named = odd_calendars(COUNT, seed=SEED) | {name: data for name, data in bombs().items() if len(data) < SMALL}
    return {name: data.replace(b"202611", f"{BEGAN:%Y%m}".encode()) for name, data in named.items()}


@pytest.fixture(scope="module")
def server(files: Mapping[str, bytes]) -> Iterator[ScriptedCalDav]:
    """All of them in one calendar, with ordinary ones before, between and after them."""
    with serve() as server:
        calendar = server.add("odd", components=None)
        step = len(files) // NEIGHBOURS
        for number, data in enumerate(files.values()):
            if number % step == 0:
                calendar.put(f"usual{number}.ics", vcalendar(*vevent(f"usual{number}", RECENTLY)))
            calendar.put(f"{number}.ics", data)
        yield server


def _office(folder: Path, server: ScriptedCalDav) -> CalendarOffice:
    office = CalendarOffice(folder, url=f"{server.url}/dav/")
    office.mailbox("anna", server.door.user, server.door.password, 'level = "full"')
    return office


def _to_the_end(chain: ChainOf[CalendarOffice]) -> None:
    """What could not be read is tried three times."""
    chain.pass_once()
    for _ in range(2):
        assert set(chain.pass_once().get("anna/odd", ())) <= {"unreadable"}
    assert chain.pass_once() == {}


@pytest.fixture(scope="module")
def chain(server: ScriptedCalDav, tmp_path_factory: pytest.TempPathFactory) -> ChainOf[CalendarOffice]:
    chain = on_sqlite(_office(tmp_path_factory.mktemp("odd"), server))
    _to_the_end(chain)
    return chain


def test_each_odd_object_is_logged_skipped_by_a_named_rule_or_quarantined_with_its_error(
    chain: ChainOf[CalendarOffice], server: ScriptedCalDav, files: Mapping[str, bytes]
) -> None:
    decided = chain.rows("SELECT object, verdict, rule, facts FROM sighting WHERE gone_at IS NULL")
    held = {f"{server.calendars[0].path}{name}" for name in server.calendars[0].objects}
    assert {str(object_) for object_, *_ in decided} == held
    odd = [
        (object_, verdict, rule, facts)
        for object_, verdict, rule, facts in decided
        if not (
            (verdict, rule) == ("logged", "logged")
            or (verdict == "skipped" and rule in RULES)
            or (verdict == "quarantined" and facts)
        )
    ]
    assert odd == []
    counts = Counter({object_: verdict for object_, verdict, *_ in decided}.values())
    assert counts["logged"] > COUNT / 3
    assert counts["skipped"] > COUNT / 20
    assert counts["quarantined"] > COUNT / 20


def test_no_odd_object_stops_those_around_it(chain: ChainOf[CalendarOffice], server: ScriptedCalDav) -> None:
    usual = [name for name in server.calendars[0].objects if name.startswith("usual")]
    found = chain.rows("SELECT count(*) FROM v1_activity WHERE subject LIKE 'About usual%' AND status = 'held'")
    assert found == [(len(usual),)]
    assert chain.rows("SELECT state, error FROM mailbox") == [("ok", "")]


def test_both_databases_hold_the_same_of_them(
    chain: ChainOf[CalendarOffice], server: ScriptedCalDav, postgres: Postgres, tmp_path: Path
) -> None:
    with on_postgresql(_office(tmp_path, server), postgres) as other:
        _to_the_end(other)
        theirs = other.dump()
    for table, rows in chain.dump().items():
        assert _dated(theirs[table]) == _dated(rows), table


def _dated(rows: Rows) -> Rows:
    """What nobody dated is dated by when it was first seen."""
    now = datetime.now(UTC)
    return tuple(row for row in rows if not any(isinstance(each, datetime) and BEGAN <= each <= now for each in row))


@dataclass
class Scales:
    """A calendar that gives its objects one by one, and notes what the whole pass does with each of them."""

    files: Sequence[bytes]
    weights: list[float] = field(default_factory=list)
    name: str = "odd"
    kind: str = "calendar"
    excluded: str = ""

    def changes(self, cursor: Cursor | None) -> Iterator[Batch]:
        begins, ends = datetime(2026, 8, 27, tzinfo=UTC), datetime(2027, 1, 24, tzinfo=UTC)
        for number, data in enumerate(self.files):
            began = time.process_time()
            found = calendar_object(data, id=ItemId(str(number)), version="1", zone="", begins=begins, ends=ends)
            yield Batch(items=(found,), cursor=Cursor(str(number)))
            # Read, decided and saved.
            self.weights.append(time.process_time() - began)

    def read(self, ids: Sequence[ItemId], *, text: bool) -> Iterator[Item]:
        yield from ()

    def inventory(self) -> Iterator[ItemId]:
        yield from ()


def test_no_odd_object_takes_more_than_two_seconds_from_its_text_to_the_commit(world: World) -> None:
    named = odd_calendars(COUNT, seed=SEED) | bombs()
    world.contact("guest", "zoe@client.example")
    world.stream()
    scales = Scales([*named.values()])
    Pass(scales, world.stream_id("rita"), world.store, POLICY, now=world.now).run()
    assert len(scales.weights) == len(named)
    heaviest = max(range(len(named)), key=scales.weights.__getitem__)
    assert scales.weights[heaviest] < CPU_SECONDS, [*named][heaviest]
