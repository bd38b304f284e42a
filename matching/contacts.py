"""Whom a mail concerns: contacts, accounts and opportunities, each with the reason for the link."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sized
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from matching import address, parties
from matching.identical import Identical
from syncd.model import Contact, Directory, Link, LinkState, Message, Opportunity, Policy, Role

# An address in several fields has the role that says most.
_ROLES = (Role.FROM, Role.SENDER, Role.TO, Role.CC, Role.BCC, Role.REPLY_TO, Role.ORGANIZER, Role.ATTENDEE)
_WEIGHT = {role: weight for weight, role in enumerate(_ROLES)}
_SPOKEN = {role: role.value.replace("_", "-") for role in Role}

# `co.uk`: an account with such a domain is a slip of an import, and would own a country.
_REGISTRY = re.compile(r"(?:ac|co|com|edu|gob|gouv|gov|ltd|me|ne|net|nhs|nom|or|org|plc|sch)\.[a-z]{2}")


@dataclass(frozen=True, slots=True)
class Lookups:
    """What the directory must be asked before a batch can be decided: keys of matching.address."""

    addresses: frozenset[str]
    domains: frozenset[str]


def lookups(messages: Iterable[Message], policy: Policy) -> Lookups:
    """Every address of the batch, and every domain that could be an account's, with its parents."""
    addresses = {address.key(each.address) for message in messages for each in message.participants}
    addresses.discard("")
    domains: set[str] = set()
    for domain in {address.domain_of(key) for key in addresses}:
        if not address.within(domain, policy.own_domains):
            domains.update(_employer_domains(domain))
    return Lookups(frozenset(addresses), frozenset(domains))


def outside(message: Message, directory: Directory, policy: Policy) -> dict[str, Role]:
    """The address keys that are not the organisation's own, each with its weightiest role, in a fixed order."""
    roles: dict[str, Role] = {}
    for each in message.participants:
        key = address.key(each.address)
        if key in roles:
            roles[key] = min(roles[key], each.role, key=_WEIGHT.__getitem__)
        elif key and not parties.is_own(key, policy, directory.users):
            roles[key] = each.role
    return roles if len(roles) < 2 else dict(sorted(roles.items(), key=_weight_and_key))


def _weight_and_key(item: tuple[str, Role]) -> tuple[int, str]:
    return _WEIGHT[item[1]], item[0]


def known(keys: Iterable[str], directory: Directory, policy: Policy) -> bool:
    """Some of these outside addresses belong to a contact, or to an account by their domain."""
    return any(key in directory.contacts or _by_domain(key, directory, policy)[1] for key in keys)


def links(message: Message, occurred_at: datetime, directory: Directory, policy: Policy) -> tuple[Link, ...]:
    """Every link that the rules make, whatever the order of the participants.

    A contact at an own domain is not linked unless the policy calls it an outsider: else one contact record with a
    colleague's address would show that colleague's mail to everybody.
    """
    return links_of(outside(message, directory, policy), occurred_at, directory, policy)


def links_of(
    people: Mapping[str, Role], occurred_at: datetime, directory: Directory, policy: Policy
) -> tuple[Link, ...]:
    """The links of these outside addresses."""
    # What is certain comes first, since of several reasons the first one stays.
    keys = sorted(people, key=lambda key: len(directory.contacts.get(key, ())) > 1)
    contacts = _contacts(keys, people, directory)
    accounts = _accounts(keys, directory, policy)
    return (*contacts.values(), *accounts.values(), *_opportunities(contacts, accounts, occurred_at, directory))


def _contacts(keys: Iterable[str], people: Mapping[str, Role], directory: Directory) -> dict[str, Link]:
    found: dict[str, Link] = {}
    for key in keys:
        holders = directory.contacts.get(key, ())
        for contact in sorted(holders, key=_id_of) if len(holders) > 1 else holders:
            reason = f"{_SPOKEN[people[key]]} address{_doubt(holders)}"
            found.setdefault(contact.id, Link("contact", contact.id, reason))
    return found


def _accounts(keys: Iterable[str], directory: Directory, policy: Policy) -> dict[str, Link]:
    """The contacts' accounts first, then those of the domains of whoever has none."""
    reasons: dict[str, str] = {}
    strangers: list[str] = []
    for key in keys:
        ids = {each.account_id for each in directory.contacts.get(key, ()) if each.account_id}
        for account in sorted(ids):
            reasons.setdefault(account, f"account of a contact{_doubt(ids)}")
        if not ids:
            strangers.append(key)
    for key in strangers:
        domain, accounts = _by_domain(key, directory, policy)
        for account in sorted(accounts):
            reasons.setdefault(account, f"domain of {domain}{_doubt(accounts)}")
    return {account: Link("account", account, reason) for account, reason in reasons.items()}


def _opportunities(
    contacts: Iterable[str], accounts: Iterable[str], occurred_at: datetime, directory: Directory
) -> tuple[Link, ...]:
    """The one that was open then, of the contacts, else of the accounts; several are candidates for a person."""
    if not directory.opportunities:
        return ()
    of = _by_party(Identical(directory.opportunities))
    for kind, ids in (("contact", contacts), ("account", accounts)):
        open_ids = {each.id for id in ids for each in of.get((kind, id), ()) if _is_open(each, occurred_at)}
        if len(open_ids) == 1:
            return (Link("opportunity", open_ids.pop(), f"the only open one of the {kind}"),)
        if open_ids:
            reason = f"one of {len(open_ids)} open ones of the {kind}"
            return tuple(Link("opportunity", id, reason, LinkState.CANDIDATE) for id in sorted(open_ids))
    return ()


def _is_open(opportunity: Opportunity, at: datetime) -> bool:
    opened, closed = opportunity.opened_at, opportunity.closed_at
    return (opened is None or opened <= at) and (closed is None or at < closed)


@lru_cache(maxsize=64)
def _by_party(opportunities: Identical[tuple[Opportunity, ...]]) -> dict[tuple[str, str], list[Opportunity]]:
    """All the mails of a batch ask the same directory, whose opportunities are many."""
    found: dict[tuple[str, str], list[Opportunity]] = {}
    for each in opportunities.value:
        for contact in each.contact_ids:
            found.setdefault(("contact", contact), []).append(each)
        if each.account_id:
            found.setdefault(("account", each.account_id), []).append(each)
    return found


def _by_domain(key: str, directory: Directory, policy: Policy) -> tuple[str, tuple[str, ...]]:
    """The nearest known domain of an address and the accounts that have it."""
    full = address.domain_of(key)
    for domain in _employer_domains(full):
        accounts = directory.accounts.get(domain)
        if accounts and not address.within(full, policy.own_domains):
            return domain, accounts
    return "", ()


@lru_cache(maxsize=8192)
def _employer_domains(domain: str) -> tuple[str, ...]:
    """The domain and its parents, as far as they can be one employer's."""
    if address.within(domain, address.FREE_MAIL):
        return ()
    return tuple(each for each in address.lineage(domain) if not _REGISTRY.fullmatch(each))


def _doubt(several: Sized) -> str:
    return " (ambiguous)" if len(several) > 1 else ""


def _id_of(contact: Contact) -> str:
    return contact.id
