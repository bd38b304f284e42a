"""The one place that writes what a pass found: a plan and its cursor, in one transaction."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, func, insert, select, update

from store import bulk, closing, known, occasions, trail
from store.engine import connect, read, write
from store.ids import uuid7, uuid7s
from store.schema import activity, change, sighting, stream, thread
from store.trail import Doer
from syncd.ledger import ActivityChange, Mark, Plan, SightingRow, Stored, Wanted
from syncd.model import PARSER_VERSION, Cursor, Directory, Entry, Identity, ItemId, Level, Link

_LAST_CHANGE = select(func.coalesce(func.max(change.c.sequence), 0))


def open_store(url: str, key: bytes) -> Store:
    return Store(connect(url), key)


@dataclass(frozen=True, slots=True)
class Store:
    engine: Engine
    key: bytes
    """For the keyed hashes of what must not be stored in clear."""

    def close(self) -> None:
        self.engine.dispose()

    # -------------------------------------------------------------------------------------------------- reading

    def directory(self, addresses: Iterable[str], domains: Iterable[str]) -> Directory:
        with read(self.engine) as connection:
            return known.directory(connection, addresses, domains)

    def with_text(self, identities: Iterable[bytes]) -> Mapping[bytes, Identity]:
        """Those whose activity has its text already, or may not have one."""
        with read(self.engine) as connection:
            return known.with_text(connection, identities)

    def mark(self, stream_id: int, now: datetime) -> Mark:
        return self.marks([stream_id], now)[stream_id]

    def marks(self, stream_ids: Iterable[int], now: datetime) -> Mapping[int, Mark]:
        """Where these streams stand; a poll that finds nothing reads no more than this of the store."""
        with read(self.engine) as connection:
            return known.marks(connection, stream_ids, PARSER_VERSION, now)

    def live(self, stream_id: int) -> frozenset[ItemId]:
        """Every item of the stream that has not left it; of a calendar its objects."""
        return frozenset(item for item, _ in self.versions(stream_id))

    def versions(self, stream_id: int) -> frozenset[tuple[ItemId, str | None]]:
        """The same, each with the version that was read."""
        s = sighting.c
        found = select(func.coalesce(s.object, s.item), s.version).where(s.stream_id == stream_id, s.gone_at.is_(None))
        with read(self.engine) as connection:
            return frozenset((ItemId(item), version) for item, version in connection.execute(found))

    # -------------------------------------------------------------------------------------------------- writing

    def strike(self, stream_id: int) -> None:
        """Note that a pass has work in hand at this cursor; `Transaction.save_cursor` takes it back."""
        self._set(stream_id, strikes=stream.c.strikes + 1)

    def suspect(self, stream_id: int, item: ItemId, *, strikes: int) -> None:
        """Note which item is in hand, for the first time, should the program die now."""
        self._set(stream_id, suspect=item, strikes=strikes)

    def forgive(self, stream_id: int) -> None:
        """The pass ended for a reason that has nothing to do with the items in hand."""
        self._set(stream_id, strikes=0, suspect=None)

    def doubt(self, stream_id: int, removals: int) -> None:
        self._set(stream_id, doubted=removals, strikes=0, suspect=None)

    def _set(self, stream_id: int, **values: object) -> None:
        with self.transaction() as transaction:
            transaction.connection.execute(update(stream).where(stream.c.id == stream_id).values(**values))

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with write(self.engine) as connection:
            yield Transaction(connection)

    def log_entry(self, entry: Entry, by: Doer, now: datetime) -> str:
        """Write a manual entry, and return its public id."""
        public_id = uuid7(now)
        with self.transaction() as transaction:
            transaction.log(entry, public_id, now)
            trail.record(transaction.connection, by.did("log", public_id, kind=entry.kind), now)
        return public_id

    def link(self, public_id: str, made: Link, by: Doer, now: datetime) -> bool:
        """Link or unlink an activity by hand, which no rule undoes; False if there is no such activity."""
        deed = by.did(made.state.value, public_id, kind=made.entity_kind, id=made.entity_id)
        with self.transaction() as transaction:
            if not transaction.link(public_id, made, now):
                return False
            trail.record(transaction.connection, deed, now)
            return True


@dataclass(frozen=True, slots=True)
class Transaction:
    connection: Connection

    def stored(self, stream_id: int, wanted: Wanted) -> Stored:
        return known.stored(self.connection, stream_id, wanted)

    def save_cursor(self, stream_id: int, cursor: Cursor, *, epoch: str | None = None) -> None:
        """`epoch` is given with a complete listing only."""
        saved = "UPDATE stream SET cursor = ?, epoch = COALESCE(?, epoch), strikes = 0, suspect = NULL, doubted = 0"
        bulk.run(self.connection, f"{saved} WHERE id = ?", [(cursor, epoch, stream_id)])

    def turns(self) -> int:
        """Directory.turns, now."""
        return known.turns(self.connection)

    def strike_anew(self, stream_id: int) -> None:
        """Work is in hand at the same cursor, but not that at which earlier passes died."""
        self.connection.execute(update(stream).where(stream.c.id == stream_id).values(strikes=1, suspect=None))

    def apply(self, stream_id: int, plan: Plan, now: datetime) -> None:
        self._activities(plan, now)
        occasions.apply(self.connection, plan, now)
        self._people_and_links(plan)
        self._threads(plan)
        self._sightings(stream_id, plan)
        occasions.copies(self.connection, plan)
        self._gone(plan.gone, now)
        self._touch(sorted(plan.touched), now)
        self._feed(plan, now)
        closing.close_joined(self.connection, plan.closed_threads, now)

    def _activities(self, plan: Plan, now: datetime) -> None:
        stamp = bulk.stamp(self.connection)
        saved = stamp(now)
        public = uuid7s(now, len(plan.activities))
        columns = (
            "id, public_id, identity, kind, occurred_at, subject, text, direction, level, source, message_id, problem,"
            " thread_id, sender_hash, subject_hash, sent_at, created_at, updated_at"
        )
        rows = [
            (
                *(row.id, public_id, row.identity, "email", stamp(row.occurred_at), row.subject, row.text),
                *(row.direction, row.level, "mail", row.message_id, row.problem, plan.thread_of[row.id]),
                *(row.sender_hash, row.subject_hash, stamp(row.sent_at), saved, saved),
            )
            for row, public_id in zip(plan.activities, public, strict=True)
        ]
        bulk.insert(self.connection, "activity", columns, rows)
        for changed in plan.changes:
            self._change(changed)

    def _change(self, changed: ActivityChange) -> None:
        values: dict[str, object] = {
            name: value
            for name in ("occurred_at", "subject", "text", "direction", "level")
            if (value := getattr(changed, name)) is not None
        }
        if changed.level is not None and changed.level < Level.FULL:
            values["text"] = None
            bulk.run(self.connection, "DELETE FROM attachment WHERE activity_id = ?", [(changed.id,)])
        if changed.level is not None and changed.level < Level.SUBJECT:
            values["subject"] = None
        self.connection.execute(update(activity).where(activity.c.id == changed.id).values(values))

    def _people_and_links(self, plan: Plan) -> None:
        people = "activity_id, role, address_key, address, name, response, witness"
        bulk.insert(self.connection, "participant", people, plan.participants)
        links = "activity_id, entity_kind, entity_id, reason, state, origin"
        bulk.insert(
            self.connection,
            "link",
            links,
            [(*row, "rule") for row in plan.links],
            # A candidate that became a link.
            "ON CONFLICT (activity_id, entity_kind, entity_id) DO UPDATE SET reason = excluded.reason,"
            " state = excluded.state",
        )
        bulk.insert(
            self.connection,
            "attachment",
            "activity_id, position, name, content_type, size",
            [
                (activity_id, position, file.name, file.content_type, file.size)
                for activity_id, files in plan.attachments
                for position, file in enumerate(files)
            ],
            "ON CONFLICT DO NOTHING",
        )

    def _threads(self, plan: Plan) -> None:
        bulk.insert(self.connection, "thread", "key, thread_id", sorted(plan.threads.items()))
        for loser, winner in sorted(plan.merged.items()):
            moved = select(activity.c.id).where(activity.c.thread_id == loser)
            plan.touched.update(self.connection.execute(moved).scalars())
            for table in (activity, thread):
                self.connection.execute(update(table).where(table.c.thread_id == loser).values(thread_id=winner))

    def _sightings(self, stream_id: int, plan: Plan) -> None:
        stamp = bulk.stamp(self.connection)

        def stamped(rows: Iterable[SightingRow]) -> list[bulk.Row]:
            return [
                (*row[:6], stamp(row.occurred_at), *row[7:11], stamp(row.due_at), PARSER_VERSION, stream_id)
                for row in rows
            ]

        # The fields of the row, in their order, and two more.
        columns = (
            "id, item, verdict, rule, facts, key, occurred_at, activity_id, attempts, object, version, due_at, parser,"
            " stream_id"
        )
        bulk.insert(self.connection, "sighting", columns, stamped(plan.sightings))
        bulk.run(self.connection, "DELETE FROM sighting_address WHERE sighting_id = ?", _ids(plan.resightings))
        bulk.run(
            self.connection,
            "UPDATE sighting SET item = ?, verdict = ?, rule = ?, facts = ?, key = ?, occurred_at = ?,"
            " activity_id = ?, attempts = ?, object = ?, version = ?, due_at = ?, parser = ?, gone_at = NULL"
            " WHERE id = ?",
            [(*values, id_) for id_, *values, _ in stamped(plan.resightings)],
        )
        bulk.insert(self.connection, "sighting_address", "hash, sighting_id", plan.addresses)
        missed = [(attempts, stamp(due_at), id_) for id_, attempts, due_at in plan.missed]
        bulk.run(self.connection, "UPDATE sighting SET attempts = ?, due_at = ? WHERE id = ?", missed)

    def _gone(self, gone: Iterable[int], now: datetime) -> None:
        at = bulk.stamp(self.connection)(now)
        bulk.run(self.connection, "UPDATE sighting SET gone_at = ? WHERE id = ?", [(at, id_) for id_ in gone])

    def _touch(self, touched: Iterable[int], now: datetime) -> None:
        at = bulk.stamp(self.connection)(now)
        bulk.run(self.connection, "UPDATE activity SET updated_at = ? WHERE id = ?", [(at, id_) for id_ in touched])

    def _feed(self, plan: Plan, now: datetime) -> None:
        changes = [("created", row.id) for row in plan.activities]
        changes += [("created", row.id) for _, row in plan.occasions]
        changes += [("updated", activity_id) for activity_id in sorted(plan.touched)]
        if not changes:
            return
        ((last,),) = bulk.rows(self.connection, _LAST_CHANGE)
        at = bulk.stamp(self.connection)(now)
        rows = [(last + 1 + place, kind, activity_id, at) for place, (kind, activity_id) in enumerate(changes)]
        bulk.insert(self.connection, "change", "sequence, kind, activity_id, changed_at", rows)

    def log(self, entry: Entry, public_id: str, now: datetime) -> None:
        activity_id = known.next_activity(self.connection)
        row: Mapping[str, object] = {
            "id": activity_id,
            "public_id": public_id,
            "identity": os.urandom(16),
            "kind": entry.kind,
            "occurred_at": entry.occurred_at,
            "ended_at": entry.ended_at,
            "subject": entry.subject,
            "text": entry.text or None,
            "direction": entry.direction,
            "status": entry.outcome,
            "level": Level.FULL,
            "source": "manual",
            "author": entry.author,
            "thread_id": activity_id,
            "created_at": now,
            "updated_at": now,
        }
        self.connection.execute(insert(activity).values(row))
        for made in entry.links:
            self._link_by_person(activity_id, made)
        self._feed_one("created", activity_id, now)

    def link(self, public_id: str, made: Link, now: datetime) -> bool:
        found = select(activity.c.id).where(activity.c.public_id == public_id)
        activity_id: int | None = self.connection.execute(found).scalar()
        if activity_id is None:
            return False
        self._link_by_person(activity_id, made)
        self.connection.execute(update(activity).where(activity.c.id == activity_id).values(updated_at=now))
        self._feed_one("updated", activity_id, now)
        return True

    def _link_by_person(self, activity_id: int, made: Link) -> None:
        bulk.insert(
            self.connection,
            "link",
            "activity_id, entity_kind, entity_id, reason, state, origin",
            [(activity_id, made.entity_kind, made.entity_id, made.reason, made.state.value, "person")],
            "ON CONFLICT (activity_id, entity_kind, entity_id) DO UPDATE SET reason = excluded.reason,"
            " state = excluded.state, origin = excluded.origin",
        )

    def _feed_one(self, kind: str, activity_id: int, now: datetime) -> None:
        last = select(func.coalesce(func.max(change.c.sequence), 0) + 1).scalar_subquery()
        values = {"kind": kind, "activity_id": activity_id, "changed_at": now}
        self.connection.execute(insert(change).values(sequence=last, **values))


def _ids(rows: Iterable[SightingRow]) -> list[tuple[int]]:
    return [(row.id,) for row in rows]
