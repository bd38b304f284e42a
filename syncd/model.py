"""The vocabulary: frozen values that cross every boundary. No I/O and no clock.

All datetimes are aware and in UTC. Addresses are bare addr-specs (`anna@example.com`) as written, never `Name <...>`.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple, NewType, TypeAlias

ItemId = NewType("ItemId", str)
"""A provider's id, unique within one stream; of IMAP `<UIDVALIDITY>.<UID>`."""

Cursor = NewType("Cursor", str)
"""Opaque text; only the connector that made it reads it."""

EMPTY: Mapping[Any, Any] = MappingProxyType({})
"""A default that is shared, since nobody can change it."""

PARSER_VERSION = 1
"""Raised when a parser learns something, so that what was quarantined is tried again."""


class Level(enum.IntEnum):
    """How much of an item may be stored, and for whom; of several owners the lowest wins."""

    PRIVATE = -1
    """Who and when, as at `metadata`, and only those whom it concerns know of it (store/queries/viewers.py)."""
    METADATA = 0
    SUBJECT = 1
    FULL = 2


class Role(enum.StrEnum):
    FROM = "from"
    SENDER = "sender"
    REPLY_TO = "reply_to"
    TO = "to"
    CC = "cc"
    BCC = "bcc"
    ORGANIZER = "organizer"
    ATTENDEE = "attendee"
    MENTIONED = "mentioned"
    """Named in the title or text of a task or note, which has no other people."""


class Direction(enum.StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"


class Verdict(enum.StrEnum):
    """What was decided on one sighting of an item."""

    LOGGED = "logged"
    SKIPPED = "skipped"
    PENDING = "pending"
    QUARANTINED = "quarantined"


class Participant(NamedTuple):
    role: Role
    address: str
    name: str = ""
    response: str = ""
    """`accepted`, `declined`, `tentative`, `needs_action`, or empty where nothing is said; of a meeting only."""


class Attachment(NamedTuple):
    """Name, type and size are all that is ever read of an attachment."""

    name: str
    content_type: str
    size: int | None


class Message(NamedTuple):
    """One copy of one mail, as a mailbox holds it. No dataclass, since a first sync makes very many of them: to make
    one takes a fifth of the time."""

    id: ItemId
    received_at: datetime | None
    """When the provider took it in (INTERNALDATE); None where the server does not say or it is no sane date."""
    sent_at: datetime | None
    """The Date header; None where it is absent or no sane date."""
    message_id: str | None
    """Without angle brackets; the original one where a relay put its own in place of it."""
    in_reply_to: str | None
    references: tuple[str, ...]
    subject: str
    participants: tuple[Participant, ...]
    headers: Mapping[str, str]
    """Only those that tell of automation, privacy and kind (connectors.mime.TELLING), names in lower case."""
    folders: tuple[str, ...]
    size: int | None
    problem: str = ""
    """What could not be read of it; the rest is as good as any."""
    text: str | None = None
    """New text only, without quoted history and signature; None until it was read."""
    attachments: tuple[Attachment, ...] = ()
    invitation: Invitation | None = None
    """What its text/calendar part says, if it has one."""


class EventStatus(enum.StrEnum):
    CONFIRMED = "confirmed"
    TENTATIVE = "tentative"
    CANCELLED = "cancelled"


class Event(NamedTuple):
    """One occurrence of one meeting, as one calendar holds it. Rooms and resources are no participants."""

    id: ItemId
    """The object's own where that is a single event; of a member of a series, `<object's id>#<original start>`."""
    uid: str
    """Normalised, equal in all calendars that hold the meeting; empty where the object has none."""
    original_start: str
    """Empty for a single event. Of a member of a series when the series has it, wherever it was moved:
    `20261125T090000Z`, `20261125` of an all-day one, `20261125T090000` of a floating one."""
    starts_at: datetime
    ends_at: datetime
    """Exclusive. All-day: both are 00:00 UTC of their dates, which no zone moves."""
    settles_at: datetime
    """The instant when it is over: `ends_at`, or the midnight of the calendar's zone that ends the last day."""
    all_day: bool = False
    zone: str = ""
    """IANA name of the zone it was planned in."""
    status: EventStatus = EventStatus.CONFIRMED
    subject: str = ""
    text: str = ""
    location: str = ""
    participants: tuple[Participant, ...] = ()
    """Of the roles organizer and attendee, each address once a role."""
    organized: bool | None = None
    """Whether the owner of the calendar organises it; None where only the addresses tell."""
    response: str | None = None
    """What the owner of the calendar answered (Participant.response); None where only the addresses tell."""
    own_addresses: tuple[str, ...] = ()
    """What the provider says are the owner's own addresses, if it does (CALDAV:calendar-user-address-set)."""
    private: str = ""
    """What makes it private (`CLASS:PRIVATE`, `visibility: private`), or empty."""
    not_a_meeting: str = ""
    """Why it can be none (`focus time`, `free/busy only`), or empty."""
    exact: bool = True
    """False for an occurrence that was worked out from its series; one that is written down overrides it."""
    partial: bool = False
    """Some of its people are not told (attendeesOmitted, hidden guests): the others are not all."""
    sequence: int = 0
    stamped_at: datetime | None = None
    """DTSTAMP or last modification: of two copies of one SEQUENCE the later one counts (RFC 5546 section 2.1.5)."""
    problem: str = ""


class Invitation(NamedTuple):
    """What a mail says of a meeting (RFC 5546): all its components are of one UID."""

    method: str
    """`REQUEST`, `REPLY`, `CANCEL`, `COUNTER` ...; empty where a forwarder lost it."""
    events: tuple[Event, ...]
    """A single meeting, or an instance without its series, whatever its date; of a series what lies in the window."""
    uid: str = ""
    """Event.uid, also where a series has nothing in the window."""


class Task(NamedTuple):
    id: ItemId
    uid: str
    done: bool
    done_at: datetime | None
    """When it was done, or, of an open one, when it is due."""
    subject: str = ""
    text: str = ""
    participants: tuple[Participant, ...] = ()
    private: str = ""
    problem: str = ""


class Note(NamedTuple):
    id: ItemId
    uid: str
    written_at: datetime | None
    draft: bool = False
    subject: str = ""
    text: str = ""
    participants: tuple[Participant, ...] = ()
    private: str = ""
    problem: str = ""


class CalendarObject(NamedTuple):
    """One object of a calendar or task list, with all of it that lies in the window `begins` to `ends`.

    The end bounds only what a rule works out: an event that is written down is there if it comes later, too, and an
    occurrence that was moved out of the window, so that it is seen where it is now.
    What is stored of the object, happens within the window and is not among `parts` has left it.
    """

    id: ItemId
    version: str
    """The etag or change key; another one means that it must be read again."""
    parts: tuple[Event | Task | Note, ...]
    begins: datetime
    ends: datetime
    next_at: datetime | None = None
    """When its first occurrence after the window begins; the object is read again as the window reaches it."""
    nothing: str = ""
    """Why there are no parts, for a person: `all its dates are outside the window`."""


class Removed(NamedTuple):
    """The stream no longer holds this item."""

    id: ItemId


class Unreadable(NamedTuple):
    """The item exists, but the server would not give it or nothing could be made of it."""

    id: ItemId
    reason: str
    version: str = ""
    """Of a calendar's object: it is not tried again while it has this one."""


Item: TypeAlias = Message | CalendarObject | Removed | Unreadable


class Batch(NamedTuple):
    """Some items, and the cursor that is true once they are saved."""

    items: tuple[Item, ...]
    cursor: Cursor
    listing: frozenset[ItemId] | None = None
    """Set when the connector listed all that the stream holds, whatever its date: what is stored and not in it has
    left."""
    versions: Mapping[ItemId, str] | None = None
    """Set when the connector listed all objects with their versions: what is stored with another version, or not at
    all, is to be read, and what is stored and not in it has left."""
    epoch: str = ""
    """Changes when the server gave all items new ids (UIDVALIDITY); ids of another epoch are no removals."""
    remaining: int | None = None
    """How many items are still to come in this pass, for the progress bar."""


# ---------------------------------------------------------------------------------------------- the directory


class Contact(NamedTuple):
    id: str
    account_id: str | None


class Opportunity(NamedTuple):
    """Open at an instant t when opened_at <= t (or unknown) and t < closed_at (or not closed)."""

    id: str
    account_id: str | None
    contact_ids: frozenset[str]
    opened_at: datetime | None
    closed_at: datetime | None


class Directory(NamedTuple):
    """What is known of some addresses. Keys are those of matching.address."""

    contacts: Mapping[str, tuple[Contact, ...]] = EMPTY
    """address key -> every contact that holds it; more than one is an ambiguity, kept as data."""
    accounts: Mapping[str, tuple[str, ...]] = EMPTY
    """domain -> account ids"""
    users: Mapping[str, str] = EMPTY
    """address key -> user id"""
    opportunities: tuple[Opportunity, ...] = ()
    """Of all the contacts and accounts above, whatever their dates."""
    erased: frozenset[bytes] = frozenset()
    """Keyed hashes of all addresses that were erased, of this batch or not."""
    closed: frozenset[bytes] = frozenset()
    """The same of those of whom only who and when may be stored."""
    turns: int = 0
    """How often it was caught up with, or somebody erased or closed: at another number, others may be decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules that hold for one mailbox: the organisation's, and its owner's own."""

    own_domains: frozenset[str] = frozenset()
    """Sub-domains of these are own as well."""
    own_addresses: frozenset[str] = frozenset()
    """Address keys of owners and aliases on other domains."""
    owner_addresses: frozenset[str] = frozenset()
    """Address keys of this mailbox's owner: whose answers its calendars tell first-hand."""
    outsiders: frozenset[str] = frozenset()
    """Address keys on an own domain that count as outside (a contractor)."""
    never_log: tuple[str, ...] = ()
    """Addresses, domains (`@example.com`) of the organisation's list."""
    never_log_personal: tuple[str, ...] = ()
    excluded_folders: frozenset[str] = frozenset()
    level: Level = Level.SUBJECT
    folder_levels: tuple[tuple[str, Level], ...] = ()
    """Folder, as the admin writes it -> the most that is stored of what is in it or below it."""
    protected: tuple[str, ...] = ()
    """Addresses and domains of which only the metadata is stored, whoever else is on the mail."""
    max_recipients: int = 100
    key: bytes = b""
    """For the keyed hashes of what must not be stored in clear (HMAC)."""


# ---------------------------------------------------------------------------------------------- the decision


class LinkState(enum.StrEnum):
    LINKED = "linked"
    CANDIDATE = "candidate"
    UNLINKED = "unlinked"


class Link(NamedTuple):
    """activity -> contact, account or opportunity, with the reason (`from address`, `domain of example.com`, ...)."""

    entity_kind: str
    entity_id: str
    reason: str
    state: LinkState = LinkState.LINKED


class Identity(NamedTuple):
    """What makes two copies the same activity (matching.identity)."""

    key: bytes
    """The keyed hash of the normalised Message-ID, or the fingerprint where there is none."""
    fingerprint: bytes
    """The keyed hash of sender, date, subject and recipients: the key when the Message-ID is contradicted."""
    sender: bytes
    subject: bytes
    """Keyed hashes, so that a copy stored without its subject can still corroborate."""
    sent_at: datetime | None


class Decision(NamedTuple):
    """Logged, or skipped by a named rule; `facts` is what the rule saw, and never a subject, text or address."""

    verdict: Verdict
    rule: str
    facts: str = ""
    hashes: tuple[bytes, ...] = ()
    """Keyed hashes of the outside addresses of what would be logged if one of them became known."""
    direction: Direction | None = None
    links: tuple[Link, ...] = ()
    level: Level = Level.FULL
    """The most that its people and folders allow; the mailbox may allow less."""


class Entry(NamedTuple):
    """What a person logs by hand, since no server knows it: a call, note, task or meeting."""

    kind: str
    occurred_at: datetime
    ended_at: datetime | None
    subject: str
    text: str
    direction: Direction | None
    outcome: str
    author: str
    links: tuple[Link, ...]
