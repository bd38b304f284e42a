"""A TCP proxy on the loopback address that keeps what the client sends, counts what comes back, and cuts what it is
told to cut."""

from __future__ import annotations

import itertools
import re
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_LITERAL = re.compile(rb"\{(\d+)\}\r\n")


@dataclass(slots=True)
class Recording:
    port: int
    sent: bytearray = field(default_factory=bytearray)
    received: int = 0
    connections: int = 0
    cuts: int = 0
    turns: int = 0
    """How often the client spoke after the server: round trips."""
    _server_spoke: bool = False
    _open: list[socket.socket] = field(default_factory=list)

    @property
    def commands(self) -> list[str]:
        """The verbs that a client sent, `UID FETCH` in two words; what answers a challenge is none."""
        lines = [line.split(b" ") for line in bytes(self.sent).split(b"\r\n") if b" " in line]
        verbs = [(words[1].upper(), words[2].upper() if len(words) > 2 else b"") for words in lines]
        return [f"UID {second.decode()}" if verb == b"UID" else verb.decode() for verb, second in verbs]

    def take_sent(self, data: bytes) -> bytes:
        self.turns += self._server_spoke
        self._server_spoke = False
        self.sent.extend(data)
        return data

    def take_received(self, data: bytes) -> bytes:
        self._server_spoke = True
        self.received += len(data)
        return data

    def taking_received(self, most: float) -> Callable[[bytes], bytes]:
        """The same up to so many bytes, and then to the middle of the literal that comes next."""

        def take(data: bytes) -> bytes:
            nonlocal most
            most -= len(data)
            literal = _LITERAL.search(data) if most < 0 else None
            if literal is None:
                return self.take_received(data)
            self.cuts += 1
            here = min(int(literal[1]), len(data) - literal.end())
            return self.take_received(data[: literal.end() + here // 2])

        return take

    def cut(self) -> None:
        """Reset every connection."""
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._open.clear()


@contextmanager
def record(server_port: int, *, cut_after: Iterable[float] = ()) -> Iterator[Recording]:
    """In front of a plain-text server on this machine. `cut_after` is how much of the server's the first connection
    lives to pass on, then the second, and so on; the others are not cut."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        recording = Recording(int(listener.getsockname()[1]))
        lives = itertools.chain(cut_after, itertools.repeat(float("inf")))
        threads = [threading.Thread(target=_accept, args=(listener, server_port, recording, lives))]
        threads[0].start()
        try:
            yield recording
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            threads[0].join()
            recording.cut()


def _accept(listener: socket.socket, server_port: int, recording: Recording, lives: Iterator[float]) -> None:
    pumps: list[threading.Thread] = []
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            server = socket.create_connection(("127.0.0.1", server_port))
            recording.connections += 1
            recording._open += (client, server)
            pumps += (
                threading.Thread(target=_pump, args=(client, server, recording.take_sent)),
                threading.Thread(target=_pump, args=(server, client, recording.taking_received(next(lives)))),
            )
            for pump in pumps[-2:]:
                pump.start()
    recording.cut()
    for pump in pumps:
        pump.join()


def _pump(source: socket.socket, target: socket.socket, take: Callable[[bytes], bytes]) -> None:
    """Until an end comes, or something is taken out."""
    with suppress(OSError):
        while data := source.recv(65536):
            passed = take(data)
            target.sendall(passed)
            if passed != data:
                break
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
