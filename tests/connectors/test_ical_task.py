"""Tasks and notes from the lists that have them."""

from __future__ import annotations

from datetime import datetime

import pytest

from syncd.model import Note, Task
from tests.odd_calendars import calendar, component, note, task, utc, whole

_ABOUT = "when it was done is not said: its last change is taken"
DONE, CHANGED = "COMPLETED:20261120T100000Z", "LAST-MODIFIED:20261121T100000Z"


@pytest.mark.parametrize(
    ("lines", "done", "at", "problem"),
    [
        (["STATUS:COMPLETED", DONE], True, utc(2026, 11, 20, 10), ""),
        (["STATUS:COMPLETED", CHANGED], True, utc(2026, 11, 21, 10), _ABOUT),
        (["STATUS:COMPLETED"], True, None, _ABOUT),
        ([DONE], True, utc(2026, 11, 20, 10), ""),
        (["PERCENT-COMPLETE:100", CHANGED], True, utc(2026, 11, 21, 10), _ABOUT),
        (["PERCENT-COMPLETE:99", CHANGED], False, None, ""),
        (["STATUS:NEEDS-ACTION", "PERCENT-COMPLETE:100", CHANGED], False, None, ""),
        (["STATUS:IN-PROCESS", DONE], False, None, ""),
        (["STATUS:CANCELLED", DONE], False, None, ""),
        (["STATUS:completed", "COMPLETED;VALUE=DATE:20261120"], True, utc(2026, 11, 20), ""),
        (["STATUS:COMPLETED", "COMPLETED:20261120"], True, utc(2026, 11, 20), ""),
        (["STATUS:COMPLETED", "COMPLETED:soon", CHANGED], True, utc(2026, 11, 21, 10), _ABOUT),
        (["DUE;TZID=Europe/Berlin:20261201T180000"], False, utc(2026, 12, 1, 17), ""),
        (["DUE;VALUE=DATE:20261201"], False, utc(2026, 12, 1), ""),
        ([], False, None, ""),
    ],
)
def test_a_task_is_done_when_it_or_its_program_says_so(
    lines: list[str], done: bool, at: datetime | None, problem: str
) -> None:
    found = task(*lines)
    assert (found.done, found.done_at, found.problem) == (done, at, problem)


def test_a_task_tells_what_it_is_about_and_for_whom() -> None:
    found = task(
        "SUMMARY:Call Carl", "DESCRIPTION:about prices", "ATTENDEE:mailto:carl@customer.example", "CLASS:PRIVATE"
    )
    assert (found.id, found.uid, found.subject, found.text) == ("o", "task@example.com", "Call Carl", "about prices")
    assert [one.address for one in found.participants] == ["carl@customer.example"]
    assert found.private == "CLASS:PRIVATE"


def test_one_of_a_series_of_tasks_that_is_done_is_a_task_by_itself() -> None:
    lines = component("VTODO", "UID:t", "DTSTART:20261101T090000Z", "DUE:20261103T090000Z", "RRULE:FREQ=DAILY")
    once = component("VTODO", "UID:t", "RECURRENCE-ID:20261102T090000Z", "STATUS:COMPLETED", DONE)
    found = [one for one in whole(calendar(lines, once)).parts if isinstance(one, Task)]
    assert [(one.id, one.uid, one.done) for one in found] == [
        ("o", "t", False),
        ("o#20261102T090000Z", "t#20261102T090000Z", True),
    ]


def test_a_task_done_before_the_window_is_not_of_interest_and_an_open_one_always_is() -> None:
    old = whole(calendar(component("VTODO", "UID:t", "STATUS:COMPLETED", "COMPLETED:20200101T000000Z")))
    assert (old.parts, old.nothing) == ((), "all its dates are outside the window")
    assert whole(calendar(component("VTODO", "UID:t", "DUE:20200101T000000Z"))).parts


def test_a_note_has_all_its_descriptions() -> None:
    found = note(
        "DTSTART:20261120T100000Z", "SUMMARY:Lunch", "DESCRIPTION:first\\nline", "DESCRIPTION:", "DESCRIPTION:second"
    )
    assert (found.id, found.uid, found.written_at) == ("o", "note@example.com", utc(2026, 11, 20, 10))
    assert (found.subject, found.text, found.draft) == ("Lunch", "first\nline\n\nsecond", False)


def test_a_note_without_a_date_was_written_when_it_was_made_or_at_no_known_time() -> None:
    assert note("CREATED:20261119T100000Z").written_at == utc(2026, 11, 19, 10)
    assert note("CREATED:00010101T000000Z").written_at is None
    assert note("DTSTART;VALUE=DATE:20261120", "CREATED:20261119T100000Z").written_at == utc(2026, 11, 20)


def test_a_draft_says_that_it_is_one_and_a_cancelled_note_is_none() -> None:
    assert note("STATUS:DRAFT").draft
    assert not note("STATUS:FINAL").draft
    assert whole(calendar(component("VJOURNAL", "UID:n", "STATUS:CANCELLED"))).parts == ()


def test_meetings_tasks_and_notes_of_one_file_are_told_apart() -> None:
    data = calendar(
        component("VEVENT", "UID:x", "DTSTART:20261125T090000Z"),
        component("VTODO", "UID:x"),
        component("VJOURNAL", "UID:x"),
    )
    parts = whole(data).parts
    assert [type(one).__name__ for one in parts] == ["Event", "Task", "Note"]
    assert len({one.id for one in parts}) == 3
    assert isinstance(parts[2], Note)
