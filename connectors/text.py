"""A mail's body -> its new text: what its author wrote this time, without quoted history and signature.

Pure, never raises, and bounded by size: 256 KiB of body are looked at, 128 KiB of the text part decoded, 100,000
characters returned.
"""

from __future__ import annotations

import re

from connectors.mime_words import base64_bytes, clean_lines, decode, decode_unlabelled, quoted_printable_bytes
from connectors.quoted import has_end, until_signature, without_history
from connectors.text_html import html_to_text
from connectors.text_parts import BODY_LIMIT, TextPart, text_parts

TEXT_LIMIT = 100_000
_PART_LIMIT = 128 * 1024
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_META_WITHIN = 2048


def new_text(body: bytes, content_type: str, transfer_encoding: str, *, cut: bool = False) -> str | None:
    """Return what is new in a mail, of its body (BODY[TEXT]) or, if that was `cut`, of its first bytes.

    The first text/plain part counts; where there is none, the first text/html. An empty text means that the mail has
    no text of its own, None that it, or some of it, may lie behind the bytes given: ask for more, if there is more.
    """
    found = text_parts(body[:BODY_LIMIT], content_type, transfer_encoding)
    part = found.plain or found.html
    if part is None:
        return "" if found.complete else None
    goes_on = cut and part.cut
    if part is found.html:
        if goes_on:
            return None  # it seldom ends by itself, and costs much to read
        text = html_to_text(_decoded(part, is_html=True))
        if part.cut and body and not text.strip():
            return None  # style sheets alone can be longer than what was asked for
    else:
        text = _decoded(part)
    text = clean_lines(until_signature(text))
    if goes_on:
        text = text[: text.rfind("\n") + 1]
        if not has_end(text):
            return None
    return without_history(text)[:TEXT_LIMIT].rstrip()


def _decoded(part: TextPart, *, is_html: bool = False) -> str:
    data = part.data[:_PART_LIMIT]
    if part.encoding == "base64":
        data = base64_bytes(data)
    elif part.encoding == "quoted-printable":
        data = quoted_printable_bytes(data, header=False)
    charset = part.charset
    if is_html and not charset and (meta := _META_CHARSET.search(data, 0, _META_WITHIN)):
        charset = meta[1].decode("ascii")
    return decode(data, charset) if charset else decode_unlabelled(data, "")
