"""The values between the decision and the store: what was decided, what is stored, and the plan of what to write.

`matching.dedup.plan` makes a Plan of the first two; `store.writer` reads the second and applies the third. Integer ids
are handed out by the store before the plan is made (`Stored.next_activity`, `Stored.next_sighting`).

An occasion is what a calendar or task list holds: a meeting, a done task, a note. Each calendar's copy of it is a claim
about its time and status, and the activity is what the claims add up to (matching.outcome).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, TypeAlias

from syncd.model import (
    EMPTY,
    Attachment,
    Cursor,
    Decision,
    Identity,
    ItemId,
    Level,
    Message,
    Participant,
    Removed,
    Verdict,
)


class Decided(NamedTuple):
    """One message with all that was decided on it, ready to be planned."""

    message: Message
    decision: Decision
    identity: Identity
    occurred_at: datetime
    thread_keys: tuple[bytes, ...] = ()
    """Nodes of the References graph; of logged ones only."""
    address_keys: tuple[str, ...] = ()
    """matching.address.key of each participant, in their order."""


class Claim(NamedTuple):
    """What one copy says of when an occasion is and what became of it."""

    starts_at: datetime
    ends_at: datetime | None
    settles_at: datetime | None
    """When a meeting is over; None of a task or note."""
    all_day: bool
    zone: str
    status: str
    """`confirmed`, `tentative` or `cancelled` of a meeting, `done` or `open` of a task, empty of a note."""
    response: str
    """What the owner of the copy answered (Participant.response)."""
    organized: bool
    """It is the organizer's own copy, which decides over the others."""
    exact: bool
    """Its time is written down, not worked out by a rule; of a task or note, that it has one."""
    partial: bool
    sequence: int
    stamped_at: datetime | None
    by_mail: bool = False
    """It is an invitation, not a calendar's copy: it stays true when the mail is deleted."""


class Occasion(NamedTuple):
    """One part of a calendar's object with all that was decided on it, ready to be planned."""

    id: ItemId
    object: ItemId
    version: str
    kind: str
    """`meeting`, `task` or `note`."""
    decision: Decision
    key: bytes
    """The identity: keyed hash of (normalised UID, original start)."""
    other_key: bytes
    """Of a member of a series what it is as a single event, or the other way round: it stays the same activity."""
    claim: Claim
    subject: str
    text: str
    location: str
    participants: tuple[Participant, ...]
    address_keys: tuple[str, ...]
    """matching.address.key of each participant, in their order."""
    contacts: frozenset[str]
    """Those of them that a known contact holds."""
    own: frozenset[str]
    """Those of them that are the owner's of this copy."""
    moved_from: datetime | None
    """The original start of a member of a series that is elsewhere now."""
    due_at: datetime | None
    """When the object must be read again, since the window reaches more of it."""
    problem: str


class Invited(NamedTuple):
    """A mail that is about a meeting (RFC 5546): it belongs to that, if there is or it makes one; else it is mail."""

    mail: Decided
    facts: str
    """What it says, and whether the organizer says it."""
    occasions: tuple[Occasion, ...]
    makes: bool
    """A REQUEST: it makes the meeting where no calendar has it."""
    claims: bool
    """It is the organizer's: what it says counts beside what calendars say."""
    answers: frozenset[str]
    """Address keys whose answers it brings: of the sender of a REPLY."""


class Nothing(NamedTuple):
    """An object that has no part in the window, or none that we know of: it is skipped as `outside_window`."""

    object: ItemId
    version: str
    reason: str
    due_at: datetime | None


class Whole(NamedTuple):
    """All that one object has within a window: what is stored of it there and not among `parts` has left."""

    object: ItemId
    parts: frozenset[ItemId]
    begins: datetime
    ends: datetime


class Failed(NamedTuple):
    """An item that could not be read or handled. The third failure is a quarantine, and a `final` one is the third."""

    id: ItemId
    reason: str
    final: bool = False
    version: str | None = None
    """Of a calendar's object: what could not be read, empty where that is not known. None of a mail."""


Handled: TypeAlias = Decided | Invited | Occasion | Nothing | Whole | Failed | Removed


# ------------------------------------------------------------------------------------------------ what is stored


class Mark(NamedTuple):
    """Where a stream stands."""

    cursor: Cursor | None
    epoch: str
    strikes: int
    """Passes that began at this cursor and died before they saved anything."""
    suspect: ItemId | None
    """The item that was in hand when the last of them died."""
    doubted: int
    """Removals that wait for a second listing to confirm them."""
    waiting: tuple[ItemId, ...]
    """Items to read again: the pending ones, those that are due, and those that an older parser failed on."""


class StoredSighting(NamedTuple):
    id: int
    verdict: Verdict
    rule: str
    facts: str
    key: bytes | None
    activity_id: int | None
    gone: bool
    attempts: int
    version: str | None = None
    occurred_at: datetime | None = None
    due_at: datetime | None = None
    """The other two are of an occasion's only; a mail is due where more of it may be stored than is."""


class StoredCopy(NamedTuple):
    sighting: int
    gone_at: datetime | None
    """When it was seen to have left its calendar."""
    claim: Claim


class Answer(NamedTuple):
    """A participant's response as it is stored, and how good the witness is (matching.outcome)."""

    response: str
    witness: int


class StoredOccasion(NamedTuple):
    id: int
    identity: bytes
    occurred_at: datetime
    ended_at: datetime | None
    settles_at: datetime | None
    all_day: bool
    zone: str
    status: str
    level: Level
    subject: str | None
    text: str | None
    location: str | None
    rescheduled: int
    rescheduled_from: datetime | None
    participants: Mapping[tuple[str, str], Answer]
    """(role, address key) -> the answer"""
    contacts: frozenset[str]
    """Those address keys that a known contact holds."""
    links: Mapping[tuple[str, str], tuple[str, str]]
    copies: Mapping[int, StoredCopy]
    """Of every stream, by sighting."""


class StoredActivity(NamedTuple):
    id: int
    identity: bytes
    sender: bytes
    subject_hash: bytes
    sent_at: datetime | None
    occurred_at: datetime
    level: Level
    has_subject: bool
    has_text: bool
    direction: str | None
    thread_id: int
    participants: frozenset[tuple[str, str]] = frozenset()
    """(role, address key)"""
    links: Mapping[tuple[str, str], tuple[str, str]] = EMPTY
    """(entity kind, entity id) -> (origin, state)"""


class Stored(NamedTuple):
    """What the store holds of the items, identities and threads of one batch."""

    next_activity: int = 1
    next_sighting: int = 1
    sightings: Mapping[ItemId, StoredSighting] = EMPTY
    activities: Mapping[bytes, StoredActivity] = EMPTY
    threads: Mapping[bytes, int] = EMPTY
    thread_opportunities: Mapping[int, frozenset[str]] = EMPTY
    """thread -> opportunities that a message of it is linked to; of those that have to decide something only"""
    parts: Mapping[ItemId, tuple[ItemId, ...]] = EMPTY
    """a calendar's object -> the items of its sightings, which are among `sightings`"""
    occasions: Mapping[int, StoredOccasion] = EMPTY
    """Of these sightings and of the identities of the batch, by activity."""
    closed: frozenset[bytes] = frozenset()
    """Identities of which somebody else's copy is private; `closed_items`: which their owner closed."""
    closed_items: frozenset[bytes] = frozenset()
    closed_nodes: frozenset[bytes] = frozenset()
    """Those of the thread keys whose conversation somebody closed."""


class Wanted(NamedTuple):
    """What of the store a batch must know before it can be planned."""

    items: Iterable[ItemId] = ()
    identities: Iterable[bytes] = ()
    """Of messages."""
    thread_keys: Iterable[bytes] = ()
    undecided: Iterable[bytes] = ()
    """The thread keys of messages that have several candidates for their opportunity."""
    objects: Iterable[ItemId] = ()
    occasions: Iterable[bytes] = ()
    """Identities of meetings, tasks and notes."""


# ------------------------------------------------------------------------------------------------ what to write


class ActivityRow(NamedTuple):
    id: int
    identity: bytes
    occurred_at: datetime
    subject: str | None
    text: str | None
    direction: str | None
    level: int
    message_id: str | None
    problem: str
    sender_hash: bytes
    subject_hash: bytes
    sent_at: datetime | None


class ActivityChange(NamedTuple):
    """The new values of a stored activity; None leaves the column as it is."""

    id: int
    occurred_at: datetime | None = None
    level: Level | None = None
    """A lower one erases what it no longer allows."""
    subject: str | None = None
    text: str | None = None
    direction: str | None = None


class OccasionRow(NamedTuple):
    """All of an occasion's columns that a claim may change."""

    id: int
    identity: bytes
    occurred_at: datetime
    ended_at: datetime | None
    settles_at: datetime | None
    all_day: bool
    zone: str
    status: str
    level: int
    subject: str | None
    text: str | None
    location: str | None
    rescheduled: int
    rescheduled_from: datetime | None


class CopyRow(NamedTuple):
    sighting_id: int
    activity_id: int
    claim: Claim


class ParticipantRow(NamedTuple):
    activity_id: int
    role: str
    address_key: str
    address: str
    name: str
    response: str = ""
    witness: int = 0


class LinkRow(NamedTuple):
    activity_id: int
    entity_kind: str
    entity_id: str
    reason: str
    state: str


class SightingRow(NamedTuple):
    id: int
    item: ItemId
    verdict: str
    rule: str
    facts: str
    key: bytes | None
    occurred_at: datetime | None
    activity_id: int | None
    attempts: int
    object: ItemId | None = None
    """Of what a calendar holds: the object that it is a part of."""
    version: str | None = None
    due_at: datetime | None = None


@dataclass(slots=True)
class Plan:
    """Filled by matching.dedup, then only read."""

    activities: list[ActivityRow] = field(default_factory=list)
    changes: list[ActivityChange] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)
    """Stored activities of which anything changed: the change feed's `updated`."""
    participants: list[ParticipantRow] = field(default_factory=list)
    attachments: list[tuple[int, tuple[Attachment, ...]]] = field(default_factory=list)
    occasions: list[tuple[str, OccasionRow]] = field(default_factory=list)
    """New ones, each with its kind."""
    occasion_changes: list[OccasionRow] = field(default_factory=list)
    renamed: list[int] = field(default_factory=list)
    """Those of them that have another identity now; the one that they had may be another's."""
    copies: list[CopyRow] = field(default_factory=list)
    copies_moved: list[tuple[int, int]] = field(default_factory=list)
    """(sighting, activity) of copies that are no longer that activity's."""
    answers: list[ParticipantRow] = field(default_factory=list)
    """Stored participants with another response."""
    left: list[tuple[int, str, str]] = field(default_factory=list)
    """(activity, role, address key) of participants who are none any more."""
    links: list[LinkRow] = field(default_factory=list)
    threads: dict[bytes, int] = field(default_factory=dict)
    """New nodes only, each with its thread."""
    thread_of: dict[int, int] = field(default_factory=dict)
    """New activity -> its thread."""
    merged: dict[int, int] = field(default_factory=dict)
    """Stored thread -> the thread that it now belongs to."""
    closed_threads: frozenset[int] = frozenset()
    sightings: list[SightingRow] = field(default_factory=list)
    resightings: list[SightingRow] = field(default_factory=list)
    """Stored sightings whose decision is another one now."""
    addresses: list[tuple[bytes, int]] = field(default_factory=list)
    """(hash, sighting id)"""
    missed: list[tuple[int, int, datetime | None]] = field(default_factory=list)
    """(sighting, attempts, when it is due again) of mails that were due, and could not be read."""
    gone: list[int] = field(default_factory=list)
