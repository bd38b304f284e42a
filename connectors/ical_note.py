"""VJOURNAL -> Note."""

from __future__ import annotations

from connectors import ical_text
from connectors.ical_people import people
from connectors.ical_read import Component
from connectors.ical_time import stamp
from connectors.ical_zone import Zones
from syncd.model import ItemId, Note


def note(component: Component, *, id: ItemId, uid: str, zones: Zones) -> Note:
    """Of a note without a date, it was written when it was made, if that is said."""
    everybody = people(component)
    return Note(
        id=id,
        uid=uid,
        written_at=stamp(component, "DTSTART", zones) or stamp(component, "CREATED", zones),
        draft=component.value("STATUS").upper() == "DRAFT",
        subject=ical_text.subject(component),
        text=ical_text.description(component),
        participants=everybody.participants,
        private=ical_text.private(component),
        problem="; ".join(everybody.problems),
    )
