"""One VEVENT -> Event. Which of its occurrences, and whether it has more than one, ical_series says."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

from connectors import ical_text
from connectors.ical_link import join_link
from connectors.ical_people import people
from connectors.ical_read import Component
from connectors.ical_span import Span
from connectors.ical_time import instant
from connectors.ical_zone import Zones
from syncd.model import Event, EventStatus, ItemId

_STATUSES = {
    "CANCELLED": EventStatus.CANCELLED,
    "CANCELED": EventStatus.CANCELLED,
    "TENTATIVE": EventStatus.TENTATIVE,
}
# What servers and programs put in place of a subject that is not to be seen, in the languages they speak.
_BUSY = re.compile(
    r"\W*(?:busy|free|tentative|out of office|unavailable|blocked|reserved|private(?: (?:event|appointment))?|no title"
    r"|beschäftigt|gebucht|privat(?:er termin)?|frei|belegt|occupé|indisponible|privé|ocupado|privado|occupato|privato"
    r"|bezet|privé-?afspraak|upptagen|optaget|opptatt|varattu|zajęty|obsazeno|занят|занято|忙碌|予定あり)?\W*",
    re.IGNORECASE,
)


class Window(NamedTuple):
    begins: datetime
    ends: datetime

    def has(self, starts: datetime, ends: datetime) -> bool:
        """Whether some of it lies within; of what takes no time, its one instant."""
        return starts < self.ends and self.is_not_past(starts, ends)

    def is_not_past(self, starts: datetime, ends: datetime) -> bool:
        return ends > self.begins or starts >= self.begins


class Source(NamedTuple):
    """What is the same for all events of one file."""

    zones: Zones
    window: Window
    method: str
    own_addresses: tuple[str, ...]
    all_written: bool = False
    """Events that are written down are wanted whatever their date."""


def event(
    component: Component, *, id: ItemId, uid: str, original_start: str, when: Span, source: Source, problem: str = ""
) -> Event:
    """Return the event as it begins by its own DTSTART."""
    starts_at, ends_at = when.at(when.start.wall)
    everybody = people(component)
    subject, text = ical_text.subject(component), ical_text.description(component)
    problems = [problem, *everybody.problems] if problem else list(everybody.problems)
    if not component.closed:
        problems.append("it is cut off")
    return Event(
        id=id,
        uid=uid,
        original_start=original_start,
        starts_at=starts_at,
        ends_at=ends_at,
        settles_at=settles_at(ends_at, when, source.zones),
        all_day=when.start.is_date,
        zone=when.zone_name,
        status=_status(component, source.method),
        subject=subject,
        text=text,
        location=ical_text.location(component) or join_link(component),
        participants=everybody.participants,
        own_addresses=source.own_addresses,
        private=ical_text.private(component),
        not_a_meeting=_not_a_meeting(component, subject, text, alone=not everybody.participants),
        partial=everybody.partial or not component.closed,
        sequence=ical_text.sequence(component),
        stamped_at=ical_text.stamped_at(component, source.zones, method=source.method),
        problem="; ".join(problems),
    )


def settles_at(ends_at: datetime, when: Span, zones: Zones) -> datetime:
    """All-day: the midnight of the calendar's zone that ends the last day."""
    return instant(ends_at.replace(tzinfo=None), zones.home) if when.start.is_date else ends_at


def original(wall: datetime, when: Span) -> str:
    """Return how an occurrence is called that the series has at a wall time (Event.original_start)."""
    if when.start.is_date:
        return wall.strftime("%Y%m%d")
    if when.start.zone is None:
        return wall.strftime("%Y%m%dT%H%M%S")
    return of_instant(instant(wall, when.clock))


def of_instant(moment: datetime) -> str:
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return f"{moment.isoformat()[:19].replace('-', '').replace(':', '')}Z"  # half the time of strftime


def _status(component: Component, method: str) -> EventStatus:
    if method == "CANCEL":
        return EventStatus.CANCELLED
    return _STATUSES.get(component.value("STATUS").upper(), EventStatus.CONFIRMED)


def _not_a_meeting(component: Component, subject: str, text: str, *, alone: bool) -> str:
    """TRANSP says nothing here: a conference of three days leaves one free for other meetings."""
    if not alone:
        return ""
    if not text and _BUSY.fullmatch(subject):
        return "free/busy only"
    if component.value("X-MICROSOFT-CDO-BUSYSTATUS").upper() in {"OOF", "WORKINGELSEWHERE"}:
        return "out of office"
    return ""
