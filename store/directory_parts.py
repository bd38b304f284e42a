"""Which part of a source lists which contact: the address book of one mailbox, say. What a part lists that cannot be
read today is left alone, and only that."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping

from sqlalchemy import Connection, Engine, select

from store import bulk
from store.engine import read, write
from store.schema import contact, directory_source

_KIND = contact.name


def mark(source: str, part: str) -> str:
    """As what it stands in `directory_source`."""
    return f"{source}/{part}"


def listed_by(engine: Engine, source: str, parts: Iterable[str]) -> frozenset[str] | None:
    """The ids of the contacts that these parts listed when they were read last; None if that is not known of one."""
    with read(engine) as connection:
        noted = _noted(connection, source)
    lists = [noted.get(mark(source, part)) for part in parts]
    return None if None in lists else frozenset().union(*filter(None, lists))


def note(engine: Engine, source: str, lists: Mapping[str, Collection[str]], parts: Collection[str]) -> None:
    """Part -> the external ids of what it lists. Of what is none of the source's `parts` any more nothing is kept."""
    with read(engine) as connection:
        noted = _noted(connection, source)
        known = select(contact.c.external_id, contact.c.id).where(contact.c.external_id.is_not(None))
        ids = {row.external_id: row.id for row in connection.execute(known)}
    now = {mark(source, part): {ids[each] for each in listed if each in ids} for part, listed in lists.items()}
    kept = {mark(source, part) for part in parts} - now.keys()
    gained = [(name, _KIND, own) for name, owns in now.items() for own in sorted(owns - noted[name])]
    lost = [
        (name, _KIND, own)
        for name, owns in noted.items()
        if name not in kept
        for own in sorted(owns - now.get(name, set()))
    ]
    if gained or lost:
        with write(engine) as connection:
            bulk.insert(connection, directory_source.name, "source, entity_kind, entity_id", gained)
            gone = f"DELETE FROM {directory_source.name} WHERE source = ? AND entity_kind = ? AND entity_id = ?"
            bulk.run(connection, gone, lost)


def _noted(connection: Connection, source: str) -> defaultdict[str, set[str]]:
    """By the marks of the parts."""
    noted: defaultdict[str, set[str]] = defaultdict(set)
    rows = directory_source.c
    found = select(rows.source, rows.entity_id).where(
        rows.source.startswith(mark(source, ""), autoescape=True), rows.entity_kind == _KIND
    )
    for name, own in connection.execute(found):
        noted[name].add(own)
    return noted
