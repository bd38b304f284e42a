"""The contacts of a Google account by the real client: changes are followed, and a token that ended loses nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from connectors.base import Card, ContactsWanted
from connectors.google_contacts import GoogleAddressBook, scopes
from connectors.google_quota import Quotas
from connectors.google_sign_in import MAIL
from syncd.errors import Permanent, ReauthNeeded, Retryable
from tests.connectors.google_worlds import USER, GmailWorld
from tests.servers import google_errors as errors
from tests.servers.fake_google import FakeGoogle
from tests.servers.fake_google_people import AddressBook
from tests.servers.google_errors import Refusal

PLAIN, EVERYBODY = ContactsWanted(), ContactsWanted(others=True)
WEEK = 7 * 86_400


@pytest.fixture
def world(google: FakeGoogle) -> GmailWorld:
    world = GmailWorld(google)
    world.sign_in(*scopes(EVERYBODY))
    return world


@pytest.fixture
def book(google: FakeGoogle) -> AddressBook:
    return google.address_book(USER)


def opened(world: GmailWorld, wanted: ContactsWanted = PLAIN) -> GoogleAddressBook:
    quotas = Quotas(world.fake.clock, world.fake.clock.sleep)
    return GoogleAddressBook(world.settings, world.context._replace(contacts=wanted), quotas=quotas)


def named(cards: Iterable[Card]) -> list[str]:
    return sorted(card.name for card in cards)


def lists(world: GmailWorld) -> list[dict[str, Any]]:
    return [call.query for call in world.fake.of("people.people.connections.list")]


def test_a_contact_has_its_addresses_its_numbers_and_its_firm(world: GmailWorld, book: AddressBook) -> None:
    phones = [
        {"value": "030 1234567", "canonicalForm": "+49301234567", "type": "work"},
        {"value": "0171 5550100", "type": "mobile"},
        {"value": "030 99", "type": "workFax"},
    ]
    firms = [{"name": "Former Ltd"}, {"name": "Acme", "current": True}]
    book.saved.put("Zoe", "zoe@acme.example", "zoe@home.example", phoneNumbers=phones, organizations=firms)

    (card,) = opened(world).cards()

    assert card == Card(
        id=card.id,
        name="Zoe",
        addresses=("zoe@acme.example", "zoe@home.example"),
        phones=("+49301234567", "0171 5550100"),
        account="Acme",
    )


def test_what_came_changed_and_went_is_told_without_a_second_listing(world: GmailWorld, book: AddressBook) -> None:
    book.saved.page = 2
    people = [book.saved.put(name, f"{name}@client.example") for name in ("zoe", "yan", "xia", "wim", "vic")]
    ours = opened(world)
    assert named(ours.cards()) == ["vic", "wim", "xia", "yan", "zoe"]
    asked = len(lists(world))

    book.saved.delete(people[0])
    book.saved.put("yanna", "yan@client.example", resource=people[1])
    book.saved.put("uli", "uli@client.example")
    again = ours.cards()

    assert named(again) == ["uli", "vic", "wim", "xia", "yanna"]
    assert len(lists(world)) == asked + 2
    assert all("syncToken" in query for query in lists(world)[asked:])
    assert named(ours.cards()) == named(again)


def test_the_id_stays_when_the_contact_is_linked_to_a_profile_and_gets_another_resource_name(
    world: GmailWorld, book: AddressBook
) -> None:
    resource = book.saved.put("zoe", "zoe@client.example")
    ours = opened(world)
    before = ours.cards()

    book.saved.rename(resource)

    assert ours.cards() == before
    assert opened(world).cards() == before


def test_a_token_that_ended_is_followed_by_a_whole_listing_that_finds_what_has_gone(
    world: GmailWorld, book: AddressBook
) -> None:
    """The tombstones of what was deleted meanwhile are never seen."""
    gone, _ = (book.saved.put(name, f"{name}@client.example") for name in ("zoe", "yan"))
    ours = opened(world)
    ours.cards()
    world.fake.clock.sleep(WEEK - 60)
    assert named(ours.cards()) == ["yan", "zoe"]

    world.fake.clock.sleep(120)
    book.saved.delete(gone)
    book.saved.put("xia", "xia@client.example")

    assert named(ours.cards()) == ["xia", "yan"]
    assert "syncToken" not in lists(world)[-1]


@pytest.mark.parametrize(
    "refusal", [errors.bad_request("Invalid sync token."), errors.refusal(410, "x", "gone", "GONE")]
)
def test_a_token_that_means_nothing_to_google_is_not_used_again(
    world: GmailWorld, book: AddressBook, refusal: Refusal
) -> None:
    book.saved.put("zoe", "zoe@client.example")
    ours = opened(world)
    ours.cards()
    world.fake.fail_next(refusal, method="people.people.connections.list")
    assert named(ours.cards()) == ["zoe"]


def test_a_listing_that_breaks_off_leaves_what_was_known_and_its_token(world: GmailWorld, book: AddressBook) -> None:
    book.saved.page = 1
    first = book.saved.put("zoe", "zoe@client.example")
    ours = opened(world)
    ours.cards()
    book.saved.put("yan", "yan@client.example")
    book.saved.delete(first)
    world.fake.fail_next(None, *[errors.BACKEND] * 3, method="people.people.connections.list")
    with pytest.raises(Retryable):
        ours.cards()
    assert named(ours.cards()) == ["yan"]


def test_the_quota_of_the_first_page_is_waited_for(world: GmailWorld, book: AddressBook) -> None:
    book.saved.put("zoe", "zoe@client.example")
    book.saved.refuses_full = 2
    assert named(opened(world).cards()) == ["zoe"]


def test_only_contacts_with_a_wanted_label_are_taken(world: GmailWorld, book: AddressBook) -> None:
    book.saved.put("zoe", "zoe@client.example", memberships=[book.membership("Customers")])
    mother = book.saved.put("mum", "mum@home.example", memberships=[book.membership("Family")])
    ours = opened(world, ContactsWanted(groups=frozenset({"customers"})))
    assert named(ours.cards()) == ["zoe"]
    book.saved.put("mum", "mum@home.example", resource=mother, memberships=[book.membership("Customers")])
    assert named(ours.cards()) == ["mum", "zoe"]


def test_whom_the_owner_only_wrote_to_is_taken_on_request(world: GmailWorld, book: AddressBook) -> None:
    book.saved.put("zoe", "zoe@client.example")
    other = book.others.put("yan", "yan@client.example")
    assert named(opened(world).cards()) == ["zoe"]
    assert world.fake.of("people.otherContacts.list") == []
    ours = opened(world, EVERYBODY)
    assert named(ours.cards()) == ["yan", "zoe"]
    book.others.delete(other)
    assert named(ours.cards()) == ["zoe"]


def test_a_consent_of_before_says_what_is_missing_and_what_to_type(google: FakeGoogle) -> None:
    world = GmailWorld(google)
    with pytest.raises(ReauthNeeded, match=r"has not allowed contacts\.readonly") as caught:
        opened(world).cards()
    assert "syncd auth anna" in caught.value.cure


def test_a_service_account_asks_for_the_scope_of_contacts_only(world: GmailWorld, book: AddressBook) -> None:
    book.saved.put("zoe", "zoe@client.example")
    world.use_service_account(MAIL)
    with pytest.raises(Permanent, match="not delegated") as caught:
        opened(world).cards()
    assert "contacts.readonly" in caught.value.cure
    world.use_service_account(MAIL, *scopes(PLAIN))
    assert named(opened(world).cards()) == ["zoe"]
    assert {access.scopes for access in world.fake.oauth.accesses.values()} == {scopes(PLAIN)}


def test_an_api_that_is_not_enabled_is_named(world: GmailWorld) -> None:
    world.fake.disabled.add("people")
    with pytest.raises(Permanent, match="the People API is not enabled"):
        opened(world).cards()
