"""Whom a mail concerns: contacts, accounts and opportunities, each with the reason for the link."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from matching import address
from matching.parties import Parties, employer_domains
from syncd.model import Link, LinkState, Opportunity, Participant, Policy, Role

# An address in several fields has the role that says most.
_ROLES = (
    *(Role.FROM, Role.SENDER, Role.TO, Role.CC, Role.BCC, Role.REPLY_TO),
    *(Role.ORGANIZER, Role.ATTENDEE, Role.MENTIONED),
)
_WEIGHT = {role: weight for weight, role in enumerate(_ROLES)}
_CERTAIN_FIRST, _OF_CONTACTS_FIRST = attrgetter("doubt"), attrgetter("by_domain")
_SPOKEN = {role: role.value.replace("_", "-") for role in Role}


@dataclass(frozen=True, slots=True)
class Lookups:
    """What the directory must be asked before a batch can be decided: keys of matching.address."""

    addresses: frozenset[str]
    domains: frozenset[str]


def lookups(written: Iterable[str], policy: Policy) -> Lookups:
    """All of these addresses, and every domain that could be an account's, with its parents."""
    addresses = frozenset(map(address.key, written)) - {""}
    domains: set[str] = set()
    for domain in set(map(address.domain_of, addresses)):
        if not address.within(domain, policy.own_domains):
            domains.update(employer_domains(domain))
    return Lookups(addresses, frozenset(domains))


def written(people: Iterable[Sequence[Participant]]) -> set[str]:
    """Every address of these, as it is written."""
    return {each.address for participants in people for each in participants}


def outside(participants: Iterable[Participant], parties: Parties) -> dict[str, Role]:
    """The address keys that are not the organisation's own, each with its weightiest role, in a fixed order."""
    roles: dict[str, Role] = {}
    for each in participants:
        party = parties[each.address]
        if not party.outside:
            continue
        role = roles.setdefault(party.key, each.role)
        if role is not each.role and _WEIGHT[each.role] < _WEIGHT[role]:
            roles[party.key] = each.role
    return roles if len(roles) < 2 else dict(sorted(roles.items(), key=_weight_and_key))


def _weight_and_key(item: tuple[str, Role]) -> tuple[int, str]:
    return _WEIGHT[item[1]], item[0]


def links(participants: Iterable[Participant], occurred_at: datetime, parties: Parties) -> tuple[Link, ...]:
    """Every link that the rules make, whatever the order of the participants.

    A contact at an own domain is not linked unless the policy calls it an outsider: else one contact record with a
    colleague's address would show that colleague's mail to everybody.
    """
    return links_of(outside(participants, parties), occurred_at, parties)


def links_of(roles: Mapping[str, Role], occurred_at: datetime, parties: Parties) -> tuple[Link, ...]:
    """The links of these outside addresses."""
    people = [parties[key] for key in roles]
    # What is certain comes first, since of several reasons the first one stays.
    people.sort(key=_CERTAIN_FIRST)
    contacts: dict[str, Link] = {}
    for party in people:
        for contact in party.contacts:
            if contact.id not in contacts:
                reason = f"{_SPOKEN[roles[party.key]]} address{party.doubt}"
                contacts[contact.id] = Link("contact", contact.id, reason)
    accounts: dict[str, Link] = {}
    people.sort(key=_OF_CONTACTS_FIRST)
    for party in people:
        for link in party.accounts:
            accounts.setdefault(link.entity_id, link)
    return (*contacts.values(), *accounts.values(), *_opportunities(contacts, accounts, occurred_at, parties))


def _opportunities(
    contacts: Iterable[str], accounts: Iterable[str], occurred_at: datetime, parties: Parties
) -> tuple[Link, ...]:
    """The one that was open then, of the contacts, else of the accounts; several are candidates for a person."""
    of = parties.opportunities
    for kind, ids in (("contact", contacts), ("account", accounts)):
        open_ids = {each.id for id in ids for each in of.get((kind, id), {}).values() if _is_open(each, occurred_at)}
        if len(open_ids) == 1:
            return (Link("opportunity", open_ids.pop(), f"the only open one of the {kind}"),)
        if open_ids:
            reason = f"one of {len(open_ids)} open ones of the {kind}"
            return tuple(Link("opportunity", id, reason, LinkState.CANDIDATE) for id in sorted(open_ids))
    return ()


def _is_open(opportunity: Opportunity, at: datetime) -> bool:
    opened, closed = opportunity.opened_at, opportunity.closed_at
    return (opened is None or opened <= at) and (closed is None or at < closed)
