"""When work is done: named pieces of work on a pool of threads, each followed by a wait that it chooses itself.

APScheduler keeps the time. Work that should run again soon is moved forward when it ends; the longest interval is only
the net beneath it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Condition
from typing import TypeAlias

from apscheduler.executors.debug import DebugExecutor
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

BEAT = timedelta(seconds=5)
SILENT = timedelta(seconds=60)
"""A scheduler that did not beat for so long stands."""
STUCK = timedelta(minutes=10)
"""Work without any progress for so long is stuck: each call of a connector gives up long before."""

Alive: TypeAlias = Callable[[], None]
Work: TypeAlias = Callable[[Alive], timedelta]
"""Does one run, calls its argument whenever it got on, and returns how long to wait for the next."""


class Schedule:
    """Each name runs once at a time, whatever happens to it meanwhile."""

    def __init__(self, workers: int, *, longest: timedelta) -> None:
        self._workers = workers
        self._longest = longest
        self._works: dict[str, Work] = {}
        self._running: dict[str, float] = {}
        self._changed = Condition()
        self._stopping = False
        self._beaten_at = time.monotonic()
        pool = ThreadPoolExecutor(workers, {"thread_name_prefix": "work"})
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            # The second runs work in the scheduler's own thread: a beat from there proves that it turns.
            executors={"default": pool, "beat": DebugExecutor()},
            # Without a limit on lateness: a run that is late is still wanted (APScheduler drops it after a second).
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def start(self) -> None:
        self._scheduler.add_job(self._beat, "interval", seconds=BEAT.total_seconds(), id="beat", executor="beat")
        self._scheduler.start()

    def put(self, name: str, work: Work, *, first: timedelta) -> None:
        """Add this work, or put it in the place of what has the name: a run of that ends first."""
        self._works[name] = work
        self._scheduler.add_job(
            self._run,
            "interval",
            (name,),
            seconds=self._longest.total_seconds(),
            id=name,
            next_run_time=datetime.now(UTC) + first,
            replace_existing=True,
        )

    def remove(self, name: str) -> None:
        self._works.pop(name, None)
        with suppress(JobLookupError):
            self._scheduler.remove_job(name)

    def hasten(self, name: str, wait: timedelta) -> None:
        """Make the next run come after `wait`."""
        with suppress(JobLookupError):  # a reload may have removed it
            self._scheduler.modify_job(name, next_run_time=datetime.now(UTC) + wait)

    def shift(self, jump: timedelta) -> None:
        """The clock was set: what was to come in a minute still comes in a minute."""
        for job in self._scheduler.get_jobs():
            due: datetime | None = job.next_run_time
            with suppress(JobLookupError):
                if due is not None:
                    self._scheduler.modify_job(job.id, next_run_time=due + jump)

    def next_run(self, name: str) -> datetime | None:
        job = self._scheduler.get_job(name)
        due: datetime | None = job.next_run_time if job is not None else None
        return due

    def stalled(self) -> bool:
        """The scheduler stands, or all that could work is stuck."""
        now = time.monotonic()
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
        self._beaten_at = time.monotonic()

    def _run(self, name: str) -> None:
        work = self._works.get(name)
        if work is None or self._stopping:
            return
        self._progressed(name)
        try:
            wait = work(partial(self._progressed, name))
        finally:
            with self._changed:
                del self._running[name]
                self._changed.notify_all()
        # What took its place was due while it ran, and so was passed over.
        self.hasten(name, wait if self._works.get(name) is work else timedelta(0))

    def _progressed(self, name: str) -> None:
        with self._changed:
            self._running[name] = time.monotonic()
