"""Queries on the CRM's own database: read-only, and as text, for the directory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, exc, make_url, text
from sqlalchemy.pool import NullPool

from syncd.errors import Permanent, Retryable


@dataclass(frozen=True, slots=True)
class Answer:
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def answers(url: str, queries: Mapping[str, str]) -> dict[str, Answer | Permanent]:
    """The answer to each query, or why there is none, all seen at the same moment. Whatever a query does, nothing is
    changed by it."""
    with _reading(url) as connection:
        return {name: _tried(connection, name, query) for name, query in queries.items()}


@contextmanager
def _reading(url: str) -> Iterator[Connection]:
    engine = _engine(url)
    try:
        connection = engine.connect()
    except exc.DBAPIError as error:
        cure = "check url and password of [directory], and that the database is running"
        raise Retryable(f"the CRM's database does not answer: {_said(error)}", cure=cure) from error
    with connection:
        try:
            yield _read_only(connection)
        finally:
            connection.rollback()
            engine.dispose()


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        return create_engine(_read_only_url(parsed), poolclass=NullPool)
    except exc.ArgumentError as error:
        raise Permanent("the url of [directory] is none", cure="write postgresql://user@host/database") from error
    except ImportError as error:
        cure = "name one in the url (mysql+pymysql://) and install it in syncd's virtual environment"
        raise Permanent(f"no driver for the database of [directory] is installed: {error}", cure=cure) from error


def _read_only_url(url: URL) -> URL:
    """Plain `postgresql://` means psycopg2 to SQLAlchemy, and we have psycopg 3. SQLite would make a file that is not
    there, and report it as an empty directory."""
    match url.drivername:
        case "postgresql" | "postgres":
            return url.set(drivername="postgresql+psycopg")
        case "sqlite" if url.database:
            return url.set(database=f"file:{quote(url.database)}", query={"mode": "ro", "uri": "true"})
    return url


def _read_only(connection: Connection) -> Connection:
    """One snapshot where the database has them. Elsewhere the rights of the user, and the roll-back, have to do."""
    match connection.dialect.name:
        case "postgresql":
            return connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        case "sqlite":
            connection.execute(text("PRAGMA query_only = ON"))
    return connection


def _tried(connection: Connection, name: str, query: str) -> Answer | Permanent:
    """In a savepoint, since PostgreSQL answers nothing more after a query that failed."""
    try:
        with connection.begin_nested():
            return _answer(connection, name, query)
    except Permanent as error:
        return error


def _answer(connection: Connection, name: str, query: str) -> Answer:
    try:
        # A colon in a query is a colon (`created::date`), not a parameter of ours.
        result = connection.execute(text(query.replace(":", "\\:")))
        if not result.returns_rows:
            raise Permanent(f"the query {name} of [directory] returns no rows", cure="it must be a SELECT")
        return Answer(tuple(result.keys()), tuple(tuple(map(_text, row)) for row in result))
    except exc.DBAPIError as error:
        raise Permanent(f"the query {name} of [directory] failed: {_said(error)}", cure="run it by hand") from error


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
        case bytes():
            return value.decode("utf-8", errors="replace")
        case str():
            return value
        case Sequence():
            return ";".join(map(_text, value))
    return str(value)


def _said(error: exc.DBAPIError) -> str:
    """What the database said, on one line; SQLAlchemy's own text would repeat the query and its parameters."""
    return " ".join(str(error.orig).split())
