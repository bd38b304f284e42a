"""`syncd demo`, as a user runs it, and its story, which says of each mail what has to become of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from store.engine import read
from store.queries import ADMIN, Moment, recent, rule_counts, status
from store.writer import Store
from syncd.config import load
from syncd.demo.agenda import AGENDA, GO_LIVE, INSPECTION
from syncd.demo.mails import copies
from syncd.demo.meetings import Meeting, Note, Task, entries
from syncd.demo.stage import staged
from syncd.demo.story import STORY
from syncd.once import once
from syncd.opening import opened
from tests.waiting import eventually

SYNCD = [sys.executable, "-c", "from syncd.cli import main; main()"]


def demo(place: Path, *options: str) -> subprocess.Popen[str]:
    """Start it with `place` for temporary files."""
    environment = {**os.environ, "TMPDIR": str(place), "COLUMNS": "120"}
    command = [*SYNCD, "demo", *options]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def after_one_pass(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with staged(tmp_path_factory.mktemp("demo")) as stage:
        config = load(stage.config)
        once(config, [], progress=lambda saved: None, processes=1)
        with opened(config) as store:
            yield store


def logged(store: Store) -> Sequence[Moment]:
    return recent(store.engine, viewer=ADMIN, limit=1_000)


def of_mail(store: Store) -> list[Moment]:
    return [moment for moment in logged(store) if moment.kind == "email"]


def of_calendars(store: Store) -> Counter[tuple[str, str, str | None]]:
    """Kind, outcome, subject."""
    return Counter((each.kind, each.status, each.subject) for each in logged(store) if each.kind != "email")


def times(item: Meeting | Task | Note) -> int:
    return item.weeks - len(item.dropped) if isinstance(item, Meeting) else 1


def told_outcomes(item: Meeting | Task | Note) -> list[tuple[str, str, str | None]]:
    """As `of_calendars` has them."""
    match item:
        case Meeting():
            return [("meeting", outcome, item.subject) for outcome in item.outcomes]
        case Task():
            return [("task", "done", item.subject)]
        case Note():
            return [("note", "", item.subject)]


def test_each_copy_in_the_story_is_decided_by_the_rule_that_the_story_names(after_one_pass: Store) -> None:
    now = datetime.now(UTC)
    told = Counter(mail.rule for mail in STORY if mail.rule for _ in copies(mail, now))
    told.update(item.rule for item in AGENDA for _ in entries(item, now) for _ in range(times(item)))
    assert {each.rule: each.count for each in rule_counts(after_one_pass.engine, viewer=ADMIN)} == told


def test_each_mail_of_the_story_that_sells_is_one_activity(after_one_pass: Store) -> None:
    told = Counter(mail.subject for mail in STORY if mail.rule == "logged")
    assert Counter(moment.subject for moment in of_mail(after_one_pass)) == told


def test_each_meeting_task_and_note_of_the_agenda_has_become_what_the_agenda_says(after_one_pass: Store) -> None:
    told = Counter(outcome for item in AGENDA if item.rule == "logged" for outcome in told_outcomes(item))
    assert of_calendars(after_one_pass) == told


def test_a_meeting_of_two_reps_is_one_activity_with_both_and_the_customer(after_one_pass: Store) -> None:
    (fleet,) = [moment for moment in logged(after_one_pass) if moment.subject == "Fleet review on board"]
    assert {person.name for person in fleet.people} == {"Ben Okoro", "Cleo Marsh", "Tom Whitby"}
    assert fleet.contacts == ("Tom Whitby",)


def test_nothing_is_stored_of_what_is_private(after_one_pass: Store) -> None:
    assert "A surprise for Ben" not in {moment.subject for moment in logged(after_one_pass)}


def test_the_mailboxes_of_the_story_are_well(after_one_pass: Store) -> None:
    rows = status(after_one_pass.engine, viewer=ADMIN)
    assert [(each.name, each.state) for each in rows] == [
        (f"{name}{kind}", "ok") for name in ("ada", "ben", "cleo") for kind in ("", "-calendar")
    ]


def test_one_address_that_two_contacts_share_links_both_of_them(after_one_pass: Store) -> None:
    (rooms,) = [moment for moment in logged(after_one_pass) if moment.subject == "Rooms in May"]
    assert sorted(rooms.contacts) == ["Ines Kaya", "Otto Brandt"]


def test_the_invitation_belongs_to_its_meeting_and_is_no_second_activity(after_one_pass: Store) -> None:
    (found,) = [moment for moment in logged(after_one_pass) if moment.subject == GO_LIVE.subject]
    with read(after_one_pass.engine) as connection:
        rules = "SELECT s.rule FROM sighting s JOIN activity a ON a.id = s.activity_id WHERE a.public_id = :id"
        seen = connection.execute(text(f"{rules} ORDER BY 1"), {"id": found.id}).scalars().all()
    assert (found.kind, seen) == ("meeting", ["invitation", "logged"])


def test_once_says_what_was_logged_and_what_was_skipped_by_which_rule_and_leaves_nothing_behind(tmp_path: Path) -> None:
    running = demo(tmp_path, "--once")
    printed, complaints = running.communicate()
    assert (running.returncode, complaints) == (0, "")
    assert "Two ovens for the new shop" in printed
    assert re.search(r"meeting held +Rosa Lindqvist +Weekly tasting", printed)
    assert re.search(r"meeting cancelled +Tom Whitby +Harbour visit", printed)
    for rule in {item.rule for item in (*STORY, *AGENDA)} - {"", "logged", "invitation"}:
        assert f"\n{rule} " in printed
    mails = sum(mail.rule == "logged" for mail in STORY)
    others = sum(times(item) for item in AGENDA if item.rule == "logged")
    assert f"{mails + others} activities" in printed
    assert list(tmp_path.iterdir()) == []


def test_what_arrives_and_is_put_off_while_one_watches_is_shown_and_an_interrupt_ends_it_cleanly(
    tmp_path: Path,
) -> None:
    running = demo(tmp_path, "--keep")
    with interrupted_at_the_end(running):
        (root,) = eventually(lambda: list(tmp_path.glob("syncd-demo-*/daemon.log")))
        with opened(load(root.with_name("config.toml"))) as store:
            eventually(lambda: "Oven number 1" in {moment.subject for moment in logged(store)})
            eventually(
                lambda: [each for each in logged(store) if each.subject == INSPECTION.subject and each.rescheduled]
            )
    printed, complaints = running.communicate()
    assert (running.returncode, complaints) == (0, "")
    assert "meeting planned, moved" in printed
    assert f"The store is {root.with_name('syncd.db')}." in printed


@contextmanager
def interrupted_at_the_end(running: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        running.send_signal(signal.SIGINT)
