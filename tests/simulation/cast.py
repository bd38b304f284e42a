"""Who plays: the reps of an organisation, and the people outside."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TypeVar

A = TypeVar("A")

OWN_DOMAIN = "ourco.example"
REPS = ("rita", "sam", "tess")
MAIL = {"rita": ("INBOX", "Deals"), "sam": ("INBOX",)}
"""Whose mail is read, and which folders there are; every rep has a calendar."""

OUTSIDE = (
    "zoe@client.example",
    "carl@client.example",
    "ann@acme.example",
    "bob@acme.example",
    "eve@bank.example",
    "gil@gmail.com",
    "nob@nowhere.example",
)
DOMAINS = {"client": "client.example", "acme": "acme.example", "bank": "bank.example"}
"""Account -> its domain."""

BEGINNING = datetime(2026, 11, 12, 9, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

KEY = b"k" * 32


def own(rep: str) -> str:
    return f"{rep}@{OWN_DOMAIN}"


def of(names: tuple[A, ...], number: int) -> A:
    """One of them, whatever the number."""
    return names[number % len(names)]


def some(names: tuple[A, ...], mask: int) -> tuple[A, ...]:
    """Those whose bit is set."""
    return tuple(name for place, name in enumerate(names) if mask >> place & 1)
