"""Folders that a server refuses or renumbers again and again. Remembered as long as the program runs."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable

from syncd.errors import Retryable

REFUSALS = 3
PARKED = 3600.0
"""Seconds. A server that drops the connection upon one folder would see a sign-in for every try at it."""
RENUMBERINGS = 5
DAY = 86400.0


class Parking:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._refusals: dict[str, tuple[int, float]] = {}
        self._renumberings: defaultdict[str, deque[float]] = defaultdict(deque)
        self._doubted: dict[str, float] = {}

    def check(self, folder: str) -> None:
        """Raise Retryable, without a word to the server, while the folder is parked."""
        count, since = self._refusals.get(folder, (0, 0.0))
        if count >= REFUSALS and self._clock() - since < PARKED:
            raise Retryable(
                f"folder {folder}: the server refused it {count} times; the next try is within the hour",
                cure="if it is no folder to read, add its name to `exclude` of the mailbox",
            )

    def refused(self, folder: str) -> None:
        self._refusals[folder] = (self._refusals.get(folder, (0, 0.0))[0] + 1, self._clock())

    def accepted(self, folder: str) -> None:
        self._refusals.pop(folder, None)

    def may_begin_again(self, folder: str) -> bool:
        """Whether a folder whose numbers contradict each other may be read from the beginning: once an hour, as those
        of a cluster out of step do so all day."""
        last = self._doubted.get(folder)
        if last is not None and self._clock() - last < PARKED:
            return False
        self._doubted[folder] = self._clock()
        return True

    def renumbered(self, folder: str) -> None:
        """Raise Retryable when the server did so too often to read everything again each time."""
        times, now = self._renumberings[folder], self._clock()
        while times and now - times[0] > DAY:
            times.popleft()
        if len(times) >= RENUMBERINGS:
            raise Retryable(
                f"folder {folder}: the server gave all messages new ids {len(times)} times within a day",
                cure="have the server's UIDVALIDITY mended, or add the folder to `exclude` of the mailbox",
            )
        times.append(now)
