"""What every connector of a calendar or task list promises, as tests to inherit (tests.connectors.contract)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Protocol

from syncd.model import CalendarObject, Item, ItemId
from tests.connectors.contract import Reader, StreamContract, World, keys_in


class CalendarWorld(World, Protocol):
    """A calendar or task list, whose objects change."""

    @abstractmethod
    def change(self, key: str) -> None:
        """Its owner writes something else into the object."""


class CalendarContract(StreamContract):
    """Of a calendar or task list. Inherit, and give the fixture `world`: empty, and the test's own."""

    def test_what_was_changed_is_all_that_the_next_pass_yields(self, world: CalendarWorld) -> None:
        keys = world.add(3)
        reader = Reader(world)
        reader.whole_pass()
        before = dict(reader.versions)
        world.change(keys[1])
        assert keys_in(reader.whole_pass()) == [keys[1]]
        assert reader.keys == sorted(keys)
        assert [reader.seen[id_] for id_, version in reader.versions.items() if before[id_] != version] == [keys[1]]
        assert reader.whole_pass() == []

    def test_what_changes_during_a_pass_is_read_as_it_is_in_the_end(self, world: CalendarWorld) -> None:
        keys = world.add(world.several_batches)
        reader = Reader(world)
        account = world.account()
        for number, _ in enumerate(reader.batches(world.stream(account))):
            if number == 0:
                world.change(keys[0])
        account.close()
        reader.whole_pass()
        assert reader.versions == _versions_of(reader.stream().read(list(reader.seen), text=True))

    def test_an_object_has_the_same_version_however_it_is_come_by(self, world: CalendarWorld) -> None:
        world.add(3)
        reader = Reader(world)
        reader.whole_pass()
        assert reader.versions == _versions_of(reader.stream().read(list(reader.seen), text=True))
        assert reader.versions.keys() == reader.seen.keys()
        world.renumber()
        listed = [batch.versions for batch in reader.pass_from_any_cursor() if batch.versions is not None]
        assert [dict(versions) for versions in listed] == [reader.versions] * len(listed)


def _versions_of(items: Iterable[Item]) -> dict[ItemId, str]:
    return {item.id: item.version for item in items if isinstance(item, CalendarObject)}
