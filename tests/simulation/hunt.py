"""Which story is the first to find a planted bug."""

from __future__ import annotations

from tests.simulation.bugs import BUGS
from tests.simulation.telling import Told, tell


def first_finding(bug: str, most: int) -> Told | None:
    """Of the stories 0 to most - 1; None if none ends badly under the bug."""
    with BUGS[bug]():
        return next((told for seed in range(most) if (told := tell(seed)).wrong), None)
