"""One calendar or task list on an Exchange server as a stream of objects: single meetings, series, tasks.

SyncFolderItems gives ids with their change keys, which are the versions: Exchange changes that of a series with any of
its occurrences. The state that comes with the list of all is the cursor, from which what changes is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from connectors import ews_event, ews_task
from connectors import ews_xml as xml
from connectors.ews_client import MOST_CHANGES, Change, Client, Page
from connectors.ews_errors import Gone
from connectors.ews_folders import Folder
from connectors.ews_message import shorten
from connectors.ews_place import Place, place
from connectors.ews_xml import Element
from syncd.model import PARSER_VERSION, Batch, Cursor, Item, ItemId, Removed, Unreadable

PAGE = 100
MOST_TEXT = 1_500_000
"""Letters of a meeting and all its changed occurrences together, of which each has its share: a daily meeting with a
long text must neither fill the memory nor be larger than a calendar may be (ical_read.MAX_BYTES)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """For one pass."""

    begins: datetime
    ends: datetime
    now: datetime
    text: bool
    """Whether the text of a meeting may be stored."""

    @property
    def meaning(self) -> str:
        """Part of every version: when it changes, what is unchanged at Exchange means something else here."""
        days = [round((edge - self.now) / timedelta(days=1)) for edge in (self.begins, self.ends)]
        return f"{PARSER_VERSION}.{days[0]}.{days[1]}.{'text' if self.text else ''}"


class Reader(Protocol):
    """What an item of one kind of folder means."""

    fields: Sequence[str]

    def item(self, client: Client, id: ItemId, told: Element, window: Window, version: str) -> Item:
        """Raises ValueError or KeyError for what makes no sense."""
        ...


class ObjectStream:
    def __init__(self, folder: Folder, client: Client, window: Window, reader: Reader) -> None:
        self.name = folder.name
        self.kind = folder.kind
        self.excluded = folder.excluded
        self._id = folder.id
        self._client = client
        self._window = window
        self._reader = reader

    def changes(self, cursor: Cursor | None) -> Iterator[Batch]:
        here = place(cursor, self._id) if cursor is not None else None
        if here is None or here.meaning != self._window.meaning:
            yield self._compared()
            return
        for page in self._pages(here.state):
            if page.changes or not page.is_last:
                here = replace(here, state=page.state)
                yield Batch(items=tuple(self._now_there(page.changes)), cursor=here.cursor())

    def read(self, ids: Sequence[ItemId], *, text: bool) -> Iterator[Item]:
        """With its text whenever that may be stored: an object is read once, with all that there is of it."""
        fields = [*self._reader.fields, *(("item:Body",) if self._window.text else ())]
        for id, told in zip(ids, self._client.items(ids, fields, text=True), strict=True):
            yield self._item(id, told)

    def inventory(self) -> Iterator[ItemId]:
        return iter(self._listed()[0])

    def _compared(self) -> Batch:
        """All objects and their versions."""
        versions, state = self._listed()
        here = Place(folder=self._id, state=state, done=True, meaning=self._window.meaning)
        return Batch(items=(), versions=versions, cursor=here.cursor(), epoch=self._id)

    def _listed(self) -> tuple[dict[ItemId, str], str]:
        versions: dict[ItemId, str] = {}
        state = ""
        for page in self._pages(""):
            state = page.state
            for each in page.changes:
                if each.element is None:
                    versions.pop(ItemId(each.id), None)
                else:
                    versions[ItemId(each.id)] = self._version(each.element)
        return versions, state

    def _pages(self, state: str) -> Iterator[Page]:
        most = PAGE if state else MOST_CHANGES
        while True:
            page = self._client.items_page(self._id, state, (), most)
            yield page
            if page.is_last or page.state == state:  # a server that gives the same state again has no more to tell
                return
            state = page.state

    def _now_there(self, changes: Sequence[Change]) -> Iterator[Item]:
        latest = {each.id: each.what for each in changes if each.what != "ReadFlagChange"}
        yield from (Removed(ItemId(id)) for id, what in latest.items() if what == "Delete")
        yield from self.read([ItemId(id) for id, what in latest.items() if what != "Delete"], text=True)

    def _item(self, id: ItemId, told: Element | Exception) -> Item:
        if isinstance(told, Gone):
            return Removed(id)
        if isinstance(told, Exception):
            return Unreadable(id, f"Exchange says {type(told).__name__}: {str(told)[:200]}")
        version = self._version(told)
        try:
            return self._reader.item(self._client, id, told, self._window, version)
        except (ValueError, KeyError, OverflowError) as error:
            # One item that Exchange should never have given must not stop a calendar.
            return Unreadable(id, f"it makes no sense ({type(error).__name__})", version)

    def _version(self, told: Element) -> str:
        return f"{xml.id_of(told)[1]}|{self._window.meaning}"


class Meetings:
    fields: Sequence[str] = ews_event.FIELDS

    def item(self, client: Client, id: ItemId, told: Element, window: Window, version: str) -> Item:
        if xml.value(told, "CalendarItemType") in ("Occurrence", "Exception"):
            return Removed(id)  # it belongs to its series, which is told as well
        fields = [*self.fields, *(("item:Body",) if window.text else ())]
        ids = ews_event.changed_within(told, window.begins)
        most = MOST_TEXT // (1 + len(ids))
        shorten(told, most)
        changed: list[Element] = []
        for each in client.items(ids, fields, text=True):
            if isinstance(each, Exception) and not isinstance(each, Gone):
                return Unreadable(id, f"of one of its occurrences Exchange says {type(each).__name__}")
            if not isinstance(each, Exception):
                shorten(each, most)
                changed.append(each)
        return ews_event.item(told, changed, id=id, version=version, begins=window.begins, ends=window.ends)


class Tasks:
    fields: Sequence[str] = ews_task.FIELDS

    def item(self, client: Client, id: ItemId, told: Element, window: Window, version: str) -> Item:
        return ews_task.item(told, id=id, version=version, begins=window.begins, ends=window.ends)
