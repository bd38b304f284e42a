"""kill -9 of the real process while it reads calendars of a real server: the store in the end does not depend on it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.servers.dav import Dav
from tests.servers.radicale import Radicale
from tests.syncd.agendas import DAY, CalendarOffice, put, vcalendar, vevent
from tests.syncd.chain import on_sqlite

TODAY = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0)
MEETINGS = 110
"""More than are read between two commits."""


def _at(days: int) -> str:
    return f":{TODAY + days * DAY:%Y%m%dT%H%M%SZ}"


def _event(number: int) -> bytes:
    days = number % 50 + 4 if number % 2 else -(number % 70) - 4
    lines = ["RRULE:FREQ=WEEKLY;COUNT=4"] if number % 10 == 0 else []
    lines += ["CLASS:PRIVATE"] if number % 17 == 0 else []
    lines += ["STATUS:CANCELLED"] if number % 13 == 0 else []
    return vcalendar(*vevent(str(number), _at(days), *lines))


@pytest.fixture
def owners(radicale: Radicale) -> list[Dav]:
    """Two reps, of whom one has some of the other's meetings; that one has tasks, too."""
    users = [radicale.new_user() for _ in range(2)]
    for user, count in zip(users, (MEETINGS, 30), strict=True):
        radicale.fill(user, "work", {f"{number}.ics": _event(number) for number in range(count)})
    owners = [radicale.owner(user) for user in users]
    tasks = owners[0].make_calendar("tasks", components=["VTODO"])
    done, due = f"COMPLETED{_at(-1)}", f"DUE{_at(3)}"
    for number in range(8):
        task = (f"UID:task{number}", f"SUMMARY:Call zoe@client.example {number}", done if number % 2 else due)
        owners[0].put(f"{tasks}{number}.ics", vcalendar("BEGIN:VTODO", *task, "END:VTODO"))
    return owners


@pytest.fixture
def office(radicale: Radicale, owners: list[Dav], tmp_path: Path) -> CalendarOffice:
    office = CalendarOffice(tmp_path, url=f"{radicale.url}/")
    for name, owner in zip(("anna", "ben"), owners, strict=True):
        office.mailbox(name, owner.user, owner.password)
    office.secret("store", "6b" * 32)
    office.store = 'url = "sqlite:///syncd.db"\nkey = "file:store.secret"'
    office.write()
    return office


def _crash(office: CalendarOffice, way: str) -> Mapping[str, Any]:
    command = [sys.executable, "-m", "tests.syncd.crashing", str(office.config), way]
    result = subprocess.run(command, check=True, capture_output=True, text=True, timeout=250)
    told: Mapping[str, Any] = json.loads(result.stdout)
    return told


def test_killed_at_each_commit_point_of_a_first_sync_the_next_run_ends_as_an_undisturbed_one(
    office: CalendarOffice,
) -> None:
    told = _crash(office, "points")
    assert told["ends"] == [0]
    assert told["differing"] == 0
    assert told["killed"] > 15


def test_killed_at_each_commit_point_of_a_later_pass_the_next_run_ends_as_an_undisturbed_one(
    office: CalendarOffice, owners: list[Dav]
) -> None:
    """With a reschedule, a cancellation, a private flip, new and deleted copies, and a series that became shorter."""
    on_sqlite(office).pass_once()
    shutil.copy(office.directory / "syncd.db", office.directory / "before.db")
    for owner in owners:
        work = f"{owner.home}work/"
        put(owner, work, "1", _at(9), "SEQUENCE:1")
        put(owner, work, "3", _at(7), "SEQUENCE:1", "STATUS:CANCELLED", f"LAST-MODIFIED{_at(0)}")
        put(owner, work, "5", _at(9), "CLASS:PRIVATE")
        put(owner, work, "10", _at(-14), "SEQUENCE:1", "RRULE:FREQ=WEEKLY;COUNT=2")
        put(owner, work, "new", _at(12))
        owner.delete(f"{work}7.ics")
    owners[1].delete(f"{owners[1].home}work/9.ics")
    told = _crash(office, "later")
    assert told["ends"] == [0]
    assert told["differing"] == 0
    assert told["killed"] > 8
