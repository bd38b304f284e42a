"""From a seed to a story: a list of steps that means the same on every machine, and with any of its steps left out.

A step names what it is about by plain numbers, and whoever carries it out takes them modulo what there is.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

FAULTS = ("reset", "throttled", "forbidden", "revoked", "expired", "killed", "partial")

# Kind of step -> how often it comes, and how many numbers it has. What belongs to no theme is in every story.
_MAIL = {"deliver": 6, "copy": 4, "move": 1, "delete": 2, "renumber": 1, "smuggle": 1, "spoil": 1}
_THEMES: Mapping[str, Mapping[str, int]] = {
    "meetings": {"meet": 5, "move_meeting": 7, "call_off": 4, "answer": 2, "hide": 2, "remove": 5, "jump": 4},
    "series": {"series": 4, "repeat": 1, "cut": 2, "meet": 1, "move_meeting": 5, "hide": 2, "remove": 4, "jump": 5},
    "invitations": {"invite": 9, "meet": 3, "move_meeting": 2, "hide": 1, "remove": 2, "jump": 1},
    "lists": {"jot": 5, "work_on": 6, "know": 3},
    "directory": {"know": 5, "hear": 2, "forget": 2, "merge": 1, "rehouse": 1, "domain": 2, "deal": 3, "catch_up": 4},
    "rules": {"rule": 7, "replay": 3},
    "privacy": {"erase": 4, "close": 1, "know": 2, "hear": 1},
    "keeping": {"retain": 4, "shut": 5, "jump": 1},
    "hands": {"link": 7, "vandal": 1, "deal": 2},
}
_PASS = {"pass": 12}
# What may happen while a pass waits for an answer.
_MEANWHILE = (
    *("deliver", "copy", "delete", "know", "hear", "catch_up", "erase", "close", "pass", "meet", "link", "replay"),
    *("series", "move_meeting", "remove", "invite", "jot", "work_on", "retain", "shut", "jump"),
)
_CONCERNING = ("hear", "erase", "close", "shut")
_MAY_DIE = ("pass", "replay", "catch_up", "erase", "retain", "shut")

_NUMBERS = 4
_LARGEST = 999


class Step(NamedTuple):
    kind: str
    numbers: tuple[int, ...]
    die_at: int | None = None
    """At which of its points of commit the process dies."""
    stop_after: int | None = None
    """After how many batches a pass is told to end."""
    events: tuple[str | Step, ...] = ()
    """What happens at its calls to the server, one after the other: a fault, or something else meanwhile."""

    def __str__(self) -> str:
        told = [self.kind, *map(str, self.numbers)]
        if self.stop_after is not None:
            told.append(f"stopped after {self.stop_after}")
        if self.die_at is not None:
            told.append(f"dying at {self.die_at}")
        if self.events:
            told.append("[" + "; ".join(map(str, self.events)) + "]")
        return " ".join(told)


def story(seed: int) -> tuple[Step, ...]:
    chance = random.Random(seed)
    themes = chance.sample(sorted(_THEMES), chance.choice((1, 2, 3, 3)))
    weights = _MAIL | _PASS
    for name in themes:
        weights = {kind: weights.get(kind, 0) + _THEMES[name].get(kind, 0) for kind in {**weights, **_THEMES[name]}}
    kinds = sorted(weights)
    steps = [_step(chance, "deliver") for _ in range(chance.randint(2, 8))]
    steps += [
        _step(chance, chance.choices(kinds, [weights[kind] for kind in kinds])[0], weights)
        for _ in range(chance.randint(14, 30))
    ]
    return tuple(steps)


def _step(chance: random.Random, kind: str, weights: Mapping[str, int] | None = None) -> Step:
    numbers = tuple(chance.randint(0, _LARGEST) for _ in range(_NUMBERS))
    if weights is None or kind not in _MAY_DIE:
        return Step(kind, numbers)
    die_at = chance.randint(0, 9) if chance.random() < (0.3 if kind == "pass" else 0.6) else None
    stop_after = chance.randint(1, 3) if kind == "pass" and chance.random() < 0.2 else None
    return Step(kind, numbers, die_at, stop_after, _events(chance, weights) if kind in ("pass", "replay") else ())


def _events(chance: random.Random, weights: Mapping[str, int]) -> tuple[str | Step, ...]:
    draw = chance.random()
    if draw < 0.4:
        return ()
    if draw < 0.5:
        return ("partial",)
    meanwhile = [kind for kind in _MEANWHILE if kind in weights]
    return tuple(_event(chance, meanwhile) for _ in range(chance.randint(1, 6)))


def _event(chance: random.Random, meanwhile: Sequence[str]) -> str | Step:
    draw = chance.random()
    if draw < 0.4:
        return "fine"
    if draw < 0.6:
        return chance.choice(FAULTS)
    # Rather what makes a story its own than what is in all of them, and most of all what concerns what is in hand.
    weights = [8 if kind in _CONCERNING else 1 if kind in _MAIL | _PASS else 3 for kind in meanwhile]
    return _step(chance, chance.choices(meanwhile, weights)[0])
