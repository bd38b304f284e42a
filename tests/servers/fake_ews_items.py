"""Items and folders of a fake mailbox as the XML of EWS: what was asked for, in the order of Microsoft's schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

from tests.servers.fake_ews_mailbox import Folder, Item, Value


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    address: str
    routing: str = "SMTP"
    response: str = ""
    """Of an attendee."""


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Of a series: changed, or without an id deleted."""

    original_at: datetime
    id: str = ""
    change_key: str = ""
    starts_at: datetime | None = None
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Raw:
    """XML, in the namespaces t and m."""

    text: str


def instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _text(name: str, value: Value) -> str:
    if isinstance(value, bool):
        return f"<t:{name}>{str(value).lower()}</t:{name}>"
    return f"<t:{name}>{escape(instant(value) if isinstance(value, datetime) else str(value))}</t:{name}>"


def _person(person: Person, tag: str = "Mailbox") -> str:
    parts = _text("Name", person.name) + _text("EmailAddress", person.address) + _text("RoutingType", person.routing)
    return f"<t:{tag}>{parts}</t:{tag}>"


def _one(name: str, value: Value) -> str:
    assert isinstance(value, Person)
    return f"<t:{name}>{_person(value)}</t:{name}>"


def _people(name: str, value: Value) -> str:
    assert isinstance(value, Sequence)
    return f"<t:{name}>{''.join(map(_person, value))}</t:{name}>" if value else ""


def _attendees(name: str, value: Value) -> str:
    assert isinstance(value, Sequence)
    each = [
        f"<t:Attendee>{_person(one)}{_text('ResponseType', one.response or 'Unknown')}</t:Attendee>" for one in value
    ]
    return f"<t:{name}>{''.join(each)}</t:{name}>" if each else ""


def _strings(name: str, value: Value) -> str:
    assert isinstance(value, Sequence)
    return f"<t:{name}>{''.join(_text('String', each) for each in value)}</t:{name}>" if value else ""


def _headers(name: str, value: Value) -> str:
    assert isinstance(value, Sequence)
    each = [
        f"<t:InternetMessageHeader HeaderName={quoteattr(key)}>{escape(text)}</t:InternetMessageHeader>"
        for key, text in value
    ]
    return f"<t:{name}>{''.join(each)}</t:{name}>" if each else ""


def _body(name: str, value: Value) -> str:
    return f'<t:{name} BodyType="Text">{escape(str(value))}</t:{name}>'


def _files(name: str, value: Value) -> str:
    """(name, type, size, inline) of each."""
    assert isinstance(value, Sequence)
    each = [
        f'<t:FileAttachment><t:AttachmentId Id="{number}"/>{_text("Name", file)}{_text("ContentType", kind)}'
        f"{_text('Size', size)}{_text('IsInline', inline)}</t:FileAttachment>"
        for number, (file, kind, size, inline) in enumerate(value)
    ]
    return f"<t:{name}>{''.join(each)}</t:{name}>" if each else ""


def _raw(name: str, value: Value) -> str:
    assert isinstance(value, Raw)
    return value.text


def _changed(name: str, value: Value) -> str:
    assert isinstance(value, Sequence)
    each = [
        f'<t:Occurrence><t:ItemId Id="{one.id}" ChangeKey="{one.change_key}"/>{_text("Start", one.starts_at)}'
        f"{_text('End', one.ends_at)}{_text('OriginalStart', one.original_at)}</t:Occurrence>"
        for one in value
    ]
    return f"<t:{name}>{''.join(each)}</t:{name}>" if each else ""


def _deleted(name: str, value: Value) -> str:
    assert isinstance(value, Sequence)
    each = [f"<t:DeletedOccurrence>{_text('Start', one.original_at)}</t:DeletedOccurrence>" for one in value]
    return f"<t:{name}>{''.join(each)}</t:{name}>" if each else ""


Written = Callable[[str, Value], str]
ITEM: Mapping[str, Written] = {
    "item:ItemClass": _text,
    "item:Subject": _text,
    "item:Sensitivity": _text,
    "item:Body": _body,
    "item:Attachments": _files,
    "item:DateTimeReceived": _text,
    "item:Categories": _strings,
    "item:InReplyTo": _text,
    "item:IsDraft": _text,
    "item:InternetMessageHeaders": _headers,
    "item:DateTimeSent": _text,
    "item:HasAttachments": _text,
    "0x5d01": _text,
    "0x5d02": _text,
    "item:LastModifiedTime": _text,
}
MESSAGE: Mapping[str, Written] = {
    "message:Sender": _one,
    "message:ToRecipients": _people,
    "message:CcRecipients": _people,
    "message:BccRecipients": _people,
    "message:From": _one,
    "message:InternetMessageId": _text,
    "message:References": _text,
    "message:ReplyTo": _people,
}
_TIMES: Mapping[str, Written] = {
    "calendar:Start": _text,
    "calendar:End": _text,
    "calendar:OriginalStart": _text,
    "calendar:IsAllDayEvent": _text,
    "calendar:LegacyFreeBusyStatus": _text,
    "calendar:Location": _text,
    "calendar:IsCancelled": _text,
    "calendar:CalendarItemType": _text,
    "calendar:MyResponseType": _text,
    "calendar:Organizer": _one,
    "calendar:RequiredAttendees": _attendees,
    "calendar:OptionalAttendees": _attendees,
    "calendar:Resources": _attendees,
    "calendar:AppointmentSequenceNumber": _text,
    "calendar:Recurrence": _raw,
    "calendar:ModifiedOccurrences": _changed,
    "calendar:DeletedOccurrences": _deleted,
    "calendar:StartTimeZone": _raw,
}
_NAMED: Mapping[str, Written] = {
    "calendar:UID": _text,
    "calendar:RecurrenceId": _text,
    "calendar:DateTimeStamp": _text,
}
_MEETING = {**ITEM, **MESSAGE, "meeting:ResponseType": _text, **_NAMED}
KINDS: Mapping[str, Mapping[str, Written]] = {
    "Message": {**ITEM, **MESSAGE},
    "MeetingRequest": {**_MEETING, **_TIMES},
    "MeetingResponse": {**_MEETING, "calendar:Start": _text, "calendar:End": _text, "calendar:CalendarItemType": _text},
    "MeetingCancellation": {
        **_MEETING,
        "calendar:Start": _text,
        "calendar:End": _text,
        "calendar:CalendarItemType": _text,
    },
    "CalendarItem": {**ITEM, **_NAMED, **_TIMES},
    "Task": {
        **ITEM,
        "task:CompleteDate": _text,
        "task:DueDate": _text,
        "task:IsComplete": _text,
        "task:Status": _text,
    },
}
"""Kind -> the fields that it can have, in the order of the schema."""


def item(one: Item, fields: Set[str]) -> str:
    """With its id, and what of the fields it has."""
    parts = [f'<t:ItemId Id="{one.id}" ChangeKey="{one.change_key}"/>']
    for name, written in KINDS[one.kind].items():
        if name in fields and one.values.get(name) is not None:
            parts.append(_extended(name, one.values[name]) if name.startswith("0x") else _field(name, one, written))
    return f"<t:{one.kind}>{''.join(parts)}</t:{one.kind}>"


def _field(name: str, one: Item, written: Written) -> str:
    return written(name.partition(":")[2], one.values[name])


def _extended(tag: str, value: Value) -> str:
    """Exchange writes the number in its own way."""
    kind = "Boolean" if isinstance(value, bool) else "String"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    uri = f'<t:ExtendedFieldURI PropertyTag="0x{int(tag, 16):x}" PropertyType="{kind}"/>'
    return f"<t:ExtendedProperty>{uri}{_text('Value', text)}</t:ExtendedProperty>"


def folder(one: Folder, fields: Iterable[str]) -> str:
    wanted = set(fields)
    parts = [f'<t:FolderId Id="{one.id}" ChangeKey="{one.version}"/>']
    if "folder:ParentFolderId" in wanted and one.parent is not None:
        parts.append(f'<t:ParentFolderId Id="{one.parent.id}" ChangeKey="{one.parent.version}"/>')
    if "folder:FolderClass" in wanted and one.folder_class:
        parts.append(_text("FolderClass", one.folder_class))
    if "folder:DisplayName" in wanted:
        parts.append(_text("DisplayName", one.name))
    if "0x10f4" in wanted:
        parts.append(_extended("0x10f4", one.hidden))
    return f"<t:{one.kind}>{''.join(parts)}</t:{one.kind}>"
