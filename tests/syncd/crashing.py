"""A process that runs `syncd once` in children which die in the middle: `python -m tests.syncd.crashing CONFIG WAY`.

WAY is `points` (for each commit point of a first sync: begin anew, be killed there, go on, compare), `later` (the same
of a pass that begins with the store `before.db`), `database` (the same of a first sync on PostgreSQL, which begins with
all tables empty that are so now), `moments SEED` (fifty deaths at random moments of first syncs, each of which goes on
where the one before it died), or `readers SEED` (fifteen of first syncs of which only processes that read mailboxes
die). Prints JSON; forks, so that a run costs no start-up.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, Table, delete, select, text

from store import schema
from store.engine import connect, hold
from syncd.cli import main
from syncd.config import load, store_url
from syncd.once import once as read_once
from tests.commits import watch_writes
from tests.dump import dump
from tests.waiting import eventually

StoreT = TypeVar("StoreT", Path, str)

DEATHS = 50
READERS = 15


def once(config: Path, prepare: Callable[[], None]) -> int:
    """Run `syncd once` in a child after `prepare`; its exit code, negative for the signal that ended it.

    On one core, so that it is one process, which dies as a whole.
    """
    child = os.fork()
    if child == 0:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        prepare()
        with Path(os.devnull).open("w") as null:
            os.dup2(null.fileno(), 1)
            os.dup2(null.fileno(), 2)
            sys.argv = ["syncd", "once", "--config", str(config)]
            try:
                main()
            except SystemExit as end:
                os._exit(end.code if isinstance(end.code, int) else 1)
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def read_by_two(config: Path, prepare: Callable[[], None]) -> int:
    """The same by two processes that read; 1 if one of them died."""
    child = os.fork()
    if child == 0:
        prepare()
        results = read_once(load(config), [], progress=lambda saved: None, processes=2)
        os._exit(any(result.outcome.worst() for result in results.values()))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_at(point: int) -> Callable[[], None]:
    passed = count()

    def seen(_: str) -> None:
        if next(passed) == point:
            os.kill(os.getpid(), signal.SIGKILL)

    return lambda: watch_writes(Engine, seen)


def killed_after(cpu_seconds: float) -> Callable[[], None]:
    """By a signal that nothing handles, at whatever instruction that is; of CPU time, so that load changes nothing."""
    return lambda: signal.setitimer(signal.ITIMER_PROF, cpu_seconds)  # type: ignore[return-value]


def children_killed_after(cpu_seconds: float) -> Callable[[], None]:
    return lambda: os.register_at_fork(after_in_child=killed_after(cpu_seconds))


def undisturbed() -> None:
    """Let the run come to its end."""


def contents(store: Path | str) -> str:
    """Of a file, or of the database of a URL."""
    engine = connect(f"sqlite:///{store}" if isinstance(store, Path) else store)
    try:
        with hold(engine):
            return json.dumps(dump(engine), default=str)
    finally:
        engine.dispose()


def empty_tables(url: str) -> list[Table]:
    """Each before those that it refers to."""
    with _connected(url) as connection:
        tables = reversed(schema.metadata.sorted_tables)
        return [table for table in tables if connection.execute(select(table).limit(1)).first() is None]


def emptied(url: str, tables: Sequence[Table]) -> None:
    with _connected(url) as connection:
        for table in tables:
            connection.execute(delete(table))


def left_by_the_dead(url: str) -> None:
    """The server ends the sessions of whoever was killed a moment later, and with them what they held."""
    others = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    )
    with _connected(url) as connection:
        eventually(lambda: connection.execute(others).scalar_one() == 0, every=0.01)


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    """Each statement is a transaction by itself, and sees what has changed since the one before."""
    engine = connect(url)
    try:
        with engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")
    finally:
        engine.dispose()


def forget(store: Path) -> None:
    for path in store.parent.glob(f"{store.name}*"):
        if not path.name.endswith(".key"):  # the same hashes every time
            path.unlink()


def go_back(store: Path) -> None:
    forget(store)
    shutil.copy(store.with_name("before.db"), store)


def at_each_point(
    config: Path, store: StoreT, begin: Callable[[StoreT], None], settled: Callable[[StoreT], None]
) -> dict[str, object]:
    """`settled` waits until the dead hold nothing any more."""
    begin(store)
    ends = [once(config, undisturbed)]
    truth, differing, killed = contents(store), 0, 0
    for point in count():
        begin(store)
        if once(config, killed_at(point)) != -signal.SIGKILL:
            break
        killed += 1
        settled(store)
        ends.append(once(config, undisturbed))
        differing += contents(store) != truth
    return {"killed": killed, "differing": differing, "ends": sorted(set(ends))}


def at_random_moments(config: Path, store: Path, seed: int, *, readers: bool) -> dict[str, object]:
    run, disturbed, death, deaths = (
        (read_by_two, children_killed_after, 1, READERS) if readers else (once, killed_after, -signal.SIGPROF, DEATHS)
    )
    ends = [run(config, undisturbed)]
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    truth, differing, killed = contents(store), 0, 0
    forget(store)
    chance = random.Random(seed)
    while killed < deaths:
        end = run(config, disturbed(chance.uniform(0.0, usage.ru_utime + usage.ru_stime)))
        if end == death:
            killed += 1
        else:  # it came to its end in spite of what came before
            ends.append(end)
            differing += contents(store) != truth
            forget(store)
    ends.append(run(config, undisturbed))
    differing += contents(store) != truth
    return {"killed": killed, "differing": differing, "ends": sorted(set(ends))}


if __name__ == "__main__":
    path = Path(sys.argv[1])
    database = path.parent / "syncd.db"
    if sys.argv[2] == "database":
        url = store_url(load(path))
        begin_empty = partial(emptied, tables=empty_tables(url))
        print(json.dumps(at_each_point(path, url, begin_empty, left_by_the_dead)))
    elif sys.argv[2] in ("points", "later"):
        begin = forget if sys.argv[2] == "points" else go_back
        print(json.dumps(at_each_point(path, database, begin, lambda store: None)))
    else:
        print(json.dumps(at_random_moments(path, database, int(sys.argv[3]), readers=sys.argv[2] == "readers")))
