"""WebDAV's XML as a server reads and writes it, in the manner of sabre/dav."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.servers.loopback_http import Told

DAV, CALDAV, CALENDAR_SERVER = "DAV:", "urn:ietf:params:xml:ns:caldav", "http://calendarserver.org/ns/"
_PREFIXES = {DAV: "d", CALDAV: "cal", CALENDAR_SERVER: "cs", "http://sabredav.org/ns": "s"}
_DECLARED = " ".join(f'xmlns:{prefix}="{namespace}"' for namespace, prefix in _PREFIXES.items())
_PHRASES = {200: "OK", 404: "Not Found", 403: "Forbidden", 418: "I'm a teapot", 507: "Insufficient Storage"}

Properties = Mapping[str, str]
"""Clark name (`{DAV:}getetag`) -> its content as XML."""


class Row(NamedTuple):
    """One response of a multistatus."""

    href: str
    properties: Properties = MappingProxyType({})
    status: int | None = None
    """Of the whole resource, in place of properties."""


class Wanted(NamedTuple):
    """What a PROPFIND or REPORT asks for."""

    report: str
    """`sync-collection` and the like; `propfind` of a PROPFIND."""
    properties: tuple[str, ...]
    """Clark names; empty is all of them."""
    hrefs: tuple[str, ...]
    token: str
    limit: int | None
    components: tuple[str, ...]
    """Of the comp-filters, VCALENDAR left out."""


def read(body: bytes) -> Wanted:
    if not body:
        return Wanted("propfind", (), (), "", None, ())
    root = ElementTree.fromstring(body)
    properties = root.find(f"{{{DAV}}}prop")
    filters = (each.get("name", "") for each in root.iter(f"{{{CALDAV}}}comp-filter"))
    limit = root.findtext(f"{{{DAV}}}limit/{{{DAV}}}nresults")
    return Wanted(
        report=root.tag.rpartition("}")[2],
        properties=tuple(each.tag for each in properties) if properties is not None else (),
        hrefs=tuple((each.text or "").strip() for each in root.findall(f"{{{DAV}}}href")),
        token=(root.findtext(f"{{{DAV}}}sync-token") or "").strip(),
        limit=int(limit) if limit else None,
        components=tuple(name for name in filters if name != "VCALENDAR"),
    )


def multistatus(rows: Iterable[Row], wanted: Sequence[str], *, token: str | None = None) -> Told:
    """Each row with those of its properties that are wanted, and what it lacks of them as 404."""
    parts = [_response(row, wanted) for row in rows]
    if token is not None:
        parts.append(element("{DAV:}sync-token", escape(token)))
    return _xml(207, f"<d:multistatus {_DECLARED}>{''.join(parts)}</d:multistatus>")


def failure(status: int, exception: str, message: str, precondition: str = "") -> Told:
    """An error document; `precondition` is a Clark name."""
    said = f"<s:exception>Sabre\\DAV\\Exception\\{exception}</s:exception><s:message>{escape(message)}</s:message>"
    named = element(precondition) if precondition else ""
    return _xml(status, f"<d:error {_DECLARED}>{said}{named}</d:error>")


def element(name: str, content: str = "") -> str:
    """`name` as Clark name, or as bare name of DAV:."""
    namespace, _, local = name.removeprefix("{").rpartition("}")
    prefix = _PREFIXES.get(namespace or DAV)
    tag = f"{prefix}:{local}" if prefix else f'{local} xmlns="{namespace}"'
    return f"<{tag}>{content}</{tag.partition(' ')[0]}>" if content else f"<{tag}/>"


def href(path: str) -> str:
    return element("href", escape(path))


def _response(row: Row, wanted: Sequence[str]) -> str:
    parts = [href(row.href)]
    if row.status is not None:
        return element("response", "".join([*parts, _status(row.status)]))
    names = wanted or list(row.properties)
    found = "".join(element(name, row.properties[name]) for name in names if name in row.properties)
    missing = "".join(element(name) for name in names if name not in row.properties)
    for status, properties in ((200, found), (404, missing)):
        if properties:
            parts.append(element("propstat", element("prop", properties) + _status(status)))
    return element("response", "".join(parts))


def _status(status: int) -> str:
    return element("status", f"HTTP/1.1 {status} {_PHRASES.get(status, 'Odd')}")


def _xml(status: int, document: str) -> Told:
    body = f'<?xml version="1.0" encoding="utf-8"?>\n{document}'.encode()
    return Told(status, body, (("Content-Type", "application/xml; charset=utf-8"),))
