"""The history of a contact, account, deal or address, and the newest of all: activities with the people in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, Select, and_, bindparam, select, text

from store.bulk import chunks
from store.engine import read
from store.queries.entities import Entity, names
from store.queries.viewers import ADMIN, Viewer, may_see
from store.schema import activity, link, participant
from syncd.model import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    role: str
    address: str
    name: str
    """The contact's or user's name in the directory, else what the mail says, else empty."""
    contact_id: str | None
    user_id: str | None
    response: str
    """To a meeting: `accepted`, `declined`, `tentative`, `needs_action`, or empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One activity, as a line of a history."""

    id: str
    thread_id: str | None
    kind: str
    occurred_at: datetime
    ended_at: datetime | None
    all_day: bool
    """Both are then 00:00 UTC of their dates, the end exclusive."""
    direction: str | None
    status: str
    subject: str | None
    text: str | None
    level: Level
    source: str
    author: str
    people: tuple[Person, ...]
    contacts: tuple[str, ...]
    """Names of the linked contacts."""
    state: str
    """Of its link to what was asked for: `linked` or `candidate`; empty where nothing was."""
    reason: str
    zone: str | None
    location: str | None
    rescheduled: int
    rescheduled_from: datetime | None


_root = activity.alias("root")
_COLUMNS = (
    activity.c.id.label("key"),
    activity.c.public_id.label("id"),
    activity.c.kind,
    activity.c.occurred_at,
    activity.c.ended_at,
    activity.c.all_day,
    activity.c.direction,
    activity.c.status,
    activity.c.subject,
    activity.c.text,
    activity.c.level,
    activity.c.source,
    activity.c.author,
    activity.c.zone,
    activity.c.location,
    activity.c.rescheduled,
    activity.c.rescheduled_from,
)
_WITH_ROOT = activity.outerjoin(_root, _root.c.id == activity.c.thread_id)


def timeline(
    engine: Engine, entity: Entity, *, viewer: Viewer, limit: int, before: datetime | None = None
) -> tuple[Moment, ...]:
    """The newest activities of one entity, or those before an instant. Candidates are shown as such."""
    columns = (*_COLUMNS, _thread(viewer))
    if entity.kind == "address":
        own = participant.c.address_key == entity.id
        found = select(*columns).select_from(_WITH_ROOT.join(participant, participant.c.activity_id == activity.c.id))
        query = found.where(own).distinct()
    else:
        own = and_(link.c.entity_kind == entity.kind, link.c.entity_id == entity.id, link.c.state != "unlinked")
        linked = _WITH_ROOT.join(link, link.c.activity_id == activity.c.id)
        query = select(*columns, link.c.state, link.c.reason).select_from(linked).where(own)
    if before is not None:
        query = query.where(activity.c.occurred_at < before)
    return _moments(engine, query.where(may_see(viewer)), limit)


def recent(engine: Engine, *, viewer: Viewer, limit: int) -> tuple[Moment, ...]:
    """What was stored last, newest first."""
    query = select(*_COLUMNS, _thread(viewer)).select_from(_WITH_ROOT).where(may_see(viewer))
    return _moments(engine, query, limit, by_arrival=True)


def _thread(viewer: Viewer) -> ColumnElement[str]:
    """A thread is named after its first activity: of those that may be seen."""
    if viewer == ADMIN:
        return _root.c.public_id.label("thread_id")
    first = activity.alias("first")
    seen = select(first.c.public_id).where(first.c.thread_id == activity.c.thread_id, may_see(viewer, first))
    return seen.order_by(first.c.id).limit(1).correlate(activity).scalar_subquery().label("thread_id")


def _moments(
    engine: Engine, query: Select[tuple[Any, ...]], limit: int, *, by_arrival: bool = False
) -> tuple[Moment, ...]:
    order = (activity.c.id.desc(),) if by_arrival else (activity.c.occurred_at.desc(), activity.c.id.desc())
    with read(engine) as connection:
        rows = connection.execute(query.order_by(*order).limit(limit)).mappings().all()
        people = _people(connection, [row["id"] for row in rows])
        contacts = _contacts(connection, [row["key"] for row in rows])
    return tuple(_moment(row, people[row["id"]], contacts[row["key"]]) for row in rows)


def _moment(row: RowMapping, people: Sequence[Person], contacts: Sequence[str]) -> Moment:
    return Moment(
        id=row["id"],
        thread_id=row["thread_id"],
        kind=row["kind"],
        occurred_at=row["occurred_at"],
        ended_at=row["ended_at"],
        all_day=row["all_day"],
        direction=row["direction"],
        status=row["status"],
        subject=row["subject"],
        text=row["text"],
        level=Level(row["level"]),
        source=row["source"],
        author=row["author"],
        people=tuple(people),
        contacts=tuple(contacts),
        state=row.get("state", ""),
        reason=row.get("reason", ""),
        zone=row["zone"],
        location=row["location"],
        rescheduled=row["rescheduled"],
        rescheduled_from=row["rescheduled_from"],
    )


_PARTICIPANTS = text(
    "SELECT activity_id, role, address, name, contact_id, user_id, response FROM v1_activity_participant"
    " WHERE activity_id IN :ids ORDER BY activity_id, role, address"
).bindparams(bindparam("ids", expanding=True))


def _people(connection: Connection, ids: Iterable[str]) -> dict[str, list[Person]]:
    rows = [row for chunk in chunks(ids) for row in connection.execute(_PARTICIPANTS, {"ids": chunk})]
    contacts = names(connection, "contact", {row.contact_id for row in rows if row.contact_id})
    users = names(connection, "user", {row.user_id for row in rows if row.user_id})
    found: dict[str, list[Person]] = defaultdict(list)
    for row in rows:
        known = contacts.get(row.contact_id) or users.get(row.user_id) or row.name
        person = Person(
            role=row.role,
            address=row.address,
            name=known,
            contact_id=row.contact_id,
            user_id=row.user_id,
            response=row.response,
        )
        found[row.activity_id].append(person)
    return found


def _contacts(connection: Connection, keys: Iterable[int]) -> dict[int, list[str]]:
    linked = select(link.c.activity_id, link.c.entity_id).where(
        link.c.entity_kind == "contact", link.c.state == "linked"
    )
    rows = [row for chunk in chunks(keys) for row in connection.execute(linked.where(link.c.activity_id.in_(chunk)))]
    known = names(connection, "contact", {row.entity_id for row in rows})
    found: dict[int, list[str]] = defaultdict(list)
    for row in rows:
        found[row.activity_id].append(known.get(row.entity_id, row.entity_id))
    return found
