"""What a thousand Google mailboxes take: the running daemon over mail, calendars and tasks of a whole Workspace, which
one service account opens, against the fake of the tests."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from bench.cast import OWN_DOMAIN, cast
from bench.daemon import on_a_free_port
from bench.installation import Installation
from bench.measure import Failed
from bench.provider import apart
from connectors.google_calendar import CalendarSource
from connectors.google_sign_in import MAIL
from connectors.google_tasks import TaskSource
from tests.servers import fake_google_wire
from tests.servers.fake_google import FakeGoogle, WallClock

_PATIENCE = 900
"""Seconds for the first sync of all: most of it is the fake's, which has one core."""
LETTERS = 4
"""In each mailbox, beside two meetings and a task."""
_SECTION = """
[[mailboxes]]
name = "office"
kind = "google"
secret = "file:google-key.json"
endpoint = "{url}"
backfill = "3650d"
users = [{users}]
"""


@dataclass(frozen=True, slots=True)
class Crowd:
    mailboxes: int
    peak: int
    """Bytes of memory at the most, over the first sync and what follows."""
    rss: int
    """Bytes with every mailbox signed in and at rest."""
    cpu_per_poll: float
    """Seconds, of a mailbox with its calendar and task list in which nothing happens."""


def watch(directory: Path, mailboxes: int, *, interval: int, seconds: int) -> Crowd:
    """Run the daemon on so many mailboxes, from their first sync to some rounds in which nothing is new."""
    daemon = on_a_free_port(interval)
    people = cast(1, mailboxes=mailboxes)
    users = [rep.address for rep in people.reps]
    installation = Installation(directory / "syncd-google", people, "", daemon.section)
    installation.prepare()
    with apart(_serve, users, people.contacts[0].address) as told:
        office = Office(*told)
        key = installation.directory / "google-key.json"
        key.write_text(office.key)
        key.chmod(0o600)
        installation.reset(_SECTION.format(url=office.url, users=", ".join(f'"{user}"' for user in users)))
        with daemon.running(installation, mailboxes, within=_PATIENCE) as pid:
            before = daemon.moment(pid)
            time.sleep(seconds)
            after = daemon.moment(pid)
            peak = _peak(pid)
    ((seen,),) = installation.ask("SELECT count(*) FROM sighting")
    if seen != mailboxes * (LETTERS + 3):
        raise Failed(f"{seen} items were seen, not {mailboxes * (LETTERS + 3)}")
    polls = max(1, after.polls - before.polls)
    return Crowd(mailboxes, peak, after.rss, (after.cpu - before.cpu) / polls)


def _peak(pid: int) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0


def table(found: Crowd) -> str:
    return (
        f"{found.mailboxes:,} mailboxes with calendars and tasks in one process: {found.peak / 1e6:.0f} MB at the most "
        f"and {found.rss / 1e6:.0f} MB at rest; a poll that finds nothing: {found.cpu_per_poll * 1e3:.1f} ms of CPU"
    )


# ---------------------------------------------------------------------------------------------------- the other side


class Office(NamedTuple):
    url: str
    key: str


def _serve(users: Sequence[str], customer: str, pipe: Connection) -> None:
    with fake_google_wire.serve(time.time()) as fake:
        fake.clock = fake.oauth.clock = WallClock(0)
        fake.oauth.service_account.allowed = frozenset({MAIL, *CalendarSource.scopes, *TaskSource.scopes})
        for user in users:
            _fill(fake, user, customer)
        pipe.send((fake.url, fake.oauth.service_account.key_file(f"{fake.url}/token")))
        pipe.recv()


def _fill(fake: FakeGoogle, user: str, customer: str) -> None:
    for number in range(LETTERS):
        sender = customer if number == 0 else f"stranger{number}@elsewhere.example.net"
        letter = (
            f"From: {sender}\r\nTo: {user}\r\nSubject: The offer, number {number}\r\n"
            f"Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{number}.{user}>\r\n\r\nGood day.\r\n"
        )
        fake.mailbox(user).deliver(letter.encode(), at=time.time() - number * 3600)
    today = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0)
    for days in (-1, 1):
        begins = today + timedelta(days=days)
        fake.calendar(user).put(
            {
                "iCalUID": f"{days}.{user}",
                "summary": "The offer",
                "start": {"dateTime": begins.isoformat()},
                "end": {"dateTime": (begins + timedelta(hours=1)).isoformat()},
                "organizer": {"email": user, "self": True},
                "attendees": [{"email": user, "self": True, "responseStatus": "accepted"}, {"email": customer}],
            }
        )
    fake.task_list(user).put({"title": f"Call {OWN_DOMAIN}"})
