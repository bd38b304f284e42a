"""How a mailbox is doing, and how long it waits: the values and the pure functions from which the daemon acts.

No clock and no chance in here: `now` and the jitter (a number of [0, 1)) are passed in.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from syncd.errors import CursorExpired, ReauthNeeded, Retryable, SyncError

BASE = timedelta(seconds=10)
CAP = timedelta(seconds=300)
LONGEST_RETRY_AFTER = timedelta(hours=1)
PROBE = timedelta(hours=1)
"""How often a mailbox that waits for a person is tried all the same: never switched off, never hammered."""
SHORTEST = timedelta(seconds=1)
JITTER = 0.25
"""Of each interval, so that mailboxes that began together part soon: of ten that ask Radicale at once for what takes it
32 ms, each waits 300, and all together half as long again as one after the other."""
RECONCILE = timedelta(days=1)
"""How often a stream is compared with all that the server holds, whatever the server said of changes."""
SPREAD = 0.25
"""The share of that by which streams come before each other, so that those that began together part."""


class State(enum.StrEnum):
    NEW = "new"
    BACKFILLING = "backfilling"
    OK = "ok"
    THROTTLED = "throttled"
    RETRYING = "retrying"
    REAUTH_NEEDED = "reauth_needed"
    MISCONFIGURED = "misconfigured"
    PAUSED = "paused"


AWAITS_A_PERSON = frozenset({State.REAUTH_NEEDED, State.MISCONFIGURED})
STANDS_STILL = AWAITS_A_PERSON | {State.THROTTLED, State.RETRYING}


class Pace(NamedTuple):
    """How often it failed in a row, and until when it waits.

    The delay is kept beside the instant, so that a clock that was set back never makes the wait longer than it was.
    """

    failures: int = 0
    not_before: datetime | None = None
    delay: timedelta = timedelta(0)

    def wait(self, now: datetime) -> timedelta:
        if self.not_before is None:
            return timedelta(0)
        return max(timedelta(0), min(self.not_before - now, self.delay))


class MailboxState(NamedTuple):
    state: State = State.NEW
    since: datetime | None = None
    error: str = ""
    cure: str = ""
    pace: Pace = Pace()
    """Of the account as a whole; a stream that alone fails has its own."""
    last_success_at: datetime | None = None
    """When every stream of it was last known to be up to date."""


class Failure(NamedTuple):
    """What is kept of an error: not the exception, which would hold on to all that was in its reach."""

    state: State
    error: str
    cure: str = ""
    retry_after: timedelta | None = None
    """The server's own wish, if it had one that makes sense."""


class Audited(NamedTuple):
    """How many items the server holds within the window, and of how many of them no decision is stored."""

    held: int
    missing: int
    found: int = 0
    """How many were missing before the gap was filled."""


class StreamState(NamedTuple):
    failure: Failure | None = None
    pace: Pace = Pace()
    last_success_at: datetime | None = None
    backfilled_at: datetime | None = None
    """When its window was first read to the end."""
    reconciled_at: datetime | None = None
    audited: Audited | None = None
    """What the last comparison came to, if the stream is one whose ids can be compared."""

    @property
    def state(self) -> State:
        if self.failure is not None:
            return self.failure.state
        return State.OK if self.backfilled_at else State.BACKFILLING


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOutcome:
    """What one pass over one stream came to. `finished` is False where it was cut short, or not begun."""

    name: str
    kind: str = "mail"
    batches: int = 0
    removed: int = 0
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """(verdict, rule) -> how many."""
    seconds: float = 0.0
    tried: bool = False
    """The server was asked; else its turn did not come, or it waits."""
    finished: bool = True
    reconciled: bool = False
    audited: Audited | None = None
    failure: Failure | None = None

    @property
    def seen(self) -> int:
        return sum(self.counts.values()) + self.removed


class Outcome(NamedTuple):
    """What one pass over one mailbox came to; `failure` is the account's own, that stopped the rest."""

    streams: tuple[StreamOutcome, ...] = ()
    failure: Failure | None = None

    @property
    def finished(self) -> bool:
        return self.failure is None and all(stream.finished and stream.failure is None for stream in self.streams)

    @property
    def cut_short(self) -> bool:
        """Nothing failed in some stream, and yet there is more to read in it."""
        return self.failure is None and any(not each.finished and each.failure is None for each in self.streams)

    @property
    def seen(self) -> int:
        return sum(stream.seen for stream in self.streams)

    @property
    def progressed(self) -> bool:
        """Something was saved, which proves more than a sign-in does."""
        return any(stream.batches for stream in self.streams)

    def worst(self) -> tuple[str, Failure] | None:
        """The failure to show, with the stream it is of ('' for the account)."""
        if self.failure is not None:
            return "", self.failure
        failed = [(stream.name, stream.failure) for stream in self.streams if stream.failure is not None]
        return min(failed, key=lambda pair: _GRAVEST_FIRST.index(pair[1].state), default=None)


_GRAVEST_FIRST = (State.REAUTH_NEEDED, State.MISCONFIGURED, State.THROTTLED, State.RETRYING)


def failure(error: SyncError, mailbox: str) -> Failure:
    """`mailbox` is the name that the admin gave it."""
    cure = error.cure_for(mailbox)
    match error:
        case ReauthNeeded():
            return Failure(state=State.REAUTH_NEEDED, error=str(error), cure=cure)
        case Retryable(retry_after=timedelta() as wish) if wish > timedelta(0):
            return Failure(state=State.THROTTLED, error=str(error), cure=cure, retry_after=wish)
        # A cursor that expires again as soon as it was made is the server's trouble, and passes.
        case Retryable() | CursorExpired():
            return Failure(state=State.RETRYING, error=str(error), cure=cure)
    return Failure(state=State.MISCONFIGURED, error=str(error), cure=cure)


def back_off(failures: int, wish: timedelta | None, jitter: float) -> timedelta:
    """Full jitter below a doubling ceiling; a server's own wish is kept to the second, but for an hour at most."""
    if wish is not None:
        return min(whole_seconds(wish), LONGEST_RETRY_AFTER)
    ceiling = min(CAP, BASE * 2 ** min(max(failures - 1, 0), 10))
    return max(SHORTEST, whole_seconds(ceiling * jitter))


def after_failure(previous: Pace, failed: Failure, *, progressed: bool, now: datetime, jitter: float) -> Pace:
    """Count the failure; what was saved before it proves that the ones before are over."""
    failures = 1 if progressed else previous.failures + 1
    delay = PROBE if failed.state in AWAITS_A_PERSON else back_off(failures, failed.retry_after, jitter)
    return Pace(failures=failures, not_before=_ceil(now + delay), delay=delay)


def next_state(previous: MailboxState, outcome: Outcome, now: datetime, *, jitter: float) -> MailboxState:
    """What the mailbox is after this pass.

    Only a finished pass over every stream makes it `ok`, and only that or saved batches set the back-off back: that a
    connection could be opened proves nothing.
    """
    worst = outcome.worst()
    if worst is not None:
        stream, failed = worst
        error = f"{stream}: {failed.error}" if stream else failed.error
        state = _in(previous, failed.state, now)._replace(error=error, cure=failed.cure)
        return state._replace(pace=_pace(previous.pace, outcome, now, jitter))
    if outcome.finished:
        return _in(previous, State.OK, now)._replace(error="", cure="", pace=Pace(), last_success_at=now)
    if previous.last_success_at is None and outcome.progressed:
        return _in(previous, State.BACKFILLING, now)._replace(error="", cure="", pace=Pace())
    return previous


def _pace(previous: Pace, outcome: Outcome, now: datetime, jitter: float) -> Pace:
    """The account waits only for its own failure; a stream that alone fails does not hold up the others."""
    if outcome.failure is None:
        return Pace()
    return after_failure(previous, outcome.failure, progressed=outcome.progressed, now=now, jitter=jitter)


def next_stream(previous: StreamState, outcome: StreamOutcome, now: datetime, *, jitter: float) -> StreamState:
    if outcome.failure is not None:
        pace = after_failure(previous.pace, outcome.failure, progressed=outcome.batches > 0, now=now, jitter=jitter)
        return previous._replace(failure=outcome.failure, pace=pace)
    if not outcome.finished:
        return previous._replace(failure=None, pace=Pace()) if outcome.batches else previous
    return StreamState(
        last_success_at=now,
        backfilled_at=previous.backfilled_at or now,
        # Reading the whole window is as good as a reconciliation.
        reconciled_at=now if outcome.reconciled or not previous.backfilled_at else previous.reconciled_at,
        audited=outcome.audited or previous.audited,
    )


def reconciliation_due(stream: StreamState, now: datetime, *, share: float = 0.0) -> bool:
    """`share` of [0, 1) is where the stream has its place among all: those of the end come a little sooner."""
    if stream.failure is not None or stream.reconciled_at is None:
        return False
    # One that is still to come was written by a clock that was wrong, which may not put it off for a year.
    return not timedelta(0) <= now - stream.reconciled_at < RECONCILE * (1 - SPREAD * share)


def begun(previous: MailboxState, now: datetime) -> MailboxState:
    """A mailbox whose first pass begins is backfilling from then on, not when the pass ends hours later."""
    return _in(previous, State.BACKFILLING, now) if previous.state in {State.NEW, State.PAUSED} else previous


def paused(previous: MailboxState, now: datetime) -> MailboxState:
    return _in(previous, State.PAUSED, now)._replace(error="", cure="", pace=Pace())


_Touched = TypeVar("_Touched", MailboxState, StreamState)


def touched(previous: _Touched) -> _Touched:
    """A person did something (a reload, a restart): what waits for a person need not wait for its next probe.

    What the server asked to wait for is waited for all the same.
    """
    return previous._replace(pace=Pace()) if previous.state in AWAITS_A_PERSON else previous


def _in(previous: MailboxState, state: State, now: datetime) -> MailboxState:
    return previous if previous.state is state else previous._replace(state=state, since=now)


def next_interval(previous: timedelta, *, busy: bool, shortest: timedelta, longest: timedelta) -> timedelta:
    """Busy mailboxes sooner, quiet ones later: at once to the shortest, by halves more to the longest."""
    if busy:
        return shortest
    return min(longest, max(shortest, previous * 1.5))


def whole_seconds(duration: timedelta) -> timedelta:
    """Rounded up: the store keeps whole seconds, and a wait may not become shorter by being written down."""
    return timedelta(seconds=math.ceil(duration.total_seconds()))


def _ceil(instant: datetime) -> datetime:
    return instant.replace(microsecond=0) + timedelta(seconds=bool(instant.microsecond))
