"""A mail as Exchange gives it -> Message. Pure, and never raises.

The people come from Exchange's own properties; threads, automation and privacy from the headers that it has kept. Of
what the owner sent there are none, so the three that matter there are asked for as properties, too.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from connectors import ews_xml as xml
from connectors.ews_xml import Element
from connectors.mime import HEADER_FIELDS, message_from_fields
from connectors.text import new_text
from syncd.model import Attachment, ItemId, Message

_SENDER, _AUTHOR = 0x5D01, 0x5D02
"""PidTagSenderSmtpAddress and PidTagSentRepresentingSmtpAddress: SMTP addresses beside those of the X.500 kind."""
FIELDS = (
    "item:ItemClass",
    "item:Subject",
    "item:Sensitivity",
    "item:DateTimeReceived",
    "item:DateTimeSent",
    "item:Categories",
    "item:InReplyTo",
    "item:IsDraft",
    "item:InternetMessageHeaders",
    "message:From",
    "message:Sender",
    "message:ReplyTo",
    "message:ToRecipients",
    "message:CcRecipients",
    "message:BccRecipients",
    "message:InternetMessageId",
    "message:References",
    f"{_SENDER:#06x} String",
    f"{_AUTHOR:#06x} String",
)
FIELDS_OF_TEXT = ("item:Body", "item:HasAttachments", "item:Attachments")

_SENSITIVITIES = {"Personal": "Personal", "Private": "Private", "Confidential": "Company-Confidential"}
_METHODS = {"MeetingRequest": "REQUEST", "MeetingResponse": "REPLY", "MeetingCancellation": "CANCEL"}
_PEOPLE = (
    ("From", "From", _AUTHOR),
    ("Sender", "Sender", _SENDER),
    ("Reply-To", "ReplyTo", 0),
    ("To", "ToRecipients", 0),
    ("Cc", "CcRecipients", 0),
    ("Bcc", "BccRecipients", 0),
)
"""Header field, Exchange's name of it, and where its SMTP address is kept, too."""
_OURS = {"from", "sender", "reply-to", "to", "cc", "bcc", "subject", "message-id", "date"}
_WANTED = {name.lower() for name in HEADER_FIELDS} - _OURS
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]+")


def message(told: Element, id: ItemId, folder: str) -> Message:
    """Categories are labels that the owner gave it, and stand beside the folder."""
    headers = _headers(told)
    people, lost = _people(told, headers)
    made = message_from_fields(
        [
            ("Subject", line(xml.value(told, "Subject"))),
            ("Message-ID", line(xml.value(told, "InternetMessageId"))),
            *people.items(),
            *_others(told, headers).items(),
        ],
        id=id,
        received_at=instant(xml.value(told, "DateTimeReceived")),
        size=None,
        folders=(folder, *(line(each.text or "") for each in xml.children(told, "Categories"))),
    )
    problems = [made.problem, *(f"{name}: an internal address without an SMTP one" for name in lost)]
    made = made._replace(sent_at=instant(xml.value(told, "DateTimeSent")), problem="; ".join(filter(None, problems)))
    return made if xml.child(told, "Body") is None else _with_text(made, told)


def is_draft(told: Element) -> bool:
    return xml.flag(told, "IsDraft")


def method(told: Element) -> str:
    """What a mail about a meeting is for; empty for any other mail."""
    return _METHODS.get(xml.kind(told), "")


def _with_text(made: Message, told: Element) -> Message:
    files = [
        Attachment(line(xml.value(each, "Name")), line(xml.value(each, "ContentType")), _size(xml.value(each, "Size")))
        for each in xml.children(told, "Attachments")
        if not xml.flag(each, "IsInline")
    ]
    return made._replace(text=body_text(told), attachments=tuple(files))


def body_text(told: Element) -> str:
    """Text was asked for; HTML that comes nevertheless is read as well."""
    body = xml.child(told, "Body")
    if body is None:
        return ""
    kind = "text/html" if body.get("BodyType") == "HTML" else "text/plain"
    return new_text((body.text or "").encode("utf-8", "replace"), f'{kind}; charset="utf-8"', "8bit") or ""


def shorten(told: Element, most: int) -> None:
    """Let go of what its text has beyond so many letters."""
    body = xml.child(told, "Body")
    if body is not None and len(body.text or "") > most:
        body.text = (body.text or "")[:most]


def instant(text: str) -> datetime | None:
    """xs:dateTime in UTC; None for what Outlook writes in place of no date (year 1 or 4501), and for what is none."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if not 1970 <= found.year < 4500:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def line(text: str) -> str:
    return text if text.isprintable() else _UNPRINTABLE.sub(" ", text)


def smtp(mailbox: Element | None) -> str:
    """The address of a `t:Mailbox`; empty where Exchange has one of its own kind only (`/O=EXAMPLE/...`)."""
    address = line(xml.value(mailbox, "EmailAddress")).strip() if mailbox is not None else ""
    routing = xml.value(mailbox, "RoutingType").upper() if mailbox is not None else ""
    return address if "@" in address and not address.startswith("/") and routing in ("", "SMTP") else ""


def _headers(told: Element) -> dict[str, str]:
    """The first field of each name, by its name in lower case."""
    found: dict[str, str] = {}
    for each in xml.children(told, "InternetMessageHeaders"):
        found.setdefault(each.get("HeaderName", "").lower(), each.text or "")
    return found


def _people(told: Element, headers: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """Header fields of people, and the names of those in which somebody has no SMTP address. The header itself, if it
    was kept, tells what Exchange does not."""
    found, lost = {}, []
    smtp_of = xml.kept(told)
    for name, element, tag in _PEOPLE:
        written, missing = [], False
        for mailbox in xml.children(told, element):
            address = smtp(mailbox) or (line(smtp_of.get(tag, "")).strip() if tag else "")
            if address:
                written.append(_mailbox(line(xml.value(mailbox, "Name")), address))
            else:
                missing = True
        if missing and "@" in headers.get(name.lower(), ""):
            found[name] = headers[name.lower()]
            continue
        if written:
            found[name] = ", ".join(written)
        if missing:
            lost.append(name)
    return found, lost


def _mailbox(name: str, address: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}" <{address}>' if name and name != address else f"<{address}>"


def _others(told: Element, headers: dict[str, str]) -> dict[str, str]:
    """Of threads, automation and privacy."""
    kept = {
        "sensitivity": _SENSITIVITIES.get(xml.value(told, "Sensitivity"), ""),
        "in-reply-to": line(xml.value(told, "InReplyTo")),
        "references": line(xml.value(told, "References")),
    }
    found = {name: text for name, text in kept.items() if text}
    found |= {name: text for name, text in headers.items() if name in _WANTED}
    if xml.value(told, "ItemClass").upper().startswith("REPORT."):
        found.setdefault("content-type", "multipart/report")
    if about := method(told):
        found["content-type"] = f"text/calendar; method={about}"
    return found


def _size(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
