"""How a test waits for something that another thread or process does: until it is so, or for so long."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event
from typing import TypeVar

T = TypeVar("T")


def eventually(claim: Callable[[], T], *, within: float = 30.0, every: float = 0.05) -> T:
    """The first true answer of `claim`; an AssertionError that shows the last one if none comes in time."""
    deadline = time.monotonic() + within
    while not (answer := claim()):
        assert time.monotonic() < deadline, f"not within {within} s: {claim} gave {answer!r}"
        Event().wait(every)
    return answer
