"""The door: one object of a calendar as a CalDAV server gives it."""

from __future__ import annotations

from datetime import UTC, datetime

from connectors.ical import calendar_object
from syncd.model import CalendarObject, Event, ItemId

BEGINS, ENDS = datetime(2026, 8, 27, tzinfo=UTC), datetime(2027, 1, 24, tzinfo=UTC)

WEEKLY = b"""BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
UID:weekly@example.com
DTSTART;TZID=Europe/Berlin:20261005T090000
DTEND;TZID=Europe/Berlin:20261005T100000
RRULE:FREQ=WEEKLY;COUNT=6
EXDATE;TZID=Europe/Berlin:20261012T090000
SUMMARY:Weekly
ORGANIZER;CN=Rosa Rep:mailto:rosa@example.com
ATTENDEE;CN=Carl Customer;PARTSTAT=ACCEPTED:mailto:carl@customer.example
END:VEVENT
BEGIN:VEVENT
UID:weekly@example.com
RECURRENCE-ID;TZID=Europe/Berlin:20261019T090000
DTSTART;TZID=Europe/Berlin:20261020T110000
DTEND;TZID=Europe/Berlin:20261020T113000
SUMMARY:Weekly\\, moved
END:VEVENT
END:VCALENDAR
""".replace(b"\n", b"\r\n")


def test_a_series_is_taken_apart_into_its_occurrences() -> None:
    found = calendar_object(WEEKLY, id=ItemId("o"), version="1", zone="Europe/Berlin", begins=BEGINS, ends=ENDS)
    assert isinstance(found, CalendarObject)
    events = sorted((one for one in found.parts if isinstance(one, Event)), key=lambda one: one.starts_at)
    assert [one.original_start for one in events] == [
        "20261005T070000Z",
        "20261019T070000Z",
        "20261026T080000Z",
        "20261102T080000Z",
        "20261109T080000Z",
    ]
    moved = events[1]
    assert (moved.starts_at, moved.subject, moved.exact) == (
        datetime(2026, 10, 20, 9, tzinfo=UTC),
        "Weekly, moved",
        True,
    )
    assert moved.id == "o#20261019T070000Z"
    assert not events[0].exact
    assert [(one.address, one.response) for one in events[0].participants] == [
        ("rosa@example.com", ""),
        ("carl@customer.example", "accepted"),
    ]
    assert found.next_at is None
