"""One mailbox between its passes: what of it is saved and when, and what it tells."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from store import health
from store.health import Registration
from store.writer import Store
from syncd.config import Mailbox
from syncd.errors import Permanent, ReauthNeeded, Retryable
from syncd.states import LONGEST_RETRY_AFTER, PROBE, Outcome, Pace, State, touched
from syncd.watch import Manner, Watch, save
from tests.syncd.mailboxes import message
from tests.syncd.test_poll import MemoryAccount
from tests.syncd.worlds import POLICY, World

MINUTE = timedelta(minutes=1)


def mailbox(name: str = "rita") -> Mailbox:
    return Mailbox(name=name, owner=f"{name}@ourco.example", kind="imap", secret="file:none", settings=None)


def registered(store: Store, *names: str) -> dict[str, health.Registered]:
    return health.register(store.engine, [Registration(name, f"{name}@ourco.example", "imap") for name in names])


def opened(store: Store, account: MemoryAccount) -> Watch:
    """As the daemon does at its start."""
    row = registered(store, "rita")["rita"]
    manner = Manner(MINUTE, 15 * MINUTE)
    return Watch(mailbox(), store, POLICY, manner, row.id, touched(row.state), account)


@pytest.fixture
def account() -> MemoryAccount:
    account = MemoryAccount()
    account.folder("INBOX")
    return account


@pytest.fixture
def watched(world: World, account: MemoryAccount) -> Watch:
    return opened(world.store, account)


def stored(world: World) -> tuple[object, ...]:
    return world.rows("SELECT state, error, failures FROM mailbox")[0]


def notices(log: pytest.LogCaptureFixture) -> Sequence[str]:
    records = [record for record in log.records if record.getMessage() == "mailbox_state_changed"]
    return [f"{record.__dict__['fields']['was']} -> {record.__dict__['fields']['now']}" for record in records]


def test_a_new_mailbox_is_backfilling_and_then_ok_and_says_each_once(
    watched: Watch, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(3):
        watched.run()
    assert notices(caplog) == ["new -> backfilling", "backfilling -> ok"]
    assert stored(world) == ("ok", "", 0)


def test_an_idle_pass_writes_nothing_until_the_daemon_saves(watched: Watch, world: World) -> None:
    watched.run()
    save([watched])
    points = list(world.points)
    for _ in range(3):
        watched.run()
    assert world.points == points
    save([watched])
    assert world.points == [*points, "begin", "commit"]


def test_saving_what_did_not_change_writes_nothing(watched: Watch, world: World) -> None:
    watched.run()
    save([watched])
    points = list(world.points)
    save([watched])
    assert world.points == points


def test_many_failures_of_one_kind_are_one_notice_and_a_success_is_another(
    watched: Watch, account: MemoryAccount, caplog: pytest.LogCaptureFixture
) -> None:
    watched.run()
    caplog.set_level(logging.INFO)
    account.faults = [Retryable("connection reset")] * 4
    for _ in range(5):
        watched.run()
    assert notices(caplog) == ["ok -> retrying", "retrying -> ok"]


def test_what_is_told_is_already_written_down(watched: Watch, account: MemoryAccount, world: World) -> None:
    told: list[tuple[object, object]] = []

    class Reader(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage() == "mailbox_state_changed":
                told.append((str(record.__dict__["fields"]["now"]), stored(world)[0]))

    reader = Reader()
    log = logging.getLogger("syncd.watch")
    log.addHandler(reader)
    try:
        account.faults = [ReauthNeeded("the password is refused")]
        watched.run()
    finally:
        log.removeHandler(reader)
    assert ("reauth_needed", "reauth_needed") in told
    assert all(said == written for said, written in told)


def test_what_the_server_asked_to_wait_for_is_waited_for_after_a_restart_too(
    watched: Watch, account: MemoryAccount, world: World
) -> None:
    account.faults = [Retryable("slow down", retry_after=timedelta(minutes=40))]
    wait = watched.run()
    assert timedelta(minutes=39) < wait <= timedelta(minutes=40)
    again = opened(world.store, account)
    assert again.state.state is State.THROTTLED
    assert timedelta(minutes=39) < again.state.pace.wait(datetime.now(UTC)) <= timedelta(minutes=40)


def test_a_wait_that_was_stored_by_a_clock_far_ahead_is_no_longer_than_it_was(
    watched: Watch, account: MemoryAccount, world: World
) -> None:
    account.faults = [Retryable("slow down", retry_after=timedelta(days=1))]
    assert watched.run() <= LONGEST_RETRY_AFTER
    world.execute("UPDATE mailbox SET not_before = '2031-01-01 00:00:00'")
    assert opened(world.store, account).state.pace.wait(datetime.now(UTC)) == LONGEST_RETRY_AFTER


def test_a_refused_sign_in_is_tried_again_in_an_hour_or_at_once_after_a_restart(
    watched: Watch, account: MemoryAccount, world: World
) -> None:
    account.faults = [ReauthNeeded("the password is refused", cure="write the new one")]
    assert PROBE - MINUTE < watched.run() <= PROBE
    assert stored(world) == ("reauth_needed", "the password is refused", 1)
    assert opened(world.store, account).state.pace == Pace()
    assert watched.touch()
    watched.run()
    assert stored(world) == ("ok", "", 0)


def test_what_a_person_mended_during_a_pass_is_tried_by_the_next(
    watched: Watch, account: MemoryAccount, world: World
) -> None:
    account.folder("INBOX").faults = [Permanent("may not be read")]
    account.folder("Deals").faults = [None, lambda: told.append(watched.touch())]
    told: list[bool] = []
    while not told:
        watched.run()
    assert told == [True]
    assert stored(world)[0] == "misconfigured"
    watched.run()
    assert stored(world) == ("ok", "", 0)


def test_a_person_who_mends_nothing_makes_nothing_run(watched: Watch) -> None:
    watched.run()
    assert not watched.touch()


def test_a_busy_mailbox_is_asked_sooner_than_a_quiet_one(watched: Watch, account: MemoryAccount) -> None:
    watched.run()
    waits = [watched.run() for _ in range(9)]
    assert waits[-1] > 10 * MINUTE
    account.folder("INBOX").deliver(message(1))
    assert watched.run() < 2 * MINUTE


def test_a_first_pass_that_made_room_goes_on_at_once(watched: Watch, account: MemoryAccount, world: World) -> None:
    for number in range(9):
        account.folder("INBOX").deliver(message(number))
    watched.manner = Manner(MINUTE, 15 * MINUTE, slice=timedelta(0))
    assert watched.run() == timedelta(0)
    assert stored(world) == ("backfilling", "", 0)
    while watched.run() == timedelta(0):
        pass
    assert stored(world) == ("ok", "", 0)
    assert len(world.subjects()) == 9


def test_a_folder_that_cannot_be_read_does_not_make_the_others_hurry(watched: Watch, account: MemoryAccount) -> None:
    account.folder("Deals").faults = [Permanent("may not be read")]
    account.folder("INBOX").deliver(message(1))
    assert watched.run() > MINUTE / 2


def test_every_outcome_is_shown_to_whoever_counts(watched: Watch, account: MemoryAccount) -> None:
    seen: list[Outcome] = []
    watched.manner = Manner(MINUTE, MINUTE, observe=seen.append)
    account.folder("INBOX").deliver(message(1))
    watched.run()
    assert [outcome.seen for outcome in seen] == [1]


def test_a_mailbox_that_was_let_go_is_not_read_any_more(watched: Watch, account: MemoryAccount, world: World) -> None:
    account.folder("INBOX").deliver(message(1))
    watched.stop()
    watched.run()
    assert world.subjects() == []
    assert account.closed


def test_the_account_is_closed_after_a_failure_of_its_own_and_kept_open_else(
    watched: Watch, account: MemoryAccount
) -> None:
    watched.run()
    assert not account.closed
    account.faults = [Retryable("connection reset")]
    watched.run()
    assert account.closed


def test_a_mailbox_that_left_the_configuration_is_kept_but_registered_no_more(world: World) -> None:
    first = registered(world.store, "rita", "sam")
    assert set(registered(world.store, "sam")) == {"sam"}
    assert world.rows("SELECT name, registered FROM mailbox ORDER BY name") == [("rita", 0), ("sam", 1)]
    assert registered(world.store, "rita", "sam") == first


def test_a_stream_says_by_itself_what_is_wrong_with_it(watched: Watch, account: MemoryAccount, world: World) -> None:
    account.folder("Deals")
    account.folder("INBOX").faults = [Retryable("the line was cut", cure="wait")]
    watched.run()
    save([watched])
    assert world.rows("SELECT name, state, error, cure FROM stream ORDER BY name") == [
        ("Deals", "ok", "", ""),
        ("INBOX", "retrying", "the line was cut", "wait"),
    ]
    assert stored(world)[:2] == ("retrying", "INBOX: the line was cut")
