"""Address books of a real Radicale: found, followed by their etags, and read whatever a single card is like."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from connectors.base import Card, ContactsWanted
from connectors.caldav_settings import Settings
from connectors.carddav import CardDavAddressBook
from syncd.errors import Permanent, ReauthNeeded, Retryable
from tests.connectors.contexts import context
from tests.servers.dav import Dav
from tests.servers.loopback_http import Asked, Told, serve
from tests.servers.radicale import Radicale
from tests.servers.recording_http import record


def vcard(uid: str, *lines: str) -> str:
    whole = ("BEGIN:VCARD", "VERSION:3.0", f"UID:{uid}", f"FN:{uid.title()}", *lines, "END:VCARD", "")
    return "\r\n".join(whole)


@dataclass
class Owner:
    """A user with an address book, and the connector before it."""

    server: Radicale
    user: str
    wanted: ContactsWanted = field(default_factory=ContactsWanted)
    opened: list[CardDavAddressBook] = field(default_factory=list)

    @property
    def dav(self) -> Dav:
        return self.server.owner(self.user)

    def make(self, name: str) -> str:
        return self.dav.make_address_book(name)

    def put(self, book: str, uid: str, *lines: str) -> None:
        self.dav.put(f"{book}{uid}.vcf", vcard(uid, *lines or [f"EMAIL:{uid}@client.example"]), "text/vcard")

    def open(self, url: str = "") -> CardDavAddressBook:
        settings = Settings(url=url or self.server.url, user=self.user)
        given = context(self.server.passwords[self.user])._replace(contacts=self.wanted)
        self.opened.append(book := CardDavAddressBook(settings, given))
        return book


@pytest.fixture
def owner(radicale: Radicale) -> Iterator[Owner]:
    owner = Owner(radicale, radicale.new_user())
    yield owner
    for book in owner.opened:
        book.close()


def names(book: CardDavAddressBook) -> list[str]:
    return sorted(card.name for card in book.cards())


def test_the_books_are_found_from_the_host_alone_and_their_cards_read(owner: Owner) -> None:
    people = owner.make("people")
    owner.put(people, "zoe", "EMAIL;TYPE=work:zoe@acme.example", "TEL;TYPE=cell:+49 171 5550100", "ORG:Acme;Sales")
    assert owner.open().cards() == [
        Card("zoe", "Zoe", ("zoe@acme.example",), ("+49 171 5550100",), "Acme"),
    ]


def test_what_came_changed_and_went_is_read_and_nothing_else(owner: Owner, radicale: Radicale) -> None:
    people = owner.make("people")
    for number in range(70):
        owner.put(people, f"c{number:02}")
    with record(radicale.port) as seen:
        book = owner.open(f"{seen.url}/")
        assert len(book.cards()) == 70
        assert {*seen.methods} <= {"PROPFIND", "REPORT", "GET"}
        seen.clear()
        owner.put(people, "c00", "EMAIL:new@client.example")
        owner.put(people, "zoe")
        owner.dav.delete(f"{people}c01.vcf")
        cards = {card.id: card for card in book.cards()}
        assert cards["c00"].addresses == ("new@client.example",)
        assert len(cards) == 70
        assert "c01" not in cards
        read = [each.asked.body for each in seen.exchanges if each.asked.method == "REPORT"]
        assert [body.count(b"<d:href>") for body in read] == [2]
        book.close()


def test_only_wanted_books_are_read(owner: Owner) -> None:
    for name, uid in (("customers", "zoe"), ("family", "mum")):
        owner.put(owner.make(name), uid)
    assert names(owner.open()) == ["Mum", "Zoe"]
    owner.wanted = ContactsWanted(groups=frozenset({"Customers"}))
    assert names(owner.open()) == ["Zoe"]


def test_a_book_at_another_host_than_the_calendars_is_read_with_the_same_password(owner: Owner) -> None:
    owner.put(owner.make("people"), "zoe")
    owner.wanted = ContactsWanted(url=owner.server.url)
    assert names(owner.open("https://calendars.example/")) == ["Zoe"]
    owner.wanted = ContactsWanted(url="http://contacts.example/")
    with pytest.raises(Permanent, match="in clear") as caught:
        owner.open()
    assert "[directory]" in caught.value.cure
    owner.wanted = ContactsWanted(url="http://localhost:1/")
    with pytest.raises(Retryable, match="refuses connections") as refused:
        names(owner.open())
    assert "`url` of [directory]" in refused.value.cure


def test_groups_are_nobody(owner: Owner) -> None:
    people = owner.make("people")
    owner.put(people, "zoe")
    owner.put(people, "team", "X-ADDRESSBOOKSERVER-KIND:group", "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:zoe")
    assert names(owner.open()) == ["Zoe"]


def test_a_user_without_a_book_and_a_wrong_password_are_told_apart(owner: Owner) -> None:
    with pytest.raises(Retryable, match="no address book"):
        owner.open().cards()
    owner.server.passwords[owner.user] += "x"
    with pytest.raises(ReauthNeeded):
        owner.open().cards()


def scripted(cards: dict[str, str], broken: set[str], status: int) -> Callable[[Asked], Told]:
    """A server that refuses every report in which a broken card is asked for, and that card alone as well."""

    def answer(asked: Asked) -> Told:
        if asked.method == "PROPFIND":
            kind = "<d:resourcetype><d:collection/><a:addressbook/></d:resourcetype>"
            members = [_row("/book/", kind)]
            if asked.headers.get("depth") == "1":
                members += [_row(f"/book/{name}", f'<d:getetag>"{name}"</d:getetag>') for name in cards]
            return _multistatus(members)
        if asked.method == "REPORT":
            wanted = [name for name in cards if f"/book/{name}<".encode() in asked.body]
            if broken & {*wanted}:
                return Told(status)
            return _multistatus(
                [_row(f"/book/{name}", f"<a:address-data>{cards[name]}</a:address-data>") for name in wanted]
            )
        name = asked.path.rpartition("/")[2]
        return Told(status) if name in broken else Told(200, cards[name].encode())

    return answer


def _row(href: str, properties: str) -> str:
    told = f"<d:propstat><d:prop>{properties}</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat>"
    return f"<d:response><d:href>{href}</d:href>{told}</d:response>"


def _multistatus(rows: list[str]) -> Told:
    spaces = 'xmlns:d="DAV:" xmlns:a="urn:ietf:params:xml:ns:carddav"'
    return Told(207, f"<d:multistatus {spaces}>{''.join(rows)}</d:multistatus>".encode())


@pytest.mark.parametrize("status", [415, 500])
def test_a_card_that_the_server_cannot_give_does_not_stop_the_others_and_does_not_vanish(status: int) -> None:
    cards = {f"{name}.vcf": vcard(name, f"EMAIL:{name}@client.example") for name in ("zoe", "yan", "xia")}
    broken: set[str] = set()
    with serve(scripted(cards, broken, status)) as port:
        settings = Settings(url=f"http://localhost:{port}/book/", user="anna")
        book = CardDavAddressBook(settings, context("secret")._replace(contacts=ContactsWanted()))
        broken.add("yan.vcf")
        assert names(book) == ["Xia", "Zoe"]
        broken.clear()
        assert names(book) == ["Xia", "Yan", "Zoe"]
        broken.update(cards)
        fresh = CardDavAddressBook(settings, context("secret")._replace(contacts=ContactsWanted()))
        with pytest.raises((Retryable, Permanent)):
            fresh.cards()
        book.close()
        fresh.close()
