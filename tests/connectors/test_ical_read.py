"""Lines and components, as odd as they come."""

from __future__ import annotations

import icalendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.ical_read import Property, parameters, read, text
from tests.odd_calendars import calendar, component, event, events, reason, utc, vevent, whole

MEETING = calendar(vevent("DTSTART:20261125T090000Z", "SUMMARY:Müller & Söhne", "DESCRIPTION:one\\ntwo"))


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + MEETING,
        MEETING.replace(b"\r\n", b"\n"),
        MEETING.replace(b"\r\n", b"\r"),
        MEETING.replace(b"\r\n", b"\r\r\n"),
        MEETING.replace(b"\r\n", b"\r\n\r\n"),
        MEETING.replace(b"\r\n", b" \r\n"),
        b"\r\n\r\n" + MEETING,
        MEETING.decode().encode("utf-16"),
        MEETING.decode().encode("latin-1"),
        MEETING.replace(b"SUMMARY", b"SUM\0MARY"),
        MEETING.replace(b"SUMMARY:M\xc3\xbcller", b"SUMMARY:M\xc3\r\n \xbcll\r\n\ter"),
        MEETING.replace(b"BEGIN", b"begin").replace(b"SUMMARY", b"Summary").replace(b"VEVENT", b"vevent"),
        MEETING.replace(b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n", b"").replace(b"END:VCALENDAR\r\n", b""),
        MEETING.replace(b"SUMMARY", b"END:VALARM\r\nSUMMARY"),
        MEETING.replace(b"DESCRIPTION:one\\n", b"DESCRIPTION:one\r\n"),
        MEETING.replace(b"DTSTART:20261125T090000Z", b"DTSTART;VALUE=DATE-TIME:2026-11-25T09:00:00Z"),
        MEETING + MEETING,
        b"HTTP/1.1 200 OK\r\n" + MEETING,
    ],
)
def test_a_meeting_is_read_through_what_happens_to_files(data: bytes) -> None:
    (found,) = events(data)
    assert (found.starts_at, found.subject, found.text) == (utc(2026, 11, 25, 9), "Müller & Söhne", "one\ntwo")
    assert found.problem == ""


def test_what_is_cut_off_says_so_and_that_some_people_may_lack() -> None:
    cut = calendar(vevent("DTSTART:20261125T090000Z", "SUMMARY:Talk", "ATTENDEE:mailto:carl@customer.example"))
    (found,) = events(cut[: cut.index(b"END:VEVENT")])
    assert (found.subject, found.problem, found.partial) == ("Talk", "it is cut off", True)
    assert reason(cut[: cut.index(b"T090000Z")]) == "it has no start (DTSTART)"


def test_a_component_that_is_not_closed_ends_where_the_next_begins() -> None:
    first = vevent("DTSTART:20261125T090000Z", "BEGIN:VALARM", "DESCRIPTION:Reminder", uid="one")[:-1]
    found = events(calendar(first, vevent("DTSTART:20261126T090000Z", uid="two")))
    assert [(one.uid, one.text) for one in found] == [("one", ""), ("two", "")]
    assert found[0].partial


def test_two_calendars_in_one_file_are_both_read() -> None:
    two = calendar(vevent("DTSTART:20261125T090000Z", uid="one")) + calendar(
        vevent("DTSTART:20261126T090000Z", uid="two")
    )
    assert [one.uid for one in events(two)] == ["one", "two"]
    assert [one.id for one in events(two)] == ["o", "o/VEVENT/two"]


def test_events_without_a_uid_are_no_relations() -> None:
    nameless = [component("VEVENT", f"DTSTART:202611{day}T090000Z") for day in (24, 25, 26)]
    found = events(calendar(*nameless))
    assert [(one.uid, one.starts_at.day) for one in found] == [("", 24), ("", 25), ("", 26)]
    assert len({one.id for one in found}) == 3


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is empty"),
        (b"\xef\xbb\xbf \r\n", "it is empty"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "it is an HTML page and no calendar data"),
        (b"\n<HTML>", "it is an HTML page and no calendar data"),
        (b"Not found", "it is no calendar data: there is no BEGIN:VCALENDAR"),
        (calendar(vevent("SUMMARY:When?")), "it has no start (DTSTART)"),
        (calendar(vevent("DTSTART:soon")), "it has a date that cannot be read"),
        (calendar(vevent("DTSTART:20260230T090000Z")), "it has a date that cannot be read"),
        (calendar(vevent("DTSTART:00000101T090000Z")), "it has a date that cannot be read"),
        (calendar(vevent("DTSTART:20261125T090000Z", "DURATION:P9999W")), "it lasts more than ten years"),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, why: str) -> None:
    assert reason(data) == why


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (calendar(), "it holds no event, task or note"),
        (calendar(component("VTIMEZONE", "TZID:Europe/Berlin")), "it holds no event, task or note"),
        (calendar(component("VFREEBUSY", "UID:1")), "it holds free/busy times only"),
        (calendar(component("VAVAILABILITY", "UID:1")), "it holds free/busy times only"),
        (calendar(component("X-OTHER", *vevent("DTSTART:20261125T090000Z"))), "it holds no event, task or note"),
    ],
)
def test_what_holds_nothing_of_use_says_what_it_holds(data: bytes, why: str) -> None:
    assert whole(data).nothing == why


def test_junk_between_the_lines_does_no_harm_to_dates() -> None:
    (found,) = events(calendar(vevent("DTSTART:20261125T090000Z", "SUMMARY=Talk", "???")))
    assert found.starts_at == utc(2026, 11, 25, 9)


def test_one_unreadable_meeting_does_not_cost_the_others_in_its_file() -> None:
    found = events(calendar(vevent("SUMMARY:When?", uid="bad"), vevent("DTSTART:20261125T090000Z", uid="good")))
    assert [one.uid for one in found] == ["good"]
    assert "another meeting in the same file cannot be read: it has no start (DTSTART)" in found[0].problem


@pytest.mark.parametrize("start", ["DTSTART:00010101T000000", "DTSTART;TZID=Asia/Tokyo:00010101T000000"])
def test_what_leaves_the_years_that_there_are_is_no_date(start: str) -> None:
    data = calendar(vevent(start, "DURATION:P1D", "RRULE:FREQ=DAILY"))
    assert reason(data) == "it has a date before the year 1 or after the year 9999"


# ---------------------------------------------------------------------------------------------- lines


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (';CN="Doe, Jane: Ltd; Co";PARTSTAT=ACCEPTED', {"CN": "Doe, Jane: Ltd; Co", "PARTSTAT": "ACCEPTED"}),
        (';cn=Jane "JD" Doe', {"CN": "Jane JD Doe"}),
        (';CN="Jane;PARTSTAT=ACCEPTED', {"CN": "Jane", "PARTSTAT": "ACCEPTED"}),
        (";CN=J^'D^'^nDoe^^", {"CN": 'J"D"\nDoe^'}),
        (';MEMBER="mailto:x@b.example","mailto:y@b.example"', {"MEMBER": "mailto:x@b.example,mailto:y@b.example"}),
        (";CN=One;CN=Two", {"CN": "One"}),
        (";CN=Sales: Jane", {"CN": "Sales: Jane"}),
        (";", {}),
    ],
)
def test_parameters_are_read_as_they_are_meant(given: str, expected: dict[str, str]) -> None:
    (found,) = read(calendar(vevent(f"ATTENDEE{given}:mailto:a@b.example"))).contents
    (attendee,) = found.all("ATTENDEE")
    assert attendee.value == "mailto:a@b.example"
    assert parameters(attendee) == expected


def test_escapes_of_a_text_are_undone_once() -> None:
    assert text(r"a\,b\;c\\n\nd\N\:e\ ") == "a,b;c\\n\nd\n:e "


def test_a_web_address_that_stands_alone_on_a_line_goes_on_with_the_text() -> None:
    assert (
        event("DESCRIPTION:Join:", "https://meet.example.com/x", "", "Bye").text
        == "Join:\nhttps://meet.example.com/x\n\nBye"
    )


_names = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=40)


@settings(max_examples=200, deadline=None, derandomize=True)
# icalendar writes a backslash in a parameter so that not even it reads it again.
@given(subject=_names, description=_names, person=_names.filter(lambda name: "\\" not in name), location=_names)
def test_texts_and_names_are_read_as_icalendar_wrote_them(
    subject: str, description: str, person: str, location: str
) -> None:
    written = icalendar.Event()
    for name, value in (("summary", subject), ("description", description), ("location", location)):
        written.add(name, value)
    attendee = icalendar.vCalAddress("mailto:carl@customer.example")
    attendee.params["CN"] = icalendar.vText(person)
    written.add("attendee", attendee)
    whole_calendar = icalendar.Calendar()
    whole_calendar.add_component(written)
    (found,) = read(whole_calendar.to_ical()).contents
    theirs = icalendar.Calendar.from_ical(whole_calendar.to_ical()).walk("VEVENT")[0]
    for name in ("SUMMARY", "DESCRIPTION", "LOCATION"):
        line = found.first(name)
        assert line is not None
        assert text(line.value) == str(theirs[name])
    (mine,) = found.all("ATTENDEE")
    assert parameters(mine).get("CN", "") == str(theirs["ATTENDEE"].params["CN"]).strip()
    assert mine == Property(mine.parameters, "mailto:carl@customer.example")
