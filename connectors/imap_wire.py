"""Commands out, answers in, over a connection that is signed in.

Commands are written ahead, so that the server works on the next answer while the caller is busy with this one. Servers
may answer in another order (RFC 3501 5.5; Dovecot does), so a response goes to the command of its kind; two SEARCHes,
whose answers nothing tells apart, must never wait at the same time. Whoever wants an answer takes in what comes before.
"""

from __future__ import annotations

import itertools
import re
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from connectors.imap_errors import busy, printable, refused, unreachable
from connectors.imap_scan import UID_ITEM, ProtocolError, Reader, Response
from connectors.imap_settings import Settings
from connectors.retry import IT_PASSES
from syncd.errors import Retryable, SyncError

RECEIVE = 65536
PATIENCE = 4
"""One answer may take this many timeouts in all: a server that gives a byte at a time is as good as silent."""

_KIND = re.compile(rb"\* (?:\d+ )?([A-Za-z]+)")
_FETCHED = re.compile(rb"\* \d+ FETCH \(UID (\d{1,10})[ )]")
_BYE = re.compile(rb"\* BYE ?(.*)", re.IGNORECASE | re.DOTALL)


def is_line_safe(text: bytes) -> bool:
    return not any(special in text for special in (b"\0", b"\r", b"\n"))


def imap_arg(text: bytes) -> bytes:
    """The one way for a string into a command: quoted. Raises ValueError for what would end the line.

    Folder names go back as the server spelled them, so nothing needs a literal.
    """
    if not is_line_safe(text):
        raise ValueError("NUL, CR and LF cannot go into an IMAP command")
    return b'"%b"' % text.replace(b"\\", b"\\\\").replace(b'"', b'\\"')


@dataclass(frozen=True, slots=True)
class Command:
    text: bytes
    what: str
    """What it is for, in words for the admin."""
    answered_by: bytes = b""
    """The kind of untagged response that is its answer (`FETCH`, `SEARCH`); any kind when empty."""
    uids: frozenset[int] = frozenset()
    """Those that a FETCH asks for, to tell its answer from another's."""


class Answer:
    """What comes for one command. Iterating yields its untagged responses and ends with the tagged one."""

    def __init__(self, wire: Wire, tag: bytes, command: Command) -> None:
        self._wire = wire
        self.command = command
        self.tag = tag
        self.responses: deque[Response] = deque()
        self.status: bytes | None = None
        self.text = ""

    def __iter__(self) -> Iterator[Response]:
        while True:
            while self.responses:
                yield self.responses.popleft()
            if self.status is not None:
                return
            self._wire.advance()

    def settle(self) -> None:
        """Take it in, without looking at it yet."""
        while self.status is None:
            self._wire.advance()

    def complete(self) -> list[Response]:
        """All untagged responses; raises one of the four if the command was refused."""
        responses = list(self)
        self.check()
        return responses

    @property
    def refusal(self) -> SyncError | None:
        """Once the answer is in: why the command was refused."""
        if self.status == b"OK":
            return None
        return refused(f"{self._wire.host}, {self.command.what}", self.text, understood=self.status == b"NO")

    @property
    def is_busy(self) -> bool:
        """Once the answer is in: the server refused for want of resources, not for what was asked."""
        return self.status != b"OK" and bool(busy(self.text))

    def check(self) -> None:
        if refusal := self.refusal:
            raise refusal


class Wire:
    """One signed-in connection. After an error of the connection itself it is `closed` and of no more use."""

    def __init__(
        self,
        connection: socket.socket,
        settings: Settings,
        hang_up: Callable[[], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._hang_up = hang_up
        self._clock = clock
        self._settings = settings
        self._reader = Reader(self._receive)
        self._tags = itertools.count(1)
        self._outstanding: dict[bytes, Answer] = {}
        self._waited = 0.0
        self.host = settings.host
        self.closed = False
        self.cut = False
        """It ended without a goodbye, and not because nothing came."""
        self.choked = False
        """It was cut while messages were asked for."""
        self.too_large = 0
        """The UID of the message of which we cut it ourselves."""
        self.used_at = self._clock()

    def send(self, commands: Sequence[Command]) -> list[Answer]:
        """Write the commands at once; their answers are read when they are asked for."""
        answers = [Answer(self, b"s%d" % next(self._tags), command) for command in commands]
        lines = [b"%b %b\r\n" % (answer.tag, answer.command.text) for answer in answers]
        if self.closed:
            raise Retryable(f"{self.host} has closed the connection", cure=IT_PASSES)
        try:
            self._connection.sendall(b"".join(lines))
        except OSError as error:
            self.close()
            raise unreachable(error, self._settings) from error
        self._outstanding.update((answer.tag, answer) for answer in answers)
        self.used_at = self._clock()
        return answers

    def run(self, command: Command) -> list[Response]:
        return self.send([command])[0].complete()

    def advance(self) -> None:
        """Take in one response, for whichever command it answers."""
        if self.closed or not self._outstanding:
            raise Retryable(f"{self.host} has closed the connection", cure=IT_PASSES)
        try:
            response = self._reader.response()
        except ProtocolError as error:
            self.close()
            self.cut = True
            self.too_large = error.uid
            raise Retryable(f"{self.host} sent {error}", cure=IT_PASSES) from error
        except OSError as error:
            self.close()
            self.cut = not isinstance(error, TimeoutError)
            raise unreachable(error, self._settings) from error
        self._take(response)

    def _take(self, response: Response) -> None:
        first = response[0]
        if first.startswith(b"* "):
            if first[2:3] in b"Bb" and (bye := _BYE.match(first)):
                self.close()
                raise _ended(refused(f"{self.host} ended the connection", printable(bye[1]), understood=True))
            self._answered(response).responses.append(response)
            return
        tag, _, rest = first.partition(b" ")
        # Anything else (the rest of a line that came with the sign-in, say) belongs to no command of ours.
        if answer := self._outstanding.pop(tag, None):
            status, _, text = rest.partition(b" ")
            answer.status, answer.text = status.upper(), printable(text)
            self._waited = 0.0

    def _answered(self, response: Response) -> Answer:
        """The command that an untagged response answers; the oldest that waits, if none of its kind does."""
        oldest = next(iter(self._outstanding.values()))
        if len(self._outstanding) == 1:
            return oldest
        if oldest.command.uids and (fetched := _FETCHED.match(response[0])) and int(fetched[1]) in oldest.command.uids:
            return oldest  # as nearly always, and three times as fast as what follows, which would say the same
        waiting = list(self._outstanding.values())
        kind = _KIND.match(response[0])
        same = [answer for answer in waiting if kind and answer.command.answered_by == kind[1].upper()]
        if len(same) > 1 and (uid := UID_ITEM.search(response[0])):
            same = [answer for answer in same if int(uid[1]) in answer.command.uids] or same
        return (same or waiting)[0]

    def _receive(self) -> bytes:
        begun = self._clock()
        chunk = self._connection.recv(RECEIVE)
        self._waited += self._clock() - begun
        if self._waited > PATIENCE * self._settings.timeout:
            raise TimeoutError("the server answers too slowly")
        return chunk

    def log_out(self) -> None:
        """Say goodbye without waiting for the answer."""
        with suppress(Retryable):
            self.send([Command(b"LOGOUT", "signing out")])
        self.close()

    def close(self) -> None:
        self.closed = True
        self._outstanding.clear()
        self._hang_up()


def _ended(error: SyncError) -> SyncError:
    """The end of a connection is a reason to make another, whatever was said with it."""
    return error if isinstance(error, Retryable) else Retryable(str(error), cure=error.cure)
