"""How much CPU a piece of code takes, whatever else this process holds and the machine does."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def at_most(seconds: float, what: object = "") -> Iterator[None]:
    """Fail if the block takes more CPU than that. The collector waits meanwhile: a look through all objects of a whole
    test run takes longer than what is measured."""
    gc.disable()
    try:
        started = time.process_time()
        yield
        taken = time.process_time() - started
    finally:
        gc.enable()
    assert taken < seconds, what
