"""The known contacts, as a person looks through them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Engine, func, or_, select

from store.engine import read
from store.schema import account, contact, contact_address, contact_phone


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownContact:
    id: str
    external_id: str | None
    name: str
    account: str | None
    """Its name."""
    addresses: tuple[str, ...]
    phones: tuple[str, ...]


def contacts(engine: Engine, words: str = "", *, limit: int) -> tuple[KnownContact, ...]:
    """Those with these words in their name, address or account's name, by name."""
    holders = select(contact_address.c.contact_id).where(contact_address.c.address.icontains(words, autoescape=True))
    means = or_(
        contact.c.name.icontains(words, autoescape=True),
        account.c.name.icontains(words, autoescape=True),
        contact.c.id.in_(holders),
    )
    columns = (contact.c.id, contact.c.external_id, contact.c.name, account.c.name.label("account"))
    query = select(*columns).select_from(contact.outerjoin(account)).order_by(contact.c.name, contact.c.id).limit(limit)
    shown = (query.where(means) if words else query).subquery()
    held: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    with read(engine) as connection:
        rows = connection.execute(select(shown).order_by(shown.c.name, shown.c.id)).all()
        for column in (contact_address.c.address, contact_phone.c.phone):
            owner = column.table.c.contact_id
            of_them = select(owner, column).where(owner.in_(select(shown.c.id))).order_by(column)
            for contact_id, value in connection.execute(of_them):
                held[contact_id][column.name].append(value)
    return tuple(
        KnownContact(
            id=row.id,
            external_id=row.external_id,
            name=row.name,
            account=row.account,
            addresses=tuple(held[row.id]["address"]),
            phones=tuple(held[row.id]["phone"]),
        )
        for row in rows
    )


def addresses_of(engine: Engine, contact_id: str) -> frozenset[str]:
    """The address keys of a contact."""
    own = select(contact_address.c.address_key).where(contact_address.c.contact_id == contact_id)
    with read(engine) as connection:
        return frozenset(key for key in connection.execute(own).scalars() if key)


def holders_of(engine: Engine, address_keys: Collection[str]) -> frozenset[str]:
    """The contacts all of whose addresses are among these, by id."""
    held = contact_address.c
    among = func.count(held.address).filter(held.address_key.in_(address_keys))
    whole = select(held.contact_id).group_by(held.contact_id).having(among == func.count())
    some = select(held.contact_id).where(held.address_key.in_(address_keys))
    with read(engine) as connection:
        return frozenset(connection.execute(whole.where(held.contact_id.in_(some))).scalars())
