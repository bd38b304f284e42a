"""What one sees of the demo: the mailboxes, the activities, and what was skipped by which rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from store.queries import ADMIN, MailboxStatus, Moment, RuleCount, recent, rule_counts, status
from store.writer import Store

_OTHER_LINES = 18
"""Of the board, what is not an activity."""
_FEWEST, _ALL = 5, 1_000


def board(store: Store, height: int) -> RenderableType:
    """How things are now, on one screen of so many lines."""
    above = Table.grid(padding=(0, 6))
    above.add_row(_mailboxes(status(store.engine, viewer=ADMIN)), _skipped(rule_counts(store.engine, viewer=ADMIN)))
    newest = sorted(recent(store.engine, viewer=ADMIN, limit=_ALL), key=_at, reverse=True)[
        : max(_FEWEST, height - _OTHER_LINES)
    ]
    screen = Table.grid()
    for part in (above, "", _activities("Newest", newest)):
        screen.add_row(part)
    return screen


def report(store: Store) -> Iterable[RenderableType]:
    """What one pass came to, from the first line to the last."""
    boxes, rules = status(store.engine, viewer=ADMIN), rule_counts(store.engine, viewer=ADMIN)
    logged = sorted(recent(store.engine, viewer=ADMIN, limit=_ALL), key=_at, reverse=True)
    yield _mailboxes(boxes)
    yield _activities("Logged, each mail and each meeting once", logged)
    yield _skipped(rules)
    copies = sum(rule.count for rule in rules if rule.verdict == "logged")
    skipped = sum(rule.count for rule in rules if rule.verdict == "skipped")
    never = sorted({stream.name for box in boxes for stream in box.streams if stream.excluded})
    yield f"{copies + skipped} seen: {copies} logged as {len(logged)} activities, {skipped} skipped."
    yield f"Folders that are never read: {', '.join(never)}."


def _at(activity: Moment) -> datetime:
    return activity.occurred_at


def _mailboxes(rows: Iterable[MailboxStatus]) -> Table:
    table = _table("Mailboxes", ("mailbox", "state", "last success"), ("seen", "logged", "skipped"))
    for row in rows:
        numbers = [sum(getattr(stream, name) for stream in row.streams) for name in ("seen", "logged", "skipped")]
        table.add_row(row.name, row.state, _clock(row.last_success_at), *map(str, numbers))
    return table


def _activities(title: str, rows: Sequence[Moment]) -> Table:
    table = _table(title, ("when", "what", "with", "subject"), ())
    for row in rows:
        when = f"{row.occurred_at.astimezone():%d %b %H:%M}"
        table.add_row(when, _became(row), _with(row), Text(row.subject or ""))
    return table


def _became(row: Moment) -> str:
    if row.kind == "email":
        return "sent" if row.direction == "outbound" else "received"
    moved = f", moved {row.rescheduled}x" if row.rescheduled else ""
    return f"{row.kind} {row.status}{moved}".strip()


def _skipped(rows: Iterable[RuleCount]) -> Table:
    table = _table("Skipped, by rule", ("rule",), ("seen",))
    for row in rows:
        if row.verdict == "skipped":
            table.add_row(row.rule, str(row.count))
    return table


_WHOLE = {"when": len("25 Nov 09:00"), "what": len("meeting cancelled")}


def _table(title: str, words: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for word in words:
        # On a narrow terminal names and titles are cut, and never what happened when.
        table.add_column(word, no_wrap=True, min_width=_WHOLE.get(word))
    for number in numbers:
        table.add_column(number, justify="right")
    return table


def _with(row: Moment) -> Text:
    """The known contacts; where only the account is known, whoever is no colleague."""
    strangers = dict.fromkeys(person.name or person.address for person in row.people if person.user_id is None)
    return Text(", ".join(row.contacts or strangers))


def _clock(instant: datetime | None) -> str:
    return f"{instant.astimezone():%H:%M:%S}" if instant else "not yet"
