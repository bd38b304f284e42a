"""The connectors, one module for each kind of account; to add one is a module and a line of KINDS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from connectors import imap
from connectors.base import Account


class Open(Protocol):
    def __call__(
        self,
        # Each kind has settings of its own, which the configuration made from `Kind.settings`.
        settings: Any,
        *,
        secret: Callable[[], str],
        since: Callable[[], datetime],
    ) -> Account: ...


@dataclass(frozen=True, slots=True)
class Kind:
    settings: type[object]
    """A frozen dataclass; its fields are the keys of the mailbox in the configuration."""
    open: Open


KINDS: Mapping[str, Kind] = {"imap": Kind(imap.Settings, imap.open_account)}
