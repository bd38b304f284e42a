"""Planted in retention, and in what owners close."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any
from unittest.mock import patch

from sqlalchemy import Engine

from store import closing, known, retention
from store.engine import write
from syncd.model import Directory, Level
from tests.simulation import keeping
from tests.simulation.planting import bug


@bug
def what_loses_its_text_keeps_its_level() -> AbstractContextManager[Any]:
    """So that a later copy brings it back."""
    expire = retention.expire

    def expired(engine: Engine, periods: retention.Periods, now: datetime) -> retention.Expired:
        done = expire(engine, periods, now)
        with write(engine) as connection:
            connection.exec_driver_sql("UPDATE activity SET level = 2 WHERE level = 1 AND text IS NULL")
        return done

    return patch.object(keeping, "expire", expired)


@bug
def old_subjects_are_kept() -> AbstractContextManager[Any]:
    def emptied(connection: Any, ids: Sequence[int], now: datetime) -> None:
        retention._emptied(connection, ids, {"text": None, "level": Level.METADATA}, now)

    return patch.object(retention, "_without_subject", emptied)


@bug
def what_is_too_old_is_only_emptied() -> AbstractContextManager[Any]:
    def emptied(connection: Any, ids: Sequence[int], now: datetime) -> None:
        retention._emptied(connection, ids, {"subject": None, "text": None, "level": -2}, now)

    return patch.object(retention, "_take_out", emptied)


@bug
def only_what_is_there_of_a_conversation_is_closed() -> AbstractContextManager[Any]:
    return patch.object(closing, "close_threads", lambda connection, ids, now: None)


@bug
def one_mail_of_a_conversation_is_closed() -> AbstractContextManager[Any]:
    named = closing.named

    def one(connection: Any, public_id: str, *, thread: bool) -> tuple[int, ...]:
        return named(connection, public_id, thread=False)

    return patch.object(closing, "named", one)


@bug
def closing_leaves_the_subject() -> AbstractContextManager[Any]:
    close = closing.close

    def half(connection: Any, ids: Sequence[int], level: Level, now: datetime) -> None:
        close(connection, ids, max(level, Level.SUBJECT), now)

    return patch.object(closing, "close", half)


@bug
def who_is_closed_is_open_in_what_comes() -> AbstractContextManager[Any]:
    directory = known.directory

    def forgetful(*arguments: Any) -> Directory:
        return directory(*arguments)._replace(closed=frozenset())

    return patch.object(known, "directory", forgetful)
