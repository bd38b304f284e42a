"""One pass over everything, without a daemon."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from store import health
from store.engine import hold
from store.occasions import settle
from store.writer import Store
from syncd import logs
from syncd.config import Config
from syncd.errors import Permanent
from syncd.opening import opened, policies, registrations, vault
from syncd.states import Failure, MailboxState, Outcome, State
from syncd.upkeep import Upkeep
from syncd.watch import Manner, Progress, Watch, save, watch


@dataclass(frozen=True, slots=True)
class Result:
    """How one mailbox is after its pass, and what the pass came to."""

    state: MailboxState
    outcome: Outcome


def once(config: Config, names: Sequence[str], *, progress: Progress, again: bool = False) -> dict[str, Result]:
    """One pass over everything now (or over these mailboxes), to the end, in parallel; mailbox -> what it came to.

    Only what a server asked to wait for is still waited for. Ctrl-C ends at the next batch of each. With `again`
    all mail of the configured time is read: what was skipped is decided anew, and what was logged stays as it is.
    """
    with opened(config) as store, hold(store.engine):
        if not Upkeep(config, store).keep():
            cure = f"syncd check --config {config.path}"
            raise Permanent("[directory] gives no contact, so all mail would be that of strangers", cure=cure)
        watches = _watches(config, names, store, progress)
        if again:
            health.begin_again(store.engine, [each.id for each in watches])
        try:
            with ThreadPoolExecutor(min(config.daemon.workers, max(1, len(watches)))) as pool:
                try:
                    outcomes = list(pool.map(_pass, watches))
                except KeyboardInterrupt:
                    for each in watches:
                        each.stopping = True
                    raise
        finally:
            save(watches)
            for each in watches:
                each.stop()
        settle(store.engine, datetime.now(UTC))
        pairs = zip(watches, outcomes, strict=True)
        return {each.mailbox.name: Result(each.state, outcome) for each, outcome in pairs}


def _watches(config: Config, names: Sequence[str], store: Store, progress: Progress) -> list[Watch]:
    registered = health.register(store.engine, registrations(config))
    rules = policies(config, store.key)
    tokens = vault(config, store)
    daemon = config.daemon
    manner = Manner(daemon.interval_min, daemon.interval_max, slice=timedelta(days=365), progress=progress)
    wanted = [each for each in config.mailboxes if each.enabled and (not names or each.name in names)]
    return [watch(each, registered[each.name], store, rules[each.name], manner, tokens) for each in wanted]


def _pass(one: Watch) -> Outcome:
    state = one.state
    if state.state is State.THROTTLED and state.pace.wait(datetime.now(UTC)):
        until = f"the server asked to wait until {state.pace.not_before:%Y-%m-%d %H:%M:%S} UTC"
        return Outcome(failure=Failure(state=State.THROTTLED, error=until))
    with logs.about(mailbox=one.mailbox.name):
        return one.pass_once(lambda: None)
