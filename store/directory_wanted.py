"""From the rows that a source lists to rows that can be compared with the stored ones: references become ids."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from itertools import chain
from typing import Protocol, TypeAlias, TypeVar

from store.directory_plan import Kind, Wanted
from store.directory_rows import AccountRow, ContactRow, DirectoryRows, OpportunityRow, Skipped, UserRow

ACCOUNTS = Kind("accounts", ("name",), ("account_domain",), lambda values, lists: [str(values[0])])
CONTACTS = Kind(
    "contacts", ("name", "account_id"), ("contact_address", "contact_phone"), lambda _, lists: chain(*lists)
)
# Two accounts may well have a deal called "Renewal".
OPPORTUNITIES = Kind(
    "opportunities",
    ("name", "account_id", "stage", "amount", "currency", "opened_at", "closed_at"),
    ("opportunity_contact",),
    lambda values, lists: [f"{values[1] or ''}\n{values[0]}"],
)
USERS = Kind("users", ("name", "team"), ("user_address",), lambda _, lists: chain(*lists))

_LARGEST = Decimal(10) ** 15
"""Of an amount: the column holds 18 digits, two of them after the point."""

Naming: TypeAlias = tuple[str, str, Iterable[str]]
"""id, external id, and what else a row is known by, in lower case"""


class Names:
    """Finds a row by its external id, its id, or what else it is known by, if that is one row's only."""

    def __init__(self, rows: Callable[[], Iterable[Naming]]) -> None:
        """`rows` is called when the first name is looked for."""
        self._rows = rows

    @cached_property
    def _exact(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for own, external_id, _ in self._rows():
            found.setdefault(own, own)
            if external_id:
                found[external_id] = own
        return found

    @cached_property
    def _natural(self) -> Mapping[str, set[str]]:
        found: defaultdict[str, set[str]] = defaultdict(set)
        for own, _, names in self._rows():
            for name in names:
                found[name].add(own)
        return found

    def find(self, name: str) -> str | None:
        if (exact := self._exact.get(name)) is not None:
            return exact
        known = self._natural.get(name.casefold(), set())
        return next(iter(known)) if len(known) == 1 else None


class _Identified(Protocol):
    @property
    def external_id(self) -> str: ...


_Row = TypeVar("_Row", bound=_Identified)


def _ids_first(rows: Sequence[_Row]) -> Iterator[_Row]:
    yield from (row for row in rows if row.external_id)
    yield from (row for row in rows if not row.external_id)


class Wishes:
    """Makes the wanted rows of one listing, and notes which references lead nowhere."""

    def __init__(self, rows: DirectoryRows, names: Mapping[str, Names]) -> None:
        """`names`: those of `accounts` and `contacts`, the listed ones among them, once those were planned."""
        self._rows = rows
        self._names = names
        self.skipped: list[Skipped] = []

    def of(self, kind: Kind) -> Iterator[Wanted]:
        """One at a time, those with an external id first."""
        match kind.name:
            case "accounts":
                return map(self._account, _ids_first(self._rows.accounts))
            case "contacts":
                return map(self._contact, _ids_first(self._rows.contacts))
            case "opportunities":
                return map(self._opportunity, _ids_first(self._rows.opportunities))
            case _:
                return map(self._user, _ids_first(self._rows.users))

    def _account(self, row: AccountRow) -> Wanted:
        return Wanted(row.external_id, _label(row.external_id, row.name), (row.name,), (_listed(row.domains),))

    def _contact(self, row: ContactRow) -> Wanted:
        label = _label(row.external_id, row.name, *row.addresses, *row.phones)
        values = (row.name, self._account_id("contacts", row.account, label))
        return Wanted(row.external_id, label, values, (_listed(row.addresses), _listed(row.phones)))

    def _user(self, row: UserRow) -> Wanted:
        label = _label(row.external_id, row.name, *row.addresses)
        return Wanted(row.external_id, label, (row.name, row.team), (_listed(row.addresses),))

    def _opportunity(self, row: OpportunityRow) -> Wanted:
        label = _label(row.external_id, row.name)
        found = {name: self._names["contacts"].find(name) for name in row.contacts}
        for name in sorted(name for name, own in found.items() if own is None):
            self._skip("opportunities", label, f"no single contact is known as {name}")
        values = (
            row.name,
            self._account_id("opportunities", row.account, label),
            row.stage,
            self._amount(row, label),
            row.currency or None,
            _whole(row.opened_at),
            _whole(row.closed_at),
        )
        return Wanted(row.external_id, label, values, (_listed(own for own in found.values() if own is not None),))

    def _amount(self, row: OpportunityRow, label: str) -> Decimal | None:
        if row.amount is None:
            return None
        if not row.amount.is_finite() or abs(row.amount) >= _LARGEST:
            self._skip("opportunities", label, f"its amount {row.amount:.6g} is no sane one")
            return None
        return row.amount.quantize(Decimal("0.01"))

    def _account_id(self, kind: str, name: str, label: str) -> str | None:
        if not name:
            return None
        if (own := self._names["accounts"].find(name)) is None:
            self._skip(kind, label, f"no single account is known as {name}")
        return own

    def _skip(self, kind: str, label: str, reason: str) -> None:
        self.skipped.append(Skipped(kind, label, reason))


def _label(*names: str) -> str:
    return next((name for name in names if name), "a row without a name")


def _listed(values: Iterable[str]) -> tuple[str, ...]:
    """In the order in which the store gives them back, so that equal lists compare as equal."""
    return tuple(sorted({value for value in values if value}))


def _whole(instant: datetime | None) -> datetime | None:
    """The store keeps whole seconds; what it gives back must compare as equal."""
    return None if instant is None else instant.replace(microsecond=0)
