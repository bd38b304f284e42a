"""BODYSTRUCTURE (RFC 3501 7.4.2): which parts a mail has. Servers get it wrong, so nothing here insists."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from connectors.imap_scan import Value, number
from connectors.mime_words import clean, decode, decode_words
from syncd.model import Attachment

MAX_PARTS = 200
MAX_NAME = 255

_SIGNATURES = {"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"}
_TELLING = (b"attachment", b"name", b"rfc822", b"calendar", b"ics")
_CONTINUED = re.compile(r"(.+?)(?:\*(\d{1,3}))?(\*)?\Z")


class Part(NamedTuple):
    section: str
    """What BODY.PEEK[...] calls it: `1`, `2.1`."""
    content_type: str
    parameters: Mapping[str, str]
    encoding: str
    octets: int | None
    """As it travels: of base64, about four thirds of the content."""
    disposition: str
    name: str
    is_embedded: bool
    """It has a Content-ID, so that an HTML part can show it."""

    @property
    def is_text(self) -> bool:
        return self.content_type in ("text/plain", "text/html") and self.disposition != "attachment" and not self.name

    @property
    def is_attachment(self) -> bool:
        if self.disposition == "attachment" or self.content_type == "message/rfc822":
            return self.content_type not in _SIGNATURES
        shown = self.content_type.startswith("image/") and (self.is_embedded or self.disposition == "inline")
        return bool(self.name) and not shown and self.content_type not in _SIGNATURES

    def attachment(self) -> Attachment:
        # Lines of 76 letters carry 57 bytes, and their ends two more.
        size = self.octets * 57 // 78 if self.octets is not None and self.encoding == "base64" else self.octets
        return Attachment(self.name, self.content_type, size)


def is_plain(structure: bytes) -> bool:
    """Whether it can have neither an attachment nor a calendar, as most have none: seen without reading it, which takes
    many times as long."""
    lower = structure.lower()
    return not any(map(lower.__contains__, _TELLING))  # a tenth of the time of an expression


def parts(structure: Value) -> tuple[Part, ...]:
    """Every part that is not a multipart, in order; those that make no sense are passed over."""
    found: list[Part] = []
    _walk(structure, "", found)
    return tuple(found)


def _walk(body: Value, section: str, found: list[Part]) -> None:
    """The depth is bounded by that of the scanner's lists."""
    if not isinstance(body, list) or not body or len(found) == MAX_PARTS:
        return
    if not isinstance(body[0], list):
        if part := _part(body, section or "1"):
            found.append(part)
        return
    for index, child in enumerate(body, 1):
        if not isinstance(child, list):
            break
        _walk(child, f"{section}.{index}" if section else str(index), found)


def _part(body: Sequence[Value], section: str) -> Part | None:
    if len(body) < 7 or not isinstance(body[0], bytes) or not isinstance(body[1], bytes):
        return None
    content_type = f"{_text(body[0])}/{_text(body[1])}".lower()
    parameters = _parameters(body[2])
    kind, given = _disposition(body, content_type)
    name = _parameter(given, "filename") or _parameter(parameters, "name")
    return Part(
        section,
        content_type,
        parameters,
        encoding=_text(body[5]).lower(),
        octets=number(body[6]),
        disposition=kind,
        name=clean(decode_words(name), MAX_NAME) if name else "",
        is_embedded=body[3] is not None,
    )


def _disposition(body: Sequence[Value], content_type: str) -> tuple[str, Mapping[str, str]]:
    """Extension data: MD5, disposition, ...; it comes after the line count of a text, or after three of a message."""
    main = content_type.partition("/")[0]
    start = 10 if content_type == "message/rfc822" else 8 if main == "text" else 7
    value = body[start + 1] if len(body) > start + 1 else None
    if isinstance(value, list) and value and isinstance(value[0], bytes):
        return _text(value[0]).lower(), _parameters(value[1] if len(value) > 1 else None)
    return "", {}


def _parameters(value: Value) -> dict[str, str]:
    if not isinstance(value, list):
        return {}
    return {_text(name).lower(): _text(text) for name, text in zip(value[::2], value[1::2], strict=False)}


def _parameter(parameters: Mapping[str, str], wanted: str) -> str:
    """A parameter that RFC 2231 may have cut in pieces and percent-encoded."""
    if plain := parameters.get(wanted):
        return plain
    pieces = []
    for key, value in parameters.items():
        continued = _CONTINUED.match(key) if key.startswith(wanted) else None
        if continued and continued[1] == wanted:
            pieces.append((int(continued[2] or 0), continued[3] is not None, value))
    charset, whole = "utf-8", b""
    for position, extended, value in sorted(pieces):
        if extended and position == 0 and value.count("'") >= 2:
            charset, _, value = value.split("'", 2)
        whole += unquote_to_bytes(value) if extended else value.encode()
    return decode(whole, charset) if whole else ""


def _text(value: Value) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""
