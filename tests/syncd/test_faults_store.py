"""What becomes of the running daemon when its SQLite file fails it: no mail is lost, and it says what to do."""

from __future__ import annotations

import os
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.ports import free_ports
from tests.syncd.daemons import Office, Running, started
from tests.syncd.disks import Disk, Limited, small
from tests.waiting import eventually

UNPRIVILEGED = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
"""Root, who runs the tests of CI, may else write what nobody may (capabilities(7))."""


@pytest.fixture
def office(tmp_path: Path, dovecot: Dovecot) -> Office:
    office = Office(tmp_path, dovecot)
    office.mailbox("anna")
    return office


def _seen(office: Office) -> None:
    """A store in which one mail is, and no daemon."""
    office.deliver("anna", 1)
    with started(office) as daemon:
        daemon.wait_for("mailbox_state_changed", now="ok")
        assert daemon.stop() == 0


@pytest.mark.parametrize("disk_of", [small, Limited], ids=["a file system", "a limit"])
def test_a_full_disk_is_told_with_a_cure_and_answered_for_and_when_there_is_room_all_goes_on(
    office: Office, disk_of: Callable[[Path], Disk]
) -> None:
    (port,) = free_ports(1)
    office.daemon = f'listen = "127.0.0.1:{port}"'
    office.store = 'url = "sqlite:///store/syncd.db"'
    (office.directory / "store").mkdir(mode=0o700)
    disk = disk_of(office.directory / "store")
    with started(office, within=disk.within) as daemon:
        daemon.wait_for("mailbox_state_changed", now="ok")
        office.deliver("anna", 1)
        daemon.wait_for("pass_finished", logged=1)
        disk.fill(daemon.process.pid)
        office.deliver("anna", 2)
        told = daemon.wait_for("mailbox_state_changed", now="retrying")
        assert f"{office.directory}/store/syncd.db" in str(told["error"])
        assert "make room" in str(told["cure"])
        assert _health(port) == 503
        assert _copied(disk, daemon, office).subjects() == ["Offer 1"]
        disk.empty(daemon.process.pid)
        daemon.wait_for("pass_finished", logged=1, times=2)
        eventually(lambda: _health(port) == 200)
        assert _copied(disk, daemon, office).subjects() == ["Offer 1", "Offer 2"]
        assert office.rows("PRAGMA integrity_check") == [("ok",)]
        assert daemon.stop() == 0


def _copied(disk: Disk, daemon: Running, office: Office) -> Office:
    """The office with the store as it is on the disk now."""
    copy = office.directory / f"copy-{len(list(office.directory.glob('copy-*')))}"
    disk.copy(daemon.process.pid, copy)
    office.database = copy / "syncd.db"
    return office


def _health(port: int) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_a_store_that_another_program_keeps_locked_is_told_and_gone_on_with_once_it_is_free(office: Office) -> None:
    with started(office) as daemon:
        daemon.wait_for("mailbox_state_changed", now="ok")
        with closing(sqlite3.connect(office.database, isolation_level=None)) as crm:
            crm.execute("BEGIN IMMEDIATE")
            office.deliver("anna", 1)
            told = daemon.wait_for("stream_failed", state="retrying")
            assert "syncd.db: the store is locked by another process" in str(told["error"])
            assert "fuser" in str(told["cure"])
            crm.execute("COMMIT")
        eventually(lambda: office.subjects() == ["Offer 1"])
        assert daemon.stop() == 0


def test_a_store_that_is_removed_under_the_daemon_ends_it_and_the_next_start_reads_all_anew(office: Office) -> None:
    office.deliver("anna", 1)
    with started(office) as daemon:
        daemon.wait_for("mailbox_state_changed", now="ok")
        (office.directory / "syncd.db").unlink()
        assert daemon.exit_code() == 1
        assert "moved or removed" in daemon.log.read_text()
    office.deliver("anna", 2)
    with started(office) as daemon:
        daemon.wait_for("mailbox_state_changed", now="ok")
        assert daemon.stop() == 0
    assert sorted(map(str, office.subjects())) == ["Offer 1", "Offer 2"]


def test_a_backup_in_the_place_of_the_store_ends_the_daemon_and_the_next_start_goes_on_from_it(office: Office) -> None:
    _seen(office)
    with closing(sqlite3.connect(office.directory / "syncd.db")) as store:
        store.execute("VACUUM INTO ?", (str(office.directory / "backup.db"),))
    office.deliver("anna", 2)
    with started(office) as daemon:
        eventually(lambda: office.subjects() == ["Offer 1", "Offer 2"])
        (office.directory / "backup.db").replace(office.directory / "syncd.db")
        for beside in ("syncd.db-wal", "syncd.db-shm"):
            (office.directory / beside).unlink()
        assert daemon.exit_code() == 1
    with started(office) as daemon:
        eventually(lambda: office.subjects() == ["Offer 1", "Offer 2"])
        assert daemon.stop() == 0
    assert office.rows("PRAGMA integrity_check") == [("ok",)]


def test_a_store_that_may_not_be_written_ends_the_start_with_78_and_is_as_it_was(office: Office) -> None:
    _seen(office)
    path = office.directory / "syncd.db"
    before = path.read_bytes()
    path.chmod(0o400)
    with started(office, within=UNPRIVILEGED) as daemon:
        assert daemon.exit_code() == 78
        assert "syncd.db cannot be used: Permission denied" in daemon.log.read_text()
    assert path.read_bytes() == before


def test_a_store_of_a_newer_version_ends_the_start_with_78_and_is_as_it_was(office: Office) -> None:
    _seen(office)
    office.crm_writes("UPDATE alembic_version SET version_num = '9999'")
    before = office.database.read_bytes()
    with started(office) as daemon:
        assert daemon.exit_code() == 78
        assert "newer" in daemon.log.read_text()
    assert office.database.read_bytes() == before


@pytest.mark.parametrize("damage", ["its beginning", "all of it"])
def test_a_damaged_store_ends_the_start_with_78_and_names_the_backup_and_is_as_it_was(
    office: Office, damage: str
) -> None:
    _seen(office)
    path = office.directory / "syncd.db"
    spoilt = b"\xff" * 4096 + path.read_bytes()[4096:] if damage == "its beginning" else b"no database"
    path.write_bytes(spoilt)
    with started(office) as daemon:
        assert daemon.exit_code() == 78
        assert "syncd db restore" in daemon.log.read_text()
    assert path.read_bytes() == spoilt
