"""The one place in a connector that waits and tries again: a short while, three times at most. Long waits are the
daemon's."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from syncd.errors import Retryable

T = TypeVar("T")

IT_PASSES = "nothing, if it passes: it is tried again; if it lasts, ask who runs the server"
"""The cure of what nobody need mend today."""

TRIES = 3
LONGEST = timedelta(seconds=5)
"""A server that wants more time than this gets it from the daemon, which needs no thread to wait."""

_wait = wait_random_exponential(multiplier=0.2, max=2)


def _worth_it(error: BaseException) -> bool:
    return isinstance(error, Retryable) and (error.retry_after is None or error.retry_after <= LONGEST)


def _seconds(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Retryable) and error.retry_after is not None:
        return max(0.0, error.retry_after.total_seconds())
    return _wait(state)


def persistently(call: Callable[[], T], *, sleep: Callable[[float], None] = time.sleep) -> T:
    """Call, and again after a Retryable, as long as the server's own wish is short; the last error goes through."""
    retrying = Retrying(
        stop=stop_after_attempt(TRIES), retry=retry_if_exception(_worth_it), wait=_seconds, sleep=sleep, reraise=True
    )
    return retrying(call)
