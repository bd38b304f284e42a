"""Stories of faults end as they ought to, and find every planted bug."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.servers.postgres import Postgres
from tests.simulation.databases import Postgresql, on
from tests.simulation.hunt import finds, first_finding
from tests.simulation.passing import ACTS
from tests.simulation.planting import BUGS
from tests.simulation.story import FAULTS, story
from tests.simulation.telling import Told, shortest, tell

SEEDS = range(200)
ON_POSTGRESQL = range(10)

# What `python -m tests.simulation --hunt` says: the first story that finds it.
FIRST = {
    "the cursor is saved before the rows": 2,
    "a listing is always believed": 29,
    "what waits is forgotten": 20,
    "a meeting is another one in each calendar": 7,
    "an expired cursor is taken for nothing new": 2,
    "what left is not noted": 4,
    "whoever dies is to blame at once": 2,
    "mails are told apart by message id alone": 26,
    "threads that meet are not joined": 3,
    "a private copy closes nothing that comes later": 1,
    "people and folders set no level": 109,
    "an erasure takes one activity only": 92,
    "nobody is woken by a new contact": 23,
    "a change is forgotten before it was seen to": 129,
    "a replay closes nothing": 6,
    "a replay takes away what a hand linked": 412,
    "any copy decides": 51,
    "a meeting that turns private stays open": 14,
    "what comes after the window is never read": 168,
    "a series is one meeting": 3,
    "an invitation is a mail": 0,
    "an invitation makes no meeting": 0,
    "what changes meanwhile is not noticed": 92,
}


@pytest.fixture(scope="module")
def told() -> list[Told]:
    return [tell(seed) for seed in SEEDS]


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


@pytest.mark.parametrize("bug", FIRST)
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
