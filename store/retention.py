"""What was kept long enough goes: the text first, then the subject, then the activity itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Engine, delete, select, update

from store import erasure, trail
from store.engine import write
from store.late import touch
from store.schema import activity, attachment
from store.trail import Doer
from syncd.model import Level

EXPIRED = "expired"
"""The rule of what was taken out because of its age."""

AT_ONCE = 500
"""In one transaction: a pass does not wait long for it."""


class Periods(NamedTuple):
    """How long each is kept after it happened; None is for ever."""

    text: timedelta | None = None
    subject: timedelta | None = None
    activities: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Expired:
    texts: int
    subjects: int
    activities: int

    def __bool__(self) -> bool:
        return any((self.texts, self.subjects, self.activities))


def expire(engine: Engine, periods: Periods, now: datetime) -> Expired:
    """Take out what is too old; every transaction may be the last, and has its entry in the trail.

    What loses its text or subject loses the level that allowed it: so no later copy brings it back.
    """
    done = Expired(
        activities=_all(engine, "activities", periods.activities, Level.PRIVATE, _take_out, now),
        subjects=_all(engine, "subjects", periods.subject, Level.SUBJECT, _without_subject, now),
        texts=_all(engine, "texts", periods.text, Level.FULL, _without_text, now),
    )
    if done:
        erasure.scrub(engine)
    return done


def _all(
    engine: Engine,
    what: str,
    period: timedelta | None,
    level: Level,
    shorten: Callable[[Connection, Sequence[int], datetime], None],
    now: datetime,
) -> int:
    """Everything of at least this level that happened before the period began; how many that were."""
    if period is None:
        return 0
    old = (activity.c.occurred_at < now - period, activity.c.level >= level)
    some = select(activity.c.id).where(*old).order_by(activity.c.occurred_at).limit(AT_ONCE)
    count = 0
    while True:
        with write(engine) as connection:
            ids = connection.execute(some).scalars().all()
            if not ids:
                return count
            shorten(connection, ids, now)
            trail.record(connection, Doer("syncd", "daemon").did("retain", **{what: len(ids)}), now)
            count += len(ids)


def _take_out(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    erasure.take_out(connection, ids, EXPIRED, now)


def _without_subject(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    _emptied(connection, ids, {"subject": None, "location": None, "text": None, "level": Level.METADATA}, now)


def _without_text(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    _emptied(connection, ids, {"text": None, "level": Level.SUBJECT}, now)


def _emptied(connection: Connection, ids: Sequence[int], values: dict[str, object], now: datetime) -> None:
    connection.execute(update(activity).where(activity.c.id.in_(ids)).values(values))
    connection.execute(delete(attachment).where(attachment.c.activity_id.in_(ids)))
    touch(connection, ids, "updated", now)
