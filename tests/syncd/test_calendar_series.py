"""A series that is divided at some day ("this and following") on a real server, as Google does it, and as others do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers.dav import Dav
from tests.servers.radicale import Radicale
from tests.syncd.agendas import CalendarOffice, put
from tests.syncd.chain import ChainOf, on_sqlite

WEEK = timedelta(weeks=1)
BEGAN = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) - 4 * WEEK + timedelta(days=3)
HELD, ALL, DIVIDED = 4, 10, 6
"""So many took place; the last four belong to the new series."""


@pytest.fixture
def owner(radicale: Radicale) -> Dav:
    owner = radicale.owner(radicale.new_user())
    owner.make_calendar("work")
    return owner


@pytest.fixture
def chain(radicale: Radicale, owner: Dav, tmp_path: Path) -> ChainOf[CalendarOffice]:
    office = CalendarOffice(tmp_path, url=f"{radicale.url}/")
    office.mailbox("anna", owner.user, owner.password)
    return on_sqlite(office)


def _divided(owner: Dav, name: str, into: str, *, later: timedelta = timedelta(0)) -> None:
    """The old series ends, and another goes on under another name, perhaps at another hour."""
    at = BEGAN + DIVIDED * WEEK
    put(owner, f"{owner.home}work/", name, _at(BEGAN), f"RRULE:FREQ=WEEKLY;COUNT={DIVIDED}", "SEQUENCE:1")
    rest = f"RRULE:FREQ=WEEKLY;COUNT={ALL - DIVIDED}"
    put(owner, f"{owner.home}work/", into, _at(at + later), rest)


def _at(start: datetime) -> str:
    return f":{start:%Y%m%dT%H%M%SZ}"


def _statuses(chain: ChainOf[CalendarOffice]) -> list[object]:
    return [status for (status,) in chain.rows("SELECT status FROM v1_activity ORDER BY occurred_at, status DESC")]


def test_what_google_divides_stays_the_same_meetings(chain: ChainOf[CalendarOffice], owner: Dav) -> None:
    """odoo PR 287171: both instances in one slot, or none."""
    put(owner, f"{owner.home}work/", "call@google.com", _at(BEGAN), f"RRULE:FREQ=WEEKLY;COUNT={ALL}")
    chain.pass_once()
    before = chain.rows("SELECT id, occurred_at, status FROM v1_activity ORDER BY id")
    assert _statuses(chain) == ["held"] * HELD + ["planned"] * (ALL - HELD)
    _divided(owner, "call@google.com", f"call_R{BEGAN + DIVIDED * WEEK:%Y%m%dT%H%M%S}@google.com")
    chain.pass_once()
    assert chain.rows("SELECT id, occurred_at, status FROM v1_activity ORDER BY id") == before


def test_what_others_divide_ends_and_goes_on_as_another_and_the_past_stays(
    chain: ChainOf[CalendarOffice], owner: Dav
) -> None:
    put(owner, f"{owner.home}work/", "call", _at(BEGAN), f"RRULE:FREQ=WEEKLY;COUNT={ALL}")
    chain.pass_once()
    _divided(owner, "call", "call2", later=timedelta(hours=2))
    chain.pass_once()
    one = ["held"] * HELD + ["planned"] * (DIVIDED - HELD) + ["cancelled", "planned"] * (ALL - DIVIDED)
    assert _statuses(chain) == one
