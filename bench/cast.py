"""The people of the corpus: one sales team, its contacts, and everyone else who writes to it. Names are fictitious."""

from __future__ import annotations

import random
from dataclasses import dataclass

OWN_DOMAIN = "example.com"

_GIVEN = ["Anna", "Bram", "Cleo", "Dario", "Elif", "Femi", "Gwen", "Hugo", "Inés", "Jonas", "Kaja", "Luca", "Mira"]
_FAMILY = ["Abel", "Brandt", "Castor", "Dunmore", "Ekwall", "Farrow", "Gossens", "Hallam", "Jansky", "Nyström"]
_FIRM = ["alder", "birch", "cedar", "dogwood", "elm", "fir", "ginkgo", "hazel", "ivy", "juniper", "larch", "maple"]
_TRADE = ["foods", "logistics", "optics", "paper", "robotics", "steel", "textiles", "tools"]


@dataclass(frozen=True, slots=True)
class Person:
    address: str
    name: str
    account: int | None = None
    """Index of the account that a known contact belongs to."""


@dataclass(frozen=True, slots=True)
class Cast:
    reps: tuple[Person, ...]
    """Owners of the mailboxes, in order."""
    colleagues: tuple[Person, ...]
    """On the own domain, without a mailbox here."""
    accounts: tuple[str, ...]
    """Their domains."""
    contacts: tuple[Person, ...]
    strangers: tuple[Person, ...]
    """On no account's domain and in no directory."""


def cast(seed: int, *, mailboxes: int, contacts: int = 3000) -> Cast:
    """Invent everyone; the same seed invents the same people."""
    chance = random.Random(f"cast {seed}")
    accounts = tuple(f"{_FIRM[n % 12]}-{_TRADE[n // 12 % 8]}-{n}.example" for n in range(max(1, contacts // 5)))
    return Cast(
        reps=tuple(_person(chance, f"rep{n}@{OWN_DOMAIN}") for n in range(mailboxes)),
        colleagues=tuple(_person(chance, f"colleague{n}@{OWN_DOMAIN}") for n in range(40)),
        accounts=accounts,
        contacts=tuple(
            _person(chance, f"contact{n}@{accounts[n % len(accounts)]}", n % len(accounts)) for n in range(contacts)
        ),
        strangers=tuple(_person(chance, f"stranger{n}@elsewhere{n % 400}.example.net") for n in range(2000)),
    )


def _person(chance: random.Random, address: str, account: int | None = None) -> Person:
    return Person(address, f"{chance.choice(_GIVEN)} {chance.choice(_FAMILY)}", account)
