"""The Date header -> a UTC instant between 1970 and 2200, or None."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_LENGTH_LIMIT = 128

_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS = {name: f"{number:02}" for number, name in enumerate(_NAMES, start=1)}
_PLAIN = re.compile(
    r"(?:[A-Z][a-z]{2}, )?([0-3]?[0-9]) ([A-Z][a-z]{2}) (19[7-9][0-9]|20[0-9]{2})"
    r" ((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]) ([+-][01][0-9][0-5][0-9])(?: \([A-Z]{1,5}\))?"
)


_USUAL = len("Wed, 25 Nov 2026 09:00:00 +0000")
_DAY_OF_USUAL = re.compile(r"[A-Z][a-z]{2}, ([0-3][0-9]) ([A-Z][a-z]{2}) (19[7-9][0-9]|20[0-9]{2}) ")


def date(value: str) -> datetime | None:
    """Read a date; one without a zone, or with `-0000`, is taken for UTC (RFC 5322 section 3.3)."""
    return plain_date(value) or careful_date(value)


def plain_date(value: str) -> datetime | None:
    """Return what `careful_date` would, or None for whatever is not wholly plain."""
    if len(value) == _USUAL and value[19] == value[22] == ":" and value[25] == " " and (day := _day(value[:17])):
        text = f"{day} {value[17:25]}{value[26:]}"
    elif match := _PLAIN.fullmatch(value):
        number, month, year, clock, zone = match.groups()
        text = f"{year}-{_MONTHS.get(month)}-{number:0>2} {clock}{zone}"
    else:
        return None
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None
    return moment if moment >= _EARLIEST else None


@lru_cache(maxsize=4096)
def _day(text: str) -> str:
    """`2026-11-25` of `Wed, 25 Nov 2026 `, remembered: many mails are of one day. Empty if it is written otherwise."""
    match = _DAY_OF_USUAL.fullmatch(text)
    return f"{match[3]}-{_MONTHS[match[2]]}-{match[1]}" if match and match[2] in _MONTHS else ""


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
