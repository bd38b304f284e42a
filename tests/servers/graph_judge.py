"""Whether JSON is what Graph's v1.0 metadata allows: the types that our fake gives, excerpted by hand from the CSDL of
microsoftgraph/msgraph-metadata (MIT licence), so that the fake cannot invent a property or a spelling."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_PEOPLE = "[recipient]"

TYPES: Mapping[str, Mapping[str, str]] = {
    "message": {
        "id": "text", "categories": "[text]", "changeKey": "text", "createdDateTime": "instant",
        "lastModifiedDateTime": "instant", "bccRecipients": _PEOPLE, "body": "itemBody", "bodyPreview": "text",
        "ccRecipients": _PEOPLE, "conversationId": "text", "conversationIndex": "text", "flag": "followupFlag",
        "from": "recipient", "hasAttachments": "bool", "importance": "low|normal|high",
        "inferenceClassification": "focused|other", "internetMessageHeaders": "[internetMessageHeader]",
        "internetMessageId": "text", "isDeliveryReceiptRequested": "bool", "isDraft": "bool", "isRead": "bool",
        "isReadReceiptRequested": "bool", "parentFolderId": "text", "receivedDateTime": "instant",
        "replyTo": _PEOPLE, "sender": "recipient", "sentDateTime": "instant", "subject": "text",
        "toRecipients": _PEOPLE, "uniqueBody": "itemBody", "webLink": "text", "attachments": "[attachment]",
        "singleValueExtendedProperties": "[singleValueLegacyExtendedProperty]",
    },
    "eventMessage": {
        "endDateTime": "any", "isAllDay": "bool", "isOutOfDate": "bool", "location": "any", "recurrence": "any",
        "meetingMessageType": (
            "none|meetingRequest|meetingCancelled|meetingAccepted|meetingTenativelyAccepted|meetingDeclined"
        ),
        "startDateTime": "any", "type": "singleInstance|occurrence|exception|seriesMaster", "event": "any",
    },
    "mailFolder": {
        "id": "text", "childFolderCount": "number", "displayName": "text", "isHidden": "bool",
        "parentFolderId": "text", "totalItemCount": "number", "unreadItemCount": "number",
    },
    "mailSearchFolder": {
        "filterQuery": "text", "includeNestedFolders": "bool", "isSupported": "bool", "sourceFolderIds": "[text]",
    },
    "attachment": {
        "id": "text", "contentType": "text", "isInline": "bool", "lastModifiedDateTime": "instant", "name": "text",
        "size": "number",
    },
    "fileAttachment": {"contentBytes": "text", "contentId": "text", "contentLocation": "text"},
    "calendar": {
        "id": "text", "canEdit": "bool", "canShare": "bool", "canViewPrivateItems": "bool", "changeKey": "text",
        "hexColor": "text", "isDefaultCalendar": "bool", "name": "text", "owner": "emailAddress",
    },
    "event": {
        "id": "text", "allowNewTimeProposals": "bool", "attendees": "[attendee]", "body": "itemBody",
        "bodyPreview": "text", "categories": "[text]", "changeKey": "text", "createdDateTime": "instant",
        "end": "dateTimeTimeZone", "hasAttachments": "bool", "hideAttendees": "bool", "iCalUId": "text",
        "importance": "low|normal|high", "isAllDay": "bool", "isCancelled": "bool", "isDraft": "bool",
        "isOnlineMeeting": "bool", "isOrganizer": "bool", "lastModifiedDateTime": "instant", "location": "location",
        "organizer": "recipient", "originalEndTimeZone": "text", "originalStart": "instant",
        "originalStartTimeZone": "text", "recurrence": "any", "responseRequested": "bool",
        "responseStatus": "responseStatus", "sensitivity": "normal|personal|private|confidential",
        "seriesMasterId": "text", "showAs": "free|tentative|busy|oof|workingElsewhere|unknown",
        "start": "dateTimeTimeZone", "subject": "text",
        "type": "singleInstance|occurrence|exception|seriesMaster", "webLink": "text",
    },
    "attendee": {
        "emailAddress": "emailAddress", "status": "responseStatus", "type": "required|optional|resource",
    },
    "responseStatus": {
        "response": "none|organizer|tentativelyAccepted|accepted|declined|notResponded", "time": "instant",
    },
    "dateTimeTimeZone": {"dateTime": "text", "timeZone": "text"},
    "location": {"displayName": "text", "locationType": "text"},
    "todoTaskList": {
        "id": "text", "displayName": "text", "isOwner": "bool", "isShared": "bool",
        "wellknownListName": "none|defaultList|flaggedEmails",
    },
    "todoTask": {
        "id": "text", "body": "itemBody", "bodyLastModifiedDateTime": "instant", "categories": "[text]",
        "completedDateTime": "dateTimeTimeZone", "createdDateTime": "instant", "dueDateTime": "dateTimeTimeZone",
        "hasAttachments": "bool", "importance": "low|normal|high", "isReminderOn": "bool",
        "lastModifiedDateTime": "instant", "status": "notStarted|inProgress|completed|waitingOnOthers|deferred",
        "title": "text",
    },
    "contactFolder": {"id": "text", "displayName": "text", "parentFolderId": "text"},
    "contact": {
        "id": "text", "assistantName": "text", "birthday": "instant", "businessHomePage": "text",
        "businessPhones": "[text]", "categories": "[text]", "changeKey": "text", "companyName": "text",
        "createdDateTime": "instant", "department": "text", "displayName": "text", "emailAddresses": "[emailAddress]",
        "fileAs": "text", "generation": "text", "givenName": "text", "homePhones": "[text]", "jobTitle": "text",
        "lastModifiedDateTime": "instant", "middleName": "text", "mobilePhone": "text", "nickName": "text",
        "parentFolderId": "text", "personalNotes": "text", "surname": "text", "title": "text",
    },
    "user": {"id": "text", "displayName": "text", "mail": "text", "userPrincipalName": "text"},
    "directoryObject": {"id": "text", "deletedDateTime": "instant"},
    "group": {"displayName": "text", "mail": "text"},
    "itemBody": {"content": "text", "contentType": "text|html"},
    "recipient": {"emailAddress": "emailAddress"},
    "emailAddress": {"address": "text", "name": "text"},
    "internetMessageHeader": {"name": "text", "value": "text"},
    "singleValueLegacyExtendedProperty": {"id": "text", "value": "text"},
    "followupFlag": {
        "completedDateTime": "any", "dueDateTime": "any", "startDateTime": "any",
        "flagStatus": "notFlagged|complete|flagged",
    },
}  # fmt: skip
BASES = {
    "group": "directoryObject",
    "eventMessage": "message",
    "eventMessageRequest": "eventMessage",
    "eventMessageResponse": "eventMessage",
    "mailSearchFolder": "mailFolder",
    "fileAttachment": "attachment",
}
_PLAIN = {"text": str, "bool": bool, "number": int}


def problems(kind: str, body: Mapping[str, Any]) -> list[str]:
    """Of one object, or of a page of them."""
    entries = body["value"] if isinstance(body.get("value"), list) else [body]
    return sorted({problem for entry in entries for problem in _object(kind, entry, kind)})


def _object(kind: str, entry: Any, where: str) -> Iterator[str]:
    if not isinstance(entry, dict):
        yield f"{where}: an object was expected"
        return
    kind = str(entry.get("@odata.type", kind)).rpartition(".")[2]
    known = _properties(kind)
    for name, value in entry.items():
        if "@" in name:
            continue
        if name not in known:
            yield f"{where}.{name}: not a property of {kind}"
        elif value is not None:
            yield from _value(known[name], value, f"{where}.{name}")


def _properties(kind: str) -> Mapping[str, str]:
    own = TYPES.get(kind, {})
    return {**_properties(BASES[kind]), **own} if kind in BASES else own


def _value(kind: str, value: Any, where: str) -> Iterator[str]:
    if kind.startswith("["):
        if not isinstance(value, list):
            yield f"{where}: a list was expected"
        else:
            for each in value:
                yield from _value(kind[1:-1], each, f"{where}[]")
    elif kind in TYPES:
        yield from _object(kind, value, where)
    elif kind == "instant":
        if not isinstance(value, str) or not _INSTANT.fullmatch(value):
            yield f"{where}: no DateTimeOffset"
    elif "|" in kind:
        if value not in kind.split("|"):
            yield f"{where}: {value!r} is not one of {kind}"
    elif kind in _PLAIN and (not isinstance(value, _PLAIN[kind]) or (kind == "number" and isinstance(value, bool))):
        yield f"{where}: {kind} was expected"
