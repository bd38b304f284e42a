"""What becomes of the running daemon when its machine or its admin does odd things to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.faulty_line import line_to
from tests.syncd.daemons import Office, started
from tests.syncd.test_faults_store import UNPRIVILEGED
from tests.waiting import eventually


@pytest.fixture
def office(tmp_path: Path, dovecot: Dovecot) -> Office:
    office = Office(tmp_path, dovecot)
    office.mailbox("anna")
    return office


def test_a_machine_that_slept_while_its_connections_died_goes_on_where_it_was(office: Office) -> None:
    with line_to(office.dovecot.port) as line:
        office.port = line.port
        with started(office) as daemon:
            daemon.wait_for("mailbox_state_changed", now="ok")
            daemon.send(signal.SIGSTOP)
            line.reset()
            office.deliver("anna", 1)
            daemon.send(signal.SIGCONT)
            eventually(lambda: office.subjects() == ["Offer 1"])
            assert daemon.stop() == 0


def test_a_log_that_nobody_reads_any_more_stops_nothing(office: Office) -> None:
    command = [str(Path(sys.executable).with_name("syncd")), "run", "--config", str(office.write())]
    with subprocess.Popen(command, stderr=subprocess.PIPE, cwd=office.directory) as daemon:
        try:
            assert daemon.stderr is not None
            daemon.stderr.readline()
            daemon.stderr.close()
            office.deliver("anna", 1)
            eventually(lambda: (office.directory / "syncd.db-wal").exists())
            eventually(lambda: office.rows("SELECT 1 FROM sqlite_schema WHERE name = 'v1_activity'"))
            eventually(lambda: office.subjects() == ["Offer 1"])
            daemon.terminate()
            assert daemon.wait(30) == 0
        finally:
            daemon.kill()


def _twice(text: str) -> str:
    return text + "[[mailboxes]]" + text.partition("[[mailboxes]]")[2]


def _half(text: str) -> str:
    return text[: text.index("secret")]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_half, "secret"),
        (_twice, "anna"),
        (lambda text: "", "store"),
        (lambda text: text.replace("[organisation]", "[organization]"), "organization"),
        (lambda text: text + "\0", "line"),
    ],
    ids=["half written", "a mailbox twice", "empty", "an unknown key", "a character that is none"],
)
def test_a_file_that_cannot_be_used_changes_nothing_however_often_it_is_to_be_read(
    office: Office, spoil: Callable[[str], str], said: str
) -> None:
    with started(office) as daemon:
        daemon.wait_for("mailbox_state_changed", now="ok")
        whole = office.config.read_text()
        office.config.write_text(spoil(whole))
        for _ in range(20):
            daemon.send(signal.SIGHUP)
        assert said in str(daemon.wait_for("reload_refused")["problems"])
        office.deliver("anna", 1)
        eventually(lambda: office.subjects() == ["Offer 1"])
        office.config.write_text(whole)
        daemon.send(signal.SIGHUP)
        daemon.wait_for("reloaded")
        assert daemon.stop() == 0


@pytest.mark.parametrize(
    ("mode", "cure"), [(0o000, "chown"), (0o644, "chmod 600")], ids=["nobody may read it", "everybody may read it"]
)
def test_a_secret_that_may_not_be_read_any_more_stops_its_mailbox_until_that_is_mended(
    office: Office, mode: int, cure: str
) -> None:
    office.mailbox("ben")
    secret = office.directory / "anna.secret"
    with line_to(office.dovecot.port) as line:
        office.elsewhere["anna"] = ("localhost", line.port)
        with started(office, within=UNPRIVILEGED) as daemon:
            daemon.wait_for("mailbox_state_changed", mailbox="anna", now="ok")
            secret.chmod(mode)
            line.reset()  # it must sign in again
            told = daemon.wait_for("mailbox_state_changed", mailbox="anna", now="misconfigured")
            assert cure in str(told["cure"])
            office.deliver("anna", 1)
            office.deliver("ben", 2)
            eventually(lambda: office.subjects() == ["Offer 2"])
            secret.chmod(0o600)
            daemon.send(signal.SIGHUP)
            eventually(lambda: office.subjects() == ["Offer 2", "Offer 1"])
            assert daemon.stop() == 0


def test_what_a_clock_a_year_ahead_has_stored_holds_up_nothing_once_it_is_right(office: Office) -> None:
    with started(office) as daemon:
        daemon.wait_for("mailbox_state_changed", now="ok")
        daemon.stop()
    ahead = "'2027-11-25 12:00:00'"
    office.crm_writes(
        f"UPDATE mailbox SET state = 'retrying', failures = 3, not_before = {ahead}, delay_seconds = 1,"
        f" last_success_at = {ahead}, next_run_at = {ahead}"
    )
    office.crm_writes(f"UPDATE stream SET last_success_at = {ahead}, reconciled_at = {ahead}, backfilled_at = {ahead}")
    office.deliver("anna", 1)
    with started(office) as daemon:
        eventually(lambda: office.subjects() == ["Offer 1"])
        daemon.wait_for("pass_finished", stream="INBOX", times=4)
        assert daemon.stop() == 0
    read = office.rows(f"SELECT {ahead} IN (reconciled_at, last_success_at) FROM stream WHERE excluded = ''")
    assert read == [(0,), (0,), (0,)]


def test_with_too_little_memory_nothing_is_spoilt_and_with_enough_all_is_there(office: Office) -> None:
    office.more["anna"] = 'level = "full"'
    text = "From: zoe@client.example\r\nMessage-ID: <{n}@mail.example>\r\nSubject: {n}\r\n\r\nText of {n}\r\n"
    office.dovecot.fill(office.mailboxes["anna"], [text.format(n=number).encode() for number in range(300)])
    # With an arena of the allocator for each thread the limit would be used up by what is only reserved.
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1"}
    command = [sys.executable, "-m", "tests.syncd.starving", str(office.write())]
    done = subprocess.run(command, check=True, capture_output=True, env=environment, text=True, timeout=200)
    told = json.loads(done.stdout)
    assert (told["differing"], told["ends"]) == (0, [0])
    assert 0 < told["enough"] < told["tried"]
