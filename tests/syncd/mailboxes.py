"""A mailbox server in memory that keeps state, fails as planned, and speaks the connector protocol."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from syncd.errors import CursorExpired, SyncError
from syncd.model import Batch, Cursor, Item, ItemId, Message, Participant, Removed, Role, Unreadable

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


class Killed(BaseException):
    """The process dies here: nothing may catch it."""


def message(
    number: int,
    *,
    sender: str = "rita@ourco.example",
    to: Sequence[str] = ("zoe@client.example",),
    message_id: str | None = "",
    subject: str | None = None,
    in_reply_to: str | None = None,
) -> Message:
    """A mail as any copy of it looks, but for its id."""
    at = START + timedelta(minutes=number)
    people = [Participant(Role.FROM, sender), *(Participant(Role.TO, address) for address in to)]
    return Message(
        id=ItemId(""),
        received_at=at,
        sent_at=at,
        message_id=f"{number}@mail.example" if message_id == "" else message_id,
        in_reply_to=in_reply_to,
        references=(in_reply_to,) if in_reply_to else (),
        subject=f"Subject {number}" if subject is None else subject,
        participants=tuple(people),
        headers={},
        folders=("INBOX",),
        size=1000,
        text=f"Text {number}",
    )


@dataclass(slots=True)
class Folder:
    """The server's side: messages by UID, the UIDVALIDITY, and the failures to come, one for each call."""

    epoch: int = 1
    next_uid: int = 1
    held: dict[int, Message] = field(default_factory=dict)
    faults: list[SyncError | Callable[[], None] | None] = field(default_factory=list)
    unreadable: set[int] = field(default_factory=set)

    def deliver(self, mail: Message) -> ItemId:
        uid, self.next_uid = self.next_uid, self.next_uid + 1
        self.held[uid] = mail._replace(id=self.item(uid))
        return self.item(uid)

    def delete(self, uid: int) -> None:
        del self.held[uid]

    def renumber(self, epoch: int) -> None:
        """Give every message a new UID from 1 on: the same ids name other messages now."""
        self.epoch = epoch
        mails = list(reversed(self.held.values()))
        self.held, self.next_uid = {}, 1
        for mail in mails:
            self.deliver(mail)

    def item(self, uid: int) -> ItemId:
        return ItemId(f"{self.epoch}.{uid}")

    def call(self) -> None:
        """Every request passes here."""
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, SyncError):
            raise fault
        if fault is not None:
            fault()


@dataclass(slots=True)
class MemoryStream:
    """The connector's side, as an IMAP folder is read: newest first, then arrivals, then a listing if counts differ."""

    folder: Folder
    chunk: int = 3
    name: str = "INBOX"
    kind: str = "mail"
    excluded: str = ""
    texts_read: list[ItemId] = field(default_factory=list)

    def changes(self, cursor: Cursor | None) -> Iterator[Batch]:
        self.folder.call()
        folder = self.folder
        state = json.loads(cursor) if cursor else None
        if state is None:
            state = {"epoch": folder.epoch, "next": folder.next_uid, "below": folder.next_uid, "count": None}
        if state["epoch"] != folder.epoch:
            raise CursorExpired("UIDVALIDITY changed")
        yield from self._arrivals(state)
        while state["below"]:
            self.folder.call()
            older = sorted((uid for uid in folder.held if uid < state["below"]), reverse=True)
            state["below"] = older[self.chunk - 1] if len(older) > self.chunk else 0
            yield self._batch(older[: self.chunk], state)
            yield from self._arrivals(state)
        if state["count"] != len(folder.held):
            self.folder.call()
            state["count"] = len(folder.held)
            yield self._batch((), state)._replace(listing=frozenset(map(folder.item, folder.held)))

    def _arrivals(self, state: dict[str, int]) -> Iterator[Batch]:
        new = sorted(uid for uid in self.folder.held if uid >= state["next"])
        for start in range(0, len(new), self.chunk):
            self.folder.call()
            chunk = new[start : start + self.chunk]
            state["next"] = chunk[-1] + 1
            if state["count"] is not None:
                state["count"] += len(chunk)
            yield self._batch(chunk, state)

    def _batch(self, uids: Sequence[int], state: dict[str, int]) -> Batch:
        items = tuple(self._give(uid) for uid in uids)
        return Batch(items=items, cursor=Cursor(json.dumps(state)), epoch=str(state["epoch"]))

    def _give(self, uid: int, *, text: bool = False) -> Item:
        if uid not in self.folder.held:
            return Removed(self.folder.item(uid))
        if uid in self.folder.unreadable:
            return Unreadable(self.folder.item(uid), "the server gave no data")
        mail = self.folder.held[uid]
        return mail if text else mail._replace(text=None)

    def read(self, ids: Sequence[ItemId], *, text: bool) -> Iterator[Item]:
        self.folder.call()
        for item in ids:
            if text:
                self.texts_read.append(item)
            epoch, uid = item.split(".")
            yield self._give(int(uid), text=text) if epoch == str(self.folder.epoch) else Removed(item)

    def inventory(self) -> Iterator[ItemId]:
        self.folder.call()
        yield from map(self.folder.item, self.folder.held)
