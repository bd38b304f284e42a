"""What an admin says of one mailbox at Microsoft 365. The client's secret, or its certificate, is not among it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

_CLOUDS = {
    "login.microsoftonline.com": {"graph.microsoft.com"},
    "login.microsoftonline.us": {"graph.microsoft.us", "dod-graph.microsoft.us"},
    "login.partner.microsoftonline.cn": {"microsoftgraph.chinacloudapi.cn"},
}
"""Where a cloud signs people in -> where its data is (https://learn.microsoft.com/graph/deployments)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Raises ValueError, in words for the admin, for values that do not fit together."""

    user: str
    """The mailbox: its address, or the id of its user."""
    tenant: str
    """A domain of the organisation, or the id of its directory."""
    client_id: str
    """Of the app registration in Entra."""
    sign_in: Literal["app", "user"] = "app"
    """As the app itself, with the mailbox's `secret`; or as a person who has agreed by `syncd auth`."""
    delegate: str = ""
    """The person who signs in, where the mailbox is not that person's own."""
    group: str = ""
    """The id of a group: of a registration for many mailboxes (`domain`), its members are meant."""
    unreachable: str = ""
    """A mailbox that this app must not be able to read; `syncd check` tries it."""
    include: tuple[str, ...] = ()
    """Folders to read; all but junk, drafts and bin when empty. A name stands for its sub-folders too."""
    exclude: tuple[str, ...] = ()
    read: tuple[Literal["mail", "calendar", "tasks"], ...] = ("mail", "calendar")
    """Tasks only when asked for: Exchange cannot grant an app those of some mailboxes only."""
    calendars: tuple[str, ...] = ()
    """Calendars to read, by name; all that are the owner's when empty."""
    exclude_calendars: tuple[str, ...] = ()
    ahead_days: int = 60
    """How far into the future meetings are looked for."""
    authority: str = "https://login.microsoftonline.com"
    endpoint: str = "https://graph.microsoft.com"
    """Both are other hosts in the clouds of governments and of China (docs/microsoft.md)."""
    ca_file: Path | None = None
    """The only authorities to trust, as PEM, in place of the system's."""
    timeout: int = 60
    """Seconds to wait for the server's next word."""

    def __post_init__(self) -> None:
        for name in ("user", "tenant", "client_id"):
            value = getattr(self, name)
            if not value or not value.isprintable() or any(letter in value for letter in " /?#%\\"):
                raise ValueError(f"{name} = {value!r} is empty, or has letters that no {name} has")
        for name in ("authority", "endpoint"):
            url = urlsplit(getattr(self, name))
            if url.scheme != "https" or not url.hostname or url.path.strip("/") or url.query:
                raise ValueError(f'{name} must be https:// and a host, such as "https://graph.microsoft.com"')
        data = _CLOUDS.get(urlsplit(self.authority).hostname or "")
        if data and (host := urlsplit(self.endpoint).hostname) not in data and host in set().union(*_CLOUDS.values()):
            raise ValueError(f"endpoint is of another cloud than authority: there it is {' or '.join(sorted(data))}")
        if not self.read:
            raise ValueError('read must name something of "mail", "calendar" and "tasks"')
        if self.sign_in == "app" and self.delegate:
            raise ValueError('delegate is for sign_in = "user": an app signs in as nobody')
        if self.timeout < 1 or not 0 <= self.ahead_days <= 3650:
            raise ValueError("timeout must be at least 1, ahead_days between 0 and 3650")

    @property
    def needs_secret(self) -> bool:
        """The app has one; a person brings their own, which nobody else ever sees."""
        return self.sign_in == "app"

    @property
    def login(self) -> str:
        """What msal calls the authority."""
        return f"{self.authority.rstrip('/')}/{self.tenant}"

    @property
    def graph(self) -> str:
        """The origin of all requests for data, and the resource that tokens are for."""
        return self.endpoint.rstrip("/")

    @property
    def person(self) -> str:
        """Who signs in, when it is a person."""
        return self.delegate or self.user
