"""One folder on an Exchange server as a stream.

SyncFolderItems tells all that there is, the newest first, in pages with a state each, and then what happens: the state
is the cursor. It knows no time range, so what lies before the window is passed over, by ids alone. Since it tells
nothing new before it has told all that is old, new mail is looked for beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from connectors.ews_client import MOST_CHANGES, Change, Client, Page
from connectors.ews_errors import Gone
from connectors.ews_folders import Folder
from connectors.ews_invitation import FIELDS_OF_MEETING, invitation
from connectors.ews_message import FIELDS, FIELDS_OF_TEXT, instant, is_draft, message, method
from connectors.ews_place import Place, place
from connectors.ews_xml import Element, value
from syncd.model import Batch, Cursor, Item, ItemId, Message, Removed, Unreadable

PAGE = 100
"""Changes of a page whose items are read."""
CHECK_EVERY = 4
"""Pages of a backfill between two looks for new mail, which must not wait behind the old."""
_CLOCKS = timedelta(minutes=10)
"""So much may Exchange's clock be behind ours."""
RECEIVED = "item:DateTimeReceived"


class MailStream:
    kind = "mail"

    def __init__(
        self, folder: Folder, client: Client, *, since: Callable[[], datetime], now: Callable[[], datetime]
    ) -> None:
        self.name = folder.name
        self.excluded = folder.excluded
        self._id = folder.id
        self._client = client
        self._since = since
        self._now = now

    def changes(self, cursor: Cursor | None) -> Iterator[Batch]:
        here = place(cursor, self._id) if cursor is not None else Place(folder=self._id, state="")
        if not here.done:
            here = yield from self._backfill(here)
            yield self._listed(here)  # the last: while its removals are doubted its cursor is not kept
            return
        yield from self._follow(here)

    def read(self, ids: Sequence[ItemId], *, text: bool) -> Iterator[Item]:
        fields = (*FIELDS, *FIELDS_OF_MEETING, *(FIELDS_OF_TEXT if text else ()))
        for id, told in zip(ids, self._client.items(ids, fields, text=text), strict=True):
            item = self._item(id, told)
            if isinstance(item, Message) and method(told):
                item = item._replace(invitation=invitation(told, id, since=self._since(), now=self._now()))
            yield item

    def inventory(self) -> Iterator[ItemId]:
        since = self._since()
        for page in self._pages("", MOST_CHANGES, RECEIVED, "item:IsDraft"):
            there = [each for each in page.changes if each.element is not None and not is_draft(each.element)]
            yield from (ItemId(each.id) for each in there if _is_within(each, since))

    # ------------------------------------------------------------------------------------------------ what there is

    def _backfill(self, here: Place) -> Generator[Batch, None, Place]:
        since, is_last, number = self._since(), False, 0
        fresh, seen = self._now() - _CLOCKS, set[str]()
        while not is_last:
            page = self._client.items_page(self._id, here.state, (RECEIVED,), MOST_CHANGES if here.older else PAGE)
            wanted = [each for each in page.changes if _is_within(each, since)]
            seen.update(each.id for each in wanted)
            is_last = page.is_last or page.state == here.state
            here = replace(here, state=page.state, older=bool(page.changes) and not wanted)
            if wanted or not is_last:
                yield Batch(items=tuple(self._now_there(wanted)), cursor=here.cursor(), remaining=int(not is_last))
            number += 1
            if number % CHECK_EVERY == 0 and not is_last:
                came = [id for id in self._client.received_since(self._id, fresh) if id not in seen]
                seen.update(came)
                if came:
                    yield Batch(items=tuple(self._fetched(came)), cursor=here.cursor(), remaining=1)
        return here

    def _listed(self, here: Place) -> Batch:
        """All ids of the folder, whatever their date, so that what is stored and not among them has left."""
        pages = self._pages("", MOST_CHANGES)
        ids = frozenset(ItemId(each.id) for page in pages for each in page.changes if each.element is not None)
        here = replace(here, done=True, older=False)
        return Batch(items=(), cursor=here.cursor(), listing=ids, epoch=self._id, remaining=0)

    # ------------------------------------------------------------------------------------------------ what is new

    def _follow(self, here: Place) -> Iterator[Batch]:
        """Yield what changed. Where nothing did there is no batch."""
        for page in self._pages(here.state, PAGE):
            if page.changes or not page.is_last:
                here = replace(here, state=page.state)
                yield Batch(items=tuple(self._now_there(page.changes)), cursor=here.cursor())

    def _pages(self, state: str, most: int, *fields: str) -> Iterator[Page]:
        while True:
            page = self._client.items_page(self._id, state, fields, most)
            yield page
            if page.is_last or page.state == state:  # a server that gives the same state again has no more to tell
                return
            state = page.state

    def _now_there(self, changes: Sequence[Change]) -> Iterator[Item]:
        """What is there now of what was told; that it was read is nothing new."""
        latest = {each.id: each.what for each in changes if each.what != "ReadFlagChange"}
        gone = [id for id, what in latest.items() if what == "Delete"]
        yield from (Removed(ItemId(id)) for id in gone)
        yield from self._fetched([id for id, what in latest.items() if what != "Delete"])

    def _fetched(self, ids: Sequence[str]) -> Iterator[Item]:
        for id, told in zip(ids, self._client.items(ids, FIELDS), strict=True):
            yield self._item(ItemId(id), told)

    def _item(self, id: ItemId, told: Element | Exception) -> Item:
        if isinstance(told, Gone):
            return Removed(id)
        if isinstance(told, Exception):
            return Unreadable(id, f"Exchange says {type(told).__name__}: {str(told)[:200]}")
        return Removed(id) if is_draft(told) else message(told, id, self.name)


def _is_within(change: Change, since: datetime) -> bool:
    """What has no date is within."""
    received = instant(value(change.element, "DateTimeReceived")) if change.element is not None else None
    return received is None or received >= since
