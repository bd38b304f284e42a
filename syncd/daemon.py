"""The daemon.

`run` returns when it was asked to stop. It raises ConfigError, StoreInUse, or Retryable when the store was lost, and
then whoever started it starts it again.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from signal import SIGHUP

from store import erasure, trail
from store.engine import hold
from store.occasions import settle, unsettle
from store.retention import expire
from store.writer import Store
from syncd import logs
from syncd.config import Config, load
from syncd.errors import ConfigError, Retryable, StoreInUse, SyncError
from syncd.health import Metrics, Snapshot, serve
from syncd.logs import fields
from syncd.membership import complete_if_possible
from syncd.notify import Notifier, notifier
from syncd.opening import opened, periods
from syncd.roster import Roster
from syncd.schedule import Alive, Schedule
from syncd.signals import STOP, Signals, listening
from syncd.upkeep import Upkeep

log = logging.getLogger(__name__)

TICK = timedelta(seconds=5)
SAVE = timedelta(minutes=1)
REKEY = timedelta(minutes=1)
"""How soon an address counts that the CRM wrote into the tables itself."""
MEMBERS = timedelta(days=1)
"""How soon who joins a registered domain is read, and who leaves it is not."""
SETTLE = timedelta(minutes=1)
"""How soon after its end a meeting is held."""
RETAIN, RETAIN_FIRST = timedelta(hours=6), timedelta(minutes=5)
"""How often what was kept long enough is taken out, and how soon after the start."""
EMPTY = timedelta(minutes=1)
"""How soon the database's log holds nothing more of what a copy that is private closed, say."""
GRACE = timedelta(seconds=20)
"""For passes to come to their next batch. One that is ended in the middle loses nothing either."""
JUMP = timedelta(seconds=5)


def run(path: Path) -> None:
    """Follow every mailbox of the configuration until a signal says to stop."""
    config = load(path)
    _set_up_logs(config)
    config = complete_if_possible(config)
    with ExitStack() as stack:
        signals = stack.enter_context(listening())
        store = stack.enter_context(opened(config))
        check = stack.enter_context(hold(store.engine))
        daemon = Daemon(config, store, notifier(os.environ))
        if config.daemon.listen:
            stack.enter_context(_answering(config.daemon.listen, daemon))
        daemon.start()
        try:
            daemon.serve(signals, check)
        except StoreInUse as error:
            daemon.stop(signals)
            raise Retryable(str(error), cure="start syncd again") from error
        if not daemon.stop(signals):
            # A thread that hangs in a network call would keep the process; every commit that counts is on the disk.
            logging.shutdown()
            os._exit(0)


class Daemon:
    def __init__(self, config: Config, store: Store, told: Notifier) -> None:
        self.metrics = Metrics()
        self._config = config
        self._store = store
        self._told = told
        self._schedule = Schedule(config.daemon.workers, longest=config.daemon.interval_max)
        self._roster = Roster(store, self._schedule, self.metrics.count)
        self._upkeep = Upkeep(config, store)
        self._began_at = _now()
        self._clock = _offset()
        self._was_ahead = True
        """The clock was set back and what it said before may be stored; of one that was set while no daemon ran, nobody
        told."""
        self._saved_at = time.monotonic()
        self._waits = False

    def start(self) -> None:
        self._roster.adopt(self._config)
        if self._upkeep.known():
            self._roster.begin()
        self._schedule.put("directory", self._keep_directory, first=timedelta(0))
        self._schedule.put("members", self._keep_members, first=timedelta(hours=1))
        self._schedule.put("retention", self._retain, first=RETAIN_FIRST)
        self._schedule.put("meetings", self._settle_meetings, first=timedelta(0))
        self._schedule.put("log", self._empty_log, first=EMPTY)
        self._schedule.start()
        self._told.ready()
        head = trail.head(self._store.engine)  # what comes last of it can only be proved by who noted that elsewhere
        log.info("started", extra=fields(mailboxes=len(self._config.mailboxes), pid=os.getpid(), trail=head))

    def serve(self, signals: Signals, check: Callable[[], None]) -> None:
        """Return when a signal to stop came; `check` raises StoreInUse when the store is no longer ours."""
        pause = min(TICK, (self._told.watchdog or TICK * 3) / 3)
        while (heard := signals.next(pause)) not in STOP:
            if heard == SIGHUP:
                self.reload()
            check()
            self._tick()

    def stop(self, signals: Signals) -> bool:
        """End every pass at its next batch; False if one did not end in time, or a second signal said not to wait."""
        self._told.stopping()
        self._schedule.stop()
        self._roster.stop()
        deadline = time.monotonic() + GRACE.total_seconds()
        while not self._schedule.idle(timedelta(milliseconds=100)):
            if time.monotonic() > deadline or signals.next(timedelta(0)) in STOP:
                log.warning("stopped_in_the_middle")
                return False
        self._roster.save()
        log.info("stopped")
        return True

    def reload(self) -> None:
        """Take over what changed in the file. One that cannot be used changes nothing."""
        self._told.reloading()
        try:
            config = complete_if_possible(load(self._config.path))
            if config.store != self._config.store:
                raise ConfigError(["[store] changed: that takes a restart"])
            self._roster.adopt(config)
            self._adopt(config)
            log.info("reloaded", extra=fields(mailboxes=len(config.mailboxes)))
        except ConfigError as error:
            log.error("reload_refused", extra=fields(problems="; ".join(error.problems)))
        except SyncError as error:
            log.error("reload_failed", extra=fields(error=str(error), cure=error.cure))
        finally:
            self._told.ready()

    def _adopt(self, config: Config) -> None:
        _set_up_logs(config)
        for setting in ("workers", "listen"):
            if getattr(config.daemon, setting) != getattr(self._config.daemon, setting):
                log.warning("restart_needed", extra=fields(setting=f"daemon.{setting}"))
        self._upkeep.adopt(config)
        self._schedule.hasten("directory")
        self._config = config

    def snapshot(self) -> Snapshot:
        behind = self._roster.furthest_behind() or self._began_at
        return Snapshot(
            states=self._roster.states(),
            stalled=self._schedule.stalled(),
            lag=max(timedelta(0), _now() - behind),
            missing=self._roster.missing(),
        )

    # ------------------------------------------------------------------------------------------------- the heartbeat

    def _tick(self) -> None:
        self._follow_the_clock()
        if self._schedule.stalled():
            log.error("stalled")
        else:
            self._told.alive()
        if time.monotonic() - self._saved_at >= SAVE.total_seconds():
            self._saved_at = time.monotonic()
            self._roster.save()
            states = sorted(self._roster.states().items())
            self._told.status(", ".join(f"{number} {state}" for state, number in states))

    def _follow_the_clock(self) -> None:
        """APScheduler goes by the clock on the wall: one that was set back a day would park everything for a day."""
        self._schedule.follow_the_clock()
        before, self._clock = self._clock, _offset()
        jump = timedelta(seconds=self._clock - before)
        if abs(jump) > JUMP:
            log.warning("clock_was_set", extra=fields(seconds=int(jump.total_seconds())))
            # A certificate that was not valid yet, or a token that was refused for its time, may be good now.
            self._roster.touch()
            self._was_ahead = self._was_ahead or jump < timedelta(0)
            self._schedule.hasten("meetings")

    def _keep_directory(self, alive: Alive) -> timedelta:
        """The very first passes wait for the contacts: without any, all mail would be that of strangers."""
        if self._upkeep.keep():
            self._roster.begin()
        elif not self._waits:
            log.warning("contacts_awaited", extra=fields(cure=f"syncd check --config {self._config.path}"))
            self._waits = True
        return REKEY

    def _keep_members(self, alive: Alive) -> timedelta:
        config = complete_if_possible(self._config)
        try:
            if config.mailboxes != self._config.mailboxes:
                self._roster.adopt(config)
                self._upkeep.adopt(config)  # who joined may have contacts that the directory takes
                self._config = config
        except SyncError as error:
            log.warning("members_not_followed", extra=fields(error=str(error), cure=error.cure))
        return MEMBERS

    def _retain(self, alive: Alive) -> timedelta:
        try:
            done = expire(self._store.engine, periods(self._config), _now())
        except SyncError as error:
            log.warning("retention_failed", extra=fields(error=str(error), cure=error.cure))
        else:
            if done:
                counts = fields(texts=done.texts, subjects=done.subjects, activities=done.activities)
                log.info("retention_done", extra=counts)
        return RETAIN

    def _settle_meetings(self, alive: Alive) -> timedelta:
        """That a meeting is over is news which no server sends, nor that it is not, once a clock is right again."""
        ahead, self._was_ahead = self._was_ahead, False
        try:
            if ahead:
                unsettle(self._store.engine, _now())
            settle(self._store.engine, _now())
        except SyncError as error:
            self._was_ahead = self._was_ahead or ahead
            log.warning("meetings_not_settled", extra=fields(error=str(error), cure=error.cure))
        return SETTLE

    def _empty_log(self, alive: Alive) -> timedelta:
        erasure.empty_log(self._store.engine)
        return EMPTY


# ----------------------------------------------------------------------------------------------------- the process


@contextmanager
def _answering(address: str, daemon: Daemon) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            port = stack.enter_context(serve(address, daemon.snapshot, daemon.metrics))
        except OSError as error:
            raise ConfigError([f"daemon.listen: {address} cannot be had: {error.strerror}"]) from error
        log.info("listening", extra=fields(address=address, port=port))
        yield


def _set_up_logs(config: Config) -> None:
    logs.set_up(form=config.daemon.log_format, level=config.daemon.log_level, journal="JOURNAL_STREAM" in os.environ)


def _now() -> datetime:
    return datetime.now(UTC)


def _offset() -> float:
    """Grows or shrinks only when the clock on the wall is set."""
    return time.time() - time.monotonic()
