"""The settings: frozen values, defaults included. What each means for the admin is in docs/CONFIG.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from connectors import KINDS
from connectors.base import ContactsWanted
from syncd.config.fields import (
    Address,
    DatabaseUrl,
    Duration,
    FolderLevels,
    Line,
    ListenAddress,
    NeverLogEntry,
    OwnDomain,
    Reference,
    Region,
    SourceUrl,
    StoredLevel,
    addresses,
    is_address,
    no_repeats,
)
from syncd.config.reading import Check, at_least
from syncd.model import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    url: DatabaseUrl
    password: Reference | None = None
    key: Reference | None = None
    """Of the keyed hashes; None is a file beside the SQLite database, or in systemd's state directory."""
    token_key: Reference | None = None
    """Of the tokens that are kept; None is a file beside that of `key`, made with the first token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonSettings:
    workers: Annotated[int, at_least(1, at_most=512)] = 64
    interval_min: Duration = timedelta(minutes=1)
    interval_max: Duration = timedelta(minutes=15)
    listen: ListenAddress = ""
    log_format: Literal["human", "json"] = "human"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    def __post_init__(self) -> None:
        if self.interval_min > self.interval_max:
            raise ValueError("interval_min must not be longer than interval_max")


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    domains: Annotated[tuple[OwnDomain, ...], Check(no_repeats)]
    level: StoredLevel = Level.SUBJECT
    never_log: tuple[NeverLogEntry, ...] = ()
    protected: tuple[NeverLogEntry, ...] = ()
    visibility: Literal["everyone", "team", "participants"] = "everyone"
    """Who sees what is not private, besides those whom it concerns."""
    outsiders: tuple[Address, ...] = ()
    max_recipients: Annotated[int, at_least(1, at_most=10_000)] = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long each is kept after it happened; None is for ever."""

    text: Duration | None = None
    subject: Duration | None = None
    activities: Duration | None = None

    def __post_init__(self) -> None:
        kept = [each for each in (self.text, self.subject, self.activities) if each is not None]
        if kept != sorted(kept):
            raise ValueError("a text must not be kept longer than its subject, nor that longer than the activity")


_FILES = ("csv", "vcard")
_BOOKS: Mapping[str, str] = {"google": "google", "microsoft365": "microsoft365", "carddav": "caldav"}
"""Kind of source -> of the mailboxes whose contacts it is."""
_ONLY_FOR: Mapping[str, tuple[str, ...]] = {
    "contacts": (*_FILES, "sql"),
    "accounts": ("csv", "sql"),
    "opportunities": ("csv", "sql"),
    "users": ("csv", "sql"),
    "url": ("sql", "carddav"),
    "password": ("sql",),
    "mailboxes": (*_BOOKS,),
    "groups": (*_BOOKS,),
    "other_contacts": ("google",),
}
"""Setting of [directory] -> the kinds of source that have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectorySource:
    """Where the known contacts come from: paths of files, queries on the CRM's own database, or the address books of
    registered mailboxes."""

    kind: Literal["csv", "vcard", "sql", "google", "microsoft365", "carddav"]
    contacts: str = ""
    accounts: str = ""
    opportunities: str = ""
    users: str = ""
    url: SourceUrl = ""
    password: Reference | None = None
    mailboxes: Annotated[tuple[Line, ...], Check(no_repeats)] = ()
    """Their names; that of a block with `users` or `domain` stands for all of its mailboxes."""
    groups: tuple[Line, ...] = ()
    """Labels, categories, folders or books of contacts; all contacts when empty."""
    other_contacts: bool = False
    region: Region = ""
    """Of phone numbers without a country code."""
    refresh: Duration = timedelta(hours=1)

    def __post_init__(self) -> None:
        if self.kind == "sql" and not self.url:
            raise ValueError(
                'url is missing; add the CRM\'s database, such as url = "postgresql://reader@crm.example.com/crm"'
            )
        if self.kind in _BOOKS and not self.mailboxes:
            raise ValueError(
                f'mailboxes: is missing; name those of kind "{self.mailbox_kind}" to take: mailboxes = ["anna"]'
            )
        if self.kind not in _BOOKS and not self.contacts.strip():
            raise ValueError('contacts: is missing; add contacts = "contacts.csv"')
        for name, kinds in _ONLY_FOR.items():
            if getattr(self, name) and self.kind not in kinds:
                these = " or ".join(f'"{kind}"' for kind in kinds)
                raise ValueError(f'{name} is for kind = {these}, and not for "{self.kind}"')

    @property
    def mailbox_kind(self) -> str:
        """Of the mailboxes whose contacts are taken."""
        return _BOOKS.get(self.kind, "")

    def stands_for(self, mailbox: str) -> bool:
        """Whether the contacts of this mailbox are taken."""
        return any(mailbox == name or mailbox.startswith(f"{name}/") for name in self.mailboxes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """One registered account. `settings` is the frozen Settings of its kind (connectors.KINDS)."""

    name: Line
    owner: Line
    kind: str
    settings: object
    secret: Reference | None = None
    """None only where the settings say that they need none."""
    enabled: bool = True
    level: StoredLevel = Level.SUBJECT
    backfill: Duration | None = None
    """None is what suits the kind."""
    aliases: tuple[Address, ...] = ()
    members: tuple[Address, ...] = ()
    never_log: tuple[NeverLogEntry, ...] = ()
    levels: FolderLevels = ()
    """Folder -> the most that is stored of what is in it."""

    def __post_init__(self) -> None:
        if not is_address(self.owner) and not self.members:
            raise ValueError(
                'owner must be an email address, or the name of a team with members = ["anna@example.com", ...]'
            )

    @property
    def reach(self) -> timedelta:
        """How far back it is read."""
        return KINDS[self.kind].backfill if self.backfill is None else self.backfill

    def own_addresses(self) -> frozenset[str]:
        """Address keys. What a shared mailbox is called on the server is ours as well, and never becomes a contact."""
        user = str(getattr(self.settings, "user", ""))
        return addresses((self.owner, user, *self.aliases, *self.members))


class Group(NamedTuple):
    """All users of a domain, whom the provider is asked for (syncd/membership.py)."""

    template: Mailbox
    """What each of their mailboxes is like; its user is the admin in whose name they are listed."""
    domain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    path: Path
    store: StoreSettings
    daemon: DaemonSettings
    organisation: Organisation
    directory: DirectorySource | None
    mailboxes: tuple[Mailbox, ...]
    retention: Retention = Retention()
    groups: tuple[Group, ...] = ()
    own_addresses: frozenset[str] = field(init=False)
    """Address keys of all mailboxes: a colleague is one in each of them."""

    @property
    def address_books(self) -> tuple[Mailbox, ...]:
        """The mailboxes whose contacts are the directory's."""
        return tuple(each for each in self.mailboxes if self.contacts_wanted(each) is not None)

    def contacts_wanted(self, mailbox: Mailbox) -> ContactsWanted | None:
        """What the directory takes of its contacts, if it does."""
        source = self.directory
        if source is None or source.mailbox_kind != mailbox.kind or not source.stands_for(mailbox.name):
            return None
        return ContactsWanted(groups=frozenset(source.groups), url=source.url, others=source.other_contacts)

    def __post_init__(self) -> None:
        own = frozenset(key for mailbox in self.mailboxes for key in mailbox.own_addresses())
        object.__setattr__(self, "own_addresses", own)  # of a frozen value, once, as it is made
