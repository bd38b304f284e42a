"""How each mailbox and stream is doing, and what was decided on what it holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, func, select, text

from store.engine import read
from store.queries.viewers import Viewer, may_look_into
from store.schema import Instant, mailbox, sighting, stream


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStatus:
    """A row of v1_mailbox_health."""

    name: str
    kind: str
    state: str
    """`excluded` where it is never read; `excluded` says why."""
    excluded: str
    last_success_at: datetime | None
    lag: int | None
    """Seconds since then."""
    seen: int
    logged: int
    skipped: int
    pending: int
    quarantined: int
    error: str
    cure: str
    audited_at: datetime | None
    """When it was compared with all that the server holds, item by item."""
    held: int | None
    """How many that were; None where that is not counted."""
    missing: int
    """How many of them could not be had."""
    texts_pending: int
    """How many of the logged ones are asked for again, since more of them may be stored now."""
    unreadable: str = ""
    """The newest of what could not be read, and why."""
    doubted: int = 0
    """How many items the server suddenly did not list; nothing was removed, since no second listing said the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxStatus:
    name: str
    owner: str
    kind: str
    state: str
    state_since: datetime | None
    last_success_at: datetime | None
    next_run_at: datetime | None
    error: str
    cure: str
    streams: tuple[StreamStatus, ...]


@dataclass(frozen=True, slots=True)
class RuleCount:
    verdict: str
    rule: str
    count: int


_STREAMS = text(
    "SELECT mailbox, stream, kind, state, excluded, last_success_at, lag, seen, logged, skipped, pending, quarantined,"
    " error, cure, audited_at, held, missing, texts_pending"
    " FROM v1_mailbox_health WHERE stream IS NOT NULL ORDER BY mailbox, stream"
).columns(last_success_at=Instant, audited_at=Instant)

_DOUBTED = select(mailbox.c.name, stream.c.name, stream.c.doubted).join(mailbox).where(stream.c.doubted > 0)
_UNREADABLE = (
    select(mailbox.c.name, stream.c.name, sighting.c.item, sighting.c.facts)
    .join_from(sighting, stream)
    .join(mailbox)
    # In the words of the partial index.
    .where(text("verdict IN ('pending', 'quarantined')"), sighting.c.verdict == "quarantined")
    .where(sighting.c.gone_at.is_(None))
    .order_by(sighting.c.id)
)


def status(engine: Engine, *, viewer: Viewer) -> tuple[MailboxStatus, ...]:
    """Every registered mailbox by name, also one that was never read."""
    box = mailbox.c
    columns = (box.name, box.owner, box.kind, box.state, box.state_since, box.last_success_at, box.next_run_at)
    registered = select(*columns, box.error, box.cure).where(box.registered, may_look_into(viewer)).order_by(box.name)
    streams: dict[str, list[StreamStatus]] = {}
    with read(engine) as connection:
        doubted = {(box_name, name): number for box_name, name, number in connection.execute(_DOUBTED)}
        unreadable = {tuple(place): f"{item}: {why}" for *place, item, why in connection.execute(_UNREADABLE)}
        for row in connection.execute(_STREAMS).mappings():
            values = {name: value for name, value in row.items() if name not in ("mailbox", "stream")}
            place = (row["mailbox"], row["stream"])
            values |= {"doubted": doubted.get(place, 0), "unreadable": unreadable.get(place, "")}
            streams.setdefault(row["mailbox"], []).append(StreamStatus(name=row["stream"], **values))
        rows = connection.execute(registered).mappings().all()
    return tuple(MailboxStatus(**row, streams=tuple(streams.get(row["name"], ()))) for row in rows)


def rule_counts(engine: Engine, mailboxes: tuple[str, ...] = (), *, viewer: Viewer) -> tuple[RuleCount, ...]:
    """How often each rule decided on what these mailboxes (or all) still hold, most often first."""
    seen = sighting.c
    number = func.count()
    counted = (
        select(seen.verdict, seen.rule, number)
        .join_from(sighting, stream)
        .join(mailbox)
        .where(seen.gone_at.is_(None), mailbox.c.registered, may_look_into(viewer))
        .group_by(seen.verdict, seen.rule)
        .order_by(number.desc(), seen.verdict, seen.rule)
    )
    if mailboxes:
        counted = counted.where(mailbox.c.name.in_(mailboxes))
    with read(engine) as connection:
        return tuple(RuleCount(*row) for row in connection.execute(counted))
