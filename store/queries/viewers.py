"""Who may see what. Every query of this package passes here, and nobody else decides it.

- What is `private` (an owner closed it, it is private in somebody's mailbox or calendar, or somebody protected is in
  it) is seen by those whom it concerns: who take part, who wrote it down, and whose mailbox saw it.
- The rest is seen by everybody, by those and their team, or by those alone, as `[organisation] visibility` says.
- How an item came to be logged or not, and how a mailbox is doing, is its owner's and members' own.

What is not seen is not there: no list, count or error tells it from what never was. The directory (contacts, accounts,
deals) is the CRM's, and not kept from anybody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Engine, and_, func, or_, select, true
from sqlalchemy.sql.expression import FromClause

from store.engine import read
from store.schema import activity, mailbox, participant, sighting, stream, user_address, users
from syncd.model import Level


@dataclass(frozen=True, slots=True)
class Circle:
    """People, by all that an activity knows them by."""

    addresses: frozenset[str] = frozenset()
    """Address keys."""
    authors: frozenset[str] = frozenset()
    """What stands as the author of an entry made by hand: a user's id or an address, in lower case."""
    mailboxes: frozenset[str] = frozenset()
    """The names of those that they own, or share."""


@dataclass(frozen=True, slots=True)
class Viewer:
    own: Circle | None
    """Whom what is private must concern; None: it need not, nothing is kept from them."""
    shown: Circle | None
    """Whom the rest must concern; None: nobody."""


ADMIN = Viewer(None, None)
"""Whoever runs syncd, or reads the database: they see all that the store may hold."""


def may_see(viewer: Viewer, shown: FromClause = activity) -> ColumnElement[bool]:
    """The condition on a row of `activity` (or an alias of it)."""
    if viewer.own is None:
        return true()
    the_rest = true() if viewer.shown is None else _concerns(viewer.shown, shown)
    return or_(_concerns(viewer.own, shown), and_(shown.c.level > Level.PRIVATE, the_rest))


def may_look_into(viewer: Viewer) -> ColumnElement[bool]:
    """The condition on a row of `mailbox`."""
    return true() if viewer.own is None else mailbox.c.name.in_(viewer.own.mailboxes)


def _concerns(circle: Circle, shown: FromClause) -> ColumnElement[bool]:
    takes_part = select(participant.c.role).where(
        participant.c.activity_id == shown.c.id, participant.c.address_key.in_(circle.addresses)
    )
    has_it = (
        select(sighting.c.id)
        .join_from(sighting, stream)
        .join(mailbox)
        .where(sighting.c.activity_id == shown.c.id, mailbox.c.name.in_(circle.mailboxes))
    )
    # What else the query around it reads must not be taken for what is asked for here.
    seen = [each.correlate(shown).exists() for each in (takes_part, has_it)]
    return or_(func.lower(shown.c.author).in_(circle.authors), *seen)


# ----------------------------------------------------------------------------------------------- who somebody is


@dataclass(frozen=True, slots=True)
class Colleague:
    """A user of the directory."""

    id: str
    team: str
    addresses: frozenset[str]
    """As they are written."""


def colleagues(engine: Engine, words: str, address_key: str) -> tuple[Colleague, ...]:
    """The users of this address; without one, of this id, external id or name."""
    held = select(user_address.c.user_id).where(user_address.c.address_key == address_key)
    by_id = or_(users.c.id == words, users.c.external_id == words, func.lower(users.c.name) == words.lower())
    return _users(engine, users.c.id.in_(held) if address_key else by_id)


def team_of(engine: Engine, one: Colleague) -> tuple[Colleague, ...]:
    """All of the same team; of who is in none, nobody else."""
    return _users(engine, users.c.team == one.team) if one.team else (one,)


def owners(engine: Engine) -> dict[str, str]:
    """mailbox -> whose it is, also of those that left the configuration"""
    with read(engine) as connection:
        return {row.name: row.owner for row in connection.execute(select(mailbox.c.name, mailbox.c.owner))}


def _users(engine: Engine, which: ColumnElement[bool]) -> tuple[Colleague, ...]:
    found = select(users.c.id, users.c.team, user_address.c.address).select_from(users.outerjoin(user_address))
    teams: dict[str, str] = {}
    addresses: dict[str, set[str]] = {}
    with read(engine) as connection:
        for row in connection.execute(found.where(which).order_by(users.c.id)):
            teams[row.id] = row.team
            addresses.setdefault(row.id, set()).update(_given(row.address))
    return tuple(Colleague(own, team, frozenset(addresses[own])) for own, team in teams.items())


def _given(address: str | None) -> Iterable[str]:
    return () if address is None else (address,)
