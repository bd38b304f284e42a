"""Takes activities out of the store for good: a person's, a mailbox's, or those that are too old.

What is left of each is that an item was seen and that a rule, not a person, keeps it away: its id in the mailbox, the
time, and the keyed hash of its Message-ID.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, Engine, case, delete, func, insert, select, text, update

from store import bulk
from store.bulk import among, chunks, keys
from store.engine import read
from store.failures import translated
from store.schema import (
    activity,
    attachment,
    change,
    contact,
    contact_address,
    contact_phone,
    directory_change,
    link,
    mailbox,
    participant,
    sighting,
    sighting_address,
    stream,
    thread,
    token,
    tombstone,
)

_KEYS = keys()

_HOLDING = (
    activity,
    participant,
    attachment,
    link,
    sighting,
    sighting_address,
    contact,
    contact_address,
    contact_phone,
)

ERASED = "erased"
"""The rule of what was taken out because of a person in it."""


class Person(NamedTuple):
    """Whom an erasure is about."""

    address_keys: frozenset[str]
    hashes: frozenset[bytes]
    """Keyed hashes of the addresses."""
    contact_ids: frozenset[str]


class Found(NamedTuple):
    """What there is of a person."""

    activities: tuple[int, ...]
    """Those the person took part in, or that concern nobody else; by id."""
    unlinked: tuple[int, ...]
    """Those that a hand linked to the person and to others as well: only the link goes."""
    also_others: int
    """How many of `activities` are linked to another contact too."""
    with_text: int
    skipped: int
    """Items that were not logged, and of which the keyed hash of an address of the person is kept."""
    contacts: int


def find(connection: Connection, who: Person) -> Found:
    took_part = select(participant.c.activity_id).where(participant.c.address_key.in_(_KEYS))
    taken = {own for (own,) in among(connection, took_part, who.address_keys)}
    about = select(link.c.activity_id).where(link.c.entity_kind == "contact", link.c.entity_id.in_(_KEYS))
    linked = {own for (own,) in among(connection, about, who.contact_ids)} - taken
    shared = _with_others(connection, linked, who.contact_ids)
    activities = sorted(taken | linked - shared)
    texts = select(activity.c.id).where(activity.c.id.in_(_KEYS), activity.c.text.is_not(None))
    hashed = select(sighting_address.c.sighting_id).where(sighting_address.c.hash.in_(_KEYS))
    return Found(
        activities=tuple(activities),
        unlinked=tuple(sorted(shared)),
        also_others=len(_with_others(connection, activities, who.contact_ids)),
        with_text=sum(1 for _ in among(connection, texts, activities)),
        skipped=len({own for (own,) in among(connection, hashed, who.hashes)}),
        contacts=len(who.contact_ids),
    )


def _with_others(connection: Connection, ids: Collection[int], contact_ids: Collection[str]) -> set[int]:
    linked = select(link.c.activity_id, link.c.entity_id).where(
        link.c.activity_id.in_(_KEYS), link.c.entity_kind == "contact", link.c.state == "linked"
    )
    return {own for own, entity in among(connection, linked, ids) if entity not in contact_ids}


def erase(connection: Connection, who: Person, now: datetime) -> Found:
    """Take out all that `find` finds, the contacts among it, and keep the hashes so that it does not come back."""
    found = find(connection, who)
    take_out(connection, found.activities, ERASED, now)
    for some in chunks(found.unlinked):
        about = (link.c.activity_id.in_(some), link.c.entity_kind == "contact", link.c.entity_id.in_(who.contact_ids))
        connection.execute(delete(link).where(*about))
    _forget_skipped(connection, who.hashes)
    _forget_contacts(connection, who)
    buried = set(connection.execute(select(tombstone.c.hash)).scalars())
    rows = [{"hash": each, "at": now} for each in sorted(who.hashes - buried)]
    if rows:
        connection.execute(insert(tombstone), rows)
    return found


def _forget_skipped(connection: Connection, hashes: Iterable[bytes]) -> None:
    for some in chunks(hashes):
        mine = select(sighting_address.c.sighting_id).where(sighting_address.c.hash.in_(some))
        # What waits because the person had just become known is not to be read any more.
        waits = (sighting.c.id.in_(mine), sighting.c.verdict == "pending", sighting.c.rule == "late")
        connection.execute(update(sighting).where(*waits).values(verdict="skipped", rule=ERASED))
        connection.execute(delete(sighting_address).where(sighting_address.c.hash.in_(some)))


def _forget_contacts(connection: Connection, who: Person) -> None:
    """The address also where another contact holds it; a contact that is erased goes with all it has."""
    named = _spellings(connection, who)
    for some in chunks(who.address_keys):
        connection.execute(delete(contact_address).where(contact_address.c.address_key.in_(some)))
    for some in chunks(who.contact_ids):
        for table in (contact_address, contact_phone):
            connection.execute(delete(table).where(table.c.contact_id.in_(some)))
        connection.execute(delete(link).where(link.c.entity_kind == "contact", link.c.entity_id.in_(some)))
        connection.execute(delete(contact).where(contact.c.id.in_(some)))
    # What was noted of these changes has the address in it, and concerns nothing any more.
    for some in chunks(named):
        connection.execute(delete(directory_change).where(directory_change.c.name.in_(some)))


def _spellings(connection: Connection, who: Person) -> set[str]:
    written = contact_address.c.address
    by_key = select(written).where(contact_address.c.address_key.in_(_KEYS))
    by_holder = select(written).where(contact_address.c.contact_id.in_(_KEYS))
    found = {text for (text,) in among(connection, by_key, who.address_keys)}
    return found | {text for (text,) in among(connection, by_holder, who.contact_ids)} | set(who.address_keys)


def take_out(connection: Connection, ids: Sequence[int], rule: str, now: datetime) -> None:
    """Delete these activities with all that hangs on them; their sightings say by which rule they are kept away."""
    _tell(connection, ids, now)
    for some in chunks(ids):
        mine = select(sighting.c.id).where(sighting.c.activity_id.in_(some))
        connection.execute(delete(sighting_address).where(sighting_address.c.sighting_id.in_(mine)))
        # A mail is not asked for again. A calendar's object is: its other dates come as the window reaches them.
        due_at = case((sighting.c.object.is_not(None), sighting.c.due_at))
        kept = {"verdict": "skipped", "rule": rule, "facts": "", "activity_id": None, "due_at": due_at}
        connection.execute(update(sighting).where(sighting.c.activity_id.in_(some)).values(kept))
        _hand_on_threads(connection, some)
        # Not left to the references: where somebody deleted an activity without them, these stayed behind.
        for table in (participant, link, attachment):
            connection.execute(delete(table).where(table.c.activity_id.in_(some)))
        connection.execute(delete(activity).where(activity.c.id.in_(some)))


def _tell(connection: Connection, ids: Sequence[int], now: datetime) -> None:
    """The feed, by public ids: the rows that knew them go. It forgets what else it told of them."""
    named = select(activity.c.id, activity.c.public_id).where(activity.c.id.in_(_KEYS))
    rows = sorted(among(connection, named, ids))
    for some in chunks(own for own, _ in rows):
        connection.execute(delete(change).where(change.c.activity_id.in_(some)))
    last = connection.execute(select(func.coalesce(func.max(change.c.sequence), 0))).scalar_one()
    at = bulk.stamp(connection)(now)
    told = [(last + place, "erased", own, public_id, at) for place, (own, public_id) in enumerate(rows, 1)]
    bulk.insert(connection, "change", "sequence, kind, activity_id, public_id, changed_at", told)


def _hand_on_threads(connection: Connection, ids: Sequence[int]) -> None:
    """A thread is named after one of its activities: where that goes, after the oldest that stays."""
    heirs = (
        select(activity.c.thread_id, func.min(activity.c.id))
        .where(activity.c.thread_id.in_(ids), activity.c.id.not_in(ids))
        .group_by(activity.c.thread_id)
    )
    for old, new in connection.execute(heirs).all():
        for table in (activity, thread):
            connection.execute(update(table).where(table.c.thread_id == old).values(thread_id=new))
    connection.execute(delete(thread).where(thread.c.thread_id.in_(ids)))


# -------------------------------------------------------------------------------------------------- a mailbox


def of_mailbox(connection: Connection, name: str) -> tuple[int, ...]:
    """The activities that were seen in this mailbox only, by id."""
    elsewhere = sighting.alias()
    own = select(stream.c.id).join(mailbox).where(mailbox.c.name == name)
    also = select(elsewhere.c.id).where(
        elsewhere.c.activity_id == sighting.c.activity_id, elsewhere.c.stream_id.not_in(own)
    )
    seen = select(sighting.c.activity_id).where(sighting.c.stream_id.in_(own), sighting.c.activity_id.is_not(None))
    return tuple(sorted(set(connection.execute(seen.where(~also.exists())).scalars())))


def erase_mailbox(connection: Connection, name: str, now: datetime) -> int:
    """Take out what only this mailbox saw, all that it saw, its tokens, and itself; how many activities that were."""
    ids = of_mailbox(connection, name)
    take_out(connection, ids, ERASED, now)
    own = select(stream.c.id).join(mailbox).where(mailbox.c.name == name)
    connection.execute(delete(sighting).where(sighting.c.stream_id.in_(own)))
    connection.execute(delete(token).where(token.c.mailbox == name))
    connection.execute(delete(mailbox).where(mailbox.c.name == name))
    return len(ids)


def mailboxes(engine: Engine) -> dict[str, bool]:
    """name -> whether it is registered, that is, in the configuration of the last start or reload"""
    with read(engine) as connection:
        return {row.name: row.registered for row in connection.execute(select(mailbox.c.name, mailbox.c.registered))}


# ---------------------------------------------------------------------------------------------------- the files


def scrub(engine: Engine) -> bool:
    """Leave nothing of what was deleted in the files; False if somebody still reads the state before it.

    SQLite overwrites what is deleted (secure_delete), but its log still has the pages as they were.
    """
    if engine.dialect.name == "sqlite":
        with closing(engine.raw_connection()) as raw:
            busy, *_ = raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not busy
    with translated(engine.url), engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        for table in _HOLDING:
            connection.execute(text(f"VACUUM {table.name}"))
    return True


def empty_log(engine: Engine) -> bool:
    """Leave in SQLite's log nothing of what was overwritten; False if somebody reads or writes: nobody waits for it."""
    if engine.dialect.name != "sqlite":
        return True
    file = Path(str(engine.url.database)).absolute().as_uri()
    try:
        with closing(sqlite3.connect(f"{file}?mode=rw", uri=True, timeout=0)) as connection:
            busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError:
        return False
    return not busy
