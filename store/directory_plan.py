"""Which stored row a listed one is, and what has to change: pure, so that a dry run is the same as the real one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from store.directory_rows import Skipped

Values = Mapping[str, object]
Lists = Mapping[str, frozenset[str]]
"""Name of a table -> the values that it holds for one row (addresses, phones, domains, contacts)."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One listed row, its references already replaced by ids."""

    external_id: str
    label: str
    natural: frozenset[str]
    """By what a row without an external id is known: a name, or addresses. In lower case."""
    values: Values
    lists: Lists


@dataclass(frozen=True, slots=True)
class Stored:
    id: str
    natural: frozenset[str]
    values: Values
    """With `external_id`."""
    lists: Lists


@dataclass(frozen=True, slots=True)
class Change:
    """What to write of one row: its columns as they shall be, and what its lists gain and lose."""

    id: str
    created: bool
    values: Values
    gained: Lists
    lost: Lists


@dataclass(slots=True)
class Plan:
    changes: list[Change] = field(default_factory=list)
    unchanged: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    listed: dict[str, Wanted] = field(default_factory=dict)
    """id -> the row that it was found to be"""


class _Index:
    """The stored rows by all that may name one."""

    def __init__(self, stored: Iterable[Stored]) -> None:
        self.by_id = {row.id: row for row in stored}
        self.by_external = {row.values["external_id"]: row for row in self.by_id.values() if row.values["external_id"]}
        self.by_natural: defaultdict[str, list[Stored]] = defaultdict(list)
        for row in self.by_id.values():
            for name in row.natural:
                self.by_natural[name].append(row)

    def find(self, wanted: Wanted, taken: Collection[str]) -> Stored | None:
        """The row of that external id (which the CRM may have used as its id), else the one known by the same name."""
        if wanted.external_id:
            named = self.by_external.get(wanted.external_id) or self.by_id.get(wanted.external_id)
            if named is not None:
                return named
        found = {row.id: row for name in sorted(wanted.natural) for row in self.by_natural.get(name, ())}
        free = [
            row
            for row in found.values()
            if row.id not in taken and not (wanted.external_id and row.values["external_id"])
        ]

        def strangeness(row: Stored) -> tuple[bool, bool]:
            """Two people may share an address: what else is the same tells them apart, as long as both are listed."""
            named = _folded(row.values.get("name")) == _folded(wanted.values.get("name"))
            return not named, row.natural != wanted.natural

        return min(free, key=strangeness, default=None)


def plan(
    kind: str, stored: Iterable[Stored], wanted: Sequence[Wanted], *, in_step: bool, new_id: Callable[[], str]
) -> Plan:
    """Match each listed row with a stored one. `in_step`: what the source leaves empty or out is emptied or removed."""
    index = _Index(stored)
    result = Plan()
    named: set[str] = set()
    # Those with an external id first: what they claim, a row that has none may not take.
    for row in sorted(wanted, key=lambda each: not each.external_id):
        if not row.external_id and not row.natural:
            result.skipped.append(Skipped(kind, row.label, "has no id and nothing else to know it by the next time"))
            continue
        found = index.find(row, result.listed)
        own = found.id if found else _free_id(row.external_id, index, result.listed) or new_id()
        if own in result.listed or row.external_id in named:
            result.skipped.append(Skipped(kind, row.label, "is listed twice; the first was taken"))
            continue
        if row.external_id:
            named.add(row.external_id)
        result.listed[own] = row
        change = _change(found, row, in_step) if found else _creation(own, row)
        if change is None:
            result.unchanged += 1
        else:
            result.changes.append(change)
    return result


def _free_id(external_id: str, index: _Index, taken: Collection[str]) -> str:
    """The source's own id is ours too, so that the CRM finds its rows by the ids it knows."""
    return "" if external_id in index.by_id or external_id in taken else external_id


def _creation(own: str, row: Wanted) -> Change:
    values = {**row.values, "external_id": row.external_id or None}
    return Change(own, True, values, {table: _distinct(held) for table, held in row.lists.items()}, {})


def _change(found: Stored, row: Wanted, in_step: bool) -> Change | None:
    told = {name: value for name, value in row.values.items() if in_step or value not in (None, "")}
    values = {**found.values, **told}
    values["external_id"] = found.values["external_id"] or row.external_id or None
    gained: dict[str, frozenset[str]] = {}
    lost: dict[str, frozenset[str]] = {}
    for table, listed in row.lists.items():
        held = found.lists.get(table, frozenset())
        gained[table] = _distinct(_without(listed, held))
        lost[table] = _without(held, listed) if in_step else frozenset()
    if values == found.values and not any(gained.values()) and not any(lost.values()):
        return None
    return Change(found.id, False, values, gained, lost)


def _without(values: frozenset[str], others: frozenset[str]) -> frozenset[str]:
    """Case is no difference: exports spell one address in several ways."""
    known = {other.casefold() for other in others}
    return frozenset(value for value in values if value.casefold() not in known)


def _distinct(values: frozenset[str]) -> frozenset[str]:
    return frozenset({value.casefold(): value for value in sorted(values)}.values())


def _folded(value: object) -> str:
    return value.casefold() if isinstance(value, str) else ""


def removals(before: Collection[str], now: Collection[str], *, trusted: bool) -> tuple[frozenset[str], int]:
    """What a source no longer lists, and how much of that is withheld since it lists less than half of what it did."""
    gone = frozenset(before) - frozenset(now)
    if not trusted and 2 * len(now) < len(before):
        return frozenset(), len(gone)
    return gone, 0
