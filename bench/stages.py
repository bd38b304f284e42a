"""Where the time of one first sync goes, by part of the program and by function, as cProfile has it.

cProfile makes many small calls look dearer than they are: compare shares, and never with the seconds of the race.
"""

from __future__ import annotations

import pstats
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from bench.corpus import Shape
from bench.dovecot import serve
from bench.maildir import make
from bench.ours import prepared

Place = tuple[str, int, str]
"""File, line and name of a function, as pstats has it; what is built in has the file `~`."""

# The first one that the path holds says which part of the program a function belongs to.
_PARTS = {
    "importlib": "starting",
    "/connectors/mime": "header fields into messages",
    "/connectors/text": "new text",
    "/connectors/": "reading from the server",
    "imapclient": "reading from the server",
    "imaplib": "reading from the server",
    "/matching/": "deciding",
    "/store/": "storing",
    "sqlalchemy": "storing",
    "/syncd/sync": "the pass",
    "/syncd/ledger": "the pass",
    "/syncd/": "the rest of syncd",
}
_OTHER = "libraries"
_WAITING = "<method 'acquire' of '_thread.lock' objects>"
"""One thread waits for another, and the time is that one's."""


@dataclass(frozen=True, slots=True)
class Stage:
    name: str
    seconds: float
    calls: int


@dataclass(frozen=True, slots=True)
class Profile:
    messages: int
    parts: tuple[Stage, ...]
    functions: tuple[Stage, ...]
    """Dearest first; the time of what they call is not in it."""


def first_sync(directory: Path, *, messages: int) -> Profile:
    """Profile the second of two first syncs of one mailbox."""
    corpus = make(Shape(1, messages, attachments=False), directory)
    result = directory / "profile.pstats"
    with serve(corpus.root, corpus.users[0]) as server:
        syncd = prepared(directory / "syncd", server, corpus.people)
        for _ in range(2):
            syncd.reset(corpus.users)
            command = [sys.executable, "-m", "bench.profiled", str(result), *syncd.command()[1:]]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return _profile(pstats.Stats(str(result)), messages)


def _profile(stats: pstats.Stats, messages: int) -> Profile:
    # Undocumented, and as it is since Python 1.5: place -> calls, all calls, own time, whole time, callers.
    rows: dict[Place, tuple[int, int, float, float, dict[Place, tuple[int, int, float, float]]]]
    rows = stats.stats  # type: ignore[attr-defined]
    rows = {place: row for place, row in rows.items() if place[2] != _WAITING}
    parts: defaultdict[str, float] = defaultdict(float)
    for place, (_, _, own, _, callers) in rows.items():
        if place[0] == "~":
            # What is built in works for whoever calls it.
            for caller, (_, _, share, _) in callers.items():
                parts[_part(caller)] += share
        else:
            parts[_part(place)] += own
    functions = [Stage(_name(place), own, calls) for place, (_, calls, own, _, _) in rows.items()]
    return Profile(messages, _dearest([Stage(*part, 0) for part in parts.items()]), _dearest(functions)[:60])


def _dearest(stages: list[Stage]) -> tuple[Stage, ...]:
    return tuple(sorted(stages, key=lambda stage: -stage.seconds))


def _part(place: Place) -> str:
    return next((part for name, part in _PARTS.items() if name in place[0]), _OTHER)


def _name(place: Place) -> str:
    file, line, function = place
    return f"{'/'.join(Path(file).parts[-2:])}:{line} {function}" if line else function


def table(found: Profile) -> str:
    total = sum(part.seconds for part in found.parts)
    lines = [f"{total:.2f} s under the profiler for {found.messages} messages", ""]
    lines += [f"{each.seconds / total:>6.1%} {each.seconds:>8.3f} s  {each.name}" for each in found.parts]
    lines += ["", f"{'share':>6} {'own s':>8} {'calls':>9} {'µs a message':>13}  function"]
    for each in found.functions:
        cost = each.seconds / found.messages * 1e6
        lines.append(f"{each.seconds / total:>6.1%} {each.seconds:>8.3f} {each.calls:>9} {cost:>13.2f}  {each.name}")
    return "\n".join(lines)
