"""What became of a meeting, from what each calendar's copy of it says and the clock of the caller.

Nothing depends on the order in which the copies were read: the outcome is worked out anew from all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from syncd.ledger import Claim, StoredCopy

HEARSAY, ORGANIZER, SELF = 0, 1, 2
"""How good a witness a copy is of somebody's answer: a guest's copy, the organizer's, the person's own."""


def deciding(copies: Collection[StoredCopy]) -> StoredCopy | None:
    """The copy whose word counts: the organizer's, else the latest version (RFC 5546 section 2.1.5).

    Of those in a calendar; one that left it speaks only if all have left.
    """
    if len(copies) == 1:  # of most meetings, and it is asked for several times
        return next(iter(copies))
    return max(copies, key=_authority, default=None)


def _authority(copy: StoredCopy) -> tuple[bool, bool, int, bool, bool, float, int]:
    claim = copy.claim
    stamped = claim.stamped_at.timestamp() if claim.stamped_at else 0.0
    return _stands(copy), claim.organized, claim.sequence, not claim.by_mail, claim.exact, stamped, -copy.sighting


def _stands(copy: StoredCopy) -> bool:
    return copy.gone_at is None or copy.claim.by_mail


def status(
    claim: Claim,
    copies: Collection[StoredCopy],
    answers: Mapping[str, str],
    contacts: Collection[str],
    now: datetime,
) -> str:
    """`planned`, `held`, `tentative`, `cancelled` or `declined` (docs/DESIGN.md section 7).

    `claim` is the deciding copy's, `answers` are the participants' responses by address key, `contacts` the keys that
    known contacts hold. What happens after the end is no news of the meeting: cleaning up a calendar does not undo it.
    """
    if claim.settles_at is None:
        return claim.status
    over = claim.settles_at <= now
    if _called_off(copies, claim):
        return "cancelled"
    if _all_declined(copies, answers, contacts):
        return "declined"
    if claim.status == "tentative":
        return "tentative"
    return "held" if over else "planned"


def _called_off(copies: Collection[StoredCopy], claim: Claim) -> bool:
    """Cancelled, or gone from the organizer's calendar or from all calendars, before it was over."""
    end = claim.settles_at
    assert end is not None
    if claim.status == "cancelled" and _in_time(claim, claim):
        return True
    if not claim.organized and any(_calls_off(copy.claim, claim) for copy in copies):
        return True
    calendars = [copy for copy in copies if not copy.claim.by_mail]
    witnesses = [copy for copy in calendars if copy.claim.organized] or calendars
    if not witnesses or any(copy.gone_at is None for copy in witnesses):
        return False
    return max(copy.gone_at for copy in witnesses if copy.gone_at is not None) < end


def _calls_off(mail: Claim, claim: Claim) -> bool:
    """The organizer's CANCEL of this version or a later one; a guest's calendar may not have heard of it."""
    return mail.by_mail and mail.status == "cancelled" and mail.sequence >= claim.sequence and _in_time(mail, claim)


def _in_time(cancelled: Claim, claim: Claim) -> bool:
    """It was called off before it was over, as far as anybody says when."""
    assert claim.settles_at is not None
    return cancelled.stamped_at is None or cancelled.stamped_at < claim.settles_at


def _all_declined(copies: Collection[StoredCopy], answers: Mapping[str, str], contacts: Collection[str]) -> bool:
    """All owners whose calendars have it declined, or all of its known contacts did."""
    live = [copy.claim for copy in copies if _stands(copy)] or [copy.claim for copy in copies]
    owners = [claim.response for claim in live if claim.response or claim.organized]
    if owners and all(response == "declined" for response in owners):
        return True
    asked = [answers[key] for key in contacts if key in answers]
    return bool(asked) and all(response == "declined" for response in asked)
