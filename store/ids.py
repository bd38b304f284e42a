"""Public ids: UUIDv7 (RFC 9562, 5.7), which sort by the time they were made."""

from __future__ import annotations

import os
from datetime import datetime


def uuid7(now: datetime) -> str:
    return uuid7s(now, 1)[0]


def uuid7s(now: datetime, count: int) -> list[str]:
    """Make `count` ids of one millisecond."""
    head = f"{int(now.timestamp() * 1000):012x}"
    noise = os.urandom(10 * count).hex()
    return [_format(head, noise[20 * n : 20 * n + 20]) for n in range(count)]


def _format(head: str, noise: str) -> str:
    variant = "89ab"[int(noise[3], 16) & 3]
    return f"{head[:8]}-{head[8:]}-7{noise[:3]}-{variant}{noise[4:7]}-{noise[7:19]}"
