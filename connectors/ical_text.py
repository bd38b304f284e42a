"""What the components of all three kinds have in common: texts, privacy, version."""

from __future__ import annotations

import re
from datetime import datetime

from connectors.ical_read import Component, text
from connectors.ical_time import stamp
from connectors.ical_zone import Zones
from connectors.mime_words import clean, clean_lines
from connectors.text_html import html_to_text

_SUBJECT_LIMIT = 1000
_TEXT_LIMIT = 100_000
_LARGEST = 2**63 - 1
# Google and others put HTML where only text may be; one of these tags tells.
_HTML = re.compile(r"<(?:html|body|br|p|div|span|ul|ol|li|b|i|u|a|table)\b[^<>]{0,2000}>", re.IGNORECASE)
_HTML_LINES = re.compile(r"<(?:br|p|div|table)\b", re.IGNORECASE)


def subject(component: Component) -> str:
    return clean(text(component.value("SUMMARY")[: 4 * _SUBJECT_LIMIT]), _SUBJECT_LIMIT)


def location(component: Component) -> str:
    return clean(text(component.value("LOCATION")[: 4 * _SUBJECT_LIMIT]), _SUBJECT_LIMIT)


def description(component: Component) -> str:
    """Return all DESCRIPTIONs (a VJOURNAL may have several), as plain lines."""
    return "\n\n".join(filter(None, (_plain(line.value) for line in component.all("DESCRIPTION"))))[:_TEXT_LIMIT]


def _plain(value: str) -> str:
    lines = text(value[:_TEXT_LIMIT])
    if _HTML.search(lines):
        lines = html_to_text(lines if _HTML_LINES.search(lines) else lines.replace("\n", "<br>"))
    return clean_lines(lines).strip()


def private(component: Component) -> str:
    """Return the CLASS if it is any but PUBLIC: one that is not known means PRIVATE (RFC 5545 section 3.8.1.3)."""
    given = clean(component.value("CLASS"), 40).upper()
    return "" if given in {"", "PUBLIC"} else f"CLASS:{given}"


def sequence(component: Component) -> int:
    given = component.value("SEQUENCE")
    return min(int(given[:20]), _LARGEST) if given.isascii() and given.isdigit() else 0


def stamped_at(component: Component, zones: Zones, *, method: str) -> datetime | None:
    """Return when this version was made.

    In a mail that is DTSTAMP. In a calendar it is LAST-MODIFIED, if that is there, as some servers (Google) write the
    time of asking into DTSTAMP.
    """
    first, second = ("DTSTAMP", "LAST-MODIFIED") if method else ("LAST-MODIFIED", "DTSTAMP")
    return stamp(component, first, zones) or stamp(component, second, zones)
