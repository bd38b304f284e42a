"""How far a folder on an Exchange server has been read: the cursor. No I/O."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from syncd.errors import CursorExpired
from syncd.model import Cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    folder: str
    """The folder's id. With another one all items have other ids too: the mailbox was made anew."""
    state: str
    """From which Exchange tells what happened; opaque, and as long as the folder is large."""
    done: bool = False
    """Whether all that the folder held was listed."""
    older: bool = False
    """While it is being listed: all that is still to come was received before the window."""
    meaning: str = ""
    """Of a calendar or task list: what else its objects depend on, besides what Exchange tells of them."""

    def cursor(self) -> Cursor:
        return Cursor(json.dumps({name: value for name, value in asdict(self).items() if value}))


def place(cursor: Cursor, folder: str) -> Place:
    """Raises CursorExpired for text that is no cursor of ours, or of another folder."""
    try:
        found = Place(**json.loads(cursor))
    except (ValueError, TypeError) as error:
        raise CursorExpired("the stored cursor cannot be read") from error
    texts = (found.folder, found.state, found.meaning)
    if not all(isinstance(text, str) for text in texts) or not found.state:
        raise CursorExpired("the stored cursor cannot be read")
    if found.folder != folder:
        raise CursorExpired("the folder has another id than before")
    return found
