"""Small and large files that were made to cost. Each is built when it is asked for."""

from __future__ import annotations

from collections.abc import Callable

from tests.odd_calendars import calendar, component, observance, vevent

_ALWAYS = "BYDAY=MO,TU,WE,TH,FR,SA,SU;" + ";".join(
    f"{name}={','.join(map(str, range(size)))}" for name, size in (("BYHOUR", 24), ("BYMINUTE", 60), ("BYSECOND", 60))
)
_HEADER = "040000008200E00074C5B7101A82E008"
_NEVER = "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"


def _rule(text: str, start: str = "16010101T000000Z") -> Callable[[], bytes]:
    return lambda: calendar(vevent(f"DTSTART:{start}", f"RRULE:{text}"))


def _meeting(*lines: str) -> bytes:
    return calendar(vevent("DTSTART:20261125T090000Z", *lines))


def _dates(count: int) -> str:
    return ",".join(f"{1900 + n // 80}{n // 30 % 12 + 1:02}{n % 28 + 1:02}T000000" for n in range(count))


def _overrides(count: int, *lines: str, name: str = "RECURRENCE-ID") -> bytes:
    master = vevent("DTSTART:20200101T000000Z", "RRULE:FREQ=DAILY")
    ids = (f"20{n // 300 + 10}{n // 28 % 12 + 1:02}{n % 28 + 1:02}T{n % 24:02}0000Z" for n in range(count))
    return calendar(master, *(vevent(f"{name}:{id}", "DTSTART:20261125T000000Z", *lines) for id in ids))


def _own_zone(*observances: list[str], dates: int = 1) -> bytes:
    zone = component("VTIMEZONE", "TZID:own", *(line for one in observances for line in one))
    return calendar(zone, vevent("DTSTART;TZID=own:16010101T000000", f"RDATE;TZID=own:{_dates(dates)}"))


def _observance(rule: str) -> list[str]:
    return observance("STANDARD", "16010101T000000", "+0100", "+0200", f"RRULE:FREQ=YEARLY;{rule}")


RULES: dict[str, Callable[[], bytes]] = {
    "each second": _rule("FREQ=SECONDLY", "20200101T000000Z"),
    "each minute": _rule("FREQ=MINUTELY", "20200101T000000Z"),
    "each minute, a hundred million times": _rule("FREQ=MINUTELY;COUNT=99999999"),
    "each day since 1601": _rule("FREQ=DAILY"),
    "each day since 1601, counted": _rule("FREQ=DAILY;COUNT=999999"),
    "each second by the year": _rule(f"FREQ=YEARLY;{_ALWAYS}"),
    "the first second of the year, of all": _rule(f"FREQ=YEARLY;BYSETPOS=1;{_ALWAYS}"),
    "the last minute of each third hour": _rule("FREQ=MINUTELY;INTERVAL=7;BYHOUR=3;BYSETPOS=-1"),
    "30 February, by the day": _rule("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"),
    "30 February, by the second": _rule("FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30"),
    "an hour that never comes": _rule("FREQ=HOURLY;INTERVAL=24;BYHOUR=5"),
    "ten rules that never match": lambda: _meeting(*[_NEVER] * 10),
    "each day for ten years": lambda: _meeting("DURATION:P3650D", "RRULE:FREQ=DAILY"),
}

LISTS: dict[str, Callable[[], bytes]] = {
    "400,000 excluded dates": lambda: _meeting(
        "RRULE:FREQ=DAILY", "EXDATE:" + ",".join(["20260101T000000Z"] * 400_000)
    ),
    "19,999 excluded dates": lambda: _meeting("RRULE:FREQ=DAILY", f"EXDATE:{_dates(19_999)}"),
    "19,999 dates in a named zone": lambda: _meeting(f"RDATE;TZID=Europe/Berlin:{_dates(19_999)}"),
    "19,999 dates in a zone of many rules": lambda: _own_zone(*[_observance("")] * 100, dates=19_999),
    "19,999 dates in a zone that changes daily": lambda: _own_zone(
        _observance(f"BYYEARDAY={','.join(map(str, range(1, 367)))}"), dates=19_999
    ),
    "commas": lambda: _meeting("RRULE:FREQ=DAILY", "EXDATE:" + "," * 7_000_000),
    "15,000 zones": lambda: _meeting("RRULE:FREQ=DAILY", *(f"EXDATE;TZID=X{n}:20261125T090000" for n in range(15_000))),
    "a million attendees": lambda: _meeting(*["ATTENDEE:mailto:carl@customer.example"] * 1_000_000),
    "99,000 attendees": lambda: _meeting(*(f"ATTENDEE;CN={n}:mailto:a{n}@b.example" for n in range(99_000))),
    "80 changes with 900 attendees": lambda: _overrides(
        80, *(f'ATTENDEE;CN="Guest {n}":mailto:a{n}@b.example' for n in range(900))
    ),
    "4,900 changes": lambda: _overrides(4_900, "DESCRIPTION:<b>x</b>"),
    "4,900 changes of all that follows": lambda: _overrides(4_900, name="RECURRENCE-ID;RANGE=THISANDFUTURE"),
}

TEXTS: dict[str, Callable[[], bytes]] = {
    "7 MB of description": lambda: _meeting("DESCRIPTION:" + "<b>x</b> https://zoom.us/j/1 \\n" * 200_000),
    "2,000,000 open tags": lambda: _meeting("DESCRIPTION:" + "<a " * 2_000_000),
    "1,700,000 folds": lambda: _meeting("ATTACH:" + "A\r\n " * 1_700_000),
    "190,000 lines that are none": lambda: _meeting("DESCRIPTION:x", *["yes"] * 190_000),
    "800,000 parameters": lambda: _meeting("ATTENDEE" + ';X="a"' * 800_000 + ":mailto:a@b.example"),
    "1,200,000 quotes that nothing closes": lambda: _meeting("ATTENDEE" + ';X="' * 1_200_001 + ":mailto:a@b.example"),
    "7,000,000 backslashes": lambda: _meeting("SUMMARY:" + "\\" * 7_000_000),
    "190,000 events within each other": lambda: calendar(["BEGIN:VEVENT"] * 190_000),
    "190,000 others within each other": lambda: calendar(["BEGIN:X"] * 190_000),
    "a UID of 3 MB": lambda: calendar(vevent("DTSTART:20261125T090000Z", uid=_HEADER * 90_000)),
    "200,000 ends of each line": lambda: _meeting().replace(b"\r\n", b"\r" * 200_000 + b"\n"),
    "200,000 links": lambda: _meeting("DESCRIPTION:" + "https://a.b" * 200_000, "URL:https://" + "[" * 100_000),
}
