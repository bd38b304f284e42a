"""The wire of the fake Google: HTTP/1.1 on loopback, tokens, batches, and answers that break off."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from tests.servers.fake_google import Clock, Cut, FakeGoogle, encoded
from tests.servers.google_errors import Refusal


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # a whole answer in one packet, or each waits 40 ms for an acknowledgement
    fake: FakeGoogle

    def do_GET(self) -> None:
        if urlsplit(self.path).path == "/auth":
            self._consent()
        else:
            self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    do_PUT = do_PATCH = do_DELETE = do_POST

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date header, by the fake's clock."""
        return super().date_time_string(self.fake.clock() if timestamp is None else timestamp)

    def log_message(self, format: str, *args: Any) -> None:
        """Not to stderr."""

    def _consent(self) -> None:
        """The page at which its user agrees, and is sent back at once."""
        oauth, query = self.fake.oauth, parse_qs(urlsplit(self.path).query)
        self.send_response(302)
        self.send_header("Location", oauth.consent(query, oauth.at_browser))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _serve(self, body: bytes) -> None:
        fake, path = self.fake, urlsplit(self.path).path
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        with fake.lock:
            fake.requests.append((self.command, path))
            content_type = "application/json; charset=UTF-8"
            answer: Refusal | dict[str, Any] | Cut | bytes | tuple[str, bytes]
            if path == "/token":
                answer = self._token(body)
            elif path.startswith("/batch"):
                answer = fake.batch(self.headers["Content-Type"], body, token)
            else:
                verb = self.headers.get("X-HTTP-Method-Override", self.command)
                target = f"{self.path}?{body.decode()}" if verb != self.command else self.path
                answer = fake.answer(verb, target, token)
            fake.answered()
        if isinstance(answer, tuple) and not isinstance(answer, Refusal):
            content_type, answer = answer
        self._send(answer, content_type)

    def _token(self, body: bytes) -> Refusal | dict[str, Any] | Cut | bytes:
        form = dict(parse_qsl(body.decode()))
        self.fake.forms.append(form)
        if self.fake.token_fault is not None:
            return self.fake.token_fault
        status, answer = self.fake.oauth.token(form)
        return answer if status == 200 else Refusal(status, answer)

    def _send(self, answer: Refusal | dict[str, Any] | Cut | bytes, content_type: str) -> None:
        if isinstance(answer, Cut):
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"[: answer.after])
            self.close_connection = True
            return
        status, content, _ = encoded(answer)
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        if isinstance(answer, Refusal) and answer.retry_after:
            self.send_header("Retry-After", answer.retry_after)
        self.end_headers()
        self.wfile.write(content)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


class Door:
    """A port of loopback with a fake behind it, and another one after that: a service object of Google's client, which
    takes longer to make than a test, holds for one address."""

    def __init__(self, url: str, handler: type[_Handler]) -> None:
        self._url = url
        self._handler = handler

    def open(self, now: float) -> FakeGoogle:
        """A new fake in the place of the former; its clock stands still unless someone sleeps on it."""
        self._handler.fake = FakeGoogle(Clock(now), self._url)
        return self._handler.fake


@contextmanager
def listening() -> Iterator[Door]:
    handler = type("_HandlerOfOne", (_Handler,), {})
    with _Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield Door(f"http://127.0.0.1:{server.server_address[1]}", handler)
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def serve(now: float | None = None) -> Iterator[FakeGoogle]:
    """One fake, until the block ends."""
    with listening() as door:
        yield door.open(time.time() if now is None else now)
