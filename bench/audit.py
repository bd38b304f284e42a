"""What `syncd audit` costs of a mailbox that is whole, and that it finds what is not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.corpus import Shape
from bench.dovecot import Server, serve
from bench.maildir import Corpus, deliver, make
from bench.measure import SAID, Cost, Failed, median, run
from bench.ours import Syncd, prepared
from bench.truth import Truth

_REMOVED = "SELECT id, activity_id, stream_id FROM sighting WHERE verdict = 'logged' ORDER BY id LIMIT 1 OFFSET 10"
_LONG_AGO = "UPDATE stream SET reconciled_at = '2026-01-01 00:00:00' WHERE id = ?"
ARRIVED = 5


@dataclass(frozen=True, slots=True)
class Audit:
    step: str
    messages: int
    cost: Cost


def audits(directory: Path, messages: int, rounds: int) -> list[Audit]:
    """Of a mailbox that was read to its end: the audit, and the pass that has everything put right."""
    corpus = make(Shape(1, messages, attachments=False), directory)
    with serve(corpus.root, corpus.users[0]) as server:
        syncd = prepared(directory / "syncd", server, corpus.people)
        syncd.reset(corpus.users)
        run(syncd.command(), directory)
        whole = median([_audited(syncd, server, missing=0) for _ in range(rounds)])
        repaired = _repaired(syncd, server, corpus)
    return [Audit("audit", messages, whole), Audit("pass that repairs", messages, repaired)]


def _audited(syncd: Syncd, server: Server, *, missing: int, coming: int = 0) -> Cost:
    directory, mark = syncd.installation.directory, server.mark()
    cost = run(syncd.installation.audit(), directory, code=1 if missing else 0)
    (found,) = json.loads((directory / SAID).read_text())["mailboxes"]
    got = [sum(len(each["missing"]) for each in found["streams"]), sum(each["coming"] for each in found["streams"])]
    if got != [missing, coming]:
        raise Failed(f"the audit found {got[0]} missing and {got[1]} coming, not {missing} and {coming}")
    received, sent = server.moved(mark)
    return Cost(cost.wall, cost.cpu, cost.rss, received, sent)


def _repaired(syncd: Syncd, server: Server, corpus: Corpus) -> Cost:
    """Something is removed behind syncd's back, something arrives while it is cut off; and a day passes."""
    ((sighting, activity, stream),) = syncd.installation.ask(_REMOVED)
    removed = [("DELETE FROM sighting WHERE id = ?", (sighting,)), ("DELETE FROM activity WHERE id = ?", (activity,))]
    syncd.installation.change([*removed, (_LONG_AGO, (stream,))])
    arrived = deliver(corpus, 1, ARRIVED, wave=1)
    _audited(syncd, server, missing=1, coming=ARRIVED)
    mark = server.mark()
    cost = run(syncd.command(), syncd.installation.directory)
    received, sent = server.moved(mark)
    _require(syncd, corpus.truth.plus(arrived), corpus.users)
    _audited(syncd, server, missing=0)
    return Cost(cost.wall, cost.cpu, cost.rss, received, sent)


def _require(syncd: Syncd, truth: Truth, users: Sequence[str]) -> None:
    if problems := syncd.problems(truth, users):
        raise Failed("\n".join(problems))


def table(found: Sequence[Audit]) -> str:
    lines = [f"{'':<18} {'messages':>9} {'wall s':>8} {'CPU s':>8} {'peak MB':>8} {'received kB':>12}"]
    lines += [
        f"{each.step:<18} {each.messages:>9} {each.cost.wall:>8.3f} {each.cost.cpu:>8.3f} {each.cost.rss / 1e6:>8.1f} "
        f"{each.cost.received / 1e3:>12.1f}"
        for each in found
    ]
    return "\n".join(lines)
