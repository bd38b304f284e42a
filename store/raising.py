"""Of what less is stored than may be now, since a level was raised: its level follows, and its copies are asked for
again.

What an owner closed, and what is private in somebody's mailbox or calendar, stays as it is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, exists, select, text, update

from store.bulk import among, keys
from store.inventory import LONG_AGO
from store.late import touch
from store.schema import activity, closed_item, closed_thread, mailbox, participant, sighting, stream, thread
from syncd.model import Level

_KEYS = keys()

_PRIVATE = exists().where(sighting.c.key == activity.c.identity, text("rule = 'private'"))
_CLOSED = exists().where(closed_item.c.key == activity.c.identity)
_IN_CLOSED_THREAD = exists().where(thread.c.thread_id == activity.c.thread_id, closed_thread.c.key == thread.c.key)
_LOW = select(activity.c.id, activity.c.level, activity.c.occurred_at).where(
    activity.c.id.in_(_KEYS), activity.c.level < Level.FULL, ~_PRIVATE, ~_CLOSED, ~_IN_CLOSED_THREAD
)
_PEOPLE = select(participant.c.activity_id, participant.c.address).where(participant.c.activity_id.in_(_KEYS))
_COPIES = (
    select(sighting.c.activity_id, sighting.c.id, mailbox.c.name, sighting.c.gone_at.is_(None))
    .join_from(sighting, stream)
    .join(mailbox)
    .where(sighting.c.activity_id.in_(_KEYS))
)


class Copy(NamedTuple):
    sighting_id: int
    mailbox: str
    is_there: bool
    """It has not left its stream."""


@dataclass(frozen=True, slots=True)
class Low:
    """An activity that is stored at less than the whole."""

    id: int
    level: Level
    occurred_at: datetime
    addresses: tuple[str, ...]
    """Of who takes part, as they are written."""
    copies: tuple[Copy, ...]


def low(connection: Connection, ids: Sequence[int]) -> list[Low]:
    """Those of these activities of which more may be stored, as far as nobody closed them."""
    people: dict[int, list[str]] = defaultdict(list)
    for own, written in among(connection, _PEOPLE, ids):
        people[own].append(written)
    copies: dict[int, list[Copy]] = defaultdict(list)
    for own, sighting_id, box, is_there in among(connection, _COPIES, ids):
        copies[own].append(Copy(sighting_id, box, bool(is_there)))
    found = connection.execute(_LOW, {"keys": ids})
    return [Low(own, Level(level), at, tuple(people[own]), tuple(copies[own])) for own, level, at in found]


def open_up(connection: Connection, ids: Sequence[int], level: Level, now: datetime) -> None:
    """Allow so much of these to be stored. Each of their copies that is there is read again by the next passes of its
    mailbox, which store no more of it than that allows."""
    connection.execute(update(activity).where(activity.c.id.in_(ids)).values(level=level))
    there = (sighting.c.activity_id.in_(ids), sighting.c.gone_at.is_(None))
    connection.execute(update(sighting).where(*there).values(due_at=LONG_AGO))
    touch(connection, ids, "updated", now)
