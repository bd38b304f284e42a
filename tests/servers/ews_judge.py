"""Whether SOAP is what Microsoft's schema allows: of the elements that our fake gives, which may be where and in which
order, excerpted by hand from the messages.xsd and types.xsd of Exchange 2016, so that the fake cannot invent any."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from lxml import etree

_ITEM = (
    "ItemId ParentFolderId ItemClass Subject Sensitivity Body Attachments DateTimeReceived Size Categories Importance "
    "InReplyTo IsSubmitted IsDraft IsFromMe IsResend IsUnmodified InternetMessageHeaders DateTimeSent DateTimeCreated "
    "HasAttachments ExtendedProperty Culture LastModifiedName LastModifiedTime "
)
_MESSAGE = (
    "Sender ToRecipients CcRecipients BccRecipients IsReadReceiptRequested From InternetMessageId IsRead "
    "IsResponseRequested References ReplyTo "
)
_MEETING = f"{_ITEM}{_MESSAGE}AssociatedCalendarItemId IsDelegated IsOutOfDate HasBeenProcessed ResponseType UID "
_MEETING += "RecurrenceId DateTimeStamp "
_TIMES = (
    "Start End OriginalStart IsAllDayEvent LegacyFreeBusyStatus Location When IsMeeting IsCancelled IsRecurring "
    "MeetingRequestWasSent IsResponseRequested CalendarItemType MyResponseType Organizer RequiredAttendees "
    "OptionalAttendees Resources AppointmentSequenceNumber AppointmentState Recurrence FirstOccurrence LastOccurrence "
    "ModifiedOccurrences DeletedOccurrences MeetingTimeZone StartTimeZone EndTimeZone"
)
_FOLDER = (
    "FolderId ParentFolderId FolderClass DisplayName TotalCount ChildFolderCount ExtendedProperty "
    "ManagedFolderInformation EffectiveRights DistinguishedFolderId PermissionSet UnreadCount"
)
_ANY_ITEM = "Message MeetingRequest MeetingResponse MeetingCancellation CalendarItem Task"
_ANY_FOLDER = "Folder CalendarFolder TasksFolder ContactsFolder SearchFolder"
_MAILBOX = "Name EmailAddress RoutingType MailboxType ItemId"
_ANSWER = "MessageText ResponseCode DescriptiveLinkKey MessageXml"

SEQUENCES: Mapping[str, str] = {
    "Message": _ITEM + _MESSAGE,
    "MeetingRequest": f"{_MEETING}MeetingRequestType IntendedFreeBusyStatus {_TIMES}",
    "MeetingResponse": f"{_MEETING}Start End Location Recurrence CalendarItemType ProposedStart ProposedEnd",
    "MeetingCancellation": f"{_MEETING}Start End Location Recurrence CalendarItemType",
    "CalendarItem": f"{_ITEM}UID RecurrenceId DateTimeStamp {_TIMES}",
    "Task": f"{_ITEM}CompleteDate DueDate IsComplete IsRecurring Owner PercentComplete Recurrence StartDate Status",
    **dict.fromkeys(_ANY_FOLDER.split(), _FOLDER),
    **dict.fromkeys(("From", "Sender", "Organizer"), "Mailbox"),
    "Mailbox": _MAILBOX,
    "Attendee": "Mailbox ResponseType LastResponseTime",
    "FileAttachment": "AttachmentId Name ContentType ContentId ContentLocation Size LastModifiedTime IsInline",
    "ExtendedProperty": "ExtendedFieldURI Value",
    "Occurrence": "ItemId Start End OriginalStart",
    "DeletedOccurrence": "Start",
    "WeeklyRecurrence": "Interval DaysOfWeek FirstDayOfWeek",
    "DailyRecurrence": "Interval",
    "AbsoluteMonthlyRecurrence": "Interval DayOfMonth",
    "RelativeMonthlyRecurrence": "Interval DaysOfWeek DayOfWeekIndex",
    "AbsoluteYearlyRecurrence": "DayOfMonth Month",
    "RelativeYearlyRecurrence": "DaysOfWeek DayOfWeekIndex Month",
    "NoEndRecurrence": "StartDate",
    "EndDateRecurrence": "StartDate EndDate",
    "NumberedRecurrence": "StartDate NumberOfOccurrences",
    "StartTimeZone": "Periods TransitionsGroups Transitions",
    "RecurringDayTransition": "To TimeOffset Month DayOfWeek Occurrence",
    "Transition": "To",
    "ReadFlagChange": "ItemId IsRead",
    "SyncFolderItemsResponseMessage": f"{_ANSWER} SyncState IncludesLastItemInRange Changes",
    "SyncFolderHierarchyResponseMessage": f"{_ANSWER} SyncState IncludesLastFolderInRange Changes",
    "GetFolderResponseMessage": f"{_ANSWER} Folders",
    "GetItemResponseMessage": f"{_ANSWER} Items",
    "FindItemResponseMessage": f"{_ANSWER} RootFolder",
    "RootFolder": "Items",
}
"""Element -> its children in their order, each once at most."""
CHOICES: Mapping[str, str] = {
    "Items": _ANY_ITEM,
    "Folders": _ANY_FOLDER,
    "Create": f"{_ANY_ITEM} {_ANY_FOLDER}",
    "Update": f"{_ANY_ITEM} {_ANY_FOLDER}",
    "Delete": "ItemId FolderId",
    "Changes": "Create Update Delete ReadFlagChange",
    **dict.fromkeys(("ToRecipients", "CcRecipients", "BccRecipients", "ReplyTo"), "Mailbox"),
    **dict.fromkeys(("RequiredAttendees", "OptionalAttendees", "Resources"), "Attendee"),
    "Categories": "String",
    "InternetMessageHeaders": "InternetMessageHeader",
    "Attachments": "FileAttachment ItemAttachment",
    "ModifiedOccurrences": "Occurrence",
    "DeletedOccurrences": "DeletedOccurrence",
    "Recurrence": (
        "WeeklyRecurrence DailyRecurrence AbsoluteMonthlyRecurrence RelativeMonthlyRecurrence AbsoluteYearlyRecurrence "
        "RelativeYearlyRecurrence NoEndRecurrence EndDateRecurrence NumberedRecurrence"
    ),
    "Periods": "Period",
    "TransitionsGroups": "TransitionsGroup",
    "TransitionsGroup": "Transition RecurringDayTransition",
    "Transitions": "Transition",
    "MessageXml": "Value",
    "ResponseMessages": " ".join(name for name in SEQUENCES if name.endswith("ResponseMessage")),
}
"""Element -> its children, in any order and number."""
_INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
_FLAG = "true|false"
LEAVES: Mapping[str, str] = {
    **dict.fromkeys(("DateTimeReceived", "DateTimeSent", "Start", "End", "OriginalStart", "DateTimeStamp"), _INSTANT),
    **dict.fromkeys(("LastModifiedTime", "RecurrenceId", "CompleteDate", "DueDate"), _INSTANT),
    **dict.fromkeys(("IsDraft", "HasAttachments", "IsInline", "IsAllDayEvent", "IsCancelled", "IsRead"), _FLAG),
    **dict.fromkeys(("IsComplete", "IncludesLastItemInRange", "IncludesLastFolderInRange"), _FLAG),
    "Sensitivity": "Normal|Personal|Private|Confidential",
    "LegacyFreeBusyStatus": "Free|Tentative|Busy|OOF|WorkingElsewhere|NoData",
    "CalendarItemType": "Single|Occurrence|Exception|RecurringMaster",
    **dict.fromkeys(
        ("MyResponseType", "ResponseType"), "Unknown|Organizer|Tentative|Accept|Decline|NoResponseReceived"
    ),
    "Status": "NotStarted|InProgress|Completed|WaitingOnOthers|Deferred",
    "StartDate": r"\d{4}-\d\d-\d\d(Z|[+-]\d\d:\d\d)?",
    "EndDate": r"\d{4}-\d\d-\d\d(Z|[+-]\d\d:\d\d)?",
    "ResponseCode": r"NoError|Error\w+",
    "Size": r"\d+",
}


def problems(answer: bytes) -> list[str]:
    """What is wrong with an envelope; nothing of a SOAP fault, which the schema leaves open."""
    root = etree.fromstring(answer)
    body = next(each for each in root if etree.QName(each).localname == "Body")
    return [problem for each in body if _name(each) != "Fault" for child in each for problem in _checked(child)]


def _checked(element: etree._Element) -> Iterator[str]:
    name, inner = _name(element), [_name(each) for each in element]
    if name in SEQUENCES:
        yield from _in_order(name, inner, SEQUENCES[name].split())
        if name == "GetItemResponseMessage" and "Items" not in inner:
            yield "GetItemResponseMessage must hold Items, also when it is of an error"
    elif name in CHOICES:
        yield from (f"{name} may not hold {each}" for each in inner if each not in CHOICES[name].split())
        if not inner and name not in ("Changes", "Items", "Folders"):
            yield f"{name} may not be empty"
    elif inner:
        yield f"{name} is not known to hold anything, and holds {inner[0]}"
    elif not re.fullmatch(LEAVES.get(name, r"[\s\S]*"), element.text or ""):
        yield f"{name} may not be {element.text!r}"
    for each in element:
        yield from _checked(each)


def _in_order(name: str, inner: Sequence[str], order: Sequence[str]) -> Iterator[str]:
    """An item has several extended properties, side by side."""
    place = -1
    for each in inner:
        if each not in order:
            yield f"{name} has no {each}"
            continue
        if order.index(each) < place or (order.index(each) == place and each != "ExtendedProperty"):
            yield f"{each} is out of order in {name}"
        place = order.index(each)


def _name(element: etree._Element) -> str:
    return str(etree.QName(element).localname)
