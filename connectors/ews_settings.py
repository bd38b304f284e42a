"""What an admin says of one mailbox on an Exchange server of the organisation's own. The password is not among it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

_CLOUD = (
    "outlook.com",
    "office.com",
    "office365.com",
    "office365.us",
    "microsoftonline.com",
    "onmicrosoft.com",
    "partner.outlook.cn",
    "outlook.cn",
    "outlook.de",
)
"""Domains of Exchange Online, those of the clouds of governments and of China among them."""
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\d{1,5})?")


def is_cloud(host: str) -> bool:
    """Whether a host is one of Exchange Online, where EWS is over."""
    name = host.lower().rstrip(".").partition(":")[0]
    return any(name == each or name.endswith(f".{each}") for each in _CLOUD)


IS_CLOUD = (
    "is Exchange Online, where EWS is off since 1 October 2026 and ends on 1 April 2027; "
    'write kind = "microsoft365" (docs/microsoft.md)'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Raises ValueError, in words for the admin, for values that do not fit together."""

    user: str
    """The mailbox, by its primary address."""
    host: str = ""
    """Of Exchange's web services; when empty the server is asked for it, by the address (Autodiscover)."""
    autodiscover: str = ""
    """The URL to ask, where it is not one of the usual two of the address's domain."""
    login: str = ""
    """Who signs in, `EXAMPLE\\syncd` or `syncd@example.com`; the mailbox's own user when empty."""
    rights: Literal["impersonation", "delegation"] = "impersonation"
    """By what right `login` reads a mailbox that is not its own: a management role, or full access to the mailbox."""
    unreachable: str = ""
    """A mailbox that `login` must not be able to read; `syncd check` tries it."""
    auth: Literal["ntlm", "basic"] = "ntlm"
    include: tuple[str, ...] = ()
    """Folders to read; all but junk, drafts and bin when empty. A name stands for its sub-folders too."""
    exclude: tuple[str, ...] = ()
    read: tuple[Literal["mail", "calendar", "tasks"], ...] = ("mail", "calendar", "tasks")
    calendars: tuple[str, ...] = ()
    """Calendars to read, by name; all of the mailbox when empty."""
    exclude_calendars: tuple[str, ...] = ()
    ahead_days: int = 60
    """How far into the future meetings are looked for."""
    ca_file: Path | None = None
    """The only authorities to trust, as PEM, in place of the system's."""
    timeout: int = 60
    """Seconds to wait for the server's next word."""

    def __post_init__(self) -> None:
        for name, address in (("user", self.user), ("unreachable", self.unreachable or "board@example.com")):
            if not address.isprintable() or address.count("@") != 1 or any(letter in address for letter in " <>\\"):
                raise ValueError(f'{name} must be the mailbox\'s address, such as "erik@example.com"')
        if self.unreachable and not self.login:
            raise ValueError("unreachable is for mailboxes that another than their owner reads: with login")
        if self.host and not _HOST.fullmatch(self.host):
            raise ValueError('host must be the name of the server alone, such as "mail.example.com"')
        url = urlsplit(self.autodiscover)
        if self.autodiscover and (url.scheme != "https" or not url.hostname or "@" in url.netloc):
            raise ValueError("autodiscover must begin with https://")
        for name in (self.host, url.netloc):
            if is_cloud(name):
                raise ValueError(f"{name} {IS_CLOUD}")
        if not self.login.isprintable():
            raise ValueError("login must be one line, such as 'EXAMPLE\\syncd' or \"syncd@example.com\"")
        if not self.read:
            raise ValueError('read must name something of "mail", "calendar" and "tasks"')
        if self.timeout < 1 or not 0 <= self.ahead_days <= 3650:
            raise ValueError("timeout must be at least 1, ahead_days between 0 and 3650")

    @property
    def signs_in(self) -> str:
        return self.login or self.user

    @property
    def acts_for(self) -> Literal["", "impersonation", "delegation"]:
        """By what right the mailbox is read, where it is not that of the one who signs in."""
        return self.rights if self.login and self.login.casefold() != self.user.casefold() else ""
