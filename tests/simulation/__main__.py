"""Tell one story, or look for one that ends badly."""

from __future__ import annotations

import argparse
import sys
from contextlib import ExitStack

from tests.servers.postgres import serve
from tests.simulation.databases import Database, on
from tests.simulation.hunt import BUDGET, first_finding
from tests.simulation.planting import BUGS
from tests.simulation.telling import shortest, tell


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("seed", nargs="?", type=int, default=0)
    parser.add_argument("--only", default="", metavar="1,2,3", help="no more than these steps of the story")
    parser.add_argument("--soak", type=int, default=0, metavar="COUNT", help="so many stories, from the seed on")
    parser.add_argument("--postgresql", action="store_true", help="with the store on a PostgreSQL of its own")
    parser.add_argument("--hunt", action="store_true", help="which story is the first to find each planted bug")
    given = parser.parse_args()
    if given.hunt:
        return _hunt()
    with ExitStack() as running:
        database = on(running.enter_context(serve())) if given.postgresql else None
        if given.soak:
            return _soak(range(given.seed, given.seed + given.soak), database)
        only = [int(number) for number in given.only.split(",")] if given.only else None
        told = tell(given.seed, only, database)
    sys.stdout.write(f"{told}\n")
    return 1 if told.wrong else 0


def _soak(seeds: range, database: Database | None) -> int:
    bad = 0
    for seed in seeds:
        if (told := tell(seed, database=database)).wrong:
            bad += 1
            sys.stdout.write(f"{shortest(told, database)}\n\n")
            sys.stdout.flush()
    sys.stdout.write(f"{len(seeds)} stories, {bad} of them with a bad end\n")
    return 1 if bad else 0


def _hunt() -> int:
    found = {bug: first_finding(bug) for bug in BUGS}
    for bug, told in found.items():
        sys.stdout.write(f'    "{bug}": {told.seed},\n' if told else f"{bug}: not found in {BUDGET} stories\n")
    return 0 if all(found.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
