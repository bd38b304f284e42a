"""The contract passes on an honest connector, and fails on dishonest ones: else it would prove nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace

import pytest

from connectors.base import Account, Stream
from syncd.errors import CursorExpired, ReauthNeeded, Retryable
from syncd.model import Batch, Cursor, Item, ItemId, Message, Removed
from tests.connectors.contract import ConnectorContract, World

SIZE = 4


@dataclass
class Provider(World):
    """Messages in memory, and a connector to them that can be made to cheat."""

    mark_after_listing: bool = False
    cursor_runs_ahead: bool = False
    forgets_the_removed: bool = False
    several_batches: int = 14
    messages: dict[int, str] = field(default_factory=dict)
    next_id: int = 1
    epoch: int = 1
    fails: Exception | None = None

    def account(self) -> MemoryAccount:
        return MemoryAccount(self)

    def stream(self, account: Account) -> Stream:
        return account.streams()[0]

    def add(self, count: int) -> list[str]:
        keys = [f"{number}@example.com" for number in range(self.next_id, self.next_id + count)]
        self.messages.update(enumerate(keys, self.next_id))
        self.next_id += count
        return keys

    def remove(self, key: str) -> None:
        del self.messages[next(number for number, other in self.messages.items() if other == key)]

    def renumber(self) -> None:
        self.epoch += 1

    def revoke(self) -> None:
        self.fails = ReauthNeeded("the password was changed", cure="sign in again")

    def vanish(self) -> None:
        self.fails = Retryable("nobody answers", cure="check the host")


@dataclass
class MemoryAccount:
    provider: Provider

    def streams(self) -> Sequence[Stream]:
        if self.provider.fails:
            raise self.provider.fails
        return [MemoryStream(self.provider)]

    def close(self) -> None:
        return


@dataclass(frozen=True)
class MemoryPlace:
    epoch: int
    mark: int
    below: int | None
    count: int

    def cursor(self) -> Cursor:
        return Cursor(json.dumps(asdict(self)))


@dataclass(frozen=True)
class MemoryStream:
    provider: Provider
    name: str = "messages"
    kind: str = "mail"
    excluded: str = ""

    def changes(self, cursor: Cursor | None) -> Iterator[Batch]:
        provider, place = self.provider, self._place(cursor)
        arrivals = [number for number in sorted(provider.messages) if number >= place.mark]
        if place.below is None and not arrivals and place.count == len(provider.messages):
            return
        for chunk in _chunks(arrivals):
            place = replace(place, mark=chunk[-1] + 1)
            yield self._batch(chunk, place)
        backfill = [number for number in sorted(provider.messages, reverse=True) if number < (place.below or 0)]
        for chunk in _chunks(backfill):
            place = replace(place, below=chunk[0] - 2 * SIZE if provider.cursor_runs_ahead else chunk[-1])
            yield self._batch(chunk, place)
        here = [number for number in provider.messages if number < place.mark]
        mark = provider.next_id if provider.mark_after_listing else place.mark
        end = replace(place, mark=mark, below=None, count=len(here))
        listing = None if provider.forgets_the_removed else frozenset(map(self._id, provider.messages))
        yield Batch(items=(), cursor=end.cursor(), listing=listing, epoch=str(provider.epoch))

    def read(self, ids: Sequence[ItemId], *, text: bool) -> Iterator[Item]:
        for id_ in ids:
            number = int(id_.partition(".")[2])
            if number in self.provider.messages:
                yield self._message(number)._replace(text="Hello." if text else None)
            else:
                yield Removed(id_)

    def inventory(self) -> Iterator[ItemId]:
        return map(self._id, self.provider.messages)

    def _place(self, cursor: Cursor | None) -> MemoryPlace:
        provider = self.provider
        if cursor is None:
            return MemoryPlace(provider.epoch, provider.next_id, provider.next_id, 0)
        try:
            place = MemoryPlace(**json.loads(cursor))
        except ValueError as error:
            raise CursorExpired("no cursor") from error
        if place.epoch != provider.epoch:
            raise CursorExpired("all ids are new")
        return place

    def _batch(self, numbers: Sequence[int], place: MemoryPlace) -> Batch:
        there = [number for number in numbers if number in self.provider.messages]
        return Batch(items=tuple(map(self._message, there)), cursor=place.cursor())

    def _id(self, number: int) -> ItemId:
        return ItemId(f"{self.provider.epoch}.{number}")

    def _message(self, number: int) -> Message:
        return Message(
            id=self._id(number), received_at=None, sent_at=None, message_id=self.provider.messages[number],
            in_reply_to=None, references=(), subject="", participants=(), headers={}, folders=(), size=None,
        )  # fmt: skip


def _chunks(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(numbers), SIZE):
        yield numbers[start : start + SIZE]


class TestAnHonestConnector(ConnectorContract):
    @pytest.fixture
    def world(self) -> World:
        return Provider()


class TestDishonestConnectors:
    def test_a_mark_taken_after_the_listing_is_found_out(self) -> None:
        with pytest.raises(AssertionError):
            ConnectorContract().test_what_arrives_during_a_pass_is_not_lost(Provider(mark_after_listing=True))

    def test_a_cursor_that_runs_ahead_of_its_batch_is_found_out(self) -> None:
        with pytest.raises(AssertionError):
            ConnectorContract().test_a_pass_that_is_cut_after_any_batch_loses_nothing(Provider(cursor_runs_ahead=True))

    def test_a_connector_that_never_tells_what_left_is_found_out(self) -> None:
        with pytest.raises(AssertionError):
            ConnectorContract().test_what_left_is_told_by_the_next_pass(Provider(forgets_the_removed=True))
