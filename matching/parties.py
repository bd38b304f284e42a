"""Who wrote a mail, and which of its addresses are the organisation's own."""

from __future__ import annotations

from collections.abc import Container, Iterable

from matching import address
from syncd.model import Participant, Policy, Role


def author(participants: Iterable[Participant]) -> str:
    """The address of the first From, else of the Sender (RFC 5322 section 3.6.2), as written; or empty."""
    sender = ""
    for each in participants:
        if each.address:
            if each.role is Role.FROM:
                return each.address
            if each.role is Role.SENDER and not sender:
                sender = each.address
    return sender


def is_own(key: str, policy: Policy, users: Container[str]) -> bool:
    """The address belongs to the organisation, and is not that of an outsider at one of its domains (a contractor)."""
    if key in policy.outsiders:
        return False
    return key in policy.own_addresses or key in users or address.within(address.domain_of(key), policy.own_domains)
