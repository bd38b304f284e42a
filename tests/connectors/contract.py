"""What every connector promises, as tests to inherit: ConnectorContract for mail, and
tests.connectors.calendar_contract for the rest.

    class TestMyConnector(ConnectorContract):
        @pytest.fixture
        def world(self) -> World: ...

A World is the provider seen from the mailbox owner's side. The suite asks the connector nothing but what the protocol
of connectors.base has, so passing it is all that a new kind of account needs.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from random import Random
from typing import Protocol

import pytest

from connectors.base import Account, Stream
from syncd.errors import CursorExpired, ReauthNeeded, Retryable
from syncd.model import Batch, CalendarObject, Cursor, Item, ItemId, Message, Removed

ENDLESS = 1000


class World(Protocol):
    """One stream of one account, and what its owner and its provider do to it.

    Keys are Message-IDs of mail, and the UIDs of whatever a calendar or task list holds.
    """

    several_batches: int
    """So many items come in three batches at least, where the connector does not leave it to its caller."""

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
    versions: dict[ItemId, str] = field(default_factory=dict)
    cursor: str | None = None
    epoch: str = ""

    def stream(self) -> Stream:
        return self.world.stream(self.world.account())

    def batches(self, stream: Stream) -> Iterator[Batch]:
        """As they are saved: with what had to be read where only versions came."""
        cursor = Cursor(self.cursor) if self.cursor is not None else None
        for came in islice(stream.changes(cursor), ENDLESS):
            batch = self._completed(came, stream)
            self.save(batch)
            yield batch

    def _completed(self, batch: Batch, stream: Stream) -> Batch:
        if batch.versions is None:
            return batch
        stale = [id_ for id_, version in batch.versions.items() if self.versions.get(id_) != version]
        return batch._replace(items=(*batch.items, *stream.read(stale, text=True)))

    def save(self, batch: Batch) -> None:
        for item in batch.items:
            if (key := key_of(item)) is not None:
                self.seen[item.id] = key
            elif isinstance(item, Removed):
                self.seen.pop(item.id, None)
            if isinstance(item, CalendarObject):
                self.versions[item.id] = item.version
        listing = batch.listing if batch.versions is None else batch.versions.keys()
        if listing is not None:
            self.seen = {id_: key for id_, key in self.seen.items() if id_ in listing}
            self.epoch = batch.epoch
        self.versions = {id_: version for id_, version in self.versions.items() if id_ in self.seen}
        self.cursor = batch.cursor

    def whole_pass(self) -> list[Batch]:
        """With a new account, as after a restart."""
        account = self.world.account()
        try:
            return list(self.batches(self.world.stream(account)))
        finally:
            account.close()

    def troubled_pass(self, dice: Random) -> bool:
        """One that may be killed or fail; returns whether nothing was new."""
        try:
            if dice.random() < 0.3:
                self.cut_pass(dice.randrange(1, 4))
                return False
            return self.whole_pass() == []
        except CursorExpired:
            self.cursor = None
        except Retryable:
            pass
        return False

    def pass_from_any_cursor(self) -> list[Batch]:
        """One that begins again from None where the cursor expired."""
        try:
            return self.whole_pass()
        except CursorExpired:
            self.cursor = None
            return self.whole_pass()

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


class StreamContract:
    """What holds of every kind of stream."""

    # --------------------------------------------------------------------------------------------------- the pass

    def test_the_first_pass_yields_everything_once(self, world: World) -> None:
        keys = world.add(world.several_batches)
        batches = Reader(world).whole_pass()
        assert sorted(keys_in(batches)) == sorted(keys)
        by_caller = any(batch.versions for batch in batches)
        assert by_caller or sum(1 for batch in batches if batch.items) >= 3

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
        assert sorted(keys_in(reader.whole_pass())) == sorted(keys)
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

    def test_what_arrives_during_a_later_pass_is_not_lost(self, world: World) -> None:
        keys = world.add(1)
        reader = Reader(world)
        reader.whole_pass()
        keys += world.add(world.several_batches)
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

    def test_a_provider_that_forgot_its_cursors_or_ids_costs_at_most_one_new_beginning(self, world: World) -> None:
        keys = world.add(3)
        reader = Reader(world)
        reader.whole_pass()
        world.renumber()
        world.remove(keys[0])
        keys = keys[1:] + world.add(1)
        reader.pass_from_any_cursor()
        assert reader.keys == sorted(keys)
        assert reader.whole_pass() == []

    def test_a_cursor_that_is_no_cursor_expires(self, world: World) -> None:
        world.add(1)
        reader = Reader(world, cursor="\N{SNOWMAN} no cursor")
        with pytest.raises(CursorExpired):
            reader.whole_pass()

    # -------------------------------------------------------------------------------------------- reading again

    def test_items_can_be_read_again_by_id(self, world: World) -> None:
        keys = world.add(3)
        reader = Reader(world)
        reader.whole_pass()
        for text in (False, True):
            items = list(reader.stream().read(list(reader.seen), text=text))
            assert sorted(_keys_of(items)) == sorted(keys)

    def test_what_is_gone_is_read_as_removed(self, world: World) -> None:
        keys = world.add(2)
        reader = Reader(world)
        reader.whole_pass()
        gone = next(id_ for id_, key in reader.seen.items() if key == keys[0])
        world.remove(keys[0])
        items = {item.id: item for item in reader.stream().read(list(reader.seen), text=False)}
        assert isinstance(items.pop(gone), Removed)
        assert _keys_of(list(items.values())) == [keys[1]]

    def test_reading_between_two_batches_disturbs_neither(self, world: World) -> None:
        keys = world.add(world.several_batches)
        reader = Reader(world)
        account = world.account()
        stream = world.stream(account)
        read: list[str] = []
        for batch in reader.batches(stream):
            ids = [item.id for item in batch.items]
            read += _keys_of(list(stream.read(ids, text=True)))
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
        assert len(keys_in(Reader(world).batches(world.stream(account)))) == 1
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


class ConnectorContract(StreamContract):
    """Of mail. Inherit, and give the fixture `world`: empty, and the test's own."""

    def test_newest_comes_first(self, world: World) -> None:
        keys = world.add(world.several_batches)
        first = next(batch for batch in Reader(world).whole_pass() if batch.items)
        assert keys[-1] in keys_in([first])
        assert keys[0] not in keys_in([first])

    def test_new_ids_for_everything_expire_the_cursor_and_the_pass_begins_again(self, world: World) -> None:
        keys = world.add(3)
        reader = Reader(world)
        reader.whole_pass()
        before, ids = reader.epoch, set(reader.seen)
        world.renumber()
        with pytest.raises(CursorExpired):
            reader.whole_pass()
        reader.cursor = None
        reader.whole_pass()
        assert reader.keys == sorted(keys)
        assert reader.epoch != before or set(reader.seen) == ids

    def test_text_comes_when_it_is_asked_for(self, world: World) -> None:
        world.add(3)
        reader = Reader(world)
        reader.whole_pass()
        for text in (False, True):
            items = reader.stream().read(list(reader.seen), text=text)
            assert all(isinstance(item, Message) and (item.text is not None) == text for item in items)


def key_of(item: Item) -> str | None:
    """What the item is called by its sender or its maker; None of what has no such name."""
    match item:
        case Message(message_id=key):
            return key
        case CalendarObject(parts=(first, *_)):
            return first.uid
    return None


def keys_in(batches: Iterable[Batch]) -> list[str]:
    return [key for batch in batches for key in _keys_of(batch.items)]


def _keys_of(items: Iterable[Item]) -> list[str]:
    return [key for key in map(key_of, items) if key is not None]
