"""The calendars' contract passes on an honest connector, and fails on dishonest ones: else it would prove nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import Account, Stream
from syncd.errors import CursorExpired, ReauthNeeded, Retryable
from syncd.model import Batch, CalendarObject, Cursor, Event, Item, ItemId, Removed
from tests.connectors.calendar_contract import CalendarContract, CalendarWorld

SIZE = 4
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


@dataclass
class Provider(CalendarWorld):
    """Objects in memory with a log of their changes, and a connector to them that can be made to cheat."""

    mark_after_listing: bool = False
    keeps_the_version: bool = False
    forgets_the_removed: bool = False
    listing_has_other_versions: bool = False
    several_batches: int = 14
    objects: dict[str, int] = field(default_factory=dict)
    """UID -> serial of its last change."""
    removals: dict[str, int] = field(default_factory=dict)
    serial: int = 1
    forgotten: int = 0
    """Cursors from before are not known any more."""
    fails: Exception | None = None

    def account(self) -> MemoryAccount:
        return MemoryAccount(self)

    def stream(self, account: Account) -> Stream:
        return account.streams()[0]

    def add(self, count: int) -> list[str]:
        keys = [f"{self.serial + number}@example.com" for number in range(1, count + 1)]
        for key in keys:
            self.change(key)
        return keys

    def change(self, key: str) -> None:
        self.serial += 1
        self.objects[key] = self.serial

    def remove(self, key: str) -> None:
        self.serial += 1
        del self.objects[key]
        self.removals[key] = self.serial

    def renumber(self) -> None:
        self.serial += 1
        self.forgotten = self.serial

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
class MemoryStream:
    """Knows what changed since a cursor; without one that it knows, it gives the versions to compare."""

    provider: Provider
    name: str = "work"
    kind: str = "calendar"
    excluded: str = ""

    def changes(self, cursor: Cursor | None) -> Iterator[Batch]:
        provider = self.provider
        if cursor is not None and not cursor.isdecimal():
            raise CursorExpired("no cursor")
        mark = provider.serial
        if cursor is None or int(cursor) < provider.forgotten:
            prefix = "listed-" if provider.listing_has_other_versions else ""
            versions = {ItemId(key): f"{prefix}{self._version(key)}" for key in provider.objects}
            yield Batch(items=(), versions=versions, cursor=Cursor(str(mark)))
            return
        since = int(cursor)
        changed = sorted((serial, key) for key, serial in provider.objects.items() if serial > since)
        items: list[Item] = [self._object(key) for _, key in changed]
        if not provider.forgets_the_removed:
            items += [Removed(ItemId(key)) for key, serial in provider.removals.items() if serial > since]
        for start in range(0, len(items), SIZE):
            last = start + SIZE >= len(items)
            end = provider.serial if provider.mark_after_listing else mark
            yield Batch(items=tuple(items[start : start + SIZE]), cursor=Cursor(str(end if last else since)))

    def read(self, ids: Sequence[ItemId], *, text: bool) -> Iterator[Item]:
        for id_ in ids:
            yield self._object(id_) if id_ in self.provider.objects else Removed(id_)

    def inventory(self) -> Iterator[ItemId]:
        return map(ItemId, self.provider.objects)

    def _version(self, key: str) -> str:
        return "1" if self.provider.keeps_the_version else str(self.provider.objects[key])

    def _object(self, key: str) -> CalendarObject:
        meeting = Event(
            id=ItemId(key), uid=key, original_start="", starts_at=NOON, ends_at=NOON, settles_at=NOON,
        )  # fmt: skip
        begins, ends = NOON - timedelta(days=90), NOON + timedelta(days=60)
        return CalendarObject(
            id=ItemId(key), version=self._version(key), parts=(meeting,), begins=begins, ends=ends,
        )  # fmt: skip


class TestAnHonestConnector(CalendarContract):
    @pytest.fixture
    def world(self) -> CalendarWorld:
        return Provider()


class TestDishonestConnectors:
    def test_a_connector_that_never_tells_what_left_is_found_out(self) -> None:
        with pytest.raises(AssertionError):
            CalendarContract().test_what_left_is_told_by_the_next_pass(Provider(forgets_the_removed=True))

    def test_a_version_that_does_not_change_with_its_object_is_found_out(self) -> None:
        with pytest.raises(AssertionError):
            CalendarContract().test_what_was_changed_is_all_that_the_next_pass_yields(Provider(keeps_the_version=True))

    def test_a_listing_with_versions_of_its_own_is_found_out(self) -> None:
        with pytest.raises(AssertionError):
            CalendarContract().test_an_object_has_the_same_version_however_it_is_come_by(
                Provider(listing_has_other_versions=True)
            )

    def test_a_mark_that_is_taken_after_the_listing_is_found_out(self) -> None:
        with pytest.raises(AssertionError):
            CalendarContract().test_what_arrives_during_a_later_pass_is_not_lost(Provider(mark_after_listing=True))
