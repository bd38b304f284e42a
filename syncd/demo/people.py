"""The demo's people, all of them invented: a team of three, whom they sell to, and who else writes to them."""

from __future__ import annotations

from dataclasses import dataclass

DOMAIN = "ourco.example"


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    address: str

    @property
    def header(self) -> str:
        """As a mail has it: a domain with an umlaut is written with A-labels there (RFC 5890)."""
        local, _, domain = self.address.partition("@")
        return f"{self.name} <{local}@{domain.encode('idna').decode()}>"


ADA = Person("Ada Fenn", "ada@ourco.example")
BEN = Person("Ben Okoro", "ben@ourco.example")
CLEO = Person("Cleo Marsh", "cleo@ourco.example")
TEAM = (ADA, BEN, CLEO)

# Ben answers from his telephone with another address, and half the world writes to it by now.
BEN_ELSEWHERE = Person("Ben", "ben.okoro@pocket.example")
ALIASES = {BEN: (BEN_ELSEWHERE.address,)}

ROSA = Person("Rosa Lindqvist", "rosa@alder-bakery.example")
# The same Rosa: case and what follows a plus make no other person (matching.address).
ROSA_ORDERS = Person("Rosa Lindqvist", "Rosa+orders@Alder-Bakery.example")
TOM = Person("Tom Whitby", "tom.whitby@bluefin-boats.example")
TOM_AT_HOME = Person("Tom Whitby", "tom@home.example")
MEI = Person("Mei Tanaka", "mei.tanaka@cobalt-clinics.example")
LENA = Person("Lena Bücher", "lena@bücher-lager.example")
DESK = Person("Dune Hotels", "frontdesk@dune-hotels.example")

# Nobody knows Quentin, but his company is an account.
QUENTIN = Person("Quentin Ash", "quentin@bluefin-boats.example")
STRANGER = Person("Sam Unknown", "sam@elsewhere.example")
RECRUITER = Person("Tara Hunter", "tara@hunters.example")
LAWYER = Person("Vera Counsel", "vera@counsel.example")
DOCTOR = Person("Dr. Plum", "praxis@plum.example")
SHOP = Person("Stationery Shop", "no-reply@stationery.example")
DIGEST = Person("Bakers' Weekly", "weekly@alder-bakery.example")
MONITOR = Person("Build monitor", "monitor@ci.ourco.example")
CROWD = tuple(Person(f"Neighbour {number}", f"neighbour{number}@home.example") for number in range(1, 31))
