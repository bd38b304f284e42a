"""A TCP line on the loopback address to a plain-text server, which a test can break: it goes dead without a word, or
is reset, at once, in the middle of an IMAP literal, or with the answer to a COMMIT."""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_LITERAL = re.compile(rb"\{(\d+)\}\r\n")
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""SO_LINGER for no time at all: the other end gets RST, and not FIN (socket(7))."""


@dataclass(slots=True)
class Line:
    port: int
    resets_to_come: int = 0
    """That many connections are reset, each within the next literal that the server sends."""
    resets: int = 0
    commits: int = 0
    """So many came over it since a test set this to 0."""
    loses: int = -1
    """The COMMIT of that number is carried out, and its answer never comes: the connection is reset."""
    _passes: threading.Event = field(default_factory=threading.Event)
    _open: list[socket.socket] = field(default_factory=list)

    def die(self) -> None:
        """Pass nothing on any more, and say nothing of it: half-open. New connections are as dead."""
        self._passes.clear()

    def revive(self) -> None:
        self._passes.set()

    def reset(self) -> None:
        """Every connection that is open."""
        for each in self._open:
            with suppress(OSError):
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                each.shutdown(socket.SHUT_RD)
        self._open.clear()

    def pump(self, source: socket.socket, target: socket.socket, *, breaks: bool, cut: threading.Event) -> None:
        """Until an end comes; `breaks` where literals, and the answers to COMMITs, come from."""
        with suppress(OSError):
            while data := source.recv(65536):
                self._passes.wait()
                if breaks and cut.is_set():
                    self.resets += 1
                    target.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                    break
                if not breaks and b"COMMIT" in data:
                    if self.commits == self.loses:
                        cut.set()
                    self.commits += 1
                if breaks and self.resets_to_come and (literal := _LITERAL.search(data)):
                    target.sendall(data[: literal.end() + int(literal[1]) // 2])
                    self.resets_to_come -= 1
                    self.resets += 1
                    target.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                    break
                target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RD)
            each.close()


@contextmanager
def line_to(server_port: int) -> Iterator[Line]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        line = Line(int(listener.getsockname()[1]))
        line.revive()
        accepting = threading.Thread(target=_accept, args=(listener, server_port, line))
        accepting.start()
        try:
            yield line
        finally:
            line.revive()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            accepting.join()


def _accept(listener: socket.socket, server_port: int, line: Line) -> None:
    pumps: list[threading.Thread] = []
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            server = socket.create_connection(("127.0.0.1", server_port))
            line._open += (client, server)
            cut = threading.Event()
            for source, target in ((client, server), (server, client)):
                manner = {"breaks": source is server, "cut": cut}
                pump = threading.Thread(target=line.pump, args=(source, target), kwargs=manner)
                pumps.append(pump)
                pump.start()
    line.reset()
    for pump in pumps:
        pump.join()
