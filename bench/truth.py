"""What a sync of the corpus must come to, known because the corpus was made that way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypedDict

LOGGED = "logged"


class Stored(TypedDict):
    """A Truth as JSON."""

    holders: list[tuple[list[str], int]]
    sightings: list[tuple[str, str, str, int]]


@dataclass(slots=True)
class Truth:
    holders: Counter[tuple[str, ...]] = field(default_factory=Counter)
    """Mailboxes that share a message which concerns a known contact -> how many such messages."""
    sightings: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Mailbox, folder, rule (or `logged`) -> copies."""

    def add(self, rule: str, copies: Sequence[tuple[str, str]]) -> None:
        """Count one message that `rule` decides, with its copies (mailbox, folder)."""
        if rule == LOGGED:
            self.holders[tuple(sorted(mailbox for mailbox, _ in copies))] += 1
        self.sightings.update((mailbox, folder, rule) for mailbox, folder in copies)

    def plus(self, other: Truth) -> Truth:
        return Truth(self.holders + other.holders, self.sightings + other.sightings)

    def activities(self, mailboxes: Iterable[str]) -> int:
        """Of these mailboxes together: each message once, however many of them hold it."""
        wanted = frozenset(mailboxes)
        return sum(count for holders, count in self.holders.items() if not wanted.isdisjoint(holders))

    def copies(self, mailboxes: Iterable[str]) -> Counter[tuple[str, str, str]]:
        wanted = frozenset(mailboxes)
        return Counter({key: count for key, count in self.sightings.items() if key[0] in wanted})

    def to_json(self) -> Stored:
        return {
            "holders": [(list(holders), count) for holders, count in sorted(self.holders.items())],
            "sightings": [(*key, count) for key, count in sorted(self.sightings.items())],
        }


def from_json(stored: Stored) -> Truth:
    return Truth(
        Counter({tuple(holders): count for holders, count in stored["holders"]}),
        Counter({(mailbox, folder, rule): count for mailbox, folder, rule, count in stored["sightings"]}),
    )
