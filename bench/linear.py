"""Whether ten times the mail takes ten times as long: first syncs of one small and one large mailbox."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.corpus import Shape
from bench.dovecot import serve
from bench.maildir import make
from bench.measure import Cost, Failed, median, run
from bench.ours import prepared


@dataclass(frozen=True, slots=True)
class Growth:
    messages: int
    cost: Cost


def first_syncs(directory: Path, sizes: tuple[int, ...], rounds: int) -> list[Growth]:
    """The median first sync of one mailbox of each size, after one that only warms the server up."""
    return [Growth(messages, _first_sync(directory, messages, rounds)) for messages in sizes]


def _first_sync(directory: Path, messages: int, rounds: int) -> Cost:
    corpus = make(Shape(1, messages, attachments=False), directory)
    costs = []
    with serve(corpus.root, corpus.users[0]) as server:
        syncd = prepared(directory / "syncd", server, corpus.people)
        for _ in range(rounds + 1):
            syncd.reset(corpus.users)
            costs.append(run(syncd.command(), directory))
            if problems := syncd.problems(corpus.truth, corpus.users):
                raise Failed("\n".join(problems))
    return median(costs[1:])


def table(found: list[Growth]) -> str:
    lines = [f"{'messages':>9} {'wall s':>8} {'CPU s':>8} {'peak MB':>8} {'µs CPU a message':>17}"]
    lines += [
        f"{each.messages:>9} {each.cost.wall:>8.3f} {each.cost.cpu:>8.3f} {each.cost.rss / 1e6:>8.1f} "
        f"{each.cost.cpu / each.messages * 1e6:>17.1f}"
        for each in found
    ]
    least, most = found[0], found[-1]
    lines.append(
        f"{most.messages // least.messages} times the mail takes {most.cost.wall / least.cost.wall:.2f} times as long"
    )
    return "\n".join(lines)
