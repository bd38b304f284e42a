"""The one place in a connector that waits and tries again: a short while, three times at most. Long waits are the
daemon's."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from syncd.errors import Retryable

T = TypeVar("T")

IT_PASSES = "nothing, if it passes: it is tried again; if it lasts, ask who runs the server"
"""The cure of what nobody need mend today."""

TRIES = 3
LONGEST = timedelta(seconds=5)
"""A server that wants more time than this gets it from the daemon, which needs no thread to wait."""

FIRST_WAIT = 0.2
"""Seconds before the second try at most, doubled before the third, where the server wishes nothing. Less by chance, so
that those whom one fault stopped do not come back together."""


def persistently(call: Callable[[], T], *, sleep: Callable[[float], None] = time.sleep) -> T:
    """Call, and again after a Retryable, as long as the server's own wish is short; the last error goes through."""
    for number in range(1, TRIES):
        try:
            return call()
        except Retryable as error:
            if error.retry_after is not None and error.retry_after > LONGEST:
                raise
            wait = _seconds(error.retry_after, number)
        sleep(wait)
    return call()


def _seconds(wish: timedelta | None, failures: int) -> float:
    if wish is not None:
        return max(0.0, wish.total_seconds())
    return random.uniform(0, FIRST_WAIT * 2 ** (failures - 1))
