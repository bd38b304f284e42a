"""A first sync of which connections are cut or servers restart ends in the same store as one that nothing disturbed."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import pytest

from syncd.errors import StoreInUse, SyncError
from syncd.watch import Progress, Saved
from tests.dump import Rows
from tests.servers.dovecot import Dovecot
from tests.servers.faulty_line import line_to
from tests.servers.postgres import Postgres
from tests.servers.recording_proxy import record
from tests.syncd.chain import Chain, on_postgresql, on_sqlite
from tests.syncd.daemons import Office

CUTS = 40
DISTURBED = (1, 3, 6)
"""After so many saved batches."""
PASSES = 20


@pytest.fixture(scope="module")
def users(dovecot: Dovecot) -> Mapping[str, str]:
    """Two mailboxes with copies of the same mails, more of them than one batch holds."""
    users = {name: dovecot.new_user() for name in ("anna", "ben")}
    for user in users.values():
        dovecot.fill(user, [_mail(number) for number in range(2300)])
        dovecot.fill(user, [_mail(number) for number in range(3000, 3100)], folder="Archive")
    return users


def _mail(number: int) -> bytes:
    sender = "zoe@client.example" if number % 3 else f"stranger{number}@elsewhere.example"
    parent = f"In-Reply-To: <{number - 3}@mail.example>\r\n" if number % 2 else ""
    return (
        f"From: {sender}\r\nTo: team@example.com\r\nSubject: Offer {number}\r\nMessage-ID: <{number}@mail.example>\r\n"
        f"{parent}Date: {1 + number % 20} Nov 2026 09:00:00 +0000\r\n\r\n" + f"Text of {number}\r\n" * 20
    ).encode()


def _office(folder: Path, dovecot: Dovecot, users: Mapping[str, str]) -> Office:
    office = Office(folder, dovecot, mailboxes=dict(users), more=dict.fromkeys(users, 'level = "full"'))
    for name in users:
        office.mailbox(name)
    return office


@pytest.fixture(scope="module")
def undisturbed(
    dovecot: Dovecot, users: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Rows]:
    chain = on_sqlite(_office(tmp_path_factory.mktemp("undisturbed"), dovecot, users))
    chain.pass_once()
    return chain.dump()


@dataclass(slots=True)
class Disturbance:
    """Happens while passes go on, in all mailboxes at once."""

    happen: Callable[[], None]
    batches: int = 0
    _lock: Lock = field(default_factory=Lock)

    def __call__(self, saved: Saved) -> None:
        with self._lock:
            self.batches += 1
            if self.batches in DISTURBED:
                self.happen()


def _to_the_end(chain: Chain, progress: Progress = lambda *_: None) -> None:
    passes = 1
    while chain.try_once(progress):
        passes += 1
        assert passes < PASSES


def test_connections_cut_within_a_literal_again_and_again_change_nothing_of_what_is_stored(
    dovecot: Dovecot, users: Mapping[str, str], undisturbed: Mapping[str, Rows], tmp_path: Path
) -> None:
    chain = on_sqlite(_office(tmp_path, dovecot, users))
    chance = random.Random(20261125)
    with record(dovecot.port, cut_after=[chance.uniform(2_000, 150_000) for _ in range(CUTS)]) as proxy:
        chain.office.port, chain.office.tls = proxy.port, "none"
        _to_the_end(chain)
    assert proxy.cuts > CUTS / 2
    assert chain.dump() == undisturbed


def test_a_mail_server_that_restarts_in_the_middle_changes_nothing_of_what_is_stored(
    dovecot: Dovecot, users: Mapping[str, str], undisturbed: Mapping[str, Rows], tmp_path: Path
) -> None:
    def restart() -> None:
        dovecot.stop()
        dovecot.start()

    chain = on_sqlite(_office(tmp_path, dovecot, users))
    disturbance = Disturbance(restart)
    _to_the_end(chain, disturbance)
    assert disturbance.batches > max(DISTURBED)
    assert chain.dump() == undisturbed


def test_a_commit_whose_answer_is_lost_is_done_once_whichever_of_a_pass_it_is(
    dovecot: Dovecot, postgres: Postgres, tmp_path: Path
) -> None:
    office, delivered = _office(tmp_path, dovecot, {"anna": dovecot.new_user()}), 0
    with line_to(postgres.port) as line, on_postgresql(office, postgres) as chain:
        chain.prepare()
        office.store = office.store.replace(f":{postgres.port}/", f":{line.port}/")
        while line.resets == line.loses + 1:
            dovecot.fill(office.mailboxes["anna"], [_mail(number) for number in range(delivered, delivered + 6)])
            delivered += 6
            line.commits, line.loses = 0, line.loses + 1
            with suppress(SyncError, StoreInUse):
                chain.try_once()
        assert line.loses > 8
        line.loses = -1
        _to_the_end(chain)
        assert chain.rows("SELECT count(*), count(DISTINCT item) FROM sighting") == [(delivered, delivered)]
        logged = [number for number in range(delivered) if number % 3]
        assert chain.rows("SELECT count(*), count(DISTINCT subject) FROM activity") == [(len(logged), len(logged))]


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_database_that_restarts_in_the_middle_holds_the_same_in_the_end(
    dovecot: Dovecot,
    users: Mapping[str, str],
    undisturbed: Mapping[str, Rows],
    postgres: Postgres,
    tmp_path: Path,
    mode: str,
) -> None:
    with on_postgresql(_office(tmp_path, dovecot, users), postgres) as chain:
        disturbance = Disturbance(lambda: postgres.restart(mode))
        _to_the_end(chain, disturbance)
        assert disturbance.batches > max(DISTURBED)
        assert chain.dump() == undisturbed
