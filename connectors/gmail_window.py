"""Which messages of a listing came since a time, where Gmail may not be asked for a time: by the dates of a few.

Gmail lists the newest first, but promises no order, and neighbours do stand the wrong way round
(googleapis/google-api-nodejs-client issue 3508). So the ends of each stretch of the listing are looked at, and where
the window ends every message for some way before and behind. No I/O of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice, pairwise

STRETCH = 500
EDGE = 50
"""So many messages on each side of the window's end are looked at: twice as far as one may stand from its place."""

Dates = Callable[[Sequence[str]], Mapping[str, datetime]]
"""Ids -> when these messages came; without those that are gone."""


def came_since(listed: Iterator[str], since: datetime, dates: Dates) -> Iterator[str]:
    """Ids, in their order. What lies behind two stretches that are all older is not listed any more, unless the order
    is another than newest first."""
    listing = _Listing(since, dates)
    while stretch := list(islice(listed, STRETCH)):
        listing.extend(stretch)
        if listing.is_over():
            break
    else:
        listing.look_at_the_end()
    listing.look_at_the_edges()
    yield from listing.within()


class _Listing:
    """As far as it was read."""

    def __init__(self, since: datetime, dates: Dates) -> None:
        self._since = since
        self._dates = dates
        self._ids: list[str] = []
        self._came: dict[int, datetime] = {}
        """Place in the listing -> when the message there came, of those that were looked at."""
        self._gone: set[int] = set()

    def extend(self, stretch: Sequence[str]) -> None:
        first = len(self._ids)
        self._ids += stretch
        self._look_at_one(range(first, len(self._ids)))
        self._look_at_one(range(len(self._ids) - 1, first, -1))

    def is_over(self) -> bool:
        came = [self._came[place] for place in sorted(self._came)]
        far_apart = came[::2]
        return len(came) >= 4 and max(came[-4:]) < self._since and far_apart == sorted(far_apart, reverse=True)

    def look_at_the_end(self) -> None:
        """If no more than a few are outside the window, one of the others may stand behind them."""
        self._look(range(max(0, len(self._ids) - EDGE), len(self._ids)))

    def look_at_the_edges(self) -> None:
        # If no more than a few are within, none of them need stand at an end that was looked at.
        self._look(range(min(EDGE, len(self._ids))))
        for before, behind in list(pairwise(sorted(self._came))):
            if self._is_within(before) != self._is_within(behind):
                edge = self._edge(before, behind)
                self._look(range(max(0, edge - EDGE), min(len(self._ids), edge + EDGE)))

    def within(self) -> Iterator[str]:
        """What was not looked at is taken for what the one before it is that was."""
        is_within = False
        for place, id in enumerate(self._ids):
            if place in self._came:
                is_within = self._is_within(place)
            if is_within and place not in self._gone:
                yield id

    def _edge(self, before: int, behind: int) -> int:
        """The place between the two at which the window ends, or begins."""
        while behind - before > 1:
            half = (before + behind) // 2
            middle = self._look_at_one(range(half, behind))
            if middle is not None and self._is_within(middle) == self._is_within(before):
                before = middle
            else:
                behind = half
        return behind

    def _is_within(self, place: int) -> bool:
        return self._came[place] >= self._since

    def _look_at_one(self, places: Iterable[int]) -> int | None:
        """The first of these places whose message is not gone."""
        return next((place for place in places if self._look([place])), None)

    def _look(self, places: Iterable[int]) -> bool:
        """Whether one of them is still there."""
        new = {place: self._ids[place] for place in places if place not in self._came}
        came = self._dates(list(new.values())) if new else {}
        self._came |= {place: came[id] for place, id in new.items() if id in came}
        self._gone |= {place for place, id in new.items() if id not in came}
        return bool(came) or not new
