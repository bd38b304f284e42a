"""Whatever goes wrong at Google, under a seed: nothing is lost, nothing comes twice, no call comes too early, and
nothing is written. Each seed is another story."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import pytest

from syncd.errors import CursorExpired, Retryable
from syncd.model import Batch, CalendarObject, Cursor, ItemId, Unreadable
from tests.connectors.contract import Reader
from tests.connectors.google_stories import SEEDS, Letters, Meetings, Story, Tasks
from tests.connectors.google_worlds import GmailWorld
from tests.connectors.test_google_calendar import GoogleCalendarWorld
from tests.connectors.test_google_tasks import TaskWorld
from tests.servers.fake_google import FakeGoogle


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

    def is_waiting(self) -> bool:
        return bool(self.waiting)

    def finds_nothing(self) -> bool:
        return self.whole_pass() == []


@pytest.mark.parametrize("seed", SEEDS)
def test_mail_comes_whole_whatever_goes_wrong(google: FakeGoogle, seed: int) -> None:
    dice = Random(seed)
    letters = Letters(GmailWorld(google), dice)
    store = Store(letters.world)
    Story(google, store, dice, letters.happen).tell(5, failing=0.06)
    assert store.keys == letters.truth()
    assert set(store.stream().inventory()) == set(store.seen)


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
