"""How the store is opened, read and written: one writer at a time, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from sqlite3 import SQLITE_BUSY, OperationalError
from sqlite3 import Connection as SQLiteConnection
from threading import Lock

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url, text

from store.failures import translated
from syncd.errors import ConfigError, StoreInUse

# Advisory locks are numbers shared by everyone in a database: "syncd" in ASCII, and which of ours it is.
_WRITER_LOCK = 0x73796E6364_01
_DAEMON_LOCK = 0x73796E6364_02
# A database may hold several stores, each in a schema of its own.
_POSTGRESQL_KEY = "hashtextextended(COALESCE(current_schema(), ''), :key)"

_WAIT_MS = 10_000
"""How long a writer waits for one of another process before it gives up as Retryable."""

_LOOK_MS = 1
"""Between two looks of a writer whether it is its turn. By itself SQLite waits longer from look to look, up to a tenth
of a second, while nobody may write."""

# WAL lets readers and backups go on beside the writer. FULL: with NORMAL the last commits, and so a cursor that was
# promised, may be lost on a power cut (https://www.sqlite.org/wal.html).
_PRAGMAS = (
    f"busy_timeout = {_WAIT_MS}",
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    "cache_size = -8000",
    "temp_store = MEMORY",
    # What is erased is overwritten, not only unlinked.
    "secure_delete = ON",
    # 32 MB: by default each batch of a first sync would have its pages copied into the file at once, and the same ones
    # again by the next.
    "wal_autocheckpoint = 8000",
    "journal_size_limit = 67108864",
)

_POSTGRESQL_OPTIONS = " ".join(
    f"-c {setting}"
    for setting in (
        "timezone=UTC",
        f"lock_timeout={_WAIT_MS}",
        # A frozen process must not keep the writers' lock for ever; the daemon's own lock is no transaction.
        "idle_in_transaction_session_timeout=60000",
        "idle_session_timeout=0",
        # To compile a view takes longer than to run it.
        "jit=off",
    )
)
_POSTGRESQL_DEFAULTS = {
    "application_name": "syncd",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}


def connect(url: str) -> Engine:
    """Open `sqlite:///FILE` (made with mode 0600 if it is new) or `postgresql://...`; ConfigError for anything else."""
    try:
        parsed = make_url(url)
    except exc.ArgumentError as error:
        raise ConfigError(["store: the url is none; write sqlite:////path/to/syncd.db or postgresql://..."]) from error
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite(parsed)
        case "postgresql" | "postgres":
            return _postgresql(parsed)
        case other:
            raise ConfigError([f"store: {other} is no store; write sqlite:////path/to/syncd.db or postgresql://..."])


def _sqlite(url: URL) -> Engine:
    if url.database in (None, "", ":memory:") or url.query:
        raise ConfigError(["store: sqlite needs a plain file; write sqlite:////path/to/syncd.db"])
    _private_file(Path(str(url.database)))
    # Threads beyond the pool get a connection of their own rather than wait for each other; the one that was used last
    # goes first, since each has a page cache of its own.
    engine = create_engine(
        url,
        pool_size=4,
        max_overflow=60,
        pool_use_lifo=True,
        hide_parameters=True,  # somebody's subject or text, in what an error says
        execution_options={"write_lock": Lock()},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _private_file(path: Path) -> None:
    """Mail is private: nobody else may read the file, or put another in its place. -wal and -shm copy its mode."""
    try:
        directory = path.parent.stat().st_mode
        if directory & stat.S_IWOTH and not directory & stat.S_ISVTX:
            raise ConfigError([f"store: anyone may write in {path.parent}; type: chmod o-w {path.parent}"])
        # Only a new file is opened here: to close one that this process has open elsewhere gives up all its locks, and
        # the next process would take the log away from under it (https://www.sqlite.org/howtocorrupt.html, 2.2).
        if not path.exists():
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        if not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & stat.S_IRWXO:
            path.chmod(mode & ~stat.S_IRWXO)
    except FileNotFoundError as error:
        cure = f"type: install -d -m 700 {path.parent}"
        raise ConfigError([f"store: the directory {path.parent} does not exist; {cure}"]) from error
    except OSError as error:
        raise ConfigError([f"store: {path} cannot be used: {error.strerror}"]) from error


def _prepare_sqlite(connection: SQLiteConnection, _record: object) -> None:
    # Python's own BEGIN comes late and is deferred: two threads that read and then write lose each other's updates.
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """By the driver, since a pass begins often; its errors are known to store.failures as well."""
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, SQLiteConnection)
    if connection.get_execution_options().get("reads", False):
        driver.execute("BEGIN")
        return
    until = time.monotonic() + _WAIT_MS / 1000
    driver.execute(f"PRAGMA busy_timeout = {_LOOK_MS}")
    try:
        while not _is_begun(driver, last=time.monotonic() >= until):
            pass  # SQLite has waited
    finally:
        driver.execute(f"PRAGMA busy_timeout = {_WAIT_MS}")


def _is_begun(driver: SQLiteConnection, *, last: bool) -> bool:
    """False if another process writes; the `last` time that is raised."""
    try:
        driver.execute("BEGIN IMMEDIATE")
    except OperationalError as error:
        if last or getattr(error, "sqlite_errorcode", 0) & 0xFF != SQLITE_BUSY:  # the rest says why
            raise
        return False
    return True


def _postgresql(url: URL) -> Engine:
    url = url.set(drivername="postgresql+psycopg")
    options = {name: value for name, value in _POSTGRESQL_DEFAULTS.items() if name not in url.query}
    # The admin's own come last, and win.
    options["options"] = f"{_POSTGRESQL_OPTIONS} {url.query.get('options', '')}".strip()
    return create_engine(
        url,
        pool_size=5,
        max_overflow=5,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args=options,
        execution_options={"write_lock": Lock()},
    )


def _write_lock(engine: Engine) -> Lock:
    lock = engine.get_execution_options()["write_lock"]
    assert isinstance(lock, type(Lock()))
    return lock


@contextmanager
def write(engine: Engine) -> Iterator[Connection]:
    """One transaction that may write, committed at the end of the block. Only one runs at a time, over all processes.

    So the order of commits is that of the change feed's numbers, and no two writers can lock each other out.
    """
    with _write_lock(engine), translated(engine.url), engine.connect() as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_POSTGRESQL_KEY})"), {"key": _WRITER_LOCK})
        yield connection


@contextmanager
def read(engine: Engine) -> Iterator[Connection]:
    """One snapshot: every query in the block sees the same moment, and no writer waits for it."""
    with translated(engine.url), engine.connect() as connection:
        connection.execution_options(reads=True)
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            yield connection


@contextmanager
def hold(engine: Engine) -> Iterator[Callable[[], None]]:
    """Be the only daemon on this store, or raise StoreInUse. A killed holder frees it at once.

    Yields a check that raises StoreInUse when the lock was lost, as it is when PostgreSQL restarts, or when SQLite's
    file was removed or replaced: what is written from then on would be lost with the one that has no name any more.
    """
    holding = _hold_postgresql if engine.dialect.name == "postgresql" else _hold_sqlite
    with holding(engine) as check:
        yield check


@contextmanager
def _hold_sqlite(engine: Engine) -> Iterator[Callable[[], None]]:
    path = Path(f"{engine.url.database}.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreInUse(f"another syncd (process {file.read().strip() or 'unknown'}) holds {path}") from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        opened = _identity(Path(str(engine.url.database)))

        def check() -> None:
            if _identity(Path(str(engine.url.database))) != opened:
                raise StoreInUse(
                    f"{engine.url.database} is not the file any more that was opened: it was moved or removed"
                )

        # Not removed at the end: another process may wait on this very file.
        yield check


def _identity(path: Path) -> tuple[int, int] | None:
    """Of the file that has this name now, None if none has."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def _hold_postgresql(engine: Engine) -> Iterator[Callable[[], None]]:
    with translated(), engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        connection.detach()  # its own session, never given back to the pool
        locked = text(f"SELECT pg_try_advisory_lock({_POSTGRESQL_KEY})")
        if not connection.execute(locked, {"key": _DAEMON_LOCK}).scalar_one():
            raise StoreInUse(f"another syncd holds the database {engine.url.database}")

        def check() -> None:
            try:
                connection.execute(text("SELECT 1"))
            except exc.DBAPIError as error:
                raise StoreInUse(f"the lock on the database {engine.url.database} was lost") from error

        try:
            yield check
        finally:
            # The server notices that a session is gone a moment later, in which the next syncd would be refused.
            with suppress(exc.SQLAlchemyError):
                connection.execute(text(f"SELECT pg_advisory_unlock({_POSTGRESQL_KEY})"), {"key": _DAEMON_LOCK})
