"""Whatever goes wrong at Graph, in any order: the folders end up as the server has them. Each seed is another story."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random

import pytest

from connectors import graph_mail
from tests.connectors.contract import Reader
from tests.connectors.graph_stories import SEEDS, Trouble
from tests.connectors.graph_worlds import GraphWorld, graph_world
from tests.servers.fake_graph import Cloud
from tests.servers.fake_graph_mail import Folder, Mail

PLACES = ["msgfolderroot", "inbox", "archive"]
LARGE = 10
"""Every so many seeds the mailbox is several times as large as in the others."""


@pytest.fixture
def world(another_microsoft: Cloud) -> Iterator[GraphWorld]:
    with graph_world(another_microsoft) as world:
        world.settings = replace(world.settings, read=("mail",))
        yield world


@dataclass
class Mailing:
    """A mailbox in which a folder is moved about, and mail between folders."""

    world: GraphWorld
    dice: Random
    customers: Folder = field(init=False)
    readers: dict[str, Reader] = field(default_factory=dict)
    """One for each path: what was read of a folder under another one stays behind there."""

    def __post_init__(self) -> None:
        self.customers = self.world.mailbox.add_folder("Customers")

    @property
    def folders(self) -> dict[str, Folder]:
        """By the path that each has now."""
        mailbox = self.world.mailbox
        above = {"inbox": "Inbox/", "archive": "Archive/"}.get(getattr(self.customers.parent, "well_known", ""), "")
        named = {"Inbox": mailbox.folder("inbox"), "Archive": mailbox.folder("archive")}
        return {**named, f"{above}Customers": self.customers}

    def happen(self) -> None:
        """Something to the mailbox, by its owner or by others."""
        mailbox, dice = self.world.mailbox, self.dice
        match dice.randrange(9):
            case 0 | 1 | 2:
                self.world.add(dice.randrange(1, 9))
            case 3:
                mailbox.rename(self.customers, "Customers", mailbox.folder(dice.choice(PLACES)))
            case _ if not mailbox.mails:
                return
            case 4:
                mailbox.delete(self._any())
            case 5 | 6:
                mail = self._any()
                for to in dice.choices(["inbox", "archive", "Customers", "deleteditems"], k=dice.randrange(1, 4)):
                    if mail.folder is not mailbox.folder(to):
                        mailbox.move(mail, to)
            case 7:
                mailbox.mark_read(self._any())
            case 8:
                mailbox.touch(self._any())

    def _any(self) -> Mail:
        return self.dice.choice(list(self.world.mailbox.mails.values()))

    def reader(self, name: str) -> Reader:
        return self.readers.setdefault(name, Reader(self.world))

    def held(self, folder: Folder) -> list[str]:
        return [mail.fields["internetMessageId"].strip("<>") for mail in self.world.mailbox.held(folder)]


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_goes_wrong_nothing_is_lost_doubled_or_asked_for_too_soon(
    world: GraphWorld, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_mail, "PAGE", 7)
    monkeypatch.setattr(graph_mail, "IDS", 11)
    dice = Random(seed)
    mailing = Mailing(world, dice)
    trouble = Trouble(world, dice, mailing.happen)
    world.add(12 if seed % LARGE else 60)
    trouble.begin(monkeypatch)
    for _ in range(8 if seed % LARGE else 12):
        mailing.happen()
        name = dice.choice([*mailing.folders])
        trouble.read(name, mailing.reader(name))
    trouble.stop()
    for name in mailing.folders:
        trouble.settle(name, mailing.reader(name))
    trouble.restart()
    for name, folder in mailing.folders.items():
        assert Counter(mailing.readers[name].keys) == Counter(mailing.held(folder))
    assert trouble.asked_too_soon == []
