"""What zone a TZID means. The order of trust: IANA's name, Windows' name, other makers' spellings of these, the
VTIMEZONE beside it, and at last the calendar's own zone, which is said to be uncertain."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from tzlocal.windows_tz import win_tz

from connectors.ical_read import Component, NotReadable
from connectors.ical_vtimezone import own_zone

_TZID_LIMIT = 200
_UTC_NAMES = frozenset({"utc", "z", "gmt", "etc/utc", "etc/gmt", "tzone://microsoft/utc", "coordinated universal time"})


_WINDOWS = {name.lower(): zone for name, zone in win_tz.items()}
"""CLDR's, of the territory 001."""


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """Return all names that are known, in lower case -> IANA's. It reads the whole directory of the zones."""
    own = {name.lower(): name for name in available_timezones()}
    return _WINDOWS | own | dict.fromkeys(_UTC_NAMES, "UTC")


def _is_own(name: str) -> bool:
    """Whether it is one of `available_timezones`, to the letter. That one leaves these directories out."""
    if name.startswith(("posix/", "right/")) or name == "posixrules":
        return False
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def named(tzid: str) -> str:
    """Return IANA's name for a TZID, or an empty text.

    It may be quoted, in other case, have blanks for underscores, or stand at the end of a path, as in
    `/freeassociation.sourceforge.net/Europe/Vienna` or `/mozilla.org/20070129_1/America/Argentina/Ushuaia`.
    """
    return _named(tzid) if len(tzid) <= _TZID_LIMIT else ""


@lru_cache(maxsize=1024)
def _named(tzid: str) -> str:
    spelt = tzid.strip("\"' \t")
    plain = spelt.lower()
    if plain in _UTC_NAMES:
        return "UTC"
    if _is_own(spelt):
        return spelt
    if windows := _WINDOWS.get(plain):
        return windows
    known = _names()
    for spelling in (plain, plain.replace(" ", "_")):
        if spelling in known:
            return known[spelling]
    words = [word for word in re.split(r"/+", plain) if word]
    for length in (3, 2):  # one word alone is no path: `/company.example/Singapore`
        if len(words) >= length and (name := known.get("/".join(words[-length:]))):
            return name
    return ""


class Zones:
    """The zones of one file, and what had to be guessed of it."""

    def __init__(self, timezones: Iterable[Component], home: str) -> None:
        """`home` is the calendar's own zone; UTC stands for it where it is empty or none that is known."""
        self.home_name = named(home)
        self.home: tzinfo = zone(self.home_name) if self.home_name else UTC
        self._problems: dict[str, None] = {}
        self._components = {_tzid(one): one for one in timezones}
        self._found: dict[str, tuple[tzinfo, str]] = {}

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(self._problems)

    def note(self, problem: str) -> None:
        """Remember what had to be guessed or passed over; each once."""
        self._problems[problem] = None

    def of(self, tzid: str) -> tuple[tzinfo, str]:
        """Return the zone of a TZID, and IANA's name for it, if it has one."""
        if tzid not in self._found:
            self._found[tzid] = self._resolved(tzid)
        return self._found[tzid]

    def floating(self) -> tuple[tzinfo, str]:
        """Return the zone of what is said without one."""
        if not self.home_name:
            self.note("its times have no zone, nor has the calendar: UTC is taken, which is uncertain")
        return self.home, self.home_name

    def _resolved(self, tzid: str) -> tuple[tzinfo, str]:
        component = self._components.get(tzid.strip())
        if name := named(tzid) or (named(component.value("X-LIC-LOCATION")) if component else ""):
            return zone(name), name
        if component:
            try:
                return own_zone(component), ""
            except (NotReadable, ValueError, OverflowError):
                pass
        self.note("its time zone is not known: the calendar's own is taken, which is uncertain")
        return self.home, self.home_name


def zone_of_timezones(timezones: Iterable[Component]) -> str:
    """Return IANA's name of the first VTIMEZONE that has one, or an empty text."""
    return next((name for one in timezones if (name := named(_tzid(one)) or named(one.value("X-LIC-LOCATION")))), "")


def zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)


def _tzid(component: Component) -> str:
    return component.value("TZID").strip("\"' ")
