"""What the parts of a Google account share: its settings, and how each of its APIs is called in the owner's name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from connectors.base import Context, Stream
from connectors.google_api import Caller
from connectors.google_errors import Owner
from connectors.google_http import Http
from connectors.google_quota import Quotas
from connectors.google_settings import Settings
from connectors.google_sign_in import SignIn, sign_in

_REQUESTS, _REQUESTS_OF_ALL = 600, 10_000
"""A minute, of the Calendar and Tasks APIs: each request costs one (console > Quotas)."""


@dataclass(frozen=True, slots=True)
class Opening:
    settings: Settings
    context: Context
    quotas: Quotas

    @property
    def owner(self) -> Owner:
        return Owner(self.settings.user, self.context.sign_in)

    def sign_in(self, scopes: frozenset[str]) -> SignIn:
        """A token for just these: what lacks another scope still works."""
        return sign_in(self.context, user=self.settings.user, scopes=scopes, timeout=self.settings.timeout)

    def caller(self, scopes: frozenset[str], *, of: str) -> Caller:
        """`of` is the API by its short name (`gmail`): each has quotas of its own."""
        settings, who = self.settings, self.sign_in(scopes)
        mail = of == "gmail"
        of_all = settings.project_units_per_minute if mail else _REQUESTS_OF_ALL
        quota = self.quotas.of(
            f"{who.project} {of}",
            settings.user,
            per_user=settings.units_per_minute if mail else _REQUESTS,
            # Of a mailbox no other process reads at the same time; of the project, any.
            per_project=max(1, of_all // self.context.processes),
        )
        return Caller(Http(who, settings.timeout), quota, self.owner, self.context.now)


class Source(Protocol):
    """One API of an account: its mail, its calendars, its task lists."""

    @property
    def name(self) -> str: ...

    @property
    def scopes(self) -> frozenset[str]: ...

    def streams(self) -> Sequence[Stream]:
        """Asks what there is. Raises the SyncErrors."""
        ...

    def close(self) -> None: ...
