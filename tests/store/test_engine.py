"""How the store is opened, written by one at a time, and what becomes of its failures."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, exc, text

from store import migrations
from store.engine import connect, hold, read, write
from syncd.errors import ConfigError, Permanent, Retryable, StoreInUse
from tests.servers.postgres import Postgres
from tests.waiting import eventually

SET = text("INSERT INTO meta VALUES (:name, :value)")
GET = text("SELECT value FROM meta WHERE name = :name")
COUNT = text("UPDATE meta SET value = :value WHERE name = 'count'")


def value(engine: Engine, name: str) -> str | None:
    with read(engine) as connection:
        found: str | None = connection.execute(GET, {"name": name}).scalar()
    return found


def put(engine: Engine, name: str, value: str) -> None:
    with write(engine) as connection:
        connection.execute(SET, {"name": name, "value": value})


def put_around(engine: Engine, interrupt: Callable[[], object], *, then: bool = True) -> None:
    """Write before, and perhaps after, something that happens within the transaction."""
    with write(engine) as connection:
        connection.execute(SET, {"name": "a", "value": "1"})
        interrupt()
        if then:
            connection.execute(SET, {"name": "b", "value": "1"})


# ------------------------------------------------------------------------------------------------------- opening


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:hush@h/x",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///x.db?mode=ro",
        "no url with hush",
        "",
        "/x.db",
    ],
)
def test_a_url_of_no_store_is_refused_with_what_to_write_and_without_its_password(url: str) -> None:
    with pytest.raises(ConfigError, match="sqlite:////path") as refused:
        connect(url)
    assert "hush" not in str(refused.value)


def test_the_store_file_and_what_sqlite_puts_beside_it_are_readable_by_its_owner_only(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        engine = connect(f"sqlite:///{tmp_path}/syncd.db")
        with write(engine) as connection:
            connection.execute(text("CREATE TABLE x (y)"))
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
        with hold(engine):
            modes["syncd.db.lock"] = stat.S_IMODE((tmp_path / "syncd.db.lock").stat().st_mode)
        engine.dispose()
    finally:
        os.umask(old)
    assert modes == dict.fromkeys(["syncd.db", "syncd.db-wal", "syncd.db-shm", "syncd.db.lock"], 0o600)


def test_a_store_that_everybody_may_read_is_closed_to_them_but_not_to_the_group(tmp_path: Path) -> None:
    path = tmp_path / "syncd.db"
    path.touch()
    path.chmod(0o664)
    connect(f"sqlite:///{path}").dispose()
    assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_a_directory_that_is_missing_or_open_to_everybody_is_refused_with_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"install -d -m 700 .*/nowhere"):
        connect(f"sqlite:///{tmp_path}/nowhere/syncd.db")
    tmp_path.chmod(0o777)
    with pytest.raises(ConfigError, match="chmod o-w"):
        connect(f"sqlite:///{tmp_path}/syncd.db")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be used"):
        connect(f"sqlite:///{tmp_path}")


def test_sqlite_is_set_up_to_survive_a_power_cut_and_to_hold_its_keys(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path}/syncd.db")
    with read(engine) as connection:
        pragmas = ("journal_mode", "synchronous", "foreign_keys")
        assert [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas] == ["wal", 2, 1]
    engine.dispose()


def test_a_postgresql_session_speaks_utc_whatever_the_servers_zone(postgres: Postgres) -> None:
    engine = connect(postgres.url("postgres"))
    with read(engine) as connection:
        assert connection.exec_driver_sql("SHOW timezone").scalar() == "UTC"
    engine.dispose()


# ------------------------------------------------------------------------------------------- reading and writing


def test_writers_that_read_first_lose_no_update_of_each_other(engine: Engine) -> None:
    """Deferred transactions lose a third of them, without an error."""
    put(engine, "count", "0")

    def count() -> None:
        for _ in range(10):
            with write(engine) as connection:
                seen = int(connection.execute(GET, {"name": "count"}).scalar_one())
                connection.execute(COUNT, {"value": str(seen + 1)})

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert value(engine, "count") == "80"


def test_writers_of_two_engines_wait_for_each_other(url: str, engine: Engine) -> None:
    """As those of two processes do."""
    other = connect(url)
    put(engine, "count", "0")
    reached = threading.Event()

    def count() -> None:
        reached.set()
        with write(other) as connection:
            seen = int(connection.execute(GET, {"name": "count"}).scalar_one())
            connection.execute(COUNT, {"value": str(seen + 1)})

    thread = threading.Thread(target=count)
    with write(engine) as connection:
        thread.start()
        reached.wait()
        connection.execute(COUNT, {"value": "10"})
    thread.join()
    assert value(engine, "count") == "11"
    other.dispose()


def test_a_reader_sees_one_moment_while_a_writer_commits(engine: Engine) -> None:
    put(engine, "name", "before")
    with read(engine) as connection:
        assert connection.execute(GET, {"name": "name"}).scalar_one() == "before"
        with write(engine) as writer:
            writer.execute(text("UPDATE meta SET value = 'after'"))
        assert connection.execute(GET, {"name": "name"}).scalar_one() == "before"
    assert value(engine, "name") == "after"


def test_what_fails_within_a_transaction_leaves_nothing(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError):
        put_around(engine, lambda: 1 // 0)
    assert value(engine, "a") is None
    put(engine, "a", "2")


def test_a_mistake_of_our_own_stays_visible_as_it_is(engine: Engine) -> None:
    put(engine, "a", "1")
    with pytest.raises(exc.IntegrityError):
        put(engine, "a", "2")


# ------------------------------------------------------------------------------------------------------ failures


@contextmanager
def _locked(url: str) -> Iterator[Engine]:
    """An engine that waits 50 ms for a lock that another program holds."""
    if url.startswith("sqlite"):
        impatient = connect(url)
        event.listen(impatient, "connect", _impatient)
        other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield impatient
        other.close()
    else:
        impatient = connect(f"{url}?options=-clock_timeout%3D50")
        holder = connect(url)
        with write(holder):
            yield impatient
        holder.dispose()
    impatient.dispose()


def _impatient(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA busy_timeout = 50")


def test_a_store_that_another_program_keeps_locked_is_tried_again_later(url: str) -> None:
    with _locked(url) as engine:
        with pytest.raises(Retryable, match="locked by another process"):
            put(engine, "a", "1")
        assert value(engine, "a") is None, "but it can be read"


def test_a_store_without_tables_names_the_upgrade(empty_url: str) -> None:
    engine = connect(empty_url)
    with pytest.raises(Permanent) as refused:
        value(engine, "a")
    assert "syncd db upgrade" in refused.value.cure
    engine.dispose()


def test_a_full_disk_is_waited_for_and_then_all_goes_on(tmp_path: Path) -> None:
    """SQLite rolls back by itself; a second ROLLBACK would hide the cause."""
    engine = connect(f"sqlite:///{tmp_path}/syncd.db")
    with write(engine) as connection:
        connection.execute(text("CREATE TABLE meta (name TEXT, value TEXT)"))
    with pytest.raises(Retryable, match="no space") as full:
        put_much(engine, pages=2)
    assert "make room" in full.value.cure
    assert value(engine, "a") is None
    put_much(engine, pages=100_000)
    assert value(engine, "a") is not None
    engine.dispose()


def put_much(engine: Engine, *, pages: int) -> None:
    """On a disk that holds so many pages."""
    with write(engine) as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        connection.execute(SET, {"name": "a", "value": "x" * 100_000})


def test_a_damaged_page_names_the_restore(tmp_path: Path) -> None:
    path = tmp_path / "syncd.db"
    engine = connect(f"sqlite:///{path}")
    with write(engine) as connection:
        connection.execute(text("CREATE TABLE meta (name TEXT, value TEXT)"))
        connection.execute(SET, {"name": "a", "value": "x" * 100_000})
    engine.dispose()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)
    damaged = connect(f"sqlite:///{path}")
    with pytest.raises(Permanent, match="damaged") as refused:
        value(damaged, "a")
    assert "syncd db restore" in refused.value.cure
    damaged.dispose()


@pytest.fixture
def server_engine(postgres: Postgres) -> Iterator[Engine]:
    name = postgres.new_database()
    engine = connect(postgres.url(name))
    with write(engine) as connection:
        connection.execute(text("CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT)"))
    yield engine
    engine.dispose()
    postgres.drop(name)


def test_a_server_that_dies_within_a_transaction_leaves_nothing_and_is_tried_again(
    postgres: Postgres, server_engine: Engine
) -> None:
    with pytest.raises(Retryable):
        put_around(server_engine, lambda: postgres.kill_sessions(str(server_engine.url.database)))
    assert value(server_engine, "a") is None
    put(server_engine, "a", "2")


def test_a_server_that_dies_before_the_commit_is_tried_again(postgres: Postgres, server_engine: Engine) -> None:
    with pytest.raises(Retryable):
        put_around(server_engine, lambda: postgres.kill_sessions(str(server_engine.url.database)), then=False)
    assert value(server_engine, "a") is None


def test_a_server_that_restarted_while_nothing_was_asked_of_it_is_no_error(
    postgres: Postgres, server_engine: Engine
) -> None:
    put(server_engine, "a", "1")
    postgres.restart("immediate")
    assert value(server_engine, "a") == "1"


def test_a_server_that_is_down_is_tried_again(postgres: Postgres, server_engine: Engine) -> None:
    postgres.stop()
    try:
        with pytest.raises(Retryable) as down:
            value(server_engine, "a")
    finally:
        postgres.start()
    assert "check host and port" in down.value.cure


@pytest.mark.parametrize(
    ("change", "words"),
    [(("syncd:", "syncd:wrong"), "what [store] password names"), (("/postgres", "/nowhere"), "createdb")],
)
def test_a_wrong_password_or_database_is_for_the_admin_and_shows_no_secret(
    postgres: Postgres, change: tuple[str, str], words: str
) -> None:
    engine = connect(postgres.url("postgres").replace(*change))
    with pytest.raises(Permanent) as refused:
        value(engine, "a")
    assert words in refused.value.cure
    assert postgres.password not in str(refused.value)
    engine.dispose()


def test_what_reads_on_postgresql_cannot_write(server_engine: Engine) -> None:
    with pytest.raises(exc.InternalError, match="read-only"), read(server_engine) as connection:
        connection.execute(SET, {"name": "a", "value": "1"})


# ------------------------------------------------------------------------------------------------ the one daemon


def test_a_second_daemon_on_the_same_store_is_refused(url: str, engine: Engine) -> None:
    other = connect(url)
    with hold(engine):
        with pytest.raises(StoreInUse, match="another syncd"), hold(other):
            pass
        put(other, "a", "1")  # a command beside the daemon may write
    with hold(other):
        pass
    other.dispose()


HOLD = """
import sys
from store.engine import connect, hold
with hold(connect(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_daemon_that_was_killed_leaves_the_store_free(url: str, engine: Engine) -> None:
    command = [sys.executable, "-c", HOLD, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as daemon:
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == "held\n"
        assert not _free(engine)
        daemon.kill()
        daemon.wait()
        eventually(lambda: _free(engine))


def _free(engine: Engine) -> bool:
    try:
        with hold(engine):
            return True
    except StoreInUse:
        return False


def test_a_daemon_notices_that_a_restart_of_the_server_took_its_lock(postgres: Postgres, server_engine: Engine) -> None:
    with hold(server_engine) as check:
        check()
        postgres.kill_sessions(str(server_engine.url.database))
        with hold(server_engine):
            pass
        with pytest.raises(StoreInUse, match="lost"):
            check()


def test_two_stores_in_schemas_of_one_database_do_not_know_each_other(
    postgres: Postgres, server_engine: Engine
) -> None:
    url = f"{postgres.url(str(server_engine.url.database))}?options=-csearch_path%3Dother"
    other = connect(url)
    with pytest.raises(Permanent) as missing:
        migrations.upgrade(other)
    assert "CREATE SCHEMA" in missing.value.cure
    with write(server_engine) as connection:
        connection.execute(text("CREATE SCHEMA other"))
    migrations.upgrade(other)
    with hold(server_engine), hold(other), write(server_engine):
        put(other, "a", "1")
    assert (value(other, "a"), value(server_engine, "a")) == ("1", None)
    other.dispose()


def test_holding_the_store_is_in_nobodys_way(engine: Engine) -> None:
    with hold(engine) as check:
        put(engine, "a", "1")
        check()
        assert value(engine, "a") == "1"


def test_a_store_that_is_opened_twice_in_one_process_keeps_its_locks_against_others(tmp_path: Path) -> None:
    """To close any descriptor of a file gives up all the locks that the process has on it (POSIX), and then another
    process that ends takes the log away, as the last user of it does."""
    path = tmp_path / "syncd.db"
    first, seen = connect(f"sqlite:///{path}"), text("SELECT count(*) FROM t")
    with write(first) as connection:
        connection.execute(text("CREATE TABLE t (n INTEGER)"))
    connect(f"sqlite:///{path}").dispose()
    other = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('INSERT INTO t VALUES (1)'); c.commit()"
    subprocess.run([sys.executable, "-c", f"{other}; c.close()", str(path)], check=True, timeout=60)
    assert path.with_name("syncd.db-wal").exists()
    with read(first) as connection:
        assert connection.execute(seen).scalar() == 1
    first.dispose()
