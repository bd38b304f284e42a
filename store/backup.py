"""Backups: one plain SQLite file, whichever database the store is in, taken while syncd runs.

So a backup can be looked into, is checked by SQLite itself, needs no tool of the server's version, and moves a store
from SQLite to PostgreSQL or back.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, delete, func, insert, select, text

from store import migrations, trail
from store.engine import connect, hold, read, write
from store.failures import translated
from store.schema import change, directory_change, metadata
from store.trail import Deed, Doer
from syncd.errors import Permanent

_MAGIC = b"SQLite format 3\x00"
_COMPANIONS = ("-wal", "-shm", "-journal")
_ROWS = 1000

_FEED_JUMP = 1_000_000_000
"""A reader of the feed may be ahead of a backup: the numbers after a restore are above all that it can have seen."""


def backup(engine: Engine, path: Path) -> None:
    """Write a new file (mode 0600) that holds the store as it is at this moment; writers go on meanwhile.

    It appears under its name only when it is complete and has passed its checks.
    """
    migrations.require_current(engine)
    if path.exists():
        raise Permanent(f"{path} exists already", cure="name a new file, such as one with the date in it")
    with _draft(path) as draft, translated():
        if engine.dialect.name == "sqlite":
            _vacuum_into(Path(str(engine.url.database)), draft)
        else:
            with _opened(draft) as file:
                migrations.upgrade(file)
                _copy(engine, file)
        check(draft)


def restore(url: str, path: Path, *, force: bool, by: Doer, now: datetime) -> None:
    """Put a backup in the place of an empty store, or with `force` of the one that is there. All of it, or nothing.

    The feed goes on with a `restored` entry, so that its readers know that they must begin again.
    """
    check(path)
    engine = connect(url)
    try:
        with hold(engine), translated():
            if not force and _holds_something(engine):
                raise Permanent("the store is not empty", cure="take a backup of it; if it may be lost, say --force")
            if engine.dialect.name == "sqlite":
                _into_sqlite(engine, path, by, now)
            else:
                _into_postgresql(engine, path, by, now)
    finally:
        engine.dispose()


def check(path: Path) -> None:
    """Permanent unless the file is a sound store of this or an earlier version."""
    try:
        with path.open("rb") as file:
            is_store = file.read(len(_MAGIC)) == _MAGIC
    except OSError as error:
        raise Permanent(
            f"{path} cannot be read: {error.strerror}", cure="check its name and its permissions"
        ) from error
    if not is_store:
        raise Permanent(f"{path} is no backup", cure="name a file that `syncd db backup` made")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)) as connection:
            found = connection.execute("PRAGMA integrity_check(1)").fetchone()
            orphan = connection.execute("PRAGMA foreign_key_check").fetchone()
            revision = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise Permanent(f"{path} is damaged, or no backup ({error})", cure="use an earlier backup") from error
    if found != ("ok",) or orphan is not None:
        raise Permanent(f"{path} is damaged ({found[0]}, {orphan})", cure="use an earlier backup")
    if revision is None or revision[0] not in migrations.REVISIONS:
        raise Permanent(f"{path} was made by a newer syncd", cure="install that version, and restore it there")


# ------------------------------------------------------------------------------------------------------ the file


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """A private file beside `path` that takes its name at the end of the block, and vanishes if that is not reached."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # of mode 0600
    except OSError as error:
        raise Permanent(
            f"{path} cannot be written: {error.strerror}", cure="name a file in another directory"
        ) from error
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        _sync(draft)
        draft.replace(path)
        _sync(path.parent)
    finally:
        for end in ("", *_COMPANIONS):
            Path(f"{draft}{end}").unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _opened(path: Path) -> Iterator[Engine]:
    engine = connect(f"sqlite:///{path}")
    try:
        yield engine
    finally:
        engine.dispose()  # the last connection writes the -wal into the file


def _vacuum_into(source: Path, target: Path) -> None:
    """One snapshot. Nothing of what was deleted comes along, as it would in a copy of the pages."""
    with closing(sqlite3.connect(source, isolation_level=None)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))


# -------------------------------------------------------------------------------------------------- the way back


def _holds_something(engine: Engine) -> bool:
    if migrations.current(engine) is None:
        return False
    with read(engine) as connection:
        tables = [table for table in metadata.sorted_tables if table.name != "meta"]
        return any(connection.execute(select(table).limit(1)).first() is not None for table in tables)


def _into_sqlite(engine: Engine, path: Path, by: Doer, now: datetime) -> None:
    target = Path(str(engine.url.database))
    engine.dispose()
    with _draft(target) as draft:
        shutil.copyfile(path, draft)
        shutil.copymode(target, draft)  # the admin may let a group read it
        with _opened(draft) as file:
            _make_current(file, by.did("restore", path.name), now)
        # SQLite would play the old log into the new file.
        for end in _COMPANIONS:
            Path(f"{target}{end}").unlink(missing_ok=True)


def _into_postgresql(engine: Engine, path: Path, by: Doer, now: datetime) -> None:
    migrations.upgrade(engine)
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(shutil.copyfile(path, Path(directory) / path.name))
        with _opened(copy) as file:
            _make_current(file, by.did("restore", path.name), now)
            _copy(file, engine)


def _make_current(engine: Engine, deed: Deed, now: datetime) -> None:
    """Of this version, with the deed in the trail that stays: what is in the store before, and its trail, go."""
    migrations.upgrade(engine)
    with write(engine) as connection:
        last = connection.execute(select(func.coalesce(func.max(change.c.sequence), 0))).scalar_one()
        entry = {"sequence": last + _FEED_JUMP, "kind": "restored", "activity_id": 0, "changed_at": now}
        connection.execute(insert(change).values(entry))
        trail.record(connection, deed, now)


def _copy(source: Engine, target: Engine) -> None:
    """Replace every row of one store by those of another, both of this version, in one transaction."""
    with read(source) as reader, write(target) as writer:
        if target.dialect.name == "postgresql":  # where it is a file, that is new
            # The trail lets nobody delete from it; only a store as a whole takes the place of another.
            writer.execute(text(f"TRUNCATE {', '.join(table.name for table in metadata.sorted_tables)}"))
        for table in sorted(metadata.sorted_tables, key=lambda table: table is directory_change):
            if table is directory_change:
                writer.execute(delete(table))  # what its triggers noted of the rows before it
            rows = reader.execution_options(yield_per=_ROWS).execute(select(table)).mappings()
            for some in rows.partitions():
                writer.execute(insert(table), [dict(row) for row in some])
