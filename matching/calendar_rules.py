"""The decision on one meeting, task or note: rules in their order, as matching.rules has them for mail.

An answer is stored, so it never holds a subject, a text or an address.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

from matching import address, contacts
from matching.parties import Parties, Party
from matching.rules import allowed, erased, hashes, internal_only, listed, no_known_contact
from syncd.model import Decision, Event, Note, Participant, Policy, Role, Task, Verdict

Part: TypeAlias = Event | Task | Note

_LOGGED, _SKIPPED = Verdict.LOGGED, Verdict.SKIPPED
# As far as a person reads; what is longer is no place for a contact's address.
_LONGEST_TEXT = 20_000
_ADDRESS = re.compile(r"[\w.+'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
# There is no clock here: at a time that nobody knows, what is open is what was never closed.
_UNDATED = datetime(9999, 1, 1, tzinfo=UTC)


class _Facts(NamedTuple):
    """What the rules look at."""

    part: Part
    policy: Policy
    people: Sequence[Party]
    parties: Parties


def people_of(part: Part) -> tuple[Participant, ...]:
    """The participants; a task or note, which has mostly none, concerns whom it names by address."""
    if isinstance(part, Event):
        return part.participants
    written = dict.fromkeys(_ADDRESS.findall(f"{part.subject}\n{part.text}"[:_LONGEST_TEXT]))
    known = {address.key(each.address) for each in part.participants}
    named = [Participant(Role.MENTIONED, each) for each in written if address.key(each) not in known]
    return (*part.participants, *named)


def decide(part: Part, participants: Sequence[Participant], parties: Parties) -> Decision:
    """Log it with its links, or skip it by the first rule that speaks. `participants` are `people_of(part)`."""
    facts = _Facts(part, parties.policy, [parties[each.address] for each in participants], parties)
    for name, rule in _RULES[type(part)]:
        answer = rule(facts)
        if answer is not None:
            outside = contacts.outside(participants, parties) if rule is _no_known_contact else ()
            return Decision(_SKIPPED, name, answer, hashes(outside, parties.policy.key))
    links = contacts.links(participants, happened(part) or _UNDATED, parties)
    return Decision(_LOGGED, "logged", links=links, level=allowed(facts.people, (), parties))


def happened(part: Part) -> datetime | None:
    match part:
        case Event():
            return part.starts_at
        case Task():
            return part.done_at
        case Note():
            return part.written_at


# --------------------------------------------------------------------------------------------------- the rules

_Rule: TypeAlias = Callable[[_Facts], str | None]


def _never_log(facts: _Facts) -> str | None:
    return listed(facts.people, facts.policy.never_log, "never_log")


def _never_log_personal(facts: _Facts) -> str | None:
    return listed(facts.people, facts.policy.never_log_personal, "never_log_personal")


def _private(facts: _Facts) -> str | None:
    return facts.part.private or None


def _erased(facts: _Facts) -> str | None:
    return erased(facts.people, facts.parties)


def _not_a_meeting(facts: _Facts) -> str | None:
    assert isinstance(facts.part, Event)
    return facts.part.not_a_meeting or (None if facts.people else "nobody else takes part")


def _not_done(facts: _Facts) -> str | None:
    assert isinstance(facts.part, Task)
    return None if facts.part.done else "still open"


def _draft(facts: _Facts) -> str | None:
    assert isinstance(facts.part, Note)
    return "a draft" if facts.part.draft else None


def _internal_only(facts: _Facts) -> str | None:
    return internal_only(facts.people)


def _too_many_participants(facts: _Facts) -> str | None:
    count = len({each.key for each in facts.people})
    return f"{count} participants" if count > facts.policy.max_recipients else None


def _no_known_contact(facts: _Facts) -> str | None:
    return no_known_contact(facts.people) if facts.people else "nobody is named"


_ALWAYS: tuple[tuple[str, _Rule], ...] = (
    ("never_log", _never_log),
    ("never_log_personal", _never_log_personal),
    ("private", _private),
    ("erased", _erased),
)

_RULES: dict[type[Part], tuple[tuple[str, _Rule], ...]] = {
    Event: (
        *_ALWAYS,
        ("not_a_meeting", _not_a_meeting),
        ("internal_only", _internal_only),
        ("too_many_participants", _too_many_participants),
        ("no_known_contact", _no_known_contact),
    ),
    Task: (*_ALWAYS, ("not_done", _not_done), ("no_known_contact", _no_known_contact)),
    Note: (*_ALWAYS, ("draft", _draft), ("no_known_contact", _no_known_contact)),
}
