"""What an IMAP server answers: bytes to responses, and FETCH responses to values. Does no I/O but `receive`.

A general lexer looks at each token of an answer (36 microseconds a message with IMAPClient's). This one looks for line
ends and literals only, and reads the shape that most servers send with one expression; whatever has another shape
takes the careful way, and a test holds both against IMAPClient's parser.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

Response: TypeAlias = tuple[bytes, ...]
"""Text, literal, text, literal, ... text: one untagged, tagged or continuation response without its line ends."""

Value: TypeAlias = "bytes | list[Value] | None"

MAX_LINE = 16_000_000
"""The UIDs of two million messages; the structure of a mail of a hundred thousand parts."""
MAX_PARSED = 256 * 1024
"""A longer line, the structure of some three thousand parts, is passed over: a megabyte takes a tenth of a second."""
MAX_LITERAL = 25 * 1024 * 1024
MAX_HEADER = 1024 * 1024
"""Over TLS Dovecot gives a header of many short lines in as many records: 10 MB of them take a second of CPU."""
MAX_KEPT = 160 * 1024
"""Of a longer literal only the beginning is kept: the parsers look at 128 KiB, and a chunk has 500 messages."""
MAX_DEPTH = 100

_CARRIAGE_RETURN = ord("\r")
UID_ITEM = re.compile(rb"[ (]UID (\d{1,10})[ )]", re.IGNORECASE)

_CLOSING_BRACE = ord("}")
_LITERAL = re.compile(rb"\{(\d{1,20})\+?\}\Z")
_FREE_TEXT = re.compile(rb"\* (?:OK|NO|BAD|BYE|PREAUTH)\b|[^*]", re.IGNORECASE)


class ProtocolError(Exception):
    """What came is no IMAP, or more than we are willing to hold; the connection is of no more use."""

    def __init__(self, message: str, *, uid: int = 0) -> None:
        super().__init__(message)
        self.uid = uid
        """Of the message that is too large."""


class Reader:
    """Cuts the bytes that `receive` brings (empty at the end of the connection) into responses."""

    def __init__(self, receive: Callable[[], bytes]) -> None:
        self._receive = receive
        self._buffer = b""
        self._at = 0

    def response(self) -> Response:
        """The next one: the shortest way is for a line alone, and for one literal that is all here already."""
        buffer, at = self._buffer, self._at
        end = buffer.find(b"\n", at) - 1  # one byte is found much faster than two
        if end <= at or buffer[end] != _CARRIAGE_RETURN:
            return self._any_response()
        if buffer[end - 1] != _CLOSING_BRACE:
            self._at = end + 2
            return (buffer[at:end],)
        size = buffer[buffer.rfind(b"{", at, end) + 1 : end - 1]
        if size.isdigit() and len(size) < 9 and buffer.startswith(b"* ", at) and buffer[at + 2 : at + 3].isdigit():
            stop = end + 2 + int(size)
            if buffer[stop : stop + 3] == b")\r\n":
                self._at = stop + 3
                return (buffer[at:end], buffer[end + 2 : stop], b")")
        return self._any_response()

    def _any_response(self) -> Response:
        line = self._line()
        if not line.endswith(b"}") or _FREE_TEXT.match(line):
            return (line,)
        pieces = [line]
        while (literal := _LITERAL.search(pieces[-1])) is not None:
            size = int(literal[1])
            if size > MAX_HEADER and (size > MAX_LITERAL or b"[HEADER" in pieces[-1].upper()):
                uid = UID_ITEM.search(line)
                raise ProtocolError(f"a literal of {size} bytes", uid=int(uid[1]) if uid else 0)
            pieces.append(self._exactly(size))
            pieces.append(self._line())
        return tuple(pieces)

    def _line(self) -> bytes:
        end = self._buffer.find(b"\r\n", self._at)
        if end < 0:
            self._gather_line()
            end = self._buffer.find(b"\r\n")
        line = self._buffer[self._at : end]
        self._at = end + 2
        return line

    def _gather_line(self) -> None:
        """Receive until a line end has come; each byte is looked at once, however small the pieces."""
        parts = [self._buffer[self._at :]]
        size = len(parts[0])
        while True:
            chunk = self._more()
            ended = b"\r\n" in chunk or (parts[-1].endswith(b"\r") and chunk.startswith(b"\n"))
            parts.append(chunk)
            size += len(chunk)
            if ended:
                break
            if size > MAX_LINE:
                raise ProtocolError(f"a line of {size} bytes")
        self._buffer, self._at = b"".join(parts), 0

    def _exactly(self, size: int) -> bytes:
        end = self._at + size
        if end <= len(self._buffer):
            literal = self._buffer[self._at : end]
            self._at = end
            return literal
        parts = [self._buffer[self._at :]]
        missing = size - len(parts[0])
        while missing > 0:
            chunk = self._more()
            if size - missing < MAX_KEPT or len(chunk) >= missing:
                parts.append(chunk)
            missing -= len(chunk)
        whole = b"".join(parts)
        end = len(whole) + missing
        self._buffer, self._at = whole[end:], 0
        return whole[: min(end, MAX_KEPT)]

    def _more(self) -> bytes:
        if chunk := self._receive():
            return chunk
        raise ConnectionResetError("the server closed the connection")


# ------------------------------------------------------------------------------------------------ any response

_TOKEN = re.compile(
    rb"""\ *(?:
      (?P<open>\() | (?P<close>\)) |
      "(?P<quoted>[^"\\]*(?:\\.[^"\\]*)*)" |
      (?P<literal>~?\{\d+\+?\}\Z) |
      (?P<atom>(?:[^\s()"\[{]++|\[[^\]]*\])++)
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_PARENTHESES = (b"(", b")")


def parse(response: Response) -> list[Value]:
    """The tokens of a response, lists nested; NIL is None. Raises ProtocolError for what has no such form."""
    plain = plain_tokens(response[0]) if len(response) == 1 else None
    return careful_tokens(response) if plain is None else plain


# An escape, a section, a literal, and blanks that are no space.
_NOT_PLAIN = re.compile(rb"[\\\[{\t-\r]")


def plain_tokens(text: bytes) -> list[Value] | None:
    """What `careful_tokens` would give, in a fifth of the time, or None for what has more than lists, atoms and strings
    without escapes: then each second piece between quotation marks is a string, whatever is in it."""
    if len(text) > MAX_PARSED or _NOT_PLAIN.search(text):
        return None
    stack: list[list[Value]] = []
    here: list[Value] = []
    opened: list[Value]
    is_string = True
    for piece in text.split(b'"'):
        is_string = not is_string
        if is_string:
            here.append(piece)
            continue
        for token in piece.replace(b"(", b" ( ").replace(b")", b" ) ").split():
            if token not in _PARENTHESES:
                here.append(None if token.upper() == b"NIL" else token)
            elif token == b"(" and len(stack) < MAX_DEPTH:
                stack.append(here)
                here.append(opened := [])
                here = opened
            elif token == b")" and stack:
                here = stack.pop()
            else:
                return None
    return None if stack or is_string else here


def careful_tokens(response: Response) -> list[Value]:
    """Read any response, token by token."""
    stack: list[list[Value]] = [[]]
    for index in range(0, len(response), 2):
        text = response[index]
        if len(text) > MAX_PARSED:
            raise ProtocolError(f"a structure of {len(text)} bytes")
        at, end = 0, len(text.rstrip(b" "))
        while at < end:
            token = _TOKEN.match(text, at)
            if token is None:
                raise ProtocolError(f"no IMAP at byte {at} of a response")
            at = token.end()
            _put(token, stack, response[index + 1] if index + 1 < len(response) else None)
    if len(stack) != 1:
        raise ProtocolError("a parenthesis was not closed")
    return stack[0]


def _put(token: re.Match[bytes], stack: list[list[Value]], literal: bytes | None) -> None:
    match token.lastgroup:
        case "open":
            if len(stack) > MAX_DEPTH:
                raise ProtocolError(f"more than {MAX_DEPTH} lists in each other")
            opened: list[Value] = []
            stack[-1].append(opened)
            stack.append(opened)
        case "close":
            if len(stack) == 1:
                raise ProtocolError("a parenthesis was never opened")
            stack.pop()
        case "quoted":
            quoted = token["quoted"]
            stack[-1].append(_ESCAPED.sub(rb"\1", quoted) if b"\\" in quoted else quoted)
        case "literal":
            stack[-1].append(literal)
        case _:
            atom = token["atom"]
            stack[-1].append(None if atom.upper() == b"NIL" else atom)


# ---------------------------------------------------------------------------------------------- FETCH responses

_IS_FETCH = re.compile(rb"\* \d+ FETCH \(", re.IGNORECASE)
_PLAIN_SECTION = re.compile(rb"\* \d+ FETCH \(UID (\d{1,10}) BODY\[([A-Z0-9.]+)\](?:<0>)? \{\d+\}")
_SECTION = re.compile(rb"BODY(?:\.PEEK)?\[([^\] ]*)[^\]]*\](?:<\d+>)?\Z", re.IGNORECASE)


def fetched(response: Response) -> dict[bytes, Value] | None:
    """The items of a FETCH response by upper-case name (`BODY[HEADER.FIELDS]`, `BODY[TEXT]`: without list and offset).

    None for any other response, and for a FETCH that cannot be read: such a message counts as not given.
    """
    if not _IS_FETCH.match(response[0]):
        return None
    try:
        tokens = parse(response)
    except ProtocolError:
        return None
    items = tokens[3] if len(tokens) == 4 else None
    if not isinstance(items, list) or len(items) % 2:
        return None
    return {_name(name): value for name, value in zip(items[::2], items[1::2], strict=True) if isinstance(name, bytes)}


def section_of(response: Response) -> tuple[tuple[int, bytes], bytes] | None:
    """UID and name (`TEXT`, `1.2`), and octets of a FETCH response, if it gives one section as most servers do."""
    if len(response) == 3 and response[2] == b")" and (plain := _PLAIN_SECTION.fullmatch(response[0])):
        return (int(plain[1]), plain[2]), response[1]
    return None


def _name(name: bytes) -> bytes:
    section = _SECTION.match(name)
    return b"BODY[%b]" % section[1].upper() if section else name.upper()


def number(value: Value) -> int | None:
    """A non-negative number of at most 63 bits, or None."""
    return int(value) if isinstance(value, bytes) and value.isdigit() and len(value) < 19 else None


class Row(NamedTuple):
    """What is asked of each message. Whatever a server left out is None."""

    uid: int
    internal_date: bytes | None
    size: int | None
    header: bytes | None


# The order of the items is free (RFC 3501 7.4.2), the body comes last with every server that we know. The list of its
# names is passed over by `find`: an expression would need longer for it than for all the rest.
_PLAIN_ROW = re.compile(
    rb'\* \d+ FETCH \((?:(?:UID (\d{1,10})|INTERNALDATE "([^"\\]*)"|RFC822\.SIZE (\d{1,18})'
    rb"|FLAGS \([^()]*\)|MODSEQ \(\d+\)) )*BODY\[HEADER\.FIELDS \("
)
_ROW_END = re.compile(rb"\)\] \{\d+\}")


def row(response: Response) -> Row | None:
    """The row of a FETCH response; None if it is none or has no UID (an unsolicited one, say)."""
    text = response[0]
    if len(response) == 3 and response[2] == b")" and (plain := _PLAIN_ROW.match(text)):
        uid, date, size = plain.groups()
        if uid and date and size and _ROW_END.fullmatch(text, text.find(b")", plain.end())):
            return Row(int(uid), date, int(size), response[1])
    items = fetched(response)
    uid_ = number(items.get(b"UID")) if items else None
    if not items or not uid_:
        return None
    date_, header = items.get(b"INTERNALDATE"), items.get(b"BODY[HEADER.FIELDS]")
    return Row(
        uid_,
        date_ if isinstance(date_, bytes) else None,
        number(items.get(b"RFC822.SIZE")),
        header if isinstance(header, bytes) else None,
    )


_NAMES = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_MONTHS = {name: f"{number:02}" for number, name in enumerate(_NAMES, start=1)}
_DATE = re.compile(r" ?([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4}) ((?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}) ([+-][0-9]{4})\Z")


def internal_date(text: bytes | None) -> datetime | None:
    """In UTC. None for what is no date (`0-Jan-0000`) or from before there was mail."""
    if text is None or (parts := _DATE.match(text.decode("latin-1"))) is None:
        return None
    day, month, year, clock, zone = parts.groups()
    try:
        moment = datetime.fromisoformat(f"{year}-{_MONTHS[month.upper()]}-{day:0>2} {clock}{zone}").astimezone(UTC)
    except (ValueError, KeyError, OverflowError):
        return None
    return moment if moment.year >= 1970 else None
