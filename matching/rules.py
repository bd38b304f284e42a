"""The decision on one mail: rules in their order, of which the first that speaks gives the decision its name.

A rule answers None to let the mail pass, or what it saw of it. The answer is stored, so it never holds a subject, a
text or an address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from matching import address, automated, contacts
from matching.identical import Identical
from matching.identity import address_hash, occurred_at
from matching.parties import Parties, Party, author, employer_domains
from syncd.model import Decision, Direction, Level, Message, Policy, Role, Verdict

# Python 3.11 calls a function for each look at an enum's member.
_LOGGED, _SKIPPED = Verdict.LOGGED, Verdict.SKIPPED
_INBOUND, _OUTBOUND = Direction.INBOUND, Direction.OUTBOUND
_PRIVATE, _FULL = Level.PRIVATE, Level.FULL

_RECIPIENT = frozenset({Role.TO, Role.CC, Role.BCC})
_MOST_HASHES = 100
# There is no clock here: for a mail without any date, what is open is what was never closed.
_UNDATED = datetime(9999, 1, 1, tzinfo=UTC)
# RFC 4021 section 2.1.55; `confidential` is Outlook's name for the last of them.
_SENSITIVITIES = frozenset({"personal", "private", "company-confidential", "confidential"})
_CALENDAR = re.compile(r"\s*text/calendar", re.IGNORECASE)


class _Facts(NamedTuple):
    """What the rules look at."""

    message: Message
    parties: Parties
    policy: Policy
    people: list[Party]
    """The participants, in their order."""
    author: Party


def decide(message: Message, parties: Parties) -> Decision:
    """Log the mail with its links, or skip it by the first rule that speaks; the parties may have decided others."""
    facts = _facts(message, parties)
    for name, rule in RULES:
        answer = rule(facts)
        if answer is not None:
            found = contacts.outside(message.participants, parties) if rule in _UNTIL_KNOWN else ()
            return Decision(_SKIPPED, name, answer, hashes(found, parties.policy.key))
    roles = contacts.outside(message.participants, parties)
    links = contacts.links_of(roles, occurred_at(message, fallback=_UNDATED), parties)
    most = allowed(facts.people, message.folders, parties)
    return Decision(_LOGGED, "logged", "", (), _direction(facts, roles), links, most)


def _facts(message: Message, parties: Parties) -> _Facts:
    participants = message.participants
    people = [parties[each.address] for each in participants]
    return _Facts(message, parties, parties.policy, people, parties[author(participants)])


def _direction(facts: _Facts, outside: Mapping[str, Role]) -> Direction:
    """Outbound if one of us wrote it to somebody outside.

    A web form or a group address writes in our own name to ourselves, with the outsider as Reply-To: that is inbound.
    """
    sent_out = facts.author.own and not _RECIPIENT.isdisjoint(outside.values())
    return _OUTBOUND if sent_out else _INBOUND


# --------------------------------------------------------------------------------------------------- the rules


def _folder_excluded(facts: _Facts) -> str | None:
    excluded = facts.policy.excluded_folders
    return None if not excluded or excluded.isdisjoint(facts.message.folders) else "one of its folders is excluded"


def _never_log(facts: _Facts) -> str | None:
    entries = facts.policy.never_log
    return listed(facts.people, entries, "never_log") if entries else None


def _never_log_personal(facts: _Facts) -> str | None:
    entries = facts.policy.never_log_personal
    return listed(facts.people, entries, "never_log_personal") if entries else None


def _private(facts: _Facts) -> str | None:
    sensitivity = facts.message.headers.get("sensitivity")
    if sensitivity is None:
        return None
    sensitivity = sensitivity.strip().lower()
    return f"Sensitivity: {sensitivity}" if sensitivity in _SENSITIVITIES else None


def _erased(facts: _Facts) -> str | None:
    return erased(facts.people, facts.parties) if facts.parties.directory.erased else None


def _automated(facts: _Facts) -> str | None:
    return automated.evidence(facts.message, facts.policy) or None


def _role_sender(facts: _Facts) -> str | None:
    """`info@` writes as a person where a contact or one of us is known by it, and as a machine elsewhere."""
    writes_as_person = facts.author.own or facts.author.contacts or not automated.is_role(facts.author.key)
    return None if writes_as_person else "role sender"


def _invitation(facts: _Facts) -> str | None:
    return "text/calendar" if _CALENDAR.match(facts.message.headers.get("content-type", "")) else None


def _internal_only(facts: _Facts) -> str | None:
    return internal_only(facts.people)


def _too_many_recipients(facts: _Facts) -> str | None:
    participants = facts.message.participants
    if len(participants) <= facts.policy.max_recipients:
        return None
    both = zip(participants, facts.people, strict=True)
    recipients = len({party.key or each.address for each, party in both if each.role in _RECIPIENT})
    return f"{recipients} recipients" if recipients > facts.policy.max_recipients else None


def _no_known_contact(facts: _Facts) -> str | None:
    return no_known_contact(facts.people)


RULES = (
    ("folder_excluded", _folder_excluded),
    ("never_log", _never_log),
    ("never_log_personal", _never_log_personal),
    ("private", _private),
    ("erased", _erased),
    ("automated", _automated),
    ("automated", _role_sender),
    ("invitation", _invitation),
    ("internal_only", _internal_only),
    ("too_many_recipients", _too_many_recipients),
    ("no_known_contact", _no_known_contact),
)
"""Name and rule, in the order they are tried."""

# What these skip may be logged as soon as the directory knows more.
_UNTIL_KNOWN = (_role_sender, _no_known_contact)


# ------------------------------------------------------------------------------ of whatever has participants


def internal_only(people: Sequence[Party]) -> str | None:
    if not people:
        return None
    for each in people:
        if not each.own:
            return None
    own = len({each.key for each in people})
    return f"{own} own addresses" if own > 1 else "to oneself"


def no_known_contact(people: Sequence[Party]) -> str | None:
    for each in people:
        if each.contacts or each.accounts:
            return None
    count = len({each.key for each in people if each.outside})
    return f"{count} outside address{'' if count == 1 else 'es'}" if count else "no outside address that can be read"


def hashes(outside: Iterable[str], key: bytes) -> tuple[bytes, ...]:
    """By which an item is found again once one of these address keys becomes known, or a domain of theirs."""
    addresses = list(outside)[:_MOST_HASHES]
    domains = {domain for each in addresses for domain in employer_domains(address.domain_of(each))}
    return tuple([address_hash(key, each) for each in (*addresses, *map(known_as, sorted(domains)))])


def allowed(people: Sequence[Party], folders: Iterable[str], parties: Parties) -> Level:
    """The most that may be stored of what these people and folders have to do with; the most closed of all wins."""
    policy = parties.policy
    if policy.protected and listed(people, policy.protected, "protected") is not None:
        return _PRIVATE
    if marked(people, parties.directory.closed, policy.key):
        return _PRIVATE
    if not policy.folder_levels:
        return _FULL
    paths = [_path(folder) for folder in folders]
    return min(
        (level for name, level in policy.folder_levels if any(_below(path, _path(name)) for path in paths)),
        default=_FULL,
    )


def _path(folder: str) -> str:
    """However a server spells it: `INBOX.Deals` and `Deals` are one."""
    return re.sub(r"[./\\]", "/", folder).casefold().removeprefix("inbox/")


def _below(path: str, name: str) -> bool:
    return path == name or path.startswith(f"{name}/")


def erased(people: Iterable[Party], parties: Parties) -> str | None:
    """Whoever was erased stays so, with all that they took part in."""
    count = marked(people, parties.directory.erased, parties.policy.key)
    return f"{count} of its people" if count else None


def marked(people: Iterable[Party], marks: frozenset[bytes], key: bytes) -> int:
    """How many of them have a mark, which is a keyed hash of an address."""
    if not marks:
        return 0
    return sum(address_hash(key, each) in marks for each in {each.key for each in people if each.key})


def known_as(domain_key: str) -> str:
    """What is hashed of a domain, so that it is not taken for an address."""
    return f"@{domain_key}"


def listed(people: Iterable[Party], entries: tuple[str, ...], name: str) -> str | None:
    """The first entry that any participant matches, by its number, since the entry itself is an address."""
    if not entries:
        return None
    numbers = _numbers(Identical(entries))
    found = [numbers[at] for each in people if each.key for at in _matchable(each.key) if at in numbers]
    return f"entry {min(found)} of {name}" if found else None


@lru_cache(maxsize=1024)
def _numbers(entries: Identical[tuple[str, ...]]) -> dict[str, int]:
    """The number, from 1, of each entry: an address (`jane@example.com`) or a domain (`@example.com`, `*@...`)."""
    numbers: dict[str, int] = {}
    for number, entry in enumerate(entries.value, start=1):
        entry = entry.strip().lstrip("*")
        numbers.setdefault(address.key(entry) or address.domain_key(entry), number)
    return numbers


@lru_cache(maxsize=32768)
def _matchable(key: str) -> tuple[str, ...]:
    return (key, *address.lineage(address.domain_of(key)))
