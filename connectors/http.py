"""The HTTP client of the connectors: one account's connections, limits on what may come back, and no surprises.

It follows no redirect, keeps no cookie, reads no proxy from the environment, signs nothing in and logs nothing: whoever
calls decides hop by hop. It is httpcore2, the layer below httpx2, where each connection can be looked at as it is made.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import httpcore2

from connectors import http_errors, tls
from connectors.http_reach import Guarded
from connectors.places import is_loopback
from connectors.retry import IT_PASSES, persistently
from syncd import __version__
from syncd.errors import Permanent, Retryable

REPEATABLE = frozenset({"GET", "OPTIONS", "PROPFIND", "REPORT"})
"""Methods that change nothing, and so may be sent again when no answer came."""

CONNECT_TIMEOUT = 10.0
LONGEST = 5
"""An answer may take so many times the timeout between two of its bytes."""

_MB = 1024 * 1024


class TooLarge(Permanent):
    """The answer is larger than the caller would take."""


class Response(NamedTuple):
    """Any answer but those that ask to come again later; a redirect or a refusal too."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; one that came twice has its values joined by commas."""
    body: bytes
    url: str


class Client:
    """The connections of one account; used by one thread at a time."""

    def __init__(
        self,
        *,
        methods: Iterable[str],
        home: str = "",
        ca_file: Path | None = None,
        timeout: float = 60.0,
        keep_alive: float = 300.0,
    ) -> None:
        """Only `methods` ever leave. `home` is the host that the admin named: no other one may lie further inside the
        network. `timeout` is the seconds between two bytes; a connection idle for `keep_alive` is not used again."""
        self._methods = frozenset(methods)
        self._guard = Guarded(home)
        self._ca_file = ca_file
        self._timeout = timeout
        self._keep_alive = keep_alive
        self._pools: dict[str, httpcore2.ConnectionPool] = {}
        """Scheme -> its connections."""

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        max_bytes: int = 64 * _MB,
    ) -> Response:
        """Raises Retryable for what passes (the network, 408, 429, 502 to 504), TooLarge for a body of more than
        `max_bytes` when unpacked, else Permanent. What changes nothing is tried again for a short while first."""
        if method not in self._methods:
            raise Permanent(f"{method} is no method that this account may send", cure="please report this fault")
        host = _checked(url)
        sent = {
            "User-Agent": f"syncd/{__version__}",
            # To pack what crosses no wire costs both sides more than it spares.
            "Accept-Encoding": "identity" if is_loopback(host) else "gzip",
            **(headers or {}),
        }
        request = (method, url, sent, body)
        try:
            if method not in REPEATABLE:
                return self._once(*request, host, max_bytes)
            return persistently(lambda: self._once(*request, host, max_bytes))
        except httpcore2.ReadTimeout as error:
            # Not tried again here: a server that works on its answer for so long would work twice.
            raise http_errors.translated(error, urlsplit(url)) from error

    def close(self) -> None:
        """Close all connections; the next request opens new ones."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.close()

    def _once(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, host: str, max_bytes: int
    ) -> Response:
        waits = {"connect": min(CONNECT_TIMEOUT, self._timeout), "read": self._timeout, "write": self._timeout}
        try:
            with self._connections(urlsplit(url).scheme).stream(
                method, url, headers=[*headers.items()], content=body or None, extensions={"timeout": waits}
            ) as answer:
                told = _lowered(answer.headers)
                content = _unpacked(self._in_time(answer, host), told.get("content-encoding", ""), host, max_bytes)
        except httpcore2.ReadTimeout:
            raise
        except http_errors.FOREIGN as error:
            raise http_errors.translated(error, urlsplit(url)) from error
        http_errors.raise_if_busy(host, answer.status, told)
        return Response(answer.status, told, content, url)

    def _connections(self, scheme: str) -> httpcore2.ConnectionPool:
        if scheme not in self._pools:
            # To make a context reads all authorities: nothing that a server on this machine, asked in clear, need cost.
            verifies = scheme == "https" or self._ca_file is not None
            self._pools[scheme] = httpcore2.ConnectionPool(
                ssl_context=tls.context(self._ca_file, alpn="http/1.1") if verifies else None,
                max_connections=4,
                keepalive_expiry=self._keep_alive,
                network_backend=self._guard,
            )
        return self._pools[scheme]

    def _in_time(self, answer: httpcore2.Response, host: str) -> Iterable[bytes]:
        until = time.monotonic() + LONGEST * self._timeout
        for chunk in answer.iter_stream():
            yield chunk
            if time.monotonic() > until:
                raise Retryable(f"{host} sends its answer too slowly", cure="nothing, if it passes; else ask its admin")


def _checked(url: str) -> str:
    """The host of a URL that may be asked; raises Permanent."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc or not url.isascii():
        raise Permanent(f"{parts.scheme}://{host} is no address that can be asked", cure="check `url` of the mailbox")
    if parts.scheme == "http" and not is_loopback(host):
        cure = "write https:// in `url` of the mailbox (without TLS only a server on this machine is spoken to)"
        raise Permanent(f"{host} would be asked in clear", cure=cure)
    return host


def _lowered(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    lowered: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        lowered[key] = f"{lowered[key]}, {text}" if key in lowered else text
    return lowered


def _unpacked(chunks: Iterable[bytes], encoding: str, host: str, max_bytes: int) -> bytes:
    """The body, of which no more than `max_bytes` are ever held, however small they were packed."""
    encoding = encoding.strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise Permanent(f"{host} packs its answer as {encoding[:40]!r}, which it was not asked to", cure=IT_PASSES)
    packed = encoding in ("gzip", "x-gzip")
    unpacker = _Gunzip() if packed else None
    whole = bytearray()
    for chunk in chunks:
        whole += unpacker.take(chunk, max_bytes + 1 - len(whole)) if unpacker else chunk
        if len(whole) > max_bytes:
            raise TooLarge(f"{host} answers with more than {max_bytes // _MB or 1} MB", cure=IT_PASSES)
    if unpacker and not unpacker.is_whole:
        raise Retryable(f"{host} cut its answer short", cure=IT_PASSES)
    return bytes(whole)


class _Gunzip:
    """One gzip stream, or several in a row (RFC 1952 section 2.2), by pieces of a bounded size."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._begun = False

    @property
    def is_whole(self) -> bool:
        return not self._begun or self._inflate.eof

    def take(self, data: bytes, most: int) -> bytes:
        """What comes out of `data`, but no more than `most` (which is at least 1)."""
        out = bytearray()
        while data and len(out) < most:
            if self._inflate.eof:
                self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)
            self._begun = True
            out += self._inflate.decompress(data, most - len(out))
            data = self._inflate.unused_data or self._inflate.unconsumed_tail
        return bytes(out)
