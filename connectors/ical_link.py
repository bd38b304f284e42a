"""Where a video meeting is: the link by which one joins it, of all the links that an event holds."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from connectors.ical_read import Component, parameters, text

_LOOKED_AT = 20_000
_URL_LIMIT = 1000
_MAX_URLS = 50
_URL = re.compile(r"https?://[^\s<>\"'\\^`{|}]{4,2000}", re.IGNORECASE)
_OWN = ("X-GOOGLE-CONFERENCE", "X-MICROSOFT-SKYPETEAMSMEETINGURL", "X-OPENPAAS-VIDEOCONFERENCE")
_SAYING = frozenset({"CONFERENCE", *_OWN})
_SAFE_LINKS = ".safelinks.protection.outlook.com"

# Host, and path: beside the link to join, an invitation has some to dial in, to test a microphone or to set options.
_JOINS = [
    (re.compile(host), re.compile(path))
    for host, path in (
        (r"meet\.google\.com", r"/(?:[a-z]{3}-[a-z]{4}-[a-z]{3}|lookup/\w+)"),
        (r"teams\.(?:microsoft|live)\.com", r"/(?:l/meetup-join/.+|meet/\w+)"),
        (r"(?:[\w-]+\.)?zoom(?:gov)?\.(?:us|com)", r"/(?:j|w|s|my|wc|wc/join)/[\w.-]+"),
        (r"[\w-]+\.webex\.com", r"/(?:.*/)?(?:j\.php|meet/.+|join/.+|m/\w+)"),
        (r"(?:global\.|www\.)?gotomeeting\.com|(?:meet|app)\.goto\.com|gotomeet\.me", r"/(?:join/)?[\w/-]+"),
        (r"(?:[\w-]+\.)?whereby\.com|meet\.jit\.si|(?:[\w-]+\.)?bluejeans\.com|chime\.aws", r"/[\w.-]{3,}(?:/.*)?"),
        (r"join\.skype\.com|meet\.lync\.com|(?:v|meetings)\.ringcentral\.com", r"/.{3,}"),
    )
]


def join_link(component: Component) -> str:
    """Return the link, or an empty text. What a property says to be one counts before what is found in a text."""
    for url in _said(component) if not _SAYING.isdisjoint(component.properties) else ():
        if len(url) <= _URL_LIMIT and _host(url):
            return url
    for name in ("URL", "DESCRIPTION"):
        for url in _urls(component.value(name)[:_LOOKED_AT]):
            if len(url) <= _URL_LIMIT and is_join_link(url):
                return url
    return ""


def is_join_link(url: str) -> bool:
    host = _host(url)
    return any(hosts.fullmatch(host) and paths.match(urlsplit(url).path) for hosts, paths in _JOINS)


def _said(component: Component) -> Iterator[str]:
    """Yield what CONFERENCE (RFC 7986 section 5.11) and makers' own properties give; a phone is no link."""
    lines = [(parameters(line).get("FEATURE", "").upper(), line.value) for line in component.all("CONFERENCE")]
    for feature, value in sorted(lines, key=lambda pair: "VIDEO" not in pair[0]):
        if "PHONE" not in feature or "VIDEO" in feature:
            yield text(value).strip()
    for name in _OWN:
        yield text(component.value(name))


def _urls(words: str) -> Iterator[str]:
    if "/" not in words and "&" not in words:  # not even as an entity
        return
    words = html.unescape(text(words))
    for found, match in enumerate(_URL.finditer(words)):
        if found == _MAX_URLS:
            return
        url = match[0].rstrip(".,;:!?)]*_")
        yield _unwrapped(url)


def _unwrapped(url: str) -> str:
    """Return what a link of Outlook's link check leads to; the link within stays as it is written."""
    if not _host(url).endswith(_SAFE_LINKS):
        return url
    return parse_qs(urlsplit(url).query).get("url", [url])[0]


def _host(url: str) -> str:
    """Return the host of a web address in lower case, or an empty text."""
    try:
        parts = urlsplit(url)
        return (parts.hostname or "") if parts.scheme.lower() in {"http", "https"} else ""
    except ValueError:
        return ""
