"""What a copy leaves open of its times, filled in by what was known of it before; and what is not there any more."""

from __future__ import annotations

from datetime import datetime

from syncd.ledger import Occasion, StoredCopy, StoredSighting, Whole
from syncd.model import ItemId


def dated(seen: Occasion, previous: StoredSighting | None) -> Occasion:
    """A task or note that nobody dated stays where it was first seen, whenever it is read again."""
    if seen.kind == "meeting" or seen.claim.exact or previous is None or previous.occurred_at is None:
        return seen
    return seen._replace(claim=seen.claim._replace(starts_at=previous.occurred_at))


def called_off_at(seen: Occasion, before: StoredCopy | None, now: datetime) -> Occasion:
    """With the time at which it was called off: by its stamp, or, of a program that leaves that as it was, now."""
    claim = seen.claim
    if before is None or claim.status != "cancelled":
        return seen
    stamps = [stamp for stamp in (claim.stamped_at, before.claim.stamped_at) if stamp is not None]
    if before.claim.status == "cancelled":
        return seen._replace(claim=claim._replace(stamped_at=max(stamps, default=None)))
    is_new = claim.stamped_at is not None and claim.stamped_at != before.claim.stamped_at
    return seen if is_new else seen._replace(claim=claim._replace(stamped_at=now.replace(microsecond=0)))


def has_left(item: ItemId, at: datetime | None, copy: StoredCopy | None, whole: Whole) -> bool:
    """Whether what was seen of an object at this time, and is not among its parts, is there no more."""
    # The object's own id is that of a single event, or of an object without parts: it is neither any more.
    if item == whole.object or at is None:
        return True
    # What is written down is among the parts however late it is. What a rule tells of ends with the window, which moves
    # back with the clock.
    by_rule = copy is not None and not copy.claim.exact
    return whole.begins <= at and (at < whole.ends or not by_rule)
