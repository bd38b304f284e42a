"""What the store knows of a stream's items, for comparison with what the server holds; and what was found by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from sys import intern
from typing import NamedTuple

from sqlalchemy import Connection, Engine, and_, delete, exists, func, insert, select, update

from store.bulk import chunks
from store.engine import read, write
from store.schema import activity, attachment, copy, finding, link, mailbox, participant, sighting, stream
from syncd.model import Cursor, ItemId

_HOLLOW = and_(sighting.c.verdict == "logged", ~exists().where(activity.c.id == sighting.c.activity_id))
"""Said to be logged, and what it was logged as is not there: somebody removed the activity behind syncd's back."""


_NOT_THERE = ""
_URGENCY = (_NOT_THERE, "quarantined", "pending", "logged", "skipped")
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""When an object was due that the next pass is to read again."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What no error tells. `stream` is empty if it is the whole mailbox's."""

    stream: str
    kind: str
    error: str
    cure: str


class Flow(NamedTuple):
    """How many activities went which way."""

    inbound: int
    outbound: int


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Of one stream: how many items were ever seen, and from when until when they date."""

    count: int
    first_at: datetime
    last_at: datetime


def verdicts(engine: Engine, stream_id: int) -> dict[ItemId, str]:
    """The decision on each item that has not left the stream and is truly there; of a calendar, on each object.

    Of an object with several parts that which most needs a look; it is there if all of them are.
    """
    own = sighting.c
    name = func.coalesce(own.object, own.item)
    held = select(name, own.verdict, _HOLLOW).where(own.stream_id == stream_id, own.gone_at.is_(None))
    found: dict[ItemId, str] = {}
    with read(engine) as connection:
        for item, verdict, is_empty in connection.execute(held):
            said, before = _NOT_THERE if is_empty else intern(verdict), found.get(item)  # the driver makes new strings
            if before is None or _URGENCY.index(said) < _URGENCY.index(before):
                found[ItemId(item)] = said
    for item in [each for each, said in found.items() if said is _NOT_THERE]:
        del found[item]
    return found


def is_hollow(engine: Engine, stream_id: int) -> bool:
    """Whether anything is said to be logged that is not; also of what has left the stream, which nobody else finds."""
    with read(engine) as connection:
        found = connection.execute(select(sighting.c.id).where(sighting.c.stream_id == stream_id, _HOLLOW).limit(1))
        return found.first() is not None


def forget_hollow(engine: Engine, stream_id: int) -> int:
    """Forget what is said to be logged and is not, so that it is read as if it were new; how many that were.

    What hung on such an activity goes as well: SQLite lets a program that does not ask for it leave it behind.
    """
    sibling = sighting.alias()
    empty = (sighting.c.stream_id == stream_id, sighting.c.object.is_not(None), _HOLLOW)
    lost = select(sighting.c.object).where(*empty)
    with write(engine) as connection:
        # What is left of an object says that it was read in this version: it has to be read again.
        torn = (sibling.c.stream_id == stream_id, sibling.c.object.in_(lost), sibling.c.gone_at.is_(None))
        ids = connection.execute(select(sibling.c.id).where(*torn)).scalars().all()
        for some in chunks(ids):
            connection.execute(update(sighting).where(sighting.c.id.in_(some)).values(due_at=LONG_AGO))
        gone = connection.execute(delete(sighting).where(sighting.c.stream_id == stream_id, _HOLLOW)).rowcount
        for table in (participant, link, attachment, copy):
            connection.execute(delete(table).where(~exists().where(activity.c.id == table.c.activity_id)))
        return gone


class Place(NamedTuple):
    """Where a stream stands."""

    stream_id: int
    cursor: Cursor | None
    complete: bool
    """Its window was read to the end."""


def places(engine: Engine, mailbox_name: str) -> dict[str, Place]:
    """stream -> where it stands"""
    columns = (stream.c.name, stream.c.id, stream.c.cursor, stream.c.backfilled_at)
    with read(engine) as connection:
        rows = connection.execute(select(*columns).join(mailbox).where(mailbox.c.name == mailbox_name))
        return {name: Place(own, cursor, backfilled_at is not None) for name, own, cursor, backfilled_at in rows}


# ------------------------------------------------------------------------------------------------ what was found


def flow(engine: Engine, mailbox_id: int, since: datetime) -> Flow:
    """Of the mail that this mailbox holds."""
    # An activity dates from the earliest of its copies, so what this one leaves out the other condition would too.
    recent = sighting.c.occurred_at >= since
    own = select(sighting.c.activity_id).join(stream).where(stream.c.mailbox_id == mailbox_id, recent)
    number = func.count().label("number")
    ways = (
        select(activity.c.direction, number)
        .where(activity.c.id.in_(own), activity.c.kind == "email", activity.c.occurred_at >= since)
        .group_by(activity.c.direction)
    )
    with read(engine) as connection:
        counts: dict[str, int] = {row.direction: row.number for row in connection.execute(ways)}
    return Flow(counts.get("inbound", 0), counts.get("outbound", 0))


def arrivals(engine: Engine, mailbox_id: int) -> Mapping[str, Arrivals]:
    """stream -> its arrivals, for those that are read and ever held a dated item."""
    dated = sighting.c.occurred_at
    counted = (
        select(stream.c.name, func.count(), func.min(dated), func.max(dated))
        .join_from(sighting, stream)
        .where(stream.c.mailbox_id == mailbox_id, stream.c.excluded == "", stream.c.kind == "mail", dated.is_not(None))
        .group_by(stream.c.name)
    )
    with read(engine) as connection:
        return {name: Arrivals(count, first, last) for name, count, first, last in connection.execute(counted)}


def findings(engine: Engine, mailbox_name: str | None = None) -> dict[str, tuple[Finding, ...]]:
    """mailbox -> what is found of it now, of those that are registered."""
    own = finding.c
    columns = (mailbox.c.name, own.stream, own.kind, own.error, own.cure)
    query = select(*columns).join(mailbox).where(mailbox.c.registered)
    if mailbox_name is not None:
        query = query.where(mailbox.c.name == mailbox_name)
    found: dict[str, list[Finding]] = {}
    with read(engine) as connection:
        for name, *rest in connection.execute(query.order_by(mailbox.c.name, own.stream, own.kind)):
            found.setdefault(name, []).append(Finding(*rest))
    return {name: tuple(those) for name, those in found.items()}


def save_findings(
    engine: Engine, mailbox_id: int, found: Iterable[Finding], now: datetime
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """Put these in the place of what was found before; which are new, and which are over. What is only worded otherwise
    is neither."""
    wanted = {(each.stream, each.kind): each for each in found}
    with write(engine) as connection:
        known = _known(connection, mailbox_id)
        for place in known.keys() - wanted.keys():
            own = (finding.c.stream == place[0], finding.c.kind == place[1])
            connection.execute(delete(finding).where(finding.c.mailbox_id == mailbox_id, *own))
        new = tuple(each for place, each in wanted.items() if place not in known)
        for place, each in wanted.items():
            if known.get(place, each) != each:
                own = (finding.c.stream == place[0], finding.c.kind == place[1])
                changed = update(finding).where(finding.c.mailbox_id == mailbox_id, *own)
                connection.execute(changed.values(error=each.error, cure=each.cure))
        for each in new:
            values = {"stream": each.stream, "kind": each.kind, "error": each.error, "cure": each.cure}
            connection.execute(insert(finding).values(mailbox_id=mailbox_id, since=now, **values))
    return new, tuple(each for place, each in known.items() if place not in wanted)


def _known(connection: Connection, mailbox_id: int) -> dict[tuple[str, str], Finding]:
    own = finding.c
    rows = connection.execute(select(own.stream, own.kind, own.error, own.cure).where(own.mailbox_id == mailbox_id))
    return {(row.stream, row.kind): Finding(*row) for row in rows}
