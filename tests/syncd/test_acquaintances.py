"""What a pass knows of the people it has to do with: asked for once, and never older than what is written."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching import contacts
from matching.parties import Parties
from store import late
from store.writer import Store
from syncd import acquaintances
from syncd.acquaintances import Acquaintances
from syncd.model import Batch, Contact, Directory, Opportunity, Participant, Role
from syncd.sync import Pass
from tests.syncd.mailboxes import message
from tests.syncd.worlds import POLICY, World

PEOPLE = [f"p{number}@{host}" for number in range(3) for host in ("acme.example", "sub.acme.example", "ourco.example")]
DIRECTORY = Directory(
    contacts={"p0@acme.example": (Contact("c0", "acme"),), "p1@sub.acme.example": (Contact("c1", None),)},
    accounts={"acme.example": ("acme",)},
    users={"p2@acme.example": "u2"},
    opportunities=(
        Opportunity("deal", "acme", frozenset({"c1"}), None, None),
        Opportunity("other", None, frozenset({"c0"}), None, None),
    ),
)


def known_of(written: Sequence[str]) -> Directory:
    """As the store answers: what concerns these addresses, and nothing else."""
    wanted = contacts.lookups(written, POLICY)
    found = {key: value for key, value in DIRECTORY.contacts.items() if key in wanted.addresses}
    accounts = {key: value for key, value in DIRECTORY.accounts.items() if key in wanted.domains}
    people = {each.id for some in found.values() for each in some}
    firms = {own for some in accounts.values() for own in some}
    firms |= {each.account_id for some in found.values() for each in some if each.account_id}
    return DIRECTORY._replace(
        contacts=found,
        accounts=accounts,
        users={key: value for key, value in DIRECTORY.users.items() if key in wanted.addresses},
        opportunities=tuple(
            each for each in DIRECTORY.opportunities if each.account_id in firms or people & each.contact_ids
        ),
    )


@given(st.permutations(PEOPLE), st.sets(st.integers(1, len(PEOPLE) - 1), max_size=4))
def test_who_becomes_known_piece_by_piece_is_what_he_is_when_all_are_asked_for_at_once(
    people: Sequence[str], cuts: set[int]
) -> None:
    pieces = [people[start:end] for start, end in pairwise([0, *sorted(cuts), len(people)])]
    learned = Parties(known_of(pieces[0]), POLICY)
    for each in pieces[0]:
        assert learned[each] == Parties(DIRECTORY, POLICY)[each]
    for piece in pieces[1:]:
        learned.learn(known_of(piece))
    whole = Parties(DIRECTORY, POLICY)
    assert {each: learned[each] for each in people} == {each: whole[each] for each in people}
    assert learned.opportunities == whole.opportunities


class Noting(Store):
    """A store that notes what it is asked for."""

    asked: list[frozenset[str]]

    def directory(self, addresses: frozenset[str], domains: frozenset[str]) -> Directory:  # type: ignore[override]
        self.asked.append(addresses)
        return super().directory(addresses, domains)


@pytest.fixture
def noting(world: World) -> Noting:
    store = Noting(world.store.engine, world.store.key)
    object.__setattr__(store, "asked", [])
    return store


def people(*addresses: str) -> list[list[Participant]]:
    return [[Participant(Role.TO, each)] for each in addresses]


def test_an_address_is_asked_for_once(noting: Noting) -> None:
    known = Acquaintances(noting, POLICY)
    known.parties(people("zoe@client.example", "rita@ourco.example"))
    found = known.parties(people("rita@ourco.example", "carl@client.example", "zoe@client.example"))
    assert [set(each) for each in noting.asked] == [
        {"zoe@client.example", "rita@ourco.example"},
        {"carl@client.example"},
    ]
    assert [found[f"{name}@client.example"].contacts for name in ("zoe", "carl")] == [
        (Contact("zoe", "client"),),
        (Contact("carl", "client"),),
    ]
    assert known.parties(people("zoe@client.example")) is found
    assert len(noting.asked) == 2


def test_all_are_asked_for_anew_when_somebody_else_becomes_known(world: World, noting: Noting) -> None:
    known = Acquaintances(noting, POLICY)
    assert not known.parties(people("paul@firm.example"))["paul@firm.example"].contacts
    world.contact("paul", "paul@firm.example")
    late.wake(world.store.engine, [])
    found = known.parties(people("paul@firm.example", "rita@ourco.example"))
    assert found["paul@firm.example"].contacts == (Contact("paul", None),)


def test_what_was_decided_by_them_and_not_written_is_decided_by_others(world: World, noting: Noting) -> None:
    known = Acquaintances(noting, POLICY)
    known.parties(people("paul@firm.example"))
    world.contact("paul", "paul@firm.example")
    known.forget()
    assert known.parties(people("paul@firm.example"))["paul@firm.example"].contacts == (Contact("paul", None),)


def test_no_more_of_them_are_kept_in_mind_than_a_bound(noting: Noting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acquaintances, "MOST", 3)
    known = Acquaintances(noting, POLICY)
    for number in range(10):
        found = known.parties(people(f"{number}@client.example", "zoe@client.example"))
        assert found["zoe@client.example"].contacts
        assert not found[f"{number}@client.example"].contacts
        assert len(found) <= 3


def test_who_becomes_known_in_the_middle_of_a_pass_has_all_of_its_mail_that_comes_then(world: World) -> None:
    for number in range(6):
        world.folder().deliver(message(number, sender="p@company.example", to=("rita@ourco.example",)))
    world.stream().chunk = 2

    def become_known(batch: Batch) -> None:
        if len(world.rows("SELECT id FROM sighting")) == 2:
            world.contact("paul", "p@company.example")
            late.wake(world.store.engine, [])

    stream_id = world.stream_id("rita")
    Pass(world.stream(), stream_id, world.store, POLICY, now=world.now, progress=become_known).run()
    assert world.verdicts() == {"skipped": 2, "logged": 4}
