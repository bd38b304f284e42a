"""The types of single settings: how each is written in TOML, and what is said when it is not.

A validator raises ValueError with the words for the admin and never repeats the value: it may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

from matching.address import FREE_MAIL, domain_key, key
from syncd import secrets
from syncd.config.reading import Check, Read
from syncd.model import Level

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"(\d{1,5})([smhdw])")


def duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('must be a number and a unit in quotes: "30s", "5m", "12h", "180d" or "2w"')
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def _positive(value: timedelta) -> timedelta:
    if not value:
        raise ValueError('must be longer than nothing, such as "5m"')
    return value


def level(value: object) -> Level:
    if isinstance(value, Level):
        return value
    names = {each.name.lower(): each for each in Level}
    if not isinstance(value, str) or value not in names:
        raise ValueError('must be "private", "metadata", "subject" or "full"')
    return names[value]


def folder_levels(value: object) -> tuple[tuple[str, Level], ...]:
    """`levels = { "Deals/Secret" = "metadata" }`, as pairs, which do not change."""
    if isinstance(value, tuple):
        return value
    if not isinstance(value, dict) or not all(isinstance(name, str) and name for name in value):
        raise ValueError('must be folders with their levels, such as { "Private" = "metadata" }')
    return tuple((name, level(each)) for name, each in value.items())


def address(value: str) -> str:
    if not key(value):
        raise ValueError('must be an email address, such as "anna@example.com"')
    return value


def own_domain(value: str) -> str:
    """A free-mail domain as an own one would make half of the world's customers colleagues."""
    domain = domain_key(value.removeprefix("@"))
    if not domain or "." not in domain or "@" in domain:
        raise ValueError('must be a domain, such as "example.com"')
    if domain in FREE_MAIL:
        raise ValueError('is a free-mail domain that strangers use too; list your own addresses there as "aliases"')
    return domain


def never_log_entry(value: str) -> str:
    local, at, domain = value.rpartition("@")
    if not at or not (key(value) if local else domain_key(domain)):
        raise ValueError('must be an address or an @domain: "anna@example.com" or "@example.com"')
    return value


def listen_address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if value and not (host and port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError('must be an address and a port, such as "127.0.0.1:9464", or "" for none')
    return value


def reference(value: str) -> str:
    """Refuse a secret that is written out, without repeating it."""
    if not secrets.is_reference(value):
        raise ValueError(secrets.HOW_TO)
    return value


def database_url(value: str) -> str:
    """SQLite or PostgreSQL; a password is named beside the URL and never written in it."""
    if not re.match(r"(sqlite(\+\w+)?:///.|postgresql(\+\w+)?://)", value):
        raise ValueError('must begin with "sqlite:///" or "postgresql://", such as "sqlite:////var/lib/syncd/syncd.db"')
    return without_password(value)


def without_password(value: str) -> str:
    if _has_password(value):
        raise ValueError(
            'has a password written in it; take it out and name it: password = "file:/etc/syncd/db.secret"'
        )
    return value


def _has_password(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "@" in url
    return bool(parts.password) or "password=" in parts.query.lower()


def region(value: str) -> str:
    if not re.fullmatch(r"([A-Z]{2})?", value):
        raise ValueError('must be the two capitals of a country, such as "DE"')
    return value


def no_repeats(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) < len(values):
        raise ValueError("names something twice")
    return values


def one_line(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise ValueError("must not be empty, and must be one line of plain text")
    return value.strip()


Duration = Annotated[timedelta, Read(duration), Check(_positive)]
StoredLevel = Annotated[Level, Read(level)]
FolderLevels = Annotated[tuple[tuple[str, Level], ...], Read(folder_levels)]
Address = Annotated[str, Check(address)]
OwnDomain = Annotated[str, Check(own_domain)]
NeverLogEntry = Annotated[str, Check(never_log_entry)]
ListenAddress = Annotated[str, Check(listen_address)]
Reference = Annotated[str, Check(reference)]
DatabaseUrl = Annotated[str, Check(database_url)]
SourceUrl = Annotated[str, Check(without_password)]
Region = Annotated[str, Check(region)]
Line = Annotated[str, Check(one_line)]


def is_address(value: str) -> bool:
    return bool(key(value))


def addresses(values: Sequence[str]) -> frozenset[str]:
    """The address keys of what is an address; a team's name has none."""
    return frozenset(each for each in map(key, values) if each)
