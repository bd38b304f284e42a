"""Messages of the selected folder by UID: header fields in chunks written ahead, and what a server leaves out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from connectors import mime
from connectors.imap_place import CHUNK, item_id, uid_in, uid_set
from connectors.imap_place import chunks as chunks_of
from connectors.imap_scan import Row, internal_date, row
from connectors.imap_session import Session, fetch_command
from connectors.imap_suspects import Suspicion
from connectors.imap_text import Texts
from connectors.imap_wire import Answer
from syncd.errors import SyncError
from syncd.model import Item, ItemId, Message, Removed, Unreadable

_FIELDS = b"(UID INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (%b)])" % " ".join(mime.HEADER_FIELDS).encode()
# Not of every message, since no other program asks for a part of some header fields, and servers may not know how.
_BEGINNING = b"%b<0.%d>)" % (_FIELDS[:-1], mime.BLOCK_LIMIT)

LIGHT = 10_000
"""Participants of a chunk that another may join: a thousand mails to five hundred people each take 140 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    uids: Sequence[int]
    """Those of a chunk that are neither condemned nor too large."""
    answer: Answer | None


class Fetcher:
    """Of one folder, for as long as its UIDVALIDITY lasts."""

    def __init__(
        self,
        session: Session,
        folder: str,
        validity: int,
        suspicion: Suspicion,
        window: Callable[[], tuple[datetime, datetime]],
    ) -> None:
        self._session = session
        self._folders = (folder,)
        self._validity = validity
        self._suspects = suspicion.headers
        self._texts = Texts(session, suspicion.texts, window)
        self._ahead: Asked | None = None
        self._recent: dict[int, Message] = {}
        """The last batch, whose texts may be asked for in a moment."""

    def batches(self, chunks: Sequence[Sequence[int]]) -> Iterator[tuple[Sequence[int], list[Item]]]:
        """All chunks with their items, two at a time if they are whole and light; the next one is asked for before
        those are parsed, decided and saved."""
        chunks = self._suspects.narrowed(chunks)
        ahead = self._ask(chunks[0]) if chunks else None
        uids: list[int] = []
        items: list[Item] = []
        for index, chunk in enumerate(chunks):
            assert ahead is not None
            try:
                rows, others = self._taken_in(ahead, chunk)
            except SyncError:
                if uids:
                    yield uids, items  # a server that lets nobody read for long would never be read to the end
                raise
            ahead = self._ahead = self._ask(chunks[index + 1]) if index + 1 < len(chunks) else None
            uids += chunk
            items += [self._item(rows[uid]) for uid in chunk if uid in rows]
            items += others
            if ahead is None or len(chunk) < CHUNK or len(uids) > CHUNK or _people(items) > LIGHT:
                self._recent = {uid_in(item.id): item for item in items if isinstance(item, Message)}
                yield uids, items
                uids, items = [], []

    def again(self, uids: Sequence[int], *, text: bool, largest: int) -> Iterator[Item]:
        """These items once more with their invitations; with their text if asked, unless they have more than `largest`
        octets."""
        self.settle()
        known = {uid: self._recent[uid] for uid in uids if uid in self._recent}
        yield from self._texts.read(known, largest) if text else self._texts.invited(known)
        for _, items in list(self.batches(chunks_of([uid for uid in uids if uid not in known]))):
            messages = {uid_in(item.id): item for item in items if isinstance(item, Message)}
            yield from (item for item in items if not isinstance(item, Message))
            yield from self._texts.read(messages, largest) if text else self._texts.invited(messages)

    def settle(self) -> None:
        """Take in what was asked ahead: else a connection that breaks of it would seem to break of what is next."""
        if self._ahead is not None and self._ahead.answer is not None:
            with self._suspects.watch(self._session.wire, self._ahead.uids):
                self._ahead.answer.settle()

    def _ask(self, chunk: Sequence[int]) -> Asked:
        suspects = self._suspects
        uids = [uid for uid in chunk if not (suspects.is_condemned(uid) or suspects.is_large(uid))]
        return Asked(uids, self._session.wire.send([fetch_command(uids, _FIELDS)])[0] if uids else None)

    def _taken_in(self, asked: Asked, chunk: Sequence[int]) -> tuple[dict[int, Row], list[Item]]:
        """The rows of a chunk, and what became of those that have none."""
        rows: dict[int, Row] = {}
        others: list[Item] = []
        if asked.answer is not None:
            with self._suspects.watch(self._session.wire, asked.uids):
                rows = _rows(asked.answer, asked.uids)
            if len(rows) < len(asked.uids):
                others = self._left_out([uid for uid in asked.uids if uid not in rows], asked.answer)
        if len(asked.uids) < len(chunk):
            others += self._not_asked([uid for uid in chunk if uid not in asked.uids])
        return rows, others

    def _not_asked(self, uids: Sequence[int]) -> list[Item]:
        """What may still be had of messages that the connection broke upon."""
        condemned = [uid for uid in uids if self._suspects.is_condemned(uid)]
        large = [uid for uid in uids if uid not in condemned]
        broken = [Unreadable(self._id(uid), "the connection broke each time it was asked for") for uid in condemned]
        return [*broken, *(self._singly(large, _BEGINNING) if large else [])]

    def _id(self, uid: int) -> ItemId:
        return item_id(self._validity, uid)

    def _item(self, found: Row) -> Item:
        message = mime.message_from_headers(
            found.header or b"",
            id=self._id(found.uid),
            received_at=internal_date(found.internal_date),
            size=found.size,
            folders=self._folders,
        )
        if mime.is_stand_in(message):
            # Exchange puts its own text in place of a mail that it cannot render.
            return Unreadable(message.id, "the server cannot render this message")
        return message

    def _left_out(self, uids: Sequence[int], answer: Answer) -> list[Item]:
        """Absent UIDs are silently left out of an answer (RFC 3501 6.4.8), and so are messages the server fails on."""
        if answer.is_busy:
            answer.check()
        return self._singly(uids, _FIELDS)

    def _singly(self, uids: Sequence[int], wanted: bytes) -> list[Item]:
        listed = set(self._session.search(b"UID " + uid_set(uids)))
        items: list[Item] = [Removed(self._id(uid)) for uid in uids if uid not in listed]
        return items + [self._by_itself(uid, wanted) for uid in uids if uid in listed]

    def _by_itself(self, uid: int, wanted: bytes) -> Item:
        """Ask for one message alone."""
        with self._suspects.watch(self._session.wire, [uid]):
            answer = self._session.wire.send([fetch_command([uid], wanted)])[0]
            rows = _rows(answer, [uid])
        if rows:
            return self._item(rows[uid])
        if answer.is_busy:
            answer.check()
        reason = answer.text if answer.status != b"OK" else ""
        return Unreadable(self._id(uid), reason or "the server lists it, but gives nothing of it")


def _people(items: Sequence[Item]) -> int:
    return sum(len(item.participants) for item in items if isinstance(item, Message))


def _rows(answer: Answer, asked: Sequence[int]) -> dict[int, Row]:
    """By UID. What was not asked for, or is a part only (someone changed a flag), is passed over."""
    wanted = set(asked)
    rows = {}
    for response in answer:
        found = row(response)
        if found is not None and found.uid in wanted and found.header is not None:
            rows[found.uid] = found
    return rows
