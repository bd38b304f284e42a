"""One pass over one mailbox of several streams, in memory, over a real SQLite store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from store import health
from store.health import Registration
from store.writer import Store
from syncd.errors import Permanent, ReauthNeeded, Retryable, SyncError
from syncd.poll import Poll, StreamRows, poll
from syncd.states import PROBE, RECONCILE, MailboxState, Outcome, State
from tests.syncd.mailboxes import START, Folder, MemoryStream, message
from tests.syncd.worlds import POLICY, World

FOREVER = timedelta(days=365)


@dataclass
class MemoryAccount:
    """Folders by name; signing in fails as planned."""

    folders: dict[str, MemoryStream] = field(default_factory=dict)
    faults: list[SyncError | Exception | None] = field(default_factory=list)
    closed: bool = False

    def folder(self, name: str, *, excluded: str = "") -> Folder:
        if name not in self.folders:
            self.folders[name] = MemoryStream(Folder(), name=name, excluded=excluded)
        return self.folders[name].folder

    def streams(self) -> Sequence[MemoryStream]:
        if self.faults and (fault := self.faults.pop(0)) is not None:
            raise fault
        return list(self.folders.values())

    def close(self) -> None:
        self.closed = True


@dataclass
class Desk:
    """A mailbox that is polled again and again, and the clock on the wall."""

    store: Store
    account: MemoryAccount = field(default_factory=MemoryAccount)
    rows: StreamRows = field(default_factory=dict)
    clock: datetime = START
    stop: Callable[[], bool] = lambda: False
    slice: timedelta = FOREVER
    visited: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.id = health.register(self.store.engine, [Registration("rita", "rita@ourco.example", "imap")])["rita"].id
        self.folder("INBOX")

    def folder(self, name: str, *, excluded: str = "") -> Folder:
        return self.account.folder(name, excluded=excluded)

    def fail(self, name: str, *faults: SyncError | Exception) -> None:
        self.folder(name).faults = [fault if isinstance(fault, SyncError) else _raising(fault) for fault in faults]

    def poll(self) -> Outcome:
        outcome, self.rows = poll(
            Poll(
                mailbox_id=self.id,
                mailbox="rita",
                account=self.account,
                store=self.store,
                policy=POLICY,
                now=lambda: self.clock,
                jitter=lambda: 0.5,
                should_stop=lambda: self.stop(),
                progress=lambda stream, batch: self.visited.append(stream),
                slice=self.slice,
            ),
            self.rows,
        )
        return outcome

    def save(self) -> None:
        """Write the states down, as the daemon does."""
        written = health.Health(self.id, MailboxState(state=State.OK), None, list(self.rows.values()))
        health.save(self.store.engine, [written])

    def states(self) -> dict[str, State]:
        return {name: row.state.state for name, row in self.rows.items() if not row.excluded}


def _raising(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world.store)


def test_every_stream_is_read_in_one_pass(desk: Desk, world: World) -> None:
    for number, name in enumerate(["INBOX", "Sent", "Deals"]):
        desk.folder(name).deliver(message(number))
    outcome = desk.poll()
    assert outcome.finished
    assert outcome.seen == 3
    assert len(world.subjects()) == 3
    assert set(desk.states().values()) == {State.OK}


def test_a_stream_that_cannot_be_read_does_not_stop_the_others(desk: Desk, world: World) -> None:
    for number, name in enumerate(["Deals", "INBOX", "Sent"]):
        desk.folder(name).deliver(message(number))
    desk.fail("INBOX", Permanent("may not be read"))
    outcome = desk.poll()
    assert len(world.subjects()) == 2
    assert outcome.failure is None
    assert not outcome.finished
    assert desk.states() == {"Deals": State.OK, "INBOX": State.MISCONFIGURED, "Sent": State.OK}


def test_a_fault_of_our_own_in_one_stream_does_not_stop_the_others(desk: Desk, world: World) -> None:
    desk.folder("Sent").deliver(message(1))
    desk.fail("INBOX", ZeroDivisionError("of Umbrella's figures"))
    outcome = desk.poll()
    assert len(world.subjects()) == 1
    worst = outcome.worst()
    assert worst is not None
    assert worst[1].error.startswith("internal error: ZeroDivisionError at test_poll.py:")
    assert "Umbrella" not in worst[1].error


def test_a_stream_for_which_there_was_not_enough_memory_is_tried_again(desk: Desk) -> None:
    desk.folder("Sent").deliver(message(1))
    desk.fail("INBOX", MemoryError())
    worst = desk.poll().worst()
    assert worst is not None
    assert worst[1].state is State.RETRYING
    assert "daemon.workers" in worst[1].cure


def test_a_stream_that_failed_is_asked_again_only_after_its_own_wait(desk: Desk, world: World) -> None:
    desk.folder("Deals").deliver(message(1))
    desk.fail("Deals", Permanent("may not be read"))
    desk.poll()
    desk.clock += PROBE - timedelta(seconds=1)
    still = desk.poll()
    assert world.subjects() == []
    assert still.worst() is not None
    desk.clock += timedelta(seconds=1)
    assert desk.poll().finished
    assert len(world.subjects()) == 1


def test_a_throttled_stream_is_the_whole_accounts_and_no_other_is_asked(desk: Desk, world: World) -> None:
    desk.folder("Sent").deliver(message(1))
    desk.fail("INBOX", Retryable("slow down", retry_after=timedelta(minutes=2)))
    outcome = desk.poll()
    assert outcome.failure is not None
    assert outcome.failure.retry_after == timedelta(minutes=2)
    assert world.subjects() == []


def test_a_refused_sign_in_between_two_streams_ends_the_pass(desk: Desk, world: World) -> None:
    desk.folder("Sent").deliver(message(1))
    desk.fail("INBOX", ReauthNeeded("the token was revoked"))
    outcome = desk.poll()
    assert outcome.failure is not None
    assert outcome.failure.state is State.REAUTH_NEEDED
    assert world.subjects() == []


def test_one_cut_line_is_the_streams_and_two_in_a_row_are_the_accounts(desk: Desk, world: World) -> None:
    for name in ("INBOX", "Sent", "Deals"):
        desk.folder(name).deliver(message(1))
    desk.fail("INBOX", Retryable("the line was cut"))
    assert desk.poll().failure is None
    assert len(world.subjects()) == 1
    desk.clock += timedelta(hours=1)
    for name in ("Sent", "Deals"):
        desk.fail(name, Retryable("the line was cut"))
    outcome = desk.poll()
    assert outcome.failure is not None
    assert [stream.name for stream in outcome.streams] == ["Sent", "Deals"]


def test_after_the_account_has_waited_its_streams_wait_no_longer(desk: Desk, world: World) -> None:
    desk.folder("INBOX").deliver(message(1))
    desk.fail("INBOX", Retryable("the line was cut"))
    assert desk.poll().failure is not None
    assert desk.poll().finished
    assert len(world.subjects()) == 1


def test_an_account_that_cannot_sign_in_leaves_its_streams_as_they_were(desk: Desk) -> None:
    desk.poll()
    before = desk.rows
    desk.account.faults = [ReauthNeeded("the password is refused")]
    outcome = desk.poll()
    assert outcome.failure is not None
    assert outcome.failure.state is State.REAUTH_NEEDED
    assert desk.rows == before


def test_a_fault_of_our_own_at_the_sign_in_is_an_outcome_too(desk: Desk) -> None:
    desk.account.faults = [RuntimeError("unheard of")]
    outcome = desk.poll()
    assert outcome.failure is not None
    assert outcome.failure.state is State.MISCONFIGURED


def test_a_pass_that_finds_nothing_writes_nothing(desk: Desk, world: World) -> None:
    for name in ("INBOX", "Sent"):
        desk.folder(name).deliver(message(1))
    desk.poll()
    points = list(world.points)
    assert desk.poll().seen == 0
    assert world.points == points


def test_an_excluded_folder_is_shown_but_never_read(desk: Desk, world: World) -> None:
    desk.folder("Junk", excluded="junk").deliver(message(1))
    assert desk.poll().finished
    assert world.subjects() == []
    assert world.rows("SELECT name, excluded FROM stream ORDER BY name") == [("INBOX", ""), ("Junk", "junk")]


def test_a_folder_that_is_gone_holds_up_nothing_and_comes_back_where_it_was(desk: Desk, world: World) -> None:
    desk.folder("Deals").deliver(message(1))
    desk.poll()
    gone = desk.account.folders.pop("Deals")
    assert desk.poll().finished
    assert desk.rows["Deals"].excluded == health.GONE
    desk.account.folders["Deals"] = gone
    gone.folder.deliver(message(2))
    assert desk.poll().seen == 1
    assert len(world.subjects()) == 2


def test_a_long_first_pass_makes_room_after_its_slice_and_goes_on_where_it_was(desk: Desk, world: World) -> None:
    for number in range(9):
        desk.folder("INBOX").deliver(message(number))
    desk.slice = timedelta(0)
    first = desk.poll()
    assert not first.finished
    assert first.progressed
    assert desk.states() == {"INBOX": State.BACKFILLING}
    for _ in range(5):
        desk.poll()
    assert len(world.subjects()) == 9
    assert desk.states() == {"INBOX": State.OK}


def test_new_mail_of_a_live_stream_does_not_wait_behind_another_streams_first_pass(desk: Desk) -> None:
    desk.folder("Sent")
    desk.poll()
    for number in range(9):
        desk.folder("Archive").deliver(message(number))
    desk.account.folders = {name: desk.account.folders[name] for name in ("Archive", "INBOX", "Sent")}
    desk.folder("Sent").deliver(message(50))
    desk.visited.clear()
    desk.poll()
    assert desk.visited[0] == "Sent"
    assert desk.visited[1] == "Archive"


def test_a_pass_that_is_told_to_stop_ends_at_the_next_batch_and_loses_nothing(desk: Desk, world: World) -> None:
    for name in ("INBOX", "Sent"):
        for number in range(9):
            desk.folder(name).deliver(message(number if name == "INBOX" else number + 20))
    desk.stop = lambda: len(desk.visited) >= 1
    assert not desk.poll().finished
    assert len(world.subjects()) == 3
    desk.stop = lambda: False
    assert desk.poll().finished
    assert len(world.subjects()) == 18


def test_what_a_server_forgot_to_tell_is_found_within_a_day(desk: Desk, world: World) -> None:
    folder = desk.folder("INBOX")
    folder.deliver(message(1))
    folder.deliver(message(2))
    hidden = folder.held.pop(1)
    desk.poll()
    folder.delete(2)
    folder.held[1] = hidden  # the same count as before, so that the server's numbers tell nothing
    desk.poll()
    assert len(world.subjects()) == 1
    desk.clock += RECONCILE
    assert desk.poll().seen == 1
    assert len(world.subjects()) == 2
    assert desk.rows["INBOX"].state.reconciled_at == desk.clock
