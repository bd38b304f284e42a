"""What ought to be stored, worked out anew from what happened, with none of the program's own code.

Much of it is certain: what a mailbox holds is logged or skipped as today's directory and rules say. Where the outcome
depends on which pass came first - a mail that was deleted before anybody can say whether it had been read - it is a set
of outcomes, as small as it can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from tests.simulation.cast import OWN_DOMAIN
from tests.simulation.meetings import Meeting, Snapshot

PRIVATE, METADATA, SUBJECT, FULL = -1, 0, 1, 2

Entities = frozenset[tuple[str, str]]
"""(kind, id) of contacts and accounts"""


class Verdict(NamedTuple):
    """What is to be decided on a copy: `logged`, `invitation` (it belongs to a meeting), or the rule that keeps it out;
    and how much of it may be stored."""

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


@dataclass(frozen=True)
class Invites:
    """What a mail says of a meeting."""

    meeting: Meeting
    method: str
    """`REQUEST`, `CANCEL` or `REPLY`."""
    said: Snapshot
    """Of a REPLY the response is its sender's."""


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
    invites: Invites | None = None
    torn: bool = False
    """A copy left while a pass was reading it: what it says of a meeting may have been missed."""
    copies: list[Copy] = field(default_factory=list)

    def find(self, rep: str, folder: str) -> Copy | None:
        return next((each for each in self.copies if each.held and (each.rep, each.folder) == (rep, folder)), None)


@dataclass
class Kept:
    """What is taken out because of its age; keys are `text`, `subject` and `activities`."""

    periods: dict[str, timedelta] = field(default_factory=dict)
    """How long each is kept; for ever, if nothing is said."""
    last: dict[str, datetime] = field(default_factory=dict)
    """Before which instant it was taken out the last time, as far as it still is."""
    until: dict[str, datetime] = field(default_factory=dict)
    """The latest instant before which it was ever taken out."""
    blank: dict[str, set[str]] = field(default_factory=lambda: {"text": set(), "subject": set()})
    """Public ids of what has lost it, and never gets it back."""

    def went(self, what: str, *times: datetime) -> bool:
        """Something of one of these times may have lost it."""
        return what in self.until and min(times, default=self.until[what]) < self.until[what]

    def least(self, *times: datetime) -> int:
        """The level that is left of something of one of these times."""
        return METADATA if self.went("subject", *times) else SUBJECT if self.went("text", *times) else FULL

    def run(self, now: datetime) -> None:
        self.last = {what: now - period for what, period in self.periods.items()}
        for what, before in self.last.items():
            self.until[what] = max(before, self.until.get(what, before))

    def is_over(self, what: str, at: datetime) -> bool:
        """Something of this time has lost it for certain."""
        return what in self.last and at < self.last[what]

    def most(self, at: datetime) -> int:
        """The level that may be left of it."""
        return METADATA if self.is_over("subject", at) else SUBJECT if self.is_over("text", at) else FULL


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
    kept: Kept = field(default_factory=Kept)
    shut: set[str] = field(default_factory=set)
    """Public ids of what its owner closed."""
    shut_mails: set[int] = field(default_factory=set)
    """Those of them that are mails, which stay closed if they are taken out and come back."""
    shut_threads: set[str] = field(default_factory=set)
    """Nodes of the conversations that were closed (`threads`)."""
    maybe_shut: set[str] = field(default_factory=set)
    """Those of all conversations that may have been closed with them."""

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
        return Verdict("logged", self.most(people, rep, folder))

    def most(self, people: tuple[str, ...], rep: str, folder: str) -> int:
        """The level that is allowed of what these take part in, whoever is known."""
        if _listed(people, self.rules.protected) or self.closed.intersection(people):
            return PRIVATE
        level = self.rules.levels.get(rep, FULL)
        if folder == "Deals" and self.rules.deals_level is not None:
            level = min(level, self.rules.deals_level)
        return level

    def verdicts(self, verdict: Verdict) -> set[Verdict]:
        """What may be decided where this is right: who has just become known is still a stranger."""
        known = verdict.rule in ("logged", "invitation")
        return {verdict, Verdict("no_known_contact")} if self.fresh and known else {verdict}

    def plain(self, mail: Mail, copy: Copy) -> Verdict:
        """What is to be decided on it as a mail, whatever it says of a meeting."""
        return self.decide(mail.people, copy.rep, copy.folder, private=copy.private)

    def verdict(self, mail: Mail, copy: Copy) -> Verdict:
        plain, invites = self.plain(mail, copy), mail.invites
        if invites is None or plain.rule != "logged":
            return plain
        # Its mail tells as much of a meeting as the meeting itself.
        about = self.decide(invites.meeting.people, copy.rep, copy.folder, private=invites.said.private)
        return Verdict("invitation", min(plain.level, about.level)) if about.rule == "logged" else about

    def may_be(self, mail: Mail, copy: Copy) -> set[Verdict]:
        """A cancellation or a reply belongs to a meeting that is known, and is else a mail as any other."""
        now, invites = self.verdict(mail, copy), mail.invites
        found = self.verdicts(now)
        if invites and (mail.torn or (now.rule == "invitation" and invites.method != "REQUEST")):
            found |= self.verdicts(self.plain(mail, copy))
        return found

    def note(self) -> None:
        """The world has changed: whatever is seen from now on may be decided otherwise."""
        for mail in self.mails.values():
            for copy in mail.copies:
                if copy.held:
                    copy.possible |= self.may_be(mail, copy)

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
