"""One folder as a stream: the backfill, newest first, what arrives meanwhile and later, and what has left.

The server's marks (EXAMINE) are taken before anything is listed, so whatever happens in between is found once more,
never missed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from connectors.imap_fetch import Fetcher
from connectors.imap_folders import Folder
from connectors.imap_place import Place, State, chunks, found, item_id, place, since_criterion, uid_of
from connectors.imap_session import Session, Sessions, search_command
from connectors.imap_settings import Settings
from connectors.imap_wire import Answer, Command
from syncd.errors import CursorExpired, Retryable, SyncError
from syncd.model import Batch, Cursor, Item, ItemId, Removed

CHECK_EVERY = 2
"""Batches of a backfill between two looks for new mail, which must not wait behind the old."""
CONNECTIONS = 12
"""That one pass may use up. A message that the server dies of takes six, until it is found and passed over."""


class FolderStream:
    kind = "mail"

    def __init__(
        self,
        folder: Folder,
        sessions: Sessions,
        settings: Settings,
        since: Callable[[], datetime],
        now: Callable[[], datetime],
        state: State | None,
    ) -> None:
        self.name = folder.name
        self.excluded = folder.excluded
        self._folder = folder
        self._sessions = sessions
        self._since = since
        self._now = now
        self._state = state
        self._largest = settings.max_message_mb * 1_000_000
        self._fetcher: tuple[Session, int, Fetcher] | None = None
        self._choked: set[Session] = set()

    def changes(self, cursor: Cursor | None) -> Iterator[Batch]:
        here = place(cursor) if cursor is not None else None
        state, self._state = self._state, None
        if here is not None and state is not None and here.stands_in(state):
            return
        self._sessions.parking.check(self.name)
        while True:
            session = self._sessions.current()
            try:
                for batch in self._changes(session, here):
                    yield batch
                    here = place(batch.cursor)
                return
            except Retryable:
                if not self._goes_on(session):
                    raise

    def _changes(self, session: Session, here: Place | None) -> Iterator[Batch]:
        if here is None or here.below is not None:
            here = yield from self._backfill(session, here)
            yield from self._follow(session, here, listing=True)
        else:
            yield from self._follow(session, here, listing=False)

    def _goes_on(self, session: Session) -> bool:
        """Whether the pass does after an error, on another connection: this one broke upon messages (imap_suspects), of
        which fewer will be asked for at once. `syncd once` has no other pass to find the one in."""
        if session.wire.choked:
            self._choked.add(session)
        return session.wire.choked and len(self._choked) < CONNECTIONS

    def read(self, ids: Sequence[ItemId], *, text: bool) -> Iterator[Item]:
        left = set(ids)
        while left:
            session = self._sessions.current()
            try:
                for item in self._read(session, [id_ for id_ in ids if id_ in left], text=text):
                    left.discard(item.id)
                    yield item
                return
            except Retryable:
                if not self._goes_on(session):
                    raise

    def _read(self, session: Session, ids: Sequence[ItemId], *, text: bool) -> Iterator[Item]:
        state = session.selected(self._folder)
        validity = state.validity or _epoch(ids)
        uids = {uid for id_ in ids if (uid := uid_of(id_, validity))}
        if len(uids) < len(ids):
            yield from (Removed(id_) for id_ in ids if not uid_of(id_, validity))
        for chunk in chunks(sorted(uids)):
            yield from self._fetch(session, validity).again(chunk, text=text, largest=self._largest)

    def inventory(self) -> Iterator[ItemId]:
        session = self._sessions.current()
        state, (listing,) = session.examine(self._folder, self._in_window())
        for uid in found(listing.complete()):
            yield item_id(state.validity, uid)

    def _fetch(self, session: Session, validity: int) -> Fetcher:
        """The same one for as long as the connection lasts, so that it knows the batch whose texts are read."""
        if self._fetcher is None or self._fetcher[:2] != (session, validity):
            suspicion = self._sessions.suspicion(self.name, validity)
            self._fetcher = (session, validity, Fetcher(session, self.name, validity, suspicion, self._window))
        return self._fetcher[2]

    def _window(self) -> tuple[datetime, datetime]:
        return self._since(), self._now()

    def _in_window(self) -> Command:
        return search_command(since_criterion(self._since()))

    # ---------------------------------------------------------------------------------------------- the backfill

    def _backfill(self, session: Session, resumed: Place | None) -> Generator[Batch, None, Place]:
        """Yield the window newest first, in checkpoints; returns the place where the incremental part begins."""
        state, (window,) = self._examine(session, resumed, self._in_window())
        uids = found(window.complete())
        here = resumed or self._beginning(session, state, uids)
        waiting = [uid for uid in reversed(uids) if uid < (here.below or 0)]
        left = len(waiting)
        if resumed:
            here = yield from self._take(session, here, session.search(_arrived(here)), behind=left)
        fetcher = self._fetch(session, here.validity)
        for number, (chunk, items) in enumerate(fetcher.batches(chunks(waiting)), 1):
            left -= len(chunk)
            here = replace(here, below=chunk[-1])
            yield Batch(items=tuple(items), cursor=here.cursor(), remaining=left)
            if number % CHECK_EVERY == 0 and left:
                fetcher.settle()
                here = yield from self._take(session, here, session.search(_arrived(here)), behind=left)
        return here

    def _beginning(self, session: Session, state: State, uids: Sequence[int]) -> Place:
        mark = state.next or max([*uids, *session.search(b"UID *")], default=0) + 1
        return Place(state.validity, mark, state.messages, below=mark)

    # ------------------------------------------------------------------------------------------------ what is new

    def _follow(self, session: Session, here: Place, *, listing: bool) -> Iterator[Batch]:
        """Yield what arrived, not bounded by date: what is moved here is new here, whatever its date. If the numbers
        do not add up, or if asked, a listing follows. The last cursor holds the server's marks before the search."""
        state, (news,) = self._examine(session, here, search_command(_arrived(here)))
        uids = found(news.complete())
        if state.next is not None and state.next < here.next:
            # GMX has rewound UIDNEXT without a word (chatmail/core issue 2188): new mail has small UIDs now.
            self._doubt(f"the server's next id went back from {here.next} to {state.next}")
            here = replace(here, next=state.next)
            uids = session.search(_arrived(here))
        arrived = [uid for uid in uids if uid >= here.next and (state.next is None or uid < state.next)]
        expected = here.messages + len(arrived)
        saved = here = yield from self._take(session, here, uids, behind=0)
        here = Place(here.validity, state.next or here.next, state.messages)
        if not listing and expected < state.messages:
            self._doubt(f"{state.messages} messages, where {expected} were expected")
        if listing or expected != state.messages:
            yield self._listed(session, here, expected)
        elif here != saved:
            yield Batch(items=(), cursor=here.cursor(), remaining=0)

    def _doubt(self, contradiction: str) -> None:
        """There may be mail among the ids that we passed. Raises CursorExpired, if that is not too soon again."""
        if self._sessions.parking.may_begin_again(self.name):
            raise CursorExpired(f"{self.name}: {contradiction}")

    def _take(
        self, session: Session, here: Place, uids: Sequence[int], *, behind: int
    ) -> Generator[Batch, None, Place]:
        """Yield the arrivals among `uids`: a range `n:*` always holds the last message, however small its UID (RFC 3501
        6.4.8). `behind` is what waits in the backfill."""
        arrivals = [uid for uid in uids if uid >= here.next]
        left = len(arrivals)
        for chunk, items in self._fetch(session, here.validity).batches(chunks(arrivals)):
            left -= len(chunk)
            here = replace(here, next=chunk[-1] + 1, messages=here.messages + len(chunk))
            yield Batch(items=tuple(items), cursor=here.cursor(), remaining=left + behind)
        return here

    def _listed(self, session: Session, here: Place, expected: int) -> Batch:
        """All ids of the folder, whatever their date, so that what is stored and not among them has left.

        A listing shorter than the server's own count is worth nothing (Office 365 has sent empty ones, MailKit issue
        1177): the next pass finds the same difference and tries again.
        """
        uids = session.search(b"ALL")
        if len(uids) < here.messages:
            return Batch(items=(), cursor=replace(here, messages=expected).cursor(), remaining=0)
        ids = frozenset([item_id(here.validity, uid) for uid in uids])
        return Batch(items=(), cursor=here.cursor(), listing=ids, epoch=str(here.validity), remaining=0)

    def _examine(self, session: Session, here: Place | None, *commands: Command) -> tuple[State, list[Answer]]:
        """Select the folder, and see that the cursor still means something."""
        parking = self._sessions.parking
        try:
            state, answers = session.examine(self._folder, *commands)
        except SyncError:
            if session.wire.closed:
                parking.broke(self.name)
            raise
        parking.opened(self.name)
        try:
            if here is not None:
                here.check(state, self.name)
        except CursorExpired:
            parking.renumbered(self.name)
            raise
        return state, answers


def _arrived(here: Place) -> bytes:
    return b"UID %d:*" % here.next


def _epoch(ids: Sequence[ItemId]) -> int:
    """The UIDVALIDITY that ids were made with, for a server that has ceased to say its own."""
    epoch = ids[0].partition(".")[0] if ids else ""
    return int(epoch) if epoch.isdigit() else 0
