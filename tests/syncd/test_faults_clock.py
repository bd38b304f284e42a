"""What becomes of the running daemon when the clock of its machine is set under it: what waits goes on, no mail is
lost, nothing runs in a burst, and nothing that is stored stays ahead of the time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.fake_google import FakeGoogle
from tests.servers.radicale import Radicale
from tests.syncd.agendas import CalendarOffice, put
from tests.syncd.clocks import WallClock
from tests.syncd.daemons import Office, started
from tests.syncd.googles import Googles, at_google
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
        daemon.wait_for("pass_finished", stream="INBOX", times=passes + 4)  # each compares one folder
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


@pytest.fixture
def googles(tmp_path: Path, google: FakeGoogle) -> Googles:
    return at_google(tmp_path, google)


def test_tokens_are_renewed_by_any_clock_and_what_a_wrong_one_stops_goes_on_once_it_is_right(
    googles: Googles, clock: WallClock
) -> None:
    for name in ("carl", "dora"):
        googles.deliver(name, 1)
    with started(googles, within=clock.within, watchdog_seconds=3) as daemon:
        for name in ("carl", "dora"):
            daemon.wait_for("mailbox_state_changed", mailbox=name, now="ok")
        clock.set(DAY)  # all tokens seem to have run out
        daemon.wait_for("clock_was_set")
        told = daemon.wait_for("mailbox_state_changed", mailbox="dora", now="misconfigured")
        assert "this machine's clock is wrong (1440 minutes ahead, by Google's)" in str(told["error"])
        googles.deliver("carl", 2)
        eventually(lambda: "carl 2" in googles.subjects())
        googles.google.oauth.accesses.clear()
        clock.set(NONE)  # and now they seem to last another day, though they are over
        googles.deliver("carl", 3)
        googles.deliver("dora", 2)
        eventually(lambda: {"carl 3", "dora 2"} <= {*googles.subjects()})
        assert daemon.events("mailbox_state_changed", mailbox="carl", now="reauth_needed") == []
        assert daemon.stop() == 0


def test_a_meeting_that_a_clock_ahead_has_made_held_is_planned_again_once_it_is_right(
    tmp_path: Path, radicale: Radicale, clock: WallClock
) -> None:
    user = radicale.new_user()
    soon = datetime.now(UTC) + 6 * HOUR
    owner = radicale.owner(user)
    put(owner, owner.make_calendar("work"), "call", f":{soon:%Y%m%dT%H%M%SZ}")
    office = CalendarOffice(tmp_path, url=f"{radicale.url}/")
    office.mailbox("anna", user, owner.password)
    with started(office, within=clock.within, watchdog_seconds=3) as daemon:
        daemon.wait_for("mailbox_state_changed", now="ok")
        assert office.rows("SELECT status FROM activity") == [("planned",)]
        clock.set(DAY)
        daemon.wait_for("clock_was_set")
        eventually(lambda: office.rows("SELECT status FROM activity") == [("held",)])
        clock.set(NONE)
        eventually(lambda: office.rows("SELECT status FROM activity") == [("planned",)])
        told = office.rows("SELECT kind FROM change ORDER BY sequence")
        assert told == [("created",), ("updated",), ("updated",)]
        assert daemon.stop() == 0
