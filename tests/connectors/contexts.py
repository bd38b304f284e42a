"""What a test gives an account besides its settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from connectors.base import Context, Tokens

LONG_AGO = datetime(1990, 1, 1, tzinfo=UTC)


@dataclass
class MemoryTokens:
    """What an account keeps, in the clear: for its own tests."""

    text: str = ""

    def load(self) -> str:
        return self.text

    def save(self, text: str) -> None:
        self.text = text


def context(
    secret: str | Callable[[], str],
    *,
    since: datetime | Callable[[], datetime] = LONG_AGO,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    tokens: Tokens | None = None,
) -> Context:
    return Context(
        mailbox="anna",
        secret=secret if callable(secret) else lambda: secret,
        since=since if callable(since) else lambda: since,
        now=now,
        tokens=tokens or MemoryTokens(),
    )
