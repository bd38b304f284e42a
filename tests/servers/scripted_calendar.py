"""One calendar of the scripted CalDAV server: its objects, its change log, and the knobs that make it odd."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple
from xml.sax.saxutils import escape

from tests.servers import dav_xml
from tests.servers.dav_xml import CALDAV, CALENDAR_SERVER, Properties
from tests.servers.loopback_http import Told

_TOKEN = "http://sabre.io/ns/sync/"
_INVALID = "Invalid or unknown sync token"

BadToken = Literal["403", "409", "412", "500", "empty", "full"]
BAD_TOKENS: Mapping[str, Told] = {
    # sabre/dav and Radicale; RFC 6578 section 3.8 as some read it; Xandikos; Apple's server. And others with 207:
    # nothing at all, or everything, as if there had been no token.
    "403": dav_xml.failure(403, "InvalidSyncToken", _INVALID, "{DAV:}valid-sync-token"),
    "409": dav_xml.failure(409, "InvalidSyncToken", _INVALID, "{DAV:}valid-sync-token"),
    "412": dav_xml.failure(412, "PreconditionFailed", _INVALID, "{DAV:}valid-sync-token"),
    "500": Told(500, b"Internal Server Error", (("Content-Type", "text/plain"),)),
}


class Page(NamedTuple):
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    token: str
    more: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    data: bytes
    etag: str
    changed: int
    """The serial of its last change."""


@dataclass(slots=True)
class Calendar:
    path: str
    title: str
    objects: dict[str, Stored] = field(default_factory=dict)
    """By the last part of their path, decoded; it may hold anything."""
    components: tuple[str, ...] | None = ("VEVENT",)
    """None: the server does not say."""
    zone: str = ""
    """The text of a VCALENDAR with one VTIMEZONE."""
    types: tuple[str, ...] = ("collection", f"{{{CALDAV}}}calendar")

    syncs: bool = True
    """Whether it knows sync-collection at all."""
    bad_token: BadToken = "403"
    forgets_tokens: bool = False
    """No token is ever known again, not even the newest."""
    hides_token: bool = False
    """A sync answer without its token."""
    tells_token: bool = True
    """The newest one among its properties."""
    page_size: int | None = None
    """So many rows in a sync answer, and then 507."""
    brings: Literal["objects", "nothing", "empty"] = "objects"
    """What a sync answer has for a calendar-data that was asked for; empty is the property with nothing in it."""
    gone_as: int = 404
    """418 at Infomaniak and an older Nextcloud."""
    lists_itself: bool = False
    """Among the members of a sync answer, as iCloud does."""
    also_removed: set[str] = field(default_factory=set)
    """Told as removed and, when they changed, as changed in one answer, as Cyrus does."""
    ctag: str | None = ""
    """Empty: follows the changes; another text stands still; None: the server has none."""
    without_etag: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    """Listed, but 404 when asked for."""
    lists: Callable[[list[str]], list[str]] = lambda names: names
    """What a listing shows of what is there: `lambda names: []` is the calendar that is suddenly empty."""
    demands_filter: bool = False
    filters: bool = True
    """False: a calendar-query gives every component."""
    hrefs_under: str = ""
    """The path of another calendar, under which its objects are listed too (Zimbra's VTODO under its VEVENT)."""

    serial: int = 1
    removals: dict[str, int] = field(default_factory=dict)
    """Name -> serial; also of what was never there, as a purged trash tells."""
    known_from: int = 0
    remembered_from: int = 0

    @property
    def token(self) -> str:
        return f"{_TOKEN}{self.serial}"

    def put(self, name: str, data: bytes | str) -> str:
        """Returns its path."""
        raw = data.encode() if isinstance(data, str) else data
        self.serial += 1
        self.removals.pop(name, None)
        self.objects[name] = Stored(raw, f'"{self.serial}-{len(raw)}"', self.serial)
        return f"{self.path}{name}"

    def delete(self, name: str) -> None:
        self.serial += 1
        del self.objects[name]
        self.removals[name] = self.serial

    def expire_tokens(self) -> None:
        """Those that were given out until now."""
        self.serial += 1
        self.known_from = self.serial

    def prune_change_log(self) -> None:
        """What changed until now is told to no token, and every token is still accepted (nextcloud/server 36644)."""
        self.remembered_from = self.serial

    def knows(self, token: str) -> bool:
        number = token.removeprefix(_TOKEN)
        return not self.forgets_tokens and number.isdecimal() and int(number) >= self.known_from

    def page(self, token: str, limit: int | None = None) -> Page:
        """What changed since, oldest change first.

        A `limit` is obeyed without 507, and the token skips the rest, as in Nextcloud.
        """
        since = int(token.removeprefix(_TOKEN)) if token else 0
        if token:
            since = max(since, self.remembered_from)
        shown = set(self.lists(list(self.objects)) if not token else self.objects)
        rows = [(each.changed, name) for name, each in self.objects.items() if name in shown and each.changed > since]
        rows += [(serial, name) for name, serial in self.removals.items() if token and serial > since]
        rows.sort()
        more = self.page_size is not None and len(rows) > self.page_size
        rows = rows[: self.page_size][:limit]
        changed = tuple(name for _, name in rows if name in self.objects)
        removed = [name for _, name in rows if name not in self.objects]
        removed += [name for name in changed if name in self.also_removed]
        return Page(changed, tuple(removed), f"{_TOKEN}{rows[-1][0]}" if more else self.token, more)

    def listing(self) -> list[str]:
        return self.lists(list(self.objects))

    def gives(self, name: str) -> bool:
        return name in self.objects and name not in self.missing

    def component(self, name: str) -> str:
        found = re.search(rb"BEGIN:(VEVENT|VTODO|VJOURNAL)", self.objects[name].data)
        return found[1].decode() if found else "VEVENT"

    def properties(self, who: Properties) -> Properties:
        reports = ["calendar-multiget", "calendar-query", "free-busy-query"]
        named = [f"{{{CALDAV}}}{report}" for report in reports] + ["sync-collection"] * self.syncs
        found = {
            **who,
            "{DAV:}displayname": escape(self.title),
            "{DAV:}resourcetype": "".join(map(dav_xml.element, self.types)),
            "{DAV:}supported-report-set": "".join(
                dav_xml.element("supported-report", dav_xml.element("report", dav_xml.element(name))) for name in named
            ),
        }
        if self.syncs and self.tells_token:
            found["{DAV:}sync-token"] = self.token
        if self.ctag is not None:
            found[f"{{{CALENDAR_SERVER}}}getctag"] = escape(self.ctag or f"{self.token}")
        if self.components is not None:
            found[f"{{{CALDAV}}}supported-calendar-component-set"] = "".join(
                f'<cal:comp name="{name}"/>' for name in self.components
            )
        if self.zone:
            found[f"{{{CALDAV}}}calendar-timezone"] = escape(self.zone)
        return found
