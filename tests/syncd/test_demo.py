"""`syncd demo`, as a user runs it, and its story, which says of each mail what has to become of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from store.queries import Moment, recent, rule_counts, status
from store.writer import Store
from syncd.config import load
from syncd.demo.mails import copies
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
    return recent(store.engine, limit=1_000)


def test_each_copy_in_the_story_is_decided_by_the_rule_that_the_story_names(after_one_pass: Store) -> None:
    told = Counter(mail.rule for mail in STORY if mail.rule for _ in copies(mail, datetime.now(UTC)))
    assert {each.rule: each.count for each in rule_counts(after_one_pass.engine)} == told


def test_each_mail_of_the_story_that_sells_is_one_activity(after_one_pass: Store) -> None:
    told = Counter(mail.subject for mail in STORY if mail.rule == "logged")
    assert Counter(moment.subject for moment in logged(after_one_pass)) == told


def test_the_mailboxes_of_the_story_are_well(after_one_pass: Store) -> None:
    assert [(each.name, each.state) for each in status(after_one_pass.engine)] == [
        ("ada", "ok"),
        ("ben", "ok"),
        ("cleo", "ok"),
    ]


def test_one_address_that_two_contacts_share_links_both_of_them(after_one_pass: Store) -> None:
    (rooms,) = [moment for moment in logged(after_one_pass) if moment.subject == "Rooms in May"]
    assert sorted(rooms.contacts) == ["Ines Kaya", "Otto Brandt"]


def test_once_says_what_was_logged_and_what_was_skipped_by_which_rule_and_leaves_nothing_behind(tmp_path: Path) -> None:
    running = demo(tmp_path, "--once")
    printed, complaints = running.communicate()
    assert (running.returncode, complaints) == (0, "")
    assert "Two ovens for the new shop" in printed
    for rule in {mail.rule for mail in STORY} - {"", "logged"}:
        assert f"\n{rule} " in printed
    assert f"{sum(mail.rule == 'logged' for mail in STORY)} activities" in printed
    assert list(tmp_path.iterdir()) == []


def test_mail_that_arrives_while_one_watches_is_logged_and_an_interrupt_ends_it_cleanly(tmp_path: Path) -> None:
    running = demo(tmp_path, "--keep")
    with interrupted_at_the_end(running):
        (root,) = eventually(lambda: list(tmp_path.glob("syncd-demo-*/daemon.log")))
        with opened(load(root.with_name("config.toml"))) as store:
            eventually(lambda: "Oven number 1" in {moment.subject for moment in logged(store)})
    printed, complaints = running.communicate()
    assert (running.returncode, complaints) == (0, "")
    assert "Oven number 1" in printed
    assert f"The store is {root.with_name('syncd.db')}." in printed


@contextmanager
def interrupted_at_the_end(running: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        running.send_signal(signal.SIGINT)
