"""What an admin says of one Google account, and of the project that opens it. The secret is not among it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import ClassVar, Literal
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Raises ValueError, in words for the admin, for values that do not fit together."""

    user: str
    """The account's primary address, which must be the one that answers."""
    include: tuple[str, ...] = ()
    """Labels to read; every message that is neither spam, bin, draft nor chat when empty. A name stands for those below
    it, too."""
    exclude: tuple[str, ...] = ()
    read: tuple[Literal["mail", "calendar", "tasks"], ...] = ("mail", "calendar", "tasks")
    calendars: tuple[str, ...] = ()
    """Calendars to read, by name or id; all of the owner's list when empty."""
    exclude_calendars: tuple[str, ...] = ()
    fetch: Literal["headers", "whole"] = "headers"
    """Headers, and once more for the text of what is logged, or whole messages at once. Each asking costs the same, so
    with most mail logged in full the second is cheaper."""
    units_per_minute: int = 6_000
    """Google's quota for each user; 15,000 for projects that used the API before May 2026."""
    units_per_message: int = 20
    """What one messages.get costs of it; 5 for those projects."""
    project_units_per_minute: int = 1_200_000
    """The quota that all users of the project share."""
    endpoint: str = ""
    """Where all of Google's APIs are reached, in place of Google's own addresses."""
    timeout: int = 60
    """Seconds to wait for the next octets of an answer."""

    folders_are_streams: ClassVar[bool] = False
    """`include` and `exclude` name labels, which say something of a message and are no streams."""

    def __post_init__(self) -> None:
        if not self.user.isprintable() or self.user.count("@") != 1 or " " in self.user:
            raise ValueError('user must be the account\'s address, such as "anna@example.com"')
        if min(self.units_per_minute, self.project_units_per_minute) < 10 * self.units_per_message:
            raise ValueError("units_per_minute must allow ten messages a minute: at least 10 times units_per_message")
        if not self.read:
            raise ValueError('read must name something of "mail", "calendar" and "tasks"')
        if self.units_per_message < 1 or self.timeout < 1:
            raise ValueError("units_per_message and timeout must be at least 1")
        if self.endpoint and not _is_safe(self.endpoint):
            raise ValueError("endpoint must begin with https:// (http:// only to this machine)")


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme == "https":
        return bool(parts.hostname)
    try:
        return parts.scheme == "http" and ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.hostname == "localhost"
