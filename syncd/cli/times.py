"""Times and durations as a person types them at a prompt."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from typer import BadParameter

_RELATIVE = re.compile(r"(\d{1,4})\s*(m|h|d) ago")
_DURATION = re.compile(r"(?:(\d{1,3})h)?\s*(?:(\d{1,4})m)?")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_DAYS = {"today": 0, "yesterday": -1, "tomorrow": 1}


def zone(name: str) -> tzinfo | None:
    """None is this machine's own zone."""
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadParameter(f"{name!r} is no time zone; write one such as Europe/Berlin or UTC") from None


def instant(text: str, at: tzinfo | None, now: datetime) -> datetime:
    """`2026-11-25 14:00`, `14:00` of today, `tomorrow 9:30`, `2h ago`, or ISO 8601 with its own offset; in UTC."""
    if not text or text == "now":
        return now.astimezone(UTC)
    if match := _RELATIVE.fullmatch(text):
        return now.astimezone(UTC) - timedelta(**{_UNITS[match[2]]: int(match[1])})
    written = _iso(text) or _clock(text, now.astimezone(at))
    if written is None:
        raise BadParameter(
            f"{text!r} is no time; write '2026-11-25 14:00', '14:00', 'yesterday 9:30', 'tomorrow 9:30' or '2h ago'"
        )
    if written.tzinfo is None:
        written = _existing(written, at)
    return written.astimezone(UTC)


def _iso(text: str) -> datetime | None:
    try:
        written = datetime.fromisoformat(re.sub(r"(?<=[ T])(?=\d:)", "0", text))  # 9:30 is 09:30
    except ValueError:
        return None
    if len(text) <= len("2026-11-25"):
        raise BadParameter(f"{text!r} has no time of day; write '{text} 14:00'")
    return written


def _clock(text: str, today: datetime) -> datetime | None:
    day, _, clock = text.rpartition(" ")
    match = re.fullmatch(r"(\d{1,2}):(\d{2})", clock)
    if match is None or (day or "today") not in _DAYS or int(match[1]) > 23 or int(match[2]) > 59:
        return None
    date = today.date() + timedelta(days=_DAYS[day or "today"])
    return datetime.combine(date, time(int(match[1]), int(match[2])))


def _existing(written: datetime, at: tzinfo | None) -> datetime:
    """In the night when the clock goes forward an hour is missing: a time in it is a slip of the pen."""
    local = written.replace(tzinfo=at) if at else written.astimezone()
    there_and_back = local.astimezone(UTC).astimezone(at)
    if there_and_back.replace(tzinfo=None) != written:
        raise BadParameter(f"{written:%Y-%m-%d %H:%M} does not exist there: the clock went forward that night")
    return local


def duration(text: str) -> timedelta:
    """`45m`, `1h`, `1h 30m`, or plain minutes."""
    match = _DURATION.fullmatch(f"{text}m" if text.isdecimal() else text)
    if match is None or not any(match.groups()):
        raise BadParameter(f"{text!r} is no duration; write 45m, 1h or 1h30m")
    return timedelta(hours=int(match[1] or 0), minutes=int(match[2] or 0))
