"""A message as Graph gives it -> Message. Pure, and never raises.

The people come from Graph's own properties; threads, automation and privacy from `internetMessageHeaders`. Those are
absent of what the owner sent (microsoft-graph-docs issue 2716), so the three that matter there are asked for as the
properties that Exchange keeps of every message ([MS-OXPROPS]: PidTagSensitivity, PidTagInReplyToId,
PidTagInternetReferences).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from connectors.mime import HEADER_FIELDS, message_from_fields
from connectors.text import new_text
from syncd.model import Attachment, ItemId, Message

SELECT = (
    "id,parentFolderId,internetMessageId,subject,from,sender,replyTo,toRecipients,ccRecipients,bccRecipients,"
    "receivedDateTime,sentDateTime,isDraft,categories,internetMessageHeaders"
)
SELECT_TEXT = f"{SELECT},body,hasAttachments"
_SENSITIVITY, _IN_REPLY_TO, _REFERENCES = 0x36, 0x1042, 0x1039
EXPAND = (
    f"singleValueExtendedProperties($filter=id eq 'Integer 0x{_SENSITIVITY:x}' "
    f"or id eq 'String 0x{_IN_REPLY_TO:x}' or id eq 'String 0x{_REFERENCES:x}')"
)
SELECT_ATTACHMENTS = "name,contentType,size,isInline"

_SENSITIVITIES = {"1": "Personal", "2": "Private", "3": "Company-Confidential"}
_METHODS = {"eventMessageRequest": "REQUEST", "eventMessageResponse": "REPLY", "eventMessage": "CANCEL"}
"""By the type that Outlook gives a mail about a meeting; a cancellation has none of its own."""
_OURS = {"from", "sender", "reply-to", "to", "cc", "bcc", "subject", "message-id", "date"}
_WANTED = {name.lower() for name in HEADER_FIELDS} - _OURS
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]+")


def message(entry: Mapping[str, Any], folder: str) -> Message:
    """Categories are labels that the owner gave it, and stand beside the folder."""
    categories = [each for each in _listed(entry.get("categories")) if isinstance(each, str)]
    made = message_from_fields(
        _fields(entry),
        id=ItemId(str(entry["id"])),
        received_at=instant(entry.get("receivedDateTime")),
        size=None,
        folders=(folder, *categories),
    )
    made = made._replace(sent_at=instant(entry.get("sentDateTime")))
    body = entry.get("body")
    return made._replace(text=body_text(body)) if isinstance(body, Mapping) else made


def attachments(entries: Any) -> tuple[Attachment, ...]:
    """Name, type and size; what is inline belongs to the text."""
    return tuple(
        Attachment(str(entry.get("name") or ""), str(entry.get("contentType") or ""), _size(entry.get("size")))
        for entry in _objects(entries)
        if not entry.get("isInline")
    )


def instant(text: Any) -> datetime | None:
    """None for what Exchange writes in place of no date (year 1 or 4501), and for what is none."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    if not 1970 <= found.year < 4500:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _fields(entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What Graph tells, as the header fields that it was made of."""
    yield "Subject", line(entry.get("subject"))
    yield "Message-ID", line(entry.get("internetMessageId"))
    for name, people in (
        ("From", [entry.get("from")]),
        ("Sender", [entry.get("sender")]),
        ("Reply-To", entry.get("replyTo")),
        ("To", entry.get("toRecipients")),
        ("Cc", entry.get("ccRecipients")),
        ("Bcc", entry.get("bccRecipients")),
    ):
        if value := ", ".join(filter(None, map(_mailbox, _objects(people)))):
            yield name, value
    told: dict[str, str] = {}
    for header in _objects(entry.get("internetMessageHeaders")):
        spelt = header.get("name")
        if isinstance(spelt, str) and (wanted := _wanted(spelt)):
            told.setdefault(wanted, str(header.get("value") or ""))
    yield from {**_kept(entry), **told, **_invitation(entry)}.items()


@lru_cache(maxsize=1024)
def _wanted(name: str) -> str:
    """A header field's name in lower case if it is read, else empty. A message has some thirty, the same again and
    again."""
    lowered = name.lower()
    return lowered if lowered in _WANTED else ""


def _mailbox(recipient: Mapping[str, Any]) -> str:
    """`"Name" <address>`; empty where there is no address."""
    known = recipient.get("emailAddress")
    address = line(known.get("address")) if isinstance(known, dict) else ""
    if not address:
        return ""
    name = line(known.get("name") if known else "").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{name}" <{address}>' if name and name != address else f"<{address}>"


def line(value: Any) -> str:
    """Text on one line; empty for what is none."""
    text = value if isinstance(value, str) else ""
    return text if text.isprintable() else _UNPRINTABLE.sub(" ", text)


def _kept(entry: Mapping[str, Any]) -> dict[str, str]:
    """What Exchange keeps of the message beside its headers. It writes a property's id in its own way: `Integer 0x36`
    for what was asked as `Integer 0x0036`."""
    found: dict[int, str] = {}
    for each in _objects(entry.get("singleValueExtendedProperties")):
        tag = str(each.get("id") or "").partition(" 0x")[2]
        if re.fullmatch(r"[0-9a-fA-F]{1,8}", tag):
            found[int(tag, 16)] = line(each.get("value"))
    fields = {
        "sensitivity": _SENSITIVITIES.get(found.get(_SENSITIVITY, ""), ""),
        "in-reply-to": found.get(_IN_REPLY_TO, ""),
        "references": found.get(_REFERENCES, ""),
    }
    return {name: value for name, value in fields.items() if value}


def _invitation(entry: Mapping[str, Any]) -> dict[str, str]:
    """Outlook keeps an invitation by mail without its calendar part, but as a type of its own; graph_mail reads what it
    says."""
    method = _METHODS.get(str(entry.get("@odata.type") or "").rpartition(".")[2])
    return {"content-type": f"text/calendar; method={method}"} if method else {}


def body_text(body: Mapping[str, Any]) -> str:
    """Text was asked for; a server that gives HTML nevertheless is read as well."""
    kind = "text/html" if str(body.get("contentType")).lower() == "html" else "text/plain"
    content = str(body.get("content") or "").encode("utf-8", "replace")
    return new_text(content, f'{kind}; charset="utf-8"', "8bit") or ""


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """Objects of JSON are dict; to ask each of a thousand header fields whether it is a Mapping takes four times as
    long."""
    return (each for each in _listed(value) if isinstance(each, dict))


def _size(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None
