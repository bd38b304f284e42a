"""What a change of the directory concerns: what was skipped and may now be logged, and what is linked and may now be
linked otherwise.

The triggers of the directory's tables note each change (`directory_change`), whoever made it; it is forgotten only when
all that it concerns was seen to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine, delete, func, select, update

from store import bulk
from store.bulk import among, chunks, keys
from store.engine import read, write
from store.known import CAUGHT_UP
from store.schema import (
    activity,
    change,
    directory_change,
    link,
    opportunity,
    opportunity_contact,
    participant,
    sighting,
    sighting_address,
)
from syncd.ledger import LinkRow
from syncd.model import Participant, Role

_KEYS = keys()

_PEOPLE = select(participant.c.activity_id, participant.c.role, participant.c.address, participant.c.name).where(
    participant.c.activity_id.in_(_KEYS)
)
_LINKS = select(
    link.c.activity_id, link.c.entity_kind, link.c.entity_id, link.c.origin, link.c.state, link.c.reason
).where(link.c.activity_id.in_(_KEYS))

LATE = "late"
"""The rule of a sighting that waits because somebody in it has become known."""


class Changed(NamedTuple):
    """What was changed, as it is written in the directory."""

    notes: tuple[str, ...]
    """To be forgotten once it was seen to."""
    addresses: frozenset[str]
    domains: frozenset[str]
    contacts: frozenset[str]
    opportunities: frozenset[str]


class Linked(NamedTuple):
    """An activity as far as its links are concerned."""

    id: int
    occurred_at: datetime
    participants: tuple[Participant, ...]
    links: dict[tuple[str, str], tuple[str, str, str]]
    """(entity kind, entity id) -> (origin, state, reason)"""


class Relinked(NamedTuple):
    """What changes of the links of one activity."""

    id: int
    made: tuple[LinkRow, ...]
    """New, or in another state, or for another reason."""
    gone: tuple[tuple[str, str], ...]


def changed(engine: Engine, *, limit: int) -> Changed:
    """What is noted; `notes` is empty if there is nothing."""
    with read(engine) as connection:
        rows = connection.execute(select(directory_change).limit(limit)).all()
    named: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        named[row.kind].add(row.name)
    kinds = ("address", "domain", "contact", "opportunity")
    return Changed(tuple(row.id for row in rows), *(frozenset(named[kind]) for kind in kinds))


def forget_if_blank(engine: Engine) -> None:
    """Where nothing was seen yet a change concerns nothing, and a first import of contacts need not be looked at."""
    noted = select(directory_change.c.id).limit(1)
    stored = (select(sighting.c.id).limit(1), select(activity.c.id).limit(1))

    def is_blank(connection: Connection) -> bool:
        return not any(connection.execute(some).first() for some in stored)

    with read(engine) as connection:
        if not is_blank(connection) or connection.execute(noted).first() is None:
            return
    with write(engine) as connection:
        if is_blank(connection):
            _count(connection)
            connection.execute(delete(directory_change))


def _count(connection: Connection) -> None:
    """Let whoever has something in hand that nobody sees yet, and that was decided on before this, decide again."""
    more = "ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(meta.value AS INTEGER) + 1 AS TEXT)"
    bulk.insert(connection, "meta", "name, value", [(CAUGHT_UP, "1")], more)


def forget(engine: Engine, notes: Iterable[str]) -> None:
    with write(engine) as connection:
        bulk.run(connection, "DELETE FROM directory_change WHERE id = ?", [(note,) for note in notes])


# ------------------------------------------------------------------------------------------- what was not logged


def wake(engine: Engine, hashes: Iterable[bytes]) -> int:
    """Let what was skipped because of these addresses or domains be read again; how many that are.

    Only what was skipped for want of a known contact has hashes. The next pass of its stream reads it as it does what
    could not be read before, and decides anew.
    """
    found = select(sighting_address.c.sighting_id).where(sighting_address.c.hash.in_(_KEYS))
    count = 0
    with write(engine) as connection:
        _count(connection)
        ids = {own for (own,) in among(connection, found, hashes)}
        for some in chunks(ids):
            waiting = (sighting.c.id.in_(some), sighting.c.verdict == "skipped", sighting.c.gone_at.is_(None))
            count += connection.execute(update(sighting).where(*waiting).values(verdict="pending", rule=LATE)).rowcount
    return count


# ------------------------------------------------------------------------------------------------ what is linked


def concerned(engine: Engine, address_keys: Iterable[str], domain_keys: Iterable[str], what: Changed) -> list[int]:
    """The activities whose links may be others now, by id."""
    by_address = select(participant.c.activity_id).where(participant.c.address_key.in_(_KEYS))
    with read(engine) as connection:
        there = set(address_keys)
        if domains := frozenset(domain_keys):
            # One look at all addresses, however many domains an import brings.
            known = connection.execute(select(participant.c.address_key).distinct()).scalars()
            there.update(key for key in known if _within(key, domains))
        found = {own for (own,) in among(connection, by_address, there)}
        entities = _entities(connection, what)
        for kind, ids in entities.items():
            linked = select(link.c.activity_id).where(link.c.entity_kind == kind, link.c.entity_id.in_(_KEYS))
            found |= {own for (own,) in among(connection, linked, ids)}
    return sorted(found)


def _within(address_key: str, domains: frozenset[str]) -> bool:
    """The domain of the address, or one that it is below, is among these."""
    rest = address_key.rpartition("@")[2]
    while rest:
        if rest in domains:
            return True
        rest = rest.partition(".")[2]
    return False


def _entities(connection: Connection, what: Changed) -> dict[str, set[str]]:
    """A deal concerns what is linked to it, and to the people and the account that it is about."""
    people = select(opportunity_contact.c.contact_id).where(opportunity_contact.c.opportunity_id.in_(_KEYS))
    accounts = select(opportunity.c.account_id).where(
        opportunity.c.id.in_(_KEYS), opportunity.c.account_id.is_not(None)
    )
    return {
        "contact": {*what.contacts, *(own for (own,) in among(connection, people, what.opportunities))},
        "account": {own for (own,) in among(connection, accounts, what.opportunities)},
        "opportunity": set(what.opportunities),
    }


def linked(connection: Connection, ids: Sequence[int]) -> list[Linked]:
    """Those of them with participants: what was closed, or written down by hand, is linked by nobody's address."""
    people: dict[int, list[Participant]] = defaultdict(list)
    for own, role, address, name in among(connection, _PEOPLE, ids):
        people[own].append(Participant(Role(role), address, name))
    links: dict[int, dict[tuple[str, str], tuple[str, str, str]]] = defaultdict(dict)
    for own, kind, entity, origin, state, reason in among(connection, _LINKS, ids):
        links[own][kind, entity] = (origin, state, reason)
    dated = select(activity.c.id, activity.c.occurred_at).where(activity.c.id.in_(ids)).order_by(activity.c.id)
    return [Linked(own, at, tuple(people[own]), links[own]) for own, at in connection.execute(dated) if own in people]


def relink(connection: Connection, changes: Sequence[Relinked], now: datetime) -> None:
    """Write the changes, and tell the feed of each activity."""
    gone = [(each.id, kind, entity) for each in changes for kind, entity in each.gone]
    where = "activity_id = ? AND entity_kind = ? AND entity_id = ? AND origin = 'rule'"
    bulk.run(connection, f"DELETE FROM link WHERE {where}", gone)
    made = [(*row, "rule") for each in changes for row in each.made]
    bulk.insert(
        connection,
        "link",
        "activity_id, entity_kind, entity_id, reason, state, origin",
        made,
        "ON CONFLICT (activity_id, entity_kind, entity_id) DO UPDATE SET reason = excluded.reason,"
        " state = excluded.state WHERE link.origin = 'rule'",
    )
    touch(connection, [each.id for each in changes], "updated", now)


def touch(connection: Connection, ids: Sequence[int], kind: str, now: datetime) -> None:
    """Date these activities as changed, and tell the feed."""
    at = bulk.stamp(connection)(now)
    bulk.run(connection, "UPDATE activity SET updated_at = ? WHERE id = ?", [(at, own) for own in ids])
    last = connection.execute(select(func.coalesce(func.max(change.c.sequence), 0))).scalar_one()
    rows = [(last + 1 + place, kind, own, at) for place, own in enumerate(ids)]
    bulk.insert(connection, "change", "sequence, kind, activity_id, changed_at", rows)
