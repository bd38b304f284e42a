"""Whatever goes wrong at Google, the store holds in the end what the mailbox holds: each thing once, announced once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random

import pytest

from connectors.base import Stream
from syncd.errors import Retryable
from syncd.model import Policy
from syncd.sync import Pass, PassResult
from tests.connectors.google_stories import Letters, Meetings, Story
from tests.connectors.google_worlds import USER, GmailWorld
from tests.connectors.test_google_calendar import GoogleCalendarWorld
from tests.servers.fake_google import FakeGoogle
from tests.syncd.worlds import POLICY, World

SEEDS = range(20)
SENDER = "bert@example.org"
ITS = replace(POLICY, own_domains=frozenset({"example.com"}), own_addresses=frozenset({USER}))


@dataclass
class Syncd:
    """The real pass, over the real store."""

    google: GmailWorld
    world: World
    policy: Policy = ITS

    def __post_init__(self) -> None:
        self.world.contact("bert", SENDER)
        self.world.execute("INSERT INTO mailbox (id, name) VALUES (1, 'anna')")
        self.world.execute("INSERT INTO stream (id, mailbox_id, name, kind) VALUES (1, 1, 'it', 'mail')")

    def try_a_pass(self) -> timedelta | None:
        try:
            self._pass()
        except Retryable as error:
            return error.retry_after or timedelta(seconds=60)
        return None

    def is_waiting(self) -> bool:
        return bool(self.world.store.mark(1, self.google.now()).waiting)

    def finds_nothing(self) -> bool:
        return self._pass().batches == 0

    def _pass(self) -> PassResult:
        account = self.google.account()
        try:
            stream: Stream = self.google.stream(account)
            return Pass(stream, 1, self.world.store, self.policy, now=self.google.now).run()
        finally:
            account.close()

    def held(self) -> set[object]:
        """Ids of all that is there by the store."""
        return {row[0] for row in self.world.rows("SELECT item FROM sighting WHERE gone_at IS NULL")}

    def told(self) -> list[tuple[object, ...]]:
        """Activities that were announced as new, each as often as it was."""
        return self.world.rows(
            "SELECT activity_id, count(*) FROM v1_change WHERE kind = 'created' GROUP BY activity_id"
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_mail_is_stored_whole_and_announced_once(google: FakeGoogle, world: World, seed: int) -> None:
    dice = Random(seed)
    letters = Letters(GmailWorld(google), dice)
    syncd = Syncd(letters.world, world, replace(ITS, level=letters.world.level))
    Story(google, syncd, dice, letters.happen).tell(4, failing=0.06)
    assert syncd.held() == {mail.id for mail in letters.shown()}
    keys = [row[0] for row in world.rows("SELECT message_id FROM activity")]
    assert len(keys) == len(set(keys)) == len(syncd.told())
    assert set(keys) >= set(letters.truth())
    assert {count for _, count in syncd.told()} <= {1}


@pytest.mark.parametrize("seed", SEEDS)
def test_meetings_are_stored_whole_and_announced_once(google: FakeGoogle, world: World, seed: int) -> None:
    dice = Random(seed)
    meetings = Meetings(GoogleCalendarWorld(google), dice)
    syncd = Syncd(meetings.world, world)
    Story(google, syncd, dice, meetings.happen).tell(4, failing=0.1)
    held = {f"{row[0]}@google.com" for row in world.rows("SELECT object FROM sighting WHERE gone_at IS NULL")}
    assert held == set(meetings.truth())
    assert len(world.rows("SELECT id FROM activity")) == len(syncd.told()) >= len(held)
    assert {count for _, count in syncd.told()} <= {1}
