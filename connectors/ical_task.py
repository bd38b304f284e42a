"""VTODO -> Task.

A recurring task that is done by moving it on to its next date never says that it was: that shows only between two
readings, and is left.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from connectors import ical_text
from connectors.ical_people import people
from connectors.ical_read import Component
from connectors.ical_time import stamp
from connectors.ical_zone import Zones
from syncd.model import ItemId, Task


class _Doneness(NamedTuple):
    done: bool
    at: datetime | None
    problem: str = ""


def task(component: Component, *, id: ItemId, uid: str, zones: Zones) -> Task:
    done, at, problem = _doneness(component, zones)
    everybody = people(component)
    return Task(
        id=id,
        uid=uid,
        done=done,
        done_at=at,
        subject=ical_text.subject(component),
        text=ical_text.description(component),
        participants=everybody.participants,
        private=ical_text.private(component),
        problem="; ".join(filter(None, (problem, *everybody.problems))),
    )


def _doneness(component: Component, zones: Zones) -> _Doneness:
    """STATUS counts where there is one: a task that was opened again keeps its 100 % or its COMPLETED in some programs.

    Without it, COMPLETED or 100 % do, which is all that some others write.
    """
    status = component.value("STATUS").upper()
    percent = component.value("PERCENT-COMPLETE").rstrip("% ")
    if status != "COMPLETED" and (status or not (component.value("COMPLETED") or percent == "100")):
        return _Doneness(False, stamp(component, "DUE", zones))
    if at := stamp(component, "COMPLETED", zones):
        return _Doneness(True, at)
    at = ical_text.stamped_at(component, zones, method="")
    return _Doneness(True, at, "when it was done is not said: its last change is taken")
