"""Progress bars on stderr, with an estimate; nothing is drawn where stderr is no terminal."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from syncd.cli.plain import plain
from syncd.watch import Saved

if TYPE_CHECKING:  # a pass by cron draws nothing
    from rich.progress import Progress, TaskID


@contextmanager
def tried(total: int) -> Iterator[Callable[[], None]]:
    """One bar for all mailboxes; yields what is to be called once for each."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    with _drawn() as progress:
        task = progress.add_task("mailboxes", total=total)
        yield lambda: progress.advance(task)


@contextmanager
def read() -> Iterator[Callable[[Saved], None]]:
    """One bar for each mailbox; yields what is to be called with each saved batch."""
    if not sys.stderr.isatty():
        yield lambda saved: None
        return
    with ExitStack() as stack:
        # At the first batch: what draws is a thread, and no process must be forked from beside one.
        yield _Passes(lambda: stack.enter_context(_drawn())).saved


@contextmanager
def _drawn() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    name = TextColumn("{task.description}", markup=False)
    columns = (name, BarColumn(), MofNCompleteColumn(), TextColumn("left"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield progress


class _Passes:
    """What is still to come is known of the streams that began."""

    def __init__(self, draw: Callable[[], Progress]) -> None:
        self._draw = draw
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._read: Counter[str] = Counter()
        self._left: dict[tuple[str, str], int] = {}
        self._lock = Lock()

    def saved(self, batch: Saved) -> None:
        """Called from the mailboxes' own threads."""
        mailbox = batch.mailbox
        with self._lock:
            if self._progress is None:
                self._progress = self._draw()
            if mailbox not in self._tasks:
                self._tasks[mailbox] = self._progress.add_task(plain(mailbox), total=None)
            self._read[mailbox] += batch.items
            self._left[mailbox, batch.stream] = batch.remaining
            left = sum(number for (name, _), number in self._left.items() if name == mailbox)
            done = self._read[mailbox]
            self._progress.update(self._tasks[mailbox], completed=done, total=done + left)
