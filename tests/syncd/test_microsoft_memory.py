"""How much a first pass over a mailbox at Microsoft 365 holds at once: pages, and not the mailbox."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench import measure
from tests.servers.fake_graph import Cloud
from tests.servers.fake_graph_login import SECRET
from tests.syncd.doors import PROGRAM, Office
from tests.syncd.test_microsoft import CONTACTS, DORA, block

MB = 1024 * 1024
BEGAN = datetime(2026, 11, 20, 10, tzinfo=UTC)
FIVE_YEARS = 5 * 365


@pytest.fixture
def office(tmp_path: Path, microsoft: Cloud) -> Office:
    office = Office(tmp_path)
    office.write("app.secret", SECRET)
    office.write("contacts.csv", "id,name,email\nzoe,Zoe,zoe@client.example\n")
    office.configure(block(microsoft, 'secret = "file:app.secret"\nlevel = "full"'), extra=CONTACTS)
    return office


def _fill(microsoft: Cloud, messages: int, days: int) -> None:
    """8 kB of header fields in each message; a series with a long text and many people."""
    dora = microsoft.graph.mailbox(DORA, "Dora")
    for number in range(messages):
        dora.deliver(
            f"{number}@elsewhere.example",
            received_at=BEGAN - timedelta(minutes=number),
            headers=[(f"X-Hop-{hop}", "x" * 500) for hop in range(16)],
        )
    people = [(f"guest{number}@client.example", "accepted") for number in range(20)]
    starts = [BEGAN + timedelta(days=40 - number) for number in range(days)]
    microsoft.graph.agendas[DORA].add(
        "daily@example.com", starts[::-1], attendees=[("zoe@client.example", "accepted"), *people], body="Text. " * 1000
    )


def _peak(office: Office) -> int:
    for left in office.folder.glob("syncd.db*"):
        left.unlink()
    return measure.run([*PROGRAM, "once", "--config", str(office.config)], office.folder).rss


def test_twenty_times_the_mail_needs_a_few_pages_more(office: Office, microsoft: Cloud) -> None:
    _fill(microsoft, messages=50, days=40)
    small = _peak(office)
    _fill(microsoft, messages=1000, days=40)
    assert _peak(office) - small < 16 * MB


def test_a_daily_series_of_five_years_is_read_whole_and_within_bounds(office: Office, microsoft: Cloud) -> None:
    _fill(microsoft, messages=1, days=40)
    small = _peak(office)
    _fill(microsoft, messages=1, days=FIVE_YEARS)
    assert _peak(office) - small < 56 * MB
    with closing(sqlite3.connect(office.folder / "syncd.db")) as database:
        told = database.execute("SELECT count(*), count(DISTINCT occurred_at) FROM v1_activity WHERE kind = 'meeting'")
        assert told.fetchall() == [(FIVE_YEARS, FIVE_YEARS)]
