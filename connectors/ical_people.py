"""ORGANIZER and ATTENDEE lines -> participants. Rooms, resources, groups and what stands for a calendar are none."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from connectors.ical_read import Component, Property, parameters
from connectors.mime_address import NAME_LIMIT, addresses
from connectors.mime_words import clean, decode_words
from syncd.model import Participant, Role

MAX_ATTENDEES = 1000
_LONGEST_VALUE = 2000
_CACHED_LENGTH = 400
_RESPONSES = {
    "ACCEPTED": "accepted",
    "COMPLETED": "accepted",  # of a task
    "IN-PROCESS": "accepted",
    "DECLINED": "declined",
    "TENTATIVE": "tentative",
    "NEEDS-ACTION": "needs_action",
}
"""DELEGATED is no answer of theirs: whom they sent has a line too."""
_NO_PEOPLE = frozenset({"ROOM", "RESOURCE", "GROUP"})
_MAILTO = re.compile(r"(?:mailto:\s*)+", re.IGNORECASE)
_CALENDARS = "calendar.google.com"
"""The domain, with those below it, of Google's rooms, groups, imported calendars and unknown organizers."""
_DEFINITE = frozenset({"accepted", "declined", "tentative"})


class People(NamedTuple):
    participants: tuple[Participant, ...]
    partial: bool
    problems: tuple[str, ...]


def people(component: Component) -> People:
    """Return the organizer and then the attendees, each address once a role, with the most definite answer."""
    found: dict[tuple[Role, str], Participant] = {}
    problems: list[str] = []
    for line in component.all("ORGANIZER")[:1]:
        if not _add(found, Role.ORGANIZER, line):
            problems.append("the organizer's address is unreadable")
    attendees = component.all("ATTENDEE")
    for line in attendees[:MAX_ATTENDEES]:
        _add(found, Role.ATTENDEE, line)
    cut = len(attendees) > MAX_ATTENDEES
    if cut:
        problems.append(f"more than {MAX_ATTENDEES:,} attendees")
    return People(tuple(found.values()), cut, tuple(problems))


def _add(found: dict[tuple[Role, str], Participant], role: Role, line: Property) -> bool:
    """Take in a line; False if it names somebody whose address cannot be read."""
    is_short = len(line.parameters) + len(line.value) <= _CACHED_LENGTH
    person = (_person_once if is_short else _person)(role, line)
    if person is None:
        return True
    key, one = person
    if not one.address:
        return False
    known = found.get(key)
    if known is None:
        found[key] = one
    elif one.response in _DEFINITE and known.response not in _DEFINITE:
        found[key] = one._replace(name=one.name or known.name)
    return True


def _person(role: Role, line: Property) -> tuple[tuple[Role, str], Participant] | None:
    """Return who it is, and what is one person; None for what is no person."""
    given = parameters(line)
    address = _address(line.value, given.get("EMAIL", ""))
    if given.get("CUTYPE", "").upper() in _NO_PEOPLE or _is_calendar(address):
        return None
    name = clean(decode_words(given.get("CN", "")), NAME_LIMIT)
    if name.lower().removeprefix("mailto:") == address.lower():
        name = ""
    response = _RESPONSES.get(given.get("PARTSTAT", "").upper(), "")
    return (role, address.lower()), Participant(role, address, name, response)


_person_once = lru_cache(maxsize=2048)(_person)  # the same few people stand in most events of a calendar


def _address(value: str, email: str) -> str:
    """Read `mailto:` in any case or without, quoted, encoded, with a name before; else the EMAIL parameter.

    iCloud and some servers put a path or a `urn:` in the value; the address is then in EMAIL alone.
    """
    value = value[:_LONGEST_VALUE].replace("\\n", "").strip("\"' <>\t")
    if match := _MAILTO.match(value):
        value = unquote(value[match.end() :].partition("?")[0])
    elif ":" in value:
        value = ""
    for candidate in (value, email[:_LONGEST_VALUE]):
        if "@" in candidate and (read := addresses(candidate.strip("\"' ")).mailboxes):
            return read[0][1]
    return ""


def _is_calendar(address: str) -> bool:
    domain = address.lower().rpartition("@")[2]
    return domain == _CALENDARS or domain.endswith(f".{_CALENDARS}")
