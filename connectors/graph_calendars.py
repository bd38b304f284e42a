"""Which calendars a mailbox has: the owner's are read, those of others that the owner looks at are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connectors.graph_calendar import Calendar
from connectors.graph_client import Graph, query
from syncd.errors import Permanent

RELIST = timedelta(minutes=15)
"""Between two looks for new calendars, of which no delta tells."""
CALENDAR = "calendar"
"""The name here of the calendar that everybody has, whatever the language of Outlook; those of others begin with it."""
_SELECT = "id,name,isDefaultCalendar,owner"


@dataclass(slots=True)
class Calendars:
    graph: Graph
    refusal: Permanent | None = None
    """Why there are none: a right that is missing must not keep mail from being read. `syncd check` tells it."""
    _found: Sequence[Calendar] = ()
    _listed_at: datetime | None = field(default=None)

    def listed(self, now: datetime) -> Sequence[Calendar]:
        if self._listed_at is None or not timedelta(0) <= now - self._listed_at < RELIST:
            try:
                self._found, self.refusal = self._list(), None
            except Permanent as error:
                self._found, self.refusal = (), error
            self._listed_at = now
        return self._found

    def _list(self) -> Sequence[Calendar]:
        entries = [
            entry
            for page in self.graph.pages(f"{self.graph.mailbox}/calendars{query(select=_SELECT, top='100')}")
            for entry in page.value
        ]
        found: dict[str, Calendar] = {}
        for entry in sorted(entries, key=lambda entry: (not entry.get("isDefaultCalendar"), str(entry["id"]))):
            own = str(entry.get("name") or "")
            name = CALENDAR if entry.get("isDefaultCalendar") else f"{CALENDAR} {own}"
            if name.casefold() in found:
                name = f"{name} ({str(entry['id'])[-12:]})"
            found[name.casefold()] = Calendar(str(entry["id"]), name, self._reason(entry, {name, own}))
        return [*found.values()]

    def _reason(self, entry: Mapping[str, Any], names: Set[str]) -> str:
        settings = self.graph.settings
        known = {name.casefold() for name in names}
        if known & {name.casefold() for name in settings.exclude_calendars}:
            return "folder_excluded"
        if settings.calendars:
            return "" if known & {name.casefold() for name in settings.calendars} else "folder_excluded"
        owner = entry.get("owner")
        address = str(owner.get("address") or "") if isinstance(owner, Mapping) else ""
        if entry.get("isDefaultCalendar") or not address or "@" not in settings.user:
            return ""
        return "" if address.casefold() == settings.user.casefold() else "another's"
