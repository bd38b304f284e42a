"""A process that runs `syncd once` in children which get ever more memory: `python -m tests.syncd.starving CONFIG`.

Each begins with an empty store, and one that may have all follows it. Prints JSON.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tests.syncd.crashing import contents, forget, once, undisturbed

MEGABYTES = (8, 16, 24, 32, 128)
HANGS = 20
"""Seconds after which one is killed: a library in C that gets no memory may do anything."""


def starved(megabytes: int) -> Callable[[], None]:
    """So much more address space than it has already."""

    def limit() -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + megabytes * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        signal.alarm(HANGS)

    return limit


def main(config: Path) -> dict[str, object]:
    store = config.parent / "syncd.db"
    ends, differing, enough = [once(config, undisturbed)], 0, 0
    truth = contents(store)
    for megabytes in MEGABYTES:
        forget(store)
        enough += once(config, starved(megabytes)) == 0
        ends.append(once(config, undisturbed))
        differing += contents(store) != truth
    return {"tried": len(MEGABYTES), "enough": enough, "differing": differing, "ends": sorted(set(ends))}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
