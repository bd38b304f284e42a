"""All that is stored of one person, as rows for a file: what they are entitled to see (GDPR, articles 15 and 20)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Engine, Select, select

from store.bulk import among, chunks, keys
from store.engine import read
from store.erasure import Person
from store.queries.viewers import Viewer, may_look_into, may_see
from store.schema import (
    activity,
    attachment,
    contact,
    contact_address,
    contact_phone,
    link,
    mailbox,
    participant,
    sighting,
    sighting_address,
    stream,
)

Row = Mapping[str, object]

_KEYS = keys()
_ACTIVITY = (
    *(activity.c.id.label("key"), activity.c.public_id.label("id"), activity.c.kind, activity.c.occurred_at),
    *(activity.c.ended_at, activity.c.direction, activity.c.status, activity.c.subject, activity.c.text),
    *(activity.c.location, activity.c.source, activity.c.author, activity.c.message_id, activity.c.created_at),
)


def export(engine: Engine, who: Person, *, viewer: Viewer) -> Iterator[Row]:
    """One row at a time, each with its `type`: contact, activity (oldest first), sighting; of one moment."""
    with read(engine) as connection:
        yield from _contacts(connection, who)
        ids = sorted(_activities(connection, who, viewer))
        for some in chunks(ids):
            yield from _told(connection, some)
        yield from _sightings(connection, who, viewer)


def _contacts(connection: Connection, who: Person) -> Iterator[Row]:
    for own in sorted(who.contact_ids):
        for row in connection.execute(select(contact).where(contact.c.id == own)).mappings():
            addresses = select(contact_address.c.address).where(contact_address.c.contact_id == own)
            phones = select(contact_phone.c.phone).where(contact_phone.c.contact_id == own)
            lists = {
                "addresses": sorted(connection.execute(addresses).scalars()),
                "phones": sorted(connection.execute(phones).scalars()),
            }
            yield {"type": "contact", **row, **lists}


def _activities(connection: Connection, who: Person, viewer: Viewer) -> set[int]:
    took_part = select(participant.c.activity_id).where(participant.c.address_key.in_(_KEYS))
    about = select(link.c.activity_id).where(link.c.entity_kind == "contact", link.c.entity_id.in_(_KEYS))
    found = {own for (own,) in among(connection, took_part, who.address_keys)}
    found |= {own for (own,) in among(connection, about, who.contact_ids)}
    seen: set[int] = set()
    for some in chunks(found):
        seen |= set(connection.execute(select(activity.c.id).where(activity.c.id.in_(some), may_see(viewer))).scalars())
    return seen


def _told(connection: Connection, ids: list[int]) -> Iterator[Row]:
    people = _grouped(
        connection,
        select(participant).where(participant.c.activity_id.in_(ids)),
        ("role", "address", "name", "response"),
    )
    files = _grouped(
        connection, select(attachment).where(attachment.c.activity_id.in_(ids)), ("name", "content_type", "size")
    )
    links = _grouped(
        connection,
        select(link).where(link.c.activity_id.in_(ids)),
        ("entity_kind", "entity_id", "reason", "origin", "state"),
    )
    rows = connection.execute(select(*_ACTIVITY).where(activity.c.id.in_(ids)).order_by(activity.c.occurred_at))
    for row in rows.mappings():
        told = {name: value for name, value in row.items() if name != "key"}
        lists = {"participants": people.get(row["key"], []), "attachments": files.get(row["key"], [])}
        yield {"type": "activity", **told, **lists, "links": links.get(row["key"], [])}


def _grouped(connection: Connection, query: Select[Any], names: tuple[str, ...]) -> dict[int, list[Row]]:
    """activity -> the values of these columns, in a fixed order"""
    found: dict[int, list[Row]] = {}
    for row in connection.execute(query).mappings():
        found.setdefault(row["activity_id"], []).append({name: row[name] for name in names})
    return {own: sorted(rows, key=repr) for own, rows in found.items()}


def _sightings(connection: Connection, who: Person, viewer: Viewer) -> Iterator[Row]:
    """What was not logged, and is known to be of that person by the keyed hash of an address."""
    seen = sighting.c
    columns = (
        mailbox.c.name.label("mailbox"),
        stream.c.name.label("stream"),
        seen.item,
        seen.verdict,
        seen.rule,
        seen.occurred_at,
    )
    joined = select(*columns).join_from(sighting, stream).join(mailbox).where(may_look_into(viewer))
    joined = joined.order_by(mailbox.c.name, stream.c.name, seen.id)
    for some in chunks(who.hashes):
        hashed = select(sighting_address.c.sighting_id).where(sighting_address.c.hash.in_(some))
        for row in connection.execute(joined.where(seen.id.in_(hashed))).mappings():
            yield {"type": "sighting", **row}
