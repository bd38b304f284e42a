"""The pass under planned failures: whatever is killed, throttled, expired or replayed, the store ends as the truth."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from store.migrations import upgrade
from store.writer import open_store
from syncd.errors import CursorExpired, Permanent, Retryable, SyncError
from tests.commits import watch_writes
from tests.syncd.mailboxes import Killed, message
from tests.syncd.worlds import POLICY, World

OWNERS = st.sampled_from(["rita", "sam"])
FAULTS = st.lists(st.sampled_from(["fine", "fine", "reset", "forbidden", "expired", "arrival"]), max_size=8)
ERRORS: dict[str, Callable[[], SyncError]] = {
    "reset": lambda: Retryable("reset by peer"),
    "forbidden": lambda: Permanent("forbidden"),
    "expired": lambda: CursorExpired("410"),
}


class Mailboxes(RuleBasedStateMachine):
    """Two mailboxes that hold copies of the same mails, read by passes that fail and processes that die."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.path = Path(self.directory.name) / "syncd.db"
        self.die_at: int | None = None
        store = open_store(f"sqlite:///{self.path}", POLICY.key)
        upgrade(store.engine)
        watch_writes(store.engine, self.perhaps_die)
        self.world = World(store, self.path, [])
        self.number = 0
        self.epochs = 3
        self.known: set[str] = set()
        for owner in ("rita", "sam"):
            self.world.stream(owner)

    def teardown(self) -> None:
        self.check_that_the_store_ends_as_the_truth()
        self.world.store.close()
        self.directory.cleanup()

    def perhaps_die(self, point: str) -> None:
        if self.die_at is not None:
            self.die_at -= 1
            if self.die_at < 0:
                self.die_at = None
                raise Killed

    @rule(owners=st.sets(OWNERS, min_size=1), known=st.booleans(), reply=st.booleans())
    def deliver(self, owners: set[str], known: bool, reply: bool) -> None:
        self.number += 1
        to = "zoe@client.example" if known else "nobody@elsewhere.example"
        parent = f"{self.number - 1}@mail.example" if reply else None
        mail = message(self.number, to=[to], in_reply_to=parent)
        if known:
            self.known.add(mail.subject)
        for owner in sorted(owners):
            self.world.folder(owner).deliver(mail)

    @rule(owner=OWNERS, place=st.integers(0, 5))
    def delete(self, owner: str, place: int) -> None:
        held = sorted(self.world.folder(owner).held)
        if place < len(held):
            self.world.folder(owner).delete(held[place])

    @rule(owner=OWNERS)
    def renumber(self, owner: str) -> None:
        self.epochs += 1
        self.world.folder(owner).renumber(self.epochs)

    @rule(owner=OWNERS, epoch=st.integers(1, 3))
    def go_back_to_an_epoch(self, owner: str, epoch: int) -> None:
        """The same ids name other mails. Nobody could notice had the pass not seen another epoch in between."""
        self.world.run(owner)
        if epoch != self.world.folder(owner).epoch:
            self.world.folder(owner).renumber(epoch)

    @rule(owner=OWNERS, faults=FAULTS, die_at=st.none() | st.integers(0, 20))
    def run(self, owner: str, faults: list[str], die_at: int | None) -> None:
        def arrival() -> None:
            self.deliver({owner}, known=True, reply=False)

        self.world.folder(owner).faults = [
            arrival if fault == "arrival" else ERRORS[fault]() if fault in ERRORS else None for fault in faults
        ]
        self.die_at = die_at
        try:
            self.world.run(owner)
        except (SyncError, Killed):
            self.world.store.close()  # the next pass is another process's
        self.die_at = None
        self.world.folder(owner).faults = []

    @invariant()
    def no_mail_is_two_activities(self) -> None:
        assert self.world.rows("SELECT message_id FROM activity GROUP BY message_id HAVING count(*) > 1") == []

    @invariant()
    def every_change_is_told_in_order(self) -> None:
        told = self.world.rows("SELECT count(*) FROM change WHERE kind = 'created'")
        assert told == self.world.rows("SELECT count(*) FROM activity")

    def check_that_the_store_ends_as_the_truth(self) -> None:
        for owner in ("rita", "sam"):
            while self.world.run(owner).batches:
                pass
            held = self.world.folder(owner).held
            live = self.world.store.live(self.world.stream_id(owner))
            assert live == {mail.id for mail in held.values()}
            logged = self.world.rows(
                "SELECT s.item, a.subject FROM sighting s JOIN activity a ON a.id = s.activity_id"
                f" WHERE s.stream_id = {self.world.stream_id(owner)} AND s.gone_at IS NULL"
            )
            known = {mail.id: mail.subject for mail in held.values() if mail.subject in self.known}
            assert {item: subject for item, subject in logged} == known  # noqa: C416
        assert set(self.world.subjects()) <= self.known


Mailboxes.TestCase.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestMailboxes = Mailboxes.TestCase
