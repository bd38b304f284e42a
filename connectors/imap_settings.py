"""What an admin says of one IMAP account. The secret is not among it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Raises ValueError, in words for the admin, for values that do not fit together."""

    host: str
    user: str
    port: int | None = None
    """993, or 143 without implicit TLS."""
    tls: Literal["implicit", "starttls", "none"] = "implicit"
    ca_file: Path | None = None
    """The only authorities to trust, as PEM, in place of the system's."""
    auth: Literal["password", "xoauth2"] = "password"
    include: tuple[str, ...] = ()
    """Folders to read; all but junk, drafts and bin when empty. A name stands for its sub-folders too."""
    exclude: tuple[str, ...] = ()
    max_message_mb: int = 50
    """Of a larger message only the header is read."""
    keep_alive: int = 1500
    """Seconds after which an idle connection is not used again; servers end theirs after 30 minutes (RFC 3501 5.4)."""
    timeout: int = 60
    """Seconds to wait for the server's next word."""

    def __post_init__(self) -> None:
        if not self.host.strip() or not self.host.isprintable() or " " in self.host:
            raise ValueError(f"host = {self.host!r} is no host name")
        if not self.user or not self.user.isprintable():
            raise ValueError(f"user = {self.user!r} is empty or has unprintable characters")
        if self.port is not None and not 0 < self.port < 65536:
            raise ValueError(f"port = {self.port} is not between 1 and 65535")
        if self.timeout < 1 or self.keep_alive < 0 or self.max_message_mb < 0:
            raise ValueError("timeout must be at least 1, keep_alive and max_message_mb at least 0")
        if self.tls == "none" and not _is_loopback(self.host):
            raise ValueError(
                f'tls = "none" would send the password in clear to {self.host}; write tls = "implicit" or "starttls" '
                "(without TLS only a server on this machine is spoken to)"
            )

    @property
    def endpoint(self) -> tuple[str, int]:
        return self.host, self.port or (993 if self.tls == "implicit" else 143)


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
