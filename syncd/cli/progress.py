"""Progress bars on stderr, with an estimate; nothing is drawn where stderr is no terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from syncd.cli.plain import plain
from syncd.model import Batch

NAME = TextColumn("{task.description}", markup=False)


@contextmanager
def bar() -> Iterator[Progress]:
    console = Console(stderr=True)
    columns = (NAME, BarColumn(), MofNCompleteColumn(), TextColumn("left"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield progress


class Passes:
    """One bar for each mailbox. What is still to come is known of the streams that began."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._read: Counter[str] = Counter()
        self._left: dict[tuple[str, str], int] = {}
        self._lock = Lock()

    def saved(self, mailbox: str, stream: str, batch: Batch) -> None:
        """Called from the mailboxes' own threads."""
        with self._lock:
            if mailbox not in self._tasks:
                self._tasks[mailbox] = self._progress.add_task(plain(mailbox), total=None)
            self._read[mailbox] += len(batch.items)
            self._left[mailbox, stream] = batch.remaining or 0
            left = sum(number for (name, _), number in self._left.items() if name == mailbox)
            done = self._read[mailbox]
            self._progress.update(self._tasks[mailbox], completed=done, total=done + left)
