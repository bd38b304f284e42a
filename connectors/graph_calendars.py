"""Which calendars a mailbox has: the owner's are read, those of others that the owner looks at are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

from connectors.graph_calendar import Calendar
from connectors.graph_client import Graph, query
from connectors.microsoft_settings import Settings

CALENDAR = "calendar"
"""The name here of the calendar that everybody has, whatever the language of Outlook; those of others begin with it."""
_SELECT = "id,name,isDefaultCalendar,owner"


def calendars(graph: Graph) -> Sequence[Calendar]:
    """Two of one name are told apart by the ends of their ids."""
    path = f"{graph.mailbox}/calendars{query(select=_SELECT, top='100')}"
    entries = [entry for page in graph.pages(path) for entry in page.value]
    found: dict[str, Calendar] = {}
    for entry in sorted(entries, key=lambda entry: (not entry.get("isDefaultCalendar"), str(entry["id"]))):
        own = str(entry.get("name") or "")
        name = CALENDAR if entry.get("isDefaultCalendar") else f"{CALENDAR} {own}"
        if name.casefold() in found:
            name = f"{name} ({str(entry['id'])[-12:]})"
        found[name.casefold()] = Calendar(str(entry["id"]), name, _reason(entry, {name, own}, graph.settings))
    return [*found.values()]


def _reason(entry: Mapping[str, Any], names: Set[str], settings: Settings) -> str:
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
