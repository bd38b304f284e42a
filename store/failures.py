"""The one place that says which failure of a database is which of syncd's errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, exc

from syncd.errors import Permanent, Retryable, SyncError

_RESTORE = "stop syncd and bring back the newest backup: syncd db restore FILE"
_FULL = "make room on the disk that holds the store; nothing is lost, syncd goes on by itself"
_UPGRADE = "bring the store to this version: syncd db upgrade"
_PASSES = "nothing, if it passes: it is tried again; if it lasts, see the database server's log"
_HELD = "look for the program that keeps it locked (fuser -v FILE), and let it commit sooner; nothing is lost"
_OPEN = "look for what keeps a transaction open: SELECT * FROM pg_stat_activity WHERE state LIKE 'idle in%'"
_PERMISSION = "let the user that runs syncd read and write the store file and its directory"

# The primary result codes, https://www.sqlite.org/rescode.html; the extended ones carry them in their low byte.
_SQLITE: dict[int, tuple[type[SyncError], str, str]] = {
    sqlite3.SQLITE_BUSY: (Retryable, "the store is locked by another process", _HELD),
    sqlite3.SQLITE_LOCKED: (Retryable, "the store is locked by another connection", _HELD),
    sqlite3.SQLITE_FULL: (Retryable, "no space is left for the store", _FULL),
    sqlite3.SQLITE_IOERR: (Retryable, "the disk that holds the store fails to read or write", _FULL),
    sqlite3.SQLITE_CORRUPT: (Permanent, "the store file is damaged", _RESTORE),
    sqlite3.SQLITE_NOTADB: (Permanent, "the store file is no SQLite database", f"check [store] url, or {_RESTORE}"),
    sqlite3.SQLITE_READONLY: (Permanent, "the store file may not be written", _PERMISSION),
    sqlite3.SQLITE_CANTOPEN: (Permanent, "the store file cannot be opened", _PERMISSION),
    sqlite3.SQLITE_PERM: (Permanent, "the store file may not be used", _PERMISSION),
}

# Longest match first, https://www.postgresql.org/docs/current/errcodes-appendix.html.
_POSTGRESQL: tuple[tuple[str, type[SyncError], str, str], ...] = (
    ("53100", Retryable, "no space is left for the store", _FULL),
    ("53", Retryable, "the database server is out of resources", "see its log; max_connections may be too low"),
    ("08", Retryable, "the database cannot be reached", "is the server running? check host and port in [store] url"),
    ("57P", Retryable, "the database server is shutting down or starting", _PASSES),
    ("57014", Retryable, "the database server cancelled the statement", _PASSES),
    ("25P03", Retryable, "the database server ended an idle transaction", _PASSES),
    ("40", Retryable, "another transaction was in the way", _PASSES),
    ("55P03", Retryable, "the store is locked by another process", _OPEN),
    ("58", Retryable, "the database server's disk fails to read or write", "see the server's log"),
    (
        "28",
        Permanent,
        "the database refused the sign-in",
        "check the user in [store] url, and what [store] password names",
    ),
    ("3D000", Permanent, "the database does not exist", "create it: createdb NAME, or mend [store] url"),
    ("3F000", Permanent, "the schema of search_path does not exist", "create it: CREATE SCHEMA NAME"),
    ("42P01", Permanent, "the database has no tables of this version", _UPGRADE),
    ("42703", Permanent, "the tables are not of this version", _UPGRADE),
    ("42501", Permanent, "the database user lacks a permission", "make it the owner of syncd's tables"),
    ("XX00", Permanent, "the database is damaged", _RESTORE),
)

# libpq gives no SQLSTATE for a refused connection, only the server's words.
_REFUSED = (
    ("authentication failed", "28P01"),
    ("no password supplied", "28P01"),
    ("no pg_hba.conf entry", "28000"),
    ("role ", "28000"),
    ("does not exist", "3D000"),
)


def _of_sqlite(error: sqlite3.Error) -> SyncError | None:
    code = getattr(error, "sqlite_errorcode", None)  # absent where Python itself raised it
    if code is None:
        return None
    if str(error).startswith(("no such table", "no such column", "no such view")):
        return Permanent(f"the store has not the tables of this version ({error})", cure=_UPGRADE)
    if (known := _SQLITE.get(code & 0xFF)) is None:
        return None
    kind, message, cure = known
    return kind(f"{message} ({error})", cure=cure)


def _of_postgresql(state: str | None, words: str, disconnected: bool) -> SyncError | None:
    if state is None and "connection" in words:
        state = next((code for text, code in _REFUSED if text in words), "08000")
    for prefix, kind, message, cure in _POSTGRESQL:
        if state is not None and state.startswith(prefix):
            return kind(f"{message} ({words})", cure=cure)
    if not disconnected:
        return None
    return Retryable(f"the connection to the database was lost ({words})", cure=_PASSES)


def translate(error: exc.SQLAlchemyError | sqlite3.Error) -> SyncError | None:
    """The error a person or the daemon can act on; None for a mistake of ours, which must stay visible as it is."""
    if isinstance(error, sqlite3.Error):
        return _of_sqlite(error)
    if isinstance(error, exc.TimeoutError):
        return Retryable("no database connection became free in time", cure="fewer daemon.workers; nothing is lost")
    if not isinstance(error, exc.DBAPIError) or error.orig is None:
        return None
    if isinstance(error.orig, sqlite3.Error):
        return _of_sqlite(error.orig)
    words = " ".join(str(error.orig).split())
    return _of_postgresql(getattr(error.orig, "sqlstate", None), words, error.connection_invalidated)


@contextmanager
def translated(store: URL | None = None) -> Iterator[None]:
    """Raise what `translate` makes of an error of the database within the block. `store` is where that is, for the
    admin, who may have several disks."""
    try:
        yield
    except (exc.SQLAlchemyError, sqlite3.Error) as error:
        if (known := translate(error)) is None:
            raise
        if store is not None and store.get_backend_name() == "sqlite":
            known = type(known)(f"{store.database}: {known}", cure=known.cure)
        raise known from error
