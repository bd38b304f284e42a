"""Who is watched: the mailboxes of the configuration, each with its place in the schedule. A reload changes it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from threading import Lock

from store import health
from store.writer import Store
from syncd.config import Config, Mailbox
from syncd.logs import about, fields
from syncd.opening import policies, registrations, vault
from syncd.schedule import Schedule
from syncd.states import Outcome, State, touched
from syncd.watch import Manner, Watch, save, watch

log = logging.getLogger(__name__)

SPREAD = timedelta(milliseconds=50)
"""Between the first passes of two mailboxes."""


class Roster:
    def __init__(self, store: Store, schedule: Schedule, observe: Callable[[Outcome], None]) -> None:
        self._store = store
        self._schedule = schedule
        self._observe = observe
        self._watches: dict[str, Watch] = {}
        self._begun = False
        self._changing = Lock()

    def adopt(self, config: Config) -> None:
        """Watch what the configuration names, touching only what changed; a SyncError leaves all as it was."""
        self.save()
        with self._changing:
            registered = health.register(self._store.engine, registrations(config))
            manner = Manner(config.daemon.interval_min, config.daemon.interval_max, observe=self._observe)
            rules = policies(config, self._store.key)
            kept_tokens = vault(config, self._store)
            before, kept, new = self._watches, {}, {}
            for mailbox in config.mailboxes:
                name = mailbox.name
                if name in before and before[name].mailbox == mailbox:
                    kept[name] = before[name]
                else:
                    row = registered[name]._replace(state=touched(registered[name].state))
                    new[name] = watch(mailbox, row, self._store, rules[name], manner, kept_tokens)
            for name, known in kept.items():
                known.policy, known.manner = rules[name], manner
                self._touch(known)
            self._watches = {mailbox.name: kept.get(mailbox.name) or new[mailbox.name] for mailbox in config.mailboxes}
            self._dismiss(known for name, known in before.items() if name not in kept)
            if self._begun:
                self._put(new.values())
        extra = fields(kept=len(kept), new=len(new), gone=len(before.keys() - self._watches.keys()))
        log.info("mailboxes_read", extra=extra)

    def begin(self) -> None:
        """Let the first passes come, a little apart. Later calls do nothing."""
        with self._changing:
            if not self._begun:
                self._begun = True
                self._put(self._watches.values())

    def touch(self) -> None:
        """Try at once what waits for a person: what was wrong may be right by now."""
        with self._changing:
            for each in self._watches.values():
                self._touch(each)

    def stop(self) -> None:
        for each in self._watches.values():
            each.stop()

    def save(self) -> None:
        save(list(self._watches.values()))

    def states(self) -> Counter[State]:
        return Counter(each.state.state for each in list(self._watches.values()))

    def missing(self) -> int:
        """Items that the servers hold and that could not be had."""
        return sum(each.missing() for each in list(self._watches.values()))

    def furthest_behind(self) -> datetime | None:
        """When the mailbox that was up to date least recently was so, of those that ever were."""
        watches = [each for each in list(self._watches.values()) if each.mailbox.enabled]
        return min((each.state.last_success_at for each in watches if each.state.last_success_at), default=None)

    def _put(self, watches: Iterable[Watch]) -> None:
        now = datetime.now(UTC)
        for number, each in enumerate(watches):
            if not each.mailbox.enabled:
                with about(mailbox=each.mailbox.name):
                    each.pause()
                self._schedule.remove(_job(each.mailbox))
                continue
            first = max(each.state.pace.wait(now), number * SPREAD)
            each.next_run_at = now + first
            self._schedule.put(_job(each.mailbox), each.run, first=first)

    def _touch(self, known: Watch) -> None:
        if known.touch():
            self._schedule.hasten(_job(known.mailbox))

    def _dismiss(self, gone: Iterable[Watch]) -> None:
        for each in gone:
            each.stop()
            if each.mailbox.name not in self._watches:
                self._schedule.remove(_job(each.mailbox))


def _job(mailbox: Mailbox) -> str:
    return f"mailbox:{mailbox.name}"
