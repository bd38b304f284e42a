"""The first bytes of a mail's body -> its text parts, as bytes.

A bounded scan for delimiter lines, not a parser: a body of any depth and number of parts costs one walk over its
bytes, and a body that was cut anywhere gives what lies before the cut. The email package recurses into each level and
so cannot be shown a stranger's mail unguarded.
"""

from __future__ import annotations

import re
from email.errors import HeaderParseError
from email.message import Message as _EmailMessage
from functools import lru_cache
from typing import NamedTuple

BODY_LIMIT = 256 * 1024
_MAX_DEPTH = 50
_MAX_PARTS = 1000
_HEAD_LIMIT = 16 * 1024
_USUAL_HEAD = 250
_TYPE_LIMIT = 1000
_BOUNDARY_LIMIT = 250  # with the dashes around it; RFC 2046 section 5.1.1 says 70

_PART_FIELD = re.compile(
    rb"^content-(type|transfer-encoding|disposition)[ \t]*+:[ \t]*+(.*(?:\n[ \t].*)*+)", re.IGNORECASE | re.MULTILINE
)
_PARAMETER = re.compile(r";\s*+([\w-]++)\s*+=\s*+(?:\"((?:[^\"\\]|\\.)*+)\"|([^\s;\"]++))", re.DOTALL)
_ENCODED_PARAMETER = re.compile(r";\s*+(?:boundary|charset)\*", re.IGNORECASE)
_PLAIN_MULTIPART = re.compile(r'(multipart/[a-z]{1,40}); boundary="([^"\\*]{1,200})"')
_MEDIA = re.compile(r"[a-z]+/[\w.+-]+")
_BLANK_LINE = re.compile(rb"\r?\n")
_BLANK_LINE_AFTER = re.compile(rb"\r?\n\r?\n")
_UNDECLARED_BOUNDARY = re.compile(rb"^--([^\s][^\r\n]{7,200}?)[ \t]*\r?\n", re.MULTILINE)


class TextPart(NamedTuple):
    data: bytes
    """Still in its transfer encoding."""
    encoding: str
    charset: str
    cut: bool
    """It may go on behind the end of what was given."""


class TextParts(NamedTuple):
    plain: TextPart | None
    html: TextPart | None
    complete: bool
    """There can be no other behind the end of what was given."""


class Part(NamedTuple):
    media: str
    boundary: str
    charset: str
    encoding: str
    attached: bool


def text_parts(body: bytes, content_type: str, transfer_encoding: str) -> TextParts:
    """Return the first text/plain that is not blank or attached, and the first text/html before it."""
    top = plain_part(content_type, transfer_encoding) or careful_part(content_type, transfer_encoding, "")
    if top.media.startswith("multipart/"):
        if outermost := _outermost_boundary(body, top.boundary):
            return opening_text(body, outermost, top.media) or walked(body, outermost, top.media)
        top = top._replace(media="text/plain")  # it says that it has parts, and has none
    whole = TextPart(body, top.encoding, top.charset, cut=True)
    if top.media == "text/html":
        return TextParts(None, whole, complete=True)
    return TextParts(whole if top.media == "text/plain" else None, None, complete=True)


def _outermost_boundary(body: bytes, declared: str) -> bytes:
    """Return the declared boundary, or, where it is absent or wrong, the one that the body itself shows."""
    boundary = declared.encode("utf-8", "replace")
    if boundary and b"--" + boundary in body:
        return boundary
    shown = _UNDECLARED_BOUNDARY.search(body)
    return shown[1] if shown else b""


def opening_text(body: bytes, boundary: bytes, media: str) -> TextParts | None:
    """What `walked` finds in most mail, in a quarter of the time: the body begins with a plain text; else None."""
    delimiter = b"--" + boundary
    first = body.find(b"\n", 0, _BOUNDARY_LIMIT) + 1
    if body[:first].rstrip() != delimiter or media == "multipart/digest":
        return None
    blank = body.find(b"\r\n\r\n", first, first + _USUAL_HEAD)
    head = body[first:blank]
    if blank <= first or head.startswith(b"\r\n") or head.count(b"\n") != head.count(b"\r\n"):
        return None
    part = _usual_part(head, "text/plain")
    begin = blank + 4
    end = body.find(b"\n" + delimiter, begin - 1)
    if end >= 0 and body[end + 1 : end + _BOUNDARY_LIMIT].partition(b"\n")[0].rstrip() != delimiter:
        return None
    data = body[begin : end if end >= 0 else len(body)]
    if part.media != "text/plain" or part.attached or not data.strip():
        return None
    return TextParts(TextPart(data, part.encoding, part.charset, cut=end < 0), None, complete=True)


def walked(body: bytes, boundary: bytes, media: str) -> TextParts:
    """Go from part to part until the text is found."""
    return _Walk(body, boundary, media).run()


class _Delimiter(NamedTuple):
    start: int
    """Where the text before it ends."""
    end: int
    level: int
    closing: bool


class _Walk:
    """Goes from delimiter line to delimiter line, and knows which multiparts it is in."""

    def __init__(self, body: bytes, outermost: bytes, media: str) -> None:
        self._body = b"\n" + body  # so that a line end stands before every delimiter
        self._open: list[tuple[bytes, str]] = []
        self._lines: dict[bytes, tuple[int, bool]] = {}
        self._enter(outermost, media)

    def run(self) -> TextParts:
        html: TextPart | None = None
        position, alternative = 1, 0
        for _ in range(_MAX_PARTS):
            position = self._next_part(position)
            if position < 0:
                return TextParts(None, html, complete=not self._open)
            part, position = self._head(position)
            if part is None or len(self._open) < alternative:
                break
            if part.media.startswith("multipart/") and len(self._open) < _MAX_DEPTH and part.boundary:
                self._enter(part.boundary.encode("utf-8", "replace"), part.media)
            elif part.media == "text/plain" and not part.attached:
                text = self._text(part, position)
                if text.data.strip():
                    return TextParts(text, html, complete=True)
            elif part.media == "text/html" and not part.attached and not html:
                html, alternative = self._text(part, position), len(self._open)
                if self._open[-1][1] != "multipart/alternative":
                    break  # a text/plain behind it is a mailing list's footer
        return TextParts(None, html, complete=False)

    def _next_part(self, position: int) -> int:
        """Return where the next part's headers begin, leaving each multipart that ends before it; -1 if none does."""
        while delimiter := self._delimiter(position):
            # A delimiter of an outer multipart ends the inner ones, whether they were closed or not.
            self._leave(delimiter.level if delimiter.closing else delimiter.level + 1)
            if not delimiter.closing:
                return delimiter.end
            if not self._open:
                break
            position = delimiter.end
        return -1

    def _delimiter(self, position: int) -> _Delimiter | None:
        body = self._body
        start = body.find(b"\n--", position - 1)
        while start >= 0:
            line = body[start + 1 : start + _BOUNDARY_LIMIT].partition(b"\n")[0]
            if known := self._lines.get(line.rstrip()):
                level, closing = known
                return _Delimiter(start, start + len(line) + 2, level, closing)
            start = body.find(b"\n--", start + 1)
        return None

    def _head(self, position: int) -> tuple[Part | None, int]:
        """Read a part's headers; None if they are cut."""
        body = self._body
        if match := _BLANK_LINE.match(body, position):
            head, position = b"", match.end()
        elif match := _BLANK_LINE_AFTER.search(body, position, position + _HEAD_LIMIT):
            head, position = body[position : match.start()], match.end()
        else:
            return None, position
        default = "message/rfc822" if self._open[-1][1] == "multipart/digest" else "text/plain"
        part = (_usual_part if len(head) <= _USUAL_HEAD else _part_of)(head, default)
        return part, position

    def _text(self, part: Part, position: int) -> TextPart:
        end = self._delimiter(position)
        data = self._body[position : end.start if end else len(self._body)]
        return TextPart(data, part.encoding, part.charset, cut=end is None)

    def _enter(self, boundary: bytes, media: str) -> None:
        self._open.append((boundary, media))
        self._name_lines(boundary, len(self._open) - 1)

    def _leave(self, level: int) -> None:
        if level == len(self._open):
            return
        del self._open[level:]
        self._lines = {}
        for outer, (boundary, _) in enumerate(self._open):
            self._name_lines(boundary, outer)

    def _name_lines(self, boundary: bytes, level: int) -> None:
        delimiter = b"--" + boundary
        self._lines[delimiter] = (level, False)
        self._lines[delimiter + b"--"] = (level, True)


def _part_of(head: bytes, default: str) -> Part:
    fields = {name.lower(): _unfolded(value) for name, value in reversed(_PART_FIELD.findall(head))}
    kind, encoding = fields.get(b"type", default), fields.get(b"transfer-encoding", "")
    disposition = fields.get(b"disposition", "")
    plain = None if disposition else plain_part(kind, encoding)
    return plain or careful_part(kind, encoding, disposition)


_usual_part = lru_cache(maxsize=256)(_part_of)
"""Most parts of most mails begin with one of a few heads."""


def _unfolded(value: bytes) -> str:
    return b"".join(value.splitlines()).decode("latin-1").strip()


def plain_part(content_type: str, encoding: str) -> Part | None:
    """What `careful_part` would say of nearly all mail that has parts, in a third of the time; or None."""
    plain = _PLAIN_MULTIPART.fullmatch(content_type)
    return Part(plain[1], plain[2], "", encoding.strip().lower(), attached=False) if plain else None


def careful_part(content_type: str, encoding: str, disposition: str) -> Part:
    """Read what the three headers say of a part; what cannot be read is plain text (RFC 2045 section 5.2)."""
    content_type = content_type[:_TYPE_LIMIT]
    media = content_type.partition(";")[0].strip().lower()
    if not _MEDIA.fullmatch(media):
        media = "text/plain"
    parameters = _parameters(content_type) if ";" in content_type else {}
    return Part(
        media,
        parameters.get("boundary", ""),
        parameters.get("charset", ""),
        encoding.strip().lower(),
        attached=disposition[:10].lower() == "attachment" or "filename" in disposition[:_TYPE_LIMIT].lower(),
    )


def _parameters(content_type: str) -> dict[str, str]:
    if "*" in content_type and _ENCODED_PARAMETER.search(content_type):
        return _encoded_parameters(content_type)
    return {
        match[1].lower(): (match[2] if match[2] is not None else match[3])
        for match in reversed(list(_PARAMETER.finditer(content_type)))
    }


def _encoded_parameters(content_type: str) -> dict[str, str]:
    """RFC 2231 (`boundary*0=`, `charset*=`) is rare here, and the email package knows it."""
    message = _EmailMessage()
    message["content-type"] = content_type
    try:
        return {"boundary": message.get_boundary(""), "charset": message.get_content_charset("")}
    except (ValueError, TypeError, LookupError, HeaderParseError):
        return {}
