"""Who reads the mailboxes of `once`: threads of this process, or of several, since one interpreter uses one core.

The processes are forked before anything is opened: a connection to SQLite must not go through a fork
(https://www.sqlite.org/howtocorrupt.html, 2.6). Each opens the store for itself, and ends at once when the process that
began it is gone, since its lock on the store stood for them all.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from connectors import KINDS
from store.health import Health, Registered
from store.writer import Store, open_store
from syncd import logs
from syncd.config import Config, policy, store_key, store_url
from syncd.errors import SyncError
from syncd.opening import vault
from syncd.signals import listening
from syncd.states import Failure, MailboxState, Outcome, State, begun, failure, next_state
from syncd.watch import Manner, Progress, Saved, Watch, watch

if TYPE_CHECKING:  # one mailbox needs no second process
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkProcess

log = logging.getLogger(__name__)

MOST = 4
"""More processes would mostly wait for each other: a quarter of a first sync is writing, one at a time."""
FEW = 1
"""Mailboxes that a process begins with. Unless they wait for their servers, a second one would take the interpreter
from the first just while it has the store locked, and the other processes would wait for that: a third of the time."""
LOOK = 0.5
"""Seconds between two looks at whether they do."""
IDLE = 0.25
"""They do if the processes wanted less than this part of their cores. While one waits for another to have written, that
other wants a core."""


APART = 0.2
"""Seconds between the first mailboxes of two processes, if they were never read. What begins together goes on in step:
all ask their server at one moment and compute at the next, and a tenth of the time one core or the server has nothing
to do. So long a server takes to list a thousand objects."""


class Task(NamedTuple):
    mailbox: str
    registered: Registered


class Result(NamedTuple):
    """How one mailbox is after its pass, and what the pass came to."""

    mailbox: str
    state: MailboxState
    outcome: Outcome
    unsaved: Health | None
    """What of it is not in the store yet."""


Read: TypeAlias = Callable[[Store, Sequence[Task], dict[str, Result]], None]
"""Puts what becomes of each mailbox into the last; after Ctrl-C too, of those that were in hand."""


@contextmanager
def readers(config: Config, mailboxes: int, processes: int, progress: Progress) -> Iterator[Read]:
    """Be ready to read so many mailboxes; to be entered before anything of the store is open."""
    at_once = min(config.daemon.workers, max(1, mailboxes))
    processes = min(processes, at_once, MOST)
    if processes < 2:
        yield partial(_here, config, at_once, progress)
        return
    others = _Others(config, processes, -(-at_once // processes), progress)
    try:
        yield others.read
    finally:
        others.leave({})


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0))


class _Passes:
    """Of this process, several at once."""

    def __init__(self, config: Config, store: Store, progress: Progress, processes: int) -> None:
        daemon = config.daemon
        self._config = config
        self._store = store
        self._vault = vault(config, store)
        self._mailboxes = {each.name: each for each in config.mailboxes}
        self._manner = Manner(
            daemon.interval_min,
            daemon.interval_max,
            slice=timedelta(days=365),
            progress=progress,
            processes=processes,
        )
        self._watches: list[Watch] = []

    def read(self, task: Task) -> Result:
        mailbox, store = self._mailboxes[task.mailbox], self._store
        rules = policy(self._config, mailbox, store.key)
        one = watch(mailbox, task.registered, store, rules, self._manner, self._vault)
        self._watches.append(one)
        try:
            with logs.about(mailbox=task.mailbox):
                outcome = _pass(one)
        except SyncError as error:  # of the store, before anything of the mailbox was asked
            outcome = Outcome(failure=failure(error, task.mailbox))
        finally:
            one.stop()
        return Result(task.mailbox, one.state, outcome, one.unsaved())

    def stop(self) -> None:
        """End each at its next batch."""
        for each in self._watches:
            each.stopping = True


def _pass(one: Watch) -> Outcome:
    state = one.state
    if state.state is State.THROTTLED and state.pace.wait(_now()):
        until = f"the server asked to wait until {state.pace.not_before:%Y-%m-%d %H:%M:%S} UTC"
        return Outcome(failure=Failure(state=State.THROTTLED, error=until))
    return one.pass_once(lambda: None)


# --------------------------------------------------------------------------------------------- in this process


def _here(
    config: Config, at_once: int, progress: Progress, store: Store, tasks: Sequence[Task], results: dict[str, Result]
) -> None:
    passes = _Passes(config, store, progress, processes=1)

    def read(task: Task) -> None:
        results[task.mailbox] = passes.read(task)

    with ThreadPoolExecutor(at_once) as pool:
        try:
            list(pool.map(read, tasks))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            passes.stop()
            raise


# ------------------------------------------------------------------------------------------- in other processes


@dataclass(slots=True, eq=False)
class _Other:
    process: ForkProcess
    pipe: Connection
    in_hand: dict[str, Task] = field(default_factory=dict)

    def wanted(self) -> float:
        """Seconds for which its threads had a core or waited for one, since it began."""
        nanoseconds = 0
        with suppress(OSError):  # one has just ended
            for thread in Path(f"/proc/{self.process.pid}/task").iterdir():
                ran, waited, *_ = (thread / "schedstat").read_text().split()
                nanoseconds += int(ran) + int(waited)
        return nanoseconds / 1e9


class _Others:
    """Processes that are given mailboxes as they have time to spare, and tell of each saved batch and each end."""

    def __init__(self, config: Config, processes: int, threads: int, progress: Progress) -> None:
        self._threads = threads
        self._at_once = min(FEW, threads)
        self._looked_at = self._wanted = 0.0
        self._progress = progress
        self._others: list[_Other] = []
        for _ in range(processes):
            self._others.append(self._begun(config, processes))

    def _begun(self, config: Config, processes: int) -> _Other:
        from multiprocessing import get_context

        fork = get_context("fork")
        ours, theirs = fork.Pipe()
        inherited = [ours, *(other.pipe for other in self._others)]
        arguments = (config, theirs, inherited, self._threads, processes)
        process = fork.Process(target=_work, args=arguments, daemon=True)
        process.start()
        theirs.close()
        return _Other(process, ours)

    def read(self, store: Store, tasks: Sequence[Task], results: dict[str, Result]) -> None:
        from multiprocessing.connection import wait

        waiting = deque(tasks)
        try:
            # Ctrl-C comes between two messages: one that is lost on the way would be the result of a whole mailbox.
            with listening({signal.SIGINT}) as ctrl_c:
                self._begin(waiting)
                self._looked_at = time.monotonic()
                while busy := [other for other in self._others if other.in_hand]:
                    ready = wait([ctrl_c.fileno(), *(other.pipe for other in busy)], LOOK if waiting else None)
                    for other in busy:
                        if other.pipe in ready:
                            self._hear(other, results)
                    if ctrl_c.next(timedelta(0)) is not None:
                        raise KeyboardInterrupt
                    self._look()
                    self._hand_out(waiting)
        finally:
            self.leave(results)
        results.update((task.mailbox, _lost(task, "each process that read mailboxes died")) for task in waiting)

    def _look(self) -> None:
        """Let each have more mailboxes at once if they mostly wait for servers."""
        seconds = time.monotonic() - self._looked_at
        if seconds < LOOK:
            return
        before, self._wanted = self._wanted, sum(other.wanted() for other in self._others)
        if self._wanted - before < IDLE * seconds * len(self._others):
            self._at_once = min(2 * self._at_once, self._threads)
        self._looked_at += seconds

    def _begin(self, waiting: deque[Task]) -> None:
        """Give each process its first mailbox."""
        for number, other in enumerate(self._others):
            if number and waiting and waiting[0].registered.state.state is State.NEW:
                time.sleep(APART)
            if waiting:
                _give(other, waiting.popleft())

    def _hand_out(self, waiting: deque[Task]) -> None:
        while waiting and (free := [other for other in self._others if len(other.in_hand) < self._at_once]):
            _give(min(free, key=lambda each: len(each.in_hand)), waiting.popleft())

    def _hear(self, other: _Other, results: dict[str, Result]) -> bool:
        """Take in one message; False at the end of the process."""
        try:
            told: Saved | Result = other.pipe.recv()
        except (EOFError, OSError):
            if other in self._others:
                self._others.remove(other)
            other.process.join()
            reason = f"the process that read it died ({_end(other.process.exitcode or 0)})"
            results.update((name, _lost(task, reason)) for name, task in other.in_hand.items())
            return False
        if isinstance(told, Result):
            del other.in_hand[told.mailbox]
            results[told.mailbox] = told
        else:
            self._progress(told)
        return True

    def leave(self, results: dict[str, Result]) -> None:
        """Let each end after the batches that it has in hand, and wait for that. A second Ctrl-C does not wait."""
        others, self._others = self._others, []
        try:
            for other in others:
                with suppress(OSError):
                    other.pipe.send(None)
            for other in others:
                while self._hear(other, results):
                    pass
        finally:
            for other in others:
                other.process.kill()
                other.process.join()
                other.pipe.close()


def _give(other: _Other, task: Task) -> None:
    other.in_hand[task.mailbox] = task
    with suppress(OSError):  # it is dead, as will be heard in a moment
        other.pipe.send(task)


def _lost(task: Task, reason: str) -> Result:
    """The result of a mailbox whose pass nobody can tell of."""
    failed = Failure(state=State.RETRYING, error=reason, cure="journalctl --dmesg --grep 'Out of memory'")
    outcome = Outcome(failure=failed)
    now = _now()
    state = next_state(begun(task.registered.state, now), outcome, now, jitter=random.random())
    return Result(task.mailbox, state, outcome, Health(task.registered.id, state, None, ()))


def _end(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _work(config: Config, pipe: Connection, inherited: Iterable[Connection], threads: int, processes: int) -> None:
    """What such a process, one of `processes`, does: read what it is given until there is a None."""
    # Ctrl-C comes to all processes of a terminal; who began this one passes it on. To ignore it would be inherited by
    # the commands that give secrets.
    signal.signal(signal.SIGINT, lambda *_: None)
    for each in inherited:  # open here, they would hide from the others that who began them is gone
        each.close()
    for kind in {each.kind for each in config.mailboxes}:  # meanwhile who began this one opens the store
        KINDS[kind].load()
    telling = Lock()

    def tell(message: Saved | Result) -> None:
        with telling:
            pipe.send(message)

    def read(passes: _Passes, task: Task) -> None:
        try:
            tell(passes.read(task))
        except Exception:
            log.exception("reading_broke")
            os._exit(1)

    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(threads))
        passes: _Passes | None = None
        while (task := _next(pipe)) is not None:
            if passes is None:
                store = stack.enter_context(closing(open_store(store_url(config), store_key(config))))
                passes = _Passes(config, store, tell, processes)
            pool.submit(read, passes, task)
        if passes is not None:
            passes.stop()
        pool.shutdown(cancel_futures=True)


def _next(pipe: Connection) -> Task | None:
    try:
        task: Task | None = pipe.recv()
    except EOFError:
        os._exit(1)
    return task


def _now() -> datetime:
    return datetime.now(UTC)
