"""The figures for a person to read, or as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from bench.measure import Cost, median
from bench.race import STEPS, Run

Medians = Mapping[tuple[int, str, str], Cost]
"""Mailboxes, step, tool."""


def medians(runs: Sequence[Run]) -> Medians:
    keys = {(run.mailboxes, run.step, run.tool) for run in runs}
    return {
        key: median([run.cost for run in runs if (run.mailboxes, run.step, run.tool) == key])
        for key in sorted(keys, key=lambda key: (key[0], STEPS.index(key[1]), key[2]))
    }


def ratios(figures: Medians, *, of: str = "syncd", to: str = "mbsync") -> dict[tuple[int, str], dict[str, float]]:
    """How many times the cost of `to` the cost of `of` is."""
    found = {}
    for mailboxes, step, tool in figures:
        if tool == of and (mailboxes, step, to) in figures:
            ours, theirs = figures[mailboxes, step, of], figures[mailboxes, step, to]
            found[mailboxes, step] = {
                "wall": ours.wall / theirs.wall,
                "cpu": ours.cpu / theirs.cpu,
                "received": ours.received / theirs.received,
            }
    return found


def table(figures: Medians) -> str:
    lines = [
        f"{'mailboxes':>9}  {'step':<18} {'tool':<7} {'wall s':>8} {'CPU s':>8} {'peak MB':>8} {'from server':>12}"
    ]
    for (mailboxes, step, tool), cost in figures.items():
        lines.append(
            f"{mailboxes:>9}  {step:<18} {tool:<7} {cost.wall:>8.3f} {cost.cpu:>8.3f} {cost.rss / 1e6:>8.1f} "
            f"{size(cost.received):>12}"
        )
    lines += ["", f"{'mailboxes':>9}  {'syncd / mbsync':<18} {'':<7} {'wall':>8} {'CPU':>8} {'':>8} {'bytes':>12}"]
    for (mailboxes, step), ratio in ratios(figures).items():
        lines.append(
            f"{mailboxes:>9}  {step:<18} {'':<7} {ratio['wall']:>8.2f} {ratio['cpu']:>8.2f} {'':>8} "
            f"{ratio['received']:>12.4f}"
        )
    return "\n".join(lines)


def size(count: int) -> str:
    return f"{count / 1e6:.2f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def as_json(figures: Medians) -> dict[str, object]:
    found = ratios(figures)
    return {
        "medians": [
            {"mailboxes": mailboxes, "step": step, "tool": tool, **asdict(cost)}
            for (mailboxes, step, tool), cost in figures.items()
        ],
        "ratios": [{"mailboxes": mailboxes, "step": step, **ratio} for (mailboxes, step), ratio in found.items()],
    }
