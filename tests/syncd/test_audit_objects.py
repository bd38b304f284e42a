"""The audit of calendars, task lists and notes: by objects, of which each may be several activities, or none."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from store import inventory
from syncd.audit import audit, compare
from syncd.model import Event, ItemId
from syncd.states import Audited
from syncd.sync import Pass
from tests.syncd.calendars import Office, meeting
from tests.syncd.mailboxes import START
from tests.syncd.worlds import World

DAY = timedelta(days=1)
ZOE = {"zoe@client.example": "accepted"}


@pytest.fixture
def office(world: World) -> Office:
    """Rita's calendar: a meeting, a series of three, one among strangers, and one that is out of the window."""
    made, rita = Office(world), "rita@ourco.example"
    calendar = made.calendar("rita")
    calendar.put("one", meeting("one", START, rita, ZOE))
    calendar.put("series", *(weekly(number) for number in range(3)))
    calendar.put("strangers", meeting("strangers", START, rita, {"who@nowhere.example": ""}))
    calendar.put("old")
    made.sync()
    return made


def weekly(number: int) -> Event:
    at = START - number * 7 * DAY
    return meeting("series", at, "rita@ourco.example", ZOE, original_start=at.isoformat())


def audited(office: Office) -> Audited:
    number, stream = office.streams["rita"]
    found = audit(Pass(stream, number, office.world.store, office.policy("rita"), now=office.world.now))
    assert found is not None
    return found


def counts(office: Office) -> dict[str, int]:
    number, stream = office.streams["rita"]
    found = compare(stream, number, office.world.store)
    return {**found.counts, "held": found.held, "missing": len(found.missing)}


def test_an_object_counts_once_whatever_became_of_its_parts(office: Office) -> None:
    assert counts(office) == {"held": 4, "logged": 2, "skipped": 2, "missing": 0}
    assert audited(office) == Audited(4, 0)


def test_an_object_that_no_pass_ever_saw_is_read_and_told(office: Office) -> None:
    calendar = office.calendar("rita")
    revision = calendar.revision
    calendar.put("lost", meeting("lost", START + DAY, "rita@ourco.example", ZOE))
    calendar.revision = revision  # no news of it
    assert audited(office) == Audited(5, 0, 1)
    assert len(office.meetings()) == 5


def test_what_is_listed_and_cannot_be_had_stays_a_gap(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    _, stream = office.streams["rita"]
    listed = [*map(ItemId, stream.calendar.objects), ItemId("phantom")]
    monkeypatch.setattr(stream, "inventory", lambda: iter(listed))
    assert audited(office) == Audited(5, 1, 1)


@pytest.mark.parametrize("subject", ["About one", "About series"])
def test_an_activity_that_was_removed_behind_our_back_is_there_again(office: Office, subject: str) -> None:
    before = office.meetings()
    assert office.world.path
    with closing(sqlite3.connect(office.world.path)) as connection, connection:
        connection.execute(
            "DELETE FROM activity WHERE id = (SELECT max(id) FROM activity WHERE subject = ?)", [subject]
        )
    assert counts(office)["missing"] == 1
    audited(office)
    office.sync()
    assert office.meetings() == before
    assert counts(office) == {"held": 4, "logged": 2, "skipped": 2, "missing": 0}


def test_of_an_object_the_part_that_needs_a_look_is_told(office: Office) -> None:
    office.world.execute("UPDATE sighting SET verdict = 'quarantined' WHERE object = 'series' AND item LIKE '%#%'")
    office.world.execute("UPDATE sighting SET verdict = 'pending' WHERE object = 'one'")
    number, _ = office.streams["rita"]
    verdicts = inventory.verdicts(office.world.store.engine, number)
    assert verdicts == {"one": "pending", "series": "quarantined", "strangers": "skipped", "old": "skipped"}
