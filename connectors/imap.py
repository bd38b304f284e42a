"""The IMAP connector: an account whose folders are streams."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from connectors.base import Context
from connectors.imap_folders import Folder
from connectors.imap_session import Sessions
from connectors.imap_settings import Settings
from connectors.imap_stream import FolderStream
from syncd.errors import Retryable

__all__ = ["ImapAccount", "Settings", "open_account"]

RELIST = 900.0
"""Seconds between two looks for new folders."""


class ImapAccount:
    def __init__(
        self,
        settings: Settings,
        *,
        secret: Callable[[], str],
        since: Callable[[], datetime],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._since = since
        self._now = now
        self._clock = clock
        self._sessions = Sessions(settings, secret, clock=clock)
        self._folders: tuple[Folder, ...] = ()
        self._listed_at = 0.0

    def streams(self) -> Sequence[FolderStream]:
        """Every folder that can be selected, and the news of all that are read, in one round trip."""
        kept = self._sessions.is_open
        try:
            return self._streams()
        except Retryable:
            # The server may have closed a connection that lay idle: that is no failure until a new one fails too.
            if not kept or self._sessions.is_open:
                raise
            return self._streams()

    def _streams(self) -> Sequence[FolderStream]:
        session = self._sessions.current()
        if not self._folders or self._clock() - self._listed_at > RELIST:
            self._folders = session.folders(self._settings)
            self._listed_at = self._clock()
        states = session.states([folder for folder in self._folders if not folder.excluded])
        if None in states.values():
            # A folder was deleted, or the server is one that never says: the next time everything is listed again.
            self._listed_at = -RELIST
        return [
            FolderStream(folder, self._sessions, self._settings, self._since, self._now, states.get(folder.name))
            for folder in self._folders
        ]

    def close(self) -> None:
        self._sessions.close()


def open_account(settings: Settings, context: Context) -> ImapAccount:
    return ImapAccount(settings, secret=context.secret, since=context.since, now=context.now)
