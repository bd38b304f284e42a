"""What a test gives an account besides its settings."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from connectors.base import Context

LONG_AGO = datetime(1990, 1, 1, tzinfo=UTC)


def context(
    secret: str | Callable[[], str],
    *,
    since: datetime | Callable[[], datetime] = LONG_AGO,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Context:
    return Context(
        secret=secret if callable(secret) else lambda: secret,
        since=since if callable(since) else lambda: since,
        now=now,
    )
