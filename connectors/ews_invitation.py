"""What a mail about a meeting says of it: Exchange keeps such a mail as an item of its own kind, without its calendar
part, so that is written anew and read as any other."""

from __future__ import annotations

from datetime import datetime

from connectors import ical
from connectors.ews_event import FIELDS, calendar
from connectors.ews_message import method
from connectors.ews_xml import Element
from connectors.invitations import AHEAD
from syncd.model import Invitation, ItemId

FIELDS_OF_MEETING = FIELDS


def invitation(told: Element, id: ItemId, *, since: datetime, now: datetime) -> Invitation | None:
    """None where it does not say which meeting it is about."""
    try:
        text = "\r\n".join(calendar(told, method(told)))
    except (ValueError, KeyError, OverflowError):
        return None
    return ical.invitation(text.encode(), id=id, begins=since, ends=now + AHEAD)
