"""A source has parts, each of which may fail by itself: the address books of several people, files, queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from store.health import Unread
from syncd.errors import SyncError

T = TypeVar("T")


def each(parts: Mapping[str, Callable[[], T]]) -> tuple[dict[str, T], tuple[Unread, ...]]:
    """What every part gives that can be read, and why the others cannot. Raises a SyncError if none can."""
    given: dict[str, T] = {}
    failed: dict[str, SyncError] = {}
    for name, read in parts.items():
        try:
            given[name] = read()
        except SyncError as error:
            failed[name] = error
    if failed and not given:
        raise _all_of(failed)
    return given, tuple(Unread(name, str(error), error.cure_for(name)) for name, error in failed.items())


def _all_of(failed: Mapping[str, SyncError]) -> SyncError:
    first, *others = failed.values()
    if not others:
        return first
    return type(first)("; ".join(f"{name}: {error}" for name, error in failed.items()), cure=first.cure)
