"""One folder at Graph as a stream.

The backfill is a listing by date, newest first, and not Graph's delta: with a filter that ends after 5,000 messages
without a word, and without one it goes back to the folder's first day, ten years perhaps, in no certain order. So the
delta gives the mark only, and before the listing: a first round that asks for nothing but ids is run to its end, and
what happens from then on is told by its link.

A delta's entry is taken for a hint that something is with this id, and nothing else: entries may lack most of their
properties, `@removed` may mean a move away and back, and everything may be told twice. What there is now is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import quote

from connectors.graph_client import Graph, Json, Page, Part, query
from connectors.graph_errors import BadQuery, Missing, code_of
from connectors.graph_folders import Folder, FolderTree
from connectors.graph_message import EXPAND, SELECT, SELECT_ATTACHMENTS, SELECT_TEXT, attachments, message
from connectors.graph_place import Place, place, zulu
from connectors.invitations import calendar_in, invitation_of
from syncd.errors import Retryable
from syncd.model import Attachment, Batch, Cursor, Invitation, Item, ItemId, Message, Removed, Unreadable

PAGE = 100
"""Messages of a page of the backfill: with their headers some 500 kB."""
IDS = 1000
"""Of a page of ids alone."""
LISTINGS = 3
"""Of a folder that does not rest meanwhile."""
CHECK_EVERY = 4
"""Pages of a backfill between two looks for new mail, which must not wait behind the old."""
RENEW = timedelta(days=1)
"""A link is replaced at least so often, though nothing happened: Outlook forgets old ones when it needs the room."""
_LARGEST_MAIL = 8 * 1024 * 1024
"""Octets of a mail about a meeting, with what is attached to it."""
_ORDER = "receivedDateTime desc"
_TEXT = 'outlook.body-content-type="text"'


class MailStream:
    kind = "mail"

    def __init__(
        self,
        folder: Folder,
        graph: Graph,
        tree: FolderTree,
        *,
        since: Callable[[], datetime],
        now: Callable[[], datetime],
    ) -> None:
        self.name = folder.name
        self.excluded = folder.excluded
        self._id = folder.id
        self._graph = graph
        self._tree = tree
        self._since = since
        self._now = now
        self._path = f"{graph.mailbox}/mailFolders/{folder.id}/messages"

    def changes(self, cursor: Cursor | None) -> Iterator[Batch]:
        try:
            yield from self._changes(cursor)
        except Missing as error:
            raise Retryable(f"the folder {self.name} has gone meanwhile", cure="nothing: the next pass sees") from error

    def _changes(self, cursor: Cursor | None) -> Iterator[Batch]:
        here = place(cursor, self._id) if cursor is not None else self._mark()
        if here.done:
            yield from self._follow(here, behind=0)
            return
        here = yield from self._backfill(here)
        here = yield from self._follow(here, behind=0)
        yield from self._listed(here)  # the last: while its removals are doubted its cursor is not kept

    def read(self, ids: Sequence[ItemId], *, text: bool) -> Iterator[Item]:
        """With what they invite to: Graph itself makes a mail of such a message again, and asks no right to calendars
        for it."""
        for item in self._read(ids, text=text):
            about = isinstance(item, Message) and item.headers.get("content-type", "").startswith("text/calendar")
            yield item._replace(invitation=self._invitation(item.id)) if about and isinstance(item, Message) else item

    def _invitation(self, id_: ItemId) -> Invitation | None:
        mail = self._graph.raw(f"{self._graph.mailbox}/messages/{quote(id_)}/$value", most=_LARGEST_MAIL)
        part = calendar_in(mail) if mail is not None else None
        return invitation_of(*part, id=id_, since=self._since(), now=self._now()) if part is not None else None

    def _read(self, ids: Sequence[ItemId], *, text: bool) -> Iterator[Item]:
        select = SELECT_TEXT if text else SELECT
        options = query(select=select, expand=EXPAND)
        prefer = (_TEXT,) if text else ()
        paths = [f"{self._graph.mailbox}/messages/{quote(id_)}{options}" for id_ in ids]
        parts = list(self._graph.batch(paths, prefer=prefer))
        files = self._attachments([id_ for id_, part in zip(ids, parts, strict=True) if _attaches(part)])
        for id_, part in zip(ids, parts, strict=True):
            item = self._item(id_, part)
            yield item._replace(attachments=files[id_]) if isinstance(item, Message) and id_ in files else item

    def inventory(self) -> Iterator[ItemId]:
        options = query(select="isDraft", filter=self._window(), orderby=_ORDER, top=str(IDS))
        for page in self._graph.pages(self._path + options):
            yield from (ItemId(str(entry["id"])) for entry in page.value if not entry.get("isDraft"))

    # ---------------------------------------------------------------------------------------------- the backfill

    def _mark(self) -> Place:
        """The link from which everything is told that happens after this call."""
        now = self._now()
        options = query(select="id", filter=self._window())
        try:
            link = self._end(f"{self._path}/delta{options}")
        except BadQuery:
            # For some weeks of 2022 Graph refused every filter here (docs-contrib issue 1771).
            link = self._end(f"{self._path}/delta{query(select='id')}")
        return Place(folder=self._id, link=link, at=now.isoformat())

    def _end(self, path: str) -> str:
        link = ""
        for page in self._graph.pages(path, prefer=(f"odata.maxpagesize={IDS}",)):
            link = page.delta
        if not link:
            raise Retryable(f"{self.name}: Graph gave no link to go on from", cure="it is tried again")
        return link

    def _backfill(self, here: Place) -> Generator[Batch, None, Place]:
        for number, (entries, older, left) in enumerate(self._older(here.older or self._listing("")), 1):
            here = replace(here, older=older)
            items = tuple(message(entry, self.name) for entry in entries if not entry.get("isDraft"))
            yield Batch(items=items, cursor=here.cursor(), remaining=left)
            if number % CHECK_EVERY == 0 and left:
                here = yield from self._follow(here, behind=left)
        return here

    def _older(self, path: str) -> Iterator[tuple[Sequence[Json], str, int]]:
        """Pages of the window, newest first, each with the place of the next one and how many messages are left.

        Graph pages such a listing by number, and one removal shifts all that follow; so each page is asked for anew,
        from the second on which the last one ended, and what both hold is given once. Only within a second that fills a
        whole page is its next link followed.
        """
        seen: set[str] = set()
        behind = 0
        while True:
            page = self._graph.page(path)
            behind += len(page.value)
            left = int(bool(page.next)) if page.count is None else max(0, page.count - behind)
            if not page.value:
                return
            times = [str(entry.get("receivedDateTime")) for entry in page.value]
            fresh = [entry for entry in page.value if entry["id"] not in seen]
            if times[0] == times[-1] and page.next:
                seen.update(str(entry["id"]) for entry in page.value)
                path = page.next
            else:
                seen = {str(entry["id"]) for entry in page.value if str(entry.get("receivedDateTime")) == times[-1]}
                # A second that fills a page without a link (docs issue 2153): the reconciliation finds the rest of it.
                path, behind = self._listing(times[-1], bound="lt" if times[0] == times[-1] else "le"), 0
            yield fresh, path, left
            if not left:
                return

    def _listing(self, before: str, bound: str = "le") -> str:
        window = self._window() + (f" and receivedDateTime {bound} {before}" if before else "")
        return self._path + query(
            select=SELECT, expand=EXPAND, filter=window, orderby=_ORDER, top=str(PAGE), count="true"
        )

    def _window(self) -> str:
        return f"receivedDateTime ge {zulu(self._since())}"

    def _listed(self, here: Place) -> Iterator[Batch]:
        """All ids of the folder, whatever their date, so that what is stored and not among them has left.

        Graph pages this listing by number, too: what leaves meanwhile hides another from it. So it is taken again until
        nothing happened during it, or each message had several chances to be seen.
        """
        ids: set[ItemId] = set()
        for _ in range(LISTINGS):
            pages = self._graph.pages(self._path + query(select="id", top=str(IDS)))
            ids.update(ItemId(str(entry["id"])) for page in pages for entry in page.value)
            happened = False
            for batch in self._follow(here, behind=0):
                happened, here = True, place(batch.cursor, self._id)
                ids.update(item.id for item in batch.items)
                yield batch
            if not happened:
                break
        here = replace(here, done=True, older="")
        yield Batch(items=(), cursor=here.cursor(), listing=frozenset(ids), epoch=self._id, remaining=0)

    # ------------------------------------------------------------------------------------------------ what is new

    def _follow(self, here: Place, *, behind: int) -> Generator[Batch, None, Place]:
        """Yield what changed. Where nothing did there is no batch, unless the link has to be replaced."""
        now = self._now()
        due = here.midway or not timedelta(0) <= now - here.given_at < RENEW
        for page in self._graph.pages(here.link, prefer=(f"odata.maxpagesize={PAGE}",)):
            if not page.value and not (due and page.delta):
                continue
            due = bool(page.next)
            here = replace(here, link=page.next or page.delta, at=now.isoformat(), midway=due)
            yield Batch(items=tuple(self._now_there(page)), cursor=here.cursor(), remaining=behind)
        return here

    def _now_there(self, page: Page) -> Iterator[Item]:
        return self._read([*dict.fromkeys(ItemId(str(entry["id"])) for entry in page.value)], text=False)

    def _item(self, id_: ItemId, part: Part) -> Item:
        if _is_object(part) and part.body.get("id"):
            if part.body.get("isDraft") or self._tree.is_other(self._id, str(part.body.get("parentFolderId"))):
                return Removed(id_)
            return message({**part.body, "id": id_}, self.name)
        code, words = code_of(part.body)
        if part.status == 404 or code == "ErrorInvalidIdMalformed":
            return Removed(id_)
        return Unreadable(id_, f"Graph says {part.status} {code}: {words}")

    def _attachments(self, ids: Sequence[ItemId]) -> dict[ItemId, tuple[Attachment, ...]]:
        options = query(select=SELECT_ATTACHMENTS)
        paths = [f"{self._graph.mailbox}/messages/{quote(id_)}/attachments{options}" for id_ in ids]
        parts = self._graph.batch(paths)
        answered = zip(ids, parts, strict=True)
        return {id_: attachments(part.body.get("value")) for id_, part in answered if _is_object(part)}


def _is_object(part: Part) -> bool:
    return part.ok and isinstance(part.body, dict)


def _attaches(part: Part) -> bool:
    return _is_object(part) and bool(part.body.get("hasAttachments"))
