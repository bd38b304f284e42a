"""One pass over every stream of one mailbox: what fails in one stream does not stop the others.

Live streams come first and are read to their end; then those whose first pass is not over get a slice of time each, so
that new mail never waits behind old mail, and no mailbox keeps a worker for hours.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zlib import crc32

from connectors.base import Account, Stream
from store import health
from store.health import StreamRow
from store.writer import Store
from syncd.audit import audit
from syncd.errors import SyncError
from syncd.ledger import Mark
from syncd.logs import about, fields, place
from syncd.model import Batch, Policy
from syncd.states import (
    Audited,
    Failure,
    Outcome,
    Pace,
    State,
    StreamOutcome,
    failure,
    next_stream,
    reconciliation_due,
)
from syncd.sync import Pass

log = logging.getLogger(__name__)

StreamRows = Mapping[str, StreamRow]


class Poll(NamedTuple):
    """All that one pass over one mailbox needs."""

    mailbox_id: int
    mailbox: str
    """The name that the admin gave it, for cures."""
    account: Account
    store: Store
    policy: Policy
    now: Callable[[], datetime]
    jitter: Callable[[], float]
    should_stop: Callable[[], bool]
    """Asked between batches and streams, which also shows that the pass is alive."""
    progress: Callable[[str, Batch], None]
    slice: timedelta
    """After so long a stream makes room for the next one, at a batch boundary."""


def poll(one: Poll, known: StreamRows) -> tuple[Outcome, StreamRows]:
    """Read all that is new; returns what it came to, and how each stream is doing now. Raises nothing."""
    rows: dict[str, StreamRow] = dict(known)
    found: list[Stream] = []
    marks: dict[int, Mark] = {}

    def sign_in() -> None:
        found.extend(one.account.streams())
        rows.update(_registered(one, found, known))
        marks.update(one.store.marks((rows[stream.name].id for stream in found if not stream.excluded), one.now()))

    failed = _attempt(one, sign_in)
    if failed is not None:
        return Outcome(failure=failed), known
    live, backfilling = _ordered(found, rows)
    outcomes = _follow(one, live, rows, marks)
    if _ends_the_pass(outcomes) is None:
        outcomes += _follow(one, backfilling, rows, marks, until=time.monotonic() + one.slice.total_seconds())
    outcome = Outcome(streams=tuple(outcomes), failure=_ends_the_pass(outcomes) or _all_failed(outcomes))
    return outcome, _without_waits(rows, outcomes) if outcome.failure else rows


def _registered(one: Poll, found: Sequence[Stream], known: StreamRows) -> StreamRows:
    """The rows of what the server has; the store is asked only when that changed."""
    seen = {stream.name: (stream.kind, stream.excluded) for stream in found}
    if seen == {row.name: (row.kind, row.excluded) for row in known.values() if row.excluded != health.GONE}:
        return known
    rows = health.register_streams(one.store.engine, one.mailbox_id, [(name, *rest) for name, rest in seen.items()])
    return {name: row._replace(state=known[name].state) if name in known else row for name, row in rows.items()}


def _ordered(found: Sequence[Stream], rows: StreamRows) -> tuple[list[Stream], list[Stream]]:
    """Live ones and those that are still backfilling; what failed last time comes last, so that it holds up nobody."""
    read = [stream for stream in found if not stream.excluded]
    read.sort(key=lambda stream: rows[stream.name].state.failure is not None)
    live = [stream for stream in read if rows[stream.name].state.backfilled_at]
    return live, [stream for stream in read if not rows[stream.name].state.backfilled_at]


def _follow(
    one: Poll,
    streams: Sequence[Stream],
    rows: dict[str, StreamRow],
    marks: Mapping[int, Mark],
    *,
    until: float = float("inf"),
) -> list[StreamOutcome]:
    outcomes: list[StreamOutcome] = []
    for number, stream in enumerate(streams):
        row = rows[stream.name]
        if one.should_stop() or (number and time.monotonic() >= until):
            outcomes.append(StreamOutcome(name=stream.name, kind=stream.kind, finished=False))
            continue
        if row.state.pace.wait(one.now()):
            failed = row.state.failure
            outcomes.append(StreamOutcome(name=stream.name, kind=stream.kind, finished=False, failure=failed))
            continue
        with about(stream=stream.name):
            # One in each pass at most: the comparisons of many folders are spread over as many passes.
            due = not any(each.reconciled for each in outcomes) and _is_due(row, one.now())
            outcome = _pass(one, stream, row, marks[row.id], due=due)
            rows[stream.name] = row._replace(state=next_stream(row.state, outcome, one.now(), jitter=one.jitter()))
            _tell(row, outcome)
        outcomes.append(outcome)
        if _ends_the_pass(outcomes) is not None:
            break
    return outcomes


def _is_due(row: StreamRow, now: datetime) -> bool:
    return reconciliation_due(row.state, now, share=crc32(f"{row.id}".encode()) / 2**32)


def _ends_the_pass(outcomes: Sequence[StreamOutcome]) -> Failure | None:
    """A failure that is the whole account's, by what it is or because two streams in a row had it."""
    tried = [outcome.failure for outcome in outcomes if outcome.tried]
    if not tried or (last := tried[-1]) is None:
        return None
    if last.state in {State.REAUTH_NEEDED, State.THROTTLED}:
        return last
    return last if len(tried) > 1 and all(map(_passes, tried[-2:])) else None


def _all_failed(outcomes: Sequence[StreamOutcome]) -> Failure | None:
    """Of an account with one stream, that stream's failure is the account's."""
    tried = [outcome.failure for outcome in outcomes if outcome.tried]
    return tried[-1] if tried and all(map(_passes, tried)) else None


def _passes(failed: Failure | None) -> bool:
    return failed is not None and failed.state is State.RETRYING


def _without_waits(rows: StreamRows, outcomes: Sequence[StreamOutcome]) -> StreamRows:
    """When the account waits, its streams need not wait by themselves after that."""
    failed = {
        outcome.name for outcome in outcomes if outcome.failure and outcome.failure.state is not State.MISCONFIGURED
    }
    return {
        name: row._replace(state=row.state._replace(pace=Pace())) if name in failed else row
        for name, row in rows.items()
    }


def _pass(one: Poll, stream: Stream, row: StreamRow, mark: Mark, *, due: bool) -> StreamOutcome:
    """`due`: that it is compared with all that the server holds."""
    began = time.monotonic()
    cut = False

    def should_stop() -> bool:
        nonlocal cut
        cut = one.should_stop() or time.monotonic() - began > one.slice.total_seconds()
        return cut

    def progress(batch: Batch) -> None:
        one.progress(stream.name, batch)

    its = (stream, row.id, one.store, one.policy, one.now, should_stop, progress)
    read, compared = Pass(*its, mark), Pass(*its)
    audited: Audited | None = None

    def work() -> None:
        nonlocal audited
        read.run()
        if due and not cut:
            audited = audit(compared)

    failed = _attempt(one, work)
    counts = read.by_rule + compared.by_rule
    if read.doubted:
        log.warning("removals_doubted", extra=fields(removals=read.doubted))
    return StreamOutcome(
        name=stream.name,
        kind=stream.kind,
        batches=read.batches + compared.batches,
        removed=read.removed,
        counts={(verdict.value, rule): number for (verdict, rule), number in counts.items()},
        seconds=time.monotonic() - began,
        tried=True,
        finished=failed is None and not cut,
        reconciled=due and failed is None and not cut,
        audited=None if failed or cut else audited,
        failure=failed,
    )


def _attempt(one: Poll, work: Callable[[], object]) -> Failure | None:
    """The one place where an error ends: it becomes a value, and so the other streams and mailboxes go on."""
    try:
        work()
    except SyncError as error:
        return failure(error, one.mailbox)
    except MemoryError:
        cure = "allow it more (MemoryMax of the unit), or fewer mailboxes at once (daemon.workers)"
        return Failure(state=State.RETRYING, error="there was not enough memory", cure=cure)
    except Exception as error:
        log.exception("pass_broke")
        log.debug("pass_broke", exc_info=error)
        cure = "this is a fault of syncd: please report it, with this text"
        return Failure(state=State.MISCONFIGURED, error=f"internal error: {place(error)}", cure=cure)
    return None


def _tell(before: StreamRow, outcome: StreamOutcome) -> None:
    """One event for each pass that did something, and one for each change of a stream's state."""
    level = logging.INFO if outcome.seen or outcome.batches else logging.DEBUG
    totals = {"logged": 0, "skipped": 0, "pending": 0, "quarantined": 0}
    for (verdict, _), number in outcome.counts.items():
        totals[verdict] += number
    event = "pass_failed" if outcome.failure else "pass_finished" if outcome.finished else "pass_cut_short"
    counts = {name: number for name, number in totals.items() if number}
    extra = fields(**counts, removed=outcome.removed, batches=outcome.batches, ms=int(outcome.seconds * 1000))
    log.log(level, event, extra=extra)
    _tell_gap(before.state.audited, outcome.audited)
    was, now = before.state.failure, outcome.failure
    if now is not None and (was is None or was.state is not now.state):
        log.info("stream_failed", extra=fields(state=now.state, error=now.error, cure=now.cure))
    elif was is not None and now is None and outcome.finished:
        log.info("stream_recovered", extra=fields(was=was.state))


def _tell_gap(before: Audited | None, now: Audited | None) -> None:
    """What was found missing, each time; what cannot be had, once."""
    if now is None:
        return
    known = before.missing if before else 0
    if now.missing > known or now.found > now.missing:
        log.warning("gap_found", extra=fields(missing=now.found, filled=now.found - now.missing, held=now.held))
    elif known and not now.missing:
        log.info("gap_closed", extra=fields(held=now.held))
