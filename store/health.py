"""The rows of mailboxes and streams: who is registered, and how they are doing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Engine, RowMapping, bindparam, delete, insert, select, update

from store.engine import read, write
from store.schema import mailbox, meta, stream
from syncd.states import STANDS_STILL, Audited, Failure, MailboxState, Pace, State, StreamState

GONE = "gone"
"""`stream.excluded` of a folder that the server no longer has: kept for what was seen in it, and never read."""

_DIRECTORY = "directory_unread"


class Unread(NamedTuple):
    """Of the source of `[directory]`, what cannot be read."""

    part: str
    """The mailbox whose address book it is, or what the file or query lists; empty if it is all of it."""
    error: str
    cure: str


class Registration(NamedTuple):
    name: str
    owner: str
    kind: str


class Registered(NamedTuple):
    """A mailbox's row."""

    id: int
    state: MailboxState


class StreamRow(NamedTuple):
    id: int
    name: str
    kind: str
    excluded: str
    state: StreamState


class Health(NamedTuple):
    """What is to be written down of one mailbox."""

    mailbox_id: int
    state: MailboxState
    next_run_at: datetime | None
    streams: Sequence[StreamRow]


def register(engine: Engine, mailboxes: Sequence[Registration]) -> dict[str, Registered]:
    """Make the rows be those of the configuration. What is no longer in it is kept, but registered no more."""
    with write(engine) as connection:
        known = {row["name"]: row for row in connection.execute(select(mailbox)).mappings()}
        for each in mailboxes:
            values = {"owner": each.owner, "kind": each.kind, "registered": True}
            if each.name not in known:
                connection.execute(insert(mailbox).values(name=each.name, **values))
            elif any(known[each.name][column] != value for column, value in values.items()):
                connection.execute(update(mailbox).where(mailbox.c.name == each.name).values(values))
        removed = known.keys() - {each.name for each in mailboxes}
        for name in sorted(name for name in removed if known[name]["registered"]):
            connection.execute(update(mailbox).where(mailbox.c.name == name).values(registered=False, next_run_at=None))
        rows = connection.execute(select(mailbox).where(mailbox.c.registered)).mappings()
        return {row["name"]: Registered(row["id"], _mailbox_state(row)) for row in rows}


def registered(engine: Engine) -> list[str]:
    """The names of the mailboxes that the last configuration had."""
    with read(engine) as connection:
        names = select(mailbox.c.name).where(mailbox.c.registered).order_by(mailbox.c.name)
        return list(connection.execute(names).scalars())


def streams(engine: Engine, mailbox_id: int) -> dict[str, StreamRow]:
    with read(engine) as connection:
        return _streams(connection, mailbox_id)


def register_streams(engine: Engine, mailbox_id: int, found: Iterable[tuple[str, str, str]]) -> dict[str, StreamRow]:
    """Make the rows be those that the server has: (name, kind, why it is never read)."""
    with write(engine) as connection:
        known = _streams(connection, mailbox_id)
        seen = {name: {"kind": kind, "excluded": excluded} for name, kind, excluded in found}
        for name, values in seen.items():
            if name not in known:
                connection.execute(insert(stream).values(mailbox_id=mailbox_id, name=name, **values))
            elif (known[name].kind, known[name].excluded) != (values["kind"], values["excluded"]):
                connection.execute(update(stream).where(stream.c.id == known[name].id).values(values))
        for name in sorted(known.keys() - seen.keys()):
            if known[name].excluded != GONE:
                connection.execute(update(stream).where(stream.c.id == known[name].id).values(excluded=GONE))
        return _streams(connection, mailbox_id)


def begin_again(engine: Engine, mailbox_ids: Sequence[int]) -> None:
    """Let the next pass of each of their streams begin without a cursor."""
    with write(engine) as connection:
        connection.execute(update(stream).where(stream.c.mailbox_id.in_(mailbox_ids)).values(cursor=None))


def save(engine: Engine, healths: Iterable[Health]) -> None:
    """Write them all in one transaction."""
    mailboxes = [_mailbox_values(health) for health in healths]
    rows = [_stream_values(row) for health in healths for row in health.streams]
    if not mailboxes:
        return
    with write(engine) as connection:
        for table, values in ((mailbox, mailboxes), (stream, rows)):
            if values:
                columns: dict[str, object] = {name: bindparam(name) for name in values[0] if name != "row_id"}
                statement = update(table).where(table.c.id == bindparam("row_id")).values(columns)
                connection.execute(statement, values)


def save_directory(engine: Engine, unread: Sequence[Unread]) -> None:
    """Note what the source of `[directory]` does not give; nothing once it gives all."""
    with write(engine) as connection:
        connection.execute(delete(meta).where(meta.c.name == _DIRECTORY))
        if unread:
            connection.execute(insert(meta).values(name=_DIRECTORY, value=json.dumps(unread)))


def directory(engine: Engine) -> tuple[Unread, ...]:
    """What was noted last."""
    with read(engine) as connection:
        found = connection.execute(select(meta.c.value).where(meta.c.name == _DIRECTORY)).scalar()
    return tuple(Unread(*each) for each in json.loads(found or "[]"))


def _streams(connection: Connection, mailbox_id: int) -> dict[str, StreamRow]:
    rows = connection.execute(select(stream).where(stream.c.mailbox_id == mailbox_id).order_by(stream.c.id))
    return {
        row["name"]: StreamRow(row["id"], row["name"], row["kind"], row["excluded"], _stream_state(row))
        for row in rows.mappings()
    }


def _mailbox_state(row: RowMapping) -> MailboxState:
    delay = timedelta(seconds=row["delay_seconds"])
    return MailboxState(
        state=State(row["state"]),
        since=row["state_since"],
        error=row["error"],
        cure=row["cure"],
        pace=Pace(failures=row["failures"], not_before=row["not_before"], delay=delay),
        last_success_at=row["last_success_at"],
    )


def _stream_state(row: RowMapping) -> StreamState:
    """A stream's own waiting is not kept: after a restart it is tried at once, and what the server asked to wait for
    is the whole account's."""
    state = State(row["state"])
    failed = Failure(state=state, error=row["error"], cure=row["cure"]) if state in STANDS_STILL else None
    return StreamState(
        failure=failed,
        last_success_at=row["last_success_at"],
        backfilled_at=row["backfilled_at"],
        reconciled_at=row["reconciled_at"],
        audited=None if row["held"] is None else Audited(row["held"], row["missing"]),
    )


def _mailbox_values(health: Health) -> Mapping[str, object]:
    state = health.state
    return {
        "row_id": health.mailbox_id,
        "state": state.state,
        "state_since": state.since,
        "error": state.error,
        "cure": state.cure,
        "failures": state.pace.failures,
        "not_before": state.pace.not_before,
        "delay_seconds": int(state.pace.delay.total_seconds()),
        "last_success_at": state.last_success_at,
        "next_run_at": health.next_run_at,
    }


def _stream_values(row: StreamRow) -> Mapping[str, object]:
    failed = row.state.failure
    return {
        "row_id": row.id,
        "state": State.NEW if row.excluded else row.state.state,
        "error": failed.error if failed else "",
        "cure": failed.cure if failed else "",
        "last_success_at": row.state.last_success_at,
        "backfilled_at": row.state.backfilled_at,
        "reconciled_at": row.state.reconciled_at,
        "held": row.state.audited.held if row.state.audited else None,
        "missing": row.state.audited.missing if row.state.audited else 0,
    }
