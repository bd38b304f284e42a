"""Both databases hold the same moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from sqlalchemy import Engine, insert, select

from store import bulk
from store.engine import read, write
from store.schema import change

MOMENT = datetime(2026, 11, 23, 1, 30, 59, 987_654, tzinfo=timezone(timedelta(hours=-8)))


def test_an_instant_is_stored_in_whole_seconds_of_utc_whichever_way_it_comes(engine: Engine) -> None:
    with write(engine) as connection:
        connection.execute(insert(change).values(sequence=1, kind="x", activity_id=1, changed_at=MOMENT))
        row = (2, "x", 1, bulk.stamp(connection)(MOMENT))
        bulk.insert(connection, "change", "sequence, kind, activity_id, changed_at", [row])
    with read(engine) as connection:
        stored = connection.execute(select(change.c.changed_at)).scalars().all()
    assert stored == [datetime(2026, 11, 23, 9, 30, 59, tzinfo=UTC)] * 2
