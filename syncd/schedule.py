"""When work is done: named pieces of work on a pool of threads, each followed by a wait that it chooses itself.

APScheduler keeps the time. Work that should run again soon is moved forward when it ends; the longest interval is only
the net beneath it.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Condition
from typing import TypeAlias

from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_EXECUTED,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_SUBMITTED,
    JobExecutionEvent,
    JobSubmissionEvent,
)
from apscheduler.executors.debug import DebugExecutor
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from syncd.states import JITTER

BEAT = timedelta(seconds=5)
SILENT = timedelta(seconds=60)
"""A scheduler that did not beat for so long stands."""
STUCK = timedelta(minutes=10)
"""Work without any progress for so long is stuck: each call of a connector gives up long before."""

_OFF = timedelta(minutes=1)
"""So much later or sooner than it should run next is by a clock that was set."""

_BEAT = "beat"

Alive: TypeAlias = Callable[[], None]
Work: TypeAlias = Callable[[Alive], timedelta]
"""Does one run, calls its argument whenever it got on, and returns how long to wait for the next."""


class _Again(BaseTrigger):  # type: ignore[misc]
    """So long after the last run. APScheduler's own trigger counts from when that was due: once a clock is a year ahead
    it works out every time that was missed, six million of them for each beat."""

    def __init__(self, wait: timedelta, *, jitter: float = 0.0) -> None:
        self._wait = wait
        self._jitter = jitter

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        return now + self._wait * (1 + random.uniform(0, self._jitter))


class Schedule:
    """Each name runs once at a time, whatever happens to it meanwhile."""

    def __init__(self, workers: int, *, longest: timedelta, clock: Callable[[], float] = time.monotonic) -> None:
        self._workers = workers
        self._clock = clock
        self._longest = longest
        self._works: dict[str, tuple[Work, datetime]] = {}
        """With the time before which the first run must not come."""
        self._due: dict[str, float] = {}
        """When each is to run next, by a clock that nobody sets."""
        self._running: dict[str, float] = {}
        self._handed: Counter[str] = Counter()
        """Runs that the pool was given and that have not ended: they run, or wait for a worker."""
        self._wanted: set[str] = set()
        self._changed = Condition()
        self._stopping = False
        self._beaten_at = self._clock()
        pool = ThreadPoolExecutor(workers, {"thread_name_prefix": "work"})
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            # The second runs work in the scheduler's own thread: a beat from there proves that it turns.
            executors={"default": pool, _BEAT: DebugExecutor()},
            # Without a limit on lateness: a run that is late is still wanted (APScheduler drops it after a second).
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._scheduler.add_listener(self._submitted, EVENT_JOB_SUBMITTED)
        self._scheduler.add_listener(self._ended, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
        self._scheduler.add_listener(self._passed_over, EVENT_JOB_MAX_INSTANCES)

    def start(self) -> None:
        self._scheduler.add_job(self._beat, _Again(BEAT), id=_BEAT, executor=_BEAT)
        self._scheduler.start()

    def put(self, name: str, work: Work, *, first: timedelta) -> None:
        """Add this work, or put it in the place of what has the name: a run of that ends first."""
        due = datetime.now(UTC) + first
        self._works[name] = work, due
        self._due[name] = self._clock() + first.total_seconds()
        net = _Again(self._longest, jitter=JITTER)
        self._scheduler.add_job(self._run, net, (name,), id=name, next_run_time=due, replace_existing=True)

    def remove(self, name: str) -> None:
        self._works.pop(name, None)
        self._due.pop(name, None)
        with suppress(JobLookupError):
            self._scheduler.remove_job(name)

    def hasten(self, name: str) -> None:
        """Run it now; if it runs already, once more as soon as that ends."""
        self._move(name, timedelta(0))

    def _move(self, name: str, wait: timedelta) -> None:
        with suppress(JobLookupError):  # a reload may have removed it
            self._scheduler.modify_job(name, next_run_time=datetime.now(UTC) + wait)
            self._due[name] = self._clock() + wait.total_seconds()

    def follow_the_clock(self) -> None:
        """If it was set, what was to come in a minute still comes in a minute, whether that was said before or since.

        To be called every few seconds: a clock that was set ahead and back between two calls shows only in what was
        put off meanwhile.
        """
        for job in self._scheduler.get_jobs():
            if self._handed[job.id] > 0:
                continue  # it says itself when it is to run again
            left = self._due.get(job.id, self._clock()) - self._clock()
            due = datetime.now(UTC) + timedelta(seconds=max(0.0, left))
            if job.next_run_time is not None and abs(job.next_run_time - due) > _OFF:
                with suppress(JobLookupError):
                    self._scheduler.modify_job(job.id, next_run_time=due)

    def next_run(self, name: str) -> datetime | None:
        job = self._scheduler.get_job(name)
        due: datetime | None = job.next_run_time if job is not None else None
        return due

    def stalled(self) -> bool:
        """The scheduler stands, or all that could work is stuck."""
        now = self._clock()
        with self._changed:
            stuck = sum(now - progressed > STUCK.total_seconds() for progressed in self._running.values())
        return now - self._beaten_at > SILENT.total_seconds() or 0 < min(self._workers, len(self._works)) <= stuck

    def stop(self) -> None:
        """Begin no run any more; returns at once. APScheduler's own waiting shutdown locks up with work that ends."""
        self._stopping = True
        if self._scheduler.running:
            self._scheduler.pause()
            self._scheduler.shutdown(wait=False)

    def idle(self, within: timedelta) -> bool:
        """Wait until no work runs, for so long at most."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, within.total_seconds())

    def _beat(self) -> None:
        self._beaten_at = self._clock()

    def _run(self, name: str) -> tuple[Work, timedelta] | None:
        # This waits until APScheduler has noted that the run began. One that ended sooner would never be followed by
        # the next: its end would be handled first, and then be overwritten.
        net = self.next_run(name)
        found = self._works.get(name)
        if found is None or net is None or self._stopping:
            return None
        work, _ = found
        left = min(net - datetime.now(UTC), self._longest * (1 + JITTER))
        self._due[name] = self._clock() + left.total_seconds()
        self._progressed(name)
        return work, work(partial(self._progressed, name))

    def _submitted(self, event: JobSubmissionEvent) -> None:
        """Told after the run was handed over, which may have ended by then: hence a number, and no set."""
        if event.job_id != _BEAT:
            with self._changed:
                self._handed[event.job_id] += 1

    def _ended(self, event: JobExecutionEvent) -> None:
        """APScheduler has just counted the run as ended: only from now on can the next one begin."""
        if event.job_id == _BEAT:
            return  # told in the scheduler's thread, which may wait for no other here
        with self._changed:
            self._handed[event.job_id] -= 1
            if self._running.pop(event.job_id, None) is None:
                return
            self._changed.notify_all()
            ended: tuple[Work, timedelta] | None = event.retval
            if (wait := self._after(event.job_id, ended)) is not None:
                self._move(event.job_id, wait)

    def _after(self, name: str, ended: tuple[Work, timedelta] | None) -> timedelta | None:
        """How long until the next run; None leaves it where the longest interval has it."""
        wanted = name in self._wanted
        self._wanted.discard(name)
        work, due = self._works.get(name, (None, datetime.now(UTC)))
        if ended is not None and work is not ended[0]:
            return max(timedelta(0), due - datetime.now(UTC))
        if wanted:
            return timedelta(0)
        if ended is None or abs(ended[1] - self._longest) <= JITTER * self._longest:
            return None  # moving it would wake the scheduler for nothing
        return ended[1]

    def _passed_over(self, event: JobExecutionEvent) -> None:
        """A run fell due while one was in hand, and APScheduler dropped it."""
        with self._changed:
            if event.job_id in self._running:
                self._wanted.add(event.job_id)
            elif self._handed[event.job_id] <= 0:  # else it waits for a worker, and will run
                self._move(event.job_id, timedelta(0))

    def _progressed(self, name: str) -> None:
        with self._changed:
            self._running[name] = self._clock()
