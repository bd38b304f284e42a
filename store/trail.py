"""The audit trail: who did what, when and through which door. Rows are added, and never changed or taken away.

Each row holds the hash of itself and of the hash before it. So one that was changed, put in or taken out from between
breaks the chain; that the end was cut off shows only to who noted the last hash elsewhere (`head`; the daemon logs it).
No row holds an address, a subject or a text: they would outlive an erasure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine, RowMapping, insert, select

from store.engine import read, write
from store.trust_tables import trail

_BEGINNING = "0" * 64


class Doer(NamedTuple):
    """A person, by the name under which the machine knows them, or syncd itself; and the door they came through."""

    who: str
    door: str
    """`cli` or `daemon`"""

    def did(self, action: str, target: str = "", /, **detail: str | int) -> Deed:
        return Deed(self.who, self.door, action, target, detail)


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did. `target`: an activity's public id, a mailbox's name, or a mark that says nothing by itself."""

    who: str
    door: str
    action: str
    """`linked`, `unlinked`, `log`, `import`, `erase`, `retain`, `export`, `replay`, `replayed`, `rotate-key` ..."""
    target: str = ""
    detail: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    sequence: int
    at: datetime
    deed: Deed
    hash: str


class Chain(NamedTuple):
    """What `verify` found."""

    length: int
    head: str
    """The last hash; empty if there is none."""
    problem: str = ""


def record(connection: Connection, deed: Deed, now: datetime) -> None:
    """Within the transaction of the deed itself: done and recorded, or neither."""
    last = select(trail.c.sequence, trail.c.hash).order_by(trail.c.sequence.desc()).limit(1)
    before = connection.execute(last).one_or_none()
    sequence = before.sequence + 1 if before else 1
    at = now.astimezone(UTC).replace(microsecond=0)
    own = _hash(before.hash if before else _BEGINNING, sequence, at, deed)
    values = {"who": deed.who, "door": deed.door, "action": deed.action, "target": deed.target}
    detail = _detail(deed.detail)
    connection.execute(insert(trail).values(sequence=sequence, at=at, hash=own, detail=detail, **values))


def note(engine: Engine, deed: Deed, now: datetime) -> None:
    """Of what is no transaction of the store."""
    with write(engine) as connection:
        record(connection, deed, now)


def head(engine: Engine) -> str:
    """The last hash; empty if there is none."""
    last = select(trail.c.hash).order_by(trail.c.sequence.desc()).limit(1)
    with read(engine) as connection:
        return connection.execute(last).scalar() or ""


def entries(engine: Engine, *, limit: int, target: str = "") -> tuple[Entry, ...]:
    """The newest first; those about one target, if it is given."""
    with read(engine) as connection:
        return about(connection, target, limit=limit)


def about(connection: Connection, target: str, *, limit: int = 100) -> tuple[Entry, ...]:
    query = select(trail).order_by(trail.c.sequence.desc()).limit(limit)
    rows = connection.execute(query.where(trail.c.target == target) if target else query)
    return tuple(_entry(row) for row in rows.mappings())


def verify(engine: Engine, *, noted: str = "") -> Chain:
    """Follow the chain from its beginning. `noted`: a hash that was noted earlier, and must be in it."""
    before, length, seen = _BEGINNING, 0, not noted
    with read(engine) as connection:
        for row in connection.execute(select(trail).order_by(trail.c.sequence)).mappings():
            entry = _entry(row)
            length += 1
            if entry.sequence != length:
                return Chain(length - 1, before, f"entry {length} is not there")
            if entry.hash != _hash(before, entry.sequence, entry.at, entry.deed):
                return Chain(length - 1, before, f"entry {length} is not what was written")
            before = entry.hash
            seen = seen or before == noted
    problem = "" if seen else "the noted hash is not in it: what came last was cut off, or it is another store"
    return Chain(length, before if length else "", problem)


def _entry(row: RowMapping) -> Entry:
    deed = Deed(row["who"], row["door"], row["action"], row["target"], _read(row["detail"]))
    return Entry(row["sequence"], row["at"], deed, row["hash"])


def _hash(before: str, sequence: int, at: datetime, deed: Deed) -> str:
    told = [sequence, at.isoformat(), deed.who, deed.door, deed.action, deed.target, _detail(deed.detail)]
    return hashlib.sha256(f"{before}\n{json.dumps(told)}".encode()).hexdigest()


def _detail(detail: Mapping[str, str | int]) -> str:
    return json.dumps(dict(detail), sort_keys=True)


def _read(detail: str) -> Mapping[str, str | int]:
    """What is no JSON object any more was tampered with: it is kept as it is, and breaks the chain."""
    try:
        found = json.loads(detail)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"": detail}
