"""What stories found, each told as shortly as can be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest

from store.integrity import problems
from syncd.model import Entry, Link
from tests.simulation import mailing, passing, planning, ruling
from tests.simulation.cast import OUTSIDE, own
from tests.simulation.meetings import Meeting
from tests.simulation.story import Step
from tests.simulation.truth import Mail
from tests.simulation.world import World, world
from tests.syncd.mailboxes import START

ZOE, EVE = OUTSIDE[0], OUTSIDE[4]
NOTHING = Step("", (0, 0, 0, 0))
HAND = Link("contact", "k2", "by hand")


@pytest.fixture
def here() -> Iterator[World]:
    with world() as made:
        yield made


def mail(here: World, number: int, *people: str, id: str = "", private: bool = False, to: str = "rita/INBOX") -> Mail:
    at = START + timedelta(minutes=number)
    made = here.truth.mails.setdefault(number, Mail(number, people, at, id or f"mid-{number:04}@mail.example"))
    mailing.put(here, made, *to.split("/"), private=private)
    return made


def without_references(here: World, statement: str) -> None:
    """As a program changes the tables that does not ask SQLite to keep references whole."""
    with closing(here.store.engine.raw_connection()) as raw:
        for each in ("PRAGMA foreign_keys = OFF", statement, "PRAGMA foreign_keys = ON"):
            raw.cursor().execute(each)


def erase(here: World, person: str) -> None:
    ruling.erase(here, next(step for step in numbered() if ruling.somebody(here, step.numbers[0]) == person))


def numbered() -> Iterator[Step]:
    return (NOTHING._replace(numbers=(number, 0, 0, 0)) for number in range(1000))


def test_the_number_of_an_activity_that_somebody_deleted_is_not_given_to_another(here: World) -> None:
    mail(here, 1, ZOE, own("rita"))
    passing.read(here, "rita")
    without_references(here, "DELETE FROM activity")
    mail(here, 2, EVE, ZOE, own("rita"))
    passing.read(here, "rita")
    entry = Entry(
        kind="note",
        occurred_at=START,
        ended_at=None,
        subject="Called",
        text="",
        direction=None,
        outcome="",
        author=own("rita"),
        links=(),
    )
    here.store.log_entry(entry, ruling.CLERK, here.now())
    passing.compare(here, "rita")
    assert here.rows("SELECT subject FROM activity ORDER BY 1") == [("Called",), ("subj-0001",), ("subj-0002",)]
    assert problems(here.store.engine) == ()


def test_what_hangs_on_an_activity_that_somebody_deleted_is_forgotten_though_its_mail_left(here: World) -> None:
    made = mail(here, 1, ZOE, own("rita"))
    passing.read(here, "rita")
    without_references(here, "DELETE FROM activity")
    mailing.delete(here, NOTHING)
    assert not made.copies[0].held
    passing.compare(here, "rita")
    assert problems(here.store.engine) == ()


def test_an_erasure_finds_what_hangs_on_an_activity_that_somebody_deleted(here: World) -> None:
    mail(here, 1, ZOE, own("rita"))
    passing.read(here, "rita")
    without_references(here, "DELETE FROM activity")
    erase(here, ZOE)
    assert here.rows("SELECT address FROM participant") == []


def test_an_erasure_finds_the_contact_that_the_crm_wrote_a_moment_ago(here: World) -> None:
    here.know(EVE, "")
    erase(here, EVE)
    assert here.rows("SELECT address FROM contact_address WHERE address = :eve", eve=EVE) == []


def test_a_partial_listing_is_not_believed_at_the_end_of_a_first_pass_either(here: World) -> None:
    for number in range(1, 8):
        mail(here, number, ZOE, own("rita"))
    here.lines["rita"].partial = True
    passing.read(here, "rita")
    assert here.rows("SELECT count(*) FROM sighting WHERE gone_at IS NULL") == [(7,)]
    passing.read(here, "rita")
    assert here.rows("SELECT count(*) FROM sighting WHERE gone_at IS NULL") == [(7,)]


def test_what_was_logged_left_and_came_back_stays_logged_as_what_it_was_under_other_rules(here: World) -> None:
    mail(here, 1, ZOE, own("rita"))
    passing.read(here, "rita")
    before = here.rows("SELECT verdict, rule, facts, activity_id FROM sighting")
    here.execute("UPDATE sighting SET gone_at = '2026-11-12 10:00:00'")
    here.truth.rules.never_log = {ZOE}
    passing.compare(here, "rita")
    assert here.rows("SELECT verdict, rule, facts, activity_id FROM sighting") == before
    assert here.rows("SELECT 1 FROM sighting WHERE gone_at IS NOT NULL") == []


def test_a_mail_stays_one_though_the_other_one_with_its_message_id_was_taken_out(here: World) -> None:
    mail(here, 1, ZOE, own("rita"), id="same@mail.example")
    mail(here, 2, OUTSIDE[1], own("rita"), id="same@mail.example")
    passing.read(here, "rita")
    ((_, first),) = here.rows("SELECT min(id), identity FROM activity")
    of_first = here.rows("SELECT subject FROM activity WHERE identity = :key", key=first)
    other = 2 if of_first == [("subj-0001",)] else 1
    erase(here, here.truth.mails[3 - other].people[0])
    mail(here, other, to="sam/INBOX")
    passing.read(here, "sam")
    assert here.rows("SELECT subject FROM activity") == [(mailing.subject(other),)]


def test_a_copy_that_a_replay_finds_private_closes_what_others_have_of_it(here: World) -> None:
    here.truth.rules.never_log = {ZOE}
    mail(here, 1, ZOE, own("rita"), private=True)
    passing.read(here, "rita")
    here.truth.rules.never_log = set()
    mail(here, 1, to="sam/INBOX")
    passing.read(here, "sam")
    assert here.rows("SELECT subject FROM activity") == [("subj-0001",)]
    passing.replay(here, "rita")
    passing.read(here, "rita")
    assert here.rows("SELECT subject, text FROM activity") == [(None, None)]
    assert here.rows("SELECT rule FROM sighting ORDER BY 1") == [("logged",), ("private",)]


def closed_meeting(here: World) -> Meeting:
    """Logged from two calendars, then private in one of them."""
    planning.meet(here, Step("meet", (0, 1, 0, 2)))
    for rep in ("rita", "sam"):
        passing.read(here, rep)
    planning.hide(here, NOTHING)
    passing.read(here, "rita")
    return here.meetings.all[0]


def test_an_erased_guest_does_not_come_back_with_a_meeting_that_is_no_longer_private(here: World) -> None:
    meeting = closed_meeting(here)
    guest = meeting.people[1]
    here.store.link(str(here.rows("SELECT public_id FROM activity")[0][0]), HAND, ruling.CLERK, here.now())
    erase(here, guest)
    meeting.copies["rita"].removed_at = here.clock
    here.calendars["rita"].delete(meeting.name)
    for _ in range(2):  # that a calendar is empty needs a second listing
        passing.read(here, "rita")
    planning.move_meeting(here, Step("move_meeting", (0, 0, 7, 0)))
    passing.read(here, "sam")
    assert here.rows("SELECT address FROM participant") == []
    assert here.rows("SELECT rule FROM sighting WHERE gone_at IS NULL") == [("erased",)]


def test_a_replay_takes_out_what_a_copy_that_turned_private_has_left(here: World) -> None:
    meeting = closed_meeting(here)
    here.truth.rules.never_log = {meeting.people[1]}
    planning.move_meeting(here, Step("move_meeting", (0, 0, 7, 0)))
    passing.read(here, "rita")
    for rep in ("rita", "sam"):
        passing.replay(here, rep)
    assert here.rows("SELECT id FROM activity") == []


@pytest.mark.parametrize("known_too", [ZOE, OUTSIDE[6]], ids=["with a contact", "with strangers only"])
def test_who_becomes_known_while_their_mail_is_in_hand_is_not_missed(here: World, known_too: str) -> None:
    mail(here, 1, ZOE, own("rita"))
    mail(here, 2, EVE, own("rita"), known_too)

    def becomes_known() -> None:
        here.know(EVE, "")
        here.catch_up()

    here.lines["rita"].coming = ["fine", "fine", becomes_known]  # asked for the text of the first mail
    passing.read(here, "rita")
    here.catch_up()
    passing.read(here, "rita")
    contacts = "SELECT entity_id FROM link JOIN activity ON id = activity_id WHERE subject = 'subj-0002'"
    assert ("k3",) in here.rows(contacts)


def test_a_meeting_that_is_private_in_its_only_calendar_is_no_fault_of_the_store(here: World) -> None:
    planning.meet(here, Step("meet", (0, 1, 0, 0)))
    passing.read(here, "rita")
    planning.hide(here, NOTHING)
    passing.read(here, "rita")
    assert here.rows("SELECT subject FROM activity") == [(None,)]
    assert problems(here.store.engine) == ()
