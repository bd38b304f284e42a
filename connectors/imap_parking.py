"""Folders that break the connection, contradict themselves or are renumbered again and again. Remembered as long as the
program runs."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable

from syncd.errors import Retryable

BREAKS = 3
PARKED = 3600.0
"""Seconds. A server that drops the connection upon one folder would see a sign-in for every try at it."""
RENUMBERINGS = 5
DAY = 86400.0


class Parking:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._breaks: dict[str, tuple[int, float, int]] = {}
        """How often, when last, and how many folders had been opened by then."""
        self._opened = 0
        self._renumberings: defaultdict[str, deque[float]] = defaultdict(deque)
        self._doubted: dict[str, float] = {}

    def check(self, folder: str) -> None:
        """Raise Retryable, without a word to the server, while the folder is parked."""
        count, since, _ = self._breaks.get(folder, (0, 0.0, 0))
        if count >= BREAKS and self._clock() - since < PARKED:
            raise Retryable(
                f"folder {folder}: the connection broke {count} times when it was opened; the next try is in an hour",
                cure="if it is no folder to read, add its name to `exclude` of the mailbox",
            )

    def broke(self, folder: str) -> None:
        """The connection ended when the folder was opened; which may be the network's doing, where no other folder was
        opened since it did so last."""
        count, _, opened = self._breaks.get(folder, (0, 0.0, -1))
        count = count + 1 if opened != self._opened else max(count, 1)
        self._breaks[folder] = (count, self._clock(), self._opened)

    def opened(self, folder: str) -> None:
        self._opened += 1
        self._breaks.pop(folder, None)

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
