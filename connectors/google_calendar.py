"""A Google calendar as a stream, in masters mode: series come as they are, and are expanded here.

What changed comes by sync token, and is complete; all there is comes as ids and versions, of which the caller reads
what it does not have. No time range is asked for: a token that began with one goes on with it for ever.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors import google_errors as errors
from connectors.google_api import Caller, Resource, api, pages
from connectors.google_events import MEANING, Group, grouped, is_series, item
from connectors.google_opening import Opening
from connectors.google_settings import Settings
from syncd.errors import CursorExpired, SyncError
from syncd.model import Batch, Cursor, Item, ItemId, Removed, Unreadable

AHEAD = timedelta(days=60)
"""How far into the future occurrences are worked out."""

_PAGE = 2500
_COST = 1
_EVENT = (
    "id,etag,status,iCalUID,recurringEventId,originalStartTime,start,end,endTimeUnspecified,recurrence,summary,"
    "description,location,sequence,updated,visibility,eventType,organizer,attendees,attendeesOmitted,"
    "guestsCanSeeOtherGuests,hangoutLink,conferenceData/entryPoints(entryPointType,uri)"
)
_FIELDS = f"nextPageToken,nextSyncToken,items({_EVENT})"


@dataclass(frozen=True, slots=True)
class Entry:
    """A calendar as its owner's list has it."""

    id: str
    name: str
    zone: str
    excluded: str


@dataclass(frozen=True, slots=True)
class _Place:
    token: str
    day: str
    """When it was saved: a new token is saved each day, since old ones end, but not at each look."""
    meaning: int = MEANING

    def cursor(self) -> Cursor:
        return Cursor(json.dumps(asdict(self)))


def _place(cursor: Cursor) -> _Place:
    try:
        found = _Place(**json.loads(cursor))
    except (ValueError, TypeError) as error:
        raise CursorExpired("the cursor of the calendar cannot be read") from error
    if (
        not isinstance(found.token, str)
        or not isinstance(found.day, str)
        or not found.token
        or found.meaning != MEANING
    ):
        raise CursorExpired("all events of the calendar are read again, since syncd has learnt something")
    return found


class Calendar:
    """The few methods of the Calendar API that are called, for one account."""

    def __init__(self, caller: Caller, settings: Settings) -> None:
        self._caller = caller
        self._api = api("calendar", "v3", "Google Calendar API", settings.endpoint)
        self._list = self._api.collection("calendarList")
        self._events = self._api.collection("events")

    def entries(self) -> Iterator[Resource]:
        """The owner's list of calendars."""
        fields = "nextPageToken,items(id,summary,summaryOverride,timeZone,accessRole,primary,deleted)"
        for each in pages(lambda place: self._listed(self._list, maxResults=250, fields=fields, **place)):
            yield from each.get("items") or ()

    def require_owner(self, entries: Iterable[Resource]) -> None:
        """Raises Permanent when the list is another account's: its first calendar has the address as its id."""
        for each in entries:
            if each.get("primary"):
                errors.require_owner(str(each["id"]), self._caller.owner)

    def changes(self, calendar: str, token: str) -> tuple[list[Resource], str]:
        """All events, or what changed since a token, and the next token. Raises Missing when the token is too old."""
        # Whatever is asked for here must be the same with and without a token.
        since = {"syncToken": token} if token else {}
        next_token = ""
        found: list[Resource] = []
        for each in pages(lambda place: self._page(calendar, **since, **place)):
            found += each.get("items") or ()
            next_token = str(each.get("nextSyncToken") or next_token)
        return found, next_token

    def event(self, calendar: str, id: str) -> Resource:
        """Raises Missing for what is gone."""
        return self._caller.call(
            self._api, self._events.get(calendarId=calendar, eventId=id, fields=_EVENT), cost=_COST
        )

    def of_uid(self, calendar: str, uid: str) -> list[Resource]:
        """A series with all its exceptions, cancelled ones too."""
        listed = pages(lambda place: self._page(calendar, iCalUID=uid, showDeleted=True, **place))
        return [event for each in listed for event in each.get("items") or ()]

    def _page(self, calendar: str, **more: str | bool) -> Resource:
        return self._listed(self._events, calendarId=calendar, maxResults=_PAGE, fields=_FIELDS, **more)

    def _listed(self, collection: Any, **parameters: str | int) -> Resource:
        return self._caller.call(self._api, collection.list(**parameters), cost=_COST)


class CalendarStream:
    kind = "calendar"

    def __init__(
        self,
        entry: Entry,
        calendar: Callable[[], Calendar],
        own: str,
        since: Callable[[], datetime],
        now: Callable[[], datetime],
    ) -> None:
        self.name = entry.name
        self.excluded = entry.excluded
        self._entry = entry
        self._opened = calendar
        self._own = (own,)
        self._since = since
        self._now = now
        self._listed: dict[ItemId, Group] = {}
        """What a listing brought, for the caller who reads it next."""

    def changes(self, cursor: Cursor | None) -> Iterator[Batch]:
        if cursor is None:
            yield from self._all()
            return
        place = _place(cursor)
        try:
            events, token = self._opened().changes(self._entry.id, place.token)
        except (errors.Missing, errors.Misunderstood) as error:
            raise CursorExpired(f"{self.name}: Google's list of changes does not go back to the last pass") from error
        if not events and place.day == self._today():
            return
        yield Batch(items=tuple(self._changed(events)), cursor=_Place(token or place.token, self._today()).cursor())

    def read(self, ids: Sequence[ItemId], *, text: bool) -> Iterator[Item]:
        for id in ids:
            group = self._listed.pop(id, None)
            yield self._item(group) if group is not None else self._single(id)

    def inventory(self) -> Iterator[ItemId]:
        events, _ = self._listing()
        yield from grouped(events)

    def _all(self) -> Iterator[Batch]:
        """The ids and versions of everything, whatever its date, with the token that was valid when it was listed."""
        events, token = self._listing()
        self._listed = grouped(event for event in events if not _is_tombstone(event))
        versions = {id: group.version for id, group in self._listed.items()}
        try:
            yield Batch(items=(), versions=versions, cursor=_Place(token, self._today()).cursor())
        finally:
            self._listed = {}

    def _listing(self) -> tuple[list[Resource], str]:
        try:
            return self._opened().changes(self._entry.id, "")
        except errors.Missing as error:
            raise errors.SourceGone(self.name) from error

    def _today(self) -> str:
        return self._now().date().isoformat()

    def _changed(self, events: Sequence[Resource]) -> Iterator[Item]:
        """Of a series that changed in part, the rest is asked for: its occurrences follow from all of it."""
        for id, group in grouped(events).items():
            if group.master is not None and _is_tombstone(group.master):
                yield self._item(group)
            elif group.exceptions or (group.master is not None and is_series(group.master)):
                yield self._series(id, group)
            else:
                yield self._item(group)

    def _series(self, id: ItemId, known: Group) -> Item:
        uid = next((str(e["iCalUID"]) for e in (known.master, *known.exceptions) if e and e.get("iCalUID")), "")
        if not uid:
            return self._single(id)
        found = grouped(self._opened().of_uid(self._entry.id, uid)).get(id)
        return self._item(found) if found is not None else Removed(id)

    def _single(self, id: ItemId) -> Item:
        try:
            event = self._opened().event(self._entry.id, id)
        except errors.Missing:
            return Removed(id)
        if is_series(event) and event.get("iCalUID"):
            return self._series(id, Group(id, event, ()))
        return self._item(Group(id, event, ()))

    def _item(self, group: Group) -> Item:
        begins, ends = self._since(), self._now() + AHEAD
        try:
            return item(group, zone=self._entry.zone, begins=begins, ends=ends, own=self._own)
        except SyncError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            # One event that Google should never have given must not stop a calendar.
            return Unreadable(group.id, f"it makes no sense ({type(error).__name__})", group.version)


def _is_tombstone(event: Resource) -> bool:
    return event.get("status") == "cancelled" and not event.get("recurringEventId")


def entry(listed: Resource, settings: Settings) -> Entry:
    """A calendar of the list, and why it is not read, if it is not."""
    id = str(listed["id"])
    summary = str(listed.get("summaryOverride") or listed.get("summary") or "")
    name = "calendar" if listed.get("primary") else f"calendar {id}"
    return Entry(id, name, str(listed.get("timeZone") or ""), _excluded(listed, id, summary, settings))


def _excluded(listed: Resource, id: str, summary: str, settings: Settings) -> str:
    names = {id.casefold(), summary.casefold()}
    if names & {each.casefold() for each in settings.exclude_calendars}:
        return "folder_excluded"
    if settings.calendars:
        return "" if names & {each.casefold() for each in settings.calendars} else "folder_excluded"
    if listed.get("accessRole") == "freeBusyReader":
        return "free/busy only"
    if "#" in id and id.endswith("@group.v.calendar.google.com"):
        return "holidays or birthdays"
    return ""


class CalendarSource:
    """The calendars of one account."""

    name = "calendar"
    scopes = frozenset(
        {
            "https://www.googleapis.com/auth/calendar.calendarlist.readonly",
            "https://www.googleapis.com/auth/calendar.events.readonly",
        }
    )

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._calendar: Calendar | None = None

    def streams(self) -> Sequence[CalendarStream]:
        """One for each calendar of the owner's list."""
        settings, context = self._opening.settings, self._opening.context
        entries = list(self._opened().entries())
        if "mail" not in settings.read:  # else the mail tells who answers
            self._opened().require_owner(entries)
        return [
            CalendarStream(entry(listed, settings), self._opened, settings.user, context.since, context.now)
            for listed in entries
            if not listed.get("deleted")
        ]

    def close(self) -> None:
        self._calendar = None

    def _opened(self) -> Calendar:
        if self._calendar is None:
            self._calendar = Calendar(self._opening.caller(self.scopes, of="calendar"), self._opening.settings)
        return self._calendar
