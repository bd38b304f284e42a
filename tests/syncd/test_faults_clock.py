"""What becomes of the running daemon when the clock of its machine is set under it: what waits goes on, no mail is
lost, nothing runs in a burst, and nothing that is stored stays ahead of the time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers.dovecot import Dovecot
from tests.syncd.clocks import WallClock
from tests.syncd.daemons import Office, started
from tests.waiting import eventually

HOUR, DAY, YEAR = timedelta(hours=1), timedelta(days=1), timedelta(days=365)
NONE = timedelta(0)


@pytest.fixture
def clock(tmp_path: Path) -> WallClock:
    return WallClock(tmp_path / "clock")


@pytest.fixture
def office(tmp_path: Path, dovecot: Dovecot) -> Office:
    office = Office(tmp_path, dovecot)
    office.mailbox("anna")
    return office


def test_steps_of_an_hour_a_day_and_a_year_lose_no_mail_and_run_nothing_in_a_burst(
    office: Office, clock: WallClock
) -> None:
    steps = (DAY, DAY - HOUR, YEAR, NONE)
    with started(office, within=clock.within, watchdog_seconds=9) as daemon:
        daemon.wait_for("mailbox_state_changed", now="ok")
        for number, off in enumerate(steps, 1):
            clock.set(off)
            daemon.wait_for("clock_was_set", times=number)
            office.deliver("anna", number)
            eventually(lambda offer=f"Offer {number}": offer in office.subjects())  # type: ignore[misc]
            passes = len(daemon.events("pass_finished", stream="INBOX"))
            daemon.wait_for("pass_finished", stream="INBOX", times=passes + 1)
        assert len(daemon.events("pass_finished", stream="INBOX")) < 1000
        assert daemon.events("mailbox_state_changed", now="retrying") == []
        assert daemon.stop() == 0
    assert sorted(map(str, office.subjects())) == [f"Offer {number}" for number in range(1, len(steps) + 1)]
    assert _ahead(office) == []


def _ahead(office: Office) -> list[tuple[object, ...]]:
    """What is said of the mailbox and its folders with a time that is still to come; the next pass is."""
    now = (datetime.now(UTC) + timedelta(minutes=1)).strftime("%Y-%m-%d %H:%M:%S")
    columns = [("mailbox", "last_success_at"), ("stream", "last_success_at"), ("stream", "reconciled_at")]
    return [
        (table, column, *row)
        for table, column in columns
        for row in office.rows(f"SELECT name, {column} FROM {table} WHERE {column} > '{now}'")
    ]
