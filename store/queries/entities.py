"""Who or what a person means by a name, an id or an address; and the names of what is linked by id."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, Table, func, or_, select

from store.bulk import chunks
from store.engine import read
from store.queries.viewers import Viewer, may_see
from store.schema import account, account_domain, activity, contact, contact_address, opportunity, participant, users

TABLES: dict[str, Table] = {"contact": contact, "account": account, "opportunity": opportunity, "user": users}


@dataclass(frozen=True, slots=True)
class Entity:
    kind: str
    """`contact`, `account` or `opportunity`; or `address`, which belongs to no known contact."""
    id: str
    name: str


def entities(
    engine: Engine, words: str, *, viewer: Viewer, address_key: str = "", domain_key: str = ""
) -> tuple[Entity, ...]:
    """Every contact, account and opportunity of this id, external id, or name; of this address or domain.

    Ids come first: where one has this very id, names are not looked at. The keys are those of matching.address.
    """
    with read(engine) as connection:
        found = _named(connection, words, by_id=True)
        found += _addressed(connection, address_key, domain_key)
        if not found:
            found = _named(connection, words, by_id=False)
        if not found and address_key and _has_written(connection, address_key, viewer):
            found = [Entity("address", address_key, words)]
    return tuple(dict.fromkeys(found))


def _named(connection: Connection, words: str, *, by_id: bool) -> list[Entity]:
    found = []
    for kind in ("contact", "account", "opportunity"):
        own = TABLES[kind].c
        # SQLite's lower() knows ASCII only, so a name as it is written must do as well.
        by_name = or_(own.name == words, func.lower(own.name) == words.lower())
        means = or_(own.id == words, own.external_id == words) if by_id else by_name
        rows = connection.execute(select(own.id, own.name).where(means).order_by(own.name, own.id))
        found += [Entity(kind, id_, name) for id_, name in rows]
    return found


def _addressed(connection: Connection, address_key: str, domain_key: str) -> list[Entity]:
    found = []
    if address_key:
        holders = (
            select(contact.c.id, contact.c.name)
            .join(contact_address)
            .where(contact_address.c.address_key == address_key)
        )
        found += [Entity("contact", *row) for row in connection.execute(holders.distinct().order_by(contact.c.id))]
    if domain_key:
        owners = (
            select(account.c.id, account.c.name).join(account_domain).where(account_domain.c.domain_key == domain_key)
        )
        found += [Entity("account", *row) for row in connection.execute(owners.distinct().order_by(account.c.id))]
    return found


def _has_written(connection: Connection, address_key: str, viewer: Viewer) -> bool:
    known = select(activity.c.id).join(participant).where(participant.c.address_key == address_key, may_see(viewer))
    return connection.execute(known.limit(1)).first() is not None


def names(connection: Connection, kind: str, ids: Iterable[str]) -> dict[str, str]:
    """id -> name, for those that are (still) in the directory."""
    table = TABLES.get(kind)
    if table is None:
        return {}
    found: dict[str, str] = {}
    for chunk in chunks(ids):
        found.update(
            (id_, name)
            for id_, name in connection.execute(select(table.c.id, table.c.name).where(table.c.id.in_(chunk)))
        )
    return found
