"""The contacts of an account of any CardDAV server (RFC 6352), by the sign-in of its CalDAV mailbox.

What changed is found by the etags of each address book: one request for each, and the cards that are new or other than
before. Sync tokens would tell the same for less, and some servers' are never valid (owncloud/core issue 30820).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import NamedTuple
from urllib.parse import unquote, urljoin

from connectors import caldav_xml as xml
from connectors.base import Card, ContactsWanted, Context
from connectors.caldav_discovery import ADDRESS_BOOKS, Found, find
from connectors.caldav_errors import refused
from connectors.caldav_fetch import GONE, TOGETHER
from connectors.caldav_session import Session, located, path
from connectors.caldav_settings import Settings
from connectors.caldav_xml import CARDDAV, DAV, NotDav
from connectors.http import Response, TooLarge
from connectors.vcard import CutOff, vcards
from syncd.errors import Permanent, Retryable, SyncError

_TYPE, _NAME, _ETAG, _DATA = f"{DAV}resourcetype", f"{DAV}displayname", f"{DAV}getetag", f"{CARDDAV}address-data"
_LARGEST = 8 << 20
"""Octets of one card, with its photo."""


class _Held(NamedTuple):
    etag: str
    card: Card | None
    """None for a group, and for what is no vCard."""


@dataclass(slots=True)
class _Book:
    url: str
    name: str
    cards: dict[str, _Held] = field(default_factory=dict)
    """By path."""


class CardDavAddressBook:
    def __init__(self, settings: Settings, context: Context) -> None:
        self._wanted = context.contacts or ContactsWanted()
        try:
            self._settings = replace(settings, url=self._wanted.url or settings.url)
        except ValueError as error:
            raise Permanent(str(error), cure="mend `url` of [directory]") from error
        self._session = Session(self._settings, context.secret)
        self._found: Found | None = None
        self._books: dict[str, _Book] = {}

    def cards(self) -> Sequence[Card]:
        try:
            found = self._found = self._found or find(self._session, self._settings.address, ADDRESS_BOOKS)
            books = {url: self._current(url, name) for url, name in self._listed(found)}
        except SyncError as error:
            # The server may have moved: the next time it is looked for from the beginning.
            self._found = None
            if self._wanted.url:
                error.cure = error.cure.replace("`url` of the mailbox", "`url` of [directory]")
            raise
        self._books = books
        return [held.card for book in books.values() for held in book.cards.values() if held.card is not None]

    def close(self) -> None:
        self._session.close()

    def _listed(self, found: Found) -> list[tuple[str, str]]:
        """URL and name of each address book that is wanted."""
        asked = xml.propfind([_TYPE, _NAME])
        places = [(url, 1) for url in found.homes] + [(url, 0) for url in found.named]
        books: dict[str, str] = {}
        for place, depth in places:
            rows, base = self._session.multistatus("listing the address books", "PROPFIND", place, asked, depth=depth)
            for row in rows.rows:
                if row.has(_TYPE, f"{CARDDAV}addressbook"):
                    url = self._session.approved(located(row.href, base), seen_at=base)
                    books[url] = row.text(_NAME) or unquote(url.rstrip("/").rpartition("/")[2])
        if not books:
            cure = "check `url` of [directory] and `user` of the mailbox, and that this user has an address book"
            raise Retryable("the server lists no address book", cure=cure)
        wanted = {name.casefold() for name in self._wanted.groups}
        return [(url, name) for url, name in books.items() if not wanted or name.casefold() in wanted]

    def _current(self, url: str, name: str) -> _Book:
        known = self._books.get(url, _Book(url, name)).cards
        etags = self._etags(url, name)
        changed = [each for each, etag in etags.items() if each not in known or known[each].etag != etag or not etag]
        read = {each: _Held(etags[each], card) for each, card in self._read(url, name, changed)}
        return _Book(
            url, name, {each: read.get(each) or known[each] for each in etags if each in read or each in known}
        )

    def _etags(self, url: str, name: str) -> dict[str, str]:
        listed, base = self._session.multistatus(
            f"listing {name}", "PROPFIND", url, xml.propfind([_ETAG, _TYPE]), depth=1
        )
        if not listed.rows:
            # The book itself is always among them: nothing may be concluded from a list without it.
            cure = "nothing, if it passes; else check `url` of the mailbox"
            raise Retryable(f"the list of {name} is empty", cure=cure)
        members = [row for row in listed.rows if not row.has(_TYPE, f"{DAV}collection")]
        return {path(row.href): row.text(_ETAG) for row in members if path(row.href) != path(base)}

    # ------------------------------------------------------------------------------------------------- the cards

    def _read(self, url: str, name: str, paths: Sequence[str]) -> Iterator[tuple[str, Card | None]]:
        """What has gone meanwhile, and what the server cannot give, is left out."""
        for start in range(0, len(paths), TOGETHER):
            yield from self._together(url, name, paths[start : start + TOGETHER])

    def _together(self, url: str, name: str, paths: Sequence[str]) -> Iterator[tuple[str, Card | None]]:
        """One card that a server cannot give must not stop the others (415 for all: DAV-4-TbSync issue 146). Where none
        at all comes, that is the server's trouble and no card's."""
        response: Response | None = None
        with suppress(TooLarge):
            response = self._session.ask("REPORT", url, xml.cards_multiget(paths), depth=1)
        given = _data(response) if response is not None else {}
        missing = [each for each in paths if each not in given]
        answers = {each: self._single(url, each) for each in missing}
        if response is not None and missing and not given and not any(map(_is_answer, answers.values())):
            raise refused(f"reading {name}", response)
        given |= {
            each: answer.body.decode("utf-8-sig", "replace") for each, answer in answers.items() if _is_card(answer)
        }
        yield from ((each, _card(text, each)) for each, text in given.items())

    def _single(self, url: str, wanted: str) -> Response:
        try:
            return self._session.ask("GET", urljoin(url, wanted), max_bytes=_LARGEST)
        except TooLarge:
            return Response(GONE[0], {}, b"", url)


def _is_card(answer: Response) -> bool:
    return answer.status == 200


def _is_answer(answer: Response) -> bool:
    return _is_card(answer) or answer.status in GONE


def _data(response: Response) -> dict[str, str]:
    """Path -> vCard; none where the answer is no list."""
    if response.status != 207:
        return {}
    try:
        rows = xml.multistatus(response.body).rows
    except NotDav:
        return {}
    return {path(row.href): row.properties[_DATA].text or "" for row in rows if _DATA in row.properties}


def _card(text: str, id_: str) -> Card | None:
    """The first of the text, as an object holds one; without a UID it is known by its path."""
    try:
        found = next((card for card in vcards(text) if not card.is_group), None)
    except CutOff:
        return None
    if found is None:
        return None
    cells = found.cells
    first = {name: next(iter(cells.get(name, ())), "") for name in ("id", "name", "account")}
    return Card(
        id=first["id"] or id_,
        name=first["name"],
        addresses=tuple(cells.get("address", ())),
        phones=tuple(cells.get("phone", ())),
        account=first["account"],
    )


def address_book(settings: Settings, context: Context) -> CardDavAddressBook:
    return CardDavAddressBook(settings, context)
