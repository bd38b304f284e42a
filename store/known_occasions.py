"""What the store already holds of the meetings, tasks and notes of one batch, and of all copies of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, bindparam, select, text

from store.bulk import among, keys, rows, unstamp
from store.schema import activity, contact_address, copy, link, participant, sighting
from syncd.ledger import Answer, Claim, StoredCopy, StoredOccasion, StoredSighting
from syncd.model import ItemId, Level, Verdict

_KEYS = keys()

_PARTS = select(
    sighting.c.item,
    sighting.c.object,
    sighting.c.id,
    sighting.c.verdict,
    sighting.c.rule,
    sighting.c.facts,
    sighting.c.key,
    sighting.c.activity_id,
    sighting.c.gone_at,
    sighting.c.attempts,
    sighting.c.version,
    sighting.c.occurred_at,
    sighting.c.due_at,
).where(sighting.c.stream_id == bindparam("stream"), sighting.c.object.in_(_KEYS))
_IDS = select(activity.c.id).where(activity.c.identity.in_(_KEYS))
_OCCASIONS = select(
    activity.c.id,
    activity.c.identity,
    activity.c.occurred_at,
    activity.c.ended_at,
    activity.c.settles_at,
    activity.c.all_day,
    activity.c.zone,
    activity.c.status,
    activity.c.level,
    activity.c.subject,
    activity.c.text,
    activity.c.location,
    activity.c.rescheduled,
    activity.c.rescheduled_from,
).where(activity.c.id.in_(_KEYS), activity.c.kind != "email")
_COPIES = (
    select(
        copy.c.activity_id,
        copy.c.sighting_id,
        sighting.c.gone_at,
        copy.c.starts_at,
        copy.c.ends_at,
        copy.c.settles_at,
        copy.c.all_day,
        copy.c.zone,
        copy.c.status,
        copy.c.response,
        copy.c.organized,
        copy.c.exact,
        copy.c.partial,
        copy.c.sequence,
        copy.c.stamped_at,
        copy.c.by_mail,
    )
    .join(sighting, sighting.c.id == copy.c.sighting_id)
    .where(copy.c.activity_id.in_(_KEYS))
)
_PEOPLE = select(
    participant.c.activity_id,
    participant.c.role,
    participant.c.address_key,
    participant.c.response,
    participant.c.witness,
).where(participant.c.activity_id.in_(_KEYS))
_KNOWN = select(contact_address.c.address_key).where(contact_address.c.address_key.in_(_KEYS))
_LINKS = select(link.c.activity_id, link.c.entity_kind, link.c.entity_id, link.c.origin, link.c.state).where(
    link.c.activity_id.in_(_KEYS)
)
# In the words of the partial index.
_ANY_CLOSED = select(sighting.c.id).where(text("rule = 'private'")).limit(1)
_CLOSED = select(sighting.c.key).where(
    sighting.c.key.in_(_KEYS), text("rule = 'private'"), sighting.c.gone_at.is_(None)
)


def closed(connection: Connection, identities: Iterable[bytes]) -> frozenset[bytes]:
    """Those of which a private copy is in somebody's mailbox or calendar."""
    if not rows(connection, _ANY_CLOSED):
        return frozenset()
    return frozenset(key for (key,) in among(connection, _CLOSED, identities))


def sightings(
    connection: Connection, stream_id: int, objects: Iterable[ItemId]
) -> tuple[dict[ItemId, StoredSighting], dict[ItemId, tuple[ItemId, ...]]]:
    """The sightings of these objects by item, gone ones too, and object -> its items."""
    found: dict[ItemId, StoredSighting] = {}
    items: dict[ItemId, list[ItemId]] = defaultdict(list)
    for item, object_, id_, verdict, rule, facts, key, activity_id, gone_at, attempts, *rest in among(
        connection, _PARTS, objects, stream=stream_id
    ):
        version, occurred_at, due_at = rest
        found[item] = StoredSighting(
            *(id_, Verdict(verdict), rule, facts, key, activity_id, gone_at is not None, attempts),
            *(version, unstamp(occurred_at), unstamp(due_at)),
        )
        items[object_].append(item)
    return found, {object_: tuple(of) for object_, of in items.items()}


def occasions(
    connection: Connection, identities: Iterable[bytes], activities: Iterable[int]
) -> dict[int, StoredOccasion]:
    """Those of these identities, and these activities."""
    ids = {id_ for (id_,) in among(connection, _IDS, identities)} | set(activities)
    people: dict[int, dict[tuple[str, str], Answer]] = defaultdict(dict)
    for activity_id, role, key, response, witness in among(connection, _PEOPLE, ids):
        people[activity_id][role, key] = Answer(response, witness)
    # Asked once for each address, of which most stand in many meetings.
    named = {key for answers in people.values() for _, key in answers}
    known = {key for (key,) in among(connection, _KNOWN, named)}
    links: dict[int, dict[tuple[str, str], tuple[str, str]]] = defaultdict(dict)
    for activity_id, kind, entity, origin, state in among(connection, _LINKS, ids):
        links[activity_id][kind, entity] = (origin, state)
    copies: dict[int, dict[int, StoredCopy]] = defaultdict(dict)
    for activity_id, *row in among(connection, _COPIES, ids):
        held = _copy(row)
        copies[activity_id][held.sighting] = held
    return {
        row[0]: _occasion(row, people[row[0]], known, links[row[0]], copies[row[0]])
        for row in among(connection, _OCCASIONS, ids)
    }


def _copy(row: list[Any]) -> StoredCopy:
    sighting_id, gone_at, starts_at, ends_at, settles_at, all_day, zone, status, response, *rest = row
    organized, exact, partial, sequence, stamped_at, by_mail = rest
    began = unstamp(starts_at)
    assert began is not None
    claim = Claim(
        *(began, unstamp(ends_at), unstamp(settles_at), bool(all_day), zone, status, response),
        *(bool(organized), bool(exact), bool(partial), sequence, unstamp(stamped_at), bool(by_mail)),
    )
    return StoredCopy(sighting_id, unstamp(gone_at), claim)


def _occasion(
    row: Any,
    people: dict[tuple[str, str], Answer],
    known: set[str],
    links: dict[tuple[str, str], tuple[str, str]],
    copies: dict[int, StoredCopy],
) -> StoredOccasion:
    id_, identity, occurred_at, ended_at, settles_at, all_day, zone, status, level, *rest = row
    subject, body, location, rescheduled, rescheduled_from = rest
    happened = unstamp(occurred_at)
    assert happened is not None
    return StoredOccasion(
        id=id_,
        identity=identity,
        occurred_at=happened,
        ended_at=unstamp(ended_at),
        settles_at=unstamp(settles_at),
        all_day=bool(all_day),
        zone=zone or "",
        status=status,
        level=Level(level),
        subject=subject,
        text=body,
        location=location,
        rescheduled=rescheduled,
        rescheduled_from=unstamp(rescheduled_from),
        participants=people,
        contacts=frozenset([key for _, key in people if key in known]),
        links=links,
        copies=copies,
    )
