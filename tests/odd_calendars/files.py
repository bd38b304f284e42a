"""Odd objects for one calendar, by name: what others' bugs were reported with, bombs, and damage by chance."""

from __future__ import annotations

from collections.abc import Mapping

from tests.odd_calendars import calendar, component, observance, vevent
from tests.odd_calendars.bombs import LISTS, RULES, TEXTS
from tests.odd_mail.mutants import mutants

GUEST = "zoe@client.example"
_PEOPLE = ("ORGANIZER:mailto:anna@example.com", f"ATTENDEE;CN=Zoe:mailto:{GUEST}")
_START = "DTSTART:20261125T090000Z"


def _event(*lines: str, uid: str = "odd@example.com") -> bytes:
    return calendar(vevent(*lines, "SUMMARY:Odd", *_PEOPLE, uid=uid))


def _series(rule: str, start: str = _START) -> bytes:
    return _event(start, f"RRULE:{rule}")


_ZONE = component("VTIMEZONE", "TZID:Own", *observance("STANDARD", "16010101T000000", "+0100", "+0100"))
_WHOLE = _event(_START, "DURATION:PT1H")

ENVELOPES: Mapping[str, bytes] = {
    "empty": b"",
    "blank": b"\r\n \r\n",
    "a login page": b"<!DOCTYPE html><html><body>Sign in</body></html>",
    "JSON": b'{"error": "not found"}',
    "a vCard": b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Zoe\r\nEND:VCARD\r\n",
    "no component": calendar(),
    "a zone only": calendar(_ZONE),
    "free/busy only": calendar(component("VFREEBUSY", "DTSTART:20261125T000000Z", "DTEND:20261126T000000Z")),
    "byte order mark": b"\xef\xbb\xbf" + _WHOLE,
    "UTF-16": _WHOLE.decode().encode("utf-16"),
    "Latin-1": _WHOLE.replace(b"Odd", b"Caf\xe9"),
    "NUL": _WHOLE.replace(b"Odd", b"O\0dd"),
    "control characters": _WHOLE.replace(b"Odd", b"O\x01\x0b\x1fdd"),
    "bare CR": _WHOLE.replace(b"\r\n", b"\r"),
    "bare LF": _WHOLE.replace(b"\r\n", b"\n"),
    "cut in a line": _WHOLE[:-60],
    "cut in the first line": _WHOLE[:8],
    "without END:VCALENDAR": _WHOLE.replace(b"END:VCALENDAR\r\n", b""),
    "two calendars": _WHOLE + _WHOLE.replace(b"odd@", b"other@"),
    "two UIDs": calendar(vevent(_START, *_PEOPLE, uid="1"), vevent(_START, *_PEOPLE, uid="2")),
    "the same twice": calendar(vevent(_START, *_PEOPLE), vevent("DTSTAMP:20260101T000000Z", _START, *_PEOPLE)),
    "an event within an event": calendar(["BEGIN:VEVENT", _START], vevent(_START, *_PEOPLE), ["END:VEVENT"]),
    "an event, a task and a note": calendar(
        vevent(_START, *_PEOPLE), component("VTODO", "UID:t", "STATUS:COMPLETED"), component("VJOURNAL", "UID:j")
    ),
    "unescaped line breaks": _event(_START, "DESCRIPTION:one\r\ntwo\r\nthree: four"),
    "blanks at the ends of lines": _WHOLE.replace(b"\r\n", b"  \r\n"),
    "lower case": _WHOLE.lower(),
}

IDENTITIES: Mapping[str, bytes] = {
    "no UID": _WHOLE.replace(b"UID:odd@example.com\r\n", b""),
    "an empty UID": _event(_START, uid=""),
    "a UID with slashes": _event(_START, uid="a/b/../c%2Fd?e#f"),
    "a UID in other letters": _event(_START, uid="встреча@example.com"),
    "an Exchange UID, cut off": _event(_START, uid="040000008200E00074C5B7101A82E008"),
    "an Exchange UID, odd digits": _event(_START, uid="040000008200E00074C5B7101A82E00ZZ"),
    "UID twice": _event(_START, "UID:again@example.com"),
    "no SUMMARY": calendar(vevent(_START, *_PEOPLE)),
    "SEQUENCE of letters": _event(_START, "SEQUENCE:abc"),
    "SEQUENCE beyond 64 bits": _event(_START, "SEQUENCE:99999999999999999999999"),
    "SEQUENCE below zero": _event(_START, "SEQUENCE:-5"),
    "DTSTAMP missing": _event(_START),
    "DTSTAMP twice": _event(_START, "DTSTAMP:20260101T000000Z", "DTSTAMP:20260102T000000Z"),
    "DTSTAMP in the year 1": _event(_START, "DTSTAMP:00010101T000000Z", "CREATED:00011130T000000Z"),
    "an override alone": _event(_START, "RECURRENCE-ID:20261124T090000Z"),
}

TIMES: Mapping[str, bytes] = {
    "no DTSTART": _event(),
    "DTSTART of letters": _event("DTSTART:tomorrow"),
    "DTSTART twice": _event(_START, "DTSTART:20261126T090000Z"),
    "DTSTART on 30 February": _event("DTSTART:20260230T090000Z"),
    "25 o'clock": _event("DTSTART:20261125T250000Z"),
    "a leap second": _event("DTSTART:20261231T235960Z"),
    "the year 0": _event("DTSTART:00000101T000000Z"),
    "the year 1": _event("DTSTART;TZID=Europe/Berlin:00010101T000000"),
    "the year 9999": _event("DTSTART;TZID=America/Los_Angeles:99991231T235959", "DURATION:P1D"),
    "all day as Z": _event("DTSTART;VALUE=DATE:20261125Z"),
    "all day without VALUE": _event("DTSTART:20261125"),
    "all day to a time": _event("DTSTART;VALUE=DATE:20261125", "DTEND:20261126T120000Z"),
    "floating": _event("DTSTART:20261125T090000"),
    "end before its start": _event(_START, "DTEND:20261125T080000Z"),
    "end at its start": _event(_START, f"DTEND{_START[7:]}"),
    "DTEND and DURATION": _event(_START, "DTEND:20261125T100000Z", "DURATION:PT2H"),
    "DURATION:PT1D": _event(_START, "DURATION:PT1D"),
    "DURATION:P2DT": _event(_START, "DURATION:P2DT"),
    "a duration below zero": _event(_START, "DURATION:-PT1H"),
    "a duration of a million weeks": _event(_START, "DURATION:P1000000W"),
    "the hour that a clock skips": _event("DTSTART;TZID=Europe/Berlin:20270328T023000", "DURATION:PT30M"),
    "the hour that comes twice": _event("DTSTART;TZID=Europe/Berlin:20261025T023000", "DURATION:PT30M"),
    "TZID of khal 328": _event('DTSTART;TZID="local;VALUE=DATE-TIME":20261125T090000'),
    "TZID of Windows": _event("DTSTART;TZID=W. Europe Standard Time:20261125T090000"),
    "TZID of Outlook": _event("DTSTART;TZID=(UTC+01:00) Amsterdam\\, Berlin:20261125T090000"),
    "TZID customized": _event("DTSTART;TZID=Customized Time Zone:20261125T090000"),
    "TZID with a path": _event("DTSTART;TZID=/freeassociation.sourceforge.net/Europe/Vienna:20261125T090000"),
    "TZID out of the zones": _event("DTSTART;TZID=../../etc/passwd:20261125T090000"),
    "TZID that nobody knows": _event("DTSTART;TZID=Mars/Olympus:20261125T090000"),
    "TZID empty": _event("DTSTART;TZID=:20261125T090000"),
    "offset of Synology": calendar(
        component("VTIMEZONE", "TZID:S", *observance("STANDARD", "19700101T000000", "+5730", "+0530")),
        vevent("DTSTART;TZID=S:20261125T090000", *_PEOPLE),
    ),
}

SERIES: Mapping[str, bytes] = {
    rule: _series(rule)
    for rule in (
        "",
        "FREQ=",
        "FREQ=FORTNIGHTLY",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=-1",
        "FREQ=DAILY;INTERVAL=99999999999",
        "FREQ=DAILY;COUNT=-1",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;COUNT=3;UNTIL=20261201T000000Z",
        "FREQ=DAILY;UNTIL=20200101T000000Z",
        "FREQ=DAILY;UNTIL=20261201",
        "FREQ=DAILY;UNTIL=20261201T090000",
        "FREQ=DAILY;UNTIL=soon",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=WEEKLY;BYDAY=9MO",
        "FREQ=MONTHLY;BYMONTHDAY=99",
        "FREQ=YEARLY;BYMONTH=13",
        "FREQ=YEARLY;BYYEARDAY=366;BYMONTH=1",
        "FREQ=YEARLY;BYEASTER=1",
        "FREQ=YEARLY;RSCALE=CHINESE;BYMONTH=5L",
        "freq=weekly;byday=mo",
        "FREQ=WEEKLY;;BYDAY=WE;",
        "FREQ=WEEKLY;COUNT=2;COUNT=3",
    )
} | {
    "UNTIL without Z in a zone": _event(
        "DTSTART;TZID=Europe/Berlin:20261125T090000", "RRULE:FREQ=DAILY;UNTIL=20261201T090000"
    ),
    "RDATE only": _event(_START, "RDATE:20261126T090000Z,20261127T090000Z"),
    "RDATE of periods": _event(_START, "RDATE;VALUE=PERIOD:20261126T090000Z/PT2H,20261127T090000Z/20261127T080000Z"),
    "EXDATE of all": _event(_START, "RRULE:FREQ=DAILY;COUNT=2", "EXDATE:20261125T090000Z,20261126T090000Z"),
    "EXDATE as a date": _event(_START, "RRULE:FREQ=DAILY;COUNT=3", "EXDATE;VALUE=DATE:20261126"),
    "EXDATE and override": calendar(
        vevent(_START, "RRULE:FREQ=DAILY;COUNT=3", "EXDATE:20261126T090000Z", *_PEOPLE),
        vevent("RECURRENCE-ID:20261126T090000Z", "DTSTART:20261126T120000Z", *_PEOPLE),
    ),
    "EXRULE": _event(_START, "RRULE:FREQ=DAILY;COUNT=9", "EXRULE:FREQ=DAILY;INTERVAL=2;COUNT=4"),
    "two rules": _event(_START, "RRULE:FREQ=DAILY;COUNT=3", "RRULE:FREQ=WEEKLY;COUNT=3"),
    "all-day override as a UTC midnight": calendar(
        vevent("DTSTART;VALUE=DATE:20261125", "RRULE:FREQ=DAILY;COUNT=3", *_PEOPLE),
        vevent("RECURRENCE-ID:20261125T230000Z", "DTSTART;VALUE=DATE:20261127", *_PEOPLE),
    ),
    "THISANDFUTURE": calendar(
        vevent(_START, "RRULE:FREQ=DAILY;COUNT=6", *_PEOPLE),
        vevent("RECURRENCE-ID;RANGE=THISANDFUTURE:20261127T090000Z", "DTSTART:20261127T110000Z", *_PEOPLE),
    ),
    "an override of what is not there": calendar(
        vevent(_START, "RRULE:FREQ=DAILY;COUNT=3", *_PEOPLE),
        vevent("RECURRENCE-ID:20280101T090000Z", "DTSTART:20261128T090000Z", *_PEOPLE),
    ),
}

PEOPLE: Mapping[str, bytes] = {
    "nobody": calendar(vevent(_START, "SUMMARY:Alone")),
    "without mailto": calendar(vevent(_START, f"ATTENDEE:{GUEST}", "ORGANIZER:anna@example.com")),
    "a path": calendar(vevent(_START, "ATTENDEE:/principals/zoe/", f"ATTENDEE;EMAIL={GUEST}:urn:uuid:1")),
    "an empty address": calendar(vevent(_START, "ATTENDEE:mailto:", "ORGANIZER:mailto:")),
    "an organizer that is none": calendar(vevent(_START, "ORGANIZER:invalid:nomail", f"ATTENDEE:MAILTO:{GUEST}")),
    "two organizers": calendar(vevent(_START, *_PEOPLE, "ORGANIZER:mailto:ben@example.com")),
    "the same guest thrice": calendar(vevent(_START, *_PEOPLE, *_PEOPLE[1:], f"ATTENDEE:mailto:{GUEST.upper()}")),
    "a name with a colon": calendar(vevent(_START, f"ATTENDEE;CN=Zoe: the guest:mailto:{GUEST}")),
    "a quote that nothing closes": calendar(vevent(_START, f'ATTENDEE;CN="Zoe:mailto:{GUEST}')),
    "an unknown answer": calendar(vevent(_START, f"ATTENDEE;PARTSTAT=MAYBE;ROLE=X;CUTYPE=Y:mailto:{GUEST}")),
    "a room": calendar(vevent(_START, "ATTENDEE;CUTYPE=ROOM:mailto:room@client.example", *_PEOPLE[:1])),
    "a group": calendar(vevent(_START, "ATTENDEE;CUTYPE=GROUP:mailto:all@client.example", *_PEOPLE[:1])),
    "private": _event(_START, "CLASS:PRIVATE"),
    "confidential": _event(_START, "CLASS:CONFIDENTIAL"),
    "a class of its own": _event(_START, "CLASS:X-SECRET"),
    "a status of its own": _event(_START, "STATUS:MAYBE"),
    "canceled with one l": _event(_START, "STATUS:CANCELED"),
}

TASKS: Mapping[str, bytes] = {
    name: calendar(component("VTODO", "UID:task@example.com", f"SUMMARY:Call {GUEST}", *lines))
    for name, lines in {
        "an open task": [],
        "done as a date": ["STATUS:COMPLETED", "COMPLETED;VALUE=DATE:20261120"],
        "done, no one knows when": ["STATUS:COMPLETED"],
        "done by percent": ["PERCENT-COMPLETE:100"],
        "done by half": ["PERCENT-COMPLETE:abc", "STATUS:IN-PROCESS"],
        "opened again": ["STATUS:NEEDS-ACTION", "PERCENT-COMPLETE:100", "COMPLETED:20261120T090000Z"],
        "a task each day": ["DTSTART:20261101T090000Z", "RRULE:FREQ=DAILY"],
        "due never": ["DUE:never"],
    }.items()
} | {
    "a note": calendar(component("VJOURNAL", "UID:n", f"SUMMARY:Met {GUEST}", "DTSTART;VALUE=DATE:20261120")),
    "an undated note": calendar(component("VJOURNAL", "UID:n2", f"DESCRIPTION:Met {GUEST}")),
    "a draft": calendar(component("VJOURNAL", "UID:n3", f"DESCRIPTION:Met {GUEST}", "STATUS:DRAFT")),
}

_SHELVES = {
    "envelope": ENVELOPES,
    "identity": IDENTITIES,
    "time": TIMES,
    "series": SERIES,
    "people": PEOPLE,
    "task": TASKS,
}


def bombs() -> dict[str, bytes]:
    return {f"bomb {name}": made() for name, made in {**RULES, **LISTS, **TEXTS}.items()}


def odd_calendars(count: int, *, seed: int) -> dict[str, bytes]:
    """Without the bombs. Each has a UID of its own where it has one at all, so that none is another's copy."""
    found = {f"{shelf} {name}": data for shelf, files in _SHELVES.items() for name, data in files.items()}
    seeds = [data for files in _SHELVES.values() for data in files.values() if len(data) > 100]
    damaged = mutants(seeds, count - len(found), seed=seed)
    found |= {f"damaged {number}": data for number, data in enumerate(damaged)}
    return {
        name: data.replace(b"odd@example.com", b"odd%d@example.com" % number)
        for number, (name, data) in enumerate(found.items())
    }
