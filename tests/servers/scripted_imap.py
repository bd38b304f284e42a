"""A small IMAP server on the loopback address that behaves, but for what a test scripts: the odd servers of the world.

`server.script["UID FETCH"] = lambda request, usual: ...` answers a command in its own way; `usual()` is the
well-behaved answer, tagged line included. What a script returns is sent as it is; raising HangUp sends its bytes and
disconnects.
"""

from __future__ import annotations

import base64
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Request:
    tag: bytes
    verb: str
    """`UID FETCH` in two words."""
    rest: bytes

    def ok(self, untagged: bytes = b"", text: bytes = b"done") -> bytes:
        return untagged + self.tag + b" OK " + text + b"\r\n"

    def no(self, text: bytes) -> bytes:
        return self.tag + b" NO " + text + b"\r\n"


class HangUp(Exception):
    """Send these bytes, and close the connection."""

    def __init__(self, last: bytes = b"") -> None:
        super().__init__()
        self.last = last


Script: TypeAlias = Callable[[Request, Callable[[], bytes]], bytes]


@dataclass(slots=True)
class Box:
    """One folder."""

    messages: dict[int, bytes] = field(default_factory=dict)
    """UID -> header and body."""
    validity: int = 1
    next: int = 1
    dates: dict[int, bytes] = field(default_factory=dict)

    def add(self, raw: bytes) -> int:
        self.messages[self.next] = raw
        self.next += 1
        return self.next - 1


@dataclass(slots=True)
class ScriptedServer:
    port: int
    boxes: dict[str, Box] = field(default_factory=lambda: {"INBOX": Box()})
    attributes: dict[str, str] = field(default_factory=dict)
    capabilities: str = "IMAP4rev1 AUTH=PLAIN UNSELECT"
    tls: ssl.SSLContext | None = None
    """For STARTTLS."""
    greeting: bytes = b"* OK ready\r\n"
    script: dict[str, Script] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    sign_ins: int = 0

    @property
    def inbox(self) -> Box:
        return self.boxes["INBOX"]

    def verbs(self) -> list[str]:
        return [request.verb for request in self.requests]


@contextmanager
def serve() -> Iterator[ScriptedServer]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = ScriptedServer(int(listener.getsockname()[1]))
        threads: list[threading.Thread] = []
        connections: list[socket.socket] = []
        accepting = threading.Thread(target=_accept, args=(listener, server, threads, connections))
        accepting.start()
        try:
            yield server
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for each in connections:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def _accept(
    listener: socket.socket,
    server: ScriptedServer,
    threads: list[threading.Thread],
    connections: list[socket.socket],
) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connections.append(connection)
            threads.append(threading.Thread(target=_Conversation(server, connection).hold))
            threads[-1].start()


@dataclass(slots=True)
class _Conversation:
    server: ScriptedServer
    connection: socket.socket
    selected: str = ""

    def hold(self) -> None:
        with suppress(OSError):
            self.connection.sendall(self.server.greeting)
            while self._talk():
                # The client asked for TLS.
                assert self.server.tls is not None
                self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.connection.close()

    def _talk(self) -> bool:
        """Until the end of the connection, or of its plain text: then true."""
        with self.connection.makefile("rb") as lines:
            for line in lines:
                tag, verb, rest = _split(line.rstrip(b"\r\n"))
                if verb == "AUTHENTICATE":
                    self.connection.sendall(b"+ \r\n")
                    rest = base64.b64decode(lines.readline())
                request = Request(tag, verb, rest)
                self.server.requests.append(request)
                try:
                    answer = self._answer(request)
                except HangUp as end:
                    self.connection.sendall(end.last)
                    return False
                self.connection.sendall(answer)
                if verb == "STARTTLS" and self.server.tls:
                    return True
        return False

    def _answer(self, request: Request) -> bytes:
        if scripted := self.server.script.get(request.verb):
            return scripted(request, lambda: self._usual(request))
        return self._usual(request)

    def _usual(self, request: Request) -> bytes:
        server = self.server
        if request.verb in ("UID SEARCH", "UID FETCH") and not self.selected:
            return request.tag + b" BAD no folder is selected\r\n"
        match request.verb:
            case "CAPABILITY":
                return request.ok(f"* CAPABILITY {server.capabilities}\r\n".encode())
            case "AUTHENTICATE" | "LOGIN":
                server.sign_ins += 1
                return request.ok()
            case "LIST":
                lines = (f'* LIST ({server.attributes.get(name, "")}) "/" "{name}"\r\n' for name in server.boxes)
                return request.ok("".join(lines).encode())
            case "STATUS":
                name, box = self._box(request.rest)
                state = f"MESSAGES {len(box.messages)} UIDNEXT {box.next} UIDVALIDITY {box.validity}"
                return request.ok(f'* STATUS "{name}" ({state})\r\n'.encode())
            case "EXAMINE":
                self.selected, box = self._box(request.rest)
                codes = f"* OK [UIDVALIDITY {box.validity}] .\r\n* OK [UIDNEXT {box.next}] .\r\n"
                return request.ok(f"* {len(box.messages)} EXISTS\r\n{codes}".encode(), b"[READ-ONLY] done")
            case "UID SEARCH":
                uids = _matching(request.rest, self._selected().messages)
                return request.ok(b"* SEARCH" + b"".join(b" %d" % uid for uid in uids) + b"\r\n")
            case "UID FETCH":
                return request.ok(b"".join(self.row(uid, request.rest) for uid in self._asked(request)))
            case "LOGOUT":
                raise HangUp(b"* BYE\r\n" + request.ok())
        return request.ok()

    def _box(self, argument: bytes) -> tuple[str, Box]:
        name = argument.split(b'"')[1].decode()
        return name, self.server.boxes[name]

    def _selected(self) -> Box:
        return self.server.boxes[self.selected]

    def _asked(self, request: Request) -> list[int]:
        return _matching(b"UID " + request.rest.split(b" ", 1)[0], self._selected().messages)

    def row(self, uid: int, items: bytes) -> bytes:
        box = self._selected()
        return row(sorted(box.messages).index(uid) + 1, uid, box.messages[uid], items, box.dates.get(uid))


def row(number: int, uid: int, raw: bytes, items: bytes, date: bytes | None = None) -> bytes:
    """One FETCH response with whatever of our connector's items was asked."""
    header, _, body = raw.partition(b"\r\n\r\n")
    parts = [b"UID %d" % uid]
    if b"INTERNALDATE" in items:
        parts.append(b'INTERNALDATE "%b"' % (date or b"02-Nov-2026 10:00:00 +0000"))
    if b"RFC822.SIZE" in items:
        parts.append(b"RFC822.SIZE %d" % len(raw))
    if names := re.search(rb"HEADER\.FIELDS \([^)]*\)", items):
        parts.append(b"BODY[%b] {%d}\r\n%b\r\n\r\n" % (names[0], len(header) + 4, header))
    if wanted := re.search(rb"PEEK\[TEXT\]<0\.(\d+)>", items):
        beginning = body[: int(wanted[1])]
        parts.append(b"BODY[TEXT]<0> {%d}\r\n%b" % (len(beginning), beginning))
    return b"* %d FETCH (%b)\r\n" % (number, b" ".join(parts))


def _split(line: bytes) -> tuple[bytes, str, bytes]:
    tag, _, rest = line.partition(b" ")
    verb, _, rest = rest.partition(b" ")
    if verb.upper() == b"UID":
        second, _, rest = rest.partition(b" ")
        verb = b"UID " + second
    return tag, verb.decode("latin-1").upper(), rest


def _matching(criterion: bytes, messages: Mapping[int, bytes]) -> list[int]:
    """`UID set`; everything for ALL and SINCE. A range `n:*` holds the last message whatever n is."""
    words = criterion.split()
    if words[0] != b"UID":
        return sorted(messages)
    highest = max(messages, default=0)
    wanted: set[int] = set()
    for part in words[1].decode().split(","):
        ends = [highest if end == "*" else int(end) for end in part.split(":")]
        low, high = min(ends), max(ends)
        wanted.update(uid for uid in messages if low <= uid <= high)
    return sorted(wanted)
