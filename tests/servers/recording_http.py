"""An HTTP forwarder on the loopback address that keeps what was asked and how it was answered, and can ask for a
password in front of a server that knows none."""

from __future__ import annotations

import base64
import http.client
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from tests.servers.loopback_http import Asked, Told, serve

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}
_REFUSED = Told(401, b"Who are you?\n", (("WWW-Authenticate", 'Basic realm="calendars"'),))


@dataclass(frozen=True, slots=True)
class Exchange:
    asked: Asked
    told: Told
    began: float
    """On the monotonic clock."""
    seconds: float
    """How long the answer took."""

    @property
    def bytes_sent(self) -> int:
        """By the client: request line, headers and body."""
        return len(f"{self.asked.method} {self.asked.path} HTTP/1.1") + _size(self.asked.headers, self.asked.body)

    @property
    def bytes_received(self) -> int:
        return len(f"HTTP/1.1 {self.told.status} OK") + _size(dict(self.told.headers), self.told.body)


@dataclass(slots=True)
class Recording:
    server_port: int
    passwords: Mapping[str, str] | None = None
    """User -> password; the server behind is told the user in X-Remote-User (RFC 3875 has REMOTE_USER)."""
    port: int = 0
    exchanges: list[Exchange] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def methods(self) -> list[str]:
        return [each.asked.method for each in self.exchanges]

    @property
    def requests(self) -> list[tuple[str, str]]:
        """Method and path of each, in order."""
        return [(each.asked.method, each.asked.path) for each in self.exchanges]

    @property
    def sent(self) -> int:
        return sum(each.bytes_sent for each in self.exchanges)

    @property
    def received(self) -> int:
        return sum(each.bytes_received for each in self.exchanges)

    def clear(self) -> None:
        self.exchanges.clear()

    def answer(self, asked: Asked) -> Told:
        began = time.monotonic()
        told = self._told(asked)
        self.exchanges.append(Exchange(asked, told, began, time.monotonic() - began))
        return told

    def _told(self, asked: Asked) -> Told:
        if self.passwords is None:
            return _forwarded(asked, self.server_port)
        user = _user(asked, self.passwords)
        return _forwarded(_named(asked, user), self.server_port) if user else _REFUSED


@contextmanager
def record(server_port: int, *, passwords: Mapping[str, str] | None = None) -> Iterator[Recording]:
    """In front of a plain-text server on this machine."""
    recording = Recording(server_port, passwords)
    with serve(recording.answer) as recording.port:
        yield recording


def _forwarded(asked: Asked, port: int) -> Told:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    headers = {name: value for name, value in asked.headers.items() if name not in _HOP_BY_HOP}
    try:
        connection.request(asked.method, asked.path, asked.body, headers)
        answer = connection.getresponse()
        body = answer.read()
    except OSError:
        return Told(502)
    finally:
        connection.close()
    kept = tuple((name, value) for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP)
    return Told(answer.status, body, kept)


def _user(asked: Asked, passwords: Mapping[str, str]) -> str:
    """Who signed in, or nobody."""
    scheme, _, credentials = asked.headers.get("authorization", "").partition(" ")
    user, _, password = base64.b64decode(credentials).decode().partition(":") if scheme == "Basic" else ("", "", "")
    return user if user in passwords and passwords[user] == password else ""


def _named(asked: Asked, user: str) -> Asked:
    return replace(asked, headers={**asked.headers, "x-remote-user": user})


def _size(headers: Mapping[str, str], body: bytes) -> int:
    return sum(len(f"{name}: {value}\r\n") for name, value in headers.items()) + len(body) + len("\r\n\r\n")
