"""A meeting as Exchange gives it, with the changed and deleted occurrences of its series -> CalendarObject. Pure.

Exchange's fields are written as iCalendar and read by connectors.ical, so that a series has the same occurrences, and a
meeting the same identity, as in every other calendar. What iCalendar has no word for is added to the events afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from connectors import ews_xml as xml
from connectors.ews_message import body_text, instant, line, smtp
from connectors.ews_recurrence import rule
from connectors.ews_xml import Element
from connectors.ews_zone import Zone, zone_of
from connectors.ical import calendar_object
from connectors.ical_write import escaped, parameter
from syncd.model import CalendarObject, Event, ItemId, Unreadable

FIELDS = (
    "item:Subject",
    "item:Sensitivity",
    "item:LastModifiedTime",
    "calendar:UID",
    "calendar:RecurrenceId",
    "calendar:DateTimeStamp",
    "calendar:Start",
    "calendar:End",
    "calendar:OriginalStart",
    "calendar:IsAllDayEvent",
    "calendar:LegacyFreeBusyStatus",
    "calendar:Location",
    "calendar:IsCancelled",
    "calendar:CalendarItemType",
    "calendar:MyResponseType",
    "calendar:Organizer",
    "calendar:RequiredAttendees",
    "calendar:OptionalAttendees",
    "calendar:AppointmentSequenceNumber",
    "calendar:Recurrence",
    "calendar:ModifiedOccurrences",
    "calendar:DeletedOccurrences",
    "calendar:StartTimeZone",
    "meeting:ResponseType",
)
"""Rooms and other resources are not asked for."""
_PARTSTAT = {"Accept": "ACCEPTED", "Decline": "DECLINED", "Tentative": "TENTATIVE", "Organizer": "ACCEPTED"}
_ANSWERS = {
    "Organizer": "accepted",
    "Accept": "accepted",
    "Decline": "declined",
    "Tentative": "tentative",
    "NoResponseReceived": "needs_action",
}
_CLASSES = {"Private": "PRIVATE", "Confidential": "CONFIDENTIAL", "Personal": "PRIVATE"}


def item(
    master: Element,
    changed: Sequence[Element],
    *,
    id: ItemId,
    version: str,
    begins: datetime,
    ends: datetime,
) -> CalendarObject | Unreadable:
    """A single meeting, or a series with those of its changed occurrences that were asked for. Raises ValueError or
    KeyError for what makes no sense."""
    zone = zone_of(master)
    known = {_original(each) for each in changed}
    elsewhere = [
        when
        for each in xml.children(master, "ModifiedOccurrences")
        if (when := instant(xml.value(each, "OriginalStart"))) is not None and when not in known
    ]
    lines = [
        *_begin(zone),
        *component(master, zone, without=elsewhere),
        *(text for each in changed for text in component(each, zone, master=master)),
        "END:VCALENDAR",
    ]
    found = calendar_object(
        "\r\n".join(lines).encode(), id=id, version=version, zone=zone.name, begins=begins, ends=ends
    )
    if isinstance(found, Unreadable):
        return found
    written = {_key(each, zone, master): each for each in changed}
    parts = tuple(
        _told(part, written.get(part.original_start, master)) if isinstance(part, Event) else part
        for part in found.parts
    )
    return found._replace(parts=parts)


def calendar(told: Element, method: str) -> Iterator[str]:
    """A mail about a meeting as the calendar that it was sent with."""
    zone = zone_of(told)
    first, *rest = _begin(zone)
    yield from (first, f"METHOD:{method}", *rest)
    yield from component(told, zone)
    yield "END:VCALENDAR"


def changed_within(master: Element, begins: datetime) -> list[ItemId]:
    """The ids of the changed occurrences that are, or were to be, after a moment. The others of a long series are as
    good as deleted."""
    return [
        ItemId(xml.id_of(each)[0])
        for each in xml.children(master, "ModifiedOccurrences")
        if any((at := instant(xml.value(each, name))) and at >= begins for name in ("OriginalStart", "Start", "End"))
    ]


def _begin(zone: Zone) -> Iterator[str]:
    yield "BEGIN:VCALENDAR"
    yield "VERSION:2.0"
    yield from zone.rules


def component(
    told: Element, zone: Zone, *, master: Element | None = None, without: Iterable[datetime] = ()
) -> Iterator[str]:
    """A VEVENT. An occurrence has the zone and the UID of its `master`; `without` are more dates that it has not."""
    all_day = xml.flag(told, "IsAllDayEvent")
    series_all_day = all_day if master is None else xml.flag(master, "IsAllDayEvent")
    yield "BEGIN:VEVENT"
    yield f"UID:{escaped(xml.value(told if master is None else master, 'UID') or xml.value(told, 'UID'))}"
    original = _original(told)
    if original is not None and (master is not None or xml.value(told, "RecurrenceId")):
        yield zone.moment("RECURRENCE-ID", original, all_day=series_all_day)
    for name, field in (("DTSTART", "Start"), ("DTEND", "End")):
        if (at := instant(xml.value(told, field))) is not None:
            yield zone.moment(name, at, all_day=all_day)
    recurrence = xml.child(told, "Recurrence")
    if recurrence is not None and master is None and (text := rule(recurrence)):
        yield f"RRULE:{text}"
        deleted = (instant(xml.value(each, "Start")) for each in xml.children(told, "DeletedOccurrences"))
        for at in (*filter(None, deleted), *without):
            yield zone.moment("EXDATE", at, all_day=all_day)
    yield from _described(told)
    yield from _people(told)
    yield "END:VEVENT"


def _original(told: Element) -> datetime | None:
    """When an occurrence was to begin."""
    return instant(xml.value(told, "OriginalStart")) or instant(xml.value(told, "RecurrenceId"))


def _described(told: Element) -> Iterator[str]:
    yield f"STATUS:{'CANCELLED' if xml.flag(told, 'IsCancelled') else 'CONFIRMED'}"
    if (number := xml.value(told, "AppointmentSequenceNumber")).isdecimal():
        yield f"SEQUENCE:{number}"
    if (kind := _CLASSES.get(xml.value(told, "Sensitivity"))) is not None:
        yield f"CLASS:{kind}"
    for name, text in (
        ("SUMMARY", line(xml.value(told, "Subject"))),
        ("LOCATION", line(xml.value(told, "Location"))),
        ("DESCRIPTION", body_text(told)),
    ):
        if text:
            yield f"{name}:{escaped(text)}"
    if busy := xml.value(told, "LegacyFreeBusyStatus"):
        yield f"X-MICROSOFT-CDO-BUSYSTATUS:{busy.upper()}"
    for name, field in (("DTSTAMP", "DateTimeStamp"), ("LAST-MODIFIED", "LastModifiedTime")):
        if (at := instant(xml.value(told, field))) is not None:
            yield f"{name}:{at:%Y%m%dT%H%M%SZ}"


def _people(told: Element) -> Iterator[str]:
    """Of a reply, the one who answers; of a cancellation, which names no organizer, the one who sent it. An address of
    Exchange's own kind is nobody that is known."""
    name = "From" if xml.kind(told) == "MeetingCancellation" else "Organizer"
    if address := smtp(xml.child(told, name, "Mailbox")):
        yield f"ORGANIZER{parameter('CN', xml.value(told, name, 'Mailbox', 'Name'))}:mailto:{escaped(address)}"
    if xml.kind(told) == "MeetingResponse":
        yield from _attendee(xml.child(told, "From", "Mailbox"), xml.value(told, "ResponseType"))
    for name in ("RequiredAttendees", "OptionalAttendees"):
        for each in xml.children(told, name):
            yield from _attendee(xml.child(each, "Mailbox"), xml.value(each, "ResponseType"))


def _attendee(mailbox: Element | None, answer: str) -> Iterator[str]:
    if mailbox is not None and (address := smtp(mailbox)):
        name = parameter("CN", xml.value(mailbox, "Name"))
        kind = ";CUTYPE=GROUP" if xml.value(mailbox, "MailboxType") in ("PublicDL", "PrivateDL", "GroupMailbox") else ""
        yield f"ATTENDEE{name}{kind};PARTSTAT={_PARTSTAT.get(answer, 'NEEDS-ACTION')}:mailto:{escaped(address)}"


# ---------------------------------------------------------------------------------- what iCalendar has no word for


def _key(told: Element, zone: Zone, master: Element) -> str:
    """Event.original_start of a changed occurrence."""
    at = _original(told)
    if at is None:
        return ""
    return zone.date(at) if xml.flag(master, "IsAllDayEvent") else f"{at:%Y%m%dT%H%M%SZ}"


def _told(event: Event, source: Element) -> Event:
    answer = xml.value(source, "MyResponseType")
    return event._replace(organized=answer == "Organizer" if answer else None, response=_ANSWERS.get(answer))
