"""What makes a part of a mail an invitation, whichever provider gave it: its type or its name, never its place."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from connectors.mime_words import base64_bytes, quoted_printable_bytes
from syncd.model import Invitation, ItemId

LARGEST = 1_000_000
"""Octets of a calendar part, as it travels."""
AHEAD = timedelta(days=60)
"""How much of a series that comes by mail becomes meetings."""

_TYPES = frozenset({"text/calendar", "application/ics"})


def is_calendar(content_type: str, name: str) -> bool:
    """The same calendar may come as an alternative without a name and as an attached file without a type."""
    return content_type in _TYPES or name.lower().endswith(".ics")


_HEAD_LIMIT = 16 * 1024
_CALENDAR = re.compile(rb"^content-type:[ \t]*(?:text/calendar|application/ics)\b", re.IGNORECASE | re.MULTILINE)
_ENCODING = re.compile(rb"^content-transfer-encoding:[ \t]*([\w-]+)", re.IGNORECASE | re.MULTILINE)
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")


def calendar_in(mime: bytes) -> tuple[bytes, str] | None:
    """The first calendar part of a whole mail as it travels, and its transfer encoding: one walk, however deep it lies.

    No line of a calendar, encoded or not, begins as a boundary does.
    """
    for found in _CALENDAR.finditer(mime):
        begins = mime.rfind(b"\n--", max(0, found.start() - _HEAD_LIMIT), found.start()) + 1
        blank = _BLANK_LINE.search(mime, found.end(), found.end() + _HEAD_LIMIT)
        if blank is None:
            continue
        ends = mime.find(b"\n--", blank.end() - 1)
        part = mime[blank.end() : ends if ends >= 0 else len(mime)]
        if part.strip() and len(part) <= LARGEST:
            encoding = _ENCODING.search(mime, begins, blank.start())
            return part, encoding[1].decode() if encoding else ""
    return None


def invitation_of(part: bytes, encoding: str, *, id: ItemId, since: datetime, now: datetime) -> Invitation | None:
    """Read a calendar part as it travels, by its Content-Transfer-Encoding; None if it speaks of no meeting."""
    # Few mails have one: whoever reads none need not load a reader of calendars.
    from connectors.ical import invitation

    encoding = encoding.strip().lower()
    if encoding == "base64":
        part = base64_bytes(part)
    elif encoding == "quoted-printable":
        part = quoted_printable_bytes(part, header=False)
    return invitation(part, id=id, begins=since, ends=now + AHEAD)
