"""The one protocol that every kind of account fulfils, and the promises that its contract suite tests.

A connector knows no contacts, SQL, schedules or logging of failures. It translates every foreign exception into one of
the four of syncd.errors, with a message for a person and a cure. One account is used by one thread at a time.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol, runtime_checkable

from syncd.model import Batch, Cursor, Item, ItemId, Level


class Tokens(Protocol):
    """What an account must keep between its passes to sign in again: one text, sealed at rest (store/vault.py)."""

    def load(self) -> str:
        """What was saved last, in whichever process; empty if nothing was. Permanent if it cannot be opened."""
        ...

    def save(self, text: str) -> None:
        """Put it in the place of what was there. It is durable when this returns."""
        ...


class ContactsWanted(NamedTuple):
    """What the directory takes from an account's contacts."""

    groups: frozenset[str] = frozenset()
    """Names of the labels, categories, folders or books to take, in any case; all contacts when empty."""
    url: str = ""
    """Where the address books are, if not where the account is (CardDAV)."""
    others: bool = False
    """Those, too, whom the owner never saved and only wrote to, where a provider keeps such a list."""


class Context(NamedTuple):
    """What an account is given besides its settings; each is asked when it is needed."""

    mailbox: str
    """What the admin calls it, for cures that are to be typed."""
    secret: Callable[[], str]
    """The password, key or token that the configuration names. Raises SyncError with a cure if it cannot be had."""
    since: Callable[[], datetime]
    """How far back the account is read."""
    now: Callable[[], datetime]
    tokens: Tokens
    level: Level = Level.FULL
    """How much of an item may be stored: of a provider that tells rights apart, no more is asked for."""
    contacts: ContactsWanted | None = None
    """What the directory takes from its contacts; None if nothing, and then no right to them is asked for."""
    processes: int = 1
    """How many read mailboxes at the same time: what a provider allows to all of them together is shared out."""

    @property
    def sign_in(self) -> str:
        """What lets syncd in again."""
        return f"syncd auth {shlex.quote(self.mailbox)}"


class Stream(Protocol):
    """One ordered source with its own cursor: an IMAP folder, a calendar, a task list."""

    @property
    def name(self) -> str:
        """What the admin calls it (`INBOX`, `Sent`); unique within the account, stable over passes."""
        ...

    @property
    def kind(self) -> str:
        """`mail`, `calendar`, `tasks` or `notes`."""
        ...

    @property
    def excluded(self) -> str:
        """Why it is never read (`junk`, `drafts`, `bin`, `folder_excluded`), or empty. It then only shows itself."""
        ...

    def changes(self, cursor: Cursor | None) -> Iterator[Batch]:
        """Yield what came since `cursor`, or the whole window, newest first, when it is None.

        Starting again from a batch's cursor yields, at least once, all that had not been yielded before it. Nothing new
        yields no batch. `CursorExpired` asks the caller to begin again from None.
        """
        ...

    def read(self, ids: Sequence[ItemId], *, text: bool) -> Iterator[Item]:
        """Yield these items again, by id, in any order, with their text if asked; what is gone comes as `Removed`.

        May be called between two batches of `changes` of the same stream.
        """
        ...

    def inventory(self) -> Iterator[ItemId]:
        """Yield the id of every item within the window; for reconciliation and audit."""
        ...


class Account(Protocol):
    """One registered account; holds its connection between passes."""

    def streams(self) -> Sequence[Stream]:
        """What can be read; cheap, but it signs in."""
        ...

    def close(self) -> None:
        """Give back the connection; the account may be used again afterwards."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """By what right an account is read: of a provider that tells."""

    by: str
    """`the app 7d0f5a3e`, `anna@example.com`."""
    permissions: tuple[str, ...]
    """As the provider calls them (`Mail.Read`); empty where it does not say."""
    warnings: tuple[tuple[str, str], ...] = ()
    """What it allows beyond what is needed, each with the cure."""


@runtime_checkable
class Granted(Protocol):
    """An account whose provider tells rights apart."""

    def grant(self) -> Grant:
        """What was really granted; it may cost some requests. Raises the SyncErrors."""
        ...


class Card(NamedTuple):
    """A contact, as an address book has it."""

    id: str
    """The provider's; stays when the rest changes."""
    name: str = ""
    addresses: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    account: str = ""
    """What the firm is called."""


class AddressBook(Protocol):
    """The contacts of one account. It may be closed and used again, and keeps what it was told from one time to the
    next; what is kept lasts as long as the process, and is all listed anew in the next one."""

    def cards(self) -> Sequence[Card]:
        """All that are wanted. Asks what has changed since the last time; raises the SyncErrors, and then nothing is
        forgotten."""
        ...

    def close(self) -> None:
        """Give back the connection."""
        ...
