"""The Date header -> a UTC instant between 1970 and 2200, or None."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_LENGTH_LIMIT = 128

_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: f"{number:02}" for number, name in enumerate(_NAMES, start=1)}
_PLAIN = re.compile(
    r"(?:[A-Z][a-z]{2}, )?([0-3]?[0-9]) ([A-Z][a-z]{2}) (19[7-9][0-9]|20[0-9]{2})"
    r" ((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]) ([+-][01][0-9][0-5][0-9])(?: \([A-Z]{1,5}\))?"
)


def date(value: str) -> datetime | None:
    """Read a date; one without a zone, or with `-0000`, is taken for UTC (RFC 5322 section 3.3)."""
    return plain_date(value) or careful_date(value)


def plain_date(value: str) -> datetime | None:
    """Return what `careful_date` would, or None for whatever is not wholly plain."""
    match = _PLAIN.fullmatch(value)
    if match is None:
        return None
    day, month, year, clock, zone = match.groups()
    try:
        moment = datetime.fromisoformat(f"{year}-{_MONTHS[month]}-{day:0>2} {clock}{zone}").astimezone(UTC)
    except (KeyError, ValueError):
        return None
    return moment if moment >= _EARLIEST else None


def careful_date(value: str) -> datetime | None:
    """Read whatever the standard library can, or ISO 8601; out of range is as good as unreadable."""
    value = value[:_LENGTH_LIMIT]
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = read(value)
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, TypeError, IndexError, OverflowError):  # the standard library raises any of these on junk
            continue
        return moment if _EARLIEST <= moment < _LATEST else None
    return None
