"""What one run of a program cost."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LAUNCH = Path(__file__).with_name("launch.py")
SAID = "said.txt"


class Failed(Exception):
    """A measured program ended badly, or said something that it should not have."""


@dataclass(frozen=True, slots=True)
class Cost:
    wall: float
    """Seconds."""
    cpu: float
    """User and system seconds of the program and of all that it waited for."""
    rss: int
    """Peak memory in bytes."""
    received: int = 0
    """Bytes that the server sent it."""
    sent: int = 0
    requests: int = 0
    """Where they are counted."""


def run(command: Sequence[str], directory: Path, *, code: int = 0) -> Cost:
    """Run it to its end, which must have this exit code; what it prints goes to `SAID` in `directory`."""
    result, said = directory / "cost.json", directory / SAID
    with said.open("wb") as output:
        launcher = [sys.executable, "-I", "-S", str(LAUNCH), str(result), *command]
        subprocess.run(launcher, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=True)
    cost = json.loads(result.read_text())
    if cost["code"] != code:
        tail = said.read_text(errors="replace")[-2000:]
        raise Failed(f"{' '.join(command)} ended with {cost['code']}:\n{tail}")
    return Cost(cost["wall"], cost["cpu"], cost["rss"])


def median(costs: Sequence[Cost]) -> Cost:
    """Of each figure for itself."""
    return Cost(
        wall=statistics.median(cost.wall for cost in costs),
        cpu=statistics.median(cost.cpu for cost in costs),
        rss=int(statistics.median(cost.rss for cost in costs)),
        received=int(statistics.median(cost.received for cost in costs)),
        sent=int(statistics.median(cost.sent for cost in costs)),
        requests=int(statistics.median(cost.requests for cost in costs)),
    )
