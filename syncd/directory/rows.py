"""Records -> the rows that the store takes. A row is skipped, and a value left out, with its reason and its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TypeVar

from matching.address import domain_key, key
from store.directory import AccountRow, ContactRow, DirectoryRows, OpportunityRow, UserRow
from syncd.directory.phones import normalised
from syncd.directory.records import Record, Skipped

Row = TypeVar("Row", AccountRow, ContactRow, OpportunityRow, UserRow)

# Google writes ` ::: ` between several values of one cell.
# The extension of a number that was written as a URI is no second value.
_SEVERAL = re.compile(r":::|;(?!ext=)|[,|\n]")
_IN_BRACKETS = re.compile(r".*<([^<>]+)>\s*", re.DOTALL)
_FINISHED = re.compile(r"\b(closed|won|lost|gewonnen|verloren)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reader:
    """Makes rows of records, and keeps what it had to leave out."""

    region: str
    skipped: list[Skipped] = field(default_factory=list)

    def rows(self, kind: str, records: Iterable[Record]) -> DirectoryRows:
        match kind:
            case "contacts":
                return self._contacts(records)
            case "accounts":
                return DirectoryRows(accounts=tuple(self._each(records, self._account)))
            case "opportunities":
                return DirectoryRows(opportunities=tuple(self._each(records, self._opportunity)))
            case "users":
                return DirectoryRows(users=tuple(self._each(records, self._user)))
        raise AssertionError(kind)

    def _contacts(self, records: Iterable[Record]) -> DirectoryRows:
        """With the accounts that they name, which may be listed nowhere else."""
        records = list(records)
        named: dict[str, AccountRow] = {}
        for record in records:
            id_, name = _account_id(record), record.first("account")
            if name:
                named.setdefault(id_ or name, AccountRow(external_id=id_, name=name))
        return DirectoryRows(contacts=tuple(self._each(records, self._contact)), accounts=tuple(named.values()))

    def _each(self, records: Iterable[Record], make: Callable[[Record], Row | None]) -> Iterable[Row]:
        """An id that comes twice is one row: the first."""
        seen: dict[str, int] = {}
        for record in records:
            id_ = record.first("id")
            if id_ in seen:
                self.skipped.append(record.skipped(f"has the same id as line {seen[id_]}"))
            elif (row := make(record)) is not None:
                if id_:
                    seen[id_] = record.line
                yield row

    def left_out(self) -> tuple[Skipped, ...]:
        """In the order of the source."""
        return tuple(sorted(self.skipped, key=lambda each: (each.source, each.line)))

    # ---------------------------------------------------------------------------------------------- one row

    def _contact(self, record: Record) -> ContactRow | None:
        addresses, phones = self._addresses(record), self._phones(record)
        if not addresses and not phones:
            self.skipped.append(record.skipped("has no email address and no phone number that can be used"))
            return None
        return ContactRow(
            external_id=record.first("id"),
            name=_name(record),
            addresses=addresses,
            phones=phones,
            account=_account_id(record) or record.first("account"),
        )

    def _account(self, record: Record) -> AccountRow | None:
        domains = self._values(record, "domain", domain_key, "is no domain")
        name = record.first("name") or next(iter(domains), "")
        if not name:
            self.skipped.append(record.skipped("has no name"))
            return None
        return AccountRow(external_id=record.first("id"), name=name, domains=domains)

    def _opportunity(self, record: Record) -> OpportunityRow | None:
        if not record.first("id") and not record.first("name"):
            self.skipped.append(record.skipped("has no id and no name"))
            return None
        return OpportunityRow(
            external_id=record.first("id"),
            name=record.first("name"),
            account=_account_id(record) or record.first("account"),
            contacts=tuple(_split(record.all("contact_id"))),
            stage=record.first("stage"),
            amount=self._amount(record),
            currency=record.first("currency").upper(),
            opened_at=self._instant(record, "opened"),
            closed_at=self._closed(record),
        )

    def _user(self, record: Record) -> UserRow | None:
        addresses = self._addresses(record)
        if not addresses:
            self.skipped.append(record.skipped("has no email address"))
            return None
        return UserRow(
            external_id=record.first("id"), name=_name(record), addresses=addresses, team=record.first("team")
        )

    # ---------------------------------------------------------------------------------------------- one value

    def _addresses(self, record: Record) -> tuple[str, ...]:
        return self._values(record, "address", lambda text: _bare(text) if key(_bare(text)) else "", "is no address")

    def _phones(self, record: Record) -> tuple[str, ...]:
        country = "" if self.region else "; say which country with region"
        reason = f"is no phone number{country}"
        return self._values(record, "phone", lambda text: normalised(text, self.region), reason)

    def _values(self, record: Record, name: str, read: Callable[[str], str], reason: str) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for text in _split(record.all(name)):
            if value := read(text):
                found[value] = None
            else:
                self.skipped.append(record.skipped(f"{text!r} {reason}"))
        return tuple(found)

    def _amount(self, record: Record) -> Decimal | None:
        text = record.first("amount")
        amount = amount_of(text)
        if text and amount is None:
            self.skipped.append(record.skipped(f"{text!r} is no amount; write 12500.00"))
        return amount

    def _closed(self, record: Record) -> datetime | None:
        """CRMs keep the expected date in `close date` until the deal is closed; only then is it a fact."""
        if record.first("closed") or not _FINISHED.search(record.first("stage")):
            return self._instant(record, "closed")
        return self._instant(record, "expected")

    def _instant(self, record: Record, name: str) -> datetime | None:
        text = record.first(name)
        instant = instant_of(text)
        if text and instant is None:
            self.skipped.append(record.skipped(f"{text!r} is no date; write 2026-11-25 or 2026-11-25 14:00"))
        return instant


def merged(parts: Sequence[DirectoryRows]) -> DirectoryRows:
    """All parts in one. An account that contacts only name is left to the source that lists it, if one does."""
    own = [row for part in parts if not part.contacts for row in part.accounts]
    listed = {name for row in own if row.external_id for name in (row.name, row.external_id)}
    accounts = {(row.external_id, row.name): row for row in reversed(own)}
    for row in (row for part in parts if part.contacts for row in part.accounts):
        if (row.external_id or row.name) not in listed:
            accounts.setdefault((row.external_id, row.name), row)
    return DirectoryRows(
        accounts=tuple(accounts.values()),
        contacts=tuple(row for part in parts for row in part.contacts),
        opportunities=tuple(row for part in parts for row in part.opportunities),
        users=tuple(row for part in parts for row in part.users),
    )


def amount_of(text: str) -> Decimal | None:
    """`12500.00`, `12,500.00`, `12.500,00`, `EUR 12 500`: a mark with one or two digits behind it divides the cents."""
    digits = re.sub(r"[^\d.,-]", "", text)
    match = re.fullmatch(r"(-?[\d.,]*\d?)[.,](\d{1,2})", digits)
    whole, cents = match.groups() if match else (digits, "0")
    try:
        return Decimal(f"{re.sub('[.,]', '', whole) or 0}.{cents}") if digits else None
    except InvalidOperation:
        return None


def instant_of(text: str) -> datetime | None:
    """ISO 8601, or a German date; what bears no zone is UTC. `03/04/2026` is no date: it means two days."""
    if german := re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", text):
        text = f"{german[3]}-{german[2]:0>2}-{german[1]:0>2}"
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


def _account_id(record: Record) -> str:
    """HubSpot lists several; the first is the primary one."""
    return next(iter(_split(record.all("account_id"))), "")


def _name(record: Record) -> str:
    return record.first("name") or f"{record.first('first_name')} {record.first('last_name')}".strip()


def _split(values: Iterable[str]) -> Iterable[str]:
    return (part.strip() for value in values for part in _SEVERAL.split(value) if part.strip())


def _bare(text: str) -> str:
    """`Anna Arendt <anna@example.com>` and `mailto:` are how addresses look when they were copied."""
    match = _IN_BRACKETS.fullmatch(text)
    return (match[1] if match else text).strip().removeprefix("mailto:")
