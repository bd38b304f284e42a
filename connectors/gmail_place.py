"""How far an account's mail has been read: the cursor, and the order in which a backfill takes messages. No I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from syncd.errors import CursorExpired
from syncd.model import Cursor


@dataclass(frozen=True, slots=True)
class Place:
    history: str
    """historyId: what happened up to it has been yielded, or waits in the backfill. 64-bit, so text in JSON."""
    upto: str = ""
    """While what happened since is being yielded, over several batches: the historyId where that ends, else empty."""
    done: str = ""
    """Of that, what has been yielded: this id and all above it."""
    below: str | None = None
    """While the backfill lasts: what is left of it has ids below this one; empty before its first batch."""

    def cursor(self) -> Cursor:
        return Cursor(json.dumps(asdict(self)))


def place(cursor: Cursor) -> Place:
    """Raises CursorExpired for what is no place."""
    try:
        found = Place(**json.loads(cursor))
    except (ValueError, TypeError) as error:
        raise CursorExpired("the cursor of the mail cannot be read") from error
    texts = (found.history, found.upto or found.history, found.done, found.below or "")
    if not all(isinstance(text, str) for text in texts) or not all(text.isdecimal() for text in texts[:2]):
        raise CursorExpired("the cursor of the mail cannot be read")
    return found


def newest_first(ids: Iterable[str]) -> list[str]:
    """In the order of a backfill, which must not depend on that of a listing: none is promised.

    Ids are 16 hexadecimal digits that grow with time. Were they not, the order would be another, and as good.
    """
    return sorted(set(ids), key=_rank, reverse=True)


def is_below(id: str, limit: str) -> bool:
    """Whether an id is still to come; the empty limit is above all."""
    return not limit or _rank(id) < _rank(limit)


def _rank(id: str) -> tuple[int, str]:
    return len(id), id
