"""Servers in memory that fail as told: the folders and calendars of the other tests, with faults of a story's own."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeGuard

from connectors.base import Context, Stream
from syncd.errors import CursorExpired, Permanent, ReauthNeeded, Retryable, SyncError
from syncd.model import (
    Batch,
    CalendarObject,
    Cursor,
    Event,
    Item,
    ItemId,
    Message,
    Note,
    Removed,
    Task,
    Unreadable,
)
from tests.simulation.cast import DAY
from tests.syncd.calendars import Calendar
from tests.syncd.mailboxes import Folder, Killed, MemoryStream

PAST, AHEAD = 90 * DAY, 4 * DAY
"""How far back and ahead a calendar is read: ahead not far, so that series reach into what comes."""

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

    met: list[str] = field(default_factory=list)
    """The faults that happened so far."""
    patient: bool = False
    """It happens only while items are read, which is when they are decided on and not yet saved."""

    in_hand: list[str] = field(default_factory=list)
    """Whose mail was given last."""

    def call(self, *, reading: bool = False) -> None:
        if not self.coming or reading != self.patient:
            return
        event = self.coming.pop(0)
        if callable(event):
            event()
            return
        self.met.append(event)
        if event in ERRORS:
            raise ERRORS[event]()
        if event == "killed":
            raise Killed
        if event == "partial":
            self.partial = True

    def gave(self, batch: Batch) -> Batch:
        self.in_hand = [each.address for item in batch.items if isinstance(item, Message) for each in item.participants]
        return batch

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
        self.coming, self.in_hand = [], []
        self.partial, self.jumbled, self.patient = False, False, False


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
        for batch in map(_without_events, MemoryStream.changes(self, cursor)):
            if batch.listing is not None:
                yield batch._replace(listing=frozenset(self.line.listing(self.name, sorted(batch.listing))))
            elif self.line.jumbled:
                again = [item for item in earlier if isinstance(item, Message) and item.id in self._ids()]
                mixed = [*batch.items, *batch.items[:1], *again[-2:]]
                self.line.order.shuffle(mixed)
                earlier += batch.items
                yield self.line.gave(batch._replace(items=tuple(mixed)))
            else:
                yield self.line.gave(batch)

    def read(self, ids: Sequence[ItemId], *, text: bool) -> Iterator[Item]:
        self.line.call(reading=True)
        yield from MemoryStream.read(self, ids, text=text)

    def _ids(self) -> frozenset[ItemId]:
        return frozenset(map(self.folder.item, self.folder.held))


def _without_events(batch: Batch) -> Batch:
    """What a mail holds is told by `read` only."""
    told = (item._replace(invitation=None) if isinstance(item, Message) else item for item in batch.items)
    return batch._replace(items=tuple(told))


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
        self.line.call(reading=True)
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
        """As all connectors make it: what only a rule tells of ends with the window, what is written down does not."""
        version, parts = self.calendar.objects[name]
        begins, ends = self.clock() - PAST, self.clock() + AHEAD
        later = [part.starts_at for part in parts if _by_rule(part) and part.starts_at >= ends]
        made = [part._replace(id=_id(name, part)) for part in parts if not (_by_rule(part) and part.starts_at >= ends)]
        return CalendarObject(
            id=name,
            version=str(version),
            parts=tuple(made),
            begins=begins,
            ends=ends,
            next_at=min(later, default=None),
            nothing="" if made else "all its dates are outside the window",
        )

    def inventory(self) -> Iterator[ItemId]:
        self.line.call()
        yield from map(ItemId, self.calendar.objects)


def _by_rule(part: Event | Task | Note) -> TypeGuard[Event]:
    return isinstance(part, Event) and not part.exact


def _id(name: ItemId, part: Event | Task | Note) -> ItemId:
    original = part.original_start if isinstance(part, Event) else ""
    return ItemId(f"{name}#{original}" if original else name)


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
