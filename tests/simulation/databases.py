"""Where the store of a story is: a SQLite file in memory, or a PostgreSQL database; each story finds it empty."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

from sqlalchemy import text

from store.engine import connect, write
from store.migrations import upgrade
from store.schema import metadata
from store.writer import Store
from tests.servers.postgres import Postgres
from tests.simulation.cast import KEY


class Database(Protocol):
    @property
    def url(self) -> str: ...

    def empty(self) -> None:
        """Let it have its tables, and no rows."""

    def held(self, store: Store) -> bytes:
        """All that is in it, of whatever was ever written and is not scrubbed."""

    def delete(self, store: Store, activity_id: int) -> None:
        """As a program does that does not ask for references to be kept whole."""


@dataclass(frozen=True)
class Sqlite:
    path: Path

    @property
    def url(self) -> str:
        return f"sqlite:///{self.path}"

    def empty(self) -> None:
        self.path.write_bytes(_empty_file())

    def held(self, store: Store) -> bytes:
        return self.path.read_bytes()

    def delete(self, store: Store, activity_id: int) -> None:
        with closing(store.engine.raw_connection()) as raw:
            raw.cursor().execute("PRAGMA foreign_keys = OFF")
            raw.cursor().execute("DELETE FROM activity WHERE id = ?", (activity_id,))
            raw.cursor().execute("PRAGMA foreign_keys = ON")


@dataclass(frozen=True)
class Postgresql:
    """One database for all stories: to make one takes longer than most of them."""

    url: str

    def empty(self) -> None:
        engine = connect(self.url)
        with engine.begin() as connection:
            # The trail refuses it. To truncate them all would take longer.
            for table in reversed(metadata.sorted_tables):
                emptied = "TRUNCATE" if table.name == "trail" else "DELETE FROM"
                connection.execute(text(f"{emptied} {table.name}"))
        engine.dispose()

    def held(self, store: Store) -> bytes:
        """Its files hold pages of all databases, so that no more can be said than what a dump has."""
        with store.engine.connect() as connection:
            connection.execution_options(reads=True)
            rows = (
                connection.execute(text(f"SELECT CAST(whole_row AS text) FROM {table.name} AS whole_row")).scalars()
                for table in metadata.sorted_tables
            )
            return "\n".join(row for some in rows for row in some).encode()

    def delete(self, store: Store, activity_id: int) -> None:
        with write(store.engine) as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(text("DELETE FROM activity WHERE id = :id"), {"id": activity_id})


def on(server: Postgres) -> Postgresql:
    """A new database of the server, with its tables."""
    database = Postgresql(server.url(server.new_database()))
    engine = connect(database.url)
    upgrade(engine)
    engine.dispose()
    return database


@contextmanager
def in_memory() -> Iterator[Sqlite]:
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        yield Sqlite(Path(folder) / "syncd.db")


def _memory() -> Path | None:
    """Where files cost no disk, if there is such a place."""
    shared = Path("/dev/shm")
    return shared if shared.is_dir() else None


@cache
def _empty_file() -> bytes:
    """Made once: to make the tables takes longer than to fill them."""
    folder = tempfile.mkdtemp(dir=_memory())
    try:
        store = Store(connect(f"sqlite:///{folder}/syncd.db"), KEY)
        upgrade(store.engine)
        store.close()
        return (Path(folder) / "syncd.db").read_bytes()
    finally:
        with suppress(OSError):
            shutil.rmtree(folder)
