"""Messages upon which the connection breaks: found by asking for fewer and fewer at once, then passed over.

A server that dies of one message, or answers it with a literal of gigabytes, would else stop its folder for ever.
Remembered as long as the program runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby

from connectors.imap_wire import Wire
from syncd.errors import SyncError

NARROWER = 8
"""500 messages, 62, 7, 1: four breaks lead to the one, and two more condemn it."""
ALONE = 3


class Suspicion:
    """Of one folder with one UIDVALIDITY: a header that can be read says nothing for the text."""

    def __init__(self) -> None:
        self.headers = Suspects()
        self.texts = Suspects()


class Suspects:
    def __init__(self) -> None:
        self._together: dict[int, int] = {}
        """UID -> how many were asked for when the connection broke upon it."""
        self._alone: dict[int, int] = {}
        self._large: set[int] = set()

    def is_large(self, uid: int) -> bool:
        """Whether only its beginning may be asked for."""
        return uid in self._large

    def is_condemned(self, uid: int) -> bool:
        return self._alone.get(uid, 0) >= ALONE

    def narrowed(self, chunks: Sequence[Sequence[int]]) -> list[Sequence[int]]:
        """The same UIDs in the same order, those under suspicion in smaller chunks."""
        if not self._together:
            return list(chunks)
        pieces: list[Sequence[int]] = []
        for chunk in chunks:
            for size, group in groupby(chunk, lambda uid: self._together.get(uid, 0)):
                uids = list(group)
                step = max(1, size // NARROWER) if size else len(uids)
                pieces += [uids[start : start + step] for start in range(0, len(uids), step)]
        return pieces

    @contextmanager
    def watch(self, wire: Wire, uids: Sequence[int]) -> Iterator[None]:
        """While these are asked for: note whether the connection breaks."""
        broken_before = wire.closed
        try:
            yield
        except SyncError:
            if wire.closed and not broken_before:
                if wire.too_large in uids and wire.too_large not in self._large:
                    self._large.add(wire.too_large)
                else:
                    self._broke(uids)
                wire.choked = wire.cut
            raise
        for uid in uids if self._together else ():
            self._together.pop(uid, None)

    def _broke(self, uids: Sequence[int]) -> None:
        self._together.update(dict.fromkeys(uids, len(uids)))
        if len(uids) == 1:
            self._alone[uids[0]] = self._alone.get(uids[0], 0) + 1
