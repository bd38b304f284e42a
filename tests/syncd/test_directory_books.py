"""The address books of registered mailboxes as the directory: one person is one contact, whoever has saved them."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Card
from connectors.google_contacts import scopes
from connectors.google_sign_in import MAIL
from matching.address import key
from store.directory import Counts
from store.writer import Store
from syncd import config, directory
from syncd.config import Config
from syncd.directory.books import _contacts
from syncd.errors import Permanent, Retryable
from syncd.upkeep import Upkeep
from tests.connectors.contexts import MemoryTokens
from tests.servers import google_errors as errors
from tests.servers.fake_google import FakeGoogle
from tests.servers.fake_google_people import AddressBook
from tests.servers.fake_graph import Cloud
from tests.servers.radicale import Radicale
from tests.syncd import test_google as by_google
from tests.syncd import test_microsoft as by_microsoft
from tests.syncd.doors import Office

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
ANNA, BEN = "anna@example.com", "ben@example.com"
SOURCE = '[directory]\nkind = "google"\nmailboxes = ["office"]\nregion = "DE"\n'


@pytest.fixture
def office(tmp_path: Path, google: FakeGoogle) -> Office:
    """Anna's and Ben's mailboxes, which a service account opens, and whose contacts are the directory."""
    google.clock.now = time.time()
    for user in (ANNA, BEN):
        google.address_book(user)
    office = Office(tmp_path)
    google.oauth.service_account.allowed = frozenset({MAIL, *scopes(None), *_SCOPES})
    office.write("key.json", google.oauth.service_account.key_file(f"{google.url}/token"))
    block = (
        '[[mailboxes]]\nname = "office"\nkind = "google"\nread = ["mail"]\nsecret = "file:key.json"\n'
        f'users = ["{ANNA}", "{BEN}"]\nendpoint = "{google.url}"\n'
    )
    office.configure(block, extra=SOURCE)
    return office


_SCOPES = {"https://www.googleapis.com/auth/contacts.readonly"}


@pytest.fixture
def loaded(office: Office) -> Config:
    return config.load(office.config)


@pytest.fixture
def anna(google: FakeGoogle) -> AddressBook:
    return google.address_book(ANNA)


@pytest.fixture
def ben(google: FakeGoogle) -> AddressBook:
    """No id of Google's is given twice, to whomever."""
    book = google.address_book(BEN)
    book.saved._numbers = itertools.count(1000)
    return book


def ids(store: Store, address: str) -> list[str]:
    found = store.directory([key(address)], []).contacts.values()
    return [contact.id for contacts in found for contact in contacts]


def test_whom_two_owners_have_saved_is_one_contact_with_all_that_both_know(
    store: Store, loaded: Config, anna: AddressBook, ben: AddressBook
) -> None:
    firm = [{"name": "Acme"}]
    anna.saved.put("Zoe", "zoe@acme.example", organizations=firm)
    ben.saved.put("Zoe Zander", "ZOE@acme.example", "zoe@home.example", phoneNumbers=[{"value": "030 1234567"}])

    done = directory.refresh(loaded, store, NOW)

    assert done.report.counts["contacts"] == Counts(created=1)
    assert done.report.counts["accounts"] == Counts(created=1)
    assert ids(store, "zoe@acme.example") == ids(store, "zoe@home.example")
    assert directory.refresh(loaded, store, NOW).report.counts["contacts"] == Counts(unchanged=1)


def test_the_contact_stays_the_same_when_one_of_its_owners_deletes_it(
    store: Store, loaded: Config, anna: AddressBook, ben: AddressBook
) -> None:
    """What was linked to it is linked to it still."""
    annas = anna.saved.put("Zoe", "zoe@acme.example")
    ben.saved.put("Zoe", "zoe@acme.example")
    books = directory.Books(lambda name: MemoryTokens())
    directory.refresh(loaded, store, NOW, books)
    (before,) = ids(store, "zoe@acme.example")

    anna.saved.delete(annas)
    directory.refresh(loaded, store, NOW, books)
    (only,) = ids(store, "zoe@acme.example")
    anna.saved.put("Zoe", "zoe@acme.example")
    done = directory.refresh(loaded, store, NOW, books)

    assert ids(store, "zoe@acme.example") == [only]
    assert done.report.counts["contacts"] == Counts(unchanged=1)
    assert before


def test_two_people_of_one_book_who_share_an_address_stay_two(
    store: Store, loaded: Config, anna: AddressBook, ben: AddressBook
) -> None:
    anna.saved.put("Zoe", "info@acme.example")
    anna.saved.put("Yan", "info@acme.example")
    ben.saved.put("Yan", "info@acme.example", "yan@acme.example")
    directory.refresh(loaded, store, NOW)
    assert len(ids(store, "info@acme.example")) == 2
    assert set(ids(store, "yan@acme.example")) < set(ids(store, "info@acme.example"))


def test_a_book_that_cannot_be_read_takes_nothing_away_and_holds_up_no_other(
    store: Store, loaded: Config, google: FakeGoogle, anna: AddressBook, ben: AddressBook
) -> None:
    zoe = anna.saved.put("zoe", "zoe@acme.example")
    ben.saved.put("yan", "yan@acme.example")
    directory.refresh(loaded, store, NOW)
    anna.saved.delete(zoe)
    anna.saved.put("xia", "xia@acme.example")
    google.oauth.users.discard(BEN)

    done = directory.refresh(loaded, store, NOW)

    assert [each.part for each in done.unread] == [f"office/{BEN}"]
    assert "cannot act for ben@example.com" in done.unread[0].error
    assert ids(store, "xia@acme.example")
    assert ids(store, "yan@acme.example")
    assert not ids(store, "zoe@acme.example")
    google.oauth.users.add(BEN)
    ben.saved.people.clear()
    assert directory.refresh(loaded, store, NOW).unread == ()
    assert not ids(store, "yan@acme.example")


def test_whom_an_unreadable_book_has_too_keeps_what_only_that_one_said(
    store: Store, loaded: Config, google: FakeGoogle, anna: AddressBook, ben: AddressBook
) -> None:
    annas = anna.saved.put("Zoe", "zoe@acme.example", "zoe@home.example")
    ben.saved.put("Zoe", "zoe@acme.example", "zoe@away.example")
    directory.refresh(loaded, store, NOW)
    (stored,) = ids(store, "zoe@acme.example")
    google.oauth.users.discard(BEN)
    directory.refresh(loaded, store, NOW)
    assert ids(store, "zoe@away.example") == [stored]
    anna.saved.delete(annas)
    anna.saved.put("Yan", "yan@acme.example")
    directory.refresh(loaded, store, NOW)
    assert ids(store, "zoe@acme.example") == [stored]


def test_of_a_book_that_was_never_read_nothing_is_taken_for_removed(
    store: Store, loaded: Config, google: FakeGoogle, anna: AddressBook
) -> None:
    """As after an upgrade from a version that did not note which book lists whom."""
    zoe = anna.saved.put("zoe", "zoe@acme.example")
    google.oauth.users.discard(BEN)
    directory.refresh(loaded, store, NOW)
    anna.saved.delete(zoe)
    anna.saved.put("xia", "xia@acme.example")
    directory.refresh(loaded, store, NOW)
    assert ids(store, "zoe@acme.example")
    assert ids(store, "xia@acme.example")


def test_of_whom_an_unreadable_book_has_too_no_second_contact_is_made(
    store: Store, loaded: Config, google: FakeGoogle, anna: AddressBook, ben: AddressBook
) -> None:
    anna.saved.put("Zoe", "zoe@acme.example", "zoe@home.example")
    ben.saved.put("Zoe", "zoe@acme.example")
    directory.refresh(loaded, store, NOW)
    (stored,) = ids(store, "zoe@home.example")
    google.plan = lambda call: errors.BACKEND if call.user == ANNA else None

    ben.saved.put("Yan", "yan@acme.example")
    directory.refresh(loaded, store, NOW)

    assert ids(store, "zoe@acme.example") == ids(store, "zoe@home.example") == [stored]
    assert ids(store, "yan@acme.example")


def test_of_books_of_which_none_can_be_read_each_is_named(
    store: Store, loaded: Config, google: FakeGoogle, anna: AddressBook
) -> None:
    anna.saved.put("zoe", "zoe@acme.example")
    directory.refresh(loaded, store, NOW)
    google.oauth.users -= {ANNA, BEN}
    with pytest.raises(Permanent, match=r"office/anna@example\.com: .*; office/ben@example\.com: "):
        directory.refresh(loaded, store, NOW)
    assert ids(store, "zoe@acme.example")


def test_a_book_that_cannot_be_read_is_told_by_name_until_it_can(
    office: Office, google: FakeGoogle, anna: AddressBook, ben: AddressBook
) -> None:
    for user, book, name in ((ANNA, anna, "zoe"), (BEN, ben, "yan")):
        google.mailbox(user)
        book.saved.put(name, f"{name}@acme.example")
    google.oauth.users.discard(BEN)
    wrong = office.syncd("check").out
    assert f"directory: 1 contacts of office/{ANNA}\ndirectory, office/{BEN}: not readable\n" in wrong
    refreshed = office.syncd("contacts", "refresh")
    assert refreshed.code == 1
    assert f"{BEN}: not readable, so what is known of it stays:\n  the service account cannot act" in refreshed.out
    office.process("once", f"office/{ANNA}")
    assert (
        f"directory, office/{BEN}: retrying\n  the service account cannot act for {BEN}" in office.syncd("status").out
    )

    google.oauth.users.add(BEN)
    assert office.process("once").code == 0
    assert "directory" not in office.syncd("status").out
    assert "yan@acme.example" in office.syncd("contacts", "list").out


def test_a_book_that_is_suddenly_nearly_empty_takes_nothing_away(
    store: Store, loaded: Config, anna: AddressBook
) -> None:
    people = [anna.saved.put(name, f"{name}@acme.example") for name in ("zoe", "yan", "xia", "wim", "vic")]
    directory.refresh(loaded, store, NOW)
    for each in people[1:]:
        anna.saved.delete(each)
    assert directory.refresh(loaded, store, NOW).report.counts["contacts"] == Counts(unchanged=1, withheld=4)


def test_the_daemon_asks_only_for_what_has_changed(
    store: Store, loaded: Config, google: FakeGoogle, anna: AddressBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoe = anna.saved.put("zoe", "zoe@acme.example")
    anna.saved.put("yan", "yan@acme.example")
    upkeep = Upkeep(loaded, store)
    assert upkeep.keep()
    later = time.monotonic() + 7200
    monkeypatch.setattr(time, "monotonic", lambda: later)
    anna.saved.put("xia", "xia@acme.example")
    anna.saved.delete(zoe)

    assert upkeep.keep()

    assert ids(store, "xia@acme.example")
    assert not ids(store, "zoe@acme.example")
    asked = ["syncToken" in call.query for call in google.of("people.people.connections.list")]
    assert asked == [False, False, True, True]


def test_who_joins_brings_their_contacts_along(
    store: Store, loaded: Config, anna: AddressBook, ben: AddressBook
) -> None:
    anna.saved.put("zoe", "zoe@acme.example")
    ben.saved.put("yan", "yan@acme.example")
    upkeep = Upkeep(replace(loaded, mailboxes=loaded.mailboxes[:1]), store)
    assert upkeep.keep()
    assert not ids(store, "yan@acme.example")
    upkeep.adopt(loaded)
    assert upkeep.keep()
    assert ids(store, "yan@acme.example")


def test_a_domain_of_which_nobody_is_known_yet_is_waited_for(store: Store, loaded: Config) -> None:
    with pytest.raises(Retryable, match="no mailbox of office is known yet"):
        directory.refresh(replace(loaded, mailboxes=()), store, NOW)


def test_what_has_neither_address_nor_number_is_no_contact(store: Store, loaded: Config, anna: AddressBook) -> None:
    anna.saved.put("Birthday only")
    anna.saved.put("By phone", phoneNumbers=[{"value": "030 7654321"}])
    anna.saved.put("Nonsense", phoneNumbers=[{"value": "call me"}])
    done = directory.refresh(loaded, store, NOW)
    assert done.report.counts["contacts"] == Counts(created=1)
    assert [each.place for each in done.skipped] == [f"office/{ANNA}: Nonsense"] * 2


def test_check_shows_the_source_and_what_it_lacks(office: Office, google: FakeGoogle, anna: AddressBook) -> None:
    google.mailbox(ANNA)
    google.mailbox(BEN)
    anna.saved.put("zoe", "zoe@acme.example")
    checked = office.syncd("check")
    assert f"directory: 1 contacts of office/{ANNA}, office/{BEN}" in checked.out
    assert checked.code == 0

    google.oauth.service_account.allowed = frozenset({MAIL})
    checked = office.syncd("check")
    assert checked.code == 1
    assert "directory: not readable" in checked.out
    assert "contacts.readonly" in checked.out


def test_contacts_are_refreshed_by_hand(office: Office, anna: AddressBook) -> None:
    anna.saved.put("Zoe", "zoe@acme.example")
    done = office.syncd("contacts", "refresh")
    assert done.code == 0, done.err
    assert "contacts: new 1" in done.out
    assert "zoe@acme.example" in office.syncd("contacts", "list").out


def test_an_owner_is_asked_for_the_contacts_when_the_directory_takes_them(tmp_path: Path, google: FakeGoogle) -> None:
    office = Office(tmp_path)
    office.write("google.json", google.oauth.client_file(f"{google.url}/token"))
    source = SOURCE.replace("office", "carl")
    office.configure(by_google.block(google), extra=source)
    google.address_book(by_google.CARL).saved.put("Zoe", "zoe@client.example")
    google.mailbox(by_google.CARL).deliver(by_google.LETTER)

    said = by_google.sign_in(office, google)
    assert "contacts.readonly" in said
    once = office.process("once")

    assert once.code == 0, once.err
    assert "The offer" in office.syncd("timeline", "zoe@client.example").out


def test_the_contacts_of_a_mailbox_at_microsoft_are_the_directory(tmp_path: Path, microsoft: Cloud) -> None:
    office = Office(tmp_path)
    microsoft.login.user = by_microsoft.DORA
    microsoft.login.roles |= {"Contacts.Read"}
    microsoft.login.consented |= {"Contacts.Read"}
    by_microsoft.deliver(microsoft.graph.mailbox(by_microsoft.DORA, "Dora"))
    microsoft.graph.contacts[by_microsoft.DORA].add("Zoe", "zoe@client.example", companyName="Client")
    source = SOURCE.replace("office", "dora").replace("google", "microsoft365")
    office.configure(by_microsoft.block(microsoft, 'sign_in = "user"'), extra=source)
    said = office.process("auth", "dora", "--no-browser")
    assert "Contacts.Read" in said.out

    once = office.process("once")

    assert once.code == 0, once.err
    assert "The offer" in office.syncd("timeline", "zoe@client.example").out
    assert "directory: 1 contacts of dora" in office.syncd("check").out


def test_the_address_book_of_a_carddav_server_is_the_directory(tmp_path: Path, radicale: Radicale) -> None:
    user = radicale.new_user()
    people = radicale.owner(user).make_address_book("people")
    card = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:zoe\r\nFN:Zoe\r\nEMAIL:zoe@client.example\r\nEND:VCARD\r\n"
    radicale.owner(user).put(f"{people}zoe.vcf", card, "text/vcard")
    office = Office(tmp_path)
    office.write("anna.secret", radicale.passwords[user])
    block = (
        f'[[mailboxes]]\nname = "anna"\nowner = "{ANNA}"\nkind = "caldav"\nenabled = false\n'
        f'url = "https://calendars.example/"\nuser = "{user}"\nsecret = "file:anna.secret"\n'
    )
    office.configure(block, extra=f'[directory]\nkind = "carddav"\nmailboxes = ["anna"]\nurl = "{radicale.url}"\n')

    done = office.syncd("contacts", "refresh")

    assert done.code == 0, done.err
    assert "zoe@client.example" in office.syncd("contacts", "list").out


CARDS = st.builds(
    Card,
    id=st.sampled_from("abcdef"),
    name=st.sampled_from(["Zoe", "Yan", ""]),
    addresses=st.lists(st.sampled_from(["a@x.example", "b@x.example", "A@X.example"]), max_size=2).map(tuple),
    phones=st.just(("+49301234567",)),
)


@given(st.lists(st.lists(CARDS, max_size=4, unique_by=lambda card: card.id), max_size=3))
def test_every_card_is_in_one_contact_and_of_one_book_two_are_two(books: list[list[Card]]) -> None:
    """However it is with accounts that are registered twice, whose cards have the same ids."""
    named = {f"box{number}": cards for number, cards in enumerate(books)}
    found = [contact.record(()) for contact in _contacts(named)]
    assert len(found) <= sum(map(len, books))
    ids = [card.id for cards in books for card in cards]
    if len(set(ids)) == len(ids):
        assert len(found) >= max(map(len, books), default=0)
    assert len({record.first("id") for record in found}) == len(found)
    told = {key(address) for record in found for address in record.all("address")}
    assert told == {key(address) for cards in books for card in cards for address in card.addresses}
