"""syncd and mbsync in turn on the same server: a first sync, a poll that finds nothing, a poll that finds new mail."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from bench.corpus import INBOX, SENT
from bench.dovecot import Server
from bench.maildir import Corpus, deliver, withdraw
from bench.measure import Cost, Failed, run
from bench.truth import Truth

FIRST, NOTHING, NEW = "first sync", "poll, nothing new", "poll, new mail"
STEPS = (FIRST, NOTHING, NEW)


class Tool(Protocol):
    """A program that copies or reads mailboxes."""

    @property
    def name(self) -> str: ...

    def reset(self, users: Sequence[str]) -> None:
        """Forget everything, and be set up for these mailboxes."""
        ...

    def command(self) -> list[str]: ...

    def problems(self, truth: Truth, users: Sequence[str]) -> list[str]:
        """Where what it holds now is not what it should be."""
        ...


@dataclass(frozen=True, slots=True)
class Run:
    mailboxes: int
    step: str
    tool: str
    cost: Cost


@dataclass(frozen=True, slots=True)
class Track:
    """Where the race takes place."""

    corpus: Corpus
    server: Server
    tools: Sequence[Tool]
    directory: Path
    new: int
    """Messages that the last step finds, in all mailboxes together."""
    settle: float
    """Seconds between two runs: where a Maildir was changed in this second, mbsync waits for the next one."""

    def round(self, mailboxes: int, number: int) -> Iterator[Run]:
        """Every step for every tool; each goes first in every other round."""
        users = self.corpus.users[:mailboxes]
        order = self.tools if number % 2 else self.tools[::-1]
        truth = self.corpus.truth
        for tool in order:
            tool.reset(users)
        yield from self._step(FIRST, order, users, truth)
        yield from self._step(NOTHING, order, users, truth)
        truth = truth.plus(deliver(self.corpus, mailboxes, self.new, wave=number))
        try:
            self._look(users)
            yield from self._step(NEW, order, users, truth)
        finally:
            withdraw(self.corpus)
            self._look(users)

    def _step(self, step: str, order: Sequence[Tool], users: Sequence[str], truth: Truth) -> Iterator[Run]:
        for tool in order:
            time.sleep(self.settle)
            mark = self.server.mark()
            cost = run(tool.command(), self.directory)
            received, sent = self.server.moved(mark)
            if problems := tool.problems(truth, users):
                raise Failed(f"{tool.name} after {step} of {len(users)} mailboxes:\n" + "\n".join(problems))
            yield Run(len(users), step, tool.name, replace(cost, received=received, sent=sent))

    def _look(self, users: Sequence[str]) -> None:
        """Let the server take note of what changed in its files, so that no tool is charged for it."""
        for user in users:
            with self.server.dovecot.session(user) as client:
                for folder in (INBOX, SENT):
                    client.select(folder)
                    client.fetch("1:*", "(UID RFC822.SIZE)")
