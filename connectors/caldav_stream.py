"""One calendar as a stream: what changed by sync-collection (RFC 6578) where that can be believed, else by comparison.

A comparison lists ids and versions; the caller knows what is stored, and reads what differs. Only the very first brings
the objects, too. No time range is ever asked for, nor a limit, nor an expansion: servers answer all three in part
without saying so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from connectors import caldav_xml as xml
from connectors.caldav_calendars import Collection, News, state_of
from connectors.caldav_fetch import GONE, Fetch
from connectors.caldav_place import Place
from connectors.caldav_session import Session, path
from connectors.caldav_xml import DAV, Multistatus
from connectors.http import Response
from connectors.retry import IT_PASSES
from syncd.errors import Permanent, Retryable
from syncd.model import Batch, Cursor, Item, ItemId, Removed

MANY = 100
"""More changes at once than this are compared first, and as many as there are objects: a token that means nothing any
more may bring all there is, and leave out what is gone."""

MANY_GONE = 20
"""More removals at once than this, and than a fifth of all, are compared as well: a listing must confirm them."""

WHOLE = 8 << 20
"""Bytes of a list with its objects, some 4,000 of them."""

HOUR = timedelta(hours=1)
PAGES = 1000

_ETAG = f"{DAV}getetag"
_NO_MORE_SPACE = 507
_BAD_TOKEN = (400, 405, 409, 410, 412, 415, 500, 501, 507)
"""Besides 403 with its precondition: RFC 6578 section 3.8 as some read it, Xandikos (412, 500), Apple (500); and what
tells that there is no such report."""


class Changes(NamedTuple):
    """One page of a sync-collection."""

    changed: dict[str, str]
    """Path -> etag."""
    removed: frozenset[str]
    token: str
    is_cut: bool


@dataclass(slots=True)
class Memory:
    """Of one calendar, as long as the program runs."""

    news: News | None = None
    """Was looked into, and nothing in the calendar had changed."""
    until: datetime | None = None
    """So long that is believed."""
    doubted_at: datetime | None = None
    """When all was last compared because there was news of no change."""
    wants_ctag: bool = False
    """The place has none."""
    learnt: News | None = None
    """A ctag, and the token that the calendar had at that moment."""


class _BadToken(Exception):
    """The server does not know the token, or not the report."""


class CalendarStream:
    def __init__(
        self,
        collection: Collection,
        session: Session,
        fetch: Fetch,
        memory: Memory,
        *,
        news: Callable[[Collection, bool], News],
        now: Callable[[], datetime],
    ) -> None:
        self._collection = collection
        self._own_path = collection.path.rstrip("/")
        self._session = session
        self._fetch = fetch
        self._memory = memory
        self._news = news
        self._now = now

    @property
    def name(self) -> str:
        return self._collection.name

    @property
    def kind(self) -> str:
        return self._collection.kind

    @property
    def excluded(self) -> str:
        return self._collection.excluded

    def changes(self, cursor: Cursor | None) -> Iterator[Batch]:
        place = Place.read(cursor) if cursor is not None else None
        if place is None or place.is_due(self._fetch.meaning, self._now()):
            yield from self._compared(is_first=place is None)
            return
        place = self._with_ctag(place)
        news = self._news(self._collection, place.ctag is None)
        if place.ctag is None and not news.token:
            yield from self._compared()  # and by the ctag from then on
            return
        if news.ctag and news.token:
            self._memory.learnt, self._memory.wants_ctag = news, False
        if not place.may_differ(news) or self._is_old(news):
            return
        yield from self._followed(place, news) if place.syncs and place.token else self._compared_again(place, news)

    def read(self, ids: Sequence[ItemId], *, text: bool) -> Iterator[Item]:
        return self._fetch.read(ids)

    def inventory(self) -> Iterator[ItemId]:
        return (ItemId(each) for each in self._listed())

    # ----------------------------------------------------------------------------------------------- what changed

    def _with_ctag(self, place: Place) -> Place:
        """With the ctag that was told together with its token, if it has none of its own."""
        learnt = self._memory.learnt
        if place.ctag is None and learnt and learnt.token == place.token:
            place = replace(place, ctag=learnt.ctag)
        self._memory.wants_ctag = place.ctag is None
        return place

    def _followed(self, place: Place, news: News) -> Iterator[Batch]:
        """Yield page by page what the server says has changed since the place."""
        for number in range(PAGES):
            try:
                page = self._page(place.token)
            except _BadToken:
                # Soon after it was given: the server is one that knows no token again.
                again = timedelta(0) <= self._now() - place.compared_at < HOUR
                yield from self._compared(syncs=not again)
                return
            many_gone = len(page.removed) > max(MANY_GONE, place.size // 5)
            if many_gone or len(page.changed) > MANY or len(page.changed) >= max(1, place.size):
                yield from self._compared()
                return
            if page.changed or page.removed:
                ctag = place.ctag if page.is_cut else news.ctag
                place = replace(place, token=page.token, ctag=ctag)
                yield Batch(items=tuple(self._items(page)), cursor=place.cursor())
            elif not number and not page.is_cut and any(news):
                yield from self._doubted(news)
            if not page.is_cut:
                return
            if page.token == place.token and not (page.changed or page.removed):
                break
            place = replace(place, token=page.token)
        raise Retryable(f"{self.name}: the server's list of changes does not end", cure=IT_PASSES)

    def _doubted(self, news: News) -> Iterator[Batch]:
        """There was news, and then no change: compare, as some servers say nothing to a token that they do not know.

        Not more than once an hour, since others have news of what is not in the list.
        """
        now, last = self._now(), self._memory.doubted_at
        if last is not None and timedelta(0) <= now - last < HOUR:
            self._remember(news, last + HOUR)
        else:
            self._memory.doubted_at = now
            yield from self._compared()

    def _remember(self, news: News, until: datetime) -> None:
        self._memory.news, self._memory.until = news, until

    def _is_old(self, news: News) -> bool:
        until = self._memory.until
        if until is None or not any(news) or self._memory.news != news:
            return False
        return timedelta(0) < until - self._now() <= HOUR  # and no longer, however the clock was set meanwhile

    def _page(self, token: str, *, objects: bool = False) -> Changes:
        """Raises _BadToken. With `objects` they come, too, if they can."""
        what = f"asking {self.name} what changed"
        listed = (self._with_objects(what) if objects else None) or self._without_objects(what, token)
        if not listed.token:
            raise Retryable(f"{what}: the server gives no sync-token", cure=IT_PASSES)
        rows = [(path(row.href), row) for row in listed.rows]
        if objects:
            self._fetch.bring(rows)
        changed = {each: row.text(_ETAG) for each, row in rows if not row.status or row.status < 300}
        removed = {each for each, row in rows if row.status in GONE}
        self._fetch.etags.update({each: etag for each, etag in changed.items() if etag})
        return Changes(
            changed={each: etag for each, etag in changed.items() if self._is_member(each)},
            # Cyrus names one path as both: whether it is still there is seen when it is read.
            removed=frozenset(each for each in removed - changed.keys() if self._is_member(each)),
            token=listed.token,
            is_cut=self._is_cut(listed),
        )

    def _without_objects(self, what: str, token: str) -> Multistatus:
        response = self._session.ask("REPORT", self._collection.url, xml.sync_collection(token), depth=0)
        if _is_bad_token(response):
            raise _BadToken
        return self._session.listed(what, response)

    def _with_objects(self, what: str) -> Multistatus | None:
        """All there is in one answer, of which servers go through their calendar once and not twice: half the time for
        both sides. None if that failed: by itself the list may come, and objects that are asked for by hundreds."""
        body = xml.sync_collection("", objects=True)
        try:
            response = self._session.ask("REPORT", self._collection.url, body, depth=0, max_bytes=WHOLE)
            return self._session.listed(what, response)
        except (Permanent, Retryable) as error:
            if isinstance(error, Retryable) and error.retry_after is not None:
                raise
            return None

    def _items(self, page: Changes) -> Iterator[Item]:
        yield from self._fetch.read([*page.changed])
        yield from (Removed(ItemId(each)) for each in sorted(page.removed))

    # ----------------------------------------------------------------------------------------------- comparisons

    def _compared(self, *, syncs: bool = True, is_first: bool = False) -> Iterator[Batch]:
        """Yield all ids and versions. `syncs`: that a token is taken, if there is one.

        The `is_first` listing is a sync-collection, which brings its token and the objects: servers go through the
        whole calendar for each of token, ctag, list and objects. A day later a listing of another kind must agree.
        """
        may_sync = syncs and self._collection.syncs
        etags, token = self._synced_if_it_can(objects=True) if may_sync and is_first else ({}, "")
        state = News(token=token)
        if not etags:
            state = state_of(self._session, self._collection)  # before anything is listed
            if may_sync and not (state.token or token):
                etags, token = self._synced_if_it_can()
            etags = etags or self._listed()
        self._memory.wants_ctag = state.ctag is None
        versions = self._versions(etags, state)
        made = Place(
            token=state.token or token,
            ctag=state.ctag,
            syncs=may_sync and bool(state.token or token),
            digest=_digest(versions),
            size=len(versions),
            compared_at=self._now(),
            meaning=self._fetch.meaning,
        )
        yield Batch(items=(), versions=versions, cursor=made.cursor())

    def _compared_again(self, place: Place, news: News) -> Iterator[Batch]:
        """The same between two days, where only the ctag tells of changes; nothing if there are none."""
        versions = self._versions(self._listed(), news)
        digest = _digest(versions)
        if digest == place.digest:
            self._remember(news, self._now() + HOUR)
            return
        made = replace(place, token=news.token, ctag=news.ctag, digest=digest, size=len(versions))
        yield Batch(items=(), versions=versions, cursor=made.cursor())

    def _versions(self, etags: dict[str, str], state: News) -> dict[ItemId, str]:
        # An object without an etag may be another one as soon as anything in the calendar is.
        found = {each: etag or f"of {state.ctag or state.token}" for each, etag in etags.items()}
        self._fetch.etags.clear()
        self._fetch.etags.update(found)
        return {ItemId(each): self._fetch.version(etag) for each, etag in found.items()}

    def _listed(self) -> dict[str, str]:
        """Path -> etag of every object."""
        what = f"listing {self.name}"
        listed, _ = self._session.multistatus(what, "PROPFIND", self._collection.url, xml.propfind([_ETAG]), depth=1)
        if self._is_cut(listed):
            try:
                return self._synced()[0]
            except _BadToken as error:
                cure = "have the server list more at once, or add the calendar's name to `exclude` of the mailbox"
                raise Permanent(f"{what}: the server lists a part only", cure=cure) from error
        if not listed.rows:
            raise Retryable(f"{what}: the server sends an empty list, without even the calendar itself", cure=IT_PASSES)
        return self._members({path(row.href): row.text(_ETAG) for row in listed.rows if row.status not in GONE})

    def _synced_if_it_can(self, *, objects: bool = False) -> tuple[dict[str, str], str]:
        """Nothing where the server did not say which reports it knows, or was wrong."""
        try:
            return self._synced(objects=objects)
        except _BadToken:
            return {}, ""

    def _synced(self, *, objects: bool = False) -> tuple[dict[str, str], str]:
        """All by sync-collection without a token, which a server may divide into pages; `objects` come with the first,
        so that no more of them are held than one answer may have. Raises _BadToken."""
        found: dict[str, str] = {}
        token = ""
        for number in range(PAGES):
            page = self._page(token, objects=objects and not number)
            found = {each: etag for each, etag in (found | page.changed).items() if each not in page.removed}
            if not page.is_cut:
                return self._members(found), page.token
            if page.token == token:
                break
            token = page.token
        raise Retryable(f"listing {self.name}: the server's list does not end", cure=IT_PASSES)

    def _members(self, found: dict[str, str]) -> dict[str, str]:
        return {each: etag for each, etag in found.items() if self._is_member(each)}

    def _is_member(self, each: str) -> bool:
        """Not the collection itself, which iCloud lists too, nor one inside it."""
        return not each.endswith("/") and each != self._own_path

    def _is_cut(self, listed: Multistatus) -> bool:
        """RFC 6578 section 3.6: a row of the collection itself says so."""
        return any(row.status == _NO_MORE_SPACE and not self._is_member(path(row.href)) for row in listed.rows)


def _is_bad_token(response: Response) -> bool:
    """A 403 without its precondition is one: the calendar is closed to this user (python-caldav 738)."""
    if response.status == 403:
        return b"valid-sync-token" in response.body or b"supported-report" in response.body
    return response.status in _BAD_TOKEN


def _digest(versions: dict[ItemId, str]) -> str:
    whole = "\n".join(f"{item} {version}" for item, version in sorted(versions.items()))
    return hashlib.blake2s(whole.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
