"""What the network or a busy server says over HTTP, as one of the four errors, in words for the admin."""

from __future__ import annotations

import socket
import ssl
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult

import httpcore2

from connectors import tls
from connectors.retry import IT_PASSES
from syncd.errors import Permanent, Retryable, SyncError

FOREIGN = (
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.TimeoutException,
    httpcore2.UnsupportedProtocol,
    zlib.error,
)
"""Everything that a request may raise besides ours."""

_BUSY = {
    408: "gave up waiting for our request",
    429: "asks us to slow down",
    502: "has no answer from the server behind it",
    503: "is not available",
    504: "waited in vain for the server behind it",
}


def translated(error: Exception, url: SplitResult) -> SyncError:
    host = url.hostname or ""
    where = f"{host} port {url.port or (80 if url.scheme == 'http' else 443)}"
    cause = error.args[0] if error.args and isinstance(error.args[0], OSError) else None
    match error:
        case httpcore2.LocalProtocolError() | httpcore2.UnsupportedProtocol():
            return Permanent(f"{where} cannot be asked this: {error}", cure="please report this fault")
        case httpcore2.ProtocolError():
            return Retryable(
                f"{where} does not speak HTTP: {error}", cure=f"check that `url` of the mailbox leads to {host}'s HTTPS"
            )
        case zlib.error():
            return Retryable(f"{where} sends damaged data", cure="nothing, if it passes; else ask its admin")
    if cause is None or isinstance(error, httpcore2.TimeoutException):
        return Retryable(f"{where} does not answer", cure=f"check `url` of the mailbox, and any firewall before {host}")
    return _unreachable(cause, host, where)


def _unreachable(error: OSError, host: str, where: str) -> SyncError:
    match error:
        case socket.gaierror():
            cure = f"check the name {host} in `url` of the mailbox, and that this machine can look names up"
            return Retryable(f"no address was found for {host}: {error.strerror}", cure=cure)
        case ssl.SSLCertVerificationError():
            return tls.bad_certificate(error, host)
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return Retryable(f"{where} closed the connection during TLS", cure=f"check that {host} serves HTTPS there")
        case ssl.SSLError():
            cure = "check the port in `url` of the mailbox; HTTPS is usually 443"
            return Permanent(f"{where} does not speak TLS: {error.reason or error}", cure=cure)
        case ConnectionRefusedError():
            cure = f"check the port in `url` of the mailbox, and that {host} runs"
            return Retryable(f"{where} refuses connections", cure=cure)
    return Retryable(
        f"{where}: {error.strerror or error}",
        cure=f"check `url` of the mailbox and the network between here and {host}",
    )


class GatewayTimeout(Retryable):
    """504: what was asked for took too long behind the server; less of it may not."""


def raise_if_busy(host: str, status: int, headers: Mapping[str, str]) -> None:
    """Raise Retryable for a status that asks to come again, with the time it names (RFC 9110 section 10.2.3)."""
    if status in _BUSY:
        busy = GatewayTimeout if status == 504 else Retryable
        raise busy(
            f"{host} {_BUSY[status]} (HTTP {status})",
            retry_after=wish(headers),
            cure=IT_PASSES,
        )


def wish(headers: Mapping[str, str]) -> timedelta | None:
    """What Retry-After asks for: seconds, or a date; which counts from the server's own clock, if it shows it."""
    asked = headers.get("retry-after", "").strip()
    if asked.isascii() and asked.isdigit():
        return timedelta(seconds=min(int(asked[:9]), 86_400))
    until = _instant(asked)
    if until is None:
        return None
    now = _instant(headers.get("date", "")) or datetime.now(UTC)
    return max(timedelta(0), min(until - now, timedelta(days=1)))


def _instant(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
