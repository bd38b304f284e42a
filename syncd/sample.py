"""A first look at a mailbox: some of what it holds, newest first, decided and not stored."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from connectors.base import Stream
from matching import calendar_rules, rules
from matching.parties import Parties
from store.writer import Store
from syncd.acquaintances import Acquaintances
from syncd.deciding import told
from syncd.model import CalendarObject, Directory, Event, Item, Message, Note, Policy, Task

LARGEST = 100
_OF_ONE_STREAM = 50

_CALLED = {Message: "messages", Event: "meetings", Task: "tasks", Note: "notes"}


def sample(streams: Sequence[Stream]) -> list[Item]:
    """The inbox first, and never all from one folder or calendar; of the first kind that is found not all either."""
    found: list[Item] = []
    for stream in sorted(streams, key=lambda stream: (stream.kind == "mail", stream.name.upper() != "INBOX")):
        found += islice(_of(stream), _OF_ONE_STREAM)
        if len(found) >= LARGEST and stream.kind == "mail":
            break
    return found


def _of(stream: Stream) -> Iterator[Item]:
    changes = iter(stream.changes(None))  # kept while its objects are read: it may hold what it has listed
    batch = next(changes, None)
    if batch is None:
        return
    items = list(batch.items)
    if batch.versions:
        items += stream.read(list(batch.versions)[-_OF_ONE_STREAM:], text=False)
    yield from sorted(items, key=_age, reverse=True)


def _age(item: Item) -> float:
    moments = [item.received_at or item.sent_at] if isinstance(item, Message) else []
    return max((moment.timestamp() for moment in moments if moment), default=0.0)


def decided(items: Sequence[Item], policy: Policy, store: Store | None) -> dict[str, Mapping[str, int]]:
    """What it is called -> rule -> how many; `logged` are those that would be. Without a store nobody is known."""
    messages = [item for item in items if isinstance(item, Message)]
    parts = [part for item in items if isinstance(item, CalendarObject) for part in told(item)]
    people = [message.participants for message in messages] + [part.participants for part in parts]
    parties = Acquaintances(store, policy).parties(people) if store else Parties(Directory(), policy)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for message in messages:
        counts[_CALLED[Message]][rules.decide(message, parties).rule] += 1
    for part, participants in parts:
        counts[_CALLED[type(part)]][calendar_rules.decide(part, participants, parties).rule] += 1
    return {called: dict(rules_.most_common()) for called, rules_ in counts.items()}
