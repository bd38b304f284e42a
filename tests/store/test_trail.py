"""The trail is only ever added to; whoever changes it all the same is found out by its hashes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, exc, text

from store import trail
from store.backup import backup, restore
from store.engine import connect, read, write
from store.trail import Chain, Doer
from syncd.errors import SyncError

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
ANNA = Doer("anna", "cli")


def filled(engine: Engine, number: int = 5) -> list[str]:
    """The hashes."""
    for count in range(number):
        deed = ANNA.did("linked", f"activity-{count}", kind="contact", id=str(count))
        trail.note(engine, deed, NOW + timedelta(minutes=count))
    return [each.hash for each in reversed(trail.entries(engine, limit=number))]


def spoil(engine: Engine, *statements: str) -> None:
    """As who owns the tables can."""
    sqlite = engine.dialect.name == "sqlite"
    off = (
        ["DROP TRIGGER trail_UPDATE", "DROP TRIGGER trail_DELETE"]
        if sqlite
        else ["ALTER TABLE trail DISABLE TRIGGER trail_kept"]
    )
    on = [] if sqlite else ["ALTER TABLE trail ENABLE TRIGGER trail_kept"]
    with write(engine) as connection:
        for statement in (*off, *statements, *on):
            connection.execute(text(statement))


def test_an_empty_trail_is_whole(engine: Engine) -> None:
    assert trail.verify(engine) == Chain(0, "")
    assert trail.head(engine) == ""


def test_what_was_done_is_told_newest_first_and_by_its_target(engine: Engine) -> None:
    hashes = filled(engine)
    assert trail.verify(engine) == Chain(5, hashes[-1])
    assert trail.head(engine) == hashes[-1]
    newest, second = trail.entries(engine, limit=2)
    assert (newest.at, newest.deed) == (
        NOW + timedelta(minutes=4),
        ANNA.did("linked", "activity-4", kind="contact", id="4"),
    )
    assert second.sequence == 4
    (only,) = trail.entries(engine, limit=9, target="activity-1")
    assert only.sequence == 2


def test_what_fails_leaves_no_trace_in_the_trail(engine: Engine) -> None:
    def fails() -> None:
        with write(engine) as connection:
            trail.record(connection, ANNA.did("erase"), NOW)
            connection.execute(text("SELECT 1 / 0 FROM nowhere"))

    with pytest.raises((exc.DBAPIError, SyncError)):
        fails()
    assert trail.verify(engine).length == 0


@pytest.mark.parametrize("statement", ["DELETE FROM trail WHERE sequence = 5", "UPDATE trail SET who = 'ben'"])
def test_the_database_refuses_to_change_or_remove_a_row(engine: Engine, statement: str) -> None:
    hashes = filled(engine)
    with pytest.raises((exc.DBAPIError, SyncError), match="only ever added to"), write(engine) as connection:
        connection.execute(text(statement))
    assert trail.verify(engine) == Chain(5, hashes[-1])


@pytest.mark.parametrize("column", ["who", "door", "action", "target", "detail", "hash"])
def test_a_changed_word_breaks_the_chain_where_it_stands(engine: Engine, column: str) -> None:
    filled(engine)
    spoil(engine, f"UPDATE trail SET {column} = 'x' WHERE sequence = 3")
    found = trail.verify(engine)
    assert (found.length, found.problem) == (2, "entry 3 is not what was written")


def test_a_changed_time_breaks_the_chain(engine: Engine) -> None:
    filled(engine)
    spoil(
        engine,
        "UPDATE trail SET at = '2026-11-24 00:00:00+00' WHERE sequence = 3".replace(
            "+00" if engine.dialect.name == "sqlite" else "#", ""
        ),
    )
    assert trail.verify(engine).problem == "entry 3 is not what was written"


@pytest.mark.parametrize(
    ("statements", "problem"),
    [
        (["DELETE FROM trail WHERE sequence = 2"], "entry 2 is not there"),
        (["DELETE FROM trail WHERE sequence = 1"], "entry 1 is not there"),
        (
            ["DELETE FROM trail WHERE sequence = 2", "UPDATE trail SET sequence = 2 WHERE sequence = 5"],
            "entry 2 is not what",
        ),
    ],
)
def test_an_entry_that_was_taken_out_or_moved_breaks_the_chain(
    engine: Engine, statements: list[str], problem: str
) -> None:
    filled(engine)
    spoil(engine, *statements)
    assert trail.verify(engine).problem.startswith(problem)


def test_that_the_end_was_cut_off_is_seen_by_who_noted_the_last_hash(engine: Engine) -> None:
    noted = filled(engine)[-1]
    trail.note(engine, ANNA.did("export"), NOW)
    assert trail.verify(engine, noted=noted).problem == ""
    spoil(engine, "DELETE FROM trail WHERE sequence >= 5")
    assert trail.verify(engine).problem == ""
    assert "cut off" in trail.verify(engine, noted=noted).problem


def test_two_who_write_at_once_make_one_chain(engine: Engine, url: str) -> None:
    other = connect(url)
    for count in range(6):
        trail.note(other if count % 2 else engine, ANNA.did("linked", str(count)), NOW)
    other.dispose()
    assert trail.verify(engine).length == 6


def test_the_trail_comes_back_with_a_backup(engine: Engine, empty_url: str, tmp_path: Path) -> None:
    hashes = filled(engine)
    backup(engine, tmp_path / "backup")
    restore(empty_url, tmp_path / "backup", force=False, by=ANNA, now=NOW)
    restored = connect(empty_url)
    newest, before, *_ = trail.entries(restored, limit=9)
    assert (before.hash, newest.deed) == (hashes[-1], ANNA.did("restore", "backup"))
    assert trail.verify(restored, noted=hashes[-1]) == Chain(6, newest.hash)
    restored.dispose()
    restore(empty_url, tmp_path / "backup", force=True, by=ANNA, now=NOW)


def test_the_hash_is_that_of_the_words_and_of_the_hash_before(engine: Engine) -> None:
    """Written down, so that an auditor can follow the chain without syncd."""
    import hashlib

    filled(engine, 2)
    with read(engine) as connection:
        rows = connection.execute(
            text("SELECT sequence, who, door, action, target, detail, hash FROM trail ORDER BY 1")
        )
        before = "0" * 64
        for count, (sequence, who, door, action, target, detail, own) in enumerate(rows):
            at = (NOW + timedelta(minutes=count)).isoformat()
            told = json.dumps([sequence, at, who, door, action, target, detail])
            before = hashlib.sha256(f"{before}\n{told}".encode()).hexdigest()
            assert own == before
