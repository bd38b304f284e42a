"""Mail of Microsoft 365 by Graph: the contract, and the traps that Graph is known for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest

from connectors import graph_client
from connectors.graph_mail import CHECK_EVERY, PAGE
from syncd.errors import CursorExpired, Permanent, Retryable
from syncd.model import ItemId, Message, Removed, Unreadable
from tests.connectors.contract import ConnectorContract, Reader, World
from tests.connectors.graph_worlds import START, GraphWorld, graph_world
from tests.servers.fake_graph import Cloud, too_many
from tests.servers.fake_graph_http import Answer, Request
from tests.servers.fake_graph_query import Refused, failure


@pytest.fixture
def world(microsoft: Cloud) -> Iterator[GraphWorld]:
    with graph_world(microsoft) as world:
        yield world


class TestContract(ConnectorContract):
    """As a person, whose consent can be withdrawn: what an app may do is the admin's to mend."""

    @pytest.fixture
    def world(self, world: GraphWorld) -> World:
        return world.as_person()


def _read_all(world: GraphWorld, folder: str = "Inbox") -> Reader:
    world.folder = folder
    reader = Reader(world)
    reader.whole_pass()
    return reader


def _items(world: GraphWorld, reader: Reader) -> list[object]:
    return [item for batch in reader.whole_pass() for item in batch.items]


class TestWhatMoves:
    def test_a_message_that_is_moved_leaves_one_folder_and_comes_to_the_other(self, world: GraphWorld) -> None:
        key = world.add(1)[0]
        inbox, archive = _read_all(world), _read_all(world, "Archive")
        world.mailbox.move(world.mails[key], "archive")
        archive.whole_pass()
        world.folder = "Inbox"
        inbox.whole_pass()
        assert (inbox.keys, archive.keys) == ([], [key])

    def test_one_that_went_away_and_came_back_between_two_polls_is_still_there(self, world: GraphWorld) -> None:
        # Under immutable ids Graph tells that it left, and never that it came back (docs-contrib issue 72).
        keys = world.add(2)
        reader = _read_all(world)
        world.mailbox.move(world.mails[keys[0]], "archive")
        world.mailbox.move(world.mails[keys[0]], "inbox")
        items = _items(world, reader)
        assert [type(item) for item in items] == [Message]
        assert reader.keys == keys

    def test_one_that_was_moved_three_times_keeps_its_id(self, world: GraphWorld) -> None:
        key = world.add(1)[0]
        before = set(_read_all(world).seen)
        for to in ("archive", "inbox", "archive"):
            world.mailbox.move(world.mails[key], to)
        assert set(_read_all(world, "Archive").seen) == before

    def test_an_old_message_that_is_moved_here_is_new_here(self, world: GraphWorld) -> None:
        world.since = START + timedelta(days=100)
        reader = _read_all(world)
        old = world.mailbox.deliver("old@example.org", folder="archive", received_at=START)
        reader.whole_pass()
        world.mailbox.move(old, "inbox")
        reader.whole_pass()
        assert reader.keys == ["old@example.org"]

    def test_a_message_in_the_bin_has_left(self, world: GraphWorld) -> None:
        key = world.add(1)[0]
        reader = _read_all(world)
        world.mailbox.move(world.mails[key], "deleteditems")
        assert [type(item) for item in _items(world, reader)] == [Removed]


class TestTheDelta:
    def test_an_entry_that_holds_one_property_does_not_empty_the_others(self, world: GraphWorld) -> None:
        key = world.add(1)[0]
        reader = _read_all(world)
        world.mailbox.mark_read(world.mails[key])
        (item,) = _items(world, reader)
        assert isinstance(item, Message)
        assert (item.subject, item.message_id, len(item.participants)) == ("Offer 1", key, 2)

    def test_an_empty_page_is_not_the_end(self, world: GraphWorld) -> None:
        world.cloud.graph.deltas.empty_pages = True
        reader = _read_all(world)
        keys = world.add(PAGE + 1)
        reader.whole_pass()
        assert reader.keys == keys
        assert reader.whole_pass() == []

    @pytest.mark.parametrize("cut", [False, True])
    def test_a_round_that_ends_with_an_empty_page_is_over(self, world: GraphWorld, cut: bool) -> None:
        world.cloud.graph.deltas.ends_empty = True
        reader = _read_all(world)
        keys = world.add(1)
        reader.cut_pass(1) if cut else reader.whole_pass()
        reader.whole_pass()
        keys += world.add(1)
        reader.whole_pass()
        assert reader.keys == keys
        assert reader.whole_pass() == []

    def test_what_is_told_twice_is_the_same_message(self, world: GraphWorld) -> None:
        world.cloud.graph.deltas.replays = True
        reader = _read_all(world)
        keys = world.add(3)
        reader.whole_pass()
        reader.whole_pass()
        assert reader.keys == keys

    @pytest.mark.parametrize(
        ("status", "code"),
        [
            (410, "SyncStateNotFound"),
            (410, ""),
            (404, "syncStateNotFound"),
            (400, "SyncStateNotFound"),
            (409, "resyncRequired"),
        ],
    )
    def test_a_link_that_means_nothing_any_more_expires(self, world: GraphWorld, status: int, code: str) -> None:
        world.add(3)
        reader = _read_all(world)
        world.cloud.graph.deltas.expire(Refused(status, code, "The sync state generation is not found."))
        with pytest.raises(CursorExpired):
            reader.whole_pass()

    def test_a_link_may_expire_in_the_middle_of_a_round_and_nothing_is_lost(self, world: GraphWorld) -> None:
        reader = _read_all(world)
        keys = world.add(2 * PAGE + 5)
        reader.cut_pass(1)
        world.cloud.graph.deltas.expire(Refused(410, "SyncStateNotFound", "It is not found."))
        with pytest.raises(CursorExpired):
            reader.whole_pass()
        reader.cursor = None
        reader.whole_pass()
        assert reader.keys == keys

    def test_where_no_filter_is_accepted_the_mark_is_taken_without(self, world: GraphWorld) -> None:
        words = "The '$filter' parameter value is not supported for 'Messages' resource."
        refusal = failure(400, "ErrorInvalidUrlQuery", words)
        world.cloud.graph.hook = lambda request: refusal if _filters_a_delta(request.url) else None
        keys = world.add(2)
        assert _read_all(world).keys == keys

    def test_a_link_to_another_host_is_not_followed(self, world: GraphWorld) -> None:
        world.add(1)
        reader = _read_all(world)
        world.cloud.graph.links_to = "https://elsewhere.example"
        world.add(1)
        reader.whole_pass()
        with pytest.raises(Permanent, match=r"elsewhere\.example"):
            reader.whole_pass()

    def test_links_go_back_byte_for_byte(self, world: GraphWorld) -> None:
        reader = _read_all(world)
        link = json.loads(reader.cursor or "")["link"]
        reader.whole_pass()
        assert link.removeprefix(world.cloud.graph.origin) in [each.url for each in world.cloud.graph.requests]

    def test_a_link_is_replaced_once_a_day_though_nothing_happens(self, world: GraphWorld) -> None:
        reader = _read_all(world)
        world.now += timedelta(hours=25)
        before = reader.cursor
        assert [batch.items for batch in reader.whole_pass()] == [()]
        assert reader.cursor != before
        assert reader.whole_pass() == []


class TestTheBackfill:
    def test_more_messages_of_one_second_than_a_page_holds_are_all_found(self, world: GraphWorld) -> None:
        keys = [f"{number:04}@example.org" for number in range(2 * PAGE + 30)]
        for key in keys:
            world.mailbox.deliver(key, received_at=START)
        world.mailbox.deliver("older@example.org", received_at=START - timedelta(days=1))
        assert _read_all(world).keys == [*keys, "older@example.org"]

    def test_a_second_that_lies_on_the_border_of_two_pages_is_read_whole(self, world: GraphWorld) -> None:
        keys = [f"{number:04}@example.org" for number in range(PAGE + 40)]
        for number, key in enumerate(keys):
            world.mailbox.deliver(key, received_at=START + timedelta(seconds=number // 7))
        assert _read_all(world).keys == keys

    def test_a_listing_that_loses_its_links_is_read_to_the_end(self, world: GraphWorld) -> None:
        world.cloud.graph.loses_next_links = True
        keys = world.add(PAGE + 40)
        world.folder = "Inbox"
        reader = Reader(world)
        for batch in reader.batches(reader.stream()):
            if batch.remaining == 0:
                break
        assert reader.keys == keys

    def test_a_message_that_vanishes_from_a_page_already_read_hides_no_other(self, world: GraphWorld) -> None:
        keys = world.add(2 * PAGE)
        reader = Reader(world)
        stream = reader.stream()
        for number, _ in enumerate(reader.batches(stream)):
            if number == 0:
                world.remove(keys[-1])
        assert reader.keys == keys[:-1]

    def test_new_mail_does_not_wait_behind_the_old(self, world: GraphWorld) -> None:
        keys = world.add((CHECK_EVERY + 2) * PAGE)
        reader = Reader(world)
        batches = reader.batches(reader.stream())
        next(batches)
        new = world.add(1)[0]
        list(islice(batches, CHECK_EVERY))
        assert new in reader.seen.values()
        assert keys[0] not in reader.seen.values()

    def test_what_is_before_the_window_stays_where_it_is(self, world: GraphWorld) -> None:
        keys = world.add(10)
        world.since = START + timedelta(minutes=6)
        reader = _read_all(world)
        assert reader.keys == keys[5:]
        assert set(reader.stream().inventory()) == set(reader.seen)

    def test_how_much_is_left_is_told_from_the_first_page(self, world: GraphWorld) -> None:
        world.add(2 * PAGE + 1)
        reader = Reader(world)
        left = [batch.remaining for batch in reader.batches(reader.stream()) if batch.items]
        assert left[0] == PAGE + 1
        assert left[-1] == 0

    def test_drafts_are_no_mail(self, world: GraphWorld) -> None:
        world.mailbox.deliver("draft@example.org", draft=True)
        reader = _read_all(world)
        world.mailbox.deliver("another@example.org", draft=True)
        reader.whole_pass()
        assert reader.keys == []
        assert list(reader.stream().inventory()) == []


class TestManners:
    def test_immutable_ids_are_asked_for_by_every_request_and_every_part(self, world: GraphWorld) -> None:
        world.add(3)
        reader = _read_all(world)
        list(reader.stream().read(list(reader.seen), text=True))
        list(reader.stream().inventory())
        requests = world.cloud.graph.requests
        assert all('IdType="ImmutableId"' in request.headers["prefer"] for request in requests)
        parts = [part for request in requests for part in _parts(request)]
        assert parts
        assert all('IdType="ImmutableId"' in part["headers"]["Prefer"] for part in parts)
        assert {part["method"] for part in parts} == {"GET"}

    def test_nothing_is_posted_but_batches(self, world: GraphWorld) -> None:
        world.add(1)
        list(_read_all(world).stream().inventory())
        posted = {request.path for request in world.cloud.graph.requests if request.method != "GET"}
        assert posted == {"/v1.0/$batch"}

    def test_a_poll_that_finds_nothing_costs_one_request_and_one_more_for_each_folder(self, world: GraphWorld) -> None:
        world.add(1)
        account = world.account()
        readers = {stream.name: Reader(world) for stream in account.streams() if not stream.excluded}
        for stream in account.streams():
            if stream.name in readers:
                list(readers[stream.name].batches(stream))
        world.cloud.graph.requests.clear()
        for stream in account.streams():
            if stream.name in readers:
                assert list(readers[stream.name].batches(stream)) == []
        assert len(world.cloud.graph.requests) == 1 + len(readers)

    def test_the_server_s_own_wait_goes_to_whoever_waits(self, world: GraphWorld) -> None:
        reader = _read_all(world)
        stream = reader.stream()
        world.cloud.graph.requests.clear()
        world.cloud.graph.troubles = [too_many(120)]
        with pytest.raises(Retryable) as raised:
            list(reader.batches(stream))
        assert raised.value.retry_after == timedelta(seconds=120)
        assert len(world.cloud.graph.requests) == 1

    def test_parts_of_a_batch_are_judged_one_by_one(self, world: GraphWorld) -> None:
        keys = world.add(45)
        reader = _read_all(world)
        world.remove(keys[7])
        gone = next(id_ for id_, key in reader.seen.items() if key == keys[7])
        malformed = ItemId("not an id")
        world.cloud.graph.part_troubles = [None, too_many(0), failure(424, "FailedDependency", "It failed."), None]
        items = {item.id: item for item in reader.stream().read([*reader.seen, malformed], text=False)}
        assert {id_ for id_, item in items.items() if isinstance(item, Removed)} == {gone, malformed}
        assert len(items) == 46

    def test_one_giant_mail_does_not_keep_the_others_from_being_read(
        self, world: GraphWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(graph_client, "LIMIT", 60_000)
        keys = world.add(7)
        world.mails[keys[2]].text = "Too much. " * 10_000
        reader = _read_all(world)
        items = {reader.seen[item.id]: item for item in reader.stream().read(list(reader.seen), text=True)}
        assert [key for key, item in items.items() if isinstance(item, Unreadable)] == [keys[2]]
        assert len(items) == 7

    def test_a_part_that_has_to_wait_longer_makes_the_account_wait(self, world: GraphWorld) -> None:
        world.add(2)
        reader = _read_all(world)
        stream = reader.stream()
        world.cloud.graph.part_troubles = [too_many(90)]
        with pytest.raises(Retryable) as raised:
            list(stream.read(list(reader.seen), text=False))
        assert raised.value.retry_after == timedelta(seconds=90)

    def test_a_failure_within_exchange_is_asked_for_again_in_the_same_pass(self, world: GraphWorld) -> None:
        keys = world.add(2)
        stream = world.stream(world.account())
        oops = failure(500, "ErrorInternalServerError", "An internal server error occurred.", {"Retry-After": "0"})
        world.cloud.graph.troubles = [None, oops, oops]
        assert {item.id for batch in stream.changes(None) for item in batch.items}
        assert world.cloud.graph.troubles == []
        assert keys

    def test_a_failure_that_asks_for_time_is_given_it(self, world: GraphWorld) -> None:
        reader = _read_all(world)
        stream = reader.stream()
        world.cloud.graph.requests.clear()
        oops = failure(500, "ErrorInternalServerError", "An internal server error occurred.", {"Retry-After": "60"})
        world.cloud.graph.troubles = [oops]
        with pytest.raises(Retryable) as raised:
            list(reader.batches(stream))
        assert raised.value.retry_after == timedelta(seconds=60)
        assert len(world.cloud.graph.requests) == 1

    def test_a_page_that_takes_too_long_is_asked_for_in_halves(self, world: GraphWorld) -> None:
        world.add(120)
        slow = failure(504, "UnknownError", "", {"Retry-After": "0"})
        largest = 30

        def hook(request: Request) -> Answer | None:
            asked = int(request.query.get("$top", 0))
            sized = int(request.headers["prefer"].rpartition("maxpagesize=")[2] or 0) if "delta" in request.url else 0
            return slow if max(asked, sized) > largest else None

        world.cloud.graph.hook = hook
        reader = _read_all(world)
        assert len(reader.keys) == 120
        largest = 1
        with pytest.raises(Retryable, match="504"):
            list(reader.stream().inventory())

    @pytest.mark.parametrize(
        "trouble",
        [
            failure(500, "ErrorInternalServerError", "An internal server error occurred."),
            failure(503, "ErrorMailboxStoreUnavailable", "The mailbox database is temporarily unavailable."),
            failure(509, "ErrorBandwidth", "Bandwidth limit exceeded."),
            Answer(400),
            Answer(200, "<html>A proxy says hello</html>"),
            Answer(200, {"@odata.deltaLink": "https://graph.example/none"}),
        ],
    )
    def test_what_passes_is_tried_again_later_and_removes_nothing(self, world: GraphWorld, trouble: Answer) -> None:
        keys = world.add(2)
        reader = _read_all(world)
        stream = reader.stream()
        world.cloud.graph.troubles = [trouble] * 3
        with pytest.raises(Retryable) as raised:
            list(reader.batches(stream))
        assert raised.value.cure
        assert reader.keys == keys


def _filters_a_delta(url: str) -> bool:
    return "/delta?" in url and "filter" in url


def _parts(request: Request) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(request.body)["requests"] if request.body else []
    return found
