"""Which messages came since a time, in a listing that has no dates: all of them, and few are looked at for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import example, given
from hypothesis import strategies as st

from connectors.gmail_window import EDGE, STRETCH, came_since

BEGAN = datetime(2020, 1, 1, tzinfo=UTC)


class Post:
    """Messages, one each hour, and which of them were looked at."""

    def __init__(self, count: int, gone: frozenset[str] = frozenset()) -> None:
        self.came = {f"{number:016x}": BEGAN + timedelta(hours=number) for number in range(count)}
        self.gone = gone
        self.looked: list[str] = []

    def dates(self, ids: Sequence[str]) -> Mapping[str, datetime]:
        self.looked += ids
        return {id: self.came[id] for id in ids if id not in self.gone}

    def newest_first(self, dice: Random, slip: float = 0.0) -> list[str]:
        """With each up to `slip` places before or behind its own."""
        place = {id: number + dice.uniform(-slip, slip) for number, id in enumerate(reversed(self.came))}
        return sorted(place, key=place.__getitem__)

    def since(self, moment: datetime) -> set[str]:
        return {id for id, came in self.came.items() if came >= moment and id not in self.gone}


@given(
    count=st.integers(0, 4 * STRETCH),
    wanted=st.integers(0, 4 * STRETCH),
    slip=st.sampled_from([0.0, 12.0]),
    turned=st.booleans(),
    seed=st.integers(0, 1000),
)
@example(count=7, wanted=1, slip=12.0, turned=False, seed=0)
@example(count=700, wanted=697, slip=12.0, turned=False, seed=3)
def test_what_came_since_is_found_whichever_end_comes_first_and_though_neighbours_stand_the_wrong_way_round(
    count: int, wanted: int, slip: float, turned: bool, seed: int
) -> None:
    post, dice = Post(count), Random(seed)
    listed = post.newest_first(dice, slip)
    if turned:
        listed.reverse()
    since = BEGAN + timedelta(hours=count - wanted)
    found = list(came_since(iter(listed), since, post.dates))
    assert len(found) == len(set(found))
    assert set(found) == post.since(since)


@given(lost=st.sets(st.integers(0, 1499), max_size=300), wanted=st.integers(0, 1500))
def test_what_is_gone_by_the_time_it_is_looked_at_misleads_nobody(lost: set[int], wanted: int) -> None:
    post = Post(1500, gone=frozenset(f"{number:016x}" for number in lost))
    since = BEGAN + timedelta(hours=1500 - wanted)
    found = set(came_since(iter(post.newest_first(Random(0))), since, post.dates))
    assert found - post.gone == post.since(since)


def test_of_twenty_thousand_messages_next_to_none_is_looked_at_and_what_is_long_past_is_not_listed() -> None:
    post = Post(20_000)
    listed = iter(post.newest_first(Random(0)))
    found = list(came_since(listed, BEGAN + timedelta(hours=18_000), post.dates))
    assert len(found) == 2_000
    assert len(post.looked) <= 2 * 6 + 3 * EDGE + 10
    assert len(list(listed)) == 20_000 - 6 * STRETCH
