"""Messages of the selected folder by UID: header fields in chunks written ahead, and what a server leaves out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connectors import mime
from connectors.imap_folders import Folder
from connectors.imap_place import item_id, uid_set
from connectors.imap_scan import Row, internal_date, row
from connectors.imap_session import Session, fetch_command
from connectors.imap_settings import Settings
from connectors.imap_text import Texts
from connectors.imap_wire import Answer
from syncd.model import Item, ItemId, Message, Removed, Unreadable

_FIELDS = b"(UID INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (%b)])" % " ".join(mime.HEADER_FIELDS).encode()


class Fetcher:
    def __init__(self, folder: Folder, settings: Settings) -> None:
        self._folders = (folder.name,)
        self._texts = Texts(settings.max_message_mb * 1_000_000)
        self._recent: dict[ItemId, Message] = {}
        """The last batch, whose texts may be asked for in a moment."""

    def batches(
        self, session: Session, validity: int, chunks: Sequence[Sequence[int]]
    ) -> Iterator[tuple[Sequence[int], list[Item]]]:
        """Each chunk with its items; the next one is asked for before this one is parsed, decided and saved."""
        ahead = self._ask(session, chunks[0]) if chunks else None
        for index, chunk in enumerate(chunks):
            assert ahead is not None
            rows = _rows(ahead, chunk)
            answer, ahead = ahead, self._ask(session, chunks[index + 1]) if index + 1 < len(chunks) else None
            items = [self._item(rows[uid], validity) for uid in chunk if uid in rows]
            if len(rows) < len(chunk):
                items += self._left_out(session, validity, [uid for uid in chunk if uid not in rows], answer)
            self._recent = {item.id: item for item in items if isinstance(item, Message)}
            yield chunk, items

    def again(self, session: Session, validity: int, uids: Sequence[int], *, text: bool) -> Iterator[Item]:
        """These items once more, each by itself if need be, with their text if asked."""
        known = {uid: message for uid in uids if (message := self._recent.get(item_id(validity, uid)))}
        unknown = uids if not text else [uid for uid in uids if uid not in known]
        texts = self._texts.ask(session, known) if text else None
        for _, items in self.batches(session, validity, [unknown] if unknown else []):
            messages = [item for item in items if isinstance(item, Message)]
            yield from (item for item in items if not isinstance(item, Message))
            if not text:
                yield from messages
            else:
                by_uid = {int(message.id.partition(".")[2]): message for message in messages}
                yield from self._texts.ask(session, by_uid).read()
        if texts is not None:
            yield from texts.read()

    def _ask(self, session: Session, uids: Sequence[int]) -> Answer:
        return session.wire.send([fetch_command(uids, _FIELDS)])[0]

    def _item(self, found: Row, validity: int) -> Item:
        message = mime.message_from_headers(
            found.header or b"",
            id=item_id(validity, found.uid),
            received_at=internal_date(found.internal_date),
            size=found.size,
            folders=self._folders,
        )
        if mime.is_stand_in(message):
            # Exchange puts its own text in place of a mail that it cannot render.
            return Unreadable(message.id, "the server cannot render this message")
        return message

    def _left_out(self, session: Session, validity: int, uids: Sequence[int], answer: Answer) -> list[Item]:
        """Absent UIDs are silently left out of an answer (RFC 3501 6.4.8), and so are messages the server fails on."""
        if answer.is_busy:
            answer.check()
        listed = set(session.search(b"UID " + uid_set(uids)))
        items: list[Item] = [Removed(item_id(validity, uid)) for uid in uids if uid not in listed]
        for uid in (uid for uid in uids if uid in listed):
            single = self._ask(session, [uid])
            if rows := _rows(single, [uid]):
                items.append(self._item(rows[uid], validity))
            elif single.is_busy:
                single.check()
            else:
                reason = single.text if single.status != b"OK" else "the server lists it, but gives nothing of it"
                items.append(Unreadable(item_id(validity, uid), reason))
        return items


def _rows(answer: Answer, asked: Sequence[int]) -> dict[int, Row]:
    """By UID. What was not asked for, or is a part only (someone changed a flag), is passed over."""
    wanted = set(asked)
    rows = {}
    for response in answer:
        found = row(response)
        if found is not None and found.uid in wanted and found.header is not None:
            rows[found.uid] = found
    return rows
