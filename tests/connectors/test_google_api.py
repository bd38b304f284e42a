"""Google's client under its quotas: batches whose parts fail alone, connections that break, what is shared by all."""

from __future__ import annotations

import gzip
import socket
import tracemalloc
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import google_http
from connectors.google_api import api
from connectors.google_calendar import CalendarSource
from connectors.google_http import CONNECTIONS
from connectors.google_quota import Bucket
from connectors.google_sign_in import MAIL
from connectors.google_tasks import TaskSource
from syncd.errors import Permanent, Retryable
from syncd.model import Message, Unreadable
from tests.connectors.contract import Reader
from tests.connectors.google_worlds import USER, GmailWorld, items
from tests.servers import google_errors as errors
from tests.servers.fake_google import Call, Clock, Cut, FakeGoogle, Fault

GET, LIST = "gmail.users.messages.get", "gmail.users.messages.list"


@pytest.fixture
def world(google: FakeGoogle) -> GmailWorld:
    return GmailWorld(google)


# ------------------------------------------------------------------------------------------- a batch and its parts


def parts_that_fail(world: GmailWorld, ids: set[str], fault: errors.Refusal, *, times: int) -> None:
    left = dict.fromkeys(ids, times)

    def plan(call: object) -> errors.Refusal | None:
        id = getattr(call, "path", {}).get("id", "")
        if left.get(id, 0) > 0:
            left[id] -= 1
            return fault
        return None

    world.fake.plan = plan


TOO_FAST = [
    errors.too_fast(),
    errors.too_fast("userRateLimitExceeded"),
    errors.too_fast(code=429),
    errors.too_fast_without_list(),
    errors.too_fast(code=429, after="2"),
    errors.UNAVAILABLE,
]


@pytest.mark.parametrize("fault", TOO_FAST, ids=lambda fault: f"{fault.status}")
def test_a_part_of_a_batch_that_is_refused_is_asked_for_again_alone(world: GmailWorld, fault: errors.Refusal) -> None:
    keys = world.add(10)
    slow = {world.id_of(keys[3]), world.id_of(keys[7])}
    parts_that_fail(world, slow, fault, times=1)
    reader = Reader(world)
    reader.whole_pass()
    assert reader.keys == sorted(keys)
    asked = [call.path["id"] for call in world.fake.of(GET)]
    assert {id for id in asked if asked.count(id) > 1} == slow
    assert world.fake.waiting.broken == []


def test_what_came_before_a_lasting_refusal_is_saved_and_the_next_pass_goes_on_there(world: GmailWorld) -> None:
    keys = world.add(10)
    newest_first = [world.id_of(key) for key in reversed(keys)]
    parts_that_fail(world, set(newest_first[6:]), errors.too_fast(code=429, after="600"), times=99)
    reader = Reader(world)
    with pytest.raises(Retryable) as raised:
        reader.whole_pass()
    assert raised.value.retry_after == timedelta(seconds=600)
    assert reader.keys == sorted(keys[4:])
    world.fake.plan = lambda call: None
    world.fake.clock.sleep(600)
    world.fake.calls.clear()
    reader.whole_pass()
    assert reader.keys == sorted(keys)
    assert len(world.fake.of(GET)) == 4


def test_nothing_is_asked_for_while_google_wants_to_be_left_alone(world: GmailWorld) -> None:
    """Not even the texts of what came before it said so."""
    keys = world.add(10)
    parts_that_fail(world, {world.id_of(key) for key in keys[:4]}, errors.too_fast(code=429, after="600"), times=99)
    stream = world.stream(world.account())
    batch = next(iter(stream.changes(None)))
    assert len(batch.items) == 6
    asked = len(world.fake.calls)
    with pytest.raises(Retryable, match="left alone for 600 seconds more"):
        list(stream.read([item.id for item in batch.items], text=True))
    assert len(world.fake.calls) == asked


def test_a_batch_that_is_always_stopped_becomes_smaller_until_it_is_not(world: GmailWorld) -> None:
    keys = world.add(20)
    account = world.account()

    def plan(call: Call) -> errors.Refusal | None:
        """Of the messages that are asked for at one moment, no more than five are given."""
        same = sum(1 for other in world.fake.of(GET) if other.at == call.at)
        return errors.too_fast(code=429, after="60") if same > 5 else None

    world.fake.plan = plan
    texts: set[str] = set()
    cursor = None
    for _ in range(30):
        stream = world.stream(account)
        with suppress(Retryable):
            for batch in stream.changes(cursor):
                texts |= {item.id for item in stream.read([item.id for item in batch.items], text=True)}
                cursor = batch.cursor
                world.fake.clock.sleep(1)
            break
        world.fake.clock.sleep(60)
    assert texts == {world.id_of(key) for key in keys}


@pytest.mark.parametrize("fault", [errors.too_fast(code=429, after="3"), errors.UNAVAILABLE, Cut(60), b"<html>"])
def test_a_batch_that_is_refused_whole_is_asked_for_again(world: GmailWorld, fault: Fault) -> None:
    keys = world.add(6)
    world.fake.fail_next(fault, method="gmail.batch")
    reader = Reader(world)
    reader.whole_pass()
    assert reader.keys == sorted(keys)
    assert world.fake.waiting.broken == []


def test_a_message_that_google_always_fails_on_does_not_hold_up_the_others(world: GmailWorld) -> None:
    keys = world.add(5)
    bad = world.id_of(keys[2])
    parts_that_fail(world, {bad}, errors.BACKEND, times=99)
    found = items(world.follow(None))
    assert [item.id for item in found if isinstance(item, Unreadable)] == [bad]
    assert len([item for item in found if isinstance(item, Message)]) == 4


def test_a_part_that_is_left_out_of_the_answer_is_asked_for_again(world: GmailWorld) -> None:
    keys = world.add(6)
    world.fake.drops_from_batches = {world.id_of(keys[1])}
    found = items(world.follow(None))
    left = [item.id for item in found if not isinstance(item, Message)]
    # The batch never answers for it; alone, and so by a plain call, it does.
    assert left == []


def test_a_token_that_ends_just_before_a_batch_is_renewed_and_nobody_has_to_sign_in(world: GmailWorld) -> None:
    keys = world.add(6)

    def plan(call: Call) -> None:
        if call.method == LIST:
            world.fake.oauth.accesses.clear()

    world.fake.plan = plan
    reader = Reader(world)
    reader.whole_pass()
    assert reader.keys == sorted(keys)


def test_no_part_is_asked_for_alone_while_another_one_was_told_to_wait(world: GmailWorld) -> None:
    keys = world.add(6)

    def plan(call: Call) -> errors.Refusal | None:
        if call.method != GET or len(world.fake.of(GET)) > 1:
            return None
        world.fake.oauth.accesses.clear()  # so the other parts are refused
        return errors.too_fast(code=429, after="3")

    world.fake.plan = plan
    reader = Reader(world)
    reader.whole_pass()
    assert reader.keys == sorted(keys)
    assert world.fake.waiting.broken == []


def test_parts_that_do_not_say_which_they_are_are_asked_for_one_by_one(world: GmailWorld) -> None:
    keys = world.add(4)
    world.fake.misnames_parts = True
    reader = Reader(world)
    reader.whole_pass()
    assert reader.keys == sorted(keys)


def test_never_more_than_fifty_in_a_batch(world: GmailWorld) -> None:
    world.settings = replace(world.settings, units_per_minute=1_000_000, project_units_per_minute=10_000_000)
    keys = world.add(120)
    reader = Reader(world)
    reader.whole_pass()
    assert reader.keys == sorted(keys)
    # The fake refuses all parts behind the fiftieth, so none was asked for twice.
    assert len(world.fake.of(GET)) == 120


def test_no_more_is_spent_in_a_minute_than_the_quota_allows(world: GmailWorld) -> None:
    world.settings = replace(world.settings, units_per_minute=600)
    world.add(60)
    world.follow(None)
    assert busiest_minute(world) * world.settings.units_per_message <= 600


def test_processes_that_read_at_the_same_time_share_the_quota_of_the_project(world: GmailWorld) -> None:
    world.settings = replace(world.settings, units_per_minute=60_000, project_units_per_minute=2_400)
    world.processes = 4
    world.add(60)
    world.follow(None)
    assert busiest_minute(world) * world.settings.units_per_message <= 600


def busiest_minute(world: GmailWorld) -> int:
    moments = [call.at for call in world.fake.of(GET)]
    return max(sum(1 for other in moments if at <= other < at + 60) for at in moments)


def test_a_cut_answer_or_one_that_is_no_json_is_asked_for_again(world: GmailWorld) -> None:
    keys = world.add(3)
    world.fake.fail_next(b"<html>a proxy's page</html>", Cut(60), method=LIST)
    reader = Reader(world)
    reader.whole_pass()
    assert reader.keys == sorted(keys)


# -------------------------------------------------------------------------------------------------------- the quota


@given(
    limit=st.integers(200, 20_000),
    steps=st.lists(st.tuples(st.integers(1, 20), st.floats(0, 30)), min_size=1, max_size=60),
)
def test_no_minute_whichever_holds_more_than_its_quota_and_no_wait_is_longer_than_needed(
    limit: int, steps: list[tuple[int, float]]
) -> None:
    clock = Clock(0.0)
    bucket = Bucket(limit, clock)
    spent: list[tuple[float, int]] = []
    for units, pause in steps:
        clock.sleep(pause)
        clock.sleep(bucket.take(units))
        spent.append((clock(), units))
    for at, _ in spent:
        assert sum(units for moment, units in spent if at <= moment < at + 60) <= limit
    assert clock() <= sum(pause for _, pause in steps) + sum(units for units, _ in steps) * 70 / limit


# ------------------------------------------------------------------------------------------------------ connections


@contextmanager
def saying(*answers: bytes) -> Iterator[str]:
    """A server that gives one answer to each connection, whatever it is asked, and closes."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def serve() -> None:
            for answer in answers:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        thread.join()


def get(url: str, timeout: float = 5) -> google_http.Answer:
    try:
        return CONNECTIONS.request("GET", url, None, {}, timeout)
    finally:
        CONNECTIONS.close()


def packed(body: bytes) -> bytes:
    content = gzip.compress(body)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    return head % len(content) + content


def test_a_packed_answer_is_unpacked() -> None:
    with saying(packed(b"hello" * 1000)) as url:
        assert get(url).body == b"hello" * 1000


def test_a_packed_answer_that_is_huge_is_refused_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google_http, "LARGEST", 100_000)
    with saying(packed(b"0" * 50_000_000)) as url, pytest.raises(Permanent, match="larger"):
        get(url)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="before a word"),
        pytest.param(b"nonsense\r\n\r\n", id="no HTTP"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", id="short of its length"),
        pytest.param(packed(b"x")[:-9], id="packed and short"),
        pytest.param(packed(b"x").replace(b"\x1f\x8b", b"no"), id="not packed at all"),
    ],
)
def test_an_answer_that_breaks_off_passes(answer: bytes) -> None:
    with saying(answer) as url, pytest.raises(Retryable) as raised:
        get(url)
    assert raised.value.cure


def test_who_says_nothing_is_left_after_the_timeout() -> None:
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as listening,
        pytest.raises(Retryable, match="does not answer"),
    ):
        get(f"http://127.0.0.1:{listening.getsockname()[1]}/", timeout=0.05)


def test_a_host_that_is_none_passes_too() -> None:
    with pytest.raises(Retryable, match="no address"):
        get("http://nobody.invalid/")


def test_a_connection_that_was_closed_while_it_lay_idle_is_replaced_unseen() -> None:
    kept = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    with saying(kept + b"ab", kept + b"cd") as url:
        assert CONNECTIONS.request("GET", url, None, {}, 5).body == b"ab"  # and the server closes it
        assert get(url).body == b"cd"


def test_all_accounts_share_one_service_object_for_each_api(world: GmailWorld) -> None:
    world.settings = replace(world.settings, read=("mail", "calendar", "tasks"))
    world.sign_in(MAIL, *CalendarSource.scopes, *TaskSource.scopes)
    world.fake.calendar(USER)
    world.fake.task_list(USER)
    world.account().streams()
    made = api.cache_info().misses
    for _ in range(5):
        assert [stream.kind for stream in world.account().streams()] == ["mail", "calendar", "tasks"]
    assert api.cache_info().misses == made


def test_an_account_more_costs_next_to_no_memory(world: GmailWorld) -> None:
    """Google's own objects take half a megabyte each; all accounts share one of each."""
    world.account().streams()
    tracemalloc.start()
    try:
        accounts = [world.account() for _ in range(20)]
        for account in accounts:
            account.streams()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held / len(accounts) < 60_000
