"""What happens to a Google account between two passes, and in the middle of one, while calls fail: told by a seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Protocol

from connectors.google_sign_in import HEADERS
from syncd.model import Level
from tests.connectors.google_worlds import GmailWorld, mail
from tests.connectors.test_google_calendar import WEEKLY, GoogleCalendarWorld, at, moved
from tests.connectors.test_google_tasks import TaskWorld
from tests.servers import google_errors as errors
from tests.servers.fake_gmail import Mail
from tests.servers.fake_google import Call, Cut, FakeGoogle, Fault

SEEDS = range(200)


class Caller(Protocol):
    """Whoever reads the stream pass by pass, and keeps what it tells."""

    def try_a_pass(self) -> timedelta | None:
        """How long to wait before the next, if this one did not come to its end."""
        ...

    def is_waiting(self) -> bool:
        """Whether something that could not be read is still to be asked for."""
        ...

    def finds_nothing(self) -> bool:
        """In one more pass."""
        ...


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
class Story:
    """What happens to one stream between its passes, and now and then within one, while calls fail."""

    google: FakeGoogle
    caller: Caller
    dice: Random
    happen: Callable[[], None]

    def tell(self, passes: int, *, failing: float) -> None:
        random.seed(self.dice.random())  # of the waits between two tries of one call
        self.google.plan = lambda call: self._trouble(call, failing)
        for _ in range(passes):
            self.happen()
            if wait := self.caller.try_a_pass():
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
            wait = self.caller.try_a_pass()
            self.google.clock.sleep((wait or timedelta(0)).total_seconds())
            if wait is None and not self.caller.is_waiting():
                break
        else:
            raise AssertionError("it does not come to rest")
        assert self.google.waiting.broken == []
        assert self.google.written() == []
        assert self.caller.finds_nothing()


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

    def shown(self) -> list[Mail]:
        wanted = set(self.world.settings.include)
        mails = self.world.mailbox.mails.values()
        return [held for held in mails if not held.labels & {"SPAM", "TRASH"} and wanted <= held.labels]

    def truth(self) -> list[str]:
        return sorted(held.raw.decode().partition("<")[2].partition(">")[0] for held in self.shown())


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
