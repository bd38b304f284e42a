"""The decision on one message or meeting: what each mailbox saw of it, which rule spoke, and what it was linked to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, or_, select, true, union

from store.engine import read
from store.queries.entities import TABLES, names
from store.queries.viewers import Viewer, may_look_into, may_see
from store.schema import activity, link, mailbox, participant, sighting, sighting_address, stream
from store.trail import Entry, about
from syncd.model import Role


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


@dataclass(frozen=True, slots=True)
class Someone:
    """A person, by all that the store may know them by."""

    address_keys: frozenset[str]
    hashes: frozenset[bytes]
    """Keyed hashes of the addresses: of strangers' mail nothing else is kept."""
    mailboxes: frozenset[str] = frozenset()
    """Of one of your own: what was seen in these was sent or came to them, whoever it names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Of what is asked by people and time; what is None may be anything. `party` wrote it or
    got it."""

    since: datetime | None = None
    until: datetime | None = None
    sender: Someone | None = None
    recipient: Someone | None = None
    party: Someone | None = None


def why(engine: Engine, words: str, *, viewer: Viewer, keys: Collection[bytes] = ()) -> tuple[Explanation, ...]:
    """Explain an activity by its public id, or an item by its id in its stream (or, of IMAP, its bare UID; of a
    calendar, its object's).

    `keys`: keyed hashes of a Message-ID (matching.identity) or of a single event's UID (matching.meeting_identity),
    since of what was skipped nothing else is kept.
    """
    with read(engine) as connection:
        named = select(activity.c.id).where(activity.c.public_id == words, may_see(viewer))
        ids = set(connection.execute(named).scalars())
        found = list(_sightings(connection, _names_it(words, keys), _may_find(viewer)))
        ids |= {row.activity_id for row in found if row.activity_id is not None}
        lonely = [row for row in found if row.activity_id is None]
        return _explained(connection, sorted(ids), lonely, viewer)


def series_starts(engine: Engine) -> frozenset[datetime]:
    """When members of series are, and were before they were moved: a series is known by (UID, start) only."""
    own = sighting.c
    members = select(own.occurred_at).where(own.object != own.item, own.occurred_at.is_not(None))
    moved = select(activity.c.rescheduled_from).where(activity.c.rescheduled_from.is_not(None))
    with read(engine) as connection:
        return frozenset(connection.execute(union(members, moved)).scalars())


def why_between(engine: Engine, asked: Question, *, viewer: Viewer, limit: int) -> tuple[Explanation, ...]:
    """The newest that the question is about: what was logged, and after it what was not, `limit` of each.

    Of what was not logged the people are known by their hashes, and not who of them wrote.
    """
    at = activity.c.occurred_at
    newest = select(activity.c.id).where(may_see(viewer), _in_time(asked, at), *_about(asked))
    with read(engine) as connection:
        ids = connection.execute(newest.order_by(at.desc(), activity.c.id.desc()).limit(limit)).scalars().all()
        unlogged = (sighting.c.activity_id.is_(None), _in_time(asked, sighting.c.occurred_at), *_seen_of(asked))
        rows = _sightings(connection, *unlogged, may_look_into(viewer), newest=limit)
        return _explained(connection, ids, rows, viewer)


def _explained(
    connection: Connection, ids: Iterable[int], lonely: Iterable[Row[Any]], viewer: Viewer
) -> tuple[Explanation, ...]:
    explained = [_of_activity(connection, own, viewer) for own in ids]
    by_key: dict[object, list[Row[Any]]] = defaultdict(list)
    for row in lonely:
        by_key[row.key or row.id].append(row)
    return (*explained, *(_unlogged(rows) for rows in by_key.values()))


def _may_find(viewer: Viewer) -> ColumnElement[bool]:
    """A sighting in a mailbox of theirs, or of what they may see."""
    seen = select(activity.c.id).where(activity.c.id == sighting.c.activity_id, may_see(viewer))
    return or_(may_look_into(viewer), seen.correlate(sighting).exists())


def _in_time(asked: Question, at: ColumnElement[Any]) -> ColumnElement[bool]:
    since = true() if asked.since is None else at >= asked.since
    return and_(since, true() if asked.until is None else at < asked.until)


_WROTE = (Role.FROM, Role.SENDER, Role.ORGANIZER)
_GOT = (Role.TO, Role.CC, Role.BCC, Role.ATTENDEE)


def _about(asked: Question) -> Iterable[ColumnElement[bool]]:
    for someone, roles in ((asked.sender, _WROTE), (asked.recipient, _GOT), (asked.party, tuple(Role))):
        if someone is None:
            continue
        own = participant.c
        theirs = select(own.role).where(own.activity_id == activity.c.id, own.address_key.in_(someone.address_keys))
        takes_part = theirs.where(own.role.in_(roles)).correlate(activity).exists()
        held = sighting.c.activity_id == activity.c.id, mailbox.c.name.in_(someone.mailboxes)
        seen = select(sighting.c.id).join_from(sighting, stream).join(mailbox).where(*held).correlate(activity)
        if roles == _GOT:  # what their mailbox saw came to them, unless they wrote it
            seen = seen.where(~theirs.where(own.role.in_(_WROTE)).correlate(activity).exists())
        yield takes_part if roles == _WROTE else or_(takes_part, seen.exists())


def _seen_of(asked: Question) -> Iterable[ColumnElement[bool]]:
    for someone in (asked.sender, asked.recipient, asked.party):
        if someone is not None:
            of_them = select(sighting_address.c.sighting_id).where(sighting_address.c.hash.in_(someone.hashes))
            yield or_(sighting.c.id.in_(of_them), mailbox.c.name.in_(someone.mailboxes))


def _names_it(words: str, keys: Collection[bytes]) -> ColumnElement[bool]:
    by_item = or_(sighting.c.item == words, sighting.c.object == words)
    # An IMAP item is <UIDVALIDITY>.<UID>, and people know the UID.
    by_uid = [sighting.c.item.like(f"%.{words}")] if words.isascii() and words.isdigit() else []
    by_key = [sighting.c.key.in_(keys)] if keys else []
    return or_(by_item, *by_uid, *by_key)


def _sightings(connection: Connection, *conditions: ColumnElement[bool], newest: int = 0) -> Iterable[Row[Any]]:
    """By mailbox; or so many of them, the newest first."""
    own = sighting.c
    columns = (own.id, own.activity_id, own.key, own.item, own.verdict, own.rule, own.facts, own.occurred_at)
    query = select(*columns, own.gone_at, own.attempts, mailbox.c.name.label("box"), stream.c.name.label("folder"))
    joined = query.join_from(sighting, stream).join(mailbox).where(*conditions)
    if newest:
        return connection.execute(joined.order_by(own.occurred_at.desc(), own.id.desc()).limit(newest))
    return connection.execute(joined.order_by(mailbox.c.name, stream.c.name, own.id))


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


def _of_activity(connection: Connection, own: int, viewer: Viewer) -> Explanation:
    columns = (activity.c.public_id, activity.c.kind, activity.c.subject, activity.c.status, activity.c.occurred_at)
    public_id, kind, subject, status, at = connection.execute(select(*columns).where(activity.c.id == own)).one()
    return Explanation(
        activity_id=public_id,
        kind=kind,
        subject=subject,
        status=status,
        occurred_at=at,
        sightings=tuple(map(_sighted, _sightings(connection, sighting.c.activity_id == own, may_look_into(viewer)))),
        links=_links(connection, own),
        deeds=about(connection, public_id),
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
