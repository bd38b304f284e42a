"""What becomes of the running daemon when PostgreSQL restarts under it, or the one who holds the store is frozen."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.postgres import Postgres
from tests.syncd.chain import Chain, on_postgresql, on_sqlite
from tests.syncd.daemons import Office, started
from tests.waiting import eventually

MAILS = 1500


@pytest.fixture
def office(tmp_path: Path, dovecot: Dovecot) -> Office:
    office = Office(tmp_path, dovecot)
    office.mailbox("anna")
    return office


@pytest.fixture(params=["sqlite", "postgresql"])
def chain(request: pytest.FixtureRequest, office: Office) -> Iterator[Chain]:
    if request.param == "sqlite":
        yield on_sqlite(office)
        return
    with on_postgresql(office, request.getfixturevalue("postgres")) as chain:
        yield chain


def _mails() -> list[bytes]:
    text = "From: zoe@client.example\r\nMessage-ID: <{n}@mail.example>\r\nSubject: {n}\r\n\r\nText of {n}\r\n"
    return [text.format(n=number).encode() for number in range(MAILS)]


def test_a_database_that_restarts_under_a_first_pass_ends_the_daemon_and_the_next_loses_and_doubles_nothing(
    office: Office, postgres: Postgres
) -> None:
    office.dovecot.fill(office.mailboxes["anna"], _mails())
    with on_postgresql(office, postgres) as chain:
        chain.prepare()
        with started(office) as daemon:
            eventually(lambda: chain.rows("SELECT 1 FROM sighting LIMIT 1"), every=0.01)
            postgres.restart("immediate")
            assert daemon.exit_code() == 1, "to be started again"
            assert "the lock on the database" in daemon.log.read_text()
        with started(office) as daemon:
            daemon.wait_for("pass_finished", stream="INBOX")
            assert daemon.stop() == 0
        counted = "SELECT count(*), count(DISTINCT subject) FROM activity"
        assert chain.rows(counted) == [(MAILS, MAILS)]
        assert chain.rows("SELECT count(*) FROM sighting") == [(MAILS,)]


def test_a_database_that_is_away_at_the_start_ends_it_with_what_to_look_at(office: Office, postgres: Postgres) -> None:
    with on_postgresql(office, postgres):
        postgres.stop()
        try:
            with started(office) as daemon:
                assert daemon.exit_code() == 1
                assert "check host and port" in daemon.log.read_text()
        finally:
            postgres.start()


def test_a_frozen_daemon_keeps_the_store_to_itself_and_goes_on_when_it_thaws(chain: Chain) -> None:
    office = chain.office
    with started(office) as frozen:
        frozen.wait_for("mailbox_state_changed", now="ok")
        frozen.send(signal.SIGSTOP)
        office.deliver("anna", 1)
        with started(office) as second:
            assert second.exit_code() == 75
            assert "another syncd" in second.log.read_text()
        frozen.send(signal.SIGCONT)
        eventually(lambda: chain.rows("SELECT subject FROM activity") == [("Offer 1",)])
        assert frozen.stop() == 0
