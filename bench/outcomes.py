"""What a sync of the calendars must come to, known because the meetings were made that way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from bench.agenda import AHEAD, PAST
from bench.meetings import Meeting, Occurrence, occurrences
from bench.truth import LOGGED

OUTSIDE = "outside_window"


@dataclass(frozen=True, slots=True)
class Outcomes:
    activities: Counter[str]
    """Status -> meetings that concern a known contact, each once however many calendars hold it."""
    sightings: Counter[tuple[int, str]]
    """Index of the calendar, rule (or `logged`) -> occurrences within the window, and objects that have none in it."""
    objects: int
    """Copies in all calendars."""


def outcomes(meetings: Sequence[Meeting], contacts: Collection[str], now: datetime) -> Outcomes:
    """`contacts` are the addresses of the known ones."""
    activities: Counter[str] = Counter()
    sightings: Counter[tuple[int, str]] = Counter()
    for meeting in meetings:
        seen = list(_in_window(meeting, now))
        rules = [meeting.rule] * len(seen) or [OUTSIDE]
        sightings.update((holder, rule) for holder in meeting.holders for rule in rules)
        if meeting.rule == LOGGED:
            activities.update(_outcome(meeting, each, contacts, now) for each in seen)
    return Outcomes(activities, sightings, sum(len(meeting.holders) for meeting in meetings))


def _in_window(meeting: Meeting, now: datetime) -> Iterator[Occurrence]:
    return occurrences(meeting, now - PAST, now + AHEAD)


def _outcome(meeting: Meeting, occurrence: Occurrence, contacts: Collection[str], now: datetime) -> str:
    """What was called off once it was over had taken place."""
    if occurrence.cancelled and meeting.stamped < occurrence.ends_at:
        return "cancelled"
    answers = [guest.answer for guest in meeting.guests if guest.person.address in contacts]
    if answers and all(answer == "DECLINED" for answer in answers):
        return "declined"
    return "held" if occurrence.ends_at <= now else "planned"
