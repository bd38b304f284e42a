"""iCalendar bytes -> components and their property lines (RFC 5545 section 3.1). Tolerant, linear and bounded.

Values stay text: each is read where it is needed. The `icalendar` package is not used: it keeps the VTIMEZONEs of one
calendar for the next in a cache of the process, turns a zone that it does not know into none, answers odd files with
seven kinds of exception, and takes fifteen times as long. The tests hold the two against each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from connectors.mime_words import clean, decode_unlabelled

MAX_BYTES = 8 * 1024 * 1024
MAX_LINES = 200_000
MAX_COMPONENTS = 5_000
_MAX_DEPTH = 16
_CACHED_LENGTH = 200
_CACHED_HEAD = 8_000
_FIRST_EVENT = "\nBEGIN:VEVENT\n"

_READ = frozenset(
    [
        "UID",
        "RECURRENCE-ID",
        "SEQUENCE",
        "DTSTAMP",
        "CREATED",
        "LAST-MODIFIED",
        "METHOD",
        "DTSTART",
        "DTEND",
        "DURATION",
        "DUE",
        "COMPLETED",
        "RRULE",
        "RDATE",
        "EXRULE",
        "EXDATE",
        "SUMMARY",
        "DESCRIPTION",
        "LOCATION",
        "STATUS",
        "CLASS",
        "PERCENT-COMPLETE",
        "ORGANIZER",
        "ATTENDEE",
        "CONTACT",
        "URL",
        "CONFERENCE",
        "X-GOOGLE-CONFERENCE",
        "X-OPENPAAS-VIDEOCONFERENCE",
        "X-MICROSOFT-SKYPETEAMSMEETINGURL",
        "X-MICROSOFT-CDO-ALLDAYEVENT",
        "X-MICROSOFT-CDO-BUSYSTATUS",
        "TZID",
        "TZOFFSETFROM",
        "TZOFFSETTO",
        "X-LIC-LOCATION",
        "X-WR-TIMEZONE",
    ]
)
"""All other properties are passed over: attachments and other makers' own can be megabytes."""
_DATES = frozenset(["DTSTART", "DTEND", "DUE", "COMPLETED", "RECURRENCE-ID", "EXDATE", "RDATE"])
_PEOPLE = frozenset(["ORGANIZER", "ATTENDEE"])
_CONTENTS = frozenset(["VEVENT", "VTODO", "VJOURNAL"])
_OTHERS = frozenset(["VFREEBUSY", "VAVAILABILITY"])
_CONTINUED = frozenset(["SUMMARY", "DESCRIPTION", "LOCATION", "ORGANIZER", "ATTENDEE", "URL"])
_KEPT = _CONTENTS | _OTHERS | frozenset(["VCALENDAR", "VTIMEZONE", "STANDARD", "DAYLIGHT"])

_ENDS = re.compile(rb"\r+\n?")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_PARAMETERS = re.compile(r'((?:;[A-Za-z0-9_-]+=(?:"[^"]*"|[^":;])*)+):')
_PARAMETER = re.compile(r';([A-Za-z0-9_-]+)=((?:"[^"]*"|[^";])*)')
_STRAY_PARAMETER = re.compile(r";([A-Za-z0-9_-]+)=([^;]*)")
_CARET = re.compile(r"\^[n'^]")
_CARETS = {"^n": "\n", "^'": '"', "^^": "^"}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


class NotReadable(ValueError):
    """Nothing can be made of it; the message is for a person, and holds nothing of the content."""


class Property(NamedTuple):
    parameters: str
    """As written: `;CN="Anna";PARTSTAT=ACCEPTED`."""
    value: str


_NOTHING = Property("", "")


@dataclass(slots=True)
class Component:
    name: str
    properties: dict[str, list[Property]] = field(default_factory=dict)
    components: list[Component] = field(default_factory=list)
    closed: bool = False
    """Its END was there."""

    def all(self, name: str) -> list[Property]:
        return self.properties.get(name, [])

    def first(self, name: str) -> Property | None:
        found = self.properties.get(name)
        return found[0] if found else None

    def value(self, name: str) -> str:
        """Return the first value of that name without blanks around it, or an empty text."""
        found = self.properties.get(name)
        return found[0].value.strip() if found else ""


class Calendar(NamedTuple):
    """All that one file holds, of all its VCALENDARs."""

    contents: tuple[Component, ...]
    """VEVENT, VTODO and VJOURNAL."""
    timezones: tuple[Component, ...]
    others: frozenset[str]
    """The names of the components that are none of these."""
    method: str
    zone: str
    """X-WR-TIMEZONE"""


def read(data: bytes) -> Calendar:
    """Split and nest the lines of a file; raise NotReadable."""
    root = _nested(_unfolded(data))
    calendars = [one for one in root.components if one.name == "VCALENDAR"]
    if not calendars and not root.components:
        raise NotReadable(_what_else(data))
    within = [*root.components, *(one for calendar in calendars for one in calendar.components)]
    return Calendar(
        contents=tuple(one for one in within if one.name in _CONTENTS),
        timezones=tuple(one for one in within if one.name == "VTIMEZONE"),
        others=frozenset(one.name for one in within if one.name in _OTHERS),
        method=next((clean(value, 40).upper() for one in calendars if (value := one.value("METHOD"))), ""),
        zone=next((value for one in calendars if (value := one.value("X-WR-TIMEZONE"))), ""),
    )


def parameters(line: Property) -> Mapping[str, str]:
    """Return the parameters by name in capitals, without quotes; of one that is repeated, the first."""
    if not line.parameters:
        return {}
    return (_parameters_once if len(line.parameters) <= _CACHED_LENGTH else _parameters)(line.parameters)


def _parameters(raw: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    pattern = _PARAMETER if raw.count('"') % 2 == 0 else _STRAY_PARAMETER
    for name, value in pattern.findall(raw):
        value = value.replace('"', "").strip()
        if "^" in value:
            value = _CARET.sub(lambda match: _CARETS[match[0]], value)  # RFC 6868
        found.setdefault(name.upper(), value)
    return found


_parameters_once = lru_cache(maxsize=1024)(_parameters)


def text(value: str) -> str:
    """Undo the escapes of a TEXT value (RFC 5545 section 3.3.11); a needless backslash goes."""
    if "\\" not in value:
        return value
    if "\\\\" not in value:  # then no backslash can be taken for another's: a fifth of the time for a long text
        value = value.replace("\\n", "\n").replace("\\,", ",").replace("\\;", ";")
    return _ESCAPE.sub(lambda match: "\n" if match[1] in "nN" else match[1], value) if "\\" in value else value


# ---------------------------------------------------------------------------------------------- lines


def _unfolded(data: bytes) -> str:
    """Return the lines as text. Bytes are unfolded before they are decoded: a fold may part the bytes of a letter."""
    if len(data) > MAX_BYTES:
        raise NotReadable(f"it is larger than {MAX_BYTES // 1024 // 1024} MB")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = data.decode("utf-16", "replace").encode("utf-8", "replace")
    data = data.replace(b"\0", b"")
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
        if b"\r" in data:
            data = _ENDS.sub(b"\n", data)
    data = data.replace(b"\n ", b"")
    if b"\t" in data:
        data = data.replace(b"\n\t", b"")
    if data.count(b"\n") > MAX_LINES:
        raise NotReadable(f"it has more than {MAX_LINES:,} lines")
    return decode_unlabelled(data, "").lstrip("\ufeff \n")


def _split(line: str) -> tuple[str, Property] | None:
    """Return the name in capitals and the rest of a content line, or None for what is none."""
    head, colon, value = line.partition(":")
    name, semicolon, given = head.partition(";")
    if not colon or value.startswith("//") or not _NAME.fullmatch(name):
        return None
    name = name.upper()
    if not semicolon:
        return name, Property("", value)
    if name in _DATES and not value[:4].isdigit():  # a zone with a colon, often without quotes: `(UTC+01:00) Berlin`
        head, _, value = line.rpartition(":")
        return name, Property(head[len(name) :], value)
    if name in _PEOPLE and (at := line.lower().rfind(":mailto:")) >= 0:  # a name may have a colon without quotes
        return name, Property(line[len(name) : at], line[at + 1 :])
    if '"' in given and (match := _PARAMETERS.match(line, len(name))):
        return name, Property(match[1], line[match.end() :])
    return name, Property(f";{given}", value)


# The same zones, people and alarms stand in most objects of a calendar.
_split_once = lru_cache(maxsize=4096)(_split)


def _continued(name: str, line: Property, more: list[str]) -> Property:
    """The line with what is no content line and goes on with the text before it: a line break was not escaped."""
    if name not in _CONTINUED or not any(more):
        return line
    return Property(line.parameters, "\\n".join([line.value, *more]))


# ---------------------------------------------------------------------------------------------- nesting


@dataclass(slots=True)
class _Nesting:
    """What the lines so far have opened, outermost first. What is not closed is closed by what cannot lie within it."""

    path: list[Component] = field(default_factory=lambda: [Component("", closed=True)])
    count: int = 0

    def take(self, lines: Iterable[str]) -> None:
        path, name = self.path, ""
        properties = path[-1].properties
        line: Property = _NOTHING
        more: list[str] = []
        for raw in lines:
            split = _split_once(raw) if len(raw) <= _CACHED_LENGTH else _split(raw)
            if split is None:
                more.append(raw)
                continue
            if more:
                self._add_to(properties, name, line, more)
                more = []
            name, line = split
            if name in _READ:
                properties.setdefault(name, []).append(line)
            elif name == "BEGIN":
                self.count += 1
                _begin(path, line.value.strip().upper(), self.count)
                properties = path[-1].properties
            elif name == "END":
                _end(path, line.value.strip().upper())
                properties = path[-1].properties
        self._add_to(properties, name, line, more)

    @staticmethod
    def _add_to(properties: dict[str, list[Property]], name: str, line: Property, more: list[str]) -> None:
        if name in _READ:
            properties[name][-1] = _continued(name, line, more)


class _Head(NamedTuple):
    """What stands before the first event: of all objects of one calendar and maker the same, mostly a VTIMEZONE."""

    properties: Mapping[str, Sequence[Property]]
    components: Sequence[Component]
    begun: int
    """How many components there were, of those passed over too."""


@lru_cache(maxsize=256)
def _head(lines: str) -> _Head | None:
    """None if it is anything but the beginning of one VCALENDAR."""
    nesting = _Nesting()
    nesting.take(lines.split("\n"))
    root, *opened = nesting.path
    if len(opened) != 1 or root.components != opened or root.properties or opened[0].name != "VCALENDAR":
        return None
    return _Head(opened[0].properties, tuple(opened[0].components), nesting.count)


def _nested(text: str) -> Component:
    """Return a root that holds what the lines say."""
    nesting = _Nesting()
    head, begin, rest = text.partition(_FIRST_EVENT)
    if begin and len(head) <= _CACHED_HEAD and (known := _head(head)):
        properties = {name: [*lines] for name, lines in known.properties.items()}
        calendar = Component("VCALENDAR", properties, [*known.components])
        nesting = _Nesting([*nesting.path, calendar], known.begun)
        nesting.path[0].components.append(calendar)
        text = f"BEGIN:VEVENT\n{rest}"
    lines = text.split("\n")
    if not lines[-1].upper().startswith("END"):
        del lines[-1]  # nothing, or a line that was cut: a date and a time that ends after the date is another date
    nesting.take(lines)
    return nesting.path[0]


def _begin(path: list[Component], name: str, count: int) -> None:
    if count > MAX_COMPONENTS:
        raise NotReadable(f"it has more than {MAX_COMPONENTS:,} components")
    if name == "VCALENDAR":
        del path[1:]
    elif name in _CONTENTS:
        del path[next((depth for depth, one in enumerate(path) if one.name in _CONTENTS), len(path)) :]
    if len(path) > _MAX_DEPTH:
        raise NotReadable(f"its components are nested more than {_MAX_DEPTH} deep")
    component = Component(name)
    if name in _KEPT:
        path[-1].components.append(component)
    path.append(component)


def _end(path: list[Component], name: str) -> None:
    for depth in range(len(path) - 1, 0, -1):
        if path[depth].name == name:
            path[depth].closed = True
            del path[depth:]
            return


def _what_else(data: bytes) -> str:
    beginning = data[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not beginning:
        return "it is empty"
    if beginning.startswith((b"<!doctype html", b"<html")):
        return "it is an HTML page and no calendar data"
    return "it is no calendar data: there is no BEGIN:VCALENDAR"
