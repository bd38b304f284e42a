"""A story is carried out, and told if it ends badly; with as few of its steps as show the same fault."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tests.simulation import always, ending
from tests.simulation.passing import perform
from tests.simulation.story import story
from tests.simulation.world import world


@dataclass(frozen=True)
class Told:
    """How a story ended."""

    seed: int
    steps: tuple[int, ...]
    """Which of its steps were carried out, by number."""
    lines: tuple[str, ...]
    wrong: str = ""
    counted: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        only = "" if len(self.steps) == len(story(self.seed)) else f" --only {','.join(map(str, self.steps))}"
        again = f"again: python -m tests.simulation {self.seed}{only}"
        return "\n".join((*self.lines, f"=> {self.wrong or 'all is as it ought to be'}", again))


def tell(seed: int, only: Collection[int] | None = None) -> Told:
    """Carry out the story of a seed, or these of its steps."""
    steps = story(seed)
    numbers = tuple(number for number in range(len(steps)) if only is None or number in only)
    with world() as here:
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
        return Told(seed, numbers, tuple(here.told), wrong, tuple(sorted(here.counted.items())))


def shortest(failed: Told) -> Told:
    """Leave out whatever steps the fault does not need, in pieces as large as possible."""
    size = max(1, len(failed.steps) // 2)
    while size:
        start = 0
        while start < len(failed.steps):
            rest = failed.steps[:start] + failed.steps[start + size :]
            shorter = tell(failed.seed, rest)
            if shorter.wrong:
                failed = shorter
            else:
                start += size
        size //= 2
    return failed


def failures(seeds: Sequence[int]) -> list[Told]:
    return [told for seed in seeds if (told := tell(seed)).wrong]
