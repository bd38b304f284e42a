"""Calendars in memory, for stories of the pass: what a connector would make of a server's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypedDict, Unpack

from syncd.errors import Retryable
from syncd.model import (
    Batch,
    CalendarObject,
    Cursor,
    Event,
    EventStatus,
    Item,
    ItemId,
    Note,
    Participant,
    Policy,
    Removed,
    Role,
    Task,
    Unreadable,
)
from syncd.sync import Pass, PassResult
from tests.syncd.worlds import POLICY, World

HOUR = timedelta(hours=1)
PAST, AHEAD = timedelta(days=90), timedelta(days=60)


class Changes(TypedDict, total=False):
    status: EventStatus
    subject: str
    text: str
    location: str
    private: str
    not_a_meeting: str
    partial: bool
    exact: bool
    sequence: int
    stamped_at: datetime
    own_addresses: tuple[str, ...]
    organized: bool
    response: str


def meeting(
    uid: str,
    starts_at: datetime,
    organizer: str,
    attendees: Mapping[str, str],
    *,
    original_start: str = "",
    hours: float = 1,
    **more: Unpack[Changes],
) -> Event:
    people = [Participant(Role.ORGANIZER, organizer)] if organizer else []
    people += [Participant(Role.ATTENDEE, address, response=answer) for address, answer in attendees.items()]
    ends_at = starts_at + hours * HOUR
    event = Event(
        id=ItemId(""),
        uid=uid,
        original_start=original_start,
        starts_at=starts_at,
        ends_at=ends_at,
        settles_at=ends_at,
        zone="Europe/Vienna",
        subject=f"About {uid}",
        text=f"Agenda of {uid}",
        participants=tuple(people),
    )
    return event._replace(**more)


@dataclass
class Calendar:
    """Name -> the parts of an object, and how often it was written."""

    kind: str = "calendar"
    objects: dict[str, tuple[int, tuple[Event | Task | Note, ...]]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    """Objects of which nothing can be made, and why."""
    refused: set[str] = field(default_factory=set)
    """Objects that the server does not give, and of which it tells no version either."""
    revision: int = 0
    next_at: dict[str, datetime] = field(default_factory=dict)
    asked_for: list[str] = field(default_factory=list)
    gives: int | None = None
    """Objects that the server gives before it fails; None does not fail."""

    def put(self, name: str, *parts: Event | Task | Note) -> None:
        self.revision += 1
        self.objects[name] = (self.revision, parts)

    def delete(self, name: str) -> None:
        self.revision += 1
        del self.objects[name]


@dataclass
class CalendarStream:
    calendar: Calendar
    world: World
    name: str = "Work"
    excluded: str = ""

    @property
    def kind(self) -> str:
        return self.calendar.kind

    def changes(self, cursor: Cursor | None) -> Iterator[Batch]:
        now = Cursor(str(self.calendar.revision))
        if cursor != now:
            versions = {ItemId(name): str(version) for name, (version, _) in self.calendar.objects.items()}
            yield Batch(items=(), versions=versions, cursor=now)

    def read(self, ids: Sequence[ItemId], *, text: bool) -> Iterator[Item]:
        for number, name in enumerate(ids):
            if number == self.calendar.gives:
                raise Retryable("the server has had enough")
            self.calendar.asked_for.append(name)
            if name not in self.calendar.objects:
                yield Removed(name)
            elif name in self.calendar.refused:
                yield Unreadable(name, "the server does not give it")
            elif name in self.calendar.broken:
                yield Unreadable(name, self.calendar.broken[name], str(self.calendar.objects[name][0]))
            else:
                yield self._object(name)

    def _object(self, name: ItemId) -> CalendarObject:
        version, parts = self.calendar.objects[name]
        begins, ends = self.world.clock - PAST, self.world.clock + AHEAD
        return CalendarObject(
            id=name,
            version=str(version),
            parts=tuple(part._replace(id=_id(name, part)) for part in parts),
            begins=begins,
            ends=ends,
            next_at=self.calendar.next_at.get(name),
            nothing="" if parts else "all its dates are outside the window",
        )

    def inventory(self) -> Iterator[ItemId]:
        yield from map(ItemId, self.calendar.objects)


def _id(name: str, part: Event | Task | Note) -> ItemId:
    original = part.original_start if isinstance(part, Event) else ""
    return ItemId(f"{name}#{original}" if original else name)


@dataclass
class Office:
    """A world whose reps have calendars; a rep is `<name>@ourco.example`."""

    world: World
    streams: dict[str, tuple[int, CalendarStream]] = field(default_factory=dict)

    def calendar(self, rep: str, kind: str = "calendar") -> Calendar:
        if rep not in self.streams:
            number = 100 + len(self.streams)
            self.world.execute(
                "INSERT INTO mailbox (id, name, owner) VALUES (:id, :rep, :owner)",
                id=number,
                rep=rep,
                owner=address(rep),
            )
            self.world.execute(
                "INSERT INTO stream (id, mailbox_id, name, kind) VALUES (:id, :id, 'Work', :kind)", id=number, kind=kind
            )
            self.streams[rep] = (number, CalendarStream(Calendar(kind), self.world))
        return self.streams[rep][1].calendar

    def policy(self, rep: str) -> Policy:
        return replace(POLICY, owner_addresses=frozenset({address(rep)}))

    def sync(self, *reps: str) -> PassResult:
        for rep in reps or tuple(self.streams):
            number, stream = self.streams[rep]
            one = Pass(stream, number, self.world.store, self.policy(rep), now=self.world.now)
            result = one.run()
        return result

    def meetings(self) -> list[tuple[object, ...]]:
        """Time, status and title of each."""
        return self.world.rows(
            "SELECT substr(occurred_at, 1, 16), status, subject FROM activity WHERE kind = 'meeting' ORDER BY 1, 3"
        )

    def statuses(self) -> list[object]:
        return [status for _, status, _ in self.meetings()]

    def answers(self) -> dict[object, object]:
        """Address -> response, of attendees."""
        rows = self.world.rows("SELECT address, response FROM participant WHERE role = 'attendee'")
        return {row[0]: row[1] for row in rows}

    def feed(self) -> int:
        """How many changes the feed has told so far."""
        return len(self.world.rows("SELECT sequence FROM change"))


def address(rep: str) -> str:
    return f"{rep}@ourco.example"
