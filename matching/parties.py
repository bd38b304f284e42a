"""Who wrote a mail, and what its addresses are to the organisation: its own, a contact's, or a stranger's."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Container, Iterable
from functools import lru_cache
from typing import NamedTuple

from matching import address
from syncd.model import Contact, Directory, Link, Opportunity, Participant, Policy, Role

# Python 3.11 calls a function for each look at an enum's member.
_FROM, _SENDER = Role.FROM, Role.SENDER

# `co.uk`: an account with such a domain is a slip of an import, and would own a country.
_REGISTRY = re.compile(r"(?:ac|co|com|edu|gob|gouv|gov|ltd|me|ne|net|nhs|nom|or|org|plc|sch)\.[a-z]{2}")


_DOUBT = " (ambiguous)"


class Party(NamedTuple):
    """What an address is to the organisation; what is no address is neither its own nor outside."""

    key: str
    """The address key, or empty."""
    own: bool = False
    outside: bool = False
    contacts: tuple[Contact, ...] = ()
    """Who holds the address, by id; of an outside one only, as are the accounts."""
    doubt: str = ""
    """What a reason says if several hold the address."""
    accounts: tuple[Link, ...] = ()
    """Those of the contacts, or of the domain if the contacts have none."""
    by_domain: bool = False


class Parties(dict[str, Party]):
    """Address as written -> its party, worked out when it is first asked for.

    The mails of a batch share one of these: most of their addresses are in several of them.
    """

    def __init__(self, directory: Directory, policy: Policy) -> None:
        super().__init__()
        self.directory = directory
        """Of its mappings, what was known at first."""
        self.policy = policy
        self.opportunities: dict[tuple[str, str], dict[str, Opportunity]] = defaultdict(dict)
        """(kind, id) of a contact or account -> its opportunities, by id."""
        self._contacts: dict[str, tuple[Contact, ...]] = {}
        self._accounts: dict[str, tuple[str, ...]] = {}
        self._users: dict[str, str] = {}
        self.learn(directory)

    def learn(self, more: Directory) -> None:
        """What is known of further addresses, none of which was asked for before; of the same `turns`."""
        self._contacts.update(more.contacts)
        self._accounts.update(more.accounts)
        self._users.update(more.users)
        for each in more.opportunities:
            for contact in each.contact_ids:
                self.opportunities["contact", contact][each.id] = each
            if each.account_id:
                self.opportunities["account", each.account_id][each.id] = each

    def __missing__(self, written: str) -> Party:
        self[written] = party = self._party(address.key(written))
        return party

    def _party(self, key: str) -> Party:
        if not key or is_own(key, self.policy, self._users):
            return Party(key, own=key != "")
        contacts = self._contacts.get(key, ())
        doubt = ""
        if len(contacts) > 1:
            doubt, contacts = _DOUBT, tuple(sorted(contacts, key=_id_of))
        ids = {each.account_id for each in contacts if each.account_id}
        if ids:
            return Party(key, False, True, contacts, doubt, _accounts(ids, "account of a contact"))
        domain, accounts = self._by_domain(address.domain_of(key))
        return Party(key, False, True, contacts, doubt, _accounts(accounts, f"domain of {domain}"), by_domain=True)

    def _by_domain(self, full: str) -> tuple[str, tuple[str, ...]]:
        """The nearest known domain of an address and the accounts that have it."""
        for domain in employer_domains(full):
            accounts = self._accounts.get(domain)
            if accounts and not address.within(full, self.policy.own_domains):
                return domain, accounts
        return "", ()


def author(participants: Iterable[Participant]) -> str:
    """The address of the first From, else of the Sender (RFC 5322 section 3.6.2), as written; or empty."""
    sender = ""
    for each in participants:
        if each.address:
            if each.role is _FROM:
                return each.address
            if each.role is _SENDER and not sender:
                sender = each.address
    return sender


def is_own(key: str, policy: Policy, users: Container[str]) -> bool:
    """The address belongs to the organisation, and is not that of an outsider at one of its domains (a contractor)."""
    if key in policy.outsiders:
        return False
    return key in policy.own_addresses or key in users or address.within(address.domain_of(key), policy.own_domains)


@lru_cache(maxsize=8192)
def employer_domains(domain: str) -> tuple[str, ...]:
    """The domain and its parents, as far as they can be one employer's."""
    if address.within(domain, address.FREE_MAIL):
        return ()
    return tuple(each for each in address.lineage(domain) if not _REGISTRY.fullmatch(each))


def _accounts(ids: Collection[str], reason: str) -> tuple[Link, ...]:
    if len(ids) > 1:
        reason += _DOUBT
    return tuple([Link("account", id, reason) for id in sorted(ids)])


def _id_of(contact: Contact) -> str:
    return contact.id
