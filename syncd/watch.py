"""One mailbox in the daemon, between its passes and during them: its account, its state, and what of it is saved."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from connectors.base import Account, Granted
from store import health, inventory
from store.health import Health, Registered, StreamRow
from store.inventory import Finding
from store.vault import Vault
from store.writer import Store
from syncd.config import Mailbox
from syncd.errors import SyncError
from syncd.folders import tell_missing
from syncd.logs import about, fields
from syncd.model import Batch, Policy
from syncd.opening import account
from syncd.poll import Poll, StreamRows, poll
from syncd.states import (
    AWAITS_A_PERSON,
    JITTER,
    STANDS_STILL,
    MailboxState,
    Outcome,
    begun,
    next_interval,
    next_state,
    paused,
    touched,
)
from syncd.suspicions import FLOW, suspicions

if TYPE_CHECKING:  # a pass without a daemon needs no scheduler
    from syncd.schedule import Alive

log = logging.getLogger(__name__)

RIGHTS = "rights"
"""The kind of a finding that a provider's grant warns of; a second one has a number behind it."""

SLICE = timedelta(seconds=30)
SAVE_SUCCESS = timedelta(minutes=10)
"""How old the last success of a stream may become in the store, as long as nothing else changed of it."""

_SAVING = Lock()


class Saved(NamedTuple):
    """Of one saved batch, what shows how a pass gets on."""

    mailbox: str
    stream: str
    items: int
    remaining: int
    """How many are still to come in this pass, as far as is known."""


Progress = Callable[[Saved], None]


class Manner(NamedTuple):
    """How the daemon goes about every mailbox."""

    shortest: timedelta
    longest: timedelta
    slice: timedelta = SLICE
    progress: Progress = lambda saved: None
    observe: Callable[[Outcome], None] = lambda outcome: None
    processes: int = 1
    """That go about mailboxes at the same time."""


@dataclass(slots=True)
class Watch:
    mailbox: Mailbox
    store: Store
    policy: Policy
    manner: Manner
    id: int
    state: MailboxState
    account: Account
    rows: StreamRows | None = None
    """None until its first pass: a thousand mailboxes are not read at the start."""
    next_run_at: datetime | None = None
    stopping: bool = False
    """Set from outside: the pass in hand ends at its next batch."""
    _interval: timedelta = timedelta(0)
    _saved: dict[str, StreamRow] = field(default_factory=dict)
    _dirty: bool = True
    _compared: bool = False
    """Whether the folders that the configuration names were looked for on the server."""
    _touched: bool = False
    """Carried out by the next pass: one in hand ends by saying how each stream is, and would undo it."""
    _busy: Lock = field(default_factory=Lock)

    # ------------------------------------------------------------------------------------------ in a worker's thread

    def run(self, alive: Alive = lambda: None) -> timedelta:
        """Do one pass, never two at once; returns how long until the next."""
        with self._busy, about(mailbox=self.mailbox.name):
            if not self.stopping:
                outcome = self.pass_once(alive)
                self.next_run_at = _now() + (wait := self._wait(outcome))
        if self.stopping:
            self._close_if_idle()
            return self.manner.longest
        return wait

    def pass_once(self, alive: Alive) -> Outcome:
        if self.rows is None:
            self.rows = health.streams(self.store.engine, self.id)
            self._saved = dict(self.rows)
        if self._touched:
            self._touched, self.state = False, touched(self.state)
            self.rows = {name: row._replace(state=touched(row.state)) for name, row in self.rows.items()}
        self._become(begun(self.state, _now()))
        outcome, self.rows = poll(self._poll(alive), self.rows)
        if outcome.failure is not None:
            # Nothing is known of the connection any more, and the server may have asked to be left alone.
            self._close()
        is_first = not self._compared and outcome.failure is None
        if is_first:
            self._compared = True
            tell_missing(self.mailbox, [name for name, row in self.rows.items() if row.excluded != health.GONE])
        self._become(next_state(self.state, outcome, _now(), jitter=random.random()))
        if is_first or any(stream.audited or stream.reconciled for stream in outcome.streams):
            with suppress(SyncError):  # a store that cannot be written tells of itself
                self._suspect(self.rows)
        self.manner.observe(outcome)
        return outcome

    def _suspect(self, rows: StreamRows) -> None:
        """With the first pass and each daily comparison, look for what no error tells; new findings are told once."""
        engine, name, now = self.store.engine, self.mailbox.name, _now()
        read = [row.name for row in rows.values() if not row.excluded and row.kind == "mail"]
        flow = inventory.flow(engine, self.id, now - FLOW)
        found = (*suspicions(flow, inventory.arrivals(engine, self.id), read, name, now), *self._rights())
        new, over = inventory.save_findings(engine, self.id, found, now)
        for each in new:
            extra = fields(stream=each.stream, kind=each.kind, found=each.error, cure=each.cure)
            log.warning("suspicion", extra=extra)
        for each in over:
            log.info("suspicion_over", extra=fields(stream=each.stream, kind=each.kind))

    def _rights(self) -> Iterable[Finding]:
        """What the provider grants beyond what is needed, or not for long; if it cannot be asked, what it was."""
        if not isinstance(self.account, Granted):
            return ()
        try:
            warnings = self.account.grant().warnings
        except SyncError:
            before = inventory.findings(self.store.engine, self.mailbox.name).get(self.mailbox.name, ())
            return [each for each in before if each.kind.startswith(RIGHTS)]
        return [Finding("", f"{RIGHTS}{number or ''}", *warning) for number, warning in enumerate(warnings)]

    def missing(self) -> int:
        """How many items the server holds of which no decision is stored, by the last audit of each stream."""
        return sum(row.state.audited.missing for row in list((self.rows or {}).values()) if row.state.audited)

    def _poll(self, alive: Alive) -> Poll:
        def should_stop() -> bool:
            alive()
            return self.stopping

        def progress(stream: str, batch: Batch) -> None:
            self.manner.progress(Saved(self.mailbox.name, stream, len(batch.items), batch.remaining or 0))

        return Poll(
            mailbox_id=self.id,
            mailbox=self.mailbox.name,
            account=self.account,
            store=self.store,
            policy=self.policy,
            now=_now,
            jitter=random.random,
            should_stop=should_stop,
            progress=progress,
            slice=self.manner.slice,
        )

    def _become(self, state: MailboxState) -> None:
        """Take the new state, and write it down at once where forgetting it would hurt: a change, or a wait."""
        before, self.state, self._dirty = self.state, state, True
        if state.state is not before.state or state.pace != before.pace:
            save([self])
        if state.state is not before.state:
            level = logging.WARNING if state.state in STANDS_STILL else logging.INFO
            extra = fields(was=before.state, now=state.state, error=state.error, cure=state.cure)
            log.log(level, "mailbox_state_changed", extra=extra)

    def _wait(self, outcome: Outcome) -> timedelta:
        if wait := self.state.pace.wait(_now()):
            return wait
        if outcome.cut_short and outcome.progressed:
            return timedelta(0)
        self._interval = next_interval(
            self._interval, busy=outcome.seen > 0, shortest=self.manner.shortest, longest=self.manner.longest
        )
        return self._interval * random.uniform(1 - JITTER, 1 + JITTER)

    # ------------------------------------------------------------------------------------------------- from outside

    def pause(self) -> None:
        self._become(paused(self.state, _now()))

    def touch(self) -> bool:
        """A person did something: the next pass tries what waits for one. False if nothing does."""
        states = {self.state.state, *(row.state.state for row in list((self.rows or {}).values()))}
        # What the pass in hand will come to was tried before.
        self._touched = self._busy.locked() or not AWAITS_A_PERSON.isdisjoint(states)
        return self._touched

    def stop(self) -> None:
        """End at the next batch, and close the account once no pass uses it."""
        self.stopping = True
        self._close_if_idle()

    def unsaved(self) -> Health | None:
        """What is to be written down, None if nothing; `saved` tells that it was."""
        if not self._dirty:
            return None
        self._dirty = False
        rows = [row for name, row in (self.rows or {}).items() if _differs(self._saved.get(name), row)]
        return Health(self.id, self.state, self.next_run_at, rows)

    def saved(self, written: Health | None) -> None:
        if written is None:
            self._dirty = True
        else:
            self._saved.update({row.name: row for row in written.streams})

    def _close_if_idle(self) -> None:
        """Whoever ends last closes: the pass that saw `stopping`, or the one who set it and found no pass."""
        if self._busy.acquire(blocking=False):
            try:
                self._close()
            finally:
                self._busy.release()

    def _close(self) -> None:
        with suppress(SyncError):
            self.account.close()


def save(watches: Iterable[Watch]) -> None:
    """Write down, in one transaction, how these are doing. What fails now is tried again with the next."""
    # From the look at a state until it is written: else the daemon's round could write an `ok` that it had looked at
    # over the `reauth_needed` that a worker wrote meanwhile, and nobody would correct it for an hour.
    with _SAVING:
        _save(watches)


def _save(watches: Iterable[Watch]) -> None:
    found = [(watch, written) for watch in watches if (written := watch.unsaved()) is not None]
    if not found:
        return
    try:
        health.save(found[0][0].store.engine, [written for _, written in found])
    except SyncError as error:
        log.warning("states_not_saved", extra=fields(error=str(error), cure=error.cure))
        for watch, _ in found:
            watch.saved(None)
        return
    for watch, written in found:
        watch.saved(written)


def watch(
    mailbox: Mailbox, registered: Registered, store: Store, policy: Policy, manner: Manner, vault: Vault
) -> Watch:
    """Nothing is opened yet: the account signs in at its first pass."""
    its = account(mailbox, vault.tokens(mailbox.name), _now, processes=manner.processes)
    return Watch(mailbox, store, policy, manner, registered.id, registered.state, its)


def _differs(saved: StreamRow | None, row: StreamRow) -> bool:
    """Whether the store should hear of it: of time alone that passed only now and then."""
    if saved is None:
        return True
    was, now = saved.state, row.state
    if was._replace(last_success_at=now.last_success_at, pace=now.pace) != now:
        return True
    return now.last_success_at != was.last_success_at and (
        was.last_success_at is None
        or now.last_success_at is None
        # Also of a clock that was set back: else what it said while it was ahead would stand there until that comes.
        or abs(now.last_success_at - was.last_success_at) >= SAVE_SUCCESS
    )


def _now() -> datetime:
    return datetime.now(UTC)
