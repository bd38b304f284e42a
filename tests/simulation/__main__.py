"""Tell one story, or look for one that ends badly: `python -m tests.simulation SEED | --soak COUNT [--first SEED]`."""

from __future__ import annotations

import argparse
import sys

from tests.simulation.telling import shortest, tell


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seed", nargs="?", type=int, default=0)
    parser.add_argument("--only", default="", metavar="1,2,3", help="no more than these steps of the story")
    parser.add_argument("--soak", type=int, default=0, metavar="COUNT", help="so many stories, from the seed on")
    given = parser.parse_args()
    if given.soak:
        return _soak(range(given.seed, given.seed + given.soak))
    only = [int(number) for number in given.only.split(",")] if given.only else None
    told = tell(given.seed, only)
    sys.stdout.write(f"{told}\n")
    return 1 if told.wrong else 0


def _soak(seeds: range) -> int:
    bad = 0
    for seed in seeds:
        if (told := tell(seed)).wrong:
            bad += 1
            sys.stdout.write(f"{shortest(told)}\n\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(seeds)} stories, {bad} of them with a bad end\n")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
