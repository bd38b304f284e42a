"""Erases a person or a mailbox: what would go, what went, and a receipt for who asked.

The receipt is printed and kept nowhere: the trail has its number and counts, and no name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from matching import address, identity
from matching.parties import is_own
from store import erasure, trail
from store.directory_keys import rekey
from store.engine import read
from store.erasure import Found, Person
from store.ids import uuid7
from store.known import directory
from store.queries.contacts import addresses_of, holders_of
from store.trail import Doer
from store.writer import Store
from syncd.errors import Permanent
from syncd.model import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    id: str
    """Empty of a dry run."""
    at: datetime
    erased: str
    """`address`, `contact` or `mailbox`"""
    activities: int
    also_others: int = 0
    """How many of them concerned another contact as well."""
    with_text: int = 0
    unlinked: int = 0
    """Activities that stay, since a hand linked them to others, too."""
    skipped: int = 0
    """Items that were not logged; the hash of the address is gone from them."""
    contacts: int = 0
    addresses: int = 0
    """So many keep their keyed hash, so that what comes with them stays away."""
    trail: str = ""
    """The hash of the trail's entry."""
    scrubbed: bool = False
    """The files hold nothing of it any more; else somebody was reading, and the next checkpoint does it."""


def person(store: Store, policy: Policy, *, written: str = "", contact_id: str = "") -> Person:
    """By an address, or by a contact with all its addresses; a contact that has no other address goes with its last.

    Permanent for one of the organisation's own: their mail is that of everybody they wrote to.
    """
    # What the CRM wrote a moment ago has no key yet, and would stay.
    rekey(store.engine, address.key, address.domain_key)
    keys = frozenset(addresses_of(store.engine, contact_id) if contact_id else {address.key(written)}) - {""}
    with read(store.engine) as connection:
        users = directory(connection, keys, ()).users
    if not contact_id and not keys:
        raise Permanent(f"{written} is no address", cure="syncd erase jane@acme.example, or --contact, or --mailbox")
    for each in keys:
        if is_own(each, policy, users):
            cure = "take the mailbox out of the configuration, and type: syncd erase --mailbox NAME"
            raise Permanent(f"{each} is one of your own addresses", cure=cure)
    contacts = {contact_id} if contact_id else holders_of(store.engine, keys)
    hashes = frozenset(identity.keyed(policy.key, each) for each in keys)
    return Person(keys, hashes, frozenset(contacts))


def what_would_go(store: Store, who: Person, now: datetime) -> Receipt:
    with read(store.engine) as connection:
        return _receipt("", now, who, erasure.find(connection, who))


def erase(store: Store, who: Person, by: Doer, now: datetime) -> Receipt:
    own = uuid7(now)
    with store.transaction() as transaction:
        found = erasure.erase(transaction.connection, who, now)
        counts = {"activities": len(found.activities), "addresses": len(who.hashes), "contacts": found.contacts}
        trail.record(transaction.connection, by.did("erase", own, **counts), now)
    return _signed(store, _receipt(own, now, who, found))


def erase_mailbox(store: Store, name: str, by: Doer | None, now: datetime) -> Receipt:
    """Without `by` it is a dry run. Permanent while the mailbox is in the configuration: it would be read again."""
    known = erasure.mailboxes(store.engine)
    if name not in known:
        raise Permanent(f"no mailbox {name} was ever read", cure=f"there are: {', '.join(sorted(known)) or 'none'}")
    if known[name]:
        cure = "remove its [[mailboxes]] block, systemctl reload syncd, and try again"
        raise Permanent(f"{name} is in the configuration, and would be read again", cure=cure)
    if by is None:
        with read(store.engine) as connection:
            count = len(erasure.of_mailbox(connection, name))
        return Receipt(id="", at=now, erased="mailbox", activities=count)
    own = uuid7(now)
    with store.transaction() as transaction:
        count = erasure.erase_mailbox(transaction.connection, name, now)
        trail.record(transaction.connection, by.did("erase", own, mailbox=name, activities=count), now)
    return _signed(store, Receipt(id=own, at=now, erased="mailbox", activities=count))


def _receipt(own: str, now: datetime, who: Person, found: Found) -> Receipt:
    return Receipt(
        id=own,
        at=now,
        erased="contact" if who.contact_ids else "address",
        activities=len(found.activities),
        also_others=found.also_others,
        with_text=found.with_text,
        unlinked=len(found.unlinked),
        skipped=found.skipped,
        contacts=found.contacts,
        addresses=len(who.hashes),
    )


def _signed(store: Store, receipt: Receipt) -> Receipt:
    (entry,) = trail.entries(store.engine, limit=1, target=receipt.id)
    return replace(receipt, trail=entry.hash, scrubbed=erasure.scrub(store.engine))
