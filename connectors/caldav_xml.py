"""WebDAV's XML: what is asked (RFC 4918, 4791, 6352, 6578), and a multistatus as values. Pure, bounded, no entities.

A document type is refused before anything in it is read, so that no entity is ever declared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

DAV, CALDAV, SERVER = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}", "{http://calendarserver.org/ns/}"
CARDDAV = "{urn:ietf:params:xml:ns:carddav}"
_PREFIXES = {DAV: "d", CALDAV: "c", SERVER: "s", CARDDAV: "a"}
_DECLARED = " ".join(f'xmlns:{prefix}="{space[1:-1]}"' for space, prefix in _PREFIXES.items())

MAX_ELEMENTS = 2_000_000

_HREF, _PROPSTAT, _PROP, _STATUS_OF = (f"{DAV}{name}" for name in ("href", "propstat", "prop", "status"))
_STATUS = re.compile(r"\b(\d{3})\b")
_ILLEGAL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"
    "|&#(?:0*(?:[0-8]|1[124-9]|2\\d|3[01])|[xX]0*(?:[0-8]|[bBcCeEfF]|1[0-9a-fA-F]));"
)
"""What XML 1.0 section 2.2 forbids, and servers copy from what people pasted into a description all the same."""


class NotDav(ValueError):
    """The answer is no multistatus: a login page, say. The message is for a person."""


class Row(NamedTuple):
    """One response of a multistatus."""

    href: str
    """As written."""
    status: int
    """Of the resource as a whole; 0 where only its properties have one."""
    properties: Mapping[str, Element]
    """Those that it has, by Clark name (`{DAV:}getetag`)."""

    def text(self, name: str) -> str:
        found = self.properties.get(name)
        return (found.text or "").strip() if found is not None else ""

    def has(self, name: str, inner: str) -> bool:
        """Whether the property holds this element anywhere (`resourcetype` holds `calendar`)."""
        found = self.properties.get(name)
        return found is not None and found.find(f".//{inner}") is not None

    def hrefs(self, name: str) -> tuple[str, ...]:
        found = self.properties.get(name)
        return tuple((each.text or "").strip() for each in found.iter(_HREF)) if found is not None else ()


class Multistatus(NamedTuple):
    rows: tuple[Row, ...]
    token: str
    """The new sync-token, or empty."""


def propfind(names: Iterable[str]) -> bytes:
    return _document("d:propfind", _prop(names))


def sync_collection(token: str, *, objects: bool = False) -> bytes:
    """Without DAV:limit, as servers cut there without saying so; sync-level 1 (RFC 6578 section 3.3). With `objects`
    each is to come itself, too: any property may be asked for (section 3.2)."""
    return _document(
        "d:sync-collection",
        f"<d:sync-token>{escape(token, quote=False)}</d:sync-token><d:sync-level>1</d:sync-level>"
        + _prop([f"{DAV}getetag", *([f"{CALDAV}calendar-data"] if objects else [])]),
    )


def multiget(hrefs: Iterable[str]) -> bytes:
    return _document("c:calendar-multiget", _prop([f"{DAV}getetag", f"{CALDAV}calendar-data"]) + _hrefs(hrefs))


def cards_multiget(hrefs: Iterable[str]) -> bytes:
    """RFC 6352 section 8.7."""
    return _document("a:addressbook-multiget", _prop([f"{DAV}getetag", f"{CARDDAV}address-data"]) + _hrefs(hrefs))


def _hrefs(hrefs: Iterable[str]) -> str:
    return "".join(f"<d:href>{escape(href, quote=False)}</d:href>" for href in hrefs)


def multistatus(body: bytes) -> Multistatus:
    """Raises NotDav."""
    text = _decoded(body)
    try:
        root = _parsed(text)
    except ElementTree.ParseError:
        try:
            root = _parsed(_ILLEGAL.sub(" ", text))
        except ElementTree.ParseError as error:
            raise NotDav("it is no XML") from error
    if root.tag != f"{DAV}multistatus":
        raise NotDav("it is no list of WebDAV")
    token = root.findtext(f"{DAV}sync-token") or ""
    rows = [row for each in root.iterfind(f"{DAV}response") for row in _rows(each)]
    return Multistatus(tuple(rows), token.strip())


class _Tree(ElementTree.TreeBuilder):
    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise NotDav("it is a web page" if name.lower() == "html" else "it declares a document type")


def _parsed(text: str) -> Element:
    if text.count("<") > MAX_ELEMENTS:
        raise NotDav("it has too many elements")
    parser = ElementTree.XMLParser(target=_Tree())
    # As text: whatever encoding the document claims for itself counts for nothing then.
    parser.feed(text)
    root: Element = parser.close()
    return root


def _decoded(body: bytes) -> str:
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return body.decode("utf-16", "replace")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        if re.match(rb"\s*<\?xml[^>]*encoding=.(?:iso-8859-|windows-125)", body, re.IGNORECASE):
            return body.decode("cp1252", "replace")
        return body.decode("utf-8", "replace")


def _rows(response: Element) -> Iterator[Row]:
    """One as a rule; a status may stand for several hrefs (RFC 4918 section 14.24)."""
    properties: dict[str, Element] = {}
    hrefs: list[str] = []
    status: int | None = None
    for part in response:  # in one go: a calendar has thousands of these
        if part.tag == _PROPSTAT:
            properties.update(_had(part))
        elif part.tag == _HREF:
            hrefs.append((part.text or "").strip())
        elif part.tag == _STATUS_OF and status is None:
            status = _code(part.text)
    for href in hrefs:
        yield Row(href, status or 0, properties)


def _had(propstat: Element) -> dict[str, Element]:
    """The properties that the resource has."""
    told = _code(propstat.findtext(_STATUS_OF))
    found = propstat.find(_PROP)
    return {each.tag: each for each in found} if found is not None and (200 <= told < 300 or not told) else {}


def _code(line: str | None) -> int:
    found = _STATUS.search((line or "").partition(" ")[2] or (line or ""))
    return int(found[1]) if found else 0


def _prop(names: Iterable[str]) -> str:
    return f"<d:prop>{''.join(f'<{_tag(name)}/>' for name in names)}</d:prop>"


def _tag(name: str) -> str:
    space, _, local = name.rpartition("}")
    return f"{_PREFIXES[space + '}']}:{local}"


def _document(root: str, content: str) -> bytes:
    return f'<?xml version="1.0" encoding="utf-8"?>\n<{root} {_DECLARED}>{content}</{root}>'.encode()
