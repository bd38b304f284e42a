"""What is stored of the decisions of one stream, and how they are changed when the rules did."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, and_, delete, exists, select, update

from store import bulk, erasure
from store.bulk import chunks
from store.engine import read
from store.inventory import LONG_AGO
from store.retention import EXPIRED
from store.schema import activity, copy, link, mailbox, sighting, sighting_address, stream
from syncd.model import ItemId, Level

REPLAY = "replay"
"""The rule of a sighting that waits to be read and logged under other rules than before."""


@dataclass(frozen=True, slots=True)
class Known:
    """A decision that is stored."""

    sighting_id: int
    object: ItemId
    """What is asked for to see it again: of a calendar the object that it is a part of, else the item itself."""
    verdict: str
    rule: str
    by_hand: bool
    """A person linked what it was logged as: no rule takes that away."""
    activity_id: int | None
    level: Level | None
    """How much of the activity is stored."""


@dataclass(frozen=True, slots=True)
class Restated:
    """A sighting that is skipped now, by which rule, and what is kept of it."""

    sighting_id: int
    rule: str
    facts: str
    hashes: tuple[bytes, ...]


def decisions(engine: Engine, stream_id: int) -> dict[ItemId, Known]:
    """Of what has not left the stream, and is settled; what was too old stays away."""
    seen = sighting.c
    linked = and_(link.c.activity_id == seen.activity_id, link.c.origin == "person", link.c.state == "linked")
    columns = (seen.item, seen.object, seen.id, seen.verdict, seen.rule, seen.activity_id, activity.c.level)
    by_hand = exists().where(linked).label("by_hand")
    settled = (seen.verdict.in_(("logged", "skipped")), seen.rule != EXPIRED)
    own = (seen.stream_id == stream_id, seen.gone_at.is_(None), *settled)
    with read(engine) as connection:
        joined = select(*columns, by_hand).select_from(sighting.outerjoin(activity, activity.c.id == seen.activity_id))
        return {ItemId(row.item): _known(row) for row in connection.execute(joined.where(*own))}


def _known(row: Row[Any]) -> Known:
    level = None if row.level is None else Level(row.level)
    return Known(
        row.id, ItemId(row.object or row.item), row.verdict, row.rule, bool(row.by_hand), row.activity_id, level
    )


def restate(connection: Connection, rows: Sequence[Restated], now: datetime) -> int:
    """Let these be skipped; an activity that no mailbox has any more goes. How many that were."""
    ids = [row.sighting_id for row in rows]
    left: set[int] = set()
    for some in chunks(ids):
        logged = select(sighting.c.activity_id).where(sighting.c.id.in_(some), sighting.c.activity_id.is_not(None))
        left |= set(connection.execute(logged).scalars())
        connection.execute(delete(sighting_address).where(sighting_address.c.sighting_id.in_(some)))
    statement = "UPDATE sighting SET verdict = 'skipped', activity_id = NULL, rule = ?, facts = ? WHERE id = ?"
    bulk.run(connection, statement, [(row.rule, row.facts, row.sighting_id) for row in rows])
    hashes = [(hash_, row.sighting_id) for row in rows for hash_ in row.hashes]
    bulk.insert(connection, "sighting_address", "hash, sighting_id", hashes)
    _withdraw(connection, ids, left)
    witnesses = exists().where(sighting.c.activity_id == activity.c.id)
    lonely: list[int] = []
    for some in chunks(left):
        unseen = select(activity.c.id).where(activity.c.id.in_(some), ~witnesses, activity.c.source != "manual")
        lonely += connection.execute(unseen).scalars()
    erasure.take_out(connection, sorted(lonely), REPLAY, now)
    return len(lonely)


def forget_unseen(connection: Connection, now: datetime) -> None:
    """Let go what a copy that turned private had left of a meeting, and that another rule keeps out by now.

    It hangs on no sighting, only on the identity; what a person linked stays.
    """
    seen = exists().where(sighting.c.activity_id == activity.c.id)
    private = exists().where(sighting.c.key == activity.c.identity, sighting.c.rule == "private")
    by_hand = exists().where(link.c.activity_id == activity.c.id, link.c.origin == "person")
    left = activity.c.level == Level.PRIVATE, activity.c.source == "calendar"
    unseen = select(activity.c.id).where(*left, ~seen, ~private, ~by_hand)
    erasure.take_out(connection, sorted(connection.execute(unseen).scalars()), REPLAY, now)


def _withdraw(connection: Connection, ids: Sequence[int], activity_ids: Iterable[int]) -> None:
    """Let these copies claim nothing any more; what others say of the same meeting is read again, and adds up anew."""
    for some in chunks(ids):
        connection.execute(delete(copy).where(copy.c.sighting_id.in_(some)))
    for some in chunks(activity_ids):
        others = (sighting.c.activity_id.in_(some), sighting.c.object.is_not(None))
        connection.execute(update(sighting).where(*others).values(due_at=LONG_AGO))


def wake(connection: Connection, sighting_ids: Iterable[int]) -> None:
    """Let these be read again by the next pass, which logs them."""
    for some in chunks(sighting_ids):
        waits = (sighting.c.id.in_(some), sighting.c.verdict == "skipped")
        connection.execute(update(sighting).where(*waits).values(verdict="pending", rule=REPLAY))


def too_open(engine: Engine, mailbox_name: str, level: Level) -> list[int]:
    """The activities that this mailbox saw and of which more is stored than it allows now."""
    seen = (
        select(sighting.c.activity_id).join_from(sighting, stream).join(mailbox).where(mailbox.c.name == mailbox_name)
    )
    query = select(activity.c.id).where(activity.c.level > level, activity.c.id.in_(seen)).order_by(activity.c.id)
    with read(engine) as connection:
        return list(connection.execute(query).scalars())


def linkable(engine: Engine) -> list[int]:
    """Every activity that a rule may link, by id."""
    own = select(activity.c.id).where(activity.c.source != "manual").order_by(activity.c.id)
    with read(engine) as connection:
        return list(connection.execute(own).scalars())
