"""Closes what is stored: of an activity, a thread or all of a person, no more than who and when stays."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, Table, delete, insert, select, update

from store.bulk import among, chunks, keys
from store.late import touch
from store.schema import activity, attachment, closed_item, closed_person, closed_thread, participant, thread
from syncd.model import Level

_KEYS = keys()

_OPEN = select(activity.c.id).where(activity.c.thread_id.in_(_KEYS), activity.c.level > Level.PRIVATE)
"""Of conversations."""


def close(connection: Connection, ids: Sequence[int], level: Level, now: datetime) -> None:
    """Keep of these no more than the level allows; no copy that comes later opens them again."""
    values: dict[str, object] = {"level": level, "text": None}
    if level < Level.SUBJECT:
        values |= {"subject": None, "location": None}
    for some in chunks(ids):
        # Somebody else may have closed it further meanwhile.
        connection.execute(update(activity).where(activity.c.id.in_(some), activity.c.level > level).values(values))
        connection.execute(delete(attachment).where(attachment.c.activity_id.in_(some)))
    touch(connection, ids, "updated", now)


def close_items(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """Close these as their owner wants it, and remember them: what was taken out and comes back is closed as well."""
    close(connection, ids, Level.PRIVATE, now)
    identities: set[bytes] = set()
    for some in chunks(ids):
        identities |= set(connection.execute(select(activity.c.identity).where(activity.c.id.in_(some))).scalars())
    _remember(connection, closed_item, identities, now)


def _remember(connection: Connection, table: Table, keys: Collection[bytes], now: datetime) -> None:
    known = set(connection.execute(select(table.c[0])).scalars())
    rows = [{table.c[0].name: each, "at": now} for each in sorted(set(keys) - known)]
    if rows:
        connection.execute(insert(table), rows)


def named(connection: Connection, public_id: str, *, thread: bool) -> tuple[int, ...]:
    """The activity of this id, with all of its thread if that is asked for; empty if there is none."""
    row = connection.execute(
        select(activity.c.id, activity.c.thread_id).where(activity.c.public_id == public_id)
    ).one_or_none()
    if row is None:
        return ()
    if not thread or row.thread_id is None:
        return (row.id,)
    whole = select(activity.c.id).where(activity.c.thread_id == row.thread_id).order_by(activity.c.id)
    return tuple(connection.execute(whole).scalars())


def close_threads(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """Remember these activities' conversations, so that whatever comes in them is closed as well."""
    nodes: set[bytes] = set()
    for some in chunks(ids):
        theirs = select(activity.c.thread_id).where(activity.c.id.in_(some))
        nodes |= set(connection.execute(select(thread.c.key).where(thread.c.thread_id.in_(theirs))).scalars())
    _remember(connection, closed_thread, nodes, now)


def close_joined(connection: Connection, thread_ids: Collection[int], now: datetime) -> None:
    """What was stored before it was known that it belongs to one of these, which are closed."""
    ids = sorted({own for (own,) in among(connection, _OPEN, thread_ids)})
    if ids:
        close(connection, ids, Level.PRIVATE, now)


def close_person(
    connection: Connection, address_keys: Collection[str], hashes: Collection[bytes], now: datetime
) -> int:
    """Close all that the person took part in, and whatever comes; how many activities that were."""
    took_part = select(participant.c.activity_id).where(participant.c.address_key.in_(_KEYS))
    ids = sorted({own for (own,) in among(connection, took_part, address_keys)})
    close(connection, ids, Level.PRIVATE, now)
    _remember(connection, closed_person, hashes, now)
    return len(ids)
