"""The whole store as ordered rows without the ids that depend on the order of arrival: equal stores, equal dumps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from sqlalchemy import Connection, Engine, Select, select

from store.engine import read
from store.schema import (
    activity,
    attachment,
    copy,
    link,
    mailbox,
    participant,
    sighting,
    sighting_address,
    stream,
    thread,
)

Rows: TypeAlias = tuple[tuple[object, ...], ...]


def dump(engine: Engine) -> dict[str, Rows]:
    """Activities are named by their identity, threads by the least identity in them, sightings by stream and item.

    Left out: public ids, when a row was written, how often something was tried, and the feed.
    """
    with read(engine) as connection:
        identity = {own: key.hex() for own, key in connection.execute(select(activity.c.id, activity.c.identity))}
        roots = _threads(connection, identity)
        found: dict[str, Iterable[tuple[object, ...]]] = {
            "activity": _activities(connection, roots),
            "participant": _of_activities(connection, identity, participant.c),
            "link": _of_activities(connection, identity, link.c),
            "copy": _copies(connection, identity),
            "attachment": _of_activities(connection, identity, attachment.c),
            "thread": [(key.hex(), roots.get(own)) for key, own in connection.execute(select(thread))],
            "sighting": _sightings(connection, identity),
            "sighting_address": _addresses(connection),
        }
    return {name: tuple(sorted(rows, key=repr)) for name, rows in found.items()}


def _threads(connection: Connection, identity: Mapping[int, str]) -> dict[int, str]:
    """thread id -> the least identity of its activities; which of them began it depends on the order of arrival."""
    least: dict[int, str] = {}
    for own, root in connection.execute(select(activity.c.id, activity.c.thread_id)):
        if root is not None:
            least[root] = min(least.get(root, identity[own]), identity[own])
    return least


def _activities(connection: Connection, roots: Mapping[int, str]) -> list[tuple[object, ...]]:
    left_out = {"id", "public_id", "thread_id", "created_at", "updated_at"}
    columns = [column for column in activity.c if column.name not in left_out]
    rows = connection.execute(select(activity.c.thread_id, *columns))
    return [(*map(_plain, row), roots.get(thread_id)) for thread_id, *row in rows]


def _of_activities(
    connection: Connection, identity: Mapping[int, str], columns: Iterable[Any]
) -> list[tuple[object, ...]]:
    rows: Select[Any] = select(*columns)
    return [(identity[own], *values) for own, *values in connection.execute(rows)]


def _copies(connection: Connection, identity: Mapping[int, str]) -> list[tuple[object, ...]]:
    columns = [column for column in copy.c if column.name not in {"sighting_id", "activity_id"}]
    rows = select(copy.c.activity_id, mailbox.c.name, stream.c.name, sighting.c.item, *columns)
    joined = rows.join_from(copy, sighting, sighting.c.id == copy.c.sighting_id).join(stream).join(mailbox)
    return [(identity[own], *values) for own, *values in connection.execute(joined)]


def _sightings(connection: Connection, identity: Mapping[int, str]) -> list[tuple[object, ...]]:
    seen = sighting.c
    columns = (
        seen.item,
        seen.verdict,
        seen.rule,
        seen.facts,
        seen.key,
        seen.occurred_at,
        seen.gone_at,
        seen.activity_id,
    )
    rows = select(mailbox.c.name, stream.c.name, *columns).join_from(sighting, stream).join(mailbox)
    return [
        (*map(_plain, row), gone_at is not None, identity.get(own)) for *row, gone_at, own in connection.execute(rows)
    ]


def _addresses(connection: Connection) -> list[tuple[object, ...]]:
    columns = (mailbox.c.name, stream.c.name, sighting.c.item, sighting_address.c.hash)
    rows = select(*columns).join_from(sighting_address, sighting).join(stream).join(mailbox)
    return [tuple(map(_plain, row)) for row in connection.execute(rows)]


def _plain(value: object) -> object:
    """Readable where two dumps differ."""
    if isinstance(value, bytes):
        return value.hex()
    return value
