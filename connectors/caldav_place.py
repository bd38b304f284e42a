"""Where a pass over one calendar stands: the cursor, as a value."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from connectors.caldav_calendars import News
from syncd.errors import CursorExpired
from syncd.model import Cursor

DAY = timedelta(days=1)
"""How often all is compared, whatever the server says of changes: some forget to tell (nextcloud/server 36644)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """All objects as of `news` are saved, or known to be read from the versions that were listed."""

    token: str
    """The sync-token of the last answer."""
    ctag: str | None
    """None until it was asked for: while the token is the calendar's, nothing has changed either."""
    syncs: bool
    """False where the token was refused soon after it was given: no other is tried before the next comparison."""
    digest: str
    """Of all ids and versions as last listed."""
    size: int
    """How many they were."""
    compared_at: datetime
    meaning: str
    """Of what else an object's content depends on, besides its own text."""

    @classmethod
    def read(cls, cursor: Cursor) -> Place:
        """Raises CursorExpired for what is none."""
        try:
            told = json.loads(cursor)
            return cls(**{**told, "compared_at": datetime.fromisoformat(told["compared_at"])})
        except (ValueError, TypeError, KeyError) as error:
            raise CursorExpired("this is no cursor of a calendar") from error

    def cursor(self) -> Cursor:
        return Cursor(json.dumps({**asdict(self), "compared_at": self.compared_at.isoformat()}))

    def is_due(self, meaning: str, now: datetime) -> bool:
        """Whether all must be compared; a clock that was set back does not put it off."""
        return meaning != self.meaning or not timedelta(0) <= now - self.compared_at < DAY

    def may_differ(self, news: News) -> bool:
        pairs = ((self.token if self.syncs else "", news.token), (self.ctag, news.ctag), (self.token, news.token))
        return next((mine != told for mine, told in pairs if mine and told), True)
