"""Many rows at once: SQL text with positional parameters, compiled once for each dialect.

SQLAlchemy's own executemany costs about 5 microseconds a row for its dictionaries and bind processors, more than SQLite
needs to insert it; a first sync writes tens of thousands of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeVar

from sqlalchemy import Connection

T = TypeVar("T")

Value = str | int | bytes | datetime | bool | None
Row = Sequence[Value]

CHUNK = 500
"""Parameters of one IN list; SQLite allows 32,766, and statements of few sizes stay in its cache."""


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """Split into sorted, duplicate-free lists of at most CHUNK: one order for all who lock rows."""
    rest = sorted(set(values))  # type: ignore[type-var]
    for start in range(0, len(rest), CHUNK):
        yield rest[start : start + CHUNK]


def insert(connection: Connection, table: str, columns: str, rows: Sequence[Row], conflict: str = "") -> None:
    """Insert `rows`, given in the order of `columns` (comma-separated)."""
    if rows:
        connection.exec_driver_sql(_insert(connection.dialect.paramstyle, table, columns, conflict), list(rows))


def run(connection: Connection, statement: str, rows: Sequence[Row]) -> None:
    """Run one UPDATE or DELETE, written with `?`, for each of `rows`."""
    if rows:
        connection.exec_driver_sql(statement.replace("?", _mark(connection.dialect.paramstyle)), list(rows))


def stamp(connection: Connection) -> Callable[[datetime | None], Value]:
    """What schema.Instant makes of a datetime, for rows that do not pass through it."""
    return _text if connection.dialect.name == "sqlite" else _same


def _same(value: datetime | None) -> Value:
    return value


def _text(value: datetime | None) -> Value:
    # `isoformat` is several times faster than `strftime`, and writes the same for whole seconds.
    return None if value is None else value.astimezone(UTC).isoformat(" ", "seconds")[:19]


def _mark(paramstyle: str) -> str:
    return "?" if paramstyle == "qmark" else "%s"


@lru_cache
def _insert(paramstyle: str, table: str, columns: str, conflict: str) -> str:
    marks = ", ".join([_mark(paramstyle)] * (columns.count(",") + 1))
    return f"INSERT INTO {table} ({columns}) VALUES ({marks}) {conflict}"
