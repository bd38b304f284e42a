"""A small CalDAV server on the loopback address that behaves, but for what a test turns: the odd servers of the world.

Its calendars have knobs, each named after what some real server does. For the rest,
`server.script["REPORT sync-collection"] = lambda asked, usual: ...` answers a kind of request in its own way;
`usual()` is the well-behaved answer.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import quote, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.servers import dav_xml
from tests.servers.dav_xml import CALDAV, Properties, Row, Wanted
from tests.servers.http_doors import Door
from tests.servers.loopback_http import Asked, Told
from tests.servers.loopback_http import serve as serve_http
from tests.servers.scripted_calendar import BAD_TOKENS, Calendar, Page

Script: TypeAlias = Callable[[Asked, Callable[[], Told]], Told]

_DATA = f"{{{CALDAV}}}calendar-data"

ROOT, PRINCIPAL, HOME = "/dav/", "/dav/principals/anna/", "/dav/calendars/anna/"
LOGIN_PAGE = Told(200, b"<!DOCTYPE html><html><body><form>Sign in</form>", (("Content-Type", "text/html"),))


@dataclass(slots=True)
class ScriptedCalDav:
    port: int = 0
    scheme: str = "http"
    calendars: list[Calendar] = field(default_factory=list)
    door: Door = field(default_factory=Door)
    well_known: str | None = ROOT
    """Where /.well-known/caldav leads; None is nowhere."""
    principal: str | None = PRINCIPAL
    """None: the server tells of no current-user-principal."""
    homes: tuple[str, ...] = (HOME,)
    """Hrefs of the calendar-home-set; empty: the principal tells of none."""
    user_addresses: tuple[str, ...] = ("mailto:anna@example.com", PRINCIPAL)
    href_of: Callable[[str], str] = quote
    """How it writes the path of an object in its answers."""
    script: dict[str, Script] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}"

    def kinds(self) -> list[str]:
        """What was asked, in order: `PROPFIND`, `REPORT sync-collection` and the like."""
        return [_kind(each) for each in self.asked]

    def add(self, name: str, **knobs: object) -> Calendar:
        """A new calendar in the home."""
        calendar = Calendar(f"{HOME}{name}/", name)
        for knob, value in knobs.items():
            setattr(calendar, knob, value)
        self.calendars.append(calendar)
        return calendar

    def answer(self, asked: Asked) -> Told:
        self.asked.append(asked)
        if scripted := self.script.get(_kind(asked)):
            return scripted(asked, lambda: self._usual(asked))
        return self._usual(asked)

    def _usual(self, asked: Asked) -> Told:
        path = unquote(urlsplit(asked.path).path)
        if path.rstrip("/") == "/.well-known/caldav":
            return Told(301, headers=(("Location", self.well_known),)) if self.well_known else Told(404)
        if refusal := self.door.refusal(asked):
            return refusal
        match asked.method:
            case "OPTIONS":
                return Told(200, headers=(("DAV", "1, 3, extended-mkcol, calendar-access, calendar-proxy"),))
            case "PROPFIND":
                return self._propfind(path, dav_xml.read(asked.body), asked.headers.get("depth", "1"))
            case "REPORT":
                return self._report(path, dav_xml.read(asked.body), asked.headers.get("depth", "0"))
            case "GET":
                return self._get(path)
        return dav_xml.failure(405, "MethodNotAllowed", "This is read only")

    # ------------------------------------------------------------------------------------------------- PROPFIND

    def _propfind(self, path: str, wanted: Wanted, depth: str) -> Told:
        calendar = self._calendar(path)
        if path in ("/", ROOT):
            rows = [Row(path, self._who())]
        elif path == PRINCIPAL:
            rows = [Row(path, self._principal())]
        elif path == HOME:
            inner = [Row(f"{HOME}inbox/", _typed("collection", f"{{{CALDAV}}}schedule-inbox"))]
            inner += [Row(self._href(each.path), each.properties(self._who())) for each in self.calendars]
            rows = [Row(path, {**self._who(), **_typed("collection")}), *(inner if depth != "0" else [])]
        elif calendar:
            inner = [self._object(calendar, name) for name in calendar.listing()]
            rows = [Row(self._href(path), calendar.properties(self._who())), *(inner if depth != "0" else [])]
        else:
            return dav_xml.failure(404, "NotFound", f"File not found: {path}")
        return dav_xml.multistatus(rows, wanted.properties)

    def _who(self) -> Properties:
        return {"{DAV:}current-user-principal": dav_xml.href(self.principal)} if self.principal else {}

    def _principal(self) -> Properties:
        found = {**self._who(), **_typed("collection", "principal")}
        if self.homes:
            found[f"{{{CALDAV}}}calendar-home-set"] = "".join(map(dav_xml.href, self.homes))
        if self.user_addresses:
            found[f"{{{CALDAV}}}calendar-user-address-set"] = "".join(map(dav_xml.href, self.user_addresses))
        return found

    # --------------------------------------------------------------------------------------------------- REPORT

    def _report(self, path: str, wanted: Wanted, depth: str) -> Told:
        calendar = self._calendar(path)
        if not calendar:
            return dav_xml.failure(404, "NotFound", f"File not found: {path}")
        match wanted.report:
            case "sync-collection" if calendar.syncs:
                return self._sync(calendar, wanted)
            case "calendar-multiget":
                return dav_xml.multistatus([self._found(each) for each in wanted.hrefs], wanted.properties)
            case "calendar-query":
                return self._query(calendar, wanted, depth)
        # RFC 3253 section 3.6.
        return dav_xml.failure(403, "ReportNotSupported", "unknown report", "{DAV:}supported-report")

    def _sync(self, calendar: Calendar, wanted: Wanted) -> Told:
        if wanted.token and not calendar.knows(wanted.token):
            if refused := BAD_TOKENS.get(calendar.bad_token):
                return refused
            page = calendar.page("") if calendar.bad_token == "full" else Page((), (), calendar.token)
        else:
            page = calendar.page(wanted.token, wanted.limit)
        rows = [self._listed(calendar, name) for name in page.changed]
        rows += [Row(self._object_href(calendar, name), status=calendar.gone_as) for name in page.removed]
        if calendar.lists_itself:
            rows.insert(0, Row(self._href(calendar.path), calendar.properties(self._who())))
        if page.more:
            rows.append(Row(self._href(calendar.path), status=507))
        return dav_xml.multistatus(rows, wanted.properties, token=None if calendar.hides_token else page.token)

    def _listed(self, calendar: Calendar, name: str) -> Row:
        row = self._object(calendar, name)
        if calendar.brings == "objects":
            return row
        rest = {name: value for name, value in row.properties.items() if name != _DATA}
        return row._replace(properties={**rest, **({_DATA: ""} if calendar.brings == "empty" else {})})

    def _query(self, calendar: Calendar, wanted: Wanted, depth: str) -> Told:
        """By component only: no server is to be trusted with more."""
        if calendar.demands_filter and not wanted.components:
            return dav_xml.failure(403, "Forbidden", "no filter", f"{{{CALDAV}}}supported-filter")
        names = calendar.listing() if depth == "1" else []  # RFC 4791 section 7.8: without a Depth it is 0
        if wanted.components and calendar.filters:
            names = [name for name in names if calendar.component(name) in wanted.components]
        return dav_xml.multistatus([self._object(calendar, name) for name in names], wanted.properties)

    # ---------------------------------------------------------------------------------------------- the objects

    def _get(self, path: str) -> Told:
        calendar, name = self._place(path)
        if not calendar or not calendar.gives(name):
            return dav_xml.failure(404, "NotFound", f"File not found: {path}")
        stored = calendar.objects[name]
        return Told(200, stored.data, (("Content-Type", "text/calendar; charset=utf-8"), ("ETag", stored.etag)))

    def _found(self, href: str) -> Row:
        calendar, name = self._place(unquote(urlsplit(href).path))
        if not calendar or not calendar.gives(name):
            return Row(href, status=404)
        return self._object(calendar, name)

    def _object(self, calendar: Calendar, name: str) -> Row:
        stored = calendar.objects[name]
        found = {
            "{DAV:}getcontenttype": f"text/calendar; charset=utf-8; component={calendar.component(name).lower()}",
            "{DAV:}resourcetype": "",
            _DATA: escape(stored.data.decode(errors="replace")),
        }
        if name not in calendar.without_etag:
            found["{DAV:}getetag"] = escape(stored.etag)
        return Row(self._object_href(calendar, name), found)

    def _object_href(self, calendar: Calendar, name: str) -> str:
        return self._href(f"{calendar.hrefs_under or calendar.path}{name}")

    def _href(self, path: str) -> str:
        return self.href_of(path)

    def _place(self, path: str) -> tuple[Calendar | None, str]:
        """The calendar whose path this begins with, and the rest, which may hold a slash."""
        for calendar in self.calendars:
            if path.startswith(calendar.path):
                return calendar, path.removeprefix(calendar.path)
        return None, ""

    def _calendar(self, path: str) -> Calendar | None:
        return next((each for each in self.calendars if each.path.rstrip("/") == path.rstrip("/")), None)


def _typed(*names: str) -> dict[str, str]:
    return {"{DAV:}resourcetype": "".join(dav_xml.element(name) for name in names)}


def _kind(asked: Asked) -> str:
    if asked.method != "REPORT":
        return asked.method
    root = re.search(rb"<(?:\w+:)?([a-z-]+)[\s>/]", asked.body)
    return f"REPORT {root[1].decode()}" if root else "REPORT"


@contextmanager
def serve(*, tls: ssl.SSLContext | None = None) -> Iterator[ScriptedCalDav]:
    server = ScriptedCalDav(scheme="https" if tls else "http")
    with serve_http(server.answer, tls=tls) as server.port:
        yield server
