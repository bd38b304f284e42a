"""What a mailbox has besides folders: its calendars and task lists, of which no delta tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from syncd.errors import Permanent

T = TypeVar("T")

RELIST = timedelta(minutes=15)
"""Between two looks for new ones."""


@dataclass(slots=True)
class Listing(Generic[T]):
    """Listed again now and then."""

    ask: Callable[[], Sequence[T]]
    refusal: Permanent | None = None
    """Why there are none: a right that is missing must not keep mail from being read. `syncd check` tells it."""
    _found: Sequence[T] = ()
    _listed_at: datetime | None = field(default=None)

    def at(self, now: datetime) -> Sequence[T]:
        if self._listed_at is None or not timedelta(0) <= now - self._listed_at < RELIST:
            try:
                self._found, self.refusal = self.ask(), None
            except Permanent as error:
                self._found, self.refusal = (), error
            self._listed_at = now
        return self._found
