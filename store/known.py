"""What the store already holds of one batch: the directory of its addresses, its sightings, activities and threads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, Select, bindparam, func, or_, select, text

from store import known_occasions
from store.bulk import among, keys, rows, stamp, unstamp
from store.inventory import LONG_AGO
from store.schema import (
    account_domain,
    activity,
    closed_item,
    closed_person,
    closed_thread,
    contact,
    contact_address,
    link,
    meta,
    opportunity,
    opportunity_contact,
    participant,
    sighting,
    stream,
    thread,
    tombstone,
    user_address,
)
from syncd.ledger import Mark, Stored, StoredActivity, StoredSighting, Wanted
from syncd.model import Contact, Directory, Identity, ItemId, Level, Opportunity, Verdict

A = TypeVar("A")
B = TypeVar("B")

_KEYS = keys()

_HOLDERS = (
    select(contact_address.c.address_key, contact.c.id, contact.c.account_id)
    .join(contact, contact.c.id == contact_address.c.contact_id)
    .where(contact_address.c.address_key.in_(_KEYS))
    .order_by(contact.c.id)
)
_USERS = select(user_address.c.address_key, user_address.c.user_id).where(user_address.c.address_key.in_(_KEYS))
_DOMAINS = (
    select(account_domain.c.domain_key, account_domain.c.account_id)
    .where(account_domain.c.domain_key.in_(_KEYS))
    .order_by(account_domain.c.account_id)
)
_OPPORTUNITY = select(opportunity.c.id, opportunity.c.account_id, opportunity.c.opened_at, opportunity.c.closed_at)
_OF_CONTACTS = _OPPORTUNITY.where(
    opportunity.c.id.in_(
        select(opportunity_contact.c.opportunity_id).where(opportunity_contact.c.contact_id.in_(_KEYS))
    )
)
_OF_ACCOUNTS = _OPPORTUNITY.where(opportunity.c.account_id.in_(_KEYS))
_PEOPLE = select(opportunity_contact.c.opportunity_id, opportunity_contact.c.contact_id).where(
    opportunity_contact.c.opportunity_id.in_(_KEYS)
)
_SIGHTINGS = select(
    sighting.c.item,
    sighting.c.id,
    sighting.c.verdict,
    sighting.c.rule,
    sighting.c.facts,
    sighting.c.key,
    sighting.c.activity_id,
    sighting.c.gone_at,
    sighting.c.attempts,
    sighting.c.due_at,
).where(sighting.c.stream_id == bindparam("stream"), sighting.c.item.in_(_KEYS))
_ACTIVITIES = select(
    activity.c.id,
    activity.c.identity,
    activity.c.sender_hash,
    activity.c.subject_hash,
    activity.c.sent_at,
    activity.c.occurred_at,
    activity.c.level,
    activity.c.subject.is_not(None).label("has_subject"),
    activity.c.text.is_not(None).label("has_text"),
    activity.c.direction,
    activity.c.thread_id,
).where(activity.c.identity.in_(_KEYS))
_PARTICIPANTS = select(participant.c.activity_id, participant.c.role, participant.c.address_key).where(
    participant.c.activity_id.in_(_KEYS)
)
_LINKS = select(link.c.activity_id, link.c.entity_kind, link.c.entity_id, link.c.origin, link.c.state).where(
    link.c.activity_id.in_(_KEYS)
)
_ANY_CLOSED_ITEM = select(closed_item.c.key).limit(1)
_CLOSED_ITEMS = select(closed_item.c.key).where(closed_item.c.key.in_(_KEYS))
_THREADS = select(thread.c.key, thread.c.thread_id).where(thread.c.key.in_(_KEYS))
_THREAD_OPPORTUNITIES = (
    select(activity.c.thread_id, link.c.entity_id)
    .join(link, link.c.activity_id == activity.c.id)
    .where(activity.c.thread_id.in_(_KEYS), link.c.entity_kind == "opportunity", link.c.state == "linked")
)
_WITH_TEXT = select(activity.c.identity, activity.c.sender_hash, activity.c.subject_hash, activity.c.sent_at).where(
    activity.c.identity.in_(_KEYS), or_(activity.c.text.is_not(None), activity.c.level < Level.FULL)
)

_ERASED, _CLOSED_PEOPLE = select(tombstone.c.hash), select(closed_person.c.hash)
_ANY_CLOSED_THREAD = select(closed_thread.c.key).limit(1)
_CLOSED_NODES = select(closed_thread.c.key).where(closed_thread.c.key.in_(_KEYS))
_CLOSED_THREADS = (
    select(thread.c.thread_id)
    .join(closed_thread, closed_thread.c.key == thread.c.key)
    .where(thread.c.thread_id.in_(_KEYS))
)

AGAIN = 1_000
"""Items of one mailbox that one pass reads again: when somebody becomes known whom many mails concern, new mail and the
provider are not kept waiting for all of them at once."""

CAUGHT_UP = "caught_up"
"""The row of `meta` with how often the directory was caught up with."""


def _largest(*columns: Column[int]) -> Select[Any]:
    return select(*(func.coalesce(select(func.max(column)).scalar_subquery(), 0) for column in columns))


_LARGEST_ACTIVITY = _largest(activity.c.id, sighting.c.activity_id, participant.c.activity_id, link.c.activity_id)
_LARGEST_SIGHTING = _largest(sighting.c.id)
_TURNS = select(
    select(func.count()).select_from(tombstone).scalar_subquery(),
    select(func.count()).select_from(closed_person).scalar_subquery(),
    select(meta.c.value).where(meta.c.name == CAUGHT_UP).scalar_subquery(),
)

_MARKS = select(
    stream.c.id, stream.c.cursor, stream.c.epoch, stream.c.strikes, stream.c.suspect, stream.c.doubted
).where(stream.c.id.in_(_KEYS))
_WAITING = (
    select(sighting.c.stream_id, func.coalesce(sighting.c.object, sighting.c.item))
    .where(
        sighting.c.stream_id.in_(_KEYS),
        # In the words of the partial index.
        text("verdict IN ('pending', 'quarantined')"),
        or_(sighting.c.verdict == "pending", sighting.c.parser < bindparam("parser")),
        sighting.c.gone_at.is_(None),
    )
    .order_by(sighting.c.id)
    .limit(AGAIN)
)
_DUE = (
    select(sighting.c.stream_id, func.coalesce(sighting.c.object, sighting.c.item), sighting.c.due_at)
    .where(sighting.c.stream_id.in_(_KEYS), sighting.c.due_at <= bindparam("now"), sighting.c.gone_at.is_(None))
    .order_by(sighting.c.due_at.desc(), sighting.c.id)
    .limit(AGAIN)
)


def marks(connection: Connection, stream_ids: Iterable[int], parser: int, now: datetime) -> dict[int, Mark]:
    stream_ids = list(stream_ids)
    waiting: dict[int, dict[ItemId, None]] = defaultdict(dict)
    due = list(among(connection, _DUE, stream_ids, now=stamp(connection)(now)))
    # What the window has just reached, then what was not decided, then that of which more may be stored than is.
    reached = [row for row in due if row[2] != stamp(connection)(LONG_AGO)]
    again = [*reached, *among(connection, _WAITING, stream_ids, parser=parser), *due[len(reached) :]]
    for stream_id, item, *_ in again[:AGAIN]:
        waiting[stream_id][item] = None
    return {
        stream_id: Mark(cursor, epoch, strikes, suspect, doubted, tuple(waiting[stream_id]))
        for stream_id, cursor, epoch, strikes, suspect, doubted in among(connection, _MARKS, stream_ids)
    }


def directory(connection: Connection, addresses: Iterable[str], domains: Iterable[str]) -> Directory:
    """Look up address keys and domains (matching.contacts.lookups)."""
    addresses = frozenset(addresses)
    contacts = [(key, Contact(id_, account)) for key, id_, account in among(connection, _HOLDERS, addresses)]
    accounts: list[tuple[str, str]] = list(among(connection, _DOMAINS, domains))
    contact_ids = {known.id for _, known in contacts}
    account_ids = {account for _, account in accounts} | {known.account_id for _, known in contacts if known.account_id}
    return Directory(
        contacts=_grouped(contacts),
        accounts=_grouped(accounts),
        users=dict(among(connection, _USERS, addresses)),
        opportunities=tuple(_opportunities(connection, contact_ids, account_ids)),
        erased=frozenset([each for (each,) in rows(connection, _ERASED)]),
        closed=frozenset([each for (each,) in rows(connection, _CLOSED_PEOPLE)]),
        turns=turns(connection),
    )


def turns(connection: Connection) -> int:
    """Directory.turns"""
    ((erased, closed, caught_up),) = rows(connection, _TURNS)
    return int(erased) + int(closed) + int(caught_up or 0)


def _grouped(pairs: Iterable[tuple[A, B]]) -> dict[A, tuple[B, ...]]:
    groups: dict[A, dict[B, None]] = defaultdict(dict)
    for key, value in pairs:
        groups[key][value] = None
    return {key: tuple(values) for key, values in groups.items()}


def _opportunities(connection: Connection, contacts: set[str], accounts: set[str]) -> Iterable[Opportunity]:
    found = {row[0]: row for row in among(connection, _OF_CONTACTS, contacts)}
    found |= {row[0]: row for row in among(connection, _OF_ACCOUNTS, accounts)}
    people: dict[str, set[str]] = defaultdict(set)
    for opportunity_id, contact_id in among(connection, _PEOPLE, found):
        people[opportunity_id].add(contact_id)
    for id_, (_, account, opened_at, closed_at) in sorted(found.items()):
        yield Opportunity(id_, account, frozenset(people[id_]), unstamp(opened_at), unstamp(closed_at))


def stored(connection: Connection, stream_id: int, wanted: Wanted) -> Stored:
    threads: dict[bytes, int] = dict(among(connection, _THREADS, wanted.thread_keys))
    opportunities: dict[int, set[str]] = defaultdict(set)
    doubtful = {threads[key] for key in wanted.undecided if key in threads}
    for thread_id, entity in among(connection, _THREAD_OPPORTUNITIES, doubtful):
        opportunities[thread_id].add(entity)
    of_objects, parts = known_occasions.sightings(connection, stream_id, wanted.objects)
    concerned = {each.activity_id for each in of_objects.values() if each.activity_id is not None}
    return Stored(
        next_activity=next_activity(connection),
        next_sighting=_after(connection, _LARGEST_SIGHTING),
        sightings=_sightings(connection, stream_id, wanted.items) | of_objects,
        activities=_activities(connection, wanted.identities),
        threads=threads,
        thread_opportunities={thread_id: frozenset(ids) for thread_id, ids in opportunities.items()},
        parts=parts,
        occasions=known_occasions.occasions(connection, wanted.occasions, concerned),
        closed=known_occasions.closed(connection, {*wanted.identities, *wanted.occasions}),
        closed_nodes=_closed_nodes(connection, wanted.thread_keys, threads),
        closed_items=_closed_items(connection, {*wanted.identities, *wanted.occasions}),
    )


def _closed_items(connection: Connection, identities: Iterable[bytes]) -> frozenset[bytes]:
    if not rows(connection, _ANY_CLOSED_ITEM):
        return frozenset()
    return frozenset(key for (key,) in among(connection, _CLOSED_ITEMS, identities))


def _closed_nodes(connection: Connection, keys: Iterable[bytes], threads: Mapping[bytes, int]) -> frozenset[bytes]:
    """Those that were closed themselves (also if all that was stored is erased), or whose thread has one that was."""
    if not rows(connection, _ANY_CLOSED_THREAD):
        return frozenset()
    shut = {key for (key,) in among(connection, _CLOSED_NODES, keys)}
    closed = {own for (own,) in among(connection, _CLOSED_THREADS, threads.values())}
    return frozenset(shut | {key for key, own in threads.items() if own in closed})


def next_activity(connection: Connection) -> int:
    """A number that nothing has. SQLite lets a program that does not ask for it delete an activity and leave behind
    what hung on it, which would then be another's."""
    return _after(connection, _LARGEST_ACTIVITY)


def _after(connection: Connection, largest: Select[Any]) -> int:
    found: tuple[int, ...]
    (found,) = rows(connection, largest)
    return 1 + max(found)


def _sightings(connection: Connection, stream_id: int, items: Iterable[ItemId]) -> dict[ItemId, StoredSighting]:
    return {
        ItemId(item): StoredSighting(
            *(id_, Verdict(verdict), rule, facts, key, activity_id, gone_at is not None, attempts),
            due_at=unstamp(due_at),
        )
        for item, id_, verdict, rule, facts, key, activity_id, gone_at, attempts, due_at in among(
            connection, _SIGHTINGS, items, stream=stream_id
        )
    }


def _activities(connection: Connection, identities: Iterable[bytes]) -> dict[bytes, StoredActivity]:
    rows = list(among(connection, _ACTIVITIES, identities))
    ids = [row[0] for row in rows]
    people: dict[int, set[tuple[str, str]]] = defaultdict(set)
    for activity_id, role, key in among(connection, _PARTICIPANTS, ids):
        people[activity_id].add((role, key))
    links: dict[int, dict[tuple[str, str], tuple[str, str]]] = defaultdict(dict)
    for activity_id, kind, entity, origin, state in among(connection, _LINKS, ids):
        links[activity_id][kind, entity] = (origin, state)
    return {
        identity: StoredActivity(
            id=id_,
            identity=identity,
            sender=sender,
            subject_hash=subject,
            sent_at=unstamp(sent_at),
            occurred_at=_instant(occurred_at),
            level=Level(level),
            has_subject=bool(has[0]),
            has_text=bool(has[1]),
            direction=direction,
            thread_id=thread_id,
            participants=frozenset(people[id_]),
            links=links[id_],
        )
        for id_, identity, sender, subject, sent_at, occurred_at, level, *has, direction, thread_id in rows
    }


def _instant(value: str | datetime) -> datetime:
    found = unstamp(value)
    assert found is not None
    return found


def with_text(connection: Connection, identities: Iterable[bytes]) -> dict[bytes, Identity]:
    """The identities whose activity has its text already, or may not have one."""
    return {
        key: Identity(key=key, fingerprint=key, sender=sender, subject=subject, sent_at=unstamp(sent_at))
        for key, sender, subject, sent_at in among(connection, _WITH_TEXT, identities)
    }
