"""What the team's CRM knows: its customers, the people there, the deals. All of it as it would list them itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from store.directory import AccountRow, ContactRow, DirectoryRows, OpportunityRow, UserRow
from syncd.demo.people import ADA, ALIASES, BEN, CLEO, DESK, LENA, MEI, ROSA, TEAM, TOM, TOM_AT_HOME, Person

ACCOUNTS = (
    AccountRow(external_id="A-1", name="Alder Bakery", domains=("alder-bakery.example",)),
    AccountRow(external_id="A-2", name="Bluefin Boats", domains=("bluefin-boats.example",)),
    AccountRow(external_id="A-3", name="Cobalt Clinics", domains=("cobalt-clinics.example",)),
    AccountRow(external_id="A-4", name="Dune Hotels", domains=("dune-hotels.example",)),
    AccountRow(external_id="A-5", name="Bücher Lager", domains=("bücher-lager.example",)),
)

CONTACTS = (
    ContactRow(external_id="C-1", name=ROSA.name, addresses=(ROSA.address,), phones=("+442079460001",), account="A-1"),
    ContactRow(external_id="C-2", name=TOM.name, addresses=(TOM.address, TOM_AT_HOME.address), account="A-2"),
    ContactRow(external_id="C-3", name=MEI.name, addresses=(MEI.address,), account="A-3"),
    # Two share the address of the front desk: mail from it concerns them both, and says so.
    ContactRow(external_id="C-4", name="Ines Kaya", addresses=(DESK.address,), account="A-4"),
    ContactRow(external_id="C-5", name="Otto Brandt", addresses=(DESK.address,), account="A-4"),
    ContactRow(external_id="C-6", name=LENA.name, addresses=(LENA.address,), account="A-5"),
)


def directory(now: datetime) -> DirectoryRows:
    return DirectoryRows(
        accounts=ACCOUNTS,
        contacts=CONTACTS,
        opportunities=tuple(_deals(now)),
        users=tuple(map(_user, TEAM)),
    )


def _deals(now: datetime) -> list[OpportunityRow]:
    def deal(number: int, name: str, customer: int, amount: int, opened: int, closed: int | None) -> OpportunityRow:
        return OpportunityRow(
            external_id=f"D-{number}",
            name=name,
            account=f"A-{customer}",
            contacts=(f"C-{customer}",),
            stage="negotiation" if closed is None else "won",
            amount=Decimal(amount),
            currency="EUR",
            opened_at=now - timedelta(days=opened),
            closed_at=None if closed is None else now - timedelta(days=closed),
        )

    return [
        deal(1, "Ovens for the new shop", 1, 48_000, 30, None),
        deal(2, "Summer fleet", 2, 210_000, 36, None),
        deal(3, "Refit of the Heron", 2, 35_000, 95, 60),
        # Two at once: which of them a mail is about, only the thread or a person can say.
        deal(4, "Clinic roll-out", 3, 120_000, 50, None),
        deal(5, "Clinic training", 3, 15_000, 50, None),
    ]


def _user(person: Person) -> UserRow:
    team = {ADA: "South", BEN: "North", CLEO: "North"}[person]
    return UserRow(name=person.name, addresses=(person.address, *ALIASES.get(person, ())), team=team)
