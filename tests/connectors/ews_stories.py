"""Stories of what goes wrong at Exchange, one for each seed: what happens to a mailbox, what the server answers in
place of what was asked, and what must have come of it in the end."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from random import Random

import pytest

from connectors import ews_mail, ews_objects
from connectors.base import Stream
from connectors.ews import ExchangeAccount
from connectors.retry import persistently
from syncd.errors import Retryable
from syncd.model import Batch, CalendarObject, Cursor, Event, Item, ItemId, Message, Note, Task, Unreadable
from tests.connectors.contract import Reader
from tests.connectors.ews_series import FOR_EVER, NEW_YORK, PATTERNS, VIENNA
from tests.connectors.ews_worlds import NOON, START, USER, EwsWorld, deliver, exception, meeting, series, settings, task
from tests.servers.fake_ews import FakeEws, Request
from tests.servers.fake_ews_items import Occurrence
from tests.servers.fake_ews_mailbox import Item as Held
from tests.servers.fake_ews_mailbox import Value
from tests.servers.fake_ews_soap import Fault
from tests.servers.fake_ews_view import first_day, shown
from tests.servers.loopback_http import Told

HOUR = 3600
_TINY = 1e-6
STEPS = 8
AT_REST = 12
"""So many passes without a fault are more than enough."""
_PASSING = ("ErrorTimeoutExpired", "ErrorMailboxStoreUnavailable", "ErrorInternalServerError", "ErrorConnectionFailed")
DAYS_AHEAD = 60
FOUR_TIMES = (
    "<t:NumberedRecurrence><t:StartDate>2026-11-23</t:StartDate><t:NumberOfOccurrences>4</t:NumberOfOccurrences>"
    "</t:NumberedRecurrence>"
)

Said = tuple[object, ...]
"""What came of an item, as far as a story changes it."""


class _Lasting:
    """An account that its caller does not close between two passes, as the daemon does not."""

    def __init__(self, account: ExchangeAccount) -> None:
        self.streams: Callable[[], Sequence[Stream]] = account.streams

    def close(self) -> None:
        """It stays open."""


@dataclass
class StoryWorld(EwsWorld):
    """Its account lasts until syncd is started again."""

    now: datetime = NOON
    since: datetime = NOON - timedelta(days=330)
    kept: ExchangeAccount | None = None

    def account(self) -> _Lasting:  # type: ignore[override]
        if self.kept is None:
            self.kept = super().account()
        return _Lasting(self.kept)

    def restart(self) -> None:
        if self.kept is not None:
            self.kept.close()
            self.kept = None


@dataclass
class Keeper(Reader):
    """Keeps what every item says, too, and asks again for what could not be read, as a pass does."""

    said: dict[ItemId, Said] = field(default_factory=dict)
    waiting: set[ItemId] = field(default_factory=set)

    def save(self, batch: Batch) -> None:
        super().save(batch)
        self.waiting -= {item.id for item in batch.items}
        self.waiting |= {item.id for item in batch.items if isinstance(item, Unreadable)}
        self.said |= {item.id: _said(item) for item in batch.items}

    def troubled_pass(self, dice: Random) -> bool:
        try:
            if self.waiting and self.cursor is not None:
                again = tuple(self.stream().read(sorted(self.waiting), text=True))
                self.save(Batch(items=again, cursor=Cursor(self.cursor)))
        except Retryable:
            return False
        return super().troubled_pass(dice) and not self.waiting

    @property
    def has(self) -> Mapping[str, Said]:
        """By id; of what says nothing (a series without a day in the window), nothing."""
        said = {id: self.said[id] for id in self.seen if self.said[id]}
        return {id: (self.versions.get(id, "").partition("|")[0], *words) for id, words in said.items()}


def _said(item: Item) -> Said:
    match item:
        case Message():
            return (item.message_id, item.subject)
        case CalendarObject():
            return tuple(sorted(((part.subject, _fact(part)) for part in item.parts), key=str))
    return ()


def _fact(part: Event | Task | Note) -> object:
    return part.done if isinstance(part, Task) else part.starts_at if isinstance(part, Event) else None


@dataclass
class Story:
    world: StoryWorld
    dice: Random
    readers: dict[str, Keeper]
    """By the name of their stream."""
    asked_too_soon: list[str] = field(default_factory=list)
    _owed: float = 0.0
    """Seconds for which the server asked to be left alone, and that have not been waited for yet."""
    _known: bool = False
    """Whether the server let us in since syncd was started, and has not said since then that it does not know us."""
    number: int = 0

    @abstractmethod
    def happen(self) -> None:
        """Something to the mailbox, by its owner or by others."""

    @abstractmethod
    def truth(self, stream: str) -> Mapping[str, Said]:
        """What the server holds, by id."""

    def sleep(self, seconds: float) -> None:
        self._owed -= seconds

    def tell(self) -> None:
        exchange = self.world.exchange
        exchange.hook = self.answer
        for _ in range(STEPS):
            self.happen()
            self.read(self.dice.choice(list(self.readers)))
            if self.dice.random() < 0.2:
                self.world.restart()
                self._known = False
        exchange.hook = lambda request: None
        exchange.lost, self.world.mailbox.repeats = {}, 0
        for stream, reader in self.readers.items():
            if not any(self.read(stream) for _ in range(AT_REST)):
                raise AssertionError(f"{stream} does not come to rest")
            if wrong := dict(set(reader.has.items()) ^ set(self.truth(stream).items())):
                raise AssertionError(f"{stream} is not as the server has it: {wrong}")
        assert self.asked_too_soon == []

    def read(self, stream: str) -> bool:
        """A pass over a stream, when what the server asked to wait is over; returns whether nothing was new."""
        self.world.folder = stream
        self._owed = 0.0
        return self.readers[stream].troubled_pass(self.dice)

    def answer(self, request: Request) -> Told | None:
        """What comes in place of what was asked, now and then."""
        try:
            told = self._trouble(request)
        except Fault:
            self._known = True
            raise
        self._known = told is None or (told.status != 401 and self._known)
        return told

    def _trouble(self, request: Request) -> Told | None:
        if self._owed > _TINY:
            self.asked_too_soon.append(request.name)
        if self.dice.random() < 0.3:
            self.world.exchange.lost = {}
        match self.dice.randrange(36):
            case 0 | 1:
                self._owed = self.dice.choice([0.001, 4.5, HOUR])
                raise Fault("ErrorServerBusy", back_off=round(self._owed * 1000))
            case 2:
                self._owed = self.dice.choice([1, HOUR])
                return Told(503, b"<html/>", (("Retry-After", str(self._owed)),))
            case 3:
                raise Fault(self.dice.choice(_PASSING))
            case 4:
                return Told(self.dice.choice([500, 502, 503]), b"<html/>")
            case 5:
                return Told(200, b"<s:Envelope", cut_after=5)
            case 6 if self._known:  # as one that has too much to do says, too
                return Told(401)
            case number:
                self._vary(number)
        return None

    def _vary(self, number: int) -> None:
        """What is asked for is answered, but not as a moment ago."""
        mailbox, exchange, dice = self.world.mailbox, self.world.exchange, self.dice
        match number:
            case 7:
                mailbox.forget_states()
            case 8 | 9:
                self.happen()
            case 10 | 11 if mailbox.items:
                changed = [id for id, item in mailbox.items.items() if item.within and number == 11]
                code = dice.choice(["ErrorServerBusy", "ErrorItemCorrupt"])
                exchange.lost = {dice.choice(changed or [*mailbox.items]): Fault(code)}
            case 12:
                mailbox.repeats = dice.randrange(3)

    def any(self, *kinds: str) -> Held | None:
        """Something that the mailbox holds, of these kinds."""
        found = [each for each in self.world.mailbox.items.values() if each.kind in kinds and not each.within]
        return self.dice.choice(found) if found else None


class MailStory(Story):
    def happen(self) -> None:
        mailbox, dice, item = self.world.mailbox, self.dice, self.any("Message")
        self.number += 1
        match dice.randrange(19):
            case 0 | 1 | 2 | 3 | 4 | 5:
                for at in dice.choices([NOON, START + timedelta(hours=self.number)], k=dice.randrange(1, 5)):
                    deliver(mailbox, f"{self.number}@example.org", at=at, subject=f"Offer {self.number}")
            case _ if item is None:
                return
            case 6 | 7:
                mailbox.delete(item)
            case 8 | 9 | 10 | 11:
                for to in dice.choices(["inbox", "sentitems", "deleteditems"], k=dice.randrange(1, 4)):
                    if item.folder.alias != to:
                        item = mailbox.move(item, mailbox.folder(to))
            case 12 | 13:
                item.is_read = not item.is_read
            case 14 | 15:
                mailbox.change(item, Subject=f"Changed {self.number}")
            case 16:
                mailbox.migrate()
            case _:  # an archive that was put back beside what is there
                key = str(item.values["message:InternetMessageId"]).strip("<>")
                deliver(mailbox, key, folder=item.folder, at=item.received_at)

    def truth(self, stream: str) -> Mapping[str, Said]:
        mailbox = self.world.mailbox
        held = mailbox.held(mailbox.folder({"Inbox": "inbox", "Sent Items": "sentitems"}[stream]))
        return {
            each.id: ("", str(each.values["message:InternetMessageId"]).strip("<>"), each.values["item:Subject"])
            for each in held
        }


class CalendarStory(Story):
    def happen(self) -> None:
        mailbox, dice, item = self.world.mailbox, self.dice, self.any("CalendarItem", "Task")
        self.number += 1
        at = NOON + timedelta(days=3, hours=self.number)
        match dice.randrange(13):
            case 0 | 1:
                meeting(mailbox, f"{self.number}@example.com", at)
            case 2 | 3:
                self._series(at)
            case 4 | 12:
                task(mailbox, f"Call {self.number}", done=dice.random() < 0.5)
            case 5 | 6 | 7 if (one := self.any("CalendarItem")) and "calendar:Recurrence" in one.values:
                self._occurrence(one)
            case _ if item is None:
                return
            case 8:
                mailbox.delete(item)
            case 9 if item.kind == "Task":
                mailbox.change(item, IsComplete=True, Status="Completed")
            case 10:
                item.is_read = not item.is_read
            case _:
                mailbox.change(item, Subject=f"Changed {self.number}")

    def _series(self, at: datetime) -> None:
        """By any pattern of Outlook, in any zone, that begins before, within or after the window."""
        pattern, dice = self.dice.choice([*PATTERNS]), self.dice
        at -= timedelta(days=dice.choice([0, 20, 400]))
        more: dict[str, Value] = {"calendar_StartTimeZone": dice.choice([VIENNA, NEW_YORK, None])}
        hour = time(15, self.number % 60, tzinfo=UTC)  # on the same day in all three zones
        starts_at = datetime.combine(first_day(pattern, at.date()), hour)
        ends = dice.choice([FOR_EVER, FOUR_TIMES])
        series(self.world.mailbox, starts_at, pattern, ends, uid=f"{self.number}@example.com", **more)

    def _occurrence(self, master: Held) -> None:
        """One of a series is changed, or changed again, or deleted."""
        mailbox, gone = self.world.mailbox, master.values.get("calendar:DeletedOccurrences") or []
        within = [each for each in self._shown(master) if _starts(each) > NOON]
        if not within:
            return
        one = self.dice.choice(within)
        if one.within:
            mailbox.change(one, Subject=f"Changed {self.number}")
        elif self.dice.random() < 0.5:
            exception(mailbox, master, _starts(one), _starts(one) + timedelta(minutes=30), item_Subject="Moved")
        else:
            assert isinstance(gone, list)
            master.values["calendar:DeletedOccurrences"] = [*gone, Occurrence(_starts(one))]
            mailbox.touch(master)

    def truth(self, stream: str) -> Mapping[str, Said]:
        held = self.world.mailbox.held(self.world.mailbox.folder(stream))
        return {each.id: (each.change_key, *sorted(self._parts(each), key=str)) for each in held if self._parts(each)}

    def _parts(self, item: Held) -> list[Said]:
        if item.kind == "Task":
            return [(item.values["item:Subject"], item.values["task:IsComplete"])]
        return [(each.values["item:Subject"], _starts(each)) for each in self._shown(item)]

    def _shown(self, item: Held) -> list[Held]:
        """Within the window, as a calendar view of Exchange has it."""
        begins, ends = self.world.since, NOON + timedelta(days=DAYS_AHEAD)
        return [each for each in shown(self.world.mailbox, item, ends) if begins <= _starts(each) < ends]


def _starts(item: Held) -> datetime:
    found = item.values["calendar:Start"]
    assert isinstance(found, datetime)
    return found


def tell(exchange: FakeEws, kind: type[Story], streams: Sequence[str], seed: int, patch: pytest.MonkeyPatch) -> None:
    """One story, carried out; raises AssertionError where it ends badly. Nothing really waits, and pages are small."""
    for module, name, most in (
        (ews_mail, "PAGE", 3), (ews_mail, "MOST_CHANGES", 5), (ews_mail, "CHECK_EVERY", 2),
        (ews_objects, "PAGE", 2), (ews_objects, "MOST_CHANGES", 4),
    ):  # fmt: skip
        patch.setattr(module, name, most)
    exchange.scheme = "basic"  # which costs a third of the requests
    world = StoryWorld(exchange, settings(exchange, "basic"), exchange.mailbox(USER))
    story = kind(world, Random(seed), {name: Keeper(world) for name in streams})
    patch.setitem(persistently.__kwdefaults__ or {}, "sleep", story.sleep)
    try:
        for _ in range(4):
            story.happen()
        story.tell()
    finally:
        world.restart()
