"""The values between the decision and the store: what was decided, what is stored, and the plan of what to write.

`matching.dedup.plan` makes a Plan of the first two; `store.writer` reads the second and applies the third. Integer ids
are handed out by the store before the plan is made (`Stored.next_activity`, `Stored.next_sighting`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from syncd.model import Attachment, Cursor, Decision, Identity, ItemId, Level, Message, Verdict


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


@dataclass(frozen=True, slots=True)
class Failed:
    """An item that could not be read or handled. The third failure is a quarantine, and a `final` one is the third."""

    id: ItemId
    reason: str
    final: bool = False


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
    """Items to try again: the pending ones, and the quarantined ones that an older parser failed on."""


class StoredSighting(NamedTuple):
    id: int
    verdict: Verdict
    rule: str
    facts: str
    key: bytes | None
    activity_id: int | None
    gone: bool
    attempts: int


@dataclass(frozen=True, slots=True)
class StoredActivity:
    id: int
    identity: bytes
    sender: bytes
    subject_hash: bytes
    sent_at: datetime | None
    occurred_at: datetime
    level: Level
    has_text: bool
    direction: str | None
    thread_id: int
    participants: frozenset[tuple[str, str]] = frozenset()
    """(role, address key)"""
    links: Mapping[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """(entity kind, entity id) -> (origin, state)"""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store holds of the items, identities and threads of one batch."""

    next_activity: int = 1
    next_sighting: int = 1
    sightings: Mapping[ItemId, StoredSighting] = field(default_factory=dict)
    activities: Mapping[bytes, StoredActivity] = field(default_factory=dict)
    threads: Mapping[bytes, int] = field(default_factory=dict)
    thread_opportunities: Mapping[int, frozenset[str]] = field(default_factory=dict)
    """thread -> opportunities that a message of it is linked to; of those that have to decide something only"""


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
    text: str | None = None
    direction: str | None = None


class ParticipantRow(NamedTuple):
    activity_id: int
    role: str
    address_key: str
    address: str
    name: str


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


@dataclass(slots=True)
class Plan:
    """Filled by matching.dedup, then only read."""

    activities: list[ActivityRow] = field(default_factory=list)
    changes: list[ActivityChange] = field(default_factory=list)
    touched: set[int] = field(default_factory=set)
    """Stored activities of which anything changed: the change feed's `updated`."""
    participants: list[ParticipantRow] = field(default_factory=list)
    attachments: list[tuple[int, tuple[Attachment, ...]]] = field(default_factory=list)
    links: list[LinkRow] = field(default_factory=list)
    threads: dict[bytes, int] = field(default_factory=dict)
    """New nodes only, each with its thread."""
    thread_of: dict[int, int] = field(default_factory=dict)
    """New activity -> its thread."""
    merged: dict[int, int] = field(default_factory=dict)
    """Stored thread -> the thread that it now belongs to."""
    sightings: list[SightingRow] = field(default_factory=list)
    resightings: list[SightingRow] = field(default_factory=list)
    """Stored sightings whose decision is another one now."""
    addresses: list[tuple[bytes, int]] = field(default_factory=list)
    """(hash, sighting id)"""
    gone: list[int] = field(default_factory=list)
