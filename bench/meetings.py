"""One meeting of the invented calendars: when it takes place, and how a calendar program writes it down (RFC 5545)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from bench.cast import Person

ZONE = ZoneInfo("Europe/Vienna")
WEEK = timedelta(weeks=1)

_VTIMEZONE = """\
BEGIN:VTIMEZONE
TZID:Europe/Vienna
BEGIN:DAYLIGHT
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
TZNAME:CEST
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
TZNAME:CET
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
END:VTIMEZONE"""


class Guest(NamedTuple):
    person: Person
    answer: str
    """PARTSTAT."""


@dataclass(frozen=True, slots=True)
class Series:
    """Weekly; its members are numbered from 0, the one at the start of the meeting."""

    weeks: int | None
    """None has no end."""
    dropped: frozenset[int] = frozenset()
    moved: Mapping[int, timedelta] = field(default_factory=dict)
    called_off: frozenset[int] = frozenset()

    @property
    def written(self) -> frozenset[int]:
        """Those that have a component of their own."""
        return self.called_off.union(self.moved)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    number: int
    subject: str
    text: str
    starts: datetime | date
    """On a wall clock of ZONE, or a whole day."""
    length: timedelta
    organizer: Person | None
    guests: tuple[Guest, ...] = ()
    holders: tuple[int, ...]
    """Indexes of the calendars that hold it; the first is the organizer's, where that is one of ours."""
    rule: str
    """What decides it, or `logged`."""
    series: Series | None = None
    cancelled: bool = False
    private: bool = False
    sequence: int = 0
    stamped: datetime = field(default=datetime(2026, 1, 1, tzinfo=UTC))

    @property
    def uid(self) -> str:
        return f"meeting{self.number}@calendars.example.com"


class Occurrence(NamedTuple):
    starts_at: datetime
    ends_at: datetime
    cancelled: bool


def occurrences(meeting: Meeting, begins: datetime, ends: datetime) -> Iterator[Occurrence]:
    """Those that begin between these two instants, and later ones that are written down; of an all-day one, as 00:00
    UTC of its date."""
    series = meeting.series or Series(1)
    for number, start in _starts(meeting, ends):
        if number in series.dropped:
            continue
        moved = _instant(start + series.moved.get(number, timedelta(0)))
        if begins <= moved and (moved < ends or number in series.written):
            cancelled = meeting.cancelled or number in series.called_off
            yield Occurrence(moved, moved + meeting.length, cancelled)


def _starts(meeting: Meeting, ends: datetime) -> Iterator[tuple[int, datetime | date]]:
    series = meeting.series or Series(1)
    last_written = max(series.written, default=0)
    number, start = 0, meeting.starts
    while (series.weeks is None or number < series.weeks) and (_instant(start) < ends or number <= last_written):
        yield number, start
        number, start = number + 1, start + WEEK


def _instant(start: datetime | date) -> datetime:
    """Python adds a week to the wall clock, as a series does."""
    if isinstance(start, datetime):
        return start.astimezone(UTC)
    return datetime(start.year, start.month, start.day, tzinfo=UTC)


# ------------------------------------------------------------------------------------------------------ writing it


def written(meeting: Meeting) -> bytes:
    series = meeting.series
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//example//bench//EN", *_VTIMEZONE.splitlines()]
    repeats = []
    if series:
        repeats.append("RRULE:FREQ=WEEKLY" + (f";COUNT={series.weeks}" if series.weeks else ""))
        repeats += [_at("EXDATE", meeting.starts + number * WEEK) for number in sorted(series.dropped)]
    lines += _event(meeting, meeting.starts, repeats, cancelled=meeting.cancelled)
    if series:
        for number in sorted(series.written):
            original = meeting.starts + number * WEEK
            start = original + series.moved.get(number, timedelta(0))
            lines += _event(meeting, start, [_at("RECURRENCE-ID", original)], cancelled=number in series.called_off)
    lines += ["END:VCALENDAR", ""]
    return "\r\n".join(folded for line in lines for folded in _folded(line)).encode()


def _event(meeting: Meeting, start: datetime | date, more: list[str], *, cancelled: bool) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{meeting.uid}"
    yield f"DTSTAMP:{meeting.stamped:%Y%m%dT%H%M%SZ}"
    yield f"SEQUENCE:{meeting.sequence}"
    yield _at("DTSTART", start)
    yield _at("DTEND", start + meeting.length)
    yield from more
    yield f"SUMMARY:{meeting.subject}"
    yield "DESCRIPTION:" + meeting.text.strip().replace("\n", "\\n")
    yield f"STATUS:{'CANCELLED' if cancelled else 'CONFIRMED'}"
    if meeting.private:
        yield "CLASS:PRIVATE"
    if meeting.organizer:
        yield f"ORGANIZER;CN={meeting.organizer.name}:mailto:{meeting.organizer.address}"
    for guest in meeting.guests:
        name, address = guest.person.name, guest.person.address
        yield f"ATTENDEE;CN={name};CUTYPE=INDIVIDUAL;PARTSTAT={guest.answer};RSVP=TRUE:mailto:{address}"
    yield from ("BEGIN:VALARM", "ACTION:DISPLAY", "DESCRIPTION:Soon", "TRIGGER:-PT15M", "END:VALARM")
    yield "END:VEVENT"


def _at(name: str, start: datetime | date) -> str:
    if isinstance(start, datetime):
        return f"{name};TZID={ZONE.key}:{start:%Y%m%dT%H%M%S}"
    return f"{name};VALUE=DATE:{start:%Y%m%d}"


def _folded(line: str) -> Iterator[str]:
    """RFC 5545 section 3.1, in characters: nobody minds a line of some more bytes."""
    yield line[:70]
    for at in range(70, len(line), 69):
        yield f" {line[at : at + 69]}"
