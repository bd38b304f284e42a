"""The whole chain within this process: an office's mailboxes on a real server, read by `once` into either database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from sqlalchemy import Engine, make_url, text

from store.engine import connect, read
from syncd.config import load, store_url
from syncd.once import once
from syncd.opening import opened
from syncd.upkeep import Upkeep
from syncd.watch import Progress
from tests.dump import Rows, dump
from tests.servers.postgres import Postgres
from tests.syncd.daemons import Office, Setup

OfficeT = TypeVar("OfficeT", bound=Setup)
Row = tuple[object, ...]


def _silent(*_: object) -> None:
    """Nobody watches."""


@dataclass(frozen=True, slots=True)
class ChainOf(Generic[OfficeT]):
    office: OfficeT
    processes: int = 1
    """Among which the mailboxes are shared out; in the test's own its statements can be seen."""

    def try_once(self, progress: Progress = _silent) -> Sequence[str]:
        """One pass over all mailboxes, and what it failed of."""
        results = once(load(self.office.write()), [], progress=progress, processes=self.processes)
        return [result.state.error for result in results.values() if result.state.state != "ok"]

    def pass_once(self) -> Mapping[str, Counter[str]]:
        """One pass over all mailboxes; how many copies of each folder got which rule."""
        results = once(load(self.office.write()), [], progress=_silent, processes=self.processes)
        assert [result.state.error for result in results.values() if result.state.state != "ok"] == []
        return {
            f"{name}/{stream.name}": Counter({rule: count for (_, rule), count in stream.counts.items()})
            for name, result in results.items()
            for stream in result.outcome.streams
            if stream.batches
        }

    def prepare(self) -> None:
        """The store with its directory, and no mail read yet."""
        config = load(self.office.write())
        with opened(config) as store:
            Upkeep(config, store).keep()

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        engine = connect(store_url(load(self.office.write())))
        try:
            yield engine
        finally:
            engine.dispose()

    def rows(self, query: str) -> Sequence[Row]:
        with self.engine() as engine, read(engine) as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def dump(self) -> Mapping[str, Rows]:
        with self.engine() as engine:
            return dump(engine)


Chain: TypeAlias = ChainOf[Office]


def _with_key(office: OfficeT, url: str) -> ChainOf[OfficeT]:
    """All stores have the same key, so that they can be compared."""
    office.secret("store", "6b" * 32)
    office.store = f'url = "{url}"\nkey = "file:store.secret"'
    return ChainOf(office)


def on_sqlite(office: OfficeT) -> ChainOf[OfficeT]:
    return _with_key(office, "sqlite:///syncd.db")


@contextmanager
def on_postgresql(office: OfficeT, postgres: Postgres) -> Iterator[ChainOf[OfficeT]]:
    """In a database of its own."""
    name = postgres.new_database()
    url = make_url(postgres.url(name))
    chain = _with_key(office, f"postgresql://{url.username}@{url.host}:{url.port}/{name}")
    office.secret("database", postgres.password)
    office.store += '\npassword = "file:database.secret"'
    yield chain
    postgres.drop(name)
