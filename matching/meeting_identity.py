"""What makes the copies in several calendars one meeting: (normalised UID, original start), hashed like a mail's."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime

from matching.identity import keyed
from syncd.model import Event, Note, Task


def event_keys(event: Event, key: bytes, stream_id: int) -> tuple[bytes, bytes]:
    """The identity, and what it would be as a single event if it is a member of a series, or the other way round.

    Without a UID an event is known in its own calendar only: two of them are never the same.
    """
    if not event.uid:
        own = keyed(key, f"meeting\0{stream_id}\0{event.id}")
        return own, own
    other = "" if event.original_start else _original(event)
    return _meeting(event.uid, event.original_start, key), _meeting(event.uid, other, key)


def uid_keys(uid: str, key: bytes) -> tuple[bytes, ...]:
    """By which a single meeting, task or note is found again by its UID."""
    return _meeting(uid, "", key), *(keyed(key, f"{kind}\0{uid}") for kind in ("task", "note"))


def series_keys(uid: str, starts: Iterable[datetime], key: bytes) -> frozenset[bytes]:
    """By which members of a series are found again by its UID, if these are among their original starts."""
    names = {f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}" for at in starts}
    names |= {name[:8] for name in names if name.endswith("T000000Z")}
    return frozenset(_meeting(uid, name, key) for name in names)


def part_key(part: Task | Note, key: bytes, stream_id: int) -> bytes:
    kind = "task" if isinstance(part, Task) else "note"
    return keyed(key, f"{kind}\0{part.uid}" if part.uid else f"{kind}\0{stream_id}\0{part.id}")


def moved_from(event: Event) -> datetime | None:
    """The original start of a member of a series; None where only a zone that is not told would say when that is."""
    text = event.original_start
    if len(text) == len("20261125"):
        return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    if text.endswith("Z"):
        return datetime.fromisoformat(text)
    return None


def _meeting(uid: str, original_start: str, key: bytes) -> bytes:
    return keyed(key, f"meeting\0{uid}\0{original_start}")


def _original(event: Event) -> str:
    return event.starts_at.strftime("%Y%m%d" if event.all_day else "%Y%m%dT%H%M%SZ")
