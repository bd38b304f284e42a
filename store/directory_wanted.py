"""From the rows that a source lists to rows that can be compared with the stored ones: references become ids."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from store.directory_plan import Lists, Values, Wanted
from store.directory_rows import AccountRow, ContactRow, OpportunityRow, Skipped, UserRow

_LARGEST = Decimal(10) ** 15
"""Of an amount: the column holds 18 digits, two of them after the point."""


def natural(kind: str, values: Values, lists: Lists) -> frozenset[str]:
    """By what a row without an external id is known, in lower case."""
    match kind:
        case "accounts":
            names: Iterable[str] = [str(values["name"])]
        case "contacts":
            names = lists.get("contact_address", frozenset()) | lists.get("contact_phone", frozenset())
        case "users":
            names = lists.get("user_address", ())
        case _:  # two accounts may well have a deal called "Renewal"
            names = [f"{values['account_id'] or ''}\n{values['name']}"]
    return frozenset(name.casefold() for name in names if name)


class Names:
    """Finds a row by its external id, its id, or what else it is known by, if that is one row's only."""

    def __init__(self) -> None:
        self._exact: dict[str, str] = {}
        self._natural: defaultdict[str, set[str]] = defaultdict(set)

    def add(self, own: str, external_id: str, names: Iterable[str]) -> None:
        self._exact.setdefault(own, own)
        if external_id:
            self._exact[external_id] = own
        for name in names:
            self._natural[name].add(own)

    def find(self, name: str) -> str | None:
        if (exact := self._exact.get(name)) is not None:
            return exact
        known = self._natural.get(name.casefold(), set())
        return next(iter(known)) if len(known) == 1 else None


class Wishes:
    """Makes the wanted rows of one listing, and notes which references lead nowhere."""

    def __init__(self, names: Mapping[str, Names]) -> None:
        """`names`: those of `accounts` and `contacts`, the listed ones among them."""
        self._names = names
        self.skipped: list[Skipped] = []

    def account(self, row: AccountRow) -> Wanted:
        lists = {"account_domain": frozenset(row.domains)}
        return _wanted("accounts", row.external_id, (row.name,), {"name": row.name}, lists)

    def contact(self, row: ContactRow) -> Wanted:
        label = (row.name, *row.addresses)
        values = {"name": row.name, "account_id": self._account("contacts", row.account, row.external_id, label)}
        lists = {"contact_address": frozenset(row.addresses), "contact_phone": frozenset(row.phones)}
        return _wanted("contacts", row.external_id, (*label, *row.phones), values, lists)

    def user(self, row: UserRow) -> Wanted:
        lists = {"user_address": frozenset(row.addresses)}
        values = {"name": row.name, "team": row.team}
        return _wanted("users", row.external_id, (row.name, *row.addresses), values, lists)

    def opportunity(self, row: OpportunityRow) -> Wanted:
        label = (row.name,)
        found = {name: self._names["contacts"].find(name) for name in row.contacts}
        for name in sorted(name for name, own in found.items() if own is None):
            self._skip("opportunities", row.external_id, label, f"no single contact is known as {name}")
        values = {
            "account_id": self._account("opportunities", row.account, row.external_id, label),
            "name": row.name,
            "stage": row.stage,
            "amount": self._amount(row),
            "currency": row.currency or None,
            "opened_at": _whole(row.opened_at),
            "closed_at": _whole(row.closed_at),
        }
        lists = {"opportunity_contact": frozenset(own for own in found.values() if own is not None)}
        return _wanted("opportunities", row.external_id, label, values, lists)

    def _amount(self, row: OpportunityRow) -> Decimal | None:
        if row.amount is None:
            return None
        if not row.amount.is_finite() or abs(row.amount) >= _LARGEST:
            self._skip("opportunities", row.external_id, (row.name,), f"its amount {row.amount:.6g} is no sane one")
            return None
        return row.amount.quantize(Decimal("0.01"))

    def _account(self, kind: str, name: str, external_id: str, label: tuple[str, ...]) -> str | None:
        if not name:
            return None
        if (own := self._names["accounts"].find(name)) is None:
            self._skip(kind, external_id, label, f"no single account is known as {name}")
        return own

    def _skip(self, kind: str, external_id: str, label: tuple[str, ...], reason: str) -> None:
        self.skipped.append(Skipped(kind, _label(external_id, label), reason))


def _wanted(kind: str, external_id: str, label: tuple[str, ...], values: Values, lists: Lists) -> Wanted:
    return Wanted(external_id, _label(external_id, label), natural(kind, values, lists), values, lists)


def _label(external_id: str, label: tuple[str, ...]) -> str:
    return external_id or next((text for text in label if text), "a row without a name")


def _whole(instant: datetime | None) -> datetime | None:
    """The store keeps whole seconds; what it gives back must compare as equal."""
    return None if instant is None else instant.replace(microsecond=0)
