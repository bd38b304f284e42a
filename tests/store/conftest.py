"""Every test that takes `engine` or `url` runs on SQLite and on PostgreSQL, in a store of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine

from store import migrations
from store.engine import connect
from store.schema import metadata
from tests.servers.postgres import Postgres
from tests.store.seeds import Seeds


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "syncd.db"
    _upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_database(postgres: Postgres) -> str:
    """One for all tests, emptied after each: to make a database takes half a second."""
    name = postgres.new_database()
    _upgrade(postgres.url(name))
    return name


def _upgrade(url: str) -> None:
    engine = connect(url)
    migrations.upgrade(engine)
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty store with its tables. PostgreSQL is started for the tests that use it only."""
    if backend == "sqlite":
        path = tmp_path / "syncd.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    url = postgres.url(request.getfixturevalue("postgres_database"))
    yield url
    with psycopg.connect(url) as connection:
        for table in reversed(metadata.sorted_tables):
            # The trail refuses it. To truncate them all would take longer than most of the tests.
            emptied = "TRUNCATE {}" if table.name == "trail" else "DELETE FROM {}"
            connection.execute(sql.SQL(emptied).format(sql.Identifier(table.name)))


@pytest.fixture
def empty_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A place for a store that was never made, for tests that change the tables themselves."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    database = postgres.new_database()
    yield postgres.url(database)
    postgres.drop(database)


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = connect(url)
    yield engine
    engine.dispose()


@pytest.fixture
def seeds(engine: Engine) -> Seeds:
    return Seeds(engine)
