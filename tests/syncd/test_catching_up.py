"""A calendar that is compared and read: what came before the end of it came is kept, whatever ends it."""

from __future__ import annotations

import pytest

from syncd.errors import Retryable
from syncd.sync import Pass
from tests.syncd.calendars import Calendar, CalendarStream, Office, meeting
from tests.syncd.mailboxes import START
from tests.syncd.worlds import World

NAMES = [f"{number}" for number in range(7)]
CARL = "carl@client.example"


@pytest.fixture
def office(world: World) -> Office:
    return Office(world)


@pytest.fixture
def calendar(office: Office) -> Calendar:
    calendar = office.calendar("rita")
    for name in NAMES:
        calendar.put(name, meeting(name, START, "", {CARL: ""}))
    return calendar


def _held(office: Office) -> int:
    return len(office.world.rows("SELECT id FROM sighting WHERE verdict = 'logged'"))


def test_what_was_read_of_a_calendar_before_its_server_failed_is_kept_and_not_asked_for_again(
    office: Office, calendar: Calendar
) -> None:
    calendar.gives = 3
    for held in (3, 6):
        with pytest.raises(Retryable):
            office.sync()
        assert _held(office) == held
    calendar.gives = None
    office.sync()
    assert _held(office) == len(NAMES)
    assert sorted(calendar.asked_for) == NAMES


def test_a_pass_that_is_stopped_keeps_what_it_has_read_and_reads_no_more(office: Office, calendar: Calendar) -> None:
    number, stream = office.streams["rita"]
    assert isinstance(stream, CalendarStream)
    Pass(
        stream,
        number,
        office.world.store,
        office.policy("rita"),
        now=office.world.now,
        should_stop=lambda: len(calendar.asked_for) == 2,
    ).run()
    assert calendar.asked_for == NAMES[:2]
    assert _held(office) == 2
    office.sync()
    assert _held(office) == len(NAMES)
    assert sorted(calendar.asked_for) == NAMES
