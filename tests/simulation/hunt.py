"""Which story is the first to find a planted bug."""

from __future__ import annotations

from tests.simulation.bugs import BUGS
from tests.simulation.telling import Told, tell

BUDGET = 500
"""Stories in which every bug must be found."""


def finds(bug: str, seed: int) -> Told | None:
    """How the story ends under the bug, if badly, and well without it."""
    with BUGS[bug]():
        told = tell(seed)
    return told if told.wrong and not tell(seed).wrong else None


def first_finding(bug: str) -> Told | None:
    return next((told for seed in range(BUDGET) if (told := finds(bug, seed))), None)
