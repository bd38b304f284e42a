"""A message as Gmail's API gives it -> Message. Pure, and never raises over what a sender wrote."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from connectors import mime
from connectors.gmail_labels import Labels
from connectors.google_api import Resource
from connectors.invitations import LARGEST, is_calendar
from connectors.mime_words import clean
from connectors.text import new_text
from syncd.model import Attachment, ItemId, Message

MAX_PARTS = 200
MAX_NAME = 255
_SANE = range(0, 253_402_300_800_000)
"""Milliseconds from 1970 to 9999."""


def message(resource: Resource, labels: Labels) -> Message:
    """Of format metadata or full."""
    payload = resource.get("payload") or {}
    fields = [(str(each.get("name", "")), str(each.get("value", ""))) for each in payload.get("headers") or ()]
    return mime.message_from_fields(
        fields,
        id=ItemId(str(resource["id"])),
        received_at=received_at(resource),
        size=resource.get("sizeEstimate"),
        folders=labels.folders(resource.get("labelIds") or ()),
    )


def received_at(resource: Resource) -> datetime | None:
    """internalDate, which is milliseconds as text; None for what is no sane date."""
    text = str(resource.get("internalDate", ""))
    milliseconds = int(text) if text.isdecimal() and len(text) < 18 else -1
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds in _SANE else None


def completed(found: Message, resource: Resource) -> Message:
    """The message with its text and its attachments' names, of format full."""
    parts = list(_parts(resource.get("payload") or {}))
    attachments = tuple(_attachment(part) for part in parts if _is_attachment(part))
    return found._replace(text=_text(parts), attachments=attachments)


class CalendarPart(NamedTuple):
    """A part that may be an invitation."""

    data: bytes
    attachment_id: str
    """Where the data can be had, if they are not here."""


def calendar_part(resource: Resource) -> CalendarPart | None:
    """Of format full; one that is here before one that is kept apart."""
    found = [
        CalendarPart(_data(part), str((part.get("body") or {}).get("attachmentId", "")))
        for part in _parts(resource.get("payload") or {})
        if is_calendar(str(part.get("mimeType", "")), str(part.get("filename", ""))) and _size(part) <= LARGEST
    ]
    return max(found, key=lambda part: bool(part.data), default=None)


def _parts(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every part that is no multipart, in order, without recursion: a stranger says how deep they lie."""
    waiting, count = [part], 0
    while waiting and count < MAX_PARTS:
        part = waiting.pop()
        inner = part.get("parts") or ()
        if inner and str(part.get("mimeType", "")).startswith("multipart/"):
            waiting += reversed(inner)
            continue
        count += 1
        yield part


def _text(parts: list[dict[str, Any]]) -> str:
    """The new text of the first text/plain that has any; where there is none, of the first text/html."""
    for kind in ("text/plain", "text/html"):
        for part in parts:
            if part.get("mimeType") == kind and not part.get("filename"):
                text = new_text(_data(part), _header(part, "content-type") or kind, "")
                if text:
                    return text
    return ""


def decoded(data: str) -> bytes:
    """base64url, as bytes travel in JSON; nothing of what is none."""
    try:
        return urlsafe_b64decode(data)
    except (binascii.Error, ValueError):
        return b""


def _data(part: dict[str, Any]) -> bytes:
    """What a part holds, with its transfer encoding taken off."""
    return decoded(str((part.get("body") or {}).get("data", "")))


def _is_attachment(part: dict[str, Any]) -> bool:
    """What a person would call one: neither a signature nor a picture that the text shows."""
    kind = str(part.get("mimeType", ""))
    if kind == "message/rfc822":
        return True
    shown = kind.startswith("image/") and (
        bool(_header(part, "content-id")) or _header(part, "content-disposition").lower().startswith("inline")
    )
    return bool(part.get("filename")) and not shown and not kind.endswith("-signature")


def _attachment(part: dict[str, Any]) -> Attachment:
    name = clean(str(part.get("filename", "")), MAX_NAME)
    return Attachment(name, str(part.get("mimeType", "")), _size(part))


def _size(part: dict[str, Any]) -> int:
    """In octets, as it was before it was packed."""
    size = (part.get("body") or {}).get("size")
    return size if isinstance(size, int) else 0


def _header(part: dict[str, Any], wanted: str) -> str:
    headers = part.get("headers") or ()
    return next((str(each.get("value", "")) for each in headers if str(each.get("name", "")).lower() == wanted), "")
