"""Where the store, or syncd itself, fails with somebody's mail in hand: neither the log at its most talkative nor what
is printed quotes that mail."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from store.engine import connect, write
from syncd.config import load, store_url
from syncd.sync import CAREFUL
from tests.servers.dovecot import Dovecot
from tests.syncd.doors import PROGRAM, Office, mailbox, on_postgresql
from tests.syncd.mailboxes import message
from tests.syncd.planting import Planted, traces
from tests.syncd.worlds import World
from tests.waiting import eventually

# A rule of the database that a row with somebody's subject breaks; PostgreSQL quotes the row in its error.
_REFUSES = {
    "sqlite": "CREATE TRIGGER picky BEFORE INSERT ON participant BEGIN SELECT RAISE(ABORT, 'not this row'); END",
    "postgresql": "ALTER TABLE participant ADD CONSTRAINT picky CHECK (name NOT LIKE '%canary%')",
}


@pytest.fixture(params=["sqlite", "postgresql"])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    if request.param == "sqlite":
        yield Office(tmp_path)
        return
    with on_postgresql(request.getfixturevalue("postgres"), tmp_path) as made:
        yield made


def test_a_row_that_the_store_refuses_is_quoted_nowhere(
    office: Office, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = dovecot.new_user()
    dovecot.append(user, [Planted(1, "open", ("rolf",), "everyone").letter("rolf", {"rolf": user})])
    office.write("anna.secret", dovecot.password)
    office.write("people.csv", "id,name,email\n1,Jane,jane@acme.example\n")
    office.configure(mailbox(dovecot, user), extra='level = "full"\n[daemon]\nlog_level = "debug"')
    assert office.syncd("contacts", "import", "people.csv").code == 0
    for name, value in office.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(office.folder)
    engine = connect(store_url(load(office.config)))
    with write(engine) as connection:
        connection.execute(text(_REFUSES[engine.dialect.name]))
    engine.dispose()

    log = _daemon(office)
    assert "pass_broke" in log
    done = office.process("once")
    assert done.code == 1
    assert "_people_and_links > bulk.py:" in log, "the way to the fault is told"
    assert traces(done.out + done.err + log) == set()


class Bomb(str):
    """A header that a fault of ours breaks upon, and quotes."""

    def strip(self, chars: str | None = None) -> str:
        raise ValueError(f"cannot strip {self[:]}")


def test_a_fault_of_ours_in_one_mail_does_not_quote_it_in_the_store(world: World) -> None:
    world.folder().deliver(message(1)._replace(headers={"sensitivity": Bomb("canary1subject")}))
    world.execute("UPDATE stream SET strikes = :strikes", strikes=CAREFUL)
    world.run()
    assert world.rows("SELECT verdict FROM sighting") == [("quarantined",)]
    ((facts,),) = world.rows("SELECT facts FROM sighting")
    assert "ValueError at" in str(facts)
    assert traces(world.dump_text()) == set()


def _daemon(office: Office) -> str:
    log = office.folder / "daemon.log"
    with log.open("w") as out:
        environment = {**os.environ, "SYNCD_CONFIG": str(office.config)}
        process = subprocess.Popen([*PROGRAM, "run"], cwd=office.folder, env=environment, stdout=out, stderr=out)
        try:
            eventually(lambda: process.poll() is not None or log.read_text().count("pass_broke") > 1)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    return log.read_text()
