"""kill -9 of the real process on a real server: what is in the store in the end does not depend on it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.postgres import Postgres
from tests.syncd.chain import on_postgresql
from tests.syncd.daemons import Office


@pytest.fixture
def office(dovecot: Dovecot, tmp_path: Path) -> Office:
    """Two mailboxes with copies of the same mails, more of them than one batch holds."""
    office = Office(tmp_path, dovecot)
    for name in ("anna", "ben"):
        office.more[name] = 'level = "full"'
        user = office.mailbox(name)
        dovecot.fill(user, [_mail(number, user) for number in range(1040)])
        dovecot.fill(user, [_mail(number, user) for number in range(2000, 2040)], folder="Archive")
    office.write()
    return office


def _mail(number: int, user: str) -> bytes:
    sender = "zoe@client.example" if number % 3 else f"stranger{number}@elsewhere.example"
    parent = f"In-Reply-To: <{number - 3}@mail.example>\r\n" if number % 2 else ""
    day = 1 + number % 20
    return (
        f"From: {sender}\r\nTo: {user}\r\nSubject: Offer {number}\r\nMessage-ID: <{number}@mail.example>\r\n{parent}"
        f"Date: {day} Nov 2026 09:00:00 +0000\r\nContent-Type: text/plain\r\n\r\nText of {number}\r\n"
    ).encode()


def _crash(office: Office, *way: str) -> Mapping[str, Any]:
    command = [sys.executable, "-m", "tests.syncd.crashing", str(office.config), *way]
    result = subprocess.run(command, check=True, capture_output=True, text=True, timeout=250)
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def test_killed_at_each_commit_point_the_next_run_ends_as_an_undisturbed_one(office: Office) -> None:
    told = _crash(office, "points")
    assert told["ends"] == [0]
    assert told["differing"] == 0
    assert told["killed"] > 20


def test_killed_at_each_commit_point_on_postgresql_the_next_run_ends_as_an_undisturbed_one(
    dovecot: Dovecot, postgres: Postgres, tmp_path: Path
) -> None:
    office = Office(tmp_path, dovecot)
    office.more["anna"] = 'level = "full"'
    user = office.mailbox("anna")
    dovecot.fill(user, [_mail(number, user) for number in range(60)])
    dovecot.fill(user, [_mail(number, user) for number in range(100, 140)], folder="Archive")
    with on_postgresql(office, postgres) as chain:
        chain.prepare()
        told = _crash(office, "database")
    assert told["ends"] == [0]
    assert told["differing"] == 0
    assert told["killed"] > 10


def test_killed_fifty_times_at_random_moments_a_first_sync_ends_as_an_undisturbed_one(office: Office) -> None:
    assert _crash(office, "moments", "20261125") == {"killed": 50, "differing": 0, "ends": [0]}


def test_a_first_sync_whose_reading_processes_die_again_and_again_ends_as_an_undisturbed_one(office: Office) -> None:
    assert _crash(office, "readers", "20261126") == {"killed": 15, "differing": 0, "ends": [0]}
