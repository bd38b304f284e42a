"""Google's quotas, kept on our side: each call costs units, of which a user and a project have so many a minute."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

_BURST = 10.0
"""Seconds' worth of units that may be spent at once."""


class Bucket:
    """Never more than `per_minute` units within any 60 seconds, so that what is spent at once counts too."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._rate = per_minute / (60 + _BURST)
        self._clock = clock
        self._left = self.capacity
        self._seen_at = clock()
        self._shut_until = self._seen_at
        self._lock = Lock()

    @property
    def capacity(self) -> float:
        return self._rate * _BURST

    def take(self, units: int) -> float:
        """Reserve so many units; returns the seconds to wait before they may be spent."""
        with self._lock:
            now = self._clock()
            self._left = min(self.capacity, self._left + (now - self._seen_at) * self._rate) - units
            self._seen_at = now
            return max(0.0, -self._left / self._rate)

    def shut(self, seconds: float) -> None:
        """Google wants to be left alone for so long."""
        with self._lock:
            self._shut_until = max(self._shut_until, self._clock() + seconds)

    def shut_for(self) -> float:
        """Seconds for which it still does; what a clock may lose between two looks is not counted."""
        left = self._shut_until - self._clock()
        return left if left > 0.001 else 0.0


@dataclass(slots=True)
class Quotas:
    """The buckets of this process: one for each project, and one for each user of it."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _buckets: dict[tuple[str, str, int], Bucket] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def of(self, project: str, user: str, *, per_user: int, per_project: int) -> Quota:
        with self._lock:
            own = self._buckets.setdefault((project, user, per_user), Bucket(per_user, self.clock))
            shared = self._buckets.setdefault((project, "", per_project), Bucket(per_project, self.clock))
        return Quota(own, shared, self.sleep)


@dataclass(frozen=True, slots=True)
class Quota:
    """What one account may spend."""

    own: Bucket
    shared: Bucket
    sleep: Callable[[float], None]

    def spend(self, units: int) -> None:
        """Wait until so many units may be spent: some seconds, unless more accounts ask than the project is for."""
        if wait := max(self.own.take(units), self.shared.take(units)):
            self.sleep(wait)

    def at_once(self, cost: int) -> int:
        """How many calls of this cost may be made in one go."""
        return max(1, int(min(self.own.capacity, self.shared.capacity) // cost))


QUOTAS = Quotas()
