"""One meeting, task or note of the demo, and the copies of it that end in the team's calendars."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from syncd.demo.people import TEAM, Person

CALENDAR, TASKS, NOTES = "Calendar", "Tasks", "Notes"
CALENDARS = {CALENDAR: ("VEVENT",), TASKS: ("VTODO",), NOTES: ("VJOURNAL",)}
_WEEK = timedelta(weeks=1)


@dataclass(frozen=True, slots=True)
class Meeting:
    key: str
    """Names it in the story, and makes its UID."""
    days: float
    """How long ago it began; less than nothing is still to come."""
    organizer: Person
    guests: tuple[Person, ...]
    subject: str
    weeks: int = field(default=1, kw_only=True)
    """How often it takes place, a week apart."""
    dropped: tuple[int, ...] = field(default=(), kw_only=True)
    """Which of them, from 0, are left out."""
    private: bool = field(default=False, kw_only=True)
    cancelled: bool = field(default=False, kw_only=True)
    declined: tuple[Person, ...] = field(default=(), kw_only=True)
    version: int = field(default=0, kw_only=True)
    rule: str = field(default="logged", kw_only=True)
    """What syncd has to say of it; a test holds it to that."""
    outcomes: tuple[str, ...] = field(default=(), kw_only=True)
    """What becomes of each time that it takes place, if it is logged."""


@dataclass(frozen=True, slots=True)
class Task:
    key: str
    days: float
    """How long ago it was done; of an open one, when it was due."""
    owner: Person
    subject: str
    done: bool = field(default=True, kw_only=True)
    rule: str = field(default="logged", kw_only=True)


@dataclass(frozen=True, slots=True)
class Note:
    key: str
    days: float
    owner: Person
    subject: str
    text: str
    rule: str = field(default="logged", kw_only=True)


@dataclass(frozen=True, slots=True)
class Entry:
    """A copy of one of them, in one calendar."""

    user: str
    calendar: str
    name: str
    content: bytes


def entries(item: Meeting | Task | Note, now: datetime) -> Iterator[Entry]:
    """A meeting lies in the calendar of each of the team who takes part; a task or note in its owner's list."""
    match item:
        case Meeting():
            lines = _meeting(item, now)
            for person in TEAM:
                if person in (item.organizer, *item.guests):
                    yield _entry(person, CALENDAR, item.key, lines)
        case Task():
            yield _entry(item.owner, TASKS, item.key, _task(item, now))
        case Note():
            yield _entry(item.owner, NOTES, item.key, _note(item, now))


def invitation(meeting: Meeting, now: datetime) -> bytes:
    """As the organizer's program mails it to the guests."""
    return _calendar("METHOD:REQUEST", *_meeting(meeting, now))


def _entry(person: Person, calendar: str, key: str, lines: list[str]) -> Entry:
    return Entry(person.address, calendar, f"{key}.ics", _calendar(*lines))


def _calendar(*lines: str) -> bytes:
    whole = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//syncd//demo//EN", *lines, "END:VCALENDAR", ""]
    return "\r\n".join(whole).encode()


def _meeting(meeting: Meeting, now: datetime) -> list[str]:
    starts = _hour(now - timedelta(days=meeting.days))
    lines = [
        *_begun("VEVENT", meeting.key, now),
        f"SEQUENCE:{meeting.version}",
        f"DTSTART:{_instant(starts)}",
        f"DTEND:{_instant(starts + timedelta(hours=1))}",
        f"SUMMARY:{_text(meeting.subject)}",
        f"STATUS:{'CANCELLED' if meeting.cancelled else 'CONFIRMED'}",
        f"ORGANIZER;CN={meeting.organizer.name}:mailto:{meeting.organizer.address}",
    ]
    lines += [_guest(person, meeting) for person in (meeting.organizer, *meeting.guests)]
    if meeting.weeks > 1:
        lines.append(f"RRULE:FREQ=WEEKLY;COUNT={meeting.weeks}")
        lines += [f"EXDATE:{_instant(starts + number * _WEEK)}" for number in meeting.dropped]
    if meeting.private:
        lines.append("CLASS:PRIVATE")
    return [*lines, "END:VEVENT"]


def _guest(person: Person, meeting: Meeting) -> str:
    answer = "DECLINED" if person in meeting.declined else "ACCEPTED"
    return f"ATTENDEE;CN={person.name};PARTSTAT={answer}:mailto:{person.address}"


def _task(task: Task, now: datetime) -> list[str]:
    at = _instant(_hour(now - timedelta(days=task.days)))
    state = ["STATUS:COMPLETED", f"COMPLETED:{at}"] if task.done else ["STATUS:NEEDS-ACTION", f"DUE:{at}"]
    return [*_begun("VTODO", task.key, now), f"SUMMARY:{_text(task.subject)}", *state, "END:VTODO"]


def _note(note: Note, now: datetime) -> list[str]:
    at = _instant(_hour(now - timedelta(days=note.days)))
    said = [f"DTSTART:{at}", f"SUMMARY:{_text(note.subject)}", f"DESCRIPTION:{_text(note.text)}", "STATUS:FINAL"]
    return [*_begun("VJOURNAL", note.key, now), *said, "END:VJOURNAL"]


def _begun(component: str, key: str, now: datetime) -> list[str]:
    return [f"BEGIN:{component}", f"UID:{key}@calendar.example", f"DTSTAMP:{_instant(now)}"]


def _text(words: str) -> str:
    """RFC 5545 section 3.3.11."""
    return words.replace("\\", "\\\\").replace(",", "\\,").replace(";", "\\;")


def _hour(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)


def _instant(instant: datetime) -> str:
    return f"{instant:%Y%m%dT%H%M%SZ}"
