"""The contacts of a mailbox at Microsoft 365 by the real client: every folder, and what changes in each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from connectors.base import Card, ContactsWanted
from connectors.graph_contacts import GraphAddressBook
from connectors.microsoft_sign_in import sign_in
from syncd.errors import Permanent, ReauthNeeded, SyncError
from tests.connectors.graph_worlds import USER, GraphWorld, graph_world
from tests.servers.fake_graph import Cloud
from tests.servers.fake_graph_contacts import DEFAULT, Contacts
from tests.servers.fake_graph_query import failure

PLAIN = ContactsWanted()


@pytest.fixture
def world(microsoft: Cloud) -> Iterator[GraphWorld]:
    microsoft.login.roles |= {"Contacts.Read"}
    with graph_world(microsoft) as world:
        yield world


@pytest.fixture
def contacts(world: GraphWorld) -> Contacts:
    return world.cloud.graph.contacts[USER]


def opened(world: GraphWorld, wanted: ContactsWanted = PLAIN) -> GraphAddressBook:
    return GraphAddressBook(world.settings, world.context()._replace(contacts=wanted))


def told(book: GraphAddressBook) -> Iterable[Card]:
    try:
        return book.cards()
    finally:
        book.close()


def names(book: GraphAddressBook) -> list[str]:
    return sorted(card.name for card in told(book))


def refusal(book: GraphAddressBook) -> SyncError:
    with pytest.raises(SyncError) as caught:
        told(book)
    return caught.value


def test_a_contact_has_its_addresses_its_numbers_and_its_firm(world: GraphWorld, contacts: Contacts) -> None:
    contacts.add(
        "Zoe",
        "zoe@acme.example",
        "zoe@home.example",
        companyName="Acme",
        businessPhones=["+49 30 1234567"],
        mobilePhone="+49 171 5550100",
    )
    (card,) = told(opened(world))
    assert card == Card(
        id=card.id,
        name="Zoe",
        addresses=("zoe@acme.example", "zoe@home.example"),
        phones=("+49 30 1234567", "+49 171 5550100"),
        account="Acme",
    )


def test_folders_within_folders_are_read_and_the_one_that_no_list_shows(world: GraphWorld, contacts: Contacts) -> None:
    contacts.add_folder("Customers")
    contacts.add_folder("South", "Customers")
    contacts.add("zoe", "zoe@client.example")
    contacts.add("yan", "yan@client.example", folder="Customers")
    contacts.add("xia", "xia@client.example", folder="South")
    assert names(opened(world)) == ["xia", "yan", "zoe"]


@pytest.mark.parametrize("partial", [False, True])
def test_what_came_changed_moved_and_went_is_told_by_the_links(
    world: GraphWorld, contacts: Contacts, partial: bool
) -> None:
    contacts.partial = partial
    contacts.add_folder("Customers")
    zoe, yan, xia = (contacts.add(name, f"{name}@client.example") for name in ("zoe", "yan", "xia"))
    book = opened(world)
    before = {card.name: card for card in told(book)}
    asked = len(world.cloud.graph.requests)

    contacts.remove(zoe)
    contacts.change(yan, displayName="yanna")
    contacts.move(xia, "Customers")
    contacts.add("wim", "wim@client.example", folder="Customers")
    after = {card.name: card for card in told(book)}

    assert sorted(after) == ["wim", "xia", "yanna"]
    assert after["xia"] == before["xia"]
    assert after["yanna"] == before["yan"]._replace(name="yanna")
    links = [each.url for each in world.cloud.graph.requests[asked:] if "delta" in each.url]
    assert all("deltatoken" in link for link in links[:2])


def test_a_contact_that_was_moved_away_and_back_is_still_there(world: GraphWorld, contacts: Contacts) -> None:
    contacts.add_folder("Customers")
    contacts.replays_moves = True
    zoe = contacts.add("zoe", "zoe@client.example")
    contacts.add("yan", "yan@client.example")
    book = opened(world)
    told(book)
    contacts.move(zoe, "Customers")
    contacts.move(zoe, DEFAULT)
    assert names(book) == ["yan", "zoe"]


def test_links_that_ended_and_a_new_process_find_what_has_gone(world: GraphWorld, contacts: Contacts) -> None:
    zoe, _ = (contacts.add(name, f"{name}@client.example") for name in ("zoe", "yan"))
    book = opened(world)
    told(book)
    contacts.remove(zoe)
    contacts.expire()
    assert names(book) == ["yan"]
    assert names(opened(world)) == ["yan"]


def test_many_contacts_come_in_pages(world: GraphWorld, contacts: Contacts) -> None:
    for number in range(1200):
        contacts.add(f"{number:04}", f"{number}@client.example")
    assert len(names(opened(world))) == 1200


def test_what_fails_in_the_middle_leaves_what_was_known(world: GraphWorld, contacts: Contacts) -> None:
    zoe = contacts.add("zoe", "zoe@client.example")
    book = opened(world)
    told(book)
    contacts.remove(zoe)
    contacts.add("yan", "yan@client.example")
    world.cloud.graph.troubles = [None, None, *[failure(503, "ServiceUnavailable", "Busy.")] * 5]
    refusal(book)
    world.cloud.graph.troubles = []
    assert names(book) == ["yan"]


def test_only_wanted_folders_and_categories_are_taken(world: GraphWorld, contacts: Contacts) -> None:
    contacts.add_folder("Customers")
    contacts.add("mum", "mum@home.example")
    contacts.add("zoe", "zoe@client.example", folder="Customers")
    contacts.add("yan", "yan@client.example", categories=["Key account"])
    assert names(opened(world, ContactsWanted(groups=frozenset({"customers", "key account"})))) == ["yan", "zoe"]
    assert names(opened(world, ContactsWanted(groups=frozenset({"Contacts"})))) == ["mum", "yan"]


def test_an_app_without_the_right_is_told_which_one(world: GraphWorld) -> None:
    world.cloud.login.roles = frozenset({"Mail.Read"})
    error = refusal(opened(world))
    assert isinstance(error, Permanent)
    assert "contacts of anna@example.com" in str(error)
    assert "Contacts.Read" in error.cure


def test_a_person_is_asked_for_the_right_only_when_the_directory_wants_it(
    world: GraphWorld, contacts: Contacts
) -> None:
    contacts.add("zoe", "zoe@client.example")
    login = world.cloud.login
    login.consented |= {"Contacts.Read"}
    world.as_person()
    assert "Contacts.Read" not in str(login.requests)
    login.consented -= {"Contacts.Read"}
    error = refusal(opened(world))
    assert isinstance(error, Permanent | ReauthNeeded)
    assert "agree to Contacts.Read" in error.cure

    login.consented |= {"Contacts.Read"}
    sign_in(world.settings, world.context()._replace(contacts=PLAIN), world.person)
    assert names(opened(world)) == ["zoe"]
    assert world.account().streams()
