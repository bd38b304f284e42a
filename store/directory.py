"""Keeps the directory tables in step with a source: a CSV file, vCards, or a query on the CRM's own database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Column, Connection, Engine, Table, bindparam, delete, insert, select, update

from store import bulk, schema
from store.directory_plan import Change, Lists, Plan, Stored, Wanted, plan, removals
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
from store.directory_wanted import Names, Wishes, natural
from store.engine import read, write
from store.ids import uuid7

__all__ = ["AccountRow", "ContactRow", "Counts", "DirectoryRows", "OpportunityRow", "Report", "Skipped", "UserRow"]


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    table: Table
    lists: Mapping[str, str]
    """Name of a table -> the column that holds its values; its first column is the holder's id."""


# In this order, since each may refer to those before it.
_KINDS = (
    _Kind("accounts", schema.account, {"account_domain": "domain"}),
    _Kind("contacts", schema.contact, {"contact_address": "address", "contact_phone": "phone"}),
    _Kind("opportunities", schema.opportunity, {"opportunity_contact": "contact_id"}),
    _Kind("users", schema.users, {"user_address": "address"}),
)

# (table, what is written, what it means)
_KEYED = (
    (schema.contact_address, "address", "address_key"),
    (schema.user_address, "address", "address_key"),
    (schema.account_domain, "domain", "domain_key"),
)


def apply(
    engine: Engine, rows: DirectoryRows, *, source: str, dry_run: bool, now: datetime, prune: bool, force: bool = False
) -> Report:
    """Write what `source` lists; what is stored already costs no write.

    `prune`: the source lists all it has, so what it listed before and lists no longer is removed, and what it leaves
    empty is emptied. Without it, nothing is taken away. A source that suddenly lists less than half of what it did
    removes nothing, unless `force`: an export that broke must not empty the directory.
    """
    step = _Step(rows, source, prune, force, now)
    if dry_run:
        with read(engine) as connection:
            return step.run(connection, lambda kind, made, marks: None)
    with write(engine) as connection:
        return step.run(connection, partial(_save, connection, source))


@dataclass(frozen=True, slots=True)
class _Marks:
    """What a source is known to list, and which rows go with what it lists no longer."""

    added: frozenset[str]
    dropped: frozenset[str]
    removed: frozenset[str]


_Save = Callable[[_Kind, Plan, _Marks], None]


@dataclass(frozen=True, slots=True)
class _Step:
    rows: DirectoryRows
    source: str
    prune: bool
    force: bool
    now: datetime

    def run(self, connection: Connection, save: _Save) -> Report:
        names = {kind.name: Names() for kind in _KINDS}
        wishes = Wishes(names)
        counts: dict[str, Counts] = {}
        skipped: list[Skipped] = []
        for kind in _KINDS:
            stored = _stored(connection, kind)
            wanted = self._wanted(kind, wishes)
            made = plan(kind.name, stored, wanted, in_step=self.prune, new_id=lambda: uuid7(self.now))
            marks, withheld = self._marks(connection, kind, made.listed.keys())
            for row in stored:
                if row.id not in marks.removed:
                    names[kind.name].add(row.id, str(row.values["external_id"] or ""), row.natural)
            for own, listed in made.listed.items():
                names[kind.name].add(own, listed.external_id, listed.natural)
            save(kind, made, marks)
            counts[kind.name] = _counts(made, len(marks.removed), withheld)
            skipped += made.skipped
        return Report(counts, tuple(skipped + wishes.skipped))

    def _wanted(self, kind: _Kind, wishes: Wishes) -> Sequence[Wanted]:
        match kind.name:
            case "accounts":
                return [wishes.account(row) for row in self.rows.accounts]
            case "contacts":
                return [wishes.contact(row) for row in self.rows.contacts]
            case "opportunities":
                return [wishes.opportunity(row) for row in self.rows.opportunities]
            case _:
                return [wishes.user(row) for row in self.rows.users]

    def _marks(self, connection: Connection, kind: _Kind, listed: Iterable[str]) -> tuple[_Marks, int]:
        now = frozenset(listed)
        mine, others = _listed(connection, kind, self.source)
        dropped, withheld = removals(mine, now, trusted=self.force) if self.prune else (frozenset[str](), 0)
        return _Marks(now - mine, dropped, dropped - others), withheld


def _counts(made: Plan, removed: int, withheld: int) -> Counts:
    created = sum(change.created for change in made.changes)
    updated = len(made.changes) - created
    return Counts(created=created, updated=updated, unchanged=made.unchanged, removed=removed, withheld=withheld)


# ---------------------------------------------------------------------------------------------------- reading


def _stored(connection: Connection, kind: _Kind) -> list[Stored]:
    lists: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for name, column in kind.lists.items():
        table = schema.metadata.tables[name]
        for holder, value in connection.execute(select(_holder(table), table.c[column])):
            lists[holder][name].add(value)
    stored = []
    for row in connection.execute(select(kind.table)).mappings():
        values = {name: value for name, value in row.items() if name != "id"}
        held: Lists = {name: frozenset(found) for name, found in lists[row["id"]].items()}
        stored.append(Stored(row["id"], natural(kind.name, values, held), values, held))
    return stored


def _holder(table: Table) -> Column[str]:
    return next(iter(table.primary_key.columns))


def _listed(connection: Connection, kind: _Kind, source: str) -> tuple[frozenset[str], frozenset[str]]:
    """The ids that this source listed last, and those that others did."""
    listed = schema.directory_source.c
    found = connection.execute(
        select(listed.source, listed.entity_id).where(listed.entity_kind == kind.table.name)
    ).all()
    mine = frozenset(own for by, own in found if by == source)
    return mine, frozenset(own for by, own in found if by != source)


# ---------------------------------------------------------------------------------------------------- writing


def _save(connection: Connection, source: str, kind: _Kind, made: Plan, marks: _Marks) -> None:
    created = [{"id": change.id, **change.values} for change in made.changes if change.created]
    if created:
        connection.execute(insert(kind.table), created)
    updated = [{"own": change.id, **change.values} for change in made.changes if not change.created]
    if updated:
        connection.execute(update(kind.table).where(kind.table.c.id == bindparam("own")), updated)
    for name, column in kind.lists.items():
        _save_list(connection, schema.metadata.tables[name], column, made.changes)
    _remove(connection, kind.table.c.id, marks.removed)
    _save_marks(connection, source, kind.table.name, marks)


def _save_list(connection: Connection, table: Table, column: str, changes: Iterable[Change]) -> None:
    holder = _holder(table).name
    gained = [(change.id, value) for change in changes for value in sorted(change.gained.get(table.name, ()))]
    lost = [(change.id, value) for change in changes for value in sorted(change.lost.get(table.name, ()))]
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


def rekey(engine: Engine, key: Callable[[str], str], domain_key: Callable[[str], str]) -> int:
    """Fill the keys that the CRM, or `apply`, left empty; how many there were. Costs three index look-ups when none is.

    What is no address gets the empty key, which names nothing.
    """
    with read(engine) as connection:
        waiting = [
            (table, written, means, _unkeyed(connection, table, written, means)) for table, written, means in _KEYED
        ]
    if not any(rows for *_, rows in waiting):
        return 0
    with write(engine) as connection:
        for table, written, means, rows in waiting:
            meaning = domain_key if means == "domain_key" else key
            where = f"{_holder(table).name} = ? AND {written} = ? AND {means} IS NULL"
            filled = [(meaning(value), holder, value) for holder, value in rows]
            bulk.run(connection, f"UPDATE {table.name} SET {means} = ? WHERE {where}", filled)
    return sum(len(rows) for *_, rows in waiting)


def _unkeyed(connection: Connection, table: Table, written: str, means: str) -> list[tuple[str, str]]:
    found = select(_holder(table), table.c[written]).where(table.c[means].is_(None))
    return [(holder, value) for holder, value in connection.execute(found)]
