"""Signals as values that the main thread waits for, so that no code ever runs in the middle of other code."""

from __future__ import annotations

import select
import signal
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

STOP = frozenset({signal.SIGTERM, signal.SIGINT})
_HEARD = STOP | {signal.SIGHUP}


@dataclass(frozen=True, slots=True)
class Signals:
    _heard: socket.socket

    def fileno(self) -> int:
        """To be waited for together with other things; it can be read from when a signal has come."""
        return self._heard.fileno()

    def next(self, within: timedelta) -> signal.Signals | None:
        """The next signal, or None when none came in time."""
        ready, _, _ = select.select([self._heard], [], [], within.total_seconds())
        return signal.Signals(self._heard.recv(1)[0]) if ready else None


@contextmanager
def listening(numbers: Iterable[signal.Signals] = _HEARD) -> Iterator[Signals]:
    """Hear SIGTERM, SIGINT and SIGHUP, or these, until the end of the block; for the main thread only."""
    heard, told = socket.socketpair()
    with heard, told:
        told.setblocking(False)
        before = {number: signal.signal(number, lambda *_: None) for number in numbers}
        woken = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
        try:
            yield Signals(heard)
        finally:
            signal.set_wakeup_fd(woken)
            for number, handler in before.items():
                signal.signal(number, handler)
