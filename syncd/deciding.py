"""From an item to all that is decided on it: pure functions, which put the parts of `matching` together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import NamedTuple

from matching import address, calendar_rules, identity, rules
from matching.calendar_rules import Part, happened, people_of
from matching.meeting_identity import event_keys, moved_from, part_key
from matching.occasions import PRIVATE
from matching.parties import Parties, author
from syncd.ledger import Claim, Decided, Invited, Nothing, Occasion, Whole
from syncd.model import (
    CalendarObject,
    Decision,
    Event,
    EventStatus,
    Identity,
    Message,
    Participant,
    Role,
    Task,
    Verdict,
)

# Python 3.11 calls a function for each look at an enum's member or value.
_LOGGED = Verdict.LOGGED
_ORGANIZER, _ATTENDEE = Role.ORGANIZER, Role.ATTENDEE
_STATUS = {status: status.value for status in EventStatus}


def decide(message: Message, parties: Parties, fallback: datetime) -> Decided:
    """Decide on one message. `fallback` dates a message that no one dated."""
    key = parties.policy.key
    decision = rules.decide(message, parties)
    happened_at = identity.occurred_at(message, fallback=fallback)
    if decision.verdict is not _LOGGED:
        return Decided(message, decision, _name(message, key), happened_at)
    return Decided(
        message,
        decision,
        identity.identify(message, key),
        happened_at,
        identity.thread_keys(message, key),
        tuple([parties[one.address].key for one in message.participants]),
    )


def _name(message: Message, key: bytes) -> Identity:
    """What is kept of the identity of a skipped message: by which `syncd why` finds it, and nothing to compare."""
    name = identity.message_key(message.message_id, key)
    if name is None:
        return identity.identify(message, key)
    return Identity(name, name, b"", b"", None)


# ---------------------------------------------------------------------------------------------- invitations

# By these a meeting keeps out the mail about it as well, which tells as much of it.
_KEPT_OUT = frozenset({"never_log", "never_log_personal", PRIVATE, "erased"})
_ABOUT_A_MEETING = frozenset({"", "REQUEST", "ADD", "CANCEL", "REPLY", "COUNTER", "DECLINECOUNTER", "REFRESH"})
_BY_ORGANIZER = frozenset({"REQUEST", "ADD", "CANCEL"})
_OF_PROGRAMS = frozenset({"automated", "invitation"})
"""The rules that skip what calendar programs send."""


def may_invite(decided: Decided, parties: Parties) -> bool:
    """Whether the mail may hold an invitation that concerns a known contact: worth a look at its structure."""
    is_logged = decided.decision.verdict is _LOGGED
    if not is_logged and decided.decision.rule not in _OF_PROGRAMS:
        return False
    kind = decided.message.headers.get("content-type", "").lstrip().lower()
    if not kind.startswith(("multipart/", "text/calendar", "application/ics")):
        return False
    if is_logged:
        return True
    people = [parties[each.address] for each in decided.message.participants]
    return any(one.contacts or one.accounts for one in people)


def invited(decided: Decided, parties: Parties, stream_id: int, now: datetime) -> Decided | Invited:
    """The mail as one about a meeting, if it is about one with a known contact (RFC 5546)."""
    invitation = decided.message.invitation
    if invitation is None or not may_invite(decided, parties):
        return decided
    method = invitation.method
    told_of = [_by_mail(event, decided, method, parties, stream_id, now) for event in invitation.events]
    if kept_out := next((one.decision for one in told_of if one.decision.rule in _KEPT_OUT), None):
        return decided._replace(decision=kept_out)
    if method not in _ABOUT_A_MEETING or not any(one.decision.verdict is _LOGGED for one in told_of):
        return decided
    sender = parties[author(decided.message.participants)].key
    organizers = {
        parties[each.address].key
        for event in invitation.events
        for each in event.participants
        if each.role is _ORGANIZER
    }
    by_organizer = sender != "" and sender in organizers
    who = "the organizer" if by_organizer else "a guest"
    facts = f"{method or 'text/calendar'} from {who}"
    return Invited(
        mail=decided,
        facts=facts,
        occasions=tuple(told_of),
        makes=method == "REQUEST",
        claims=by_organizer and method in _BY_ORGANIZER,
        answers=frozenset({sender}) if method == "REPLY" else frozenset(),
    )


def _by_mail(event: Event, decided: Decided, method: str, parties: Parties, stream_id: int, now: datetime) -> Occasion:
    holder = CalendarObject(id=decided.message.id, version="", parts=(event,), begins=now, ends=now)
    made = _occasion(event, people_of(event), holder, parties, stream_id, now, None)
    status = EventStatus.CANCELLED.value if method == "CANCEL" else made.claim.status
    claim = made.claim._replace(status=status, response="", organized=False, by_mail=True)
    # The folder, or who else it went to, may allow less of it than the meeting's own people.
    people = [parties[each.address] for each in decided.message.participants]
    level = min(made.decision.level, rules.allowed(people, decided.message.folders, parties))
    return made._replace(claim=claim, decision=made.decision._replace(level=level))


# ------------------------------------------------------------------------------------------------ calendars


class Told(NamedTuple):
    """A part of a calendar's object with everybody that it concerns."""

    part: Part
    participants: tuple[Participant, ...]


def told(found: CalendarObject) -> tuple[Told, ...]:
    return tuple([Told(part, people_of(part)) for part in found.parts])


def occasions(
    found: CalendarObject, parts: tuple[Told, ...], parties: Parties, stream_id: int, now: datetime
) -> Iterator[Occasion | Nothing | Whole]:
    """Decide on all parts of one object. `now` dates what no one dated."""
    due_at = _due(found, now)
    if not parts:
        yield Nothing(found.id, found.version, found.nothing, due_at)
        yield Whole(found.id, frozenset({found.id}), found.begins, found.ends)
        return
    for number, (part, participants) in enumerate(parts):
        # One of the parts is enough to bring the object back.
        due = due_at if number == len(parts) - 1 else None
        yield _occasion(part, participants, found, parties, stream_id, now, due)
    yield Whole(found.id, frozenset([part.id for part, _ in parts]), found.begins, found.ends)


def _due(found: CalendarObject, now: datetime) -> datetime | None:
    """When the window, which is always as long as now, reaches the next occurrence. At a midnight, so that all the
    series of a calendar are read again at once."""
    if found.next_at is None:
        return None
    reached = found.next_at - (found.ends - now)
    return datetime.combine(reached.date() + timedelta(days=1), time(), reached.tzinfo)


def _occasion(
    part: Part,
    participants: tuple[Participant, ...],
    found: CalendarObject,
    parties: Parties,
    stream_id: int,
    now: datetime,
    due_at: datetime | None,
) -> Occasion:
    keys = tuple([parties[each.address].key for each in participants])
    own = _owner(part, parties)
    kind, claim, (key, other_key) = _claimed(part, keys, own, parties, stream_id, now)
    return Occasion(
        id=part.id,
        object=found.id,
        version=found.version,
        kind=kind,
        decision=_witnessed(calendar_rules.decide(part, participants, parties), part, claim),
        key=key,
        other_key=other_key,
        claim=claim,
        subject=part.subject,
        text=part.text,
        location=part.location if isinstance(part, Event) else "",
        participants=participants,
        address_keys=keys,
        contacts=frozenset([each for each in keys if parties[each].contacts]) - {""},
        own=own,
        moved_from=moved_from(part) if isinstance(part, Event) else None,
        due_at=due_at,
        problem=part.problem,
    )


def _witnessed(decision: Decision, part: Part, claim: Claim) -> Decision:
    """Of a meeting that is logged, what this copy says of it."""
    if decision.verdict is not _LOGGED or not isinstance(part, Event):
        return decision
    answer = "" if claim.organized or not claim.response else f", {claim.response.replace('_', ' ')}"
    status = "" if claim.status == "confirmed" else f", {claim.status}"
    facts = f"the {'organizer' if claim.organized else 'guest'}'s copy{answer}{status}"
    return Decision._make((decision.verdict, decision.rule, facts, *decision[3:]))


def _owner(part: Part, parties: Parties) -> frozenset[str]:
    told = part.own_addresses if isinstance(part, Event) else ()
    return parties.policy.owner_addresses | {key for each in told if (key := address.key(each))}


def _claimed(
    part: Part, keys: tuple[str, ...], own: frozenset[str], parties: Parties, stream_id: int, now: datetime
) -> tuple[str, Claim, tuple[bytes, bytes]]:
    key = parties.policy.key
    if isinstance(part, Event):
        return "meeting", _claim(part, keys, own), event_keys(part, key, stream_id)
    kind, status = ("task", "done" if part.done else "open") if isinstance(part, Task) else ("note", "")
    at = happened(part)
    claim = Claim(_whole(at or now), None, None, False, "", status, "", False, at is not None, False, 0, None)
    name = part_key(part, key, stream_id)
    return kind, claim, (name, name)


def _claim(event: Event, keys: tuple[str, ...], own: frozenset[str]) -> Claim:
    people = list(zip(event.participants, keys, strict=True))
    organizers = {key for each, key in people if each.role is _ORGANIZER}
    organized, response = event.organized, event.response
    if organized is None:
        # A meeting without an organizer is that of whoever's calendar it is in.
        organized = not organizers or not organizers.isdisjoint(own)
    if response is None:
        answers = [each.response for each, key in people if key in own and each.role is _ATTENDEE]
        response = next(filter(None, answers), "")
    return Claim(
        starts_at=_whole(event.starts_at),
        ends_at=_whole(event.ends_at),
        settles_at=_whole(event.settles_at),
        all_day=event.all_day,
        zone=event.zone,
        status=_STATUS[event.status],
        response=response,
        organized=organized,
        exact=event.exact,
        partial=event.partial,
        sequence=max(0, min(event.sequence, 2**62)),
        stamped_at=event.stamped_at and _whole(event.stamped_at),
    )


def _whole(instant: datetime) -> datetime:
    """The store keeps whole seconds, and what it gives back must be equal to what it was given."""
    return instant.replace(microsecond=0) if instant.microsecond else instant
