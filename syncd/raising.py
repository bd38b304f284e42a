"""What may be stored now and is not, since a level was raised or somebody is protected no more: it is asked for again.

The most closed copy wins, as ever: more is stored of an activity only where all its copies allow it. Of those that a
replay found to allow more that is known; of the others (in a mailbox that it did not ask, or gone) as much is taken to
be allowed as is allowed in every folder of their mailbox. Nothing is fetched here: what waits is read by the next
passes, a thousand of a mailbox in each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from matching import rules
from matching.parties import Parties
from store import known, raising
from store.raising import Copy, Low
from store.retention import Periods
from store.writer import Store
from syncd.model import Directory, Level, Policy

AT_ONCE = 200


@dataclass(slots=True)
class Judged:
    """What a replay makes of the copies that it looked at, where that is more than could be said without a look."""

    copies: dict[int, Level | None] = field(default_factory=dict)
    """Sighting -> the most that it allows; None if no rule logs it any more."""
    candidates: set[int] = field(default_factory=set)
    """Activities of which one of these allows more than is stored."""


def raise_levels(
    store: Store,
    policies: Mapping[str, Policy],
    periods: Periods,
    judged: Iterable[Judged],
    now: datetime,
    *,
    dry_run: bool,
) -> int:
    """Let more be stored where it may be; of how many activities. Every transaction may be the last.

    `policies`: mailbox -> its rules; of one that is no longer in the configuration they are not known.
    """
    whole = Judged()
    for each in judged:
        whole.copies.update(each.copies)
        whole.candidates.update(each.candidates)
    ids, count = sorted(whole.candidates), 0
    for start in range(0, len(ids), AT_ONCE):
        with store.transaction() as transaction:
            judges = _judges(policies, known.directory(transaction.connection, (), ()))
            raised: dict[Level, list[int]] = defaultdict(list)
            for one in raising.low(transaction.connection, ids[start : start + AT_ONCE]):
                most = min(_allowed(one, whole, judges), _by_age(one.occurred_at, periods, now))
                if most > one.level:
                    raised[most].append(one.id)
            count += sum(map(len, raised.values()))
            for level, some in () if dry_run else raised.items():
                raising.open_up(transaction.connection, some, level, now)
    return count


def _judges(policies: Mapping[str, Policy], directory: Directory) -> Mapping[str, Parties]:
    """Mailbox -> who is protected or closed by its rules; of the directory only who is closed is asked."""
    return {name: Parties(directory, policy) for name, policy in policies.items()}


def _allowed(one: Low, judged: Judged, judges: Mapping[str, Parties]) -> Level:
    there = {copy.mailbox for copy in one.copies if copy.is_there}
    # A copy that was moved within its mailbox is gone where it was.
    counted = [copy for copy in one.copies if copy.is_there or copy.mailbox not in there]
    levels = [
        judged.copies[copy.sighting_id] if copy.sighting_id in judged.copies else _unseen(one, copy, judges)
        for copy in counted
    ]
    return min((level for level in levels if level is not None), default=one.level)


def _unseen(one: Low, copy: Copy, judges: Mapping[str, Parties]) -> Level:
    parties = judges.get(copy.mailbox)
    if parties is None or not one.addresses:
        return one.level
    folders = (level for _, level in parties.policy.folder_levels)
    return min(parties.policy.level, rules.allowed([parties[each] for each in one.addresses], (), parties), *folders)


def _by_age(occurred_at: datetime, periods: Periods, now: datetime) -> Level:
    """What `[retention]` leaves of it: what was taken out because of its age does not come back."""
    if periods.subject is not None and occurred_at < now - periods.subject:
        return Level.METADATA
    if periods.text is not None and occurred_at < now - periods.text:
        return Level.SUBJECT
    return Level.FULL
