"""Late matching: whoever becomes known gets their history, and what was linked follows a changed directory.

The store holds no mail of strangers, only keyed hashes of their addresses and domains. When one becomes known, its hash
finds what was skipped; that waits (`pending`, rule `late`) until the next pass of its mailbox asks the provider for it
again and decides as if it were new. What is stored already is linked anew without asking anybody.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime

from matching import address, contacts, identity, relink
from matching.parties import Parties
from matching.rules import known_as
from store import known, late
from store.late import Changed, Linked, Relinked
from store.writer import Store
from syncd.ledger import LinkRow
from syncd.logs import fields
from syncd.model import Policy

log = logging.getLogger(__name__)

AT_ONCE = 5_000
"""Changes of the directory that are seen to in one go."""
RELINKED_AT_ONCE = 200


def catch_up(store: Store, policy: Policy, now: datetime) -> None:
    """See to all that changed in the directory; every step may be the last, and is then done again.

    `policy` says whose addresses are the organisation's own; its key is that of the store.
    """
    late.forget_if_blank(store.engine)
    while (what := late.changed(store.engine, limit=AT_ONCE)).notes:
        addresses = frozenset(map(address.key, what.addresses)) - {""}
        domains = frozenset(map(address.domain_key, what.domains)) - {""}
        names = [*addresses, *map(known_as, domains)]
        woken = late.wake(store.engine, [identity.keyed(policy.key, name) for name in names])
        relinked = _relink(store, policy, addresses, domains, what, now)
        late.forget(store.engine, what.notes)
        if woken or relinked:
            log.info("directory_caught_up", extra=fields(woken=woken, relinked=relinked))


def _relink(
    store: Store, policy: Policy, addresses: frozenset[str], domains: frozenset[str], what: Changed, now: datetime
) -> int:
    return relink_all(store, policy, late.concerned(store.engine, addresses, domains, what), now)


def relink_all(store: Store, policy: Policy, ids: Sequence[int], now: datetime, *, dry_run: bool = False) -> int:
    """Link these activities as the directory is now; how many of them that changes."""
    count = 0
    for start in range(0, len(ids), RELINKED_AT_ONCE):
        with store.transaction() as transaction:
            some = late.linked(transaction.connection, ids[start : start + RELINKED_AT_ONCE])
            wanted = contacts.lookups(contacts.written([each.participants for each in some]), policy)
            directory = known.directory(transaction.connection, wanted.addresses, wanted.domains)
            changes = list(_changes(some, Parties(directory, policy)))
            if changes and not dry_run:
                late.relink(transaction.connection, changes, now)
            count += len(changes)
    return count


def _changes(some: Sequence[Linked], parties: Parties) -> Iterator[Relinked]:
    for one in some:
        wanted = contacts.links(one.participants, one.occurred_at, parties)
        made, gone = relink.changes(wanted, one.links)
        if made or gone:
            rows = (LinkRow(one.id, link.entity_kind, link.entity_id, link.reason, str(link.state)) for link in made)
            yield Relinked(one.id, tuple(rows), gone)
