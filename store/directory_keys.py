"""The keys of the directory's addresses and domains: by them it is searched, whoever wrote it."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Column, Connection, Engine, Table, select

from store import bulk, schema
from store.engine import read, write

# (table, what is written, what it means)
_KEYED = (
    (schema.contact_address, "address", "address_key"),
    (schema.user_address, "address", "address_key"),
    (schema.account_domain, "domain", "domain_key"),
)


def holder_column(table: Table) -> Column[str]:
    return next(iter(table.primary_key.columns))


def rekey(engine: Engine, key: Callable[[str], str], domain_key: Callable[[str], str]) -> int:
    """Fill the keys that the CRM, or `directory.apply`, left empty; how many there were. Costs three look-ups if none.

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
            where = f"{holder_column(table).name} = ? AND {written} = ? AND {means} IS NULL"
            filled = [(meaning(value), holder, value) for holder, value in rows]
            bulk.run(connection, f"UPDATE {table.name} SET {means} = ? WHERE {where}", filled)
    return sum(len(rows) for *_, rows in waiting)


def _unkeyed(connection: Connection, table: Table, written: str, means: str) -> list[tuple[str, str]]:
    found = select(holder_column(table), table.c[written]).where(table.c[means].is_(None))
    return [(holder, value) for holder, value in connection.execute(found)]


def is_empty(engine: Engine) -> bool:
    """Nobody is known, neither a contact nor by an account's domain."""
    with read(engine) as connection:
        known = (schema.contact, schema.account_domain)
        return not any(connection.execute(select(table).limit(1)).first() for table in known)
