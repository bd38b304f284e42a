"""An HTTP/1.1 server on a free port of the loopback address: a function from request to answer, for the fakes to be."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    path: str
    """The request's target as it came, with its query."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    port: int = 0
    """The client's: one for each connection."""


@dataclass(frozen=True, slots=True)
class Told:
    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    cut_after: int | None = None
    """Of the body only so many bytes are sent, and then the connection ends."""
    waits: threading.Event | None = None
    """The second half of the body waits until it is set."""


@contextmanager
def serve(answer: Callable[[Asked], Told], *, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Yields the port; every connection is ended when the block is."""
    with _Server(answer) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        running = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        running.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            running.join()
            server.hang_up()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 64

    def __init__(self, answer: Callable[[Asked], Told]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.connections: set[socket.socket] = set()

    def server_bind(self) -> None:
        """Without asking the resolver for the machine's name, as HTTPServer does."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        self.connections.add(connection)
        return connection, address

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is none of ours."""

    def hang_up(self) -> None:
        for each in self.connections:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def __getattr__(self, name: str) -> Callable[[], None]:
        """`do_PROPFIND` and every other verb."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the tests look at what was asked, not at a log."""

    def _serve(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        told = self.server.answer(Asked(self.command, self.path, headers, self._body(headers), self.client_address[1]))
        self.send_response_only(told.status)
        for name, value in told.headers:
            self.send_header(name, value)
        if told.status not in (204, 304):
            self.send_header("Content-Length", str(len(told.body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        half = len(told.body) // 2 if told.waits else len(told.body)
        end = len(told.body) if told.cut_after is None else told.cut_after
        self.wfile.write(told.body[: min(half, end)])
        if told.waits:
            told.waits.wait(60)
            self.wfile.write(told.body[half:end])
        if told.cut_after is not None:
            self.close_connection = True

    def _body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(headers.get("content-length", 0)))
        body = bytearray()
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return bytes(body)
