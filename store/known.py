"""What the store already holds of one batch: the directory of its addresses, its sightings, activities and threads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, Row, func, or_, select

from store.bulk import chunks
from store.schema import (
    account_domain,
    activity,
    contact,
    contact_address,
    link,
    opportunity,
    opportunity_contact,
    participant,
    sighting,
    thread,
    user_address,
)
from syncd.ledger import Stored, StoredActivity, StoredSighting
from syncd.model import Contact, Directory, Identity, ItemId, Level, Opportunity, Verdict

A = TypeVar("A")
B = TypeVar("B")


def directory(connection: Connection, addresses: Iterable[str], domains: Iterable[str]) -> Directory:
    """Look up address keys and domains (matching.contacts.lookups)."""
    contacts: list[tuple[str, Contact]] = []
    users: dict[str, str] = {}
    for keys in chunks(addresses):
        holders = (
            select(contact_address.c.address_key, contact.c.id, contact.c.account_id)
            .join(contact, contact.c.id == contact_address.c.contact_id)
            .where(contact_address.c.address_key.in_(keys))
            .order_by(contact.c.id)
        )
        contacts += [(key, Contact(id_, account)) for key, id_, account in connection.execute(holders)]
        own = select(user_address.c.address_key, user_address.c.user_id).where(user_address.c.address_key.in_(keys))
        users.update({row.address_key: row.user_id for row in connection.execute(own)})
    accounts: list[tuple[str, str]] = []
    for names in chunks(domains):
        known = select(account_domain.c.domain_key, account_domain.c.account_id)
        rows = connection.execute(known.where(account_domain.c.domain_key.in_(names)).order_by("account_id"))
        accounts += [(domain, account) for domain, account in rows]
    contact_ids = {known.id for _, known in contacts}
    account_ids = {account for _, account in accounts} | {known.account_id for _, known in contacts if known.account_id}
    return Directory(
        contacts=_grouped(contacts),
        accounts=_grouped(accounts),
        users=users,
        opportunities=tuple(_opportunities(connection, contact_ids, account_ids)),
    )


def _grouped(pairs: Iterable[tuple[A, B]]) -> dict[A, tuple[B, ...]]:
    groups: dict[A, list[B]] = defaultdict(list)
    for key, value in pairs:
        if value not in groups[key]:
            groups[key].append(value)
    return {key: tuple(values) for key, values in groups.items()}


def _opportunities(connection: Connection, contacts: set[str], accounts: set[str]) -> Iterable[Opportunity]:
    if not contacts and not accounts:
        return
    found: dict[str, Row[Any]] = {}
    columns = (opportunity.c.id, opportunity.c.account_id, opportunity.c.opened_at, opportunity.c.closed_at)
    for ids in chunks(contacts):
        of_contact = select(opportunity_contact.c.opportunity_id).where(opportunity_contact.c.contact_id.in_(ids))
        found |= {row.id: row for row in connection.execute(select(*columns).where(opportunity.c.id.in_(of_contact)))}
    for ids in chunks(accounts):
        found |= {row.id: row for row in connection.execute(select(*columns).where(opportunity.c.account_id.in_(ids)))}
    people: dict[str, set[str]] = defaultdict(set)
    for ids in chunks(found):
        rows = select(opportunity_contact.c.opportunity_id, opportunity_contact.c.contact_id)
        for opportunity_id, contact_id in connection.execute(rows.where(rows.selected_columns[0].in_(ids))):
            people[opportunity_id].add(contact_id)
    for id_, row in sorted(found.items()):
        yield Opportunity(id_, row.account_id, frozenset(people[id_]), row.opened_at, row.closed_at)


def stored(
    connection: Connection,
    stream_id: int,
    items: Iterable[ItemId],
    identities: Iterable[bytes],
    thread_keys: Iterable[bytes],
) -> Stored:
    threads = _threads(connection, thread_keys)
    return Stored(
        next_activity=_next(connection, activity.c.id),
        next_sighting=_next(connection, sighting.c.id),
        sightings=_sightings(connection, stream_id, items),
        activities=_activities(connection, identities),
        threads=threads,
        thread_opportunities=_thread_opportunities(connection, threads.values()),
    )


def _next(connection: Connection, column: Column[int]) -> int:
    return connection.execute(select(func.coalesce(func.max(column), 0) + 1)).scalar_one()


def _sightings(connection: Connection, stream_id: int, items: Iterable[ItemId]) -> dict[ItemId, StoredSighting]:
    s = sighting.c
    columns = (s.item, s.id, s.verdict, s.rule, s.facts, s.key, s.activity_id, s.gone_at, s.attempts)
    found = {}
    for ids in chunks(items):
        rows = connection.execute(select(*columns).where(s.stream_id == stream_id, s.item.in_(ids)))
        for item, id_, verdict, rule, facts, key, activity_id, gone_at, attempts in rows:
            gone = gone_at is not None
            found[ItemId(item)] = StoredSighting(id_, Verdict(verdict), rule, facts, key, activity_id, gone, attempts)
    return found


def _activities(connection: Connection, identities: Iterable[bytes]) -> dict[bytes, StoredActivity]:
    a = activity.c
    columns = (
        a.id,
        a.identity,
        a.sender_hash,
        a.subject_hash,
        a.sent_at,
        a.occurred_at,
        a.level,
        a.text.is_not(None).label("has_text"),
        a.direction,
        a.thread_id,
    )
    rows = [
        row for keys in chunks(identities) for row in connection.execute(select(*columns).where(a.identity.in_(keys)))
    ]
    people: dict[int, set[tuple[str, str]]] = defaultdict(set)
    links: dict[int, dict[tuple[str, str], tuple[str, str]]] = defaultdict(dict)
    for ids in chunks(row.id for row in rows):
        p = participant.c
        for id_, role, key in connection.execute(
            select(p.activity_id, p.role, p.address_key).where(p.activity_id.in_(ids))
        ):
            people[id_].add((role, key))
        k = link.c
        for id_, kind, entity, origin, state in connection.execute(
            select(k.activity_id, k.entity_kind, k.entity_id, k.origin, k.state).where(k.activity_id.in_(ids))
        ):
            links[id_][kind, entity] = (origin, state)
    return {
        row.identity: StoredActivity(
            id=row.id,
            identity=row.identity,
            sender=row.sender_hash,
            subject_hash=row.subject_hash,
            sent_at=row.sent_at,
            occurred_at=row.occurred_at,
            level=Level(row.level),
            has_text=row.has_text,
            direction=row.direction,
            thread_id=row.thread_id,
            participants=frozenset(people[row.id]),
            links=links[row.id],
        )
        for row in rows
    }


def _threads(connection: Connection, keys: Iterable[bytes]) -> dict[bytes, int]:
    return {
        key: thread_id
        for some in chunks(keys)
        for key, thread_id in connection.execute(select(thread.c.key, thread.c.thread_id).where(thread.c.key.in_(some)))
    }


def _thread_opportunities(connection: Connection, threads: Iterable[int]) -> dict[int, frozenset[str]]:
    found: dict[int, set[str]] = defaultdict(set)
    for ids in chunks(threads):
        rows = (
            select(activity.c.thread_id, link.c.entity_id)
            .join(link, link.c.activity_id == activity.c.id)
            .where(activity.c.thread_id.in_(ids), link.c.entity_kind == "opportunity", link.c.state == "linked")
        )
        for thread_id, entity in connection.execute(rows):
            found[thread_id].add(entity)
    return {thread_id: frozenset(ids) for thread_id, ids in found.items()}


def with_text(connection: Connection, identities: Iterable[bytes]) -> dict[bytes, Identity]:
    """The identities whose activity has its text already, or may not have one."""
    a = activity.c
    closed = or_(a.text.is_not(None), a.level < Level.FULL)
    columns = (a.identity, a.sender_hash, a.subject_hash, a.sent_at)
    return {
        key: Identity(key=key, fingerprint=key, sender=sender, subject=subject, sent_at=sent_at)
        for keys in chunks(identities)
        for key, sender, subject, sent_at in connection.execute(select(*columns).where(a.identity.in_(keys), closed))
    }
