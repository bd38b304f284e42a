"""A backup taken while syncd writes is whole, private, and brings the store back on either database."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, insert, select, text, update

from store import migrations, schema
from store.backup import backup, restore
from store.engine import connect, hold, read, write
from store.queries import ADMIN, changes
from syncd.errors import ConfigError, Permanent, StoreInUse
from tests.dump import dump
from tests.store.seeds import ANNA, NOW, Seeds, days

RESTORED = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


def fill(seeds: Seeds) -> None:
    seeds.account("kettle", "kettle.example")
    seeds.contact("vera", "vera@kettle.example", account="kettle")
    seeds.opportunity("deal", "kettle", "vera")
    with write(seeds.engine) as connection:
        connection.execute(text("UPDATE opportunity SET amount = 1234.56"))
    inbox = seeds.stream(seeds.mailbox("rolf", last_success_at=days(1)), "INBOX", cursor="opaque")
    own = seeds.activity(at=days(1), people=[("from", "vera@kettle.example")], links=["contact:vera"], text="Grüße ☎")
    seeds.sighting(inbox, activity=own, key=b"\x00\xff")
    seeds.changed(1, own)


def tables(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    """Everything, by the types of our tables, so that the two databases can be compared."""
    with read(engine) as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for table in schema.metadata.sorted_tables
        }


@contextmanager
def opened(url: str) -> Iterator[Engine]:
    engine = connect(url)
    yield engine
    engine.dispose()


def test_a_backup_brings_back_every_row_in_another_place(seeds: Seeds, empty_url: str, tmp_path: Path) -> None:
    fill(seeds)
    backup(seeds.engine, tmp_path / "backup")
    restore(empty_url, tmp_path / "backup", force=False, by=ANNA, now=RESTORED)
    with opened(empty_url) as engine:
        migrations.require_current(engine)
        found, wanted = tables(engine), tables(seeds.engine)
        entry, done = found["change"].pop(), found["trail"].pop()
        assert found == wanted
        assert entry[1:] == ("restored", 0, None, RESTORED)
        assert done[1:6] == (RESTORED, "anna", "cli", "restore", "backup")


def test_a_store_moves_from_one_database_to_the_other(seeds: Seeds, url: str, tmp_path: Path, backend: str) -> None:
    other = connect(f"sqlite:///{tmp_path}/other.db")
    migrations.upgrade(other)
    fill(Seeds(other))
    backup(other, tmp_path / "backup")
    restore(url, tmp_path / "backup", force=False, by=ANNA, now=RESTORED)
    assert dump(seeds.engine) == dump(other)
    assert seeds.rows("SELECT contact_id, activities FROM v1_contact_touch") == [("vera", 1)]
    other.dispose()


def test_a_backup_taken_while_syncd_writes_is_one_moment(seeds: Seeds, url: str, tmp_path: Path) -> None:
    """Each transaction writes a sighting and moves the cursor: in the backup, the cursor counts the sightings."""
    stream = seeds.stream(seeds.mailbox("rolf"), "INBOX", cursor="0")
    done, several = threading.Event(), threading.Event()

    def keep_writing() -> None:
        number = 0
        while not done.is_set():
            number += 1
            with write(seeds.engine) as connection:
                row = {"id": number, "stream_id": stream, "item": str(number), "verdict": "skipped", "rule": "x" * 500}
                connection.execute(insert(schema.sighting).values(row))
                connection.execute(update(schema.stream).values(cursor=str(number)))
            if number == 20:
                several.set()

    writer = threading.Thread(target=keep_writing)
    writer.start()
    several.wait()
    for name in ("first", "second"):
        backup(seeds.engine, tmp_path / name)
    done.set()
    writer.join()
    restore(url, tmp_path / "second", force=True, by=ANNA, now=RESTORED)
    with opened(url) as engine, read(engine) as connection:
        counted = connection.execute(select(func.count()).select_from(schema.sighting)).scalar_one()
        assert str(counted) == connection.execute(select(schema.stream.c.cursor)).scalar_one()
        assert counted >= 20


def test_a_backup_is_for_its_owner_only_and_leaves_nothing_beside_it(seeds: Seeds, tmp_path: Path) -> None:
    directory = tmp_path / "backups"
    directory.mkdir()
    backup(seeds.engine, directory / "today")
    assert [path.name for path in directory.iterdir()] == ["today"]
    assert stat.S_IMODE((directory / "today").stat().st_mode) == 0o600


def test_a_backup_holds_nothing_that_was_deleted_before(seeds: Seeds, tmp_path: Path) -> None:
    own = seeds.activity(at=days(1), text="a secret of long ago " * 100)
    with write(seeds.engine) as connection:
        connection.execute(schema.activity.delete().where(schema.activity.c.id == own))
    backup(seeds.engine, tmp_path / "backup")
    assert b"a secret" not in (tmp_path / "backup").read_bytes()


def test_a_backup_never_overwrites_a_file_and_needs_a_place(seeds: Seeds, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    with pytest.raises(Permanent, match="exists already"):
        backup(seeds.engine, tmp_path / "precious")
    assert (tmp_path / "precious").read_text() == "mine"
    with pytest.raises(Permanent, match="cannot be written"):
        backup(seeds.engine, tmp_path / "nowhere" / "backup")


def test_a_store_without_tables_has_nothing_to_back_up(empty_url: str, tmp_path: Path) -> None:
    with opened(empty_url) as engine, pytest.raises(ConfigError, match="syncd db upgrade"):
        backup(engine, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


def test_a_store_that_holds_something_is_not_overwritten_unless_forced(seeds: Seeds, url: str, tmp_path: Path) -> None:
    backup(seeds.engine, tmp_path / "empty")
    fill(seeds)
    before = tables(seeds.engine)
    with pytest.raises(Permanent, match="not empty") as refused:
        restore(url, tmp_path / "empty", force=False, by=ANNA, now=RESTORED)
    assert "--force" in refused.value.cure
    assert tables(seeds.engine) == before
    seeds.engine.dispose()
    restore(url, tmp_path / "empty", force=True, by=ANNA, now=RESTORED)
    with opened(url) as engine:
        assert tables(engine)["activity"] == []


def test_a_store_that_a_daemon_holds_is_not_replaced_under_it(seeds: Seeds, url: str, tmp_path: Path) -> None:
    backup(seeds.engine, tmp_path / "backup")
    with hold(seeds.engine), pytest.raises(StoreInUse):
        restore(url, tmp_path / "backup", force=True, by=ANNA, now=RESTORED)


def test_readers_of_the_feed_see_that_they_must_begin_again(seeds: Seeds, url: str, tmp_path: Path) -> None:
    """A reader may be ahead of the backup; without the jump it would miss as many changes as it is ahead."""
    fill(seeds)
    backup(seeds.engine, tmp_path / "backup")
    for sequence in range(2, 50):
        seeds.changed(sequence, 1)
    place = 49
    seeds.engine.dispose()
    restore(url, tmp_path / "backup", force=True, by=ANNA, now=RESTORED)
    with opened(url) as engine:
        (entry,) = changes(engine, viewer=ADMIN, after=place, limit=9)
        assert (entry.kind, entry.activity_id) == ("restored", None)


@pytest.mark.parametrize("content", [b"", b"a letter", b"SQLite format 3\x00" + b"\x00" * 4096])
def test_what_is_no_backup_changes_nothing(seeds: Seeds, url: str, tmp_path: Path, content: bytes) -> None:
    fill(seeds)
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(Permanent, match="no backup"):
        restore(url, tmp_path / "file", force=True, by=ANNA, now=RESTORED)
    with pytest.raises(Permanent, match="cannot be read"):
        restore(url, tmp_path / "missing", force=True, by=ANNA, now=RESTORED)
    assert len(tables(seeds.engine)["activity"]) == 1


def test_a_damaged_backup_is_refused_before_anything_is_replaced(seeds: Seeds, url: str, tmp_path: Path) -> None:
    fill(seeds)
    path = tmp_path / "backup"
    backup(seeds.engine, path)
    with path.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xff" * 4096)
    with pytest.raises(Permanent, match="damaged"):
        restore(url, path, force=True, by=ANNA, now=RESTORED)
    assert len(tables(seeds.engine)["activity"]) == 1


def test_a_backup_of_a_newer_version_is_refused(seeds: Seeds, url: str, tmp_path: Path) -> None:
    path = tmp_path / "backup"
    backup(seeds.engine, path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Permanent, match="newer syncd"):
        restore(url, path, force=True, by=ANNA, now=RESTORED)


def test_a_damaged_store_can_be_brought_back(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/syncd.db"
    with opened(url) as engine:
        migrations.upgrade(engine)
        fill(Seeds(engine))
        backup(engine, tmp_path / "backup")
        wanted = dump(engine)
    (tmp_path / "syncd.db").write_bytes(b"rubbish" * 1000)
    restore(url, tmp_path / "backup", force=True, by=ANNA, now=NOW)
    with opened(url) as engine:
        assert dump(engine) == wanted
        assert sorted(
            path.name for path in tmp_path.iterdir() if "wal" not in path.name and "shm" not in path.name
        ) == [
            "backup",
            "syncd.db",
            "syncd.db.lock",
        ]
