"""What a source of the directory lists, and the report of what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """`external_id` is the source's own, empty where it has none; then the name says which account it is."""

    external_id: str = ""
    name: str
    domains: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRow:
    """Without an external id, an address or phone number says which contact it is."""

    external_id: str = ""
    name: str = ""
    addresses: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    account: str = ""
    """External id or name of an account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpportunityRow:
    external_id: str = ""
    name: str = ""
    account: str = ""
    """External id or name of an account."""
    contacts: tuple[str, ...] = ()
    """External ids or addresses of contacts."""
    stage: str = ""
    amount: Decimal | None = None
    currency: str = ""
    opened_at: datetime | None = None
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRow:
    external_id: str = ""
    name: str = ""
    addresses: tuple[str, ...] = ()
    team: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryRows:
    """All that a source lists, or some of it."""

    accounts: tuple[AccountRow, ...] = ()
    contacts: tuple[ContactRow, ...] = ()
    opportunities: tuple[OpportunityRow, ...] = ()
    users: tuple[UserRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    kind: str
    row: str
    """The external id, or what else names it."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    removed: int = 0
    withheld: int = 0
    """Not removed, since the source suddenly lists so little."""


@dataclass(frozen=True, slots=True)
class Report:
    counts: Mapping[str, Counts]
    """`accounts`, `contacts`, `opportunities`, `users`"""
    skipped: tuple[Skipped, ...] = ()
    """Rows, or references of rows, that could not be taken over."""
