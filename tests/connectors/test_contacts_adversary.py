"""Address books under random changes and faults: whatever is told is the truth, and in the end all of it is."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from connectors.base import AddressBook, ContactsWanted
from connectors.google_contacts import GoogleAddressBook, scopes
from connectors.google_quota import Quotas
from connectors.graph_contacts import GraphAddressBook
from syncd.errors import SyncError
from tests.connectors.google_worlds import USER, GmailWorld
from tests.connectors.graph_worlds import GraphWorld, graph_world
from tests.servers import google_errors as errors
from tests.servers.fake_google import Cut, FakeGoogle, Fault
from tests.servers.fake_graph import Cloud, too_many
from tests.servers.fake_graph_contacts import Contact, Contacts
from tests.servers.fake_graph_query import failure

STEPS = 25
Truth = set[tuple[str, tuple[str, ...]]]
"""Names and addresses."""


def told(book: AddressBook) -> Truth | None:
    """None where it could not be read."""
    try:
        return {(card.name, card.addresses) for card in book.cards()}
    except SyncError:
        return None
    finally:
        book.close()


@dataclass
class GoogleOwner:
    """Saves, changes, links and deletes contacts, and lets weeks pass."""

    world: GmailWorld
    dice: random.Random
    people: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """By resource name."""

    def act(self) -> None:
        saved = self.world.fake.address_book(USER).saved
        saved.page = self.dice.choice([1, 2, 1000])
        match self.dice.randrange(6):
            case 0 | 1:
                number = self.dice.randrange(10_000)
                self.people[saved.put(f"p{number}", f"{number}@x.example")] = (f"p{number}", (f"{number}@x.example",))
            case 2 if self.people:
                own = self.dice.choice([*self.people])
                address = f"{self.dice.randrange(10_000)}@y.example"
                name = self.people[own][0]
                saved.put(name, address, resource=own)
                self.people[own] = (name, (address,))
            case 3 if self.people:
                own = self.dice.choice([*self.people])
                saved.delete(own)
                del self.people[own]
            case 4 if self.people:
                own = self.dice.choice([*self.people])
                self.people[saved.rename(own)] = self.people.pop(own)
            case 5:
                self.world.fake.clock.sleep(self.dice.choice([60, 86_400, 8 * 86_400]))


@pytest.mark.parametrize("seed", range(40))
def test_a_google_address_book_tells_the_truth_or_nothing(google: FakeGoogle, seed: int) -> None:
    dice = random.Random(seed)
    world = GmailWorld(google)
    world.sign_in(*scopes(ContactsWanted()))
    owner = GoogleOwner(world, dice)
    faults: list[Fault] = [errors.BACKEND, errors.too_fast(), errors.bad_request("Invalid."), Cut(), b"<html>", b"{"]
    faults.append(errors.too_fast(code=429, after="40"))
    google.plan = lambda call: dice.choice(faults) if dice.random() < 0.25 else None
    quotas = Quotas(google.clock, google.clock.sleep)

    def opened() -> GoogleAddressBook:
        return GoogleAddressBook(world.settings, world.context._replace(contacts=ContactsWanted()), quotas=quotas)

    book = _lived(owner.act, opened, lambda: set(owner.people.values()), dice)
    google.plan = lambda call: None
    google.clock.sleep(40)
    assert told(book) == set(owner.people.values())
    assert google.waiting.broken == []


@dataclass
class GraphOwner:
    contacts: Contacts
    dice: random.Random
    people: list[Contact] = field(default_factory=list)

    def act(self) -> None:
        self.contacts.partial = self.dice.random() < 0.5
        self.contacts.replays_moves = self.dice.random() < 0.5
        folder = self.dice.choice([*self.contacts.folders])
        number = self.dice.randrange(10_000)
        match self.dice.randrange(6):
            case 0 | 1:
                self.people.append(self.contacts.add(f"p{number}", f"{number}@x.example", folder=folder))
            case 2 if self.people:
                self.contacts.change(self.dice.choice(self.people), displayName=f"q{number}")
            case 3 if self.people:
                self.contacts.remove(self.people.pop(self.dice.randrange(len(self.people))))
            case 4 if self.people:
                self.contacts.move(self.dice.choice(self.people), folder)
            case 5 if self.dice.random() < 0.5:
                self.contacts.expire()
            case 5:
                self.contacts.add_folder(f"f{number}", folder)

    def truth(self) -> Truth:
        addresses = {each.key: tuple(one["address"] for one in each.fields["emailAddresses"]) for each in self.people}
        return {(str(each.fields["displayName"]), addresses[each.key]) for each in self.people}


@pytest.mark.parametrize("seed", range(60))
def test_a_graph_address_book_tells_the_truth_or_nothing(another_microsoft: Cloud, seed: int) -> None:
    dice = random.Random(seed)
    another_microsoft.login.roles |= {"Contacts.Read"}
    with graph_world(another_microsoft) as world:
        owner = GraphOwner(another_microsoft.graph.contacts[world.settings.user], dice)
        faults = [
            failure(500, "ErrorInternalServerError", "An internal server error occurred.", {"Retry-After": "0"}),
            failure(503, "ServiceUnavailable", "Busy.", {"Retry-After": "0"}),
            too_many(0),
        ]
        another_microsoft.graph.hook = lambda request: dice.choice(faults) if dice.random() < 0.25 else None
        book = _lived(owner.act, lambda: _of(world), owner.truth, dice)
        another_microsoft.graph.hook = lambda request: None
        assert told(book) == owner.truth()


def _of(world: GraphWorld) -> GraphAddressBook:
    return GraphAddressBook(world.settings, world.context()._replace(contacts=ContactsWanted()))


def _lived(
    act: Callable[[], None], opened: Callable[[], AddressBook], truth: Callable[[], Truth], dice: random.Random
) -> AddressBook:
    """A book that was looked at now and then while things happened, also by a process that had just started."""
    book = opened()
    for _ in range(STEPS):
        act()
        if dice.random() < 0.1:
            book = opened()
        if dice.random() < 0.5:
            assert (found := told(book)) is None or found == truth()
    return book
