"""Servers in memory that fail as told: the folders and calendars of the other tests, with faults of a story's own."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from connectors.base import Context, Stream
from syncd.errors import CursorExpired, Permanent, ReauthNeeded, Retryable, SyncError
from syncd.model import Batch, CalendarObject, Cursor, Item, ItemId, Message, Removed, Unreadable
from tests.simulation.cast import DAY
from tests.syncd.calendars import Calendar
from tests.syncd.mailboxes import Folder, Killed, MemoryStream

PAST, AHEAD = 90 * DAY, 60 * DAY

ERRORS: dict[str, Callable[[], SyncError]] = {
    "reset": lambda: Retryable("reset by peer"),
    "throttled": lambda: Retryable("too many requests", retry_after=timedelta(seconds=30)),
    "forbidden": lambda: Permanent("forbidden"),
    "revoked": lambda: ReauthNeeded("the token was revoked"),
    "expired": lambda: CursorExpired("410"),
}


@dataclass
class Line:
    """The connection of one mailbox: what happens at its next calls, one for each."""

    coming: list[str | Callable[[], None]] = field(default_factory=list)
    order: random.Random = field(default_factory=lambda: random.Random(0))
    partial: bool = False
    """The next listing holds no more than one of all that there is."""
    lies: dict[str, int] = field(default_factory=dict)
    """Stream -> how many of its listings were not whole."""
    believed: set[str] = field(default_factory=set)
    """Streams of which a listing that is not whole is taken for the truth, if it is the second in a row, say."""
    _lied: set[str] = field(default_factory=set)
    jumbled: bool = False
    """Pages come shuffled, and with items that were on another page."""

    def call(self) -> None:
        if not self.coming:
            return
        event = self.coming.pop(0)
        if callable(event):
            event()
        elif event in ERRORS:
            raise ERRORS[event]()
        elif event == "killed":
            raise Killed
        elif event == "partial":
            self.partial = True

    def listing(self, stream: str, items: Sequence[ItemId]) -> list[ItemId]:
        partial, self.partial = self.partial, False
        if partial:
            self.lies[stream] = self.lies.get(stream, 0) + 1
            self.believed |= {stream} & self._lied
            self._lied.add(stream)
        else:
            self._lied.discard(stream)
        return list(items[:1] if partial else items)

    def over(self) -> None:
        """The faults stop."""
        self.coming, self.partial, self.jumbled = [], False, False


@dataclass(slots=True)
class LinedFolder(Folder):
    line: Line = field(default_factory=Line)

    def call(self) -> None:
        self.line.call()


@dataclass(slots=True)
class MailStream(MemoryStream):
    line: Line = field(default_factory=Line)

    def changes(self, cursor: Cursor | None) -> Iterator[Batch]:
        earlier: list[Item] = []
        for batch in MemoryStream.changes(self, cursor):
            if batch.listing is not None:
                yield replace(batch, listing=frozenset(self.line.listing(self.name, sorted(batch.listing))))
            elif self.line.jumbled:
                again = [item for item in earlier if isinstance(item, Message) and item.id in self._ids()]
                mixed = [*batch.items, *batch.items[:1], *again[-2:]]
                self.line.order.shuffle(mixed)
                earlier += batch.items
                yield replace(batch, items=tuple(mixed))
            else:
                yield batch

    def _ids(self) -> frozenset[ItemId]:
        return frozenset(map(self.folder.item, self.folder.held))


@dataclass
class MeetingStream:
    calendar: Calendar
    line: Line
    clock: Callable[[], datetime]
    name: str = "Calendar"
    kind: str = "calendar"
    excluded: str = ""

    def changes(self, cursor: Cursor | None) -> Iterator[Batch]:
        self.line.call()
        now = Cursor(str(self.calendar.revision))
        if cursor != now:
            listed = self.line.listing(self.name, sorted(map(ItemId, self.calendar.objects)))
            versions = {name: str(self.calendar.objects[name][0]) for name in listed}
            yield Batch(items=(), versions=versions, cursor=now)

    def read(self, ids: Sequence[ItemId], *, text: bool) -> Iterator[Item]:
        self.line.call()
        wanted = list(ids)
        if self.line.jumbled:
            self.line.order.shuffle(wanted)
        for name in wanted:
            if name not in self.calendar.objects:
                yield Removed(name)
            elif name in self.calendar.broken:
                yield Unreadable(name, self.calendar.broken[name], str(self.calendar.objects[name][0]))
            else:
                yield self._object(name)

    def _object(self, name: ItemId) -> CalendarObject:
        version, parts = self.calendar.objects[name]
        begins, ends = self.clock() - PAST, self.clock() + AHEAD
        made = tuple(replace(part, id=name) for part in parts)
        return CalendarObject(id=name, version=str(version), parts=made, begins=begins, ends=ends)

    def inventory(self) -> Iterator[ItemId]:
        self.line.call()
        yield from map(ItemId, self.calendar.objects)


@dataclass(frozen=True)
class Account:
    """What `replay` opens, as it would an account of any kind."""

    open_streams: tuple[Stream, ...]

    def streams(self) -> Sequence[Stream]:
        return self.open_streams

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class Settings:
    account: Account


def open_account(settings: Any, context: Context) -> Account:
    account = settings.account
    assert isinstance(account, Account)
    return account
