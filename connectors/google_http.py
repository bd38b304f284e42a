"""HTTP to Google: connections that all accounts of the process share, with time and size limits.

Each request takes an idle connection or makes one, so there are as many as threads that ask at once. Nothing is
followed, cached or retried but a request that a connection which lay idle could not take.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

import httplib2

from connectors import tls
from connectors.google_errors import IT_PASSES
from syncd.errors import Permanent, Retryable, SyncError

LARGEST = 64 * 1024 * 1024
"""Octets of an answer, unpacked: Gmail takes no mail above 50 MB."""
LONGEST = 300.0
"""Seconds that an answer may take altogether, however steadily its octets drip."""
IDLE = 100.0
"""Seconds after which an idle connection is not used again; Google ends them after four minutes."""
KEPT = 64
_CHUNK = 256 * 1024

_Connection = http.client.HTTPConnection


class Answer(NamedTuple):
    status: int
    reason: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class _Place(NamedTuple):
    secure: bool
    host: str
    port: int | None


@dataclass(slots=True, eq=False)
class Connections:
    _idle: dict[_Place, list[tuple[float, _Connection]]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def request(self, verb: str, url: str, body: bytes | None, headers: Mapping[str, str], timeout: float) -> Answer:
        """One request and its answer, whatever its status. Raises Retryable, or Permanent for a bad certificate."""
        parts = urlsplit(url)
        assert parts.hostname
        place = _Place(parts.scheme == "https", parts.hostname, parts.port)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        while True:
            kept = self._kept(place)
            connection = kept or _new(place, timeout)
            try:
                answer, reusable = _exchange(connection, verb, target, body, headers, timeout)
            except (OSError, http.client.HTTPException, zlib.error) as error:
                connection.close()
                if kept is None or not isinstance(error, ConnectionError):
                    raise _unreachable(error, place.host) from error
                continue  # the other side had closed it while it lay idle
            except SyncError:
                connection.close()
                raise
            if reusable:
                self._keep(place, connection)
            else:
                connection.close()
            return answer

    def close(self) -> None:
        """Close what lies idle."""
        with self._lock:
            idle = [connection for kept in self._idle.values() for _, connection in kept]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def forget(self) -> None:
        """In a process that was forked: the connections are its parent's, and so may the lock have been."""
        idle, self._idle, self._lock = self._idle, {}, Lock()
        for _, connection in (each for kept in idle.values() for each in kept):
            connection.close()

    def _kept(self, place: _Place) -> _Connection | None:
        with self._lock:
            kept = self._idle.get(place, [])
            fresh = [(since, each) for since, each in kept if time.monotonic() - since < IDLE]
            stale = [each for since, each in kept if time.monotonic() - since >= IDLE]
            found = fresh.pop()[1] if fresh else None
            self._idle[place] = fresh
        for each in stale:
            each.close()
        return found

    def _keep(self, place: _Place, connection: _Connection) -> None:
        with self._lock:
            kept = self._idle.setdefault(place, [])
            if len(kept) < KEPT:
                kept.append((time.monotonic(), connection))
                return
        connection.close()


CONNECTIONS = Connections()
"""The process's own."""

os.register_at_fork(after_in_child=CONNECTIONS.forget)


def _new(place: _Place, timeout: float) -> _Connection:
    if place.secure:
        return http.client.HTTPSConnection(place.host, place.port, timeout=timeout, context=tls.context(None))
    return http.client.HTTPConnection(place.host, place.port, timeout=timeout)


def _exchange(
    connection: _Connection, verb: str, target: str, body: bytes | None, headers: Mapping[str, str], timeout: float
) -> tuple[Answer, bool]:
    if connection.sock is not None:
        connection.sock.settimeout(timeout)
    connection.request(verb, target, body, dict(headers))
    response = connection.getresponse()
    found = {name.lower(): value for name, value in response.getheaders()}
    content = _read(response, found.get("content-encoding", ""))
    reusable = not response.will_close
    return Answer(response.status, response.reason, found, content), reusable


def _read(response: http.client.HTTPResponse, encoding: str) -> bytes:
    ends = time.monotonic() + LONGEST
    unpacker = zlib.decompressobj(wbits=47) if encoding in ("gzip", "deflate") else None  # 47: either of the two
    content = bytearray()
    while chunk := response.read(_CHUNK):
        content += unpacker.decompress(chunk, LARGEST + 1) if unpacker else chunk
        if len(content) > LARGEST:
            raise Permanent(f"Google's answer is larger than {LARGEST} octets", cure="please report it")
        if time.monotonic() > ends:
            raise Retryable(f"Google took over {LONGEST:.0f} seconds for one answer", cure=IT_PASSES)
    if response.length or (unpacker and content and not unpacker.eof):
        raise http.client.IncompleteRead(bytes(content))  # which read(n) does not raise by itself
    return bytes(content)


def _unreachable(error: Exception, host: str) -> SyncError:
    cure = f"check the network between here and {host}, and any firewall before it"
    match error:
        case socket.gaierror():
            return Retryable(f"no address was found for {host}: {error.strerror}", cure=cure)
        case ssl.SSLCertVerificationError():
            return tls.bad_certificate(error, host)
        case TimeoutError():
            return Retryable(f"{host} does not answer", cure=cure)
        case ConnectionRefusedError():
            return Retryable(f"{host} refuses connections", cure=cure)
        case OSError():
            return Retryable(f"{host}: {error.strerror or error}", cure=cure)
    return Retryable(f"{host} ended the connection within an answer", cure=cure)


class SignedIn(Protocol):
    """Whoever has access tokens for one account (google_sign_in)."""

    def access_token(self) -> str: ...

    def renew(self) -> None:
        """The token was refused: the next one must be another."""
        ...


_PACKED = {"accept-encoding": "gzip", "user-agent": "syncd (gzip)"}
"""Google packs no answer without that word in the agent's name
(https://developers.google.com/workspace/drive/api/guides/performance)."""


@dataclass(frozen=True, slots=True)
class Http:
    """What google-api-python-client takes for httplib2.Http, of one account."""

    sign_in: SignedIn
    timeout: float

    def request(
        self, uri: str, method: str = "GET", body: str | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[httplib2.Response, bytes]:
        """Raises SyncErrors only; a refusal is an answer. A token that was refused is renewed once."""
        answer = self._once(uri, method, body, headers or {})
        if answer.status == 401:
            self.sign_in.renew()
            answer = self._once(uri, method, body, headers or {})
        response = httplib2.Response({**answer.headers, "status": str(answer.status)})
        response.reason = answer.reason
        return response, answer.body

    def _once(self, uri: str, method: str, body: str | None, headers: Mapping[str, str]) -> Answer:
        signed = {**_PACKED, **headers, "authorization": f"Bearer {self.sign_in.access_token()}"}
        content = None if body is None else body.encode()
        return CONNECTIONS.request(method, uri, content, signed, self.timeout)
