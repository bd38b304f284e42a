"""One pass over one stream: fetch, decide, save. The page a new reader starts on.

A batch's rows and its cursor are saved in one transaction, and no network is used inside one. So every batch can be the
last: killed between any two lines, the next pass repeats at most one batch, and writes nothing twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from connectors.base import Stream
from matching import dedup, identity
from matching.parties import Parties
from store.writer import Store
from syncd.acquaintances import Acquaintances
from syncd.deciding import decide, invited, may_invite, occasions, told
from syncd.errors import CursorExpired, Retryable, SyncError
from syncd.ledger import Decided, Failed, Handled, Invited, Mark
from syncd.logs import place
from syncd.model import (
    Batch,
    CalendarObject,
    Cursor,
    Identity,
    Item,
    ItemId,
    Level,
    Message,
    Participant,
    Policy,
    Removed,
    Unreadable,
    Verdict,
)

MASS = 20
"""More removals at once than this, and than a fifth of the stream, need a second listing to confirm them."""

CAREFUL = 2
"""Passes that died at one cursor before the next one takes its items singly."""

DEATHS = 3
"""An item that was in hand in this many deaths, one after the other, is not touched again."""

READ_AT_ONCE = 200

CATCH_UP_AT_ONCE = 500
"""Occurrences of a calendar's objects between two commits."""

OBJECTS_AT_ONCE = 1000
"""That a stream is told of together, so that it may ask for the next while these are saved."""

_PROBLEM = Message._fields.index("problem")
"""From here on is what reading the whole message tells; to make it anew takes a third of the time of `_replace`."""

# Python 3.11 calls a function for each look at an enum's member.
_LOGGED = Verdict.LOGGED


@dataclass(frozen=True, slots=True)
class PassResult:
    """What one pass saved. `by_rule` counts (verdict, rule); `doubted` removals wait for a second listing."""

    by_rule: Mapping[tuple[Verdict, str], int]
    removed: int
    batches: int
    doubted: int


@dataclass(slots=True)
class Pass:
    """The pass of one stream, and what it has done so far."""

    stream: Stream
    stream_id: int
    store: Store
    policy: Policy
    now: Callable[[], datetime]
    """The clock: for the time stamps of what is written, never for a decision."""
    should_stop: Callable[[], bool] = lambda: False
    """Asked after each saved batch."""
    progress: Callable[[Batch], None] = lambda batch: None
    mark: Mark | None = None
    """Where the stream stands, if the caller has read it already."""
    by_rule: Counter[tuple[Verdict, str]] = field(default_factory=Counter)
    removed: int = 0
    batches: int = 0
    doubted: int = 0
    turns: int | None = None
    """Directory.turns when what is in hand was decided on."""
    acquaintances: Acquaintances = field(init=False)

    def __post_init__(self) -> None:
        self.acquaintances = Acquaintances(self.store, self.policy)

    def run(self) -> PassResult:
        """Bring the store up to date with the stream; raises one of the four SyncErrors, with all that came before
        it saved."""
        mark = self.mark or self.store.mark(self.stream_id, self.now())
        if mark.waiting:
            self._once_more(mark)
        try:
            self._follow(mark, mark.cursor)
        except CursorExpired:
            self._begin_again(mark)
        if mark.doubted and not self.batches:
            self.store.doubt(self.stream_id, 0)  # the stream is whole again
        return self.result()

    def result(self) -> PassResult:
        return PassResult(dict(self.by_rule), self.removed, self.batches, self.doubted)

    def _begin_again(self, mark: Mark) -> None:
        try:
            self._follow(mark, None)
        except CursorExpired as error:
            # A fresh cursor that expires at once would be an endless loop (gauteh/lieer issue 301).
            raise Retryable(f"{self.stream.name}: the server gave a cursor and refused it at once") from error

    def _follow(self, mark: Mark, cursor: Cursor | None) -> None:
        batches = self.stream.changes(cursor)
        for number, batch in enumerate(batches):
            if number == 0:
                self.store.strike(self.stream_id)
            with self._innocent():
                self._take(batch, mark, careful=number == 0 and mark.strikes >= CAREFUL)
            self.progress(batch)
            if self.should_stop():
                return

    # ------------------------------------------------------------------------------------------------ one batch

    def _take(self, batch: Batch, mark: Mark, *, careful: bool) -> None:
        if careful:
            self._one_by_one(batch.items, mark)
        items = () if careful else batch.items
        listing = batch.versions.keys() if batch.versions is not None else batch.listing
        if listing is not None:
            live = self.store.live(self.stream_id)
            gone = live - listing
            if _doubtful(len(gone), len(live), listing, batch, mark):
                self._save(partial(self._handle, items), None)
                self.store.doubt(self.stream_id, len(gone))
                self.doubted = len(gone)
                return
            if batch.versions is not None and not self._catch_up(batch.versions, batch.cursor, mark, careful=careful):
                return
            items = (*items, *map(Removed, sorted(gone)))
        self._save(partial(self._handle, items), batch)

    def _catch_up(self, versions: Mapping[ItemId, str], cursor: Cursor, mark: Mark, *, careful: bool) -> bool:
        """Read what is stored in another version or not at all; False if it was stopped before the end."""
        known = self.store.versions(self.stream_id)
        stale = [item for item, version in versions.items() if (item, version) not in known]
        left = len(stale)
        for items in self._portions(self._read(stale, text=True, at_once=OBJECTS_AT_ONCE)):
            if careful:
                self._one_by_one(items, mark)
            else:
                self._save(partial(self._handle, items), None, advanced=True)
            left -= len(items)
            self.progress(Batch(items=items, cursor=cursor, remaining=max(0, left)))
            if left > 0 and self.should_stop():
                return False
        return True

    def _portions(self, reading: Iterator[Item]) -> Iterator[tuple[Item, ...]]:
        """As much as one commit takes. What came before an error or a stop is not given up: a server that lets nobody
        read for long would never be read to the end."""
        items: list[Item] = []
        size = 0
        try:
            for item in reading:
                items.append(item)
                size += len(item.parts) or 1 if isinstance(item, CalendarObject) else 1
                if size >= CATCH_UP_AT_ONCE or self.should_stop():
                    yield tuple(items)
                    items, size = [], 0
        except SyncError:
            if items:
                yield tuple(items)
            raise
        if items:
            yield tuple(items)

    def _handle(self, items: Sequence[Item]) -> list[Handled]:
        messages = [item for item in items if isinstance(item, Message)]
        objects = [(item, told(item)) for item in items if isinstance(item, CalendarObject)]
        people = [message.participants for message in messages]
        people += [part.participants for _, parts in objects for part in parts]
        parties, now = self._parties(people), self.now()
        handled: list[Handled] = []
        if messages:
            complete = self._completed([decide(message, parties, now) for message in messages], parties)
            handled += self._invited(complete, now)
        for item, parts in objects:
            handled += occasions(item, parts, parties, self.stream_id, now)
        return [*handled, *(self._other(item) for item in items if isinstance(item, Removed | Unreadable))]

    def _other(self, item: Removed | Unreadable) -> Failed | Removed:
        return item if isinstance(item, Removed) else Failed(item.id, item.reason, version=self._version(item))

    def _version(self, item: Item | None) -> str | None:
        """Of what a calendar or list holds, empty where it is not known; a mail has none."""
        if self.stream.kind == "mail":
            return None
        return item.version if isinstance(item, CalendarObject | Unreadable) else ""

    def _parties(self, people: Sequence[Sequence[Participant]]) -> Parties:
        parties = self.acquaintances.parties(people)
        if self.turns is None:
            self.turns = parties.directory.turns
        return parties

    def _completed(self, decided: list[Decided], parties: Parties) -> list[Decided]:
        """Read the text of what is logged, if it may be stored and is not yet; and what may invite to a meeting."""
        unsettled = self._unsettled(decided)
        most = self.policy.level
        full = {one.message.id: None for one in unsettled if min(most, one.decision.level) >= Level.FULL}
        doubtful = [one for one in decided if one.decision.verdict is not _LOGGED]
        doubtful += [one for one in unsettled if one.message.id not in full]
        others = [one.message.id for one in doubtful if may_invite(one, parties)]
        read = {item.id: item for item in self._read([*full], text=True)}
        read.update((item.id, item) for item in self._read(others, text=False))
        return [
            Decided._make((_with(one.message, read[one.message.id]), *one[1:])) if one.message.id in read else one
            for one in decided
        ]

    def _unsettled(self, decided: list[Decided]) -> list[Decided]:
        """Those that are logged and of which the store does not have all it may have."""
        logged = [one for one in decided if one.decision.verdict is _LOGGED]
        settled = self.store.with_text({one.identity.key for one in logged}) if logged else {}
        return [one for one in logged if not _among(settled, one.identity)]

    def _invited(self, decided: list[Decided], now: datetime) -> list[Decided | Invited]:
        """Those with an invitation, as what they are about. Whom a meeting brings together, its mail may not name."""
        some = [one.message for one in decided if one.message.invitation]
        if not some:
            return [*decided]
        people = [message.participants for message in some]
        people += [event.participants for message in some if message.invitation for event in message.invitation.events]
        parties = self._parties(people)
        return [invited(one, parties, self.stream_id, now) if one.message.invitation else one for one in decided]

    def _read(self, ids: Sequence[ItemId], *, text: bool, at_once: int = READ_AT_ONCE) -> Iterator[Item]:
        for start in range(0, len(ids), at_once):
            yield from self.stream.read(ids[start : start + at_once], text=text)

    def _save(self, handle: Callable[[], Sequence[Handled]], batch: Batch | None, *, advanced: bool = False) -> None:
        """Write what is handled, and the batch's cursor with it. `advanced`: without it, the pass has come further
        than the one that died, so that what comes next is to be blamed anew.

        Whoever becomes known, is erased or closed meanwhile would be missed by both sides: it is then handled anew.
        """
        while not self._written(handle(), batch, advanced=advanced):
            self.turns = None
            self.acquaintances.forget()

    def _written(self, handled: Sequence[Handled], batch: Batch | None, *, advanced: bool) -> bool:
        now = self.now()
        with self.store.transaction() as transaction:
            if self.turns is not None and transaction.turns() != self.turns:
                return False
            stored = transaction.stored(self.stream_id, dedup.wanted(handled))
            plan = dedup.plan(handled, stored, self.policy.level, now)
            transaction.apply(self.stream_id, plan, now)
            if batch is not None:
                epoch = batch.epoch if batch.listing is not None or batch.versions is not None else None
                transaction.save_cursor(self.stream_id, batch.cursor, epoch=epoch)
            elif advanced:
                transaction.strike_anew(self.stream_id)
        counts = Counter([(row.verdict, row.rule) for row in (*plan.sightings, *plan.resightings)])
        for (verdict, rule), count in counts.items():
            self.by_rule[Verdict(verdict), rule] += count
        self.removed += len(plan.gone)
        self.batches += 1
        self.turns = None
        return True

    # ----------------------------------------------------------------------------------------- what went wrong before

    def _once_more(self, mark: Mark) -> None:
        """Try what waits again; singly, if the program may have died of just that."""
        self.store.strike(self.stream_id)
        with self._innocent():
            if mark.strikes >= CAREFUL:
                for item in mark.waiting:
                    self._singly(item, self._version(None), mark, partial(self._read_and_handle, [item]))
            else:
                self._again(mark.waiting)
        self.store.forgive(self.stream_id)

    def reconcile(self) -> PassResult:
        """Read what the stream holds and the store never saw (a server that rewound its UIDNEXT, say)."""
        live = self.store.live(self.stream_id)
        self._again([item for item in self.stream.inventory() if item not in live])
        return self.result()

    def _again(self, ids: Sequence[ItemId]) -> None:
        for start in range(0, len(ids), READ_AT_ONCE):
            some = ids[start : start + READ_AT_ONCE]
            self._save(partial(self._read_and_handle, some), None)
            if self.should_stop():
                return

    def _read_and_handle(self, ids: Sequence[ItemId]) -> list[Handled]:
        return self._handle(list(self.stream.read(ids, text=False)))

    def _one_by_one(self, items: Sequence[Item], mark: Mark) -> None:
        """Handle and save a batch that the program died of item by item, each after a durable note that it is in hand.

        Only an item that was in hand in several deaths, one after the other, is to blame: whoever kills a healthy
        program finds another item in its hands each time.
        """
        done = self.store.versions(self.stream_id)
        for item in items:
            version = self._version(item)
            if (item.id, version) in done and not isinstance(item, Removed):
                continue
            self._singly(item.id, version, mark, partial(self._handle, [item]))

    def _singly(self, item: ItemId, version: str | None, mark: Mark, handle: Callable[[], list[Handled]]) -> None:
        again = item == mark.suspect
        if again and mark.strikes - CAREFUL >= DEATHS:
            reason = "the program died each time that it read this"
            self._save(lambda: [Failed(item, reason, final=True, version=version)], None)
            return
        # Also of the same one as before: others may have been in hand meanwhile.
        self.store.suspect(self.stream_id, item, strikes=mark.strikes + 1 if again else CAREFUL + 1)

        def handled() -> list[Handled]:
            try:
                return handle()
            except SyncError:
                raise
            except Exception as error:  # our own bug, in one item: it must not stop the stream for ever
                return [Failed(item, place(error), final=True, version=version)]

        self._save(handled, None)

    @contextmanager
    def _innocent(self) -> Iterator[None]:
        """A server or network that fails while items are in hand says nothing against them."""
        try:
            yield
        except SyncError:
            self.store.forgive(self.stream_id)
            raise


def _doubtful(gone: int, live: int, listing: Collection[ItemId], batch: Batch, mark: Mark) -> bool:
    """Sudden emptiness is an error, not an instruction, until a second listing says the same."""
    # Before its first complete listing a stream has no epoch, and what it just gave is as much in doubt.
    if not gone or mark.doubted or (mark.epoch and batch.epoch != mark.epoch):
        return False
    return not listing or gone > max(MASS, live // 5)


def _among(settled: Mapping[bytes, Identity], copy: Identity) -> bool:
    known = settled.get(copy.key)
    return known is not None and identity.corroborates(known, copy)


def _with(message: Message, read: Item) -> Message:
    """The message with its text; as it was when it left, or could not be read, in between."""
    match read:
        case Message():
            return Message._make((*message[:_PROBLEM], *read[_PROBLEM:]))
        case Unreadable(reason=reason):
            return message._replace(problem=f"{message.problem}; {reason}".strip("; "))
    return message
