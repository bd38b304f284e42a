"""Which calendars and lists an account has, what news each of them tells, and which are never read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote

from connectors import caldav_xml as xml
from connectors.caldav_discovery import Found
from connectors.caldav_session import Session, located, path
from connectors.caldav_settings import Settings
from connectors.caldav_xml import CALDAV, DAV, SERVER, Row
from connectors.ical import zone_of
from syncd.errors import Retryable

_TYPE, _NAME, _TOKEN, _CTAG = f"{DAV}resourcetype", f"{DAV}displayname", f"{DAV}sync-token", f"{SERVER}getctag"
_COMPONENTS, _ZONE = f"{CALDAV}supported-calendar-component-set", f"{CALDAV}calendar-timezone"
_REPORTS = f"{DAV}supported-report-set"

_DETAILS = (_TYPE, _NAME, _COMPONENTS, _REPORTS, _ZONE)
"""Without news: of calendars that it has not looked at yet a server may need minutes for their ctags."""

_NEXTCLOUD = "{http://nextcloud.com/ns}"
_BY_TYPE = {
    f"{CALDAV}schedule-inbox": "inbox of invitations",
    f"{CALDAV}schedule-outbox": "outbox of invitations",
    f"{SERVER}notification": "notifications",
    f"{_NEXTCLOUD}trash-bin": "bin",
    f"{_NEXTCLOUD}deleted-calendar": "bin",
    f"{SERVER}subscribed": "subscribed",
}
"""What is no calendar of the owner's, by resourcetype. A subscribed one is read if `include` names it."""

_KINDS = (("VEVENT", "calendar"), ("VTODO", "tasks"), ("VJOURNAL", "notes"))


class News(NamedTuple):
    """What changes when anything in the calendar does; empty where it is not told."""

    ctag: str | None = None
    """None where it was not asked for."""
    token: str = ""
    """The sync-token of RFC 6578."""


@dataclass(frozen=True, slots=True)
class Collection:
    """One calendar or list."""

    url: str
    name: str
    kind: str
    excluded: str
    zone: str
    """IANA's name of the zone of floating times and of days; empty is UTC."""
    syncs: bool
    """Whether it says that it knows sync-collection, or does not say."""
    news: News | None = None
    """As of this pass; None where they were not asked for yet."""

    @property
    def path(self) -> str:
        return path(self.url)


def collections(session: Session, found: Found, settings: Settings) -> list[Collection]:
    """All of them, by name; raises Retryable where there are none, as that may be a server in trouble."""
    rows = dict(_rows(session, found, _DETAILS))
    if not rows:
        raise Retryable(
            "the server lists no calendar",
            cure="check `url` and `user` of the mailbox, and that this user has a calendar",
        )
    titles = {url: row.text(_NAME) or unquote(url.rstrip("/").rpartition("/")[2]) for url, row in rows.items()}
    twins = Counter(titles.values())
    made = [_collection(url, row, titles[url], twins[titles[url]] > 1, settings) for url, row in rows.items()]
    return sorted(made, key=lambda each: each.name)


def all_news(session: Session, found: Found, *, ctags: bool, tokens: bool) -> dict[str, News]:
    """URL -> the news of every calendar, by one request for each home; at some servers both together are twice as
    dear as one."""
    asked = [name for name, wanted in ((_CTAG, ctags), (_TOKEN, tokens)) if wanted]
    return {url: _news(row, ctags) for url, row in _rows(session, found, (_TYPE, *asked))}


def state_of(session: Session, collection: Collection) -> News:
    """What it says of itself now."""
    what = f"asking {collection.name} for its state"
    asked = xml.propfind([_CTAG, *([_TOKEN] if collection.syncs else [])])
    listed, _ = session.multistatus(what, "PROPFIND", collection.url, asked, depth=0)
    return next((news for row in listed.rows if any(news := _news(row))), News(""))


def _rows(session: Session, found: Found, names: Iterable[str]) -> Iterator[tuple[str, Row]]:
    """The calendars among the members, by URL."""
    asked = xml.propfind(names)
    places = [(url, 1) for url in found.homes] + [(url, 0) for url in found.named]
    for place, depth in places:
        listed, base = session.multistatus("listing the calendars", "PROPFIND", place, asked, depth=depth)
        if not listed.rows:
            raise Retryable(
                "the list of calendars is empty", cure="nothing, if it passes; else check `url` of the mailbox"
            )
        for row in listed.rows:
            if row.has(_TYPE, f"{CALDAV}calendar") or _by_type(row):
                yield _member(session, row.href, base), row


def _member(session: Session, href: str, base: str) -> str:
    """What lies below the home is at its host, whatever a server behind another one calls itself."""
    below = path(href).startswith(path(base))
    url = located(path(href) if below else href, base)
    return session.approved(url if url.endswith("/") else f"{url}/", seen_at=base)


def _collection(url: str, row: Row, title: str, has_twin: bool, settings: Settings) -> Collection:
    shown = "".join(letter if letter.isprintable() else " " for letter in title)[:200].strip()
    name = f"{shown} ({path(url)})" if has_twin or not shown else shown
    components = {each.get("name", "").upper() for each in row.properties.get(_COMPONENTS, ())}
    # Without the property it may hold anything (RFC 4791 section 5.2.3).
    kind = next((kind for component, kind in _KINDS if component in components), "calendar")
    return Collection(
        url=url,
        name=name,
        kind=kind,
        excluded=_excluded(row, components, {shown, name, path(url), path(url).rstrip("/")}, settings),
        zone=(zone_of(row.text(_ZONE).encode()) if row.text(_ZONE) else "") or settings.zone,
        syncs=_REPORTS not in row.properties or row.has(_REPORTS, f"{DAV}sync-collection"),
    )


def _excluded(row: Row, components: set[str], names: set[str], settings: Settings) -> str:
    included = bool(names & set(settings.include))
    if names & set(settings.exclude) or (settings.include and not included):
        return "calendar_excluded"
    by_type = _by_type(row)
    if by_type and not (by_type == "subscribed" and included):
        return by_type
    if components and not components & {component for component, _ in _KINDS}:
        return "neither meetings, tasks nor notes"
    return ""


def _by_type(row: Row) -> str:
    return next((why for name, why in _BY_TYPE.items() if row.has(_TYPE, name)), "")


def _news(row: Row, with_ctag: bool = True) -> News:
    return News(row.text(_CTAG) if with_ctag else None, row.text(_TOKEN))
