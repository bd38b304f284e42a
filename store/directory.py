"""Keeps the directory tables in step with a source: a CSV file, vCards, or a query on the CRM's own database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Column, Connection, Engine, Table, bindparam, delete, insert, select, update

from store import bulk, schema, trail
from store.directory_keys import holder_column
from store.directory_parts import mark
from store.directory_plan import Change, Kind, Plan, Stored, names, plan, removals
from store.directory_rows import (
    AccountRow,
    ContactRow,
    Counts,
    DirectoryRows,
    OpportunityRow,
    Report,
    Skipped,
    UserRow,
)
from store.directory_wanted import ACCOUNTS, CONTACTS, OPPORTUNITIES, USERS, Names, Wishes
from store.engine import read, write
from store.ids import uuid7
from store.trail import Doer

__all__ = ["AccountRow", "ContactRow", "Counts", "DirectoryRows", "OpportunityRow", "Report", "Skipped", "UserRow"]


# In this order, since each may refer to those before it.
_TABLES = {ACCOUNTS: schema.account, CONTACTS: schema.contact, OPPORTUNITIES: schema.opportunity, USERS: schema.users}
# The column of a list's table that holds its values; the first one is the holder's id.
_VALUES = {
    "account_domain": "domain",
    "contact_address": "address",
    "contact_phone": "phone",
    "opportunity_contact": "contact_id",
    "user_address": "address",
}


def apply(
    engine: Engine,
    rows: DirectoryRows,
    *,
    source: str,
    dry_run: bool,
    now: datetime,
    prune: bool,
    force: bool = False,
    unread: Collection[str] = (),
    kept: Collection[str] = (),
    by: Doer | None = None,
) -> Report:
    """Write what `source` lists; what is stored already costs no write.

    `prune`: the source lists all it has, so what it listed before and lists no longer is removed, and what it leaves
    empty is emptied. Without it, nothing is taken away. A source that suddenly lists less than half of what it did
    removes nothing, unless `force`: an export that broke must not empty the directory. Of the kinds `unread` it could
    not be asked for all, and nothing of them is taken away; nor of the rows `kept`, by their ids. `by`: the person
    whose deed it is, for the trail.
    """
    pruned = frozenset(kind.name for kind in _TABLES if prune and kind.name not in unread)
    step = _Step(rows, source, pruned, frozenset(kept), force, now)
    if dry_run:
        with read(engine) as connection:
            return step.run(connection, lambda kind, made, marks: None)
    with write(engine) as connection:
        report = step.run(connection, partial(_save, connection, source))
        if by is not None:
            changed = {name: counts.created + counts.updated for name, counts in report.counts.items()}
            trail.record(connection, by.did("import", **changed), now)
        return report


@dataclass(frozen=True, slots=True)
class _Marks:
    """What a source is known to list, and which rows go with what it lists no longer."""

    added: frozenset[str]
    dropped: frozenset[str]
    removed: frozenset[str]


_Save = Callable[[Kind, Plan, _Marks], None]


@dataclass(frozen=True, slots=True)
class _Step:
    rows: DirectoryRows
    source: str
    pruned: frozenset[str]
    """Names of kinds."""
    kept: frozenset[str]
    force: bool
    now: datetime

    def run(self, connection: Connection, save: _Save) -> Report:
        known: dict[str, Names] = {}
        wishes = Wishes(self.rows, known)
        counts: dict[str, Counts] = {}
        skipped: list[Skipped] = []
        for kind in _TABLES:
            stored = _stored(connection, kind)
            in_step = kind.name in self.pruned
            made = plan(kind, stored, wishes.of(kind), in_step=in_step, kept=self.kept, new_id=lambda: uuid7(self.now))
            marks, withheld = self._marks(connection, kind, made.listed)
            known[kind.name] = Names(partial(_namings, kind, stored, made.changes, marks.removed))
            save(kind, made, marks)
            counts[kind.name] = _counts(made, len(marks.removed), withheld)
            skipped += made.skipped
        return Report(counts, tuple(skipped + wishes.skipped))

    def _marks(self, connection: Connection, kind: Kind, listed: set[str]) -> tuple[_Marks, int]:
        mine, others = _listed(connection, kind, self.source)
        pruned = kind.name in self.pruned
        here = listed | (mine & self.kept)
        dropped, withheld = removals(mine, here, trusted=self.force) if pruned else (frozenset[str](), 0)
        return _Marks(frozenset(listed - mine), dropped, dropped - others), withheld


def _namings(
    kind: Kind, stored: Iterable[Stored], changes: Iterable[Change], removed: frozenset[str]
) -> Iterator[tuple[str, str, Iterable[str]]]:
    """By what the rows of a kind are known once the plan is carried out."""
    for row in stored:
        if row.id not in removed:
            yield row.id, row.external_id, names(kind, row.values, row.lists)
    for change in changes:
        yield change.id, change.external_id, names(kind, change.values, change.gained)


def _counts(made: Plan, removed: int, withheld: int) -> Counts:
    created = sum(change.created for change in made.changes)
    updated = len(made.changes) - created
    return Counts(created=created, updated=updated, unchanged=made.unchanged, removed=removed, withheld=withheld)


# ---------------------------------------------------------------------------------------------------- reading


def external_ids(engine: Engine) -> frozenset[str]:
    """Of all contacts."""
    own = schema.contact.c.external_id
    with read(engine) as connection:
        return frozenset(connection.execute(select(own).where(own.is_not(None))).scalars())


def known_contacts(engine: Engine) -> list[ContactRow]:
    """Those that have an external id: it, the name and the addresses."""
    own, held = schema.contact.c, schema.contact_address.c
    with read(engine) as connection:
        addresses: dict[str, list[str]] = {}
        for holder, address in connection.execute(select(held.contact_id, held.address)):
            addresses.setdefault(holder, []).append(address)
        named = select(own.id, own.external_id, own.name).where(own.external_id.is_not(None)).order_by(own.id)
        return [
            ContactRow(external_id=external_id, name=name or "", addresses=tuple(addresses.get(id_, ())))
            for id_, external_id, name in connection.execute(named)
        ]


def _stored(connection: Connection, kind: Kind) -> list[Stored]:
    held = [_held(connection, schema.metadata.tables[name]) for name in kind.lists]
    columns = _TABLES[kind].c
    query = select(columns.id, columns.external_id, *(columns[name] for name in kind.columns))
    return [
        Stored(own, external_id or "", tuple(values), tuple(tuple(sorted(lists.get(own, ()))) for lists in held))
        for own, external_id, *values in connection.execute(query)
    ]


def _held(connection: Connection, table: Table) -> dict[str, list[str]]:
    """holder -> values"""
    held: dict[str, list[str]] = defaultdict(list)
    for holder, value in connection.execute(select(holder_column(table), table.c[_VALUES[table.name]])):
        held[holder].append(value)
    return held


def _listed(connection: Connection, kind: Kind, source: str) -> tuple[frozenset[str], frozenset[str]]:
    """The ids that this source listed last, and those that others did; what parts of this one did is no other's."""
    listed = schema.directory_source.c
    of_kind = select(listed.source, listed.entity_id).where(listed.entity_kind == _TABLES[kind].name)
    found = connection.execute(of_kind).all()
    mine = frozenset(own for by, own in found if by == source)
    return mine, frozenset(own for by, own in found if by != source and not by.startswith(mark(source, "")))


# ---------------------------------------------------------------------------------------------------- writing


def _save(connection: Connection, source: str, kind: Kind, made: Plan, marks: _Marks) -> None:
    table = _TABLES[kind]
    created = [{"id": change.id, **_columns(kind, change)} for change in made.changes if change.created]
    if created:
        connection.execute(insert(table), created)
    updated = [{"own": change.id, **_columns(kind, change)} for change in made.changes if not change.created]
    if updated:
        connection.execute(update(table).where(table.c.id == bindparam("own")), updated)
    for place, name in enumerate(kind.lists):
        _save_list(connection, schema.metadata.tables[name], place, made.changes)
    _remove(connection, table.c.id, marks.removed)
    _save_marks(connection, source, table.name, marks)


def _columns(kind: Kind, change: Change) -> dict[str, object]:
    return {"external_id": change.external_id or None, **dict(zip(kind.columns, change.values, strict=True))}


def _save_list(connection: Connection, table: Table, place: int, changes: Iterable[Change]) -> None:
    holder, column = holder_column(table).name, _VALUES[table.name]
    gained = [(change.id, value) for change in changes for value in change.gained[place]]
    lost = [(change.id, value) for change in changes for value in change.lost[place]]
    bulk.run(connection, f"DELETE FROM {table.name} WHERE {holder} = ? AND {column} = ?", lost)
    bulk.insert(connection, table.name, f"{holder}, {column}", gained)


def _save_marks(connection: Connection, source: str, entity: str, marks: _Marks) -> None:
    added = [(source, entity, own) for own in sorted(marks.added)]
    dropped = [(source, entity, own) for own in sorted(marks.dropped)]
    bulk.insert(connection, "directory_source", "source, entity_kind, entity_id", added)
    gone = "DELETE FROM directory_source WHERE source = ? AND entity_kind = ? AND entity_id = ?"
    bulk.run(connection, gone, dropped)


def _remove(connection: Connection, column: Column[str], ids: Iterable[str]) -> None:
    for chunk in bulk.chunks(ids):
        connection.execute(delete(column.table).where(column.in_(chunk)))
