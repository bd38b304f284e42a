"""The decision on one message or meeting: what each mailbox saw of it, which rule spoke, and what it was linked to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, or_, select

from store.engine import read
from store.queries.entities import TABLES, names
from store.schema import activity, link, mailbox, sighting, stream
from store.trail import Entry, about


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighted:
    """What was decided on one copy."""

    mailbox: str
    stream: str
    item: str
    verdict: str
    rule: str
    facts: str
    occurred_at: datetime | None
    gone_at: datetime | None
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    entity_kind: str
    entity_id: str
    name: str
    reason: str
    origin: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One message or meeting. Without an activity it was skipped, or waits; nothing is kept of it but this."""

    activity_id: str | None
    kind: str
    subject: str | None
    status: str
    """What became of a meeting or task; empty of a message."""
    occurred_at: datetime | None
    sightings: tuple[Sighted, ...]
    links: tuple[Linked, ...]
    deeds: tuple[Entry, ...] = ()
    """What was done to it by hand, the newest first."""


def why(engine: Engine, words: str, *, keys: Collection[bytes] = ()) -> tuple[Explanation, ...]:
    """Explain an activity by its public id, or an item by its id in its stream (or, of IMAP, its bare UID; of a
    calendar, its object's).

    `keys`: keyed hashes of a Message-ID (matching.identity) or of a single event's UID (matching.meeting_identity),
    since of what was skipped nothing else is kept.
    """
    with read(engine) as connection:
        ids = set(connection.execute(select(activity.c.id).where(activity.c.public_id == words)).scalars())
        found = list(_sightings(connection, _names_it(words, keys)))
        ids |= {row.activity_id for row in found if row.activity_id is not None}
        lonely = [row for row in found if row.activity_id is None]
        explained = [_of_activity(connection, own) for own in sorted(ids)]
        explained = [replace(each, deeds=about(connection, each.activity_id or "")) for each in explained]
    by_key: dict[object, list[Row[Any]]] = defaultdict(list)
    for row in lonely:
        by_key[row.key or row.id].append(row)
    return (*explained, *(_unlogged(rows) for rows in by_key.values()))


def _names_it(words: str, keys: Collection[bytes]) -> ColumnElement[bool]:
    by_item = or_(sighting.c.item == words, sighting.c.object == words)
    # An IMAP item is <UIDVALIDITY>.<UID>, and people know the UID.
    by_uid = [sighting.c.item.like(f"%.{words}")] if words.isascii() and words.isdigit() else []
    by_key = [sighting.c.key.in_(keys)] if keys else []
    return or_(by_item, *by_uid, *by_key)


def _sightings(connection: Connection, condition: ColumnElement[bool]) -> Iterable[Row[Any]]:
    own = sighting.c
    columns = (own.id, own.activity_id, own.key, own.item, own.verdict, own.rule, own.facts, own.occurred_at)
    query = select(*columns, own.gone_at, own.attempts, mailbox.c.name.label("box"), stream.c.name.label("folder"))
    joined = query.join_from(sighting, stream).join(mailbox)
    return connection.execute(joined.where(condition).order_by(mailbox.c.name, stream.c.name, own.id))


def _sighted(row: Row[Any]) -> Sighted:
    return Sighted(
        mailbox=row.box,
        stream=row.folder,
        item=row.item,
        verdict=row.verdict,
        rule=row.rule,
        facts=row.facts,
        occurred_at=row.occurred_at,
        gone_at=row.gone_at,
        attempts=row.attempts,
    )


def _of_activity(connection: Connection, own: int) -> Explanation:
    columns = (activity.c.public_id, activity.c.kind, activity.c.subject, activity.c.status, activity.c.occurred_at)
    public_id, kind, subject, status, at = connection.execute(select(*columns).where(activity.c.id == own)).one()
    return Explanation(
        activity_id=public_id,
        kind=kind,
        subject=subject,
        status=status,
        occurred_at=at,
        sightings=tuple(map(_sighted, _sightings(connection, sighting.c.activity_id == own))),
        links=_links(connection, own),
    )


def _unlogged(rows: Iterable[Row[Any]]) -> Explanation:
    seen = tuple(map(_sighted, rows))
    at = seen[0].occurred_at
    return Explanation(activity_id=None, kind="", subject=None, status="", occurred_at=at, sightings=seen, links=())


def _links(connection: Connection, own: int) -> tuple[Linked, ...]:
    columns = (link.c.entity_kind, link.c.entity_id, link.c.reason, link.c.origin, link.c.state)
    rows = connection.execute(select(*columns).where(link.c.activity_id == own).order_by(*columns)).all()
    known = {
        kind: names(connection, kind, [row.entity_id for row in rows if row.entity_kind == kind]) for kind in TABLES
    }
    return tuple(
        Linked(
            entity_kind=row.entity_kind,
            entity_id=row.entity_id,
            name=known.get(row.entity_kind, {}).get(row.entity_id, ""),
            reason=row.reason,
            origin=row.origin,
            state=row.state,
        )
        for row in rows
    )
