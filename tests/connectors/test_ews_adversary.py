"""Whatever goes wrong at Exchange, in any order: it ends up here as the server has it. Each seed is another story."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import pytest

from connectors import ews_mail, ews_objects
from tests.connectors.contract import Reader
from tests.connectors.ews_worlds import NOON, USER, EwsWorld, meeting, opened, settings
from tests.servers.fake_ews import FakeEws, Request
from tests.servers.fake_ews_mailbox import Item
from tests.servers.fake_ews_soap import Fault
from tests.servers.loopback_http import Told

SEEDS = range(8)
FOLDERS = {"Inbox": "inbox", "Sent Items": "sentitems", "calendar": "calendar"}
HOURS = 3_600_000


@dataclass
class Story:
    world: EwsWorld
    dice: Random
    readers: dict[str, Reader]
    asked_too_soon: list[str] = field(default_factory=list)
    _waiting: bool = False
    _number: int = 0

    def happen(self) -> None:
        """Something to the mailbox, by its owner or by others."""
        mailbox, dice = self.world.mailbox, self.dice
        self._number += 1
        match dice.randrange(8):
            case 0 | 1:
                self.world.add(dice.randrange(1, 12))
            case 2:
                meeting(mailbox, f"{self._number}@example.com", NOON + timedelta(hours=self._number))
            case 3 | 4 if mailbox.items:
                mailbox.delete(self._any())
            case 5 if mailbox.items:
                item = self._any()
                if item.kind == "Message":
                    mailbox.move(item, mailbox.folder(dice.choice(["inbox", "sentitems", "deleteditems"])))
            case 6 if mailbox.items:
                self._any().is_read = True
            case 7 if mailbox.items:
                mailbox.touch(self._any())

    def _any(self) -> Item:
        return self.dice.choice(list(self.world.mailbox.items.values()))

    def trouble(self, request: Request) -> None:
        """What Exchange answers in place of what was asked, now and then; or what happens meanwhile."""
        if self._waiting:
            self.asked_too_soon.append(request.name)
        exchange, dice = self.world.exchange, self.dice
        match dice.randrange(40):
            case 0:
                self._waiting = True
                raise Fault("ErrorServerBusy", back_off=HOURS)
            case 1:
                raise Fault("ErrorServerBusy", back_off=1)
            case 2:
                raise Fault(
                    dice.choice(["ErrorTimeoutExpired", "ErrorMailboxStoreUnavailable", "ErrorInternalServerError"])
                )
            case 3:
                exchange.troubles = [Told(dice.choice([500, 502, 503]), b"<html/>")]
            case 4:
                exchange.troubles = [Told(200, b"<s:Envelope", cut_after=5)]
            case 5:
                self.world.mailbox.forget_states()
            case 6:
                self.happen()
            case 7 if self.world.mailbox.items:
                exchange.lost = {self._any().id: "ErrorServerBusy"}
            case _:
                exchange.lost = {}

    def read(self, folder: str) -> bool:
        """One pass over a folder; returns whether nothing was new."""
        self.world.folder = folder
        self._waiting = False
        return self.readers[folder].troubled_pass(self.dice)


@pytest.fixture
def world(exchange: FakeEws) -> Iterator[EwsWorld]:
    exchange.scheme = "basic"  # which costs a third of the requests
    ours = EwsWorld(exchange, settings(exchange, "basic"), exchange.mailbox(USER))
    with opened(ours):
        yield ours


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_goes_wrong_nothing_is_lost_doubled_or_asked_for_too_soon(
    world: EwsWorld, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ews_mail, "PAGE", 7)
    monkeypatch.setattr(ews_mail, "MOST_CHANGES", 11)
    monkeypatch.setattr(ews_objects, "PAGE", 3)
    story = Story(world, Random(seed), {name: Reader(world) for name in FOLDERS})
    world.now = NOON
    world.add(40)
    world.exchange.hook = story.trouble
    for _ in range(15):
        story.happen()
        story.read(story.dice.choice(list(FOLDERS)))
    world.exchange.hook = lambda request: None
    world.exchange.lost, world.exchange.troubles = {}, []
    for folder in FOLDERS:
        while not story.read(folder):
            pass
    for folder, alias in FOLDERS.items():
        held = [_key(item) for item in world.mailbox.held(world.mailbox.folder(alias))]
        assert Counter(story.readers[folder].keys) == Counter(held)
    assert story.asked_too_soon == []


def _key(item: Item) -> str:
    return str(item.values.get("message:InternetMessageId") or item.values["calendar:UID"]).strip("<>")
