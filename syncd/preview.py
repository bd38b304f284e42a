"""What would be logged of all the mail of a mailbox, what not, and why: before it is enabled, and without a trace."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from connectors.base import Stream
from matching import rules
from matching.identity import occurred_at
from matching.parties import Parties
from store.writer import Store
from syncd.acquaintances import Acquaintances
from syncd.model import Directory, ItemId, Message, Policy

SAMPLES = 3


@dataclass(frozen=True, slots=True)
class Seen:
    """One item; no more is told of it, since whoever previews a mailbox need not be its owner."""

    stream: str
    item: ItemId
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Judged:
    """So many would be decided by this rule; `logged` is no rule but what none kept."""

    rule: str
    count: int
    facts: tuple[tuple[str, int], ...]
    """What the rule saw of them, most often first."""
    samples: tuple[Seen, ...]


def preview(streams: Sequence[Stream], policy: Policy, store: Store | None, now: datetime) -> tuple[Judged, ...]:
    """Read the headers of the whole window of every stream of mail. Without a store nobody is known."""
    known = Acquaintances(store, policy) if store else None
    counts: Counter[str] = Counter()
    facts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    samples: defaultdict[str, list[Seen]] = defaultdict(list)
    for stream in (each for each in streams if each.kind == "mail" and not each.excluded):
        for batch in stream.changes(None):
            messages = [item for item in batch.items if isinstance(item, Message)]
            people = [message.participants for message in messages]
            parties = known.parties(people) if known else Parties(Directory(), policy)
            for message in messages:
                decision = rules.decide(message, parties)
                counts[decision.rule] += 1
                facts[decision.rule][decision.facts] += 1
                if len(samples[decision.rule]) < SAMPLES:
                    samples[decision.rule].append(Seen(stream.name, message.id, occurred_at(message, fallback=now)))
    return tuple(
        Judged(rule, count, tuple(each for each in facts[rule].most_common(SAMPLES) if each[0]), tuple(samples[rule]))
        for rule, count in counts.most_common()
    )
