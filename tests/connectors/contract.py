"""What every connector promises, as tests to inherit.

    class TestMyConnector(ConnectorContract):
        @pytest.fixture
        def world(self) -> World: ...

A World is the provider seen from the mailbox owner's side. The suite asks the connector nothing but what the protocol
of connectors.base has, so passing it is all that a new kind of account needs.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

import pytest

from connectors.base import Account, Stream
from syncd.errors import CursorExpired, ReauthNeeded, Retryable
from syncd.model import Batch, Cursor, Item, ItemId, Message, Removed

ENDLESS = 1000


class World(Protocol):
    """One stream of one account, and what its owner and its provider do to it. Keys are Message-IDs."""

    several_batches: int
    """So many items come in three batches at least."""

    @abstractmethod
    def account(self) -> Account:
        """A new one, as after a restart."""

    @abstractmethod
    def stream(self, account: Account) -> Stream: ...

    @abstractmethod
    def add(self, count: int) -> list[str]:
        """New items at the provider; returns their keys."""

    @abstractmethod
    def remove(self, key: str) -> None: ...

    @abstractmethod
    def renumber(self) -> None:
        """The provider gives every item another id, or has forgotten what its cursors meant."""

    @abstractmethod
    def revoke(self) -> None:
        """The secret no longer opens the account; for accounts that sign in from now on."""

    @abstractmethod
    def vanish(self) -> None:
        """Nothing answers any more; for accounts that connect from now on."""


@dataclass
class Reader:
    """Does what a caller does with a stream: it keeps the last cursor as text, and what the ids that came mean."""

    world: World
    seen: dict[ItemId, str] = field(default_factory=dict)
    cursor: str | None = None
    epoch: str = ""

    def stream(self) -> Stream:
        return self.world.stream(self.world.account())

    def batches(self, stream: Stream) -> Iterator[Batch]:
        cursor = Cursor(self.cursor) if self.cursor is not None else None
        for batch in islice(stream.changes(cursor), ENDLESS):
            self.save(batch)
            yield batch

    def save(self, batch: Batch) -> None:
        for item in batch.items:
            match item:
                case Message(message_id=str(key)):
                    self.seen[item.id] = key
                case Removed():
                    self.seen.pop(item.id, None)
        if batch.listing is not None:
            self.seen = {id_: key for id_, key in self.seen.items() if id_ in batch.listing}
            self.epoch = batch.epoch
        self.cursor = batch.cursor

    def whole_pass(self) -> list[Batch]:
        """With a new account, as after a restart."""
        account = self.world.account()
        try:
            return list(self.batches(self.world.stream(account)))
        finally:
            account.close()

    def cut_pass(self, after: int) -> int:
        """A pass that is killed after some batches; returns how many there were."""
        account = self.world.account()
        try:
            return sum(1 for _ in islice(self.batches(self.world.stream(account)), after))
        finally:
            account.close()

    @property
    def keys(self) -> list[str]:
        return sorted(self.seen.values())


class ConnectorContract:
    """Inherit, and give the fixture `world`: empty, and the test's own."""

    # --------------------------------------------------------------------------------------------------- the pass

    def test_the_first_pass_yields_everything_once(self, world: World) -> None:
        keys = world.add(world.several_batches)
        batches = Reader(world).whole_pass()
        assert sorted(_keys(batches)) == sorted(keys)
        assert sum(1 for batch in batches if batch.items) >= 3

    def test_newest_comes_first(self, world: World) -> None:
        keys = world.add(world.several_batches)
        first = next(batch for batch in Reader(world).whole_pass() if batch.items)
        assert keys[-1] in _keys([first])
        assert keys[0] not in _keys([first])

    def test_an_empty_stream_has_a_cursor_too(self, world: World) -> None:
        reader = Reader(world)
        reader.whole_pass()
        keys = world.add(1)
        reader.whole_pass()
        assert reader.keys == keys

    def test_the_second_pass_yields_no_batch(self, world: World) -> None:
        world.add(3)
        reader = Reader(world)
        reader.whole_pass()
        assert reader.whole_pass() == []

    def test_what_came_since_is_all_that_the_next_pass_yields(self, world: World) -> None:
        world.add(3)
        reader = Reader(world)
        reader.whole_pass()
        keys = world.add(2)
        assert sorted(_keys(reader.whole_pass())) == sorted(keys)
        assert reader.whole_pass() == []

    def test_a_pass_that_is_cut_after_any_batch_loses_nothing(self, world: World) -> None:
        keys = sorted(world.add(world.several_batches))
        whole = len(Reader(world).whole_pass())
        for after in range(1, whole + 1):
            reader = Reader(world)
            assert reader.cut_pass(after) == after
            reader.whole_pass()
            assert reader.keys == keys

    def test_a_pass_that_is_cut_after_every_batch_gets_to_the_end(self, world: World) -> None:
        keys = sorted(world.add(world.several_batches))
        reader = Reader(world)
        passes = 0
        while reader.cut_pass(1):
            passes += 1
            assert passes < ENDLESS
        assert reader.keys == keys

    def test_what_arrives_during_a_pass_is_not_lost(self, world: World) -> None:
        keys = world.add(world.several_batches)
        reader = Reader(world)
        account = world.account()
        for _ in reader.batches(world.stream(account)):
            if len(keys) < world.several_batches + 4:
                keys += world.add(1)
        account.close()
        reader.whole_pass()
        assert reader.keys == sorted(keys)

    def test_what_arrives_between_the_parts_of_a_cut_pass_is_not_lost(self, world: World) -> None:
        keys = world.add(world.several_batches)
        reader = Reader(world)
        for _ in range(3):
            reader.cut_pass(1)
            keys += world.add(1)
        reader.whole_pass()
        reader.whole_pass()
        assert reader.keys == sorted(keys)

    def test_what_left_is_told_by_the_next_pass(self, world: World) -> None:
        keys = world.add(5)
        reader = Reader(world)
        reader.whole_pass()
        world.remove(keys[2])
        reader.whole_pass()
        assert reader.keys == sorted(set(keys) - {keys[2]})
        assert reader.whole_pass() == []

    def test_one_in_and_one_out_is_noticed(self, world: World) -> None:
        keys = world.add(3)
        reader = Reader(world)
        reader.whole_pass()
        world.remove(keys[0])
        keys = keys[1:] + world.add(1)
        reader.whole_pass()
        assert reader.keys == sorted(keys)

    def test_what_leaves_during_a_pass_does_not_stop_it(self, world: World) -> None:
        keys = world.add(world.several_batches)
        reader = Reader(world)
        account = world.account()
        for number, _ in enumerate(reader.batches(world.stream(account))):
            if number == 0:
                world.remove(keys[0])
        account.close()
        reader.whole_pass()
        assert reader.keys == sorted(keys[1:])

    def test_new_ids_for_everything_expire_the_cursor_and_the_pass_begins_again(self, world: World) -> None:
        keys = world.add(3)
        reader = Reader(world)
        reader.whole_pass()
        before = reader.epoch
        world.renumber()
        with pytest.raises(CursorExpired):
            reader.whole_pass()
        reader.cursor = None
        reader.whole_pass()
        assert reader.keys == sorted(keys)
        assert reader.epoch != before

    def test_a_cursor_that_is_no_cursor_expires(self, world: World) -> None:
        world.add(1)
        reader = Reader(world, cursor="\N{SNOWMAN} no cursor")
        with pytest.raises(CursorExpired):
            reader.whole_pass()

    # -------------------------------------------------------------------------------------------- reading again

    def test_items_can_be_read_again_by_id_with_their_text(self, world: World) -> None:
        keys = world.add(3)
        reader = Reader(world)
        reader.whole_pass()
        for text in (False, True):
            items = list(reader.stream().read(list(reader.seen), text=text))
            assert sorted(_message_ids(items)) == sorted(keys)
            assert all(isinstance(item, Message) and (item.text is not None) == text for item in items)

    def test_what_is_gone_is_read_as_removed(self, world: World) -> None:
        keys = world.add(2)
        reader = Reader(world)
        reader.whole_pass()
        gone = next(id_ for id_, key in reader.seen.items() if key == keys[0])
        world.remove(keys[0])
        items = {item.id: item for item in reader.stream().read(list(reader.seen), text=False)}
        assert isinstance(items.pop(gone), Removed)
        assert _message_ids(list(items.values())) == [keys[1]]

    def test_reading_between_two_batches_disturbs_neither(self, world: World) -> None:
        keys = world.add(world.several_batches)
        reader = Reader(world)
        account = world.account()
        stream = world.stream(account)
        read: list[str] = []
        for batch in reader.batches(stream):
            ids = [item.id for item in batch.items]
            read += _message_ids(list(stream.read(ids, text=True)))
        account.close()
        assert reader.keys == sorted(read) == sorted(keys)

    def test_the_inventory_names_what_the_passes_gave(self, world: World) -> None:
        world.add(4)
        reader = Reader(world)
        reader.whole_pass()
        assert set(reader.stream().inventory()) == set(reader.seen)

    # ------------------------------------------------------------------------------------------------ the account

    def test_streams_have_the_same_names_each_time(self, world: World) -> None:
        account = world.account()
        names = [stream.name for stream in account.streams()]
        assert len(set(names)) == len(names)
        assert [stream.name for stream in account.streams()] == names
        account.close()

    def test_a_closed_account_opens_again(self, world: World) -> None:
        world.add(1)
        account = world.account()
        world.stream(account)
        account.close()
        account.close()
        assert len(_keys(world.stream(account).changes(None))) == 1
        account.close()

    def test_a_secret_that_no_longer_opens_asks_the_owner_to_sign_in_again(self, world: World) -> None:
        world.revoke()
        with pytest.raises(ReauthNeeded) as raised:
            world.account().streams()
        assert raised.value.cure

    def test_a_provider_that_does_not_answer_is_tried_again_later(self, world: World) -> None:
        world.vanish()
        with pytest.raises(Retryable) as raised:
            world.account().streams()
        assert raised.value.cure


def _keys(batches: Iterable[Batch]) -> list[str]:
    return [key for batch in batches for key in _message_ids(batch.items)]


def _message_ids(items: Sequence[Item]) -> list[str]:
    return [item.message_id for item in items if isinstance(item, Message) and item.message_id]
