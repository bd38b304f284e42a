"""How far a folder or calendar at Graph has been read: the cursor. No I/O."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from syncd.errors import CursorExpired
from syncd.model import Cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    folder: str
    """The folder's id. With another one all messages have other ids too: it was made anew, or the mailbox moved."""
    link: str
    """Where Graph tells what happened since; opaque."""
    at: str
    """When it gave that link."""
    midway: bool = False
    """Whether the link is of a round that is not over: the next one is saved though nothing may be new."""
    older: str = ""
    """While the backfill lasts: where its next page is; empty at its beginning."""
    done: bool = False
    """Whether it is over, and all that the folder held was listed."""
    meaning: str = ""
    """Of a calendar: what else its objects depend on, besides what Graph tells of them."""

    def cursor(self) -> Cursor:
        return Cursor(json.dumps({name: value for name, value in asdict(self).items() if value}))

    @property
    def given_at(self) -> datetime:
        return datetime.fromisoformat(self.at)


def place(cursor: Cursor, folder: str) -> Place:
    """Raises CursorExpired for text that is no cursor of ours, or of another folder."""
    try:
        fields = json.loads(cursor)
        found = Place(**fields)
        texts = (found.folder, found.link, found.at, found.older, found.meaning)
        valid = all(isinstance(text, str) for text in texts) and found.given_at.tzinfo is not None
    except (ValueError, TypeError) as error:
        raise CursorExpired("the stored cursor cannot be read") from error
    if not valid:
        raise CursorExpired("the stored cursor cannot be read")
    if found.folder != folder:
        raise CursorExpired("the folder has another id than before")
    return found


def zulu(moment: datetime) -> str:
    """As Graph's filters want it; they know no fractions of a second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
