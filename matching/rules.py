"""The decision on one mail: rules in their order, of which the first that speaks gives the decision its name.

A rule answers None to let the mail pass, or what it saw of it. The answer is stored, so it never holds a subject, a
text or an address.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from matching import address, automated, contacts, parties
from matching.identical import Identical
from matching.identity import address_hash, occurred_at
from syncd.model import Decision, Direction, Directory, Message, Policy, Role, Verdict

_RECIPIENT = frozenset({Role.TO, Role.CC, Role.BCC})
_MOST_HASHES = 100
# There is no clock here: for a mail without any date, what is open is what was never closed.
_UNDATED = datetime(9999, 1, 1, tzinfo=UTC)
# RFC 4021 section 2.1.55; `confidential` is Outlook's name for the last of them.
_SENSITIVITIES = frozenset({"personal", "private", "company-confidential", "confidential"})


# Not frozen: that would cost a microsecond for each mail, and it never leaves this module.
@dataclass(slots=True)
class _Facts:
    """What the rules look at."""

    message: Message
    directory: Directory
    policy: Policy
    keys: tuple[str, ...]
    """The address keys of all participants, in their order; empty for what is no address."""
    outside: dict[str, Role]
    author: str
    """The author's address key."""
    by_own: bool
    """The author is one of the organisation."""


def decide(message: Message, directory: Directory, policy: Policy) -> Decision:
    """Log the mail with its links, or skip it by the first rule that speaks."""
    facts = _facts(message, directory, policy)
    for name, rule in RULES:
        answer = rule(facts)
        if answer is not None:
            hashes = _hashes(facts) if rule in _UNTIL_KNOWN else ()
            return Decision(verdict=Verdict.SKIPPED, rule=name, facts=answer, hashes=hashes)
    links = contacts.links_of(facts.outside, occurred_at(message, fallback=_UNDATED), directory, policy)
    return Decision(verdict=Verdict.LOGGED, rule="logged", direction=_direction(facts), links=links)


def _facts(message: Message, directory: Directory, policy: Policy) -> _Facts:
    keys = tuple([address.key(each.address) for each in message.participants])
    outside = contacts.outside(message, directory, policy)
    author = address.key(parties.author(message.participants))
    return _Facts(message, directory, policy, keys, outside, author, by_own=author != "" and author not in outside)


def _direction(facts: _Facts) -> Direction:
    """Outbound if one of us wrote it to somebody outside.

    A web form or a group address writes in our own name to ourselves, with the outsider as Reply-To: that is inbound.
    """
    sent_out = facts.by_own and not _RECIPIENT.isdisjoint(facts.outside.values())
    return Direction.OUTBOUND if sent_out else Direction.INBOUND


def _hashes(facts: _Facts) -> tuple[bytes, ...]:
    """By which the mail is found again once one of its addresses becomes known."""
    return tuple(address_hash(facts.policy.key, key) for key in list(facts.outside)[:_MOST_HASHES])


# --------------------------------------------------------------------------------------------------- the rules


def _folder_excluded(facts: _Facts) -> str | None:
    excluded = facts.policy.excluded_folders
    return None if not excluded or excluded.isdisjoint(facts.message.folders) else "one of its folders is excluded"


def _never_log(facts: _Facts) -> str | None:
    return _listed(facts, facts.policy.never_log, "never_log")


def _never_log_personal(facts: _Facts) -> str | None:
    return _listed(facts, facts.policy.never_log_personal, "never_log_personal")


def _private(facts: _Facts) -> str | None:
    sensitivity = facts.message.headers.get("sensitivity", "").strip().lower()
    return f"Sensitivity: {sensitivity}" if sensitivity in _SENSITIVITIES else None


def _automated(facts: _Facts) -> str | None:
    return automated.evidence(facts.message, facts.policy) or None


def _role_sender(facts: _Facts) -> str | None:
    """`info@` writes as a person where a contact or one of us is known by it, and as a machine elsewhere."""
    if facts.by_own or facts.author in facts.directory.contacts or not automated.is_role(facts.author):
        return None
    return "role sender"


def _invitation(facts: _Facts) -> str | None:
    calendar = facts.message.headers.get("content-type", "").lstrip().lower().startswith("text/calendar")
    return "text/calendar" if calendar else None


def _internal_only(facts: _Facts) -> str | None:
    if facts.outside or not facts.keys or not all(facts.keys):
        return None
    own = len(set(facts.keys))
    return f"{own} own addresses" if own > 1 else "to oneself"


def _too_many_recipients(facts: _Facts) -> str | None:
    participants = facts.message.participants
    if len(participants) <= facts.policy.max_recipients:
        return None
    both = zip(participants, facts.keys, strict=True)
    recipients = len({key or each.address for each, key in both if each.role in _RECIPIENT})
    return f"{recipients} recipients" if recipients > facts.policy.max_recipients else None


def _no_known_contact(facts: _Facts) -> str | None:
    if contacts.known(facts.outside, facts.directory, facts.policy):
        return None
    count = len(facts.outside)
    return f"{count} outside address{'' if count == 1 else 'es'}" if count else "no outside address that can be read"


RULES = (
    ("folder_excluded", _folder_excluded),
    ("never_log", _never_log),
    ("never_log_personal", _never_log_personal),
    ("private", _private),
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


# ---------------------------------------------------------------------------------------------- never-log lists


def _listed(facts: _Facts, entries: tuple[str, ...], name: str) -> str | None:
    """The first entry that any participant matches, by its number, since the entry itself is an address."""
    if not entries:
        return None
    numbers = _numbers(Identical(entries))
    found = [numbers[each] for key in facts.keys if key for each in _matchable(key) if each in numbers]
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
