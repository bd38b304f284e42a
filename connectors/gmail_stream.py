"""An account's mail as one stream: the backfill, newest first, what happened meanwhile and since, and what has left.

The mailbox's historyId is taken before anything is listed, so what happens in between is told by the history.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from connectors import gmail_messages
from connectors import google_errors as errors
from connectors.gmail_api import Gmail
from connectors.gmail_history import changes_in, labels_in
from connectors.gmail_labels import Labels
from connectors.gmail_place import Place, is_below, newest_first, place
from connectors.gmail_window import came_since
from connectors.google_api import BATCH, Fetched, Resource
from connectors.invitations import invitation_of
from syncd.errors import CursorExpired, SyncError
from syncd.model import Batch, Cursor, Invitation, Item, ItemId, Message, Removed, Unreadable


class MailStream:
    """Of one account, for as long as that lasts: it keeps what a backfill has listed from one pass to the next."""

    name = "mail"
    kind = "mail"
    excluded = ""

    def __init__(
        self,
        gmail: Callable[[], Gmail],
        labels: Callable[[Iterable[str]], Labels],
        since: Callable[[], datetime],
        now: Callable[[], datetime],
    ) -> None:
        """`labels` gives what is known of them, and finds out about the given ids if it must."""
        self._opened = gmail
        self._labels = labels
        self._since = since
        self._now = now
        self._recent: dict[str, Resource] = {}
        """The last batch, if it came whole: its texts may be asked for in a moment."""
        self._at_once = BATCH
        """How many messages are asked for in one batch, if the quota lets it."""
        self._left: str | None = None
        """The rest of a backfill, a line for each id, since a list of them takes five times as much."""

    @property
    def _gmail(self) -> Gmail:
        return self._opened()

    def changes(self, cursor: Cursor | None) -> Iterator[Batch]:
        if cursor is None:
            here, self._left = Place(self._gmail.history_id(), below=""), None
        else:
            here = yield from self._news(place(cursor))
        if here.below is not None:
            here = yield from self._backfill(here, here.below)
            # Before what is new: a cursor that says that the backfill is over must come with what has left meanwhile.
            yield Batch(items=(), cursor=here.cursor(), listing=frozenset(self._all()), remaining=0)
            yield from self._news(here)

    def read(self, ids: Sequence[ItemId], *, text: bool) -> Iterator[Item]:
        for chunk in self._chunks(list(dict.fromkeys(ids))):
            known = {id: self._recent[id] for id in chunk if id in self._recent}
            fetched = self._messages([id for id in chunk if id not in known], whole=True)
            fetched = Fetched({**known, **fetched.found}, fetched.stopped)
            items = self._items([id for id in chunk if id in fetched.found], fetched)
            yield from (self._whole(item, fetched, text=text) if isinstance(item, Message) else item for item in items)
            if fetched.stopped is not None:
                raise fetched.stopped

    def inventory(self) -> Iterator[ItemId]:
        since = self._since()
        yield from map(ItemId, self._listing(since=since) if self._gmail.searches else self._dated(since))

    # ---------------------------------------------------------------------------------------------- the backfill

    def _backfill(self, here: Place, below: str) -> Generator[Batch, None, Place]:
        """Yield the window newest first, in checkpoints, and the place where it is over."""
        since = self._since()
        ids = self._left.split() if self._left is not None else newest_first(self._listing(since=since))
        ids = [id for id in ids if is_below(id, below)]
        left = len(ids)
        try:
            for chunk, items, stopped in self._fetched(ids):
                if chunk:
                    here = replace(here, below=chunk[-1])
                    yield Batch(items=_within(items, since), cursor=here.cursor(), remaining=left - len(chunk))
                    left -= len(chunk)  # not before: what was not saved comes again
                if stopped is not None:
                    raise stopped
        finally:
            self._left = "\n".join(ids[len(ids) - left :])
        self._left = None
        return replace(here, below=None)

    def _listing(self, *, since: datetime | None) -> Iterator[str]:
        """Ids of what is there; a token for headers only has all of them whatever the time."""
        for label in self._wanted():
            yield from self._gmail.listing(label=label, since=since)

    def _dated(self, since: datetime) -> Iterator[str]:
        """What came since, where that may not be asked for."""
        listings = [self._gmail.listing(label=label, since=None) for label in self._wanted()]
        found = {id for listed in listings for id in came_since(listed, since, self._gmail.dates)}
        # Afterwards, so that a draft that is sent meanwhile is not left out.
        for label in ("DRAFT", "CHAT"):
            found.difference_update(self._gmail.listing(label=label, since=None))
        yield from found

    def _wanted(self) -> Sequence[str]:
        """The labels whose messages are read; an empty one stands for all."""
        labels = self._labels(())
        return sorted(labels.included) if labels.selective else [""]

    def _all(self) -> Iterator[ItemId]:
        """Whatever its date: what is stored and not among these has left."""
        yield from map(ItemId, self._listing(since=None))

    # ------------------------------------------------------------------------------------------------ what is new

    def _news(self, here: Place) -> Generator[Batch, None, Place]:
        """Yield what happened since, not bounded by date: what is un-trashed is new here, whatever its date.

        Over several batches, the cursor holds where the history began and ended for them; it is read again to go on.
        """
        resumed = bool(here.upto)
        try:
            pages = list(self._gmail.history(here.history))
        except errors.Missing as error:
            raise CursorExpired("Gmail's history does not go back to the last pass; all is read again") from error
        # What was resumed may tell more than at first; what of it comes after the old end is told once more from there,
        # since two records that Gmail puts together have the later one's id.
        told = changes_in(pages, self._labels(labels_in(pages)))
        end = replace(here, history=here.upto or told.history, upto="", done="")
        ids = [id for id in newest_first(told.touched) if is_below(id, here.done)]
        arrived = [id for id in ids if told.touched[id]]
        if not ids and end != here:
            yield Batch(items=(), cursor=end.cursor())
        for chunk, items, stopped in self._fetched(ids, asked=frozenset(arrived)):
            if chunk:
                is_last = chunk[-1] == ids[-1]
                at = end if is_last else replace(here, upto=end.history, done=chunk[-1])
                yield Batch(items=tuple(items), cursor=at.cursor())
            if stopped is not None:
                raise stopped
        # What happened since the end of what was resumed is told by the history again.
        return (yield from self._news(end)) if resumed else end

    # ------------------------------------------------------------------------------------------------ messages

    def _fetched(
        self, ids: Sequence[str], *, asked: frozenset[str] | None = None
    ) -> Iterator[tuple[Sequence[str], list[Item], SyncError | None]]:
        """Each chunk with its items, and why it had to end sooner. What is not `asked` for has left, as is known."""
        for chunk in self._chunks(ids):
            wanted = chunk if asked is None else [id for id in chunk if id in asked]
            fetched = self._messages(wanted, whole=self._gmail.fetches_whole)
            if self._gmail.fetches_whole:
                self._recent = {id: each for id, each in fetched.found.items() if not isinstance(each, SyncError)}
            gone: Mapping[str, Resource | SyncError] = {id: _GONE for id in chunk if id not in wanted}
            known = Fetched({**fetched.found, **gone}, fetched.stopped)
            done = _done(chunk, known)
            yield done, self._items(done, known), fetched.stopped
            if fetched.stopped is not None:
                return

    def _chunks(self, ids: Sequence[str]) -> Iterator[Sequence[str]]:
        """For one batch each."""
        start = 0
        while chunk := ids[start : start + min(self._at_once, self._gmail.at_once)]:
            yield chunk
            start += len(chunk)

    def _messages(self, ids: Sequence[str], *, whole: bool) -> Fetched:
        """What came of a batch that Google stopped is lost if its texts are wanted, which may not be asked for then. So
        that it is not stopped for ever at the same place, the next one is smaller, and they grow again one by one."""
        try:
            fetched = self._gmail.messages(ids, whole=whole)
        except errors.TooFast:
            self._at_once = max(1, len(ids) // 2)
            raise
        stopped = fetched.stopped is not None
        self._at_once = max(1, len(fetched.found) // 2) if stopped else min(BATCH, self._at_once + 1)
        return fetched

    def _items(self, ids: Sequence[str], fetched: Fetched) -> list[Item]:
        resources = [found for id in ids if not isinstance(found := fetched.found[id], SyncError)]
        labels = self._labels({str(label) for each in resources for label in each.get("labelIds") or ()})
        return [_item(ItemId(id), fetched.found[id], labels) for id in ids]

    def _whole(self, message: Message, fetched: Fetched, *, text: bool) -> Message:
        """With what it invites to, and with its text if asked."""
        resource = fetched.found[message.id]
        if isinstance(resource, SyncError):
            return message
        message = message._replace(invitation=self._invitation(message.id, resource))
        return gmail_messages.completed(message, resource) if text else message

    def _invitation(self, id: ItemId, resource: Resource) -> Invitation | None:
        part = gmail_messages.calendar_part(resource)
        if part is None:
            return None
        data = part.data
        if not data and part.attachment_id:
            try:
                data = self._gmail.attachment(id, part.attachment_id)
            except errors.Missing:
                return None
        return invitation_of(data, "", id=id, since=self._since(), now=self._now())


_GONE = errors.Missing("it has left")


def _done(chunk: Sequence[str], fetched: Fetched) -> Sequence[str]:
    """The ids up to the first that is still to be asked for: a cursor knows no gaps."""
    end = next((number for number, id in enumerate(chunk) if id not in fetched.found), len(chunk))
    return chunk[:end]


def _item(id: ItemId, found: Resource | SyncError, labels: Labels) -> Item:
    match found:
        case errors.Missing():
            return Removed(id)
        case SyncError():
            return Unreadable(id, f"Gmail does not give it: {found}")
    if not labels.shows(found.get("labelIds") or ()):
        return Removed(id)
    return gmail_messages.message(found, labels)


def _within(items: Sequence[Item], since: datetime) -> tuple[Item, ...]:
    """Of a backfill; a listing without a time holds what is older, too."""
    return tuple(item for item in items if not (isinstance(item, Message) and _is_older(item, since)))


def _is_older(message: Message, since: datetime) -> bool:
    return message.received_at is not None and message.received_at < since
