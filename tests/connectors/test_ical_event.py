"""What an event is about, how it stands, and whether it may be kept at all."""

from __future__ import annotations

from datetime import timedelta

import pytest

from syncd.model import EventStatus
from tests.odd_calendars import calendar, event, events, read, utc, vevent

# ---------------------------------------------------------------------------------------------- how long


@pytest.mark.parametrize(
    ("lines", "hours"),
    [
        (["DTEND;TZID=Europe/Berlin:20261125T103000"], 1.5),
        (["DURATION:PT1H30M"], 1.5),
        (["DURATION:P1DT2H"], 26),
        (["DURATION:PT1D"], 24),
        (["DURATION:P2DT"], 48),
        (["DURATION:P1W"], 168),
        (["DURATION:-PT1H"], 0),
        (["DURATION:soon"], 0),
        ([], 0),
        (["DTEND:soon"], 0),
        (["DTEND;TZID=Europe/Berlin:20261125T080000"], 0),
        (["DTEND:20261125T090000Z", "DURATION:PT5H"], 1),
        (["DTEND;VALUE=DATE:20261126"], 24),
    ],
)
def test_a_meeting_lasts_as_long_as_it_says_and_never_less_than_nothing(lines: list[str], hours: float) -> None:
    found = event("DTSTART;TZID=Europe/Berlin:20261125T090000", *lines)
    assert found.ends_at - found.starts_at == timedelta(hours=hours)
    assert found.settles_at == found.ends_at


@pytest.mark.parametrize(
    ("lines", "days"),
    [
        ([], 1),
        (["DTEND;VALUE=DATE:20261127"], 2),
        (["DTEND;VALUE=DATE:20261125"], 1),
        (["DTEND;VALUE=DATE:20261124"], 1),
        (["DTEND;TZID=Europe/Berlin:20261127T120000"], 2),
        (["DURATION:P3D"], 3),
        (["DURATION:PT30H"], 2),
    ],
)
def test_whole_days_end_with_the_last_of_them(lines: list[str], days: int) -> None:
    found = event("DTSTART;VALUE=DATE:20261125", *lines)
    assert found.all_day
    assert found.ends_at - found.starts_at == timedelta(days=days)


@pytest.mark.parametrize(
    "start", ["DTSTART;VALUE=DATE:20261125Z", "DTSTART;VALUE=DATE:20261125T000000Z", "DTSTART:20261125"]
)
def test_a_date_is_a_date_whatever_is_hung_on_it(start: str) -> None:
    found = event(start)
    assert (found.all_day, found.starts_at) == (True, utc(2026, 11, 25))


def test_midnights_that_exchange_marks_as_whole_days_are_dates() -> None:
    lines = (
        "DTSTART;TZID=W. Europe Standard Time:20261125T000000",
        "DTEND;TZID=W. Europe Standard Time:20261126T000000",
    )
    found = event(*lines, "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE")
    assert (found.all_day, found.starts_at, found.ends_at) == (True, utc(2026, 11, 25), utc(2026, 11, 26))
    assert not event(*lines, "X-MICROSOFT-CDO-ALLDAYEVENT:FALSE").all_day
    assert not event("DTSTART:20261125T090000Z", "X-MICROSOFT-CDO-ALLDAYEVENT:TRUE").all_day


# ---------------------------------------------------------------------------------------------- how it stands


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("STATUS:CONFIRMED", EventStatus.CONFIRMED),
        ("STATUS:TENTATIVE", EventStatus.TENTATIVE),
        ("STATUS:cancelled", EventStatus.CANCELLED),
        ("STATUS:CANCELED", EventStatus.CANCELLED),
        ("STATUS:BUSY", EventStatus.CONFIRMED),
        ("TRANSP:TRANSPARENT", EventStatus.CONFIRMED),
    ],
)
def test_a_meeting_stands_as_its_status_says(status: str, expected: EventStatus) -> None:
    assert event(status).status == expected


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("SEQUENCE:0", 0),
        ("SEQUENCE:7 ", 7),
        ("SEQUENCE:9223372036854775807", 2**63 - 1),
        ("SEQUENCE:99999999999999999999999999", 2**63 - 1),
        ("SEQUENCE:abc", 0),
        ("SEQUENCE:-1", 0),
        ("SEQUENCE:\uff11\uff12", 0),
        ("SEQUENCE:", 0),
    ],
)
def test_a_sequence_is_any_number_up_to_the_largest(line: str, number: int) -> None:
    assert event(line).sequence == number


def test_a_copy_in_a_calendar_is_dated_by_its_last_change() -> None:
    stamp, change = "DTSTAMP:20261101T000000Z", "LAST-MODIFIED:20261002T000000Z"
    assert event(stamp, change).stamped_at == utc(2026, 10, 2)
    assert event(stamp, "DTSTAMP:20261102T000000Z").stamped_at == utc(2026, 11, 1)
    assert event(stamp, "LAST-MODIFIED:00010101T000000Z").stamped_at == utc(2026, 11, 1)
    assert event().stamped_at is None


# ---------------------------------------------------------------------------------------------- what it says


def test_texts_are_plain_and_clean() -> None:
    found = event("SUMMARY: Talk\\, then\\nlunch ", "SUMMARY:another", "LOCATION:Room\\; 1", "DESCRIPTION:a\\nb\x07")
    assert (found.subject, found.location, found.text) == ("Talk, then lunch", "Room; 1", "a\nb")


def test_a_description_in_html_is_read_and_its_twin_is_not() -> None:
    assert event("DESCRIPTION:<b>One</b>&amp;<br>two<ul><li>three</li></ul>").text == "One&\ntwo\nthree"
    assert event("DESCRIPTION:see <i>this</i>\\nand that").text == "see this\nand that"
    assert event("DESCRIPTION:1 < 2 and 3 > 2").text == "1 < 2 and 3 > 2"
    assert event("X-ALT-DESC;FMTTYPE=text/html:<p>Twin</p>").text == ""


def test_whose_calendar_it_is_is_passed_on() -> None:
    found = read(calendar(vevent("DTSTART:20261125T090000Z")), own_addresses=("rosa@example.com",))
    assert [one.own_addresses for one in found.parts] == [("rosa@example.com",)]  # type: ignore[union-attr]


# ---------------------------------------------------------------------------------------------- whether it may be kept


@pytest.mark.parametrize(
    ("line", "private"),
    [
        ("CLASS:PUBLIC", ""),
        ("CLASS:public ", ""),
        ("CLASS:", ""),
        ("SUMMARY:No class", ""),
        ("CLASS:PRIVATE", "CLASS:PRIVATE"),
        ("CLASS:confidential", "CLASS:CONFIDENTIAL"),
        ("CLASS:X-SECRET", "CLASS:X-SECRET"),
    ],
)
def test_whatever_is_not_public_is_private(line: str, private: str) -> None:
    assert event(line).private == private


def test_an_occurrence_of_a_private_series_is_private_unless_it_says_otherwise() -> None:
    master = vevent("DTSTART:20261005T070000Z", "RRULE:FREQ=DAILY;COUNT=3", "CLASS:PRIVATE")
    silent = vevent("RECURRENCE-ID:20261006T070000Z", "DTSTART:20261006T090000Z")
    public = vevent("RECURRENCE-ID:20261007T070000Z", "DTSTART:20261007T090000Z", "CLASS:PUBLIC")
    found = events(calendar(master, silent, public))
    assert [one.private for one in found] == ["CLASS:PRIVATE", "CLASS:PRIVATE", ""]


@pytest.mark.parametrize("subject", ["", "Busy", "busy ", "Beschäftigt", "[Private]", "Ocupado", "Tentative"])
def test_a_stub_that_only_says_busy_is_no_meeting(subject: str) -> None:
    assert event(f"SUMMARY:{subject}").not_a_meeting == "free/busy only"


@pytest.mark.parametrize(
    "lines",
    [
        ["SUMMARY:Busy week with Carl"],
        ["SUMMARY:Busy", "ATTENDEE:mailto:carl@customer.example"],
        ["SUMMARY:Busy", "DESCRIPTION:Agenda"],
        ["ORGANIZER:mailto:carl@customer.example"],
        ["SUMMARY:Visit", "X-MICROSOFT-CDO-BUSYSTATUS:OOF", "ATTENDEE:mailto:carl@customer.example"],
        ["SUMMARY:Conference", "TRANSP:TRANSPARENT"],
    ],
)
def test_whatever_says_more_may_be_a_meeting(lines: list[str]) -> None:
    assert event(*lines).not_a_meeting == ""


def test_an_absence_of_ones_own_is_no_meeting() -> None:
    assert event("SUMMARY:Sailing", "X-MICROSOFT-CDO-BUSYSTATUS:OOF").not_a_meeting == "out of office"
