"""Which story is the first to find a planted bug."""

from __future__ import annotations

from functools import cache

from tests.simulation import bugs, bugs_calendars, bugs_keeping
from tests.simulation.planting import BUGS
from tests.simulation.telling import Told, tell

PLANTED = (bugs, bugs_calendars, bugs_keeping)
"""All that is in `BUGS`."""

BUDGET = 500
"""Stories in which every bug must be found."""


def finds(bug: str, seed: int) -> Told | None:
    """How the story ends under the bug, if badly, and well without it."""
    with BUGS[bug]():
        told = tell(seed)
    return told if told.wrong and not undisturbed(seed).wrong else None


@cache
def undisturbed(seed: int) -> Told:
    """The story under no bug, told once only."""
    return tell(seed)


def first_finding(bug: str) -> Told | None:
    return next((told for seed in range(BUDGET) if (told := finds(bug, seed))), None)
