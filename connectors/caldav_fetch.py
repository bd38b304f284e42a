"""Objects of one calendar by their paths: several at once, singly what fails together, and each within a limit."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urljoin

from connectors import caldav_xml as xml
from connectors.caldav_calendars import Collection
from connectors.caldav_errors import refused
from connectors.caldav_session import Session, path
from connectors.caldav_xml import CALDAV, DAV, NotDav, Row
from connectors.http import Response, TooLarge
from connectors.ical import calendar_object
from connectors.ical_read import MAX_BYTES
from syncd.errors import SyncError
from syncd.model import Item, ItemId, Removed, Unreadable

TOGETHER = 100
"""As Thunderbird asks. DAVx5 asks for ten, since some servers answer large multigets late or in part, which is seen
here; and each request costs both sides: of 1,000 objects Radicale and we spent 300 ms of CPU on them by tens, 175 by
thirties, 160 by fifties, 120 by hundreds."""

AHEAD = 3
"""So many requests are made before the first answer is read: while the server lists another calendar, it takes longer
with each of them than we do."""

GONE = (404, 410, 418)
"""The teapot is Infomaniak's, and of an older Nextcloud (python-caldav 183)."""

_ETAG, _DATA = f"{DAV}getetag", f"{CALDAV}calendar-data"
_MANY_BYTES = 2 * MAX_BYTES


@dataclass(frozen=True, slots=True)
class Fetch:
    """For one pass over one calendar."""

    session: Session
    collection: Collection
    begins: datetime
    ends: datetime
    own_addresses: tuple[str, ...]
    meaning: str
    """Part of every version: an object is read again when it comes to mean something else by itself."""
    etags: dict[str, str] = field(default_factory=dict)
    """Path -> etag as last listed, for servers that tell none with the object."""
    _brought: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Path -> etag and object, of what came with the list and was not read yet."""

    def version(self, etag: str) -> str:
        return f"{_plain(etag)}|{self.meaning}"

    def bring(self, listed: Iterable[tuple[str, Row]]) -> None:
        """Keep the objects that the list had in it, as far as it did: some servers give the property without them.

        Their text alone: of 1,000 it is 2 MB, and many mailboxes may be read for the first time at once.
        """
        for each, row in listed:
            data = _data(row)
            if "BEGIN:" in data:
                self._brought[each] = row.text(_ETAG), data

    def read(self, paths: Sequence[str]) -> Iterator[Item]:
        rest = []
        for wanted in paths:
            if wanted in self._brought:
                etag, data = self._brought.pop(wanted)
                yield self._parsed(wanted, data, etag)
            else:
                rest.append(wanted)
        yield from self._asked_for(rest)

    def _asked_for(self, paths: Sequence[str]) -> Iterator[Item]:
        """The next of them are asked for while these are read, decided and saved."""
        chunks = [paths[start : start + TOGETHER] for start in range(0, len(paths), TOGETHER)]
        ahead = ThreadPoolExecutor(1)  # a session asks for one thing at a time
        try:
            asked = deque(ahead.submit(self._asked, chunk) for chunk in chunks[:AHEAD])
            for number, chunk in enumerate(chunks):
                response = asked.popleft().result()
                asked.extend(ahead.submit(self._asked, later) for later in chunks[number + AHEAD : number + AHEAD + 1])
                found = self._given(chunk, response)
                yield from (self._item(wanted, row) for wanted, row in found.items())
                if missing := [wanted for wanted in chunk if wanted not in found]:
                    yield from ahead.submit(self._singly, missing, None if found else response).result()
        finally:
            ahead.shutdown(cancel_futures=True)

    def _asked(self, paths: Sequence[str]) -> Response | None:
        """None if together they are too large."""
        body = xml.multiget(paths)
        try:
            return self.session.ask("REPORT", self.collection.url, body, depth=1, max_bytes=_MANY_BYTES)
        except TooLarge:
            return None

    def _given(self, paths: Sequence[str], response: Response | None) -> dict[str, Row]:
        """What came together, by path; what did not must be asked for singly."""
        if response is None:
            return {}
        if not _may_be_one_objects_fault(response):
            raise refused(f"reading {self.collection.name}", response)
        rows = _rows(response)
        return {wanted: rows[wanted] for wanted in paths if wanted in rows and _is_answer(rows[wanted])}

    def _item(self, wanted: str, row: Row) -> Item:
        if row.status in GONE:
            return Removed(ItemId(wanted))
        return self._parsed(wanted, _data(row), row.text(_ETAG))

    def _parsed(self, wanted: str, data: str | bytes, etag: str) -> Item:
        return calendar_object(
            data.encode() if isinstance(data, str) else data,
            id=ItemId(wanted),
            version=self.version(etag or self.etags.get(wanted, "")),
            zone=self.collection.zone,
            begins=self.begins,
            ends=self.ends,
            own_addresses=self.own_addresses,
        )

    # ------------------------------------------------------------------------------------- one after the other

    def _singly(self, paths: Sequence[str], refusal: Response | None) -> list[Item]:
        """One object that a server cannot give must not stop the others. Where none at all comes after a `refusal` of
        all together, that is the server's or the calendar's trouble and no object's."""
        items = [self._single(wanted) for wanted in paths]
        if refusal is not None and all(isinstance(item, _Refused) for item in items):
            raise refused(f"reading {self.collection.name}", refusal)
        return [item.unreadable if isinstance(item, _Refused) else item for item in items]

    def _single(self, wanted: str) -> Item | _Refused:
        try:
            response = self.session.ask("GET", urljoin(self.collection.url, wanted), max_bytes=MAX_BYTES)
        except TooLarge:
            return Unreadable(ItemId(wanted), f"it is larger than {MAX_BYTES >> 20} MB", self._told_version(wanted))
        if response.status in GONE:
            return Removed(ItemId(wanted))
        if response.status != 200 or "html" in response.headers.get("content-type", ""):
            reason = f"the server does not give it (HTTP {response.status})"
            return _Refused(Unreadable(ItemId(wanted), reason, self._told_version(wanted)))
        return self._parsed(wanted, response.body, response.headers.get("etag", ""))

    def _told_version(self, wanted: str) -> str:
        etag = self.etags.get(wanted) or self._asked_etag(wanted)
        return self.version(etag) if etag else ""

    def _asked_etag(self, wanted: str) -> str:
        try:
            asked = xml.propfind([_ETAG])
            response = self.session.ask("PROPFIND", urljoin(self.collection.url, wanted), asked, depth=0)
        except SyncError:
            return ""
        rows = _rows(response)
        return rows[wanted].text(_ETAG) if wanted in rows else ""


@dataclass(frozen=True, slots=True)
class _Refused:
    """What the server did not give, for a reason that may be its own trouble."""

    unreadable: Unreadable


def _rows(response: Response) -> dict[str, Row]:
    """By path; none where the answer is no list."""
    if response.status != 207:
        return {}
    try:
        return {path(row.href): row for row in xml.multistatus(response.body).rows}
    except NotDav:
        return {}


def _data(row: Row) -> str:
    """The object to its last blank: without the end of its last line it would be one that was cut."""
    found = row.properties.get(_DATA)
    return (found.text or "") if found is not None else ""


def _is_answer(row: Row) -> bool:
    return row.status in GONE or _DATA in row.properties


def _may_be_one_objects_fault(response: Response) -> bool:
    """A list, a server that fails at one of them, or one that does not know the report."""
    if response.status == 403:
        return b"supported-report" in response.body
    return response.status == 207 or (response.status >= 400 and response.status not in GONE)


def _plain(etag: str) -> str:
    """Without what one server writes in one answer and not in another; a web server in front marks what it packed."""
    return etag.strip().removeprefix("W/").strip('"').removesuffix("-gzip")
