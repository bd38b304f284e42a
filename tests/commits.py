"""The commit points of the program, numbered by the database itself: there a test counts writes, or ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, event


def watch_writes(engine: Engine | type[Engine], seen: Callable[[str], None]) -> None:
    """Call `seen("begin")` and `seen("commit")` just before each of a transaction that may write."""

    def tell(point: str) -> Callable[[Connection], None]:
        def told(connection: Connection) -> None:
            if not connection.get_execution_options().get("reads", False):
                seen(point)

        return told

    for point in ("begin", "commit"):
        event.listen(engine, point, tell(point))


@contextmanager
def written() -> Iterator[list[str]]:
    """The statements by which any engine of this process changes anything meanwhile."""
    statements: list[str] = []

    def tell(statement: str) -> None:
        if statement.split(None, 1)[0].upper() in ("INSERT", "UPDATE", "DELETE"):
            statements.append(statement)

    with _executed(tell):
        yield statements


@contextmanager
def executed() -> Iterator[list[str]]:
    """All statements that any engine of this process runs meanwhile."""
    statements: list[str] = []
    with _executed(statements.append):
        yield statements


@contextmanager
def _executed(tell: Callable[[str], None]) -> Iterator[None]:
    def told(connection: object, cursor: object, statement: str, *_: object) -> None:
        tell(statement)

    event.listen(Engine, "before_cursor_execute", told)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", told)
