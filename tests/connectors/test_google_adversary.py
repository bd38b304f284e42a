"""Whatever goes wrong at Google, under a seed: nothing is lost, nothing comes twice, no call comes too early, and
nothing is written. Each seed is another story."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from connectors.google_sign_in import HEADERS
from syncd.errors import CursorExpired, Retryable
from syncd.model import Batch, CalendarObject, Cursor, ItemId, Level, Unreadable
from tests.connectors.contract import Reader
from tests.connectors.google_worlds import GmailWorld, mail
from tests.connectors.test_google_calendar import WEEKLY, GoogleCalendarWorld, at, moved
from tests.connectors.test_google_tasks import TaskWorld
from tests.servers import google_errors as errors
from tests.servers.fake_google import Call, Cut, FakeGoogle, Fault

SEEDS = range(200)


def faults(now: float) -> list[Fault]:
    soon = datetime.fromtimestamp(now + 7, UTC)
    return [
        errors.too_fast(),
        errors.too_fast_without_list(),
        errors.too_fast(code=429, after="3"),
        errors.too_fast(code=429, after="40"),
        errors.too_fast(until=f"{soon:%Y-%m-%dT%H:%M:%S}.000Z"),
        errors.BACKEND,
        errors.UNAVAILABLE,
        Cut(),
        Cut(60),
        b"{",
    ]


@dataclass
class Store(Reader):
    """A reader that asks again for what it could not read, as the real one does at its next pass."""

    waiting: set[ItemId] = field(default_factory=set)

    def save(self, batch: Batch) -> None:
        super().save(batch)
        self.waiting -= {item.id for item in batch.items}
        self.waiting |= {item.id for item in batch.items if isinstance(item, Unreadable)}

    def once_more(self) -> None:
        account = self.world.account()
        try:
            found = tuple(self.world.stream(account).read(sorted(self.waiting), text=False))
            self.save(Batch(items=found, cursor=Cursor(self.cursor or "")))
        finally:
            account.close()

    def try_a_pass(self) -> timedelta | None:
        """How long to wait before the next, if this one did not come to its end."""
        try:
            if self.waiting:
                self.once_more()
            self.pass_from_any_cursor()
        except Retryable as error:
            return error.retry_after or timedelta(seconds=60)
        except CursorExpired:  # a fresh one, which was forgotten within the pass
            self.cursor = None
            return timedelta(seconds=60)
        return None


@dataclass
class Story:
    """What happens to one stream between its passes, and now and then within one, while calls fail."""

    google: FakeGoogle
    store: Store
    dice: Random
    happen: Callable[[], None]

    def tell(self, passes: int, *, failing: float) -> None:
        random.seed(self.dice.random())  # of the waits between two tries of one call
        self.google.plan = lambda call: self._trouble(call, failing)
        for _ in range(passes):
            self.happen()
            if wait := self.store.try_a_pass():
                self.google.clock.sleep(wait.total_seconds())
        self._settle()

    def _trouble(self, call: Call, failing: float) -> Fault | None:
        chance = self.dice.random()
        if chance < failing:
            return self.dice.choice(faults(self.google.clock()))
        if chance < failing + 0.01:
            self.happen()
        elif chance < failing + 0.02:
            self.google.oauth.accesses.clear()
        return None

    def _settle(self) -> None:
        """Nothing goes wrong any more, and in a few passes everything is there."""
        self.google.plan = lambda call: None
        for _ in range(20):
            wait = self.store.try_a_pass()
            self.google.clock.sleep((wait or timedelta(0)).total_seconds())
            if wait is None and not self.store.waiting:
                break
        else:
            raise AssertionError("it does not come to rest")
        assert self.google.waiting.broken == []
        assert self.google.written() == []
        assert self.store.whole_pass() == []


# -------------------------------------------------------------------------------------------------------------- mail


@dataclass
class Letters:
    """A mailbox in one of the manners that Gmail and its admin may have."""

    world: GmailWorld
    dice: Random

    def __post_init__(self) -> None:
        dice, world = self.dice, self.world
        quirks = world.mailbox.quirks
        quirks.empty_pages, quirks.repeats, quirks.oldest_first = (dice.random() < 0.3 for _ in range(3))
        quirks.collapses, quirks.bare_stubs = (dice.random() < 0.3 for _ in range(2))
        quirks.page = dice.choice([5, 500])
        # Six messages in a batch.
        world.settings = replace(world.settings, units_per_minute=840, fetch=dice.choice(["headers", "whole"]))
        if dice.random() < 0.3:
            world.level = Level.METADATA
            world.sign_in(HEADERS)
        if dice.random() < 0.2:
            world.settings = replace(world.settings, include=("INBOX",))

    def happen(self) -> None:
        mailbox, dice = self.world.mailbox, self.dice
        self.world.add(dice.randrange(1, 7))
        id = dice.choice([*mailbox.mails])
        match dice.randrange(8):
            case 0 | 1:
                mailbox.delete(id)
            case 2 | 3:
                hidden = dice.choice(["SPAM", "TRASH"])
                mailbox.label(id, add=[hidden], remove=["INBOX"])
            case 4:
                mailbox.label(id, add=["INBOX"], remove=["SPAM", "TRASH"])
            case 5:
                mailbox.label(id, remove=["INBOX", "UNREAD"])
            case 6:
                draft = mailbox.deliver(mail(f"draft{len(mailbox.records)}@example.com"), "DRAFT")
                mailbox.delete(draft)
            case 7:
                mailbox.forget_history()

    def truth(self) -> list[str]:
        wanted = set(self.world.settings.include)
        mails = self.world.mailbox.mails.values()
        shown = [held for held in mails if not held.labels & {"SPAM", "TRASH"} and wanted <= held.labels]
        return sorted(held.raw.decode().partition("<")[2].partition(">")[0] for held in shown)


@pytest.mark.parametrize("seed", SEEDS)
def test_mail_comes_whole_whatever_goes_wrong(google: FakeGoogle, seed: int) -> None:
    dice = Random(seed)
    letters = Letters(GmailWorld(google), dice)
    store = Store(letters.world)
    Story(google, store, dice, letters.happen).tell(5, failing=0.06)
    assert store.keys == letters.truth()
    assert set(store.stream().inventory()) == set(store.seen)


# ------------------------------------------------------------------------------------------------ meetings and tasks


@dataclass
class Meetings:
    world: GoogleCalendarWorld
    dice: Random

    def __post_init__(self) -> None:
        self.world.calendar.page = self.dice.choice([3, 2500])
        self.world.calendar.empty_pages = self.dice.random() < 0.3

    def happen(self) -> None:
        world, dice = self.world, self.dice
        world.add(dice.randrange(5))
        held = self.truth()
        match dice.randrange(5):
            case 0 if held:
                world.remove(dice.choice(held))
            case 1 if held:
                world.change(dice.choice(held))
            case 2:
                begins, ends = at(world.now()), at(world.now() + timedelta(hours=1))
                moved(world, world.calendar.put({**WEEKLY, "start": begins, "end": ends}))
            case 3:
                world.calendar.end_tokens()

    def truth(self) -> list[str]:
        events = self.world.calendar.events.values()
        return sorted(str(each["iCalUID"]) for each in events if "recurringEventId" not in each and "start" in each)


@dataclass
class Tasks:
    world: TaskWorld
    dice: Random

    def __post_init__(self) -> None:
        self.world.tasks.page = self.dice.choice([3, 100])

    def happen(self) -> None:
        world, dice = self.world, self.dice
        world.add(dice.randrange(5))
        held = self.truth()
        match dice.randrange(6):
            case 0 if held:
                world.remove(dice.choice(held))
            case 1 if held:
                world.change(dice.choice(held))
            case 2 if held:
                world.tasks.done(dice.choice(held).partition("@")[0], f"{world.now():%Y-%m-%dT%H:%M:%S}.000Z")
            case 3 if held:  # purged: nobody tells, but the comparison of each day
                del world.tasks.tasks[dice.choice(held).partition("@")[0]]
                self.google.clock.sleep(90_000)
            case 4:
                world.renumber()

    @property
    def google(self) -> FakeGoogle:
        return self.world.fake

    def truth(self) -> list[str]:
        tasks = self.world.tasks.tasks
        return sorted(f"{id}@tasks.google.com" for id, task in tasks.items() if not task.get("deleted"))


@pytest.mark.parametrize("seed", SEEDS)
def test_meetings_come_whole_whatever_goes_wrong(google: FakeGoogle, seed: int) -> None:
    dice = Random(seed)
    _settles_on_the_truth(google, Meetings(GoogleCalendarWorld(google), dice), dice)


@pytest.mark.parametrize("seed", SEEDS)
def test_tasks_come_whole_whatever_goes_wrong(google: FakeGoogle, seed: int) -> None:
    dice = Random(seed)
    _settles_on_the_truth(google, Tasks(TaskWorld(google), dice), dice)


def _settles_on_the_truth(google: FakeGoogle, held: Meetings | Tasks, dice: Random) -> None:
    store = Store(held.world)
    Story(google, store, dice, held.happen).tell(6, failing=0.1)
    assert store.keys == held.truth()
    items = store.stream().read(list(store.seen), text=True)
    assert store.versions == {item.id: item.version for item in items if isinstance(item, CalendarObject)}
