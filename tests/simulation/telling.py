"""A story is carried out, and told if it ends badly; with as few of its steps as show the same fault."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256

from tests.dump import dump
from tests.simulation import always, ending
from tests.simulation.databases import Database
from tests.simulation.passing import perform
from tests.simulation.story import story
from tests.simulation.world import World, world


@dataclass(frozen=True)
class Told:
    """How a story ended."""

    seed: int
    steps: tuple[int, ...]
    """Which of its steps were carried out, by number."""
    lines: tuple[str, ...]
    wrong: str = ""
    counted: tuple[tuple[str, int], ...] = ()
    left: str = ""
    """What is in the store at the end, as a checksum of its rows."""

    def __str__(self) -> str:
        only = "" if len(self.steps) == len(story(self.seed)) else f" --only {','.join(map(str, self.steps))}"
        again = f"again: python -m tests.simulation {self.seed}{only}"
        return "\n".join((*self.lines, f"=> {self.wrong or 'all is as it ought to be'}", again))


def tell(seed: int, only: Collection[int] | None = None, database: Database | None = None) -> Told:
    """Carry out the story of a seed, or these of its steps."""
    steps = story(seed)
    numbers = tuple(number for number in range(len(steps)) if only is None or number in only)
    with world(database) as here:
        wrong = ""
        try:
            for number in numbers:
                here.tell(f"{number:>3}  {steps[number]}")
                perform(here, steps[number])
                always.check(here)
            ending.check(here)
        except always.Wrong as error:
            wrong = str(error)
        except Exception as error:
            wrong = f"{type(error).__name__}: {error}"
        for fault in (fault for line in here.lines.values() for fault in line.met):
            here.count(fault)
        return Told(seed, numbers, tuple(here.told), wrong, tuple(sorted(here.counted.items())), _left(here))


def _left(here: World) -> str:
    return sha256(repr(dump(here.store.engine)).encode()).hexdigest()


def shortest(failed: Told, database: Database | None = None) -> Told:
    """Leave out whatever steps the fault does not need, in pieces as large as possible."""
    size = max(1, len(failed.steps) // 2)
    while size:
        start = 0
        while start < len(failed.steps):
            rest = failed.steps[:start] + failed.steps[start + size :]
            shorter = tell(failed.seed, rest, database)
            if shorter.wrong:
                failed = shorter
            else:
                start += size
        size //= 2
    return failed
