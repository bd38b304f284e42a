"""Stories of faults end as they ought to, and find every planted bug."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.simulation.bugs import BUGS
from tests.simulation.hunt import finds, first_finding
from tests.simulation.passing import ACTS
from tests.simulation.servers import ERRORS
from tests.simulation.story import story
from tests.simulation.telling import Told, shortest, tell

SEEDS = range(200)

# What `python -m tests.simulation --hunt` says: the first story that finds it.
FIRST = {
    "the cursor is saved before the rows": 3,
    "an expired cursor is taken for nothing new": 1,
    "a listing is always believed": 14,
    "what left is not noted": 0,
    "what waits is forgotten": 2,
    "whoever dies is to blame at once": 2,
    "what changes meanwhile is not noticed": 8,
    "mails are told apart by message id alone": 26,
    "a meeting is another one in each calendar": 5,
    "threads that meet are not joined": 37,
    "a private copy closes nothing that is stored": 2,
    "a private copy closes nothing that comes later": 2,
    "a meeting that turns private stays open": 175,
    "text is kept at a lower level": 1,
    "people and folders set no level": 1,
    "tombstones are forgotten": 6,
    "an erasure takes one activity only": 11,
    "hashes are not written": 5,
    "nobody is woken by a new contact": 5,
    "links do not follow the directory": 0,
    "a change is forgotten before it was seen to": 105,
    "a link by hand is overwritten": 22,
    "a replay closes nothing": 14,
    "a replay wakes nothing": 3,
    "a replay takes away what a hand linked": 3,
    "a late cancellation undoes what was held": 13,
    "any copy decides": 57,
    "a copy that left still decides": 272,
}


@pytest.fixture(scope="module")
def told() -> list[Told]:
    return [tell(seed) for seed in SEEDS]


def test_every_story_ends_with_the_store_as_it_ought_to_be(told: list[Told]) -> None:
    assert [str(shortest(one)) for one in told if one.wrong] == []


def test_every_fault_and_every_act_happens_in_some_story(told: list[Told]) -> None:
    counted = sum((Counter(dict(one.counted)) for one in told), Counter[str]())
    errors = {f"failed: {type(make()).__name__}" for make in ERRORS.values()}
    assert {*ACTS, *errors, "killed"} - counted.keys() == set()


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
    bug = "hashes are not written"
    with BUGS[bug]():
        failed = tell(FIRST[bug])
        short = shortest(failed)
        again = tell(short.seed, short.steps)
    assert len(short.steps) < len(failed.steps)
    assert again.wrong == short.wrong != ""
    assert f"python -m tests.simulation {short.seed} --only {','.join(map(str, short.steps))}" in str(short)
