"""Which stored row a listed one is, and what has to change: pure, so that a dry run is the same as the real one.

Rows are tuples in the order of their kind, and names are looked at only where an id does not say it: a directory of a
hundred thousand contacts is compared each hour, and nearly always nothing has changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from store.directory_rows import Skipped

Values: TypeAlias = tuple[object, ...]
Lists: TypeAlias = tuple[tuple[str, ...], ...]
"""Of each list of a row (addresses, phones, domains, contacts), its values in their order."""


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    columns: tuple[str, ...]
    """Of the table, without `id` and `external_id`."""
    lists: tuple[str, ...]
    """Tables whose rows belong to one row of this kind."""
    natural: Callable[[Values, Lists], Iterable[str]]
    """By what a row without an external id is known: a name, or addresses."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One listed row, its references already replaced by ids."""

    external_id: str
    label: str
    values: Values
    lists: Lists


@dataclass(frozen=True, slots=True)
class Stored:
    id: str
    external_id: str
    values: Values
    lists: Lists


@dataclass(frozen=True, slots=True)
class Change:
    """What to write of one row: its columns as they shall be, and what its lists gain and lose."""

    id: str
    created: bool
    external_id: str
    values: Values
    gained: Lists
    lost: Lists


@dataclass(slots=True)
class Plan:
    changes: list[Change] = field(default_factory=list)
    unchanged: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    listed: set[str] = field(default_factory=set)
    """Ids of the rows that the listed ones were found to be."""


class _Index:
    """The stored rows by all that may name one."""

    def __init__(self, kind: Kind, stored: Iterable[Stored]) -> None:
        self._kind = kind
        self.by_id = {row.id: row for row in stored}
        self._by_external = {row.external_id: row for row in self.by_id.values() if row.external_id}

    @cached_property
    def _by_natural(self) -> dict[str, list[Stored]]:
        found: defaultdict[str, list[Stored]] = defaultdict(list)
        for row in self.by_id.values():
            for name in names(self._kind, row.values, row.lists):
                found[name].append(row)
        return found

    def find(self, wanted: Wanted, taken: Collection[str]) -> Stored | None:
        """The row of that external id (which the CRM may have used as its id), else the one known by the same name."""
        if wanted.external_id:
            named = self._by_external.get(wanted.external_id) or self.by_id.get(wanted.external_id)
            if named is not None:
                return named
        own = names(self._kind, wanted.values, wanted.lists)
        found = {row.id: row for name in sorted(own) for row in self._by_natural.get(name, ())}
        free = (row for row in found.values() if row.id not in taken and not (wanted.external_id and row.external_id))

        def strangeness(row: Stored) -> tuple[bool, bool]:
            """Two people may share an address: what else is the same tells them apart, as long as both are listed."""
            other = names(self._kind, row.values, row.lists)
            return _name(self._kind, row) != _name(self._kind, wanted), other != own

        return min(free, key=strangeness, default=None)


def names(kind: Kind, values: Values, lists: Lists) -> frozenset[str]:
    return frozenset(name.casefold() for name in kind.natural(values, lists) if name)


def _name(kind: Kind, row: Stored | Wanted) -> str:
    return str(row.values[kind.columns.index("name")]).casefold()


def plan(
    kind: Kind,
    stored: Iterable[Stored],
    wanted: Iterable[Wanted],
    *,
    in_step: bool,
    kept: Collection[str] = (),
    new_id: Callable[[], str],
) -> Plan:
    """Match each listed row with a stored one; those with an external id come first, since what they claim, a row that
    has none may not take. `in_step`: what the source leaves empty or out is emptied or removed, but of
    the ids `kept`."""
    index = _Index(kind, stored)
    result = Plan()
    claimed: set[str] = set()
    for row in wanted:
        if not row.external_id and not names(kind, row.values, row.lists):
            reason = "has no id and nothing else to know it by the next time"
            result.skipped.append(Skipped(kind.name, row.label, reason))
            continue
        found = index.find(row, result.listed)
        own = found.id if found else _free_id(row.external_id, index, result.listed) or new_id()
        if own in result.listed or row.external_id in claimed:
            result.skipped.append(Skipped(kind.name, row.label, "is listed twice; the first was taken"))
            continue
        result.listed.add(own)
        if row.external_id:
            claimed.add(row.external_id)
        change = _change(found, row, in_step and own not in kept) if found else _creation(own, row)
        if change is None:
            result.unchanged += 1
        else:
            result.changes.append(change)
    return result


def _free_id(external_id: str, index: _Index, taken: Collection[str]) -> str:
    """The source's own id is ours too, so that the CRM finds its rows by the ids it knows."""
    return "" if external_id in index.by_id or external_id in taken else external_id


def _creation(own: str, row: Wanted) -> Change:
    gained = tuple(map(_distinct, row.lists))
    return Change(own, True, row.external_id, row.values, gained, ((),) * len(gained))


def _change(found: Stored, row: Wanted, in_step: bool) -> Change | None:
    external_id = found.external_id or row.external_id
    if external_id == found.external_id and row.values == found.values and row.lists == found.lists:
        return None
    values = row.values if in_step else tuple(map(_told, row.values, found.values))
    gained = tuple(_distinct(_without(listed, held)) for listed, held in zip(row.lists, found.lists, strict=True))
    lost = tuple(_without(held, listed) if in_step else () for listed, held in zip(row.lists, found.lists, strict=True))
    if external_id == found.external_id and values == found.values and not any(gained) and not any(lost):
        return None
    return Change(found.id, False, external_id, values, gained, lost)


def _told(said: object, known: object) -> object:
    return known if said in (None, "") else said


def _without(values: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    """Case is no difference: exports spell one address in several ways."""
    known = {other.casefold() for other in others}
    return tuple(value for value in values if value.casefold() not in known)


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple({value.casefold(): value for value in values}.values())


def removals(before: Collection[str], now: Collection[str], *, trusted: bool) -> tuple[frozenset[str], int]:
    """What a source no longer lists, and how much of that is withheld since it lists less than half of what it did."""
    gone = frozenset(before).difference(now)
    if not trusted and 2 * len(now) < len(before):
        return frozenset(), len(gone)
    return gone, 0
