"""The figures for a person to read, or as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from bench.measure import Cost, median
from bench.race import Run

Medians = Mapping[tuple[int, str, str], Cost]
"""Mailboxes or calendars, step, tool; in the order in which they were run."""

OURS = "syncd"


def medians(runs: Sequence[Run]) -> Medians:
    steps = list(dict.fromkeys(run.step for run in runs))
    keys = {(run.mailboxes, run.step, run.tool) for run in runs}
    return {
        key: median([run.cost for run in runs if (run.mailboxes, run.step, run.tool) == key])
        for key in sorted(keys, key=lambda key: (key[0], steps.index(key[1]), key[2]))
    }


def ratios(figures: Medians, rival: str) -> dict[tuple[int, str], dict[str, float]]:
    """How many times the rival's cost ours is."""
    found = {}
    for mailboxes, step, tool in figures:
        if tool == OURS and (mailboxes, step, rival) in figures:
            ours, theirs = figures[mailboxes, step, OURS], figures[mailboxes, step, rival]
            found[mailboxes, step] = {
                "wall": ours.wall / theirs.wall,
                "cpu": ours.cpu / theirs.cpu,
                "received": ours.received / theirs.received,
            }
    return found


def table(figures: Medians, rival: str, what: str = "mailboxes") -> str:
    counted = any(cost.requests for cost in figures.values())
    lines = [
        f"{what:>9}  {'step':<18} {'tool':<10} {'wall s':>8} {'CPU s':>8} {'peak MB':>8} {'from server':>12}"
        f"{' requests' if counted else ''}"
    ]
    for (mailboxes, step, tool), cost in figures.items():
        lines.append(
            f"{mailboxes:>9}  {step:<18} {tool:<10} {cost.wall:>8.3f} {cost.cpu:>8.3f} {cost.rss / 1e6:>8.1f} "
            f"{size(cost.received):>12}{f'{cost.requests:>9}' if counted else ''}"
        )
    lines += ["", f"{what:>9}  {f'{OURS} / {rival}':<18} {'':<10} {'wall':>8} {'CPU':>8} {'':>8} {'bytes':>12}"]
    for (mailboxes, step), ratio in ratios(figures, rival).items():
        lines.append(
            f"{mailboxes:>9}  {step:<18} {'':<10} {ratio['wall']:>8.2f} {ratio['cpu']:>8.2f} {'':>8} "
            f"{ratio['received']:>12.4f}"
        )
    return "\n".join(lines)


def size(count: int) -> str:
    return f"{count / 1e6:.2f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def as_json(figures: Medians, rival: str) -> dict[str, object]:
    found = ratios(figures, rival)
    return {
        "medians": [
            {"mailboxes": mailboxes, "step": step, "tool": tool, **asdict(cost)}
            for (mailboxes, step, tool), cost in figures.items()
        ],
        "ratios": [{"mailboxes": mailboxes, "step": step, **ratio} for (mailboxes, step), ratio in found.items()],
    }
