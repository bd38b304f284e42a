"""What is written down of a series is seen and missed beyond the window, where its rule is not followed."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from syncd.model import Event
from tests.syncd.calendars import AHEAD, HOUR, Office, address, meeting
from tests.syncd.mailboxes import START
from tests.syncd.worlds import World

RITA, CARL = address("rita"), "carl@client.example"
SOON, LATE = START + timedelta(days=3), START + AHEAD + timedelta(days=7)


@pytest.fixture
def office(world: World) -> Office:
    return Office(world)


def occurrence(at: datetime, *, exact: bool) -> Event:
    return meeting("weekly", at, RITA, {CARL: ""}, original_start=at.strftime("%Y%m%dT%H%M%SZ"), exact=exact)


def moved(at: datetime) -> Event:
    return occurrence(at, exact=True)._replace(starts_at=at + HOUR, ends_at=at + 2 * HOUR, settles_at=at + 2 * HOUR)


def test_an_occurrence_that_was_moved_and_is_left_out_now_is_cancelled_however_late_it_is(office: Office) -> None:
    office.calendar("rita").put("a", occurrence(SOON, exact=False), moved(LATE))
    office.sync()
    assert office.statuses() == ["planned", "planned"]
    office.calendar("rita").put("a", occurrence(SOON, exact=False))
    office.sync()
    assert office.statuses() == ["planned", "cancelled"]


def test_what_only_the_rule_tells_of_is_not_missed_when_the_clock_goes_back(office: Office) -> None:
    later = occurrence(SOON + AHEAD, exact=False)
    office.world.clock += timedelta(days=7)
    office.calendar("rita").put("a", occurrence(SOON, exact=False), later)
    office.sync()
    office.world.clock -= timedelta(days=7)
    office.calendar("rita").put("a", occurrence(SOON, exact=False))
    office.sync()
    assert office.statuses() == ["planned", "planned"]
