"""What the text/calendar part of a mail says."""

from __future__ import annotations

import pytest

from connectors.ical import invitation
from syncd.model import EventStatus, Invitation, ItemId
from tests.odd_calendars import BEGINS, ENDS, calendar, component, utc, vevent

MEETING = ("DTSTART;TZID=Europe/Berlin:20261125T090000", "DTEND;TZID=Europe/Berlin:20261125T100000", "SUMMARY:Talk")
PEOPLE = ("ORGANIZER:mailto:rosa@example.com", "ATTENDEE;PARTSTAT=ACCEPTED:mailto:carl@customer.example")


def invited(method: str, *parts: list[str]) -> Invitation:
    found = invitation(calendar([f"METHOD:{method}"], *parts), id=ItemId("7.1"), begins=BEGINS, ends=ENDS)
    assert found is not None
    return found


@pytest.mark.parametrize("method", ["REQUEST", "REPLY", "COUNTER", "PUBLISH", "ADD", "REFRESH"])
def test_an_invitation_tells_its_method_and_its_meeting(method: str) -> None:
    found = invited(method, vevent(*MEETING, *PEOPLE))
    assert (found.method, found.uid) == (method, "meeting@example.com")
    (only,) = found.events
    assert (only.id, only.uid, only.starts_at) == ("7.1", "meeting@example.com", utc(2026, 11, 25, 8))
    assert [(one.role, one.response) for one in only.participants] == [("organizer", ""), ("attendee", "accepted")]
    assert only.status == EventStatus.CONFIRMED


def test_a_method_that_a_forwarder_lost_is_empty() -> None:
    found = invitation(calendar(vevent(*MEETING)), id=ItemId("7.1"), begins=BEGINS, ends=ENDS)
    assert found is not None
    assert found.method == ""


def test_a_cancellation_cancels_although_its_status_does_not_say_so() -> None:
    assert [one.status for one in invited("cancel", vevent(*MEETING)).events] == ["cancelled"]
    series = invited("CANCEL", vevent(*MEETING, "RRULE:FREQ=DAILY;COUNT=3"))
    assert [one.status for one in series.events] == ["cancelled"] * 3


def test_one_occurrence_comes_without_its_series() -> None:
    found = invited("REQUEST", vevent("RECURRENCE-ID;TZID=Europe/Berlin:20261118T090000", *MEETING))
    assert [(one.id, one.original_start) for one in found.events] == [("7.1#20261118T080000Z", "20261118T080000Z")]


def test_a_meeting_is_told_whatever_its_date_and_a_series_within_the_window() -> None:
    far = "DTSTART:20290101T090000Z"
    assert [one.starts_at for one in invited("REQUEST", vevent(far)).events] == [utc(2029, 1, 1, 9)]
    series = invited("REQUEST", vevent(far, "RRULE:FREQ=DAILY"))
    assert (series.events, series.uid) == ((), "meeting@example.com")


@pytest.mark.parametrize("method", ["REPLY", "CANCEL"])
def test_an_answer_without_a_date_still_tells_of_which_meeting(method: str) -> None:
    found = invited(method, vevent(*PEOPLE))
    assert (found.method, found.uid, found.events) == (method, "meeting@example.com", ())


def test_in_a_mail_the_stamp_counts_before_the_last_change() -> None:
    stamps = ("DTSTAMP:20261101T000000Z", "LAST-MODIFIED:20261001T000000Z")
    assert invited("REQUEST", vevent(*MEETING, *stamps)).events[0].stamped_at == utc(2026, 11, 1)


def test_times_without_a_zone_are_of_the_zone_given() -> None:
    data = calendar(vevent("DTSTART:20261125T090000"))
    found = invitation(data, id=ItemId("7.1"), zone="Asia/Tokyo", begins=BEGINS, ends=ENDS)
    assert found is not None
    assert found.events[0].starts_at == utc(2026, 11, 25)


def test_exchanges_uid_is_unwrapped() -> None:
    wrapped = "040000008200E00074C5B7101A82E00800000000000000000000000000000000000000001E000000"
    wrapped += "7643616C2D5569640100000061626331323340676F6F676C652E636F6D00"
    found = invited("REQUEST", vevent(*MEETING, uid=wrapped))
    assert found.uid == found.events[0].uid == "abc123@google.com"


@pytest.mark.parametrize(
    "data",
    [b"", b"<html>", calendar(), calendar(component("VTODO", "UID:t")), calendar(component("VFREEBUSY", "UID:f"))],
)
def test_what_speaks_of_no_meeting_is_no_invitation(data: bytes) -> None:
    assert invitation(data, id=ItemId("7.1"), begins=BEGINS, ends=ENDS) is None
