"""Every failure of a sync is one of four, named after who acts on it.

SyncError
 +-- Retryable      nobody: wait (429, 5xx, timeout, reset, locked database)
 +-- ReauthNeeded   the owner: sign in again (token revoked, password changed)
 +-- CursorExpired  nobody: the pass begins again at once (UIDVALIDITY changed, 410)
 +-- Permanent      the admin: mend the configuration or the server

ConfigError and StoreInUse belong to the edge: they end a command, never a pass.
"""

import re
from collections.abc import Sequence
from datetime import timedelta


class SyncError(Exception):
    """What went wrong (`str(error)`), and `cure`: what a person can type or do about it."""

    def __init__(self, message: str, *, cure: str = "") -> None:
        super().__init__(message)
        self.cure = cure

    def cure_for(self, mailbox: str) -> str:
        """The cure with the mailbox by its name: for a connector it is `the mailbox`, whose settings it was given."""
        return re.sub(r"\bthe mailbox\b", lambda _: f"mailbox {mailbox}", self.cure)


class Retryable(SyncError):
    """Wait and try again; `retry_after` is the server's own wish, if it had one."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None, cure: str = "") -> None:
        super().__init__(message, cure=cure)
        self.retry_after = retry_after


class ReauthNeeded(SyncError):
    """The credentials no longer open the mailbox."""


class CursorExpired(SyncError):
    """The cursor means nothing to the server any more."""


class Permanent(SyncError):
    """Waiting will not help: a wrong host, a bad certificate, a missing permission, or our own bug."""


class ConfigError(Exception):
    """The configuration (or a key) cannot be used. `problems` holds them all, one line each."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class StoreInUse(Exception):
    """Another syncd holds this store."""
