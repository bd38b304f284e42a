"""The address books of registered mailboxes as a source of the directory.

One person may be in the books of several owners: whoever shares an address with a card of another book is the same
contact, as else all mail with that person would be linked twice. Within one book two cards stay two contacts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from connectors import KINDS
from connectors.base import AddressBook, Card, Tokens
from matching.address import key
from store.directory_rows import ContactRow
from store.health import Unread
from syncd.config import Config, Mailbox
from syncd.directory import parts
from syncd.directory.records import Record
from syncd.errors import Retryable
from syncd.opening import context


class Listing(NamedTuple):
    records: list[Record]
    lists: Mapping[str, Collection[str]]
    """Mailbox -> the ids of those that are in its book, of all books that can be read."""
    unread: tuple[Unread, ...]


@dataclass(slots=True)
class Books:
    """Kept from one refresh to the next, so that only what changed is asked for."""

    tokens: Callable[[str], Tokens]
    """Of a mailbox, by its name."""
    _books: dict[str, AddressBook] = field(default_factory=dict)

    def records(self, config: Config, known: Collection[str], stored: Callable[[], Iterable[ContactRow]]) -> Listing:
        """The contacts of all of them, and which books cannot be read. Raises one of the SyncErrors if none can.

        `known` are the external ids that the store has: a contact that is in several books keeps the one that it was
        stored under. `stored` are the contacts that have one; asked for if a book cannot be read, as one of its people
        may be in another book as well.
        """
        assert config.directory is not None
        mailboxes = config.address_books
        if not mailboxes:
            names = ", ".join(config.directory.mailboxes)
            raise Retryable(f"no mailbox of {names} is known yet", cure="syncd check")
        cards, unread = parts.each({each.name: partial(self._cards, config, each) for each in mailboxes})
        contacts = _contacts(cards, [*map(_card, stored())] if unread else ())
        records, lists = [], {name: set[str]() for name in cards}
        for contact in contacts:
            records.append(record := contact.record(known))
            for name in contact.mailboxes:
                lists[name].add(record.first("id"))
        return Listing(records, lists, unread)

    def _cards(self, config: Config, mailbox: Mailbox) -> Sequence[Card]:
        book = self._books.get(mailbox.name)
        if book is None:
            given = context(mailbox, self.tokens(mailbox.name), _now, config.contacts_wanted(mailbox))
            book = self._books[mailbox.name] = KINDS[mailbox.kind].address_book(mailbox.settings, given)
        try:
            return book.cards()
        finally:
            book.close()


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class _Contact:
    """The cards of one person."""

    stored: Card | None = None
    """What the store has, where not all books could be read."""
    cards: list[Card] = field(default_factory=list)
    mailboxes: list[str] = field(default_factory=list)
    """Whose they are."""

    @property
    def names(self) -> set[str]:
        return {card.name.casefold() for card in (*self.cards, *([self.stored] if self.stored else []))}

    def record(self, known: Collection[str]) -> Record:
        cards = self.cards
        id_ = self.stored.id if self.stored else next((card.id for card in cards if card.id in known), cards[0].id)
        name = _first(card.name for card in cards)
        cells = {
            "id": [id_],
            "name": [name],
            "address": _distinct(address for card in cards for address in card.addresses),
            "phone": _distinct(phone for card in cards for phone in card.phones),
            "account": [_first(card.account for card in cards)],
        }
        found = {column: there for column, values in cells.items() if (there := [value for value in values if value])}
        return Record(f"{', '.join(dict.fromkeys(self.mailboxes))}: {name or id_}", 0, found)


def _card(row: ContactRow) -> Card:
    return Card(row.external_id, row.name, row.addresses)


def _contacts(books: Mapping[str, Iterable[Card]], stored: Iterable[Card] = ()) -> list[_Contact]:
    """Of what has an address or a number, as the rest of a book can never be met in a mail or a call."""
    contacts = [_Contact(card) for card in stored]
    by_id = {each.stored.id: each for each in contacts if each.stored}
    by_address: defaultdict[str, list[_Contact]] = defaultdict(list)
    for each in contacts:
        for own in _keys(each.stored):
            by_address[own].append(each)
    for mailbox, cards in books.items():
        # The same account may be registered twice: what is known by its id is that, whatever else it shares.
        for card in sorted(cards, key=lambda card: (card.id not in by_id, card)):
            if not card.addresses and not card.phones:
                continue
            keys = _keys(card)
            contact = by_id.get(card.id) or _same(card, mailbox, [each for own in keys for each in by_address[own]])
            if contact is None:
                contacts.append(contact := _Contact())
            contact.cards.append(card)
            contact.mailboxes.append(mailbox)
            by_id[card.id] = contact
            for own in keys:
                by_address[own].append(contact)
    return [contact for contact in contacts if contact.cards]


def _keys(card: Card | None) -> list[str]:
    return sorted(filter(None, set(map(key, card.addresses)))) if card else []


def _same(card: Card, mailbox: str, others: Iterable[_Contact]) -> _Contact | None:
    """Of those that share an address with it, from other books, the one of the same name, else the only one."""
    free = list({id(each): each for each in others if mailbox not in each.mailboxes}.values())
    namesakes = [each for each in free if card.name.casefold() in each.names]
    if namesakes:
        return namesakes[0]
    return free[0] if len(free) == 1 else None


def _first(values: Iterable[str]) -> str:
    return next(filter(None, values), "")


def _distinct(values: Iterable[str]) -> list[str]:
    return list({value.casefold(): value for value in values}.values())
