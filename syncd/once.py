"""One pass over everything, without a daemon."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from store import health
from store.engine import hold
from store.occasions import settle
from store.retention import expire
from store.writer import Store
from syncd.config import Config
from syncd.errors import Permanent, SyncError
from syncd.logs import fields
from syncd.opening import opened, periods, registrations
from syncd.readers import Result, Task, readers
from syncd.upkeep import Upkeep
from syncd.watch import Progress

log = logging.getLogger(__name__)


def once(
    config: Config, names: Sequence[str], *, progress: Progress, processes: int, again: bool = False
) -> dict[str, Result]:
    """One pass over everything now (or over these mailboxes), to the end, in parallel; mailbox -> what it came to.

    Only what a server asked to wait for is still waited for. Ctrl-C ends at the next batch of each. With `again`
    all mail of the configured time is read: what was skipped is decided anew, and what was logged stays as it is.
    With several `processes` nothing of the store may be open here yet.
    """
    wanted = [each.name for each in config.mailboxes if each.enabled and (not names or each.name in names)]
    with readers(config, len(wanted), processes, progress) as read, opened(config) as store, hold(store.engine):
        if not Upkeep(config, store).keep():
            cure = f"syncd check --config {config.path}"
            raise Permanent("[directory] gives no contact, so all mail would be that of strangers", cure=cure)
        registered = health.register(store.engine, registrations(config))
        if again:
            health.begin_again(store.engine, [registered[name].id for name in wanted])
        results: dict[str, Result] = {}
        try:
            read(store, [Task(name, registered[name]) for name in wanted], results)
        finally:
            _save(store, results.values())
        settle(store.engine, datetime.now(UTC))
        expire(store.engine, periods(config), datetime.now(UTC))
        return {name: results[name] for name in wanted}


def _save(store: Store, results: Iterable[Result]) -> None:
    """Write down in one transaction how the mailboxes are, as far as it was not urgent."""
    try:
        health.save(store.engine, [each.unsaved for each in results if each.unsaved])
    except SyncError as error:
        log.warning("states_not_saved", extra=fields(error=str(error), cure=error.cure))
