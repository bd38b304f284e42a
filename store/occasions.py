"""Writes meetings, tasks and notes, and turns the meetings that are over into held ones."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Engine, func, select

from store import bulk
from store.engine import read, write
from store.ids import uuid7s
from store.schema import activity, change
from syncd.ledger import OccasionRow, Plan


def apply(connection: Connection, plan: Plan, now: datetime) -> None:
    """The activities; their copies follow once the sightings are written."""
    stamp = bulk.stamp(connection)
    saved = stamp(now)
    columns = (
        "id, identity, occurred_at, ended_at, settles_at, all_day, zone, status, level, subject, text, location,"
        " rescheduled, rescheduled_from, public_id, kind, source, thread_id, created_at, updated_at"
    )

    def values(row: OccasionRow) -> bulk.Row:
        return (
            *(row.id, row.identity, stamp(row.occurred_at), stamp(row.ended_at), stamp(row.settles_at), row.all_day),
            *(row.zone, row.status, row.level, row.subject, row.text, row.location, row.rescheduled),
            stamp(row.rescheduled_from),
        )

    # What its owner closed is closed under its other name as well.
    known = (
        "INSERT INTO closed_item (key, at) SELECT ?, at FROM closed_item WHERE key IN (SELECT identity FROM activity"
    )
    named = [(row.identity, row.id) for row in plan.occasion_changes if row.id in plan.renamed]
    bulk.run(connection, f"{known} WHERE id = ?) ON CONFLICT DO NOTHING", named)
    # Each identity is free before it is given to another.
    aside = [(b"renamed %d" % id_, id_) for id_ in plan.renamed]
    bulk.run(connection, "UPDATE activity SET identity = ? WHERE id = ?", aside)
    public = uuid7s(now, len(plan.occasions))
    rows = [
        (*values(row), public_id, kind, "calendar", row.id, saved, saved)
        for (kind, row), public_id in zip(plan.occasions, public, strict=True)
    ]
    bulk.insert(connection, "activity", columns, rows)
    bulk.run(
        connection,
        "UPDATE activity SET identity = ?, occurred_at = ?, ended_at = ?, settles_at = ?, all_day = ?, zone = ?,"
        " status = ?, level = ?, subject = ?, text = ?, location = ?, rescheduled = ?, rescheduled_from = ?"
        " WHERE id = ?",
        [(*values(row)[1:], row.id) for row in plan.occasion_changes],
    )
    _people(connection, plan)


def _people(connection: Connection, plan: Plan) -> None:
    """Who left, and what the others answered."""
    bulk.run(
        connection,
        "DELETE FROM participant WHERE activity_id = ? AND role = ? AND address_key = ?",
        plan.left,
    )
    bulk.run(
        connection,
        "UPDATE participant SET response = ?, witness = ? WHERE activity_id = ? AND role = ? AND address_key = ?",
        [(row.response, row.witness, row.activity_id, row.role, row.address_key) for row in plan.answers],
    )


def copies(connection: Connection, plan: Plan) -> None:
    stamp = bulk.stamp(connection)
    bulk.run(connection, "DELETE FROM copy WHERE sighting_id = ? AND activity_id = ?", plan.copies_moved)
    names = "starts_at, ends_at, settles_at, all_day, zone, status, response, organized, exact, partial, sequence"
    bulk.insert(
        connection,
        "copy",
        f"sighting_id, activity_id, {names}, stamped_at, by_mail",
        [
            (
                *(row.sighting_id, row.activity_id, stamp(row.claim.starts_at), stamp(row.claim.ends_at)),
                *(stamp(row.claim.settles_at), *row.claim[3:11], stamp(row.claim.stamped_at), row.claim.by_mail),
            )
            for row in plan.copies
        ],
        "ON CONFLICT (sighting_id, activity_id) DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in (*names.split(", "), "stamped_at", "by_mail")),
    )


def settle(engine: Engine, now: datetime) -> int:
    """Turn planned meetings that are over into held ones, and tell the feed, since no server will; returns how many.

    Writes nothing, and waits for no writer, when there are none.
    """
    return _turned(engine, "planned", "held", activity.c.settles_at <= now, now)


def unsettle(engine: Engine, now: datetime) -> int:
    """Take back what a clock that was ahead has made held before its end; it looks at all that was held."""
    return _turned(engine, "held", "planned", activity.c.settles_at > now, now)


def _turned(engine: Engine, before: str, after: str, due: ColumnElement[bool], now: datetime) -> int:
    found = select(activity.c.id).where(activity.c.status == before, due, activity.c.source == "calendar")
    with read(engine) as connection:
        if connection.execute(found.limit(1)).first() is None:
            return 0
    with write(engine) as connection:
        ids = list(connection.execute(found.order_by(activity.c.settles_at, activity.c.id)).scalars())
        stamp = bulk.stamp(connection)(now)
        bulk.run(
            connection,
            "UPDATE activity SET status = ?, updated_at = ? WHERE id = ?",
            [(after, stamp, id_) for id_ in ids],
        )
        last = connection.execute(select(func.coalesce(func.max(change.c.sequence), 0))).scalar_one()
        rows = [(last + place, "updated", id_, stamp) for place, id_ in enumerate(ids, 1)]
        bulk.insert(connection, "change", "sequence, kind, activity_id, changed_at", rows)
    return len(ids)
