"""Whatever goes wrong at Google, under a seed: nothing is lost, nothing comes twice, no call comes too early."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import pytest

from syncd.errors import CursorExpired, Retryable
from syncd.model import Batch, CalendarObject, Cursor, ItemId, Unreadable
from tests.connectors.contract import Reader
from tests.connectors.google_worlds import GmailWorld
from tests.connectors.test_google_calendar import WEEKLY, GoogleCalendarWorld, at, moved
from tests.servers import google_errors as errors
from tests.servers.fake_google import Cut, FakeGoogle, Fault

FAULTS: list[Fault] = [
    errors.too_fast(),
    errors.too_fast_without_list(),
    errors.too_fast(code=429, after="3"),
    errors.too_fast(code=429, after="40"),
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


def settle(google: FakeGoogle, store: Store) -> None:
    """Nothing goes wrong any more, and in a few passes everything is there."""
    google.plan = lambda call: None
    for _ in range(20):
        wait = store.try_a_pass()
        google.clock.sleep((wait or timedelta(0)).total_seconds())
        if wait is None and not store.waiting:
            return
    raise AssertionError("it does not come to rest")


@pytest.mark.parametrize("seed", range(25))
def test_mail_comes_whole_whatever_goes_wrong(google: FakeGoogle, seed: int) -> None:
    world, dice, truth = GmailWorld(google), Random(seed), list[str]()
    store = Store(world)
    google.plan = lambda call: dice.choice(FAULTS) if dice.random() < 0.05 else None
    for _ in range(6):
        truth += world.add(25)
        world.remove(truth.pop(dice.randrange(len(truth))))
        if dice.random() < 0.2:
            world.mailbox.forget_history()
        if wait := store.try_a_pass():
            google.clock.sleep(wait.total_seconds())
    settle(google, store)
    assert store.keys == sorted(truth)
    assert google.waiting.broken == []
    assert store.whole_pass() == []


@pytest.mark.parametrize("seed", range(25))
def test_meetings_come_whole_whatever_goes_wrong(google: FakeGoogle, seed: int) -> None:
    world, dice, truth = GoogleCalendarWorld(google), Random(seed), list[str]()
    store = Store(world)
    world.calendar.page = dice.choice([3, 2500])
    google.plan = lambda call: dice.choice(FAULTS) if dice.random() < 0.1 else None
    for _ in range(8):
        truth += world.add(dice.randrange(6))
        match dice.randrange(5):
            case 0 if truth:
                world.remove(truth.pop(dice.randrange(len(truth))))
            case 1 if truth:
                world.change(dice.choice(truth))
            case 2:
                master = world.calendar.put(
                    {**WEEKLY, "start": at(world.now()), "end": at(world.now() + timedelta(hours=1))}
                )
                truth.append(f"{master}@google.com")
                moved(world, master)
            case 3:
                world.calendar.end_tokens()
        if wait := store.try_a_pass():
            google.clock.sleep(wait.total_seconds())
    settle(google, store)
    assert store.keys == sorted(truth)
    items = store.stream().read(list(store.seen), text=True)
    assert store.versions == {item.id: item.version for item in items if isinstance(item, CalendarObject)}
    assert google.waiting.broken == []
    assert store.whole_pass() == []
