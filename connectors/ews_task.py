"""A task as Exchange gives it -> CalendarObject, by iCalendar as with meetings (ews_event). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from connectors import ews_xml as xml
from connectors.ews_message import body_text, instant, line
from connectors.ews_xml import Element
from connectors.ical import calendar_object
from connectors.ical_write import escaped
from syncd.model import CalendarObject, ItemId, Unreadable

FIELDS = (
    "item:Subject",
    "item:Sensitivity",
    "item:LastModifiedTime",
    "task:CompleteDate",
    "task:DueDate",
    "task:IsComplete",
    "task:Status",
)
_STATUSES = {"Completed": "COMPLETED", "InProgress": "IN-PROCESS"}


def item(told: Element, *, id: ItemId, version: str, begins: datetime, ends: datetime) -> CalendarObject | Unreadable:
    """A task has no UID of its own: it is in one mailbox only."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", *_component(told, id), "END:VCALENDAR"]
    return calendar_object("\r\n".join(lines).encode(), id=id, version=version, zone="", begins=begins, ends=ends)


def _component(told: Element, id: ItemId) -> Iterator[str]:
    yield "BEGIN:VTODO"
    yield f"UID:{escaped(id)}"
    done = xml.flag(told, "IsComplete") or xml.value(told, "Status") == "Completed"
    yield f"STATUS:{'COMPLETED' if done else _STATUSES.get(xml.value(told, 'Status'), 'NEEDS-ACTION')}"
    for name, field in (("COMPLETED", "CompleteDate"), ("DUE", "DueDate"), ("LAST-MODIFIED", "LastModifiedTime")):
        if (at := instant(xml.value(told, field))) is not None and (done or name != "COMPLETED"):
            yield f"{name}:{at:%Y%m%dT%H%M%SZ}"
    if xml.value(told, "Sensitivity") not in ("", "Normal"):
        yield "CLASS:PRIVATE"
    for name, text in (("SUMMARY", line(xml.value(told, "Subject"))), ("DESCRIPTION", body_text(told))):
        if text:
            yield f"{name}:{escaped(text)}"
    yield "END:VTODO"
