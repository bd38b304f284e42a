"""Stories of faults end as they ought to, and find every planted bug."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.servers.postgres import Postgres
from tests.simulation.databases import Postgresql, on
from tests.simulation.hunt import finds, first_finding, undisturbed
from tests.simulation.passing import ACTS
from tests.simulation.planting import BUGS
from tests.simulation.story import FAULTS, story
from tests.simulation.telling import Told, shortest, tell

SEEDS = range(200)
ON_POSTGRESQL = range(10)

# Bug -> a story that finds it, as `python -m tests.simulation --hunt` says.
FIRST = {
    "the cursor is saved before the rows": 2,
    "an expired cursor is taken for nothing new": 2,
    "a listing is always believed": 29,
    "what left is not noted": 4,
    "what waits is forgotten": 20,
    "whoever dies is to blame at once": 2,
    "what changes meanwhile is not noticed": 92,
    "mails are told apart by message id alone": 26,
    "a meeting is another one in each calendar": 7,
    "threads that meet are not joined": 3,
    "a private copy closes nothing that is stored": 30,
    "a private copy closes nothing that comes later": 1,
    "text is kept at a lower level": 16,
    "people and folders set no level": 109,
    "tombstones are forgotten": 0,
    "an erasure takes one activity only": 92,
    "hashes are not written": 23,
    "nobody is woken by a new contact": 23,
    "links do not follow the directory": 1,
    "a change is forgotten before it was seen to": 129,
    "a link by hand is overwritten": 47,
    "a replay closes nothing": 6,
    "a replay wakes nothing": 366,
    "a replay takes away what a hand linked": 412,
    "a late cancellation undoes what was held": 57,
    "any copy decides": 51,
    "a meeting that turns private stays open": 14,
    "a meeting has the level of its last copy": 421,
    "what comes after the window is never read": 168,
    "what a series leaves out stays": 83,
    "a series is one meeting": 3,
    "an invitation is a mail": 0,
    "whoever writes of a meeting decides on it": 137,
    "an invitation makes no meeting": 0,
    "a mail moves and cancels nothing": 163,
    "a reply is nobodys answer": 424,
    "the mail about a private meeting is a mail": 0,
    "the mail about a listed meeting is a mail": 187,
    "the mail about an erased meeting is a mail": 7,
    "a folder says nothing of the meetings in it": 163,
    "a cancellation by mail undoes what was held": 292,
    "an open task is done": 4,
    "a draft is a note": 4,
    "nobody is named in a text": 23,
    "a task is another one in each list": 23,
    "what was opened again stays done": 477,
    "what is opened again is forgotten": 471,
    "what loses its text keeps its level": 88,
    "old subjects are kept": 22,
    "what is too old is only emptied": 22,
    "only what is there of a conversation is closed": 289,
    "one mail of a conversation is closed": 375,
    "closing leaves the subject": 22,
    "who is closed is open in what comes": 35,
}


@pytest.fixture(scope="module")
def told() -> list[Told]:
    return [undisturbed(seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def on_postgresql(postgres: Postgres) -> Postgresql:
    return on(postgres)


def test_every_story_ends_with_the_store_as_it_ought_to_be(told: list[Told]) -> None:
    assert [str(shortest(one)) for one in told if one.wrong] == []


def test_a_story_leaves_the_same_in_postgresql(told: list[Told], on_postgresql: Postgresql) -> None:
    for seed in ON_POSTGRESQL:
        there = tell(seed, database=on_postgresql)
        assert not there.wrong, str(shortest(there, on_postgresql))
        assert there.left == told[seed].left, str(there)


def test_every_fault_and_every_act_happens_in_some_story(told: list[Told]) -> None:
    counted = sum((Counter(dict(one.counted)) for one in told), Counter[str]())
    clock = {"the clock jumps ahead", "the clock jumps back"}
    assert {*ACTS, *FAULTS, *clock} - counted.keys() == set()


def test_a_story_is_told_again_in_the_same_words(told: list[Told]) -> None:
    for one in told[:5]:
        assert tell(one.seed) == one


def test_a_story_means_the_same_with_steps_left_out() -> None:
    steps = range(0, len(story(3)), 2)
    short = tell(3, steps)
    assert short.steps == tuple(steps)
    assert not short.wrong


@pytest.mark.parametrize("bug", BUGS)
def test_every_planted_bug_is_found(bug: str) -> None:
    # The program may call its server once more than it did, and then another story finds it.
    assert finds(bug, FIRST[bug]) or first_finding(bug)


def test_a_failure_is_told_with_the_steps_it_needs_and_how_to_replay_it() -> None:
    bug = "what left is not noted"
    with BUGS[bug]():
        failed = tell(FIRST[bug])
        short = shortest(failed)
        again = tell(short.seed, short.steps)
    assert len(short.steps) < len(failed.steps)
    assert again.wrong == short.wrong != ""
    assert f"python -m tests.simulation {short.seed} --only {','.join(map(str, short.steps))}" in str(short)
