"""Keeps the directory in step with its source, and gives every address in it the key by which it is found."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from matching import address
from store import health
from store.directory_keys import is_empty, rekey
from store.health import Unread
from store.writer import Store
from syncd import late
from syncd.config import Config, common_policy
from syncd.errors import SyncError
from syncd.logs import fields
from syncd.opening import vault

if TYPE_CHECKING:
    from syncd.directory import Books

log = logging.getLogger(__name__)


class Upkeep:
    def __init__(self, config: Config, store: Store) -> None:
        self._config = config
        self._store = store
        self._due_at = float("-inf")
        self._noted = health.directory(store.engine)
        self._unread: tuple[Unread, ...] = ()
        """Of the last refresh that was made."""
        self._books: Books | None = None

    def adopt(self, config: Config) -> None:
        """A reload asks for a refresh as well: the files may be new, and others may have signed in."""
        self._config, self._due_at, self._books = config, float("-inf"), None

    def known(self) -> bool:
        """Whether anybody is known already, from an earlier run or because the CRM writes the tables."""
        self._key()
        return not is_empty(self._store.engine)

    def keep(self) -> bool:
        """Refresh the directory if it is time, and key what is new in it. What fails is told once, and tried again.

        False if `[directory]` has given nobody yet: whoever read mail now would take it all for that of strangers, and
        would not look at it again.
        """
        self._keep()
        if self._config.directory is None:
            return True
        with suppress(SyncError):
            return not is_empty(self._store.engine)
        return False

    def _keep(self) -> None:
        try:
            self._refresh()
            self._key()
            late.catch_up(self._store, common_policy(self._config, self._store.key), datetime.now(UTC))
        except SyncError as error:
            self._note((Unread("", str(error), error.cure),))
        else:
            self._note(self._unread)

    def _note(self, unread: tuple[Unread, ...]) -> None:
        """`syncd status` shows it until it is over; what is news is told."""
        if unread == self._noted:
            return
        for part, error, cure in unread:
            if part not in {each.part for each in self._noted if each.error == error}:
                log.warning("directory_failed", extra=fields(part=part or "all", error=error, cure=cure))
        if not unread:
            log.info("directory_recovered")
        self._noted = unread
        with suppress(SyncError):  # of a store that cannot be written, the mailboxes tell
            health.save_directory(self._store.engine, unread)

    def _key(self) -> None:
        if found := rekey(self._store.engine, address.key, address.domain_key):
            log.info("addresses_keyed", extra=fields(addresses=found))

    def _refresh(self) -> None:
        source = self._config.directory
        if source is None or time.monotonic() < self._due_at:
            return
        # Here, since a CRM that writes the tables itself needs no parsers of phone numbers and address cards.
        from syncd import directory

        self._books = self._books or directory.Books(vault(self._config, self._store).tokens)
        done = directory.refresh(self._config, self._store, datetime.now(UTC), self._books)
        self._due_at, self._unread = time.monotonic() + source.refresh.total_seconds(), done.unread
        counts = done.report.counts.values()
        extra = fields(
            created=sum(each.created for each in counts),
            updated=sum(each.updated for each in counts),
            removed=sum(each.removed for each in counts),
            withheld=sum(each.withheld for each in counts),
            skipped=len(done.skipped) + len(done.report.skipped),
        )
        if any(each.withheld for each in counts):
            log.warning("directory_shrank", extra=extra)
        else:
            log.info("directory_refreshed", extra=extra)
