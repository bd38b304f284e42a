"""One calendar at Graph as a stream of objects: single meetings, and series with their occurrences.

calendarView/delta is taken for a hint that something is with an object, as with mail (graph_mail), and for good
reasons: it gives occurrences without their people, is silent when one is deleted (docs PR 4501), says `deleted` of what
only lies outside its window (docs issue 6599), and its window stands still while time goes on. So it is opened anew
once a day, and then all objects are compared by their change keys, which Exchange changes with any occurrence of a
series. What an object is, is asked of it: Graph itself works out the occurrences, by the rules of their own zone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from connectors.graph_client import Graph, Part, query
from connectors.graph_errors import Missing, code_of
from connectors.graph_event import SELECT, event
from connectors.graph_message import body_text, instant
from connectors.graph_place import Place, place, zulu
from connectors.http import TooLarge
from syncd.errors import Retryable
from syncd.model import PARSER_VERSION, Batch, CalendarObject, Cursor, Event, Item, ItemId, Removed, Unreadable

COMPARE = timedelta(days=1)
PAGE = 100
IDS = 500
BEYOND = timedelta(days=31)
"""So far behind the window the next occurrence of a series is looked for."""
MOST = 5000
"""Occurrences of one series that are read."""
_UTC = 'outlook.timezone="UTC"'
_TEXT = 'outlook.body-content-type="text"'


@dataclass(frozen=True, slots=True)
class Calendar:
    id: str
    name: str
    excluded: str = ""


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
        """Part of every version: when it changes, what is unchanged at Graph means something else here."""
        days = [round((edge - self.now) / timedelta(days=1)) for edge in (self.begins, self.ends)]
        return f"{PARSER_VERSION}.{days[0]}.{days[1]}.{'text' if self.text else ''}"


class CalendarStream:
    kind = "calendar"

    def __init__(self, calendar: Calendar, graph: Graph, window: Window) -> None:
        self.name = calendar.name
        self.excluded = calendar.excluded
        self._id = calendar.id
        self._graph = graph
        self._window = window
        self._path = f"{graph.mailbox}/calendars/{calendar.id}"

    def changes(self, cursor: Cursor | None) -> Iterator[Batch]:
        here = place(cursor, self._id) if cursor is not None else None
        try:
            if here is None or here.meaning != self._window.meaning or self._is_due(here):
                yield self._compared()
            else:
                yield from self._follow(here)
        except Missing as error:
            words = f"the calendar {self.name} has gone meanwhile"
            raise Retryable(words, cure="nothing: the next pass sees") from error

    def read(self, ids: Sequence[ItemId], *, text: bool) -> Iterator[Item]:
        """With its text whenever that may be stored: an object is read once, with all that there is of it."""
        prefer = (_UTC, _TEXT)
        options = query(select=f"{SELECT},body" if self._window.text else SELECT)
        parts = self._graph.batch([f"{self._path}/events/{quote(id_)}{options}" for id_ in ids], prefer=prefer)
        for id_, part in zip(ids, parts, strict=True):
            yield self._item(id_, part)

    def inventory(self) -> Iterator[ItemId]:
        return iter(self._versions())

    # ------------------------------------------------------------------------------------------------ what changed

    def _is_due(self, here: Place) -> bool:
        """A clock that was set back does not put it off."""
        return not timedelta(0) <= self._window.now - here.given_at < COMPARE

    def _compared(self) -> Batch:
        """All objects and their versions; the mark is taken before. Graph pages them by number, and what leaves
        meanwhile hides another: if something happened, what a second listing has is there as well."""
        link = self._mark()
        versions = self._versions()
        if any(page.value for page in self._graph.pages(link, prefer=_pages(PAGE))):
            versions |= self._versions()
        here = Place(
            folder=self._id, link=link, at=self._window.now.isoformat(), done=True, meaning=self._window.meaning
        )
        return Batch(items=(), versions=versions, cursor=here.cursor(), epoch=self._id)

    def _mark(self) -> str:
        """The view has no options but its window: what it tells of the first round is passed over."""
        window = f"?startDateTime={zulu(self._window.begins)}&endDateTime={zulu(self._window.ends)}"
        link = ""
        for page in self._graph.pages(f"{self._path}/calendarView/delta{window}", prefer=_pages(IDS)):
            link = page.delta
        if not link:
            raise Retryable(f"{self.name}: Graph gave no link to go on from", cure="it is tried again")
        return link

    def _versions(self) -> dict[ItemId, str]:
        path = f"{self._path}/events{query(select='id,changeKey', top=str(IDS))}"
        entries = [entry for page in self._graph.pages(path) for entry in page.value]
        return {ItemId(str(entry["id"])): self._version(entry) for entry in entries}

    def _follow(self, here: Place) -> Iterator[Batch]:
        for page in self._graph.pages(here.link, prefer=_pages(PAGE)):
            if page.value or (here.midway and page.delta):
                here = replace(here, link=page.next or page.delta, midway=bool(page.next))
                ids = dict.fromkeys(ItemId(str(entry.get("seriesMasterId") or entry["id"])) for entry in page.value)
                yield Batch(items=tuple(self.read([*ids], text=True)), cursor=here.cursor())

    # ------------------------------------------------------------------------------------------------ what it is

    def _item(self, id_: ItemId, part: Part) -> Item:
        entry = part.body if part.ok and isinstance(part.body, Mapping) else {}
        kind = entry.get("type")
        if kind in ("occurrence", "exception"):
            return Removed(id_)  # it belongs to its series, which is told as well
        if kind == "seriesMaster":
            return self._series(id_, entry)
        if kind == "singleInstance":
            return self._single(id_, entry)
        code, words = code_of(part.body)
        if part.status == 404 or code == "ErrorInvalidIdMalformed":
            return Removed(id_)
        return Unreadable(id_, f"Graph says {part.status} {code}: {words}")

    def _single(self, id_: ItemId, entry: Mapping[str, Any]) -> Item:
        made = event(entry, id_, None)
        if made is None:
            return Unreadable(id_, "it has no dates that make sense", self._version(entry))
        return self._object(id_, entry, [made])

    def _series(self, id_: ItemId, master: Mapping[str, Any]) -> Item:
        try:
            return self._occurrences(id_, master)
        except Missing:
            return Removed(id_)
        except TooLarge:
            return Unreadable(id_, "its occurrences are too large to be read", self._version(master))

    def _occurrences(self, id_: ItemId, master: Mapping[str, Any]) -> Item:
        """Their text is the master's: asked for with each of them it would come hundreds of times."""
        beyond, body = self._window.ends + BEYOND, master.get("body")
        text = body_text(body) if isinstance(body, Mapping) else ""
        window = f"&startDateTime={zulu(self._window.begins)}&endDateTime={zulu(beyond)}&$top={IDS}"
        path = f"{self._path}/events/{quote(id_)}/instances{query(select=SELECT)}{window}"
        found: list[Event] = []
        for page in self._graph.pages(path, prefer=(_UTC,)):
            own = self._own_texts(page.value)
            made = ((entry, event(entry, id_, master)) for entry in page.value)
            found += [each._replace(text=own.get(str(entry["id"]), text)) for entry, each in made if each is not None]
            if len(found) > MOST:
                return Unreadable(id_, f"it has more than {MOST} occurrences", self._version(master))
        item = self._object(id_, master, found)
        return item._replace(next_at=item.next_at or (beyond if _goes_on(master, beyond) else None))

    def _own_texts(self, entries: Sequence[Mapping[str, Any]]) -> Mapping[str, str]:
        """Of those that were changed by themselves, whose text may be another than the master's."""
        changed = [str(entry["id"]) for entry in entries if entry.get("type") == "exception"]
        ids = changed if self._window.text else []
        options = query(select="body")
        parts = self._graph.batch([f"{self._path}/events/{quote(id_)}{options}" for id_ in ids], prefer=(_TEXT,))
        bodies = [part.body.get("body") if part.ok and isinstance(part.body, Mapping) else None for part in parts]
        return {id_: body_text(body) for id_, body in zip(ids, bodies, strict=True) if isinstance(body, Mapping)}

    def _object(self, id_: ItemId, entry: Mapping[str, Any], found: Sequence[Event]) -> CalendarObject:
        begins, ends = self._window.begins, self._window.ends
        parts = tuple(each for each in found if each.starts_at < ends and each.ends_at > begins)
        return CalendarObject(
            id=id_,
            version=self._version(entry),
            parts=parts,
            begins=begins,
            ends=ends,
            next_at=min((each.starts_at for each in found if each.starts_at >= ends), default=None),
            nothing="" if parts else "all its dates are outside the window",
        )

    def _version(self, entry: Mapping[str, Any]) -> str:
        return f"{entry.get('changeKey')}|{self._window.meaning}"


def _pages(size: int) -> tuple[str, ...]:
    return (_UTC, f"odata.maxpagesize={size}")


def _goes_on(master: Mapping[str, Any], beyond: datetime) -> bool:
    """Whether a series may have more behind a moment: unless it is told that it ends before. `noEnd` has a sentinel
    for its end; of a numbered one nobody has counted."""
    recurrence = master.get("recurrence")
    told = recurrence.get("range") if isinstance(recurrence, Mapping) else None
    if not isinstance(told, Mapping) or told.get("type") != "endDate":
        return True
    until = instant(told.get("endDate"))
    return until is None or until >= beyond
