"""What ought to be stored, worked out anew from what happened, with none of the program's own code.

Much of it is certain: what a mailbox holds is logged or skipped as today's directory and rules say. Where the outcome
depends on which pass came first - a mail that was deleted before anybody can say whether it had been read - it is a set
of outcomes, as small as it can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from tests.simulation.cast import OWN_DOMAIN

PRIVATE, SUBJECT, FULL = -1, 1, 2

Entities = frozenset[tuple[str, str]]
"""(kind, id) of contacts and accounts"""


class Verdict(NamedTuple):
    """What is to be decided on a copy: `logged`, or the rule that keeps it out; and how much of it may be stored."""

    rule: str
    level: int = FULL


@dataclass
class Deal:
    account: str
    contact: str
    opened_at: datetime | None
    closed_at: datetime | None

    def is_open(self, at: datetime) -> bool:
        return (self.opened_at is None or self.opened_at <= at) and (self.closed_at is None or at < self.closed_at)


@dataclass
class Known:
    """The directory, as the CRM has it."""

    contacts: dict[str, str] = field(default_factory=dict)
    """Contact -> its account, or empty."""
    addresses: dict[str, set[str]] = field(default_factory=dict)
    """Contact -> its addresses."""
    domains: dict[str, str] = field(default_factory=dict)
    """Domain -> its account."""
    deals: dict[str, Deal] = field(default_factory=dict)

    def holders(self, address: str) -> list[str]:
        return [contact for contact, held in self.addresses.items() if address in held]

    def accounts(self, address: str) -> set[str]:
        by_contact = {self.contacts[contact] for contact in self.holders(address)} - {""}
        by_domain = self.domains.get(address.partition("@")[2], "")
        return by_contact or ({by_domain} - {""})

    def entities(self, people: Iterable[str]) -> Entities:
        """Whom a mail of these people concerns."""
        outside = [each for each in people if not is_own(each)]
        contacts = {("contact", contact) for each in outside for contact in self.holders(each)}
        return frozenset(contacts | {("account", account) for each in outside for account in self.accounts(each)})

    def open_deals(self, people: Iterable[str], at: datetime) -> frozenset[str]:
        """Of the contacts, else of the accounts."""
        found = self.entities(people)
        for kind in ("contact", "account"):
            ids = {own for of, own in found if of == kind}
            deals = {name for name, deal in self.deals.items() if getattr(deal, kind) in ids and deal.is_open(at)}
            if deals:
                return frozenset(deals)
        return frozenset()


@dataclass
class Rules:
    """What the configuration says."""

    never_log: set[str] = field(default_factory=set)
    personal: dict[str, set[str]] = field(default_factory=dict)
    levels: dict[str, int] = field(default_factory=dict)
    deals_level: int | None = None
    """How much is stored of what is in the folder Deals."""
    protected: set[str] = field(default_factory=set)


@dataclass
class Copy:
    """A copy of a mail in a folder."""

    rep: str
    folder: str
    private: bool
    held: bool = True
    spoilt: bool = False
    """The server could not give it, for a time."""
    possible: set[Verdict] = field(default_factory=set)
    """All that could have been decided on it so far."""


@dataclass
class Mail:
    number: int
    people: tuple[str, ...]
    at: datetime
    id: str | None
    """The Message-ID."""
    parent: int | None = None
    reuses: bool = False
    """It has the Message-ID of another mail, or another has its."""
    copies: list[Copy] = field(default_factory=list)
    entities: set[tuple[str, str]] = field(default_factory=set)
    """Whomever it ever concerned."""

    def find(self, rep: str, folder: str) -> Copy | None:
        return next((each for each in self.copies if each.held and (each.rep, each.folder) == (rep, folder)), None)


@dataclass
class Truth:
    known: Known = field(default_factory=Known)
    rules: Rules = field(default_factory=Rules)
    erased: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    mails: dict[int, Mail] = field(default_factory=dict)
    fresh: bool = False
    """Somebody became known of whom syncd has not heard yet."""
    ruled: bool = False
    """The rules were changed, so that only a replay makes all that is stored agree with them."""
    hands: list[Hand] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    """When that happened which a hand had linked to somebody who was erased: it goes if it concerned nobody else."""
    vandalised: bool = False

    def decide(self, people: tuple[str, ...], rep: str, folder: str, *, private: bool) -> Verdict:
        outside = [each for each in people if not is_own(each)]
        if _listed(people, self.rules.never_log):
            return Verdict("never_log")
        if _listed(people, self.rules.personal.get(rep, set())):
            return Verdict("never_log_personal")
        if private:
            return Verdict("private")
        if self.erased.intersection(people):
            return Verdict("erased")
        if not outside:
            return Verdict("internal_only")
        if not self.known.entities(people):
            return Verdict("no_known_contact")
        level = self.rules.levels.get(rep, FULL)
        if folder == "Deals" and self.rules.deals_level is not None:
            level = min(level, self.rules.deals_level)
        if _listed(people, self.rules.protected) or self.closed.intersection(people):
            level = PRIVATE
        return Verdict("logged", level)

    def verdicts(self, verdict: Verdict) -> set[Verdict]:
        """What may be decided where this is right: who has just become known is still a stranger."""
        return {verdict, Verdict("no_known_contact")} if self.fresh and verdict.rule == "logged" else {verdict}

    def verdict(self, mail: Mail, copy: Copy) -> Verdict:
        return self.decide(mail.people, copy.rep, copy.folder, private=copy.private)

    def note(self) -> None:
        """The world has changed: whatever is seen from now on may be decided otherwise."""
        for mail in self.mails.values():
            mail.entities |= self.known.entities(mail.people)
            for copy in mail.copies:
                if copy.held:
                    copy.possible.update(self.verdicts(self.verdict(mail, copy)))

    def held(self, rep: str, folder: str) -> Iterator[tuple[Mail, Copy]]:
        for mail in self.mails.values():
            copy = mail.find(rep, folder)
            if copy is not None:
                yield mail, copy


@dataclass
class Hand:
    """A person linked or unlinked an activity."""

    public_id: str
    entity: str
    state: str
    at: str
    """When the activity happened."""


def is_own(address: str) -> bool:
    return address.endswith(f"@{OWN_DOMAIN}")


def _listed(people: Iterable[str], entries: set[str]) -> bool:
    return any(each in entries or f"@{each.partition('@')[2]}" in entries for each in people)
