"""Many rows at once: SQL text that is compiled once, and rows that pass no processor.

SQLAlchemy's own executemany costs about 5 microseconds a row for its dictionaries and bind processors, more than SQLite
needs to insert it, and its IN lists about as much a key; a first sync writes and asks for tens of thousands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from itertools import chain
from sqlite3 import Connection as SQLite
from sqlite3 import Cursor
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import BindParameter, Connection, CursorResult, Dialect, Select, bindparam
from sqlalchemy.sql.compiler import SQLCompiler

T = TypeVar("T")

Value = str | int | bytes | datetime | bool | None
Row = Sequence[Value]
Parameters: TypeAlias = "Callable[[Sequence[object], Mapping[str, Value]], Any]"

CHUNK = 1000
"""Keys of one IN list; SQLite allows 32,766."""

_ROWS = (512, 128, 32, 8, 2, 1)
"""Rows of one INSERT; few sizes, so that few statements are ever prepared."""

_SIZES = (4, 16, 32, 64, 96, 128, 192, 256, 384, 512, CHUNK)
"""A list is filled up to one of these by its last key, so that few statements are ever prepared."""

_LIST = "__[POSTCOMPILE_keys]"
"""Where SQLAlchemy would put the list."""


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """Split into sorted, duplicate-free lists of at most CHUNK: one order for all who lock rows."""
    rest = sorted(set(values))  # type: ignore[type-var]
    for start in range(0, len(rest), CHUNK):
        yield rest[start : start + CHUNK]


def keys() -> BindParameter[Any]:
    """The list of a statement for `among`."""
    return bindparam("keys", expanding=True)


def among(connection: Connection, statement: Select[Any], wanted: Iterable[object], **more: Value) -> Iterator[Any]:
    """Run a statement of the form `... column.in_(keys()) ...` over `wanted`, and yield its rows as the driver has
    them; pass an instant through `unstamp`."""
    for some in chunks(wanted):
        size = next(size for size in _SIZES if len(some) <= size)
        filled = [*some, *[some[-1]] * (size - len(some))]
        text, parameters = _compiled(statement, connection.dialect, size, tuple(more))
        yield from _executed(connection, text, parameters(filled, more)).fetchall()


def rows(connection: Connection, statement: Select[Any]) -> Sequence[Any]:
    """Run a statement that has no parameters and is there for as long as the program."""
    return _executed(connection, _plain(statement, connection.dialect), ()).fetchall()


@cache
def _plain(statement: Select[Any], dialect: Dialect) -> str:
    return str(statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


@lru_cache(maxsize=1024)
def _compiled(statement: Select[Any], dialect: Dialect, size: int, others: tuple[str, ...]) -> tuple[str, Parameters]:
    """The statement as text for lists of this size, and what makes the parameters for it."""
    text, fixed, order = _outline(statement, dialect, others)
    names = [f"keys_{place}" for place in range(size)]
    if order is None:
        text = text.replace(_LIST, ", ".join([f"%({name})s" for name in names]))
        return text, lambda keys, more: {**fixed, **dict(zip(names, keys, strict=True)), **more}
    place = order.index("keys")
    before, after = order[:place], order[place + 1 :]

    def parameters(keys: Sequence[object], more: Mapping[str, Value]) -> Any:
        values = {**fixed, **more}
        return (*[values[name] for name in before], *keys, *[values[name] for name in after])

    return text.replace(_LIST, ", ".join("?" * size)), parameters


@cache
def _outline(
    statement: Select[Any], dialect: Dialect, others: tuple[str, ...]
) -> tuple[str, Mapping[str, Any], list[str] | None]:
    """The text for a list of any size, the values that stand in the statement, and the order of the parameters where
    they are told apart by that."""
    compiled = statement.params(**dict.fromkeys(others)).compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)
    fixed = {name: bind.effective_value for name, bind in compiled.binds.items() if not bind.required}
    return str(compiled), fixed, compiled.positiontup


def insert(connection: Connection, table: str, columns: str, rows: Sequence[Row], conflict: str = "") -> None:
    """Insert `rows`, given in the order of `columns` (comma-separated).

    Many rows in one statement: the driver gives up the interpreter at each statement, and has to win it back from all
    other threads.
    """
    width = columns.count(",") + 1
    start = 0
    for size in _ROWS:
        text = _insert(connection.dialect.paramstyle, table, columns, width, size, conflict)
        while len(rows) - start >= size:
            values = tuple(chain.from_iterable(rows[start : start + size]))
            _executed(connection, text, values)
            start += size


def run(connection: Connection, statement: str, rows: Sequence[Row]) -> None:
    """Run one UPDATE or DELETE, written with `?`, for each of `rows`."""
    if rows:
        connection.exec_driver_sql(statement.replace("?", _mark(connection.dialect.paramstyle)), list(rows))


def _executed(connection: Connection, text: str, parameters: Any) -> CursorResult[Any] | Cursor:
    """One statement; of SQLite by its driver, since SQLAlchemy spends 12 microseconds around each, of which a batch has
    fifty. Its errors are the driver's then, which store.failures knows as well."""
    driver = connection.connection.dbapi_connection
    if isinstance(driver, SQLite):
        return driver.execute(text, parameters)
    return connection.exec_driver_sql(text, parameters)


def stamp(connection: Connection) -> Callable[[datetime | None], Value]:
    """What schema.Instant makes of a datetime, for rows that do not pass through it."""
    return _text if connection.dialect.name == "sqlite" else _whole_seconds


def unstamp(value: str | datetime | None) -> datetime | None:
    """The reverse, of what the driver gives."""
    return _instant(value) if isinstance(value, str) else value


@lru_cache(maxsize=4096)
def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _whole_seconds(value: datetime | None) -> Value:
    return None if value is None else value.replace(microsecond=0)


@lru_cache(maxsize=4096)
def _text(value: datetime | None) -> Value:
    """Remembered, as a meeting's times stand in its own row and in those of all its copies."""
    if value is None:
        return None
    # `isoformat` is several times faster than `strftime`, and writes the same for whole seconds.
    return (value if value.tzinfo is UTC else value.astimezone(UTC)).isoformat(" ", "seconds")[:19]


def _mark(paramstyle: str) -> str:
    return "?" if paramstyle == "qmark" else "%s"


@cache
def _insert(paramstyle: str, table: str, columns: str, width: int, rows: int, conflict: str) -> str:
    row = f"({', '.join([_mark(paramstyle)] * width)})"
    return f"INSERT INTO {table} ({columns}) VALUES {', '.join([row] * rows)} {conflict}"
