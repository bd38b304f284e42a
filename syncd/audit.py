"""The audit: what the server holds within the window is what was decided on, by ids, and a gap is filled by itself.

An item is accounted for when its sighting is stored, with whatever verdict, and an activity stands behind what is said
to be logged; of a calendar's object, behind each of its parts. What came since the last pass is no gap: it is read
first, as any new mail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from connectors.base import Stream
from store import inventory
from store.inventory import Finding, Place
from store.vault import Vault
from store.writer import Store
from syncd.config import Mailbox
from syncd.errors import CursorExpired, SyncError
from syncd.model import Cursor, ItemId, Verdict
from syncd.opening import account
from syncd.states import Audited
from syncd.sync import Pass

_COUNTED = ""
"""In the place of the verdict on an item that the server has listed: a server may list one twice."""


class Comparison(NamedTuple):
    """What the server holds within the window; of what is accounted for only numbers, as it may be a million ids."""

    held: int
    counts: Mapping[str, int]
    """Verdict -> how many of them."""
    missing: frozenset[ItemId]


def compare(stream: Stream, stream_id: int, store: Store) -> Comparison:
    """The store is read first: what is decided meanwhile is then not taken for missing."""
    known = inventory.verdicts(store.engine, stream_id)
    counts: Counter[str] = Counter()
    missing: set[ItemId] = set()
    for item in stream.inventory():
        if (verdict := known.get(item)) is None:
            missing.add(item)
        elif verdict != _COUNTED:
            counts[verdict] += 1
            known[item] = _COUNTED
    return Comparison(counts.total() + len(missing), counts, frozenset(missing))


def audit(one: Pass) -> Audited:
    """Compare, and read what is missing; raises the four SyncErrors. `one` must not have run yet."""
    if inventory.is_hollow(one.store.engine, one.stream_id):
        inventory.forget_hollow(one.store.engine, one.stream_id)
    found = compare(one.stream, one.stream_id, one.store)
    if not found.missing:
        return Audited(found.held, 0)
    one.run()
    gap = _still(found, one)
    if not gap:
        return Audited(found.held, 0)
    inventory.forget_hollow(one.store.engine, one.stream_id)
    one.reconcile()
    after = compare(one.stream, one.stream_id, one.store)
    return Audited(after.held, len(after.missing & gap), len(gap))


def _still(found: Comparison, one: Pass) -> frozenset[ItemId]:
    return found.missing - inventory.verdicts(one.store.engine, one.stream_id).keys()


# ------------------------------------------------------------------------------------------------ for who asks now


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamAudit:
    """One stream by its ids. `held` is the sum of the next four, of `coming` and of `missing`."""

    name: str
    held: int = 0
    logged: int = 0
    skipped: int = 0
    pending: int = 0
    quarantined: int = 0
    coming: int = 0
    """What the next pass reads: it is new, or the first pass is not over."""
    missing: tuple[ItemId, ...] = ()
    """What no pass would read: the gap."""
    not_audited: str = ""
    """Why there are no numbers: it is not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxAudit:
    name: str
    streams: tuple[StreamAudit, ...] = ()
    findings: tuple[Finding, ...] = ()
    error: str = ""
    cure: str = ""

    @property
    def ok(self) -> bool:
        return not self.error and not any(stream.missing for stream in self.streams)


def audit_mailbox(mailbox: Mailbox, store: Store, vault: Vault, now: datetime) -> MailboxAudit:
    """Compare every stream, and write nothing; it may run beside the daemon. Raises nothing that a server can cause."""
    known = inventory.places(store.engine, mailbox.name)
    done: list[StreamAudit] = []
    one = account(mailbox, vault.tokens(mailbox.name), lambda: now)
    try:
        for stream in one.streams():
            done.append(_audited(stream, known.get(stream.name), store))
    except SyncError as error:
        return MailboxAudit(name=mailbox.name, streams=tuple(done), error=str(error), cure=error.cure_for(mailbox.name))
    finally:
        one.close()
    found = inventory.findings(store.engine, mailbox.name).get(mailbox.name, ())
    return MailboxAudit(name=mailbox.name, streams=tuple(done), findings=found)


def _audited(stream: Stream, place: Place | None, store: Store) -> StreamAudit:
    if stream.excluded:
        return StreamAudit(name=stream.name, not_audited=stream.excluded)
    if place is None:
        held = sum(1 for _ in stream.inventory())
        return StreamAudit(name=stream.name, held=held, coming=held)
    found = compare(stream, place.stream_id, store)
    coming = _coming(stream, place.cursor, found.missing) if place.complete else found.missing
    return StreamAudit(
        name=stream.name,
        held=found.held,
        logged=found.counts.get(Verdict.LOGGED, 0),
        skipped=found.counts.get(Verdict.SKIPPED, 0),
        pending=found.counts.get(Verdict.PENDING, 0),
        quarantined=found.counts.get(Verdict.QUARANTINED, 0),
        coming=len(coming),
        missing=tuple(sorted(found.missing - coming)),
    )


def _coming(stream: Stream, cursor: Cursor | None, missing: frozenset[ItemId]) -> frozenset[ItemId]:
    """Those of them that the next pass would read anyway."""
    coming: set[ItemId] = set()
    try:
        for batch in stream.changes(cursor) if missing else ():
            coming.update(item.id for item in batch.items)
            coming.update(batch.versions or ())
            if missing <= coming:
                break
    except CursorExpired:
        return missing  # all of the window is read again
    return missing & coming
