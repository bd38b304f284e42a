"""The ledger's side of a plan: which sightings are new, which change, and which have left."""

from __future__ import annotations

from dataclasses import dataclass, field

from syncd.ledger import Failed, Nothing, Plan, SightingRow, Stored, StoredSighting
from syncd.model import ItemId, Verdict

# Python 3.11 calls a function for each look at an enum's member or value.
_SETTLED = (Verdict.LOGGED, Verdict.SKIPPED)

ATTEMPTS = 3
"""An item that failed this often is quarantined."""

OUTSIDE = "outside_window"


@dataclass(slots=True)
class Sightings:
    stored: Stored
    plan: Plan
    next_id: int
    seen: dict[ItemId, SightingRow] = field(default_factory=dict)
    left: set[int] = field(default_factory=set)

    def previous(self, item: ItemId) -> StoredSighting | None:
        row = self.seen.get(item)
        return as_stored(row) if row else self.stored.sightings.get(item)

    def id_for(self, previous: StoredSighting | None) -> int:
        if previous:
            return previous.id
        self.next_id += 1
        return self.next_id - 1

    def put(self, previous: StoredSighting | None, row: SightingRow, hashes: tuple[bytes, ...] = ()) -> None:
        """Plan a new or changed sighting; nothing when it is stored so already."""
        if previous is None:
            self.plan.sightings.append(row)
        elif as_stored(row) == previous:
            return
        else:
            self.plan.resightings.append(row)
        self.seen[row.item] = row
        self.plan.addresses += [(hash_, row.id) for hash_ in hashes]

    def failed(self, failed: Failed) -> None:
        previous = self.previous(failed.id)
        object_ = None if failed.version is None else failed.id
        if previous and previous.verdict in _SETTLED and not previous.gone:
            if failed.version is None and previous.due_at is not None:
                attempts = previous.attempts + 1
                again = None if failed.final or attempts >= ATTEMPTS else previous.due_at
                self.plan.missed.append((previous.id, attempts, again))
            elif failed.version != previous.version:
                self._looked_at(failed.id, failed.version, previous)
            return
        attempts = ATTEMPTS if failed.final else min(ATTEMPTS, (previous.attempts if previous else 0) + 1)
        verdict = Verdict.QUARANTINED if attempts >= ATTEMPTS else Verdict.PENDING
        row = SightingRow(
            self.id_for(previous),
            failed.id,
            str(verdict),
            "unreadable",
            failed.reason[:500],
            None,
            None,
            None,
            attempts,
            object_,
            failed.version,
        )
        self.put(previous, row)

    def _looked_at(self, item: ItemId, version: str | None, previous: StoredSighting) -> None:
        """What was settled stays so; that nothing came of this version is kept, or it would be asked for again."""
        row = SightingRow(
            *(previous.id, item, str(previous.verdict), previous.rule, previous.facts, previous.key),
            *(previous.occurred_at, previous.activity_id, previous.attempts, item, version, previous.due_at),
        )
        self.put(previous, row)

    def nothing(self, nothing: Nothing) -> None:
        previous = self.previous(nothing.object)
        if previous and previous.verdict == Verdict.LOGGED and not previous.gone:
            # The window rolled past it, which undoes nothing.
            self._looked_at(nothing.object, nothing.version, previous)
            return
        row = SightingRow(
            *(self.id_for(previous), nothing.object, str(Verdict.SKIPPED), OUTSIDE, nothing.reason, None, None, None),
            *(0, nothing.object, nothing.version, nothing.due_at),
        )
        self.put(previous, row)

    def leave(self, item: ItemId) -> StoredSighting | None:
        """Note that it is no longer there; None if that is known, or it never was."""
        previous = self.previous(item)
        if previous is None or previous.gone or previous.id in self.left:
            return None
        self.left.add(previous.id)
        self.plan.gone.append(previous.id)
        return previous


def as_stored(row: SightingRow) -> StoredSighting:
    verdict = Verdict(row.verdict)
    more = (row.version, row.occurred_at, row.due_at) if row.object is not None else (None, None, None)
    return StoredSighting(row.id, verdict, row.rule, row.facts, row.key, row.activity_id, False, row.attempts, *more)
