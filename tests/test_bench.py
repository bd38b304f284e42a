"""The benchmark's corpus is what it says, and the benchmark runs."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from bench import agenda
from bench.__main__ import main
from bench.calendar_race import CHANGED
from bench.cast import cast
from bench.corpus import Shape, mail, user
from bench.maildir import deliver, make, withdraw
from bench.meetings import ZONE, Guest, Meeting, Series, occurrences, written
from bench.outcomes import outcomes
from bench.race import FIRST, NOTHING, STEPS
from bench.truth import LOGGED, Truth, from_json

TODAY = date(2026, 11, 25)
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def workplace() -> Iterator[Path]:
    """Not `tmp_path`, which the mail server's own user may not enter."""
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as directory:
        path = Path(directory)
        path.chmod(0o755)
        yield path


def test_the_same_seed_gives_the_same_mail() -> None:
    people = cast(1, mailboxes=4)
    assert list(mail(Shape(4, 50), people)) == list(mail(Shape(4, 50), people))
    assert list(mail(Shape(4, 50, seed=2), people)) != list(mail(Shape(4, 50), people))


def test_every_mailbox_is_filled_to_its_size_and_holds_no_message_twice() -> None:
    held: Counter[int] = Counter()
    for posted in mail(Shape(5, 300), cast(1, mailboxes=5)):
        mailboxes = [mailbox for mailbox, _ in posted.copies]
        assert len(set(mailboxes)) == len(mailboxes) <= 4
        held.update(mailboxes)
    assert set(held.values()) == {300}


def test_a_message_in_three_mailboxes_is_one_activity_and_three_sightings() -> None:
    truth = Truth()
    truth.add(LOGGED, [("a", "Sent"), ("b", "INBOX"), ("c", "INBOX")])
    truth.add("automated", [("a", "INBOX")])
    assert truth.activities(["a", "b", "c"]) == truth.activities(["b"]) == 1
    assert truth.copies(["a"]) == {("a", "Sent", LOGGED): 1, ("a", "INBOX", "automated"): 1}
    assert from_json(truth.to_json()) == truth


def test_a_corpus_is_found_again_without_what_arrived_since(tmp_path: Path) -> None:
    corpus = make(Shape(2, 20), tmp_path)
    arrived = deliver(corpus, 2, 6, wave=1)
    assert arrived.copies(corpus.users).total() == 6
    assert _files(corpus.root) == 46
    again = make(Shape(2, 20), tmp_path)
    assert (again.truth, again.bytes, _files(again.root)) == (corpus.truth, corpus.bytes, 40)
    withdraw(again)
    assert _files(again.root) == again.truth.copies(map(user, range(2))).total()


def agenda_of(calendars: int, meetings: int, seed: int = 1) -> list[Meeting]:
    people = cast(1, mailboxes=calendars, contacts=50)
    return list(agenda.meetings(agenda.Size(calendars, meetings, seed), people, TODAY))


def test_the_same_seed_gives_the_same_meetings() -> None:
    assert agenda_of(3, 40) == agenda_of(3, 40)
    assert agenda_of(3, 40) != agenda_of(3, 40, seed=2)


def test_every_calendar_is_filled_to_its_size_and_holds_no_meeting_twice() -> None:
    held = [holder for meeting in agenda_of(4, 200) for holder in set(meeting.holders)]
    assert Counter(held) == dict.fromkeys(range(4), 200)


def test_a_series_meets_each_week_but_where_it_is_dropped_and_where_it_was_moved() -> None:
    at_ten = datetime(2026, 10, 19, 10, tzinfo=ZONE)
    series = Series(5, dropped=frozenset({1}), moved={2: timedelta(hours=5)}, called_off=frozenset({3}))
    meeting = replace(agenda_of(1, 1)[0], starts=at_ten, length=timedelta(hours=1), series=series, cancelled=False)
    found = list(occurrences(meeting, NOW - timedelta(days=90), NOW + timedelta(days=60)))
    # The clocks went back on 25 October: ten o'clock is an hour later in UTC.
    assert [(each.starts_at.isoformat(), each.cancelled) for each in found] == [
        ("2026-10-19T08:00:00+00:00", False),
        ("2026-11-02T14:00:00+00:00", False),
        ("2026-11-09T09:00:00+00:00", True),
        ("2026-11-16T09:00:00+00:00", False),
    ]


def test_what_is_called_off_before_it_begins_is_cancelled_and_what_is_called_off_afterwards_was_held() -> None:
    (contact,) = cast(1, mailboxes=1, contacts=1).contacts
    meeting = replace(
        agenda_of(1, 1)[0], starts=datetime(2026, 11, 20, 9, tzinfo=ZONE), series=None, rule=LOGGED,
        guests=(Guest(contact, "ACCEPTED"),), cancelled=True,
    )  # fmt: skip
    refused = replace(meeting, cancelled=False, guests=(Guest(contact, "DECLINED"),))
    ahead = replace(meeting, cancelled=False, starts=datetime(2026, 11, 30, 9, tzinfo=ZONE))
    versions = [replace(meeting, stamped=NOW - timedelta(days=30)), replace(meeting, stamped=NOW), refused, ahead]
    became = [list(outcomes([each], {contact.address}, NOW).activities) for each in versions]
    assert became == [["cancelled"], ["held"], ["declined"], ["planned"]]


def test_changes_touch_as_many_objects_as_are_wanted_and_each_is_a_later_version() -> None:
    before = {meeting.number: meeting for meeting in agenda_of(3, 100)}
    changed = agenda.changed(list(before.values()), 20, NOW, wave=1)
    assert sum(len(each.holders) for each in changed) == 20
    assert all(each.sequence == before[each.number].sequence + 1 for each in changed)


def test_a_written_meeting_has_every_component_and_no_line_that_a_parser_would_break() -> None:
    for meeting in agenda_of(2, 60):
        raw = written(meeting).decode()
        assert raw.count("BEGIN:") == raw.count("END:")
        assert f"UID:{meeting.uid}\r\n" in raw
        assert max(map(len, raw.split("\r\n"))) <= 70
        assert "\n" not in raw.replace("\r\n", "")


def test_a_quick_race_gives_every_figure_and_finds_the_counts_that_the_corpus_has(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["race", "--quick", "--json", "--directory", str(workplace)]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert [(row["mailboxes"], row["step"]) for row in figures["ratios"]] == [
        (n, step) for n in (1, 3) for step in STEPS
    ]
    assert all(row["wall"] > 0 and row["cpu"] > 0 and row["received"] > 0 for row in figures["ratios"])


def test_a_quick_race_of_calendars_counts_requests_and_finds_the_outcomes_that_the_meetings_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["calendars", "--quick", "--json", "--directory", str(tmp_path)]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert [row["step"] for row in figures["ratios"]] == [FIRST, NOTHING, CHANGED]
    assert figures["daemon"]["requests"] <= 1.5
    assert all(row["requests"] > 0 and row["received"] > 0 and row["wall"] > 0 for row in figures["medians"])


@pytest.mark.parametrize("what", ["linearity", "google", "microsoft", "exchange", "idle", "late", "audit", "profile"])
def test_every_other_quick_measurement_ends_well(
    what: str, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([what, "--quick", "--directory", str(workplace)]) == 0
    assert capsys.readouterr().out


def _files(root: Path) -> int:
    return sum(1 for path in root.glob("*/**/cur/*"))
