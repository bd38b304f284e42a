"""What an admin says of one CalDAV account. The secret is not among it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.places import is_loopback


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Raises ValueError, in words for the admin, for values that do not fit together."""

    url: str
    """What the provider calls its CalDAV address, or only its host: the rest is found (RFC 6764)."""
    user: str = ""
    """Needed for basic and digest."""
    auth: Literal["basic", "digest", "bearer"] = "basic"
    """With bearer the secret is an access token."""
    ca_file: Path | None = None
    """The only authorities to trust, as PEM, in place of the system's."""
    include: tuple[str, ...] = ()
    """Calendars and lists to read, by name or path (`/anna/work/`); when empty all that are the owner's own."""
    exclude: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    """Other hosts that `url` may lead to, which get the secret too; a name stands for its sub-domains."""
    zone: str = ""
    """IANA's name of the zone of calendars that tell none of their own; empty is UTC."""
    ahead_days: int = 60
    """How far into the future meetings are looked for."""
    timeout: int = 60
    """Seconds to wait for the server's next word."""

    def __post_init__(self) -> None:
        if not self.url.isprintable() or not self.url.isascii() or " " in self.url:
            raise ValueError(f"url = {self.url!r} has signs that an address cannot have")
        parts = urlsplit(self.address)
        if parts.scheme not in ("http", "https") or not parts.hostname or not _has_port(self.address):
            raise ValueError(f'url = {self.url!r} is no address; write one like "https://cloud.example.com/"')
        if "@" in parts.netloc:
            raise ValueError("url must not hold a user or password; write them as `user` and `secret`")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise ValueError(
                f"url would send the password in clear to {parts.hostname}; write https:// "
                "(without TLS only a server on this machine is spoken to)"
            )
        if not self.user.isprintable() or (self.auth != "bearer" and not self.user):
            raise ValueError(f"user = {self.user!r} is empty or has unprintable characters")
        if self.auth == "basic" and ":" in self.user:
            raise ValueError("user must not hold a colon: HTTP Basic could not carry it (RFC 7617 section 2)")
        if self.zone and not _is_zone(self.zone):
            raise ValueError(f'zone = {self.zone!r} is no time zone; write one like "Europe/Vienna"')
        if self.timeout < 1 or not 0 <= self.ahead_days <= 3650:
            raise ValueError("timeout must be at least 1, ahead_days between 0 and 3650")

    @property
    def address(self) -> str:
        """`url` with scheme and path."""
        full = self.url if "://" in self.url else f"https://{self.url}"
        return full if urlsplit(full).path else f"{full}/"


def _is_zone(name: str) -> bool:
    try:
        return ZoneInfo(name).key == name
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a path, or a folder of zones
        return False


def _has_port(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False
