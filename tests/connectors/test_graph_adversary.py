"""Whatever goes wrong at Graph, in any order: the folders end up as the server has them. Each seed is another story."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

import pytest

from connectors import graph_mail
from tests.connectors.contract import Reader
from tests.connectors.graph_worlds import GraphWorld, graph_world
from tests.servers.fake_graph import Cloud, too_many
from tests.servers.fake_graph_http import Answer, Request
from tests.servers.fake_graph_mail import Mail
from tests.servers.fake_graph_query import Refused, failure

SEEDS = range(8)
FOLDERS = {"Inbox": "inbox", "Archive": "archive"}
HOURS = 3600


@pytest.fixture
def world(microsoft: Cloud) -> Iterator[GraphWorld]:
    with graph_world(microsoft) as world:
        yield world


@dataclass
class Story:
    world: GraphWorld
    dice: Random
    readers: dict[str, Reader]
    told_to_wait: int = 0
    asked_too_soon: list[str] = field(default_factory=list)
    _waiting: bool = False
    _revoked: int = 0

    def happen(self) -> None:
        """Something to the mailbox, by its owner or by others."""
        mailbox, dice = self.world.mailbox, self.dice
        match dice.randrange(8):
            case 0 | 1 | 2:
                self.world.add(dice.randrange(1, 12))
            case _ if not mailbox.mails:
                return
            case 3:
                mailbox.delete(self._any())
            case 4 | 5:
                mail = self._any()
                for to in dice.choices(["inbox", "archive", "deleteditems"], k=dice.randrange(1, 4)):
                    if mail.folder.well_known != to:
                        mailbox.move(mail, to)
            case 6:
                mailbox.mark_read(self._any())
            case 7:
                mailbox.touch(self._any())

    def _any(self) -> Mail:
        return self.dice.choice(list(self.world.mailbox.mails.values()))

    def trouble(self, request: Request) -> Answer | None:
        """What Graph answers in place of what was asked, now and then."""
        if self._waiting:
            self.asked_too_soon.append(request.url)
        dice, deltas = self.dice, self.world.cloud.graph.deltas
        deltas.empty_pages, deltas.ends_empty = dice.random() < 0.3, dice.random() < 0.3
        deltas.replays = dice.random() < 0.1
        match dice.randrange(40):
            case 0:
                self._waiting = True
                self.told_to_wait += 1
                return too_many(HOURS)
            case 1:
                return too_many(0)
            case 2:
                return failure(
                    503, "ErrorMailboxStoreUnavailable", "It is temporarily unavailable.", {"Retry-After": "0"}
                )
            case 3:
                return failure(500, "ErrorInternalServerError", "An internal server error occurred.")
            case 4:
                return Answer(400)
            case 5:
                deltas.expire(Refused(dice.choice([404, 410]), "SyncStateNotFound", "It is not found."))
            case 6:
                self.world.cloud.graph.part_troubles = [None, too_many(0), failure(500, "generalException", "Oops.")]
            case 7 if self._revoked < len(self.world.cloud.graph.requests) - 1:  # not that of the second try, too
                self._revoked = len(self.world.cloud.graph.requests)
                self.world.cloud.login.tokens.clear()
            case 8:
                self.happen()
        return None

    def read(self, folder: str) -> bool:
        """One pass over a folder; returns whether nothing was new."""
        self.world.folder = folder
        self._waiting = False
        return self.readers[folder].troubled_pass(self.dice)


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_goes_wrong_nothing_is_lost_doubled_or_asked_for_too_soon(
    world: GraphWorld, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_mail, "PAGE", 7)
    monkeypatch.setattr(graph_mail, "IDS", 11)
    graph = world.cloud.graph
    story = Story(world, Random(seed), {name: Reader(world) for name in FOLDERS})
    world.add(40)
    graph.hook = story.trouble
    for _ in range(12):
        story.happen()
        story.read(story.dice.choice(list(FOLDERS)))
    graph.hook = lambda request: None
    graph.part_troubles.clear()
    graph.deltas.replays = False
    for folder in FOLDERS:
        while not story.read(folder):
            pass
    for folder, alias in FOLDERS.items():
        held = [
            mail.fields["internetMessageId"].strip("<>") for mail in world.mailbox.held(world.mailbox.folder(alias))
        ]
        assert Counter(story.readers[folder].keys) == Counter(held)
    assert story.asked_too_soon == []
