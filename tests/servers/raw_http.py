"""A server on the loopback address that answers with the very bytes that a test gives it."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import takewhile

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-One: a\r\nX-One: b\r\n\r\nwell"
HANG_UP = b""


def answer(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    """`content_encoding="gzip"` becomes the header Content-Encoding."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"HTTP/1.1 {status}", *lines, f"Content-Length: {len(body)}", "", ""])
    return head.encode() + body


@dataclass
class Raw:
    """Answers one request after the other from `answers`, of which the last stays; an empty one hangs up. A `greeting`
    is said before anything was asked."""

    port: int
    answers: list[bytes]
    greeting: bytes
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    open: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/path"

    def serve(self, listener: socket.socket, tls: ssl.SSLContext | None) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                self.connections += 1
                with suppress(OSError):
                    self.talk(tls.wrap_socket(connection, server_side=True) if tls else connection)
                connection.close()

    def talk(self, connection: socket.socket) -> None:
        self.open.append(connection)
        connection.sendall(self.greeting)
        with connection, connection.makefile("rb") as lines:
            while head := b"".join(takewhile(lambda line: line not in (b"", b"\r\n"), iter(lines.readline, None))):
                length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                body = lines.read(int(length[0].split(b":")[1])) if length else b""
                self.requests.append(head + body)
                words = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if words == HANG_UP:
                    return
                connection.sendall(words)
                if b"Connection: close" in words:
                    return


@contextmanager
def raw(*answers: bytes, tls: ssl.SSLContext | None = None, greeting: bytes = b"") -> Iterator[Raw]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Raw(listener.getsockname()[1], list(answers), greeting)
        thread = threading.Thread(target=server.serve, args=(listener, tls))
        thread.start()
        try:
            yield server
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            for each in server.open:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            thread.join()
