"""The change feed, a page at a time; the reader keeps its own place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, and_, func, or_, select

from store.engine import read
from store.queries.viewers import ADMIN, Viewer, may_see
from store.schema import activity, change


@dataclass(frozen=True, slots=True)
class Change:
    sequence: int
    kind: str
    """`created`, `updated`, `erased` or `restored`"""
    activity_id: str | None
    """The public id; None where the activity is no longer there."""
    changed_at: datetime


def changes(engine: Engine, *, viewer: Viewer, after: int, limit: int) -> tuple[Change, ...]:
    """What was committed after this place, oldest first.

    A viewer is told what there is to read anew, and not what is gone or closed since: of that nobody can say any more
    who might see it. Who keeps a copy for a viewer asks again for what it holds.
    """
    named = func.coalesce(change.c.public_id, activity.c.public_id)
    columns = (change.c.sequence, change.c.kind, named, change.c.changed_at)
    page = (
        select(*columns)
        .select_from(change.outerjoin(activity, activity.c.id == change.c.activity_id))
        .where(change.c.sequence > after)
        .order_by(change.c.sequence)
        .limit(limit)
    )
    if viewer != ADMIN:
        page = page.where(or_(change.c.kind == "restored", and_(activity.c.id.is_not(None), may_see(viewer))))
    with read(engine) as connection:
        return tuple(Change(*row) for row in connection.execute(page))
