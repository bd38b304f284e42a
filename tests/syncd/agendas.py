"""An organisation whose calendars are on one CalDAV server, for the whole chain, and what its owners write there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import quote

from bench.cast import Person
from tests.servers.dav import Dav
from tests.syncd.daemons import Setup

DAY = timedelta(days=1)
REPS = tuple(Person(f"rep{number}@example.com", f"Rep {number}") for number in range(10))
CONTACTS = tuple(Person(f"guest{number}@client{number}.example", f"Guest {number}") for number in range(5))

_MAILBOX = """
[[mailboxes]]
name = "{name}"
owner = "{name}@example.com"
kind = "caldav"
url = "{url}"
user = "{user}"
secret = "file:{name}.secret"
backfill = "90d"
ahead_days = {ahead_days}
{more}
"""


@dataclass
class CalendarOffice(Setup):
    """A rep `anna` is anna@example.com; her calendars are those of a user of the server, or of all mailboxes."""

    url: str = field(kw_only=True)
    ahead_days: int = field(default=60, kw_only=True)

    def mailbox(self, name: str, user: str, password: str, more: str = "") -> None:
        self.mailboxes[name] = user
        self.more[name] = more
        self.secret(name, password)

    def section(self, name: str, user: str) -> str:
        more = self.more.get(name, "")
        return _MAILBOX.format(name=name, url=self.url, user=user, ahead_days=self.ahead_days, more=more)


def vcalendar(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in ("BEGIN:VCALENDAR", "VERSION:2.0", *lines, "END:VCALENDAR")).encode()


def vevent(uid: str, starts: str, *lines: str, guests: Sequence[str] = ("zoe@client.example",)) -> list[str]:
    """Of an hour, by Anna, stamped long ago; `starts` is DTSTART with its parameters (`;VALUE=DATE:20261125`)."""
    name = uid if "@" in uid else f"{uid}@example.com"
    length = "P1D" if "VALUE=DATE" in starts else "PT1H"
    return [
        *("BEGIN:VEVENT", f"UID:{name}", "DTSTAMP:20260101T000000Z", f"DTSTART{starts}"),
        *(f"DURATION:{length}", f"SUMMARY:About {uid}", "ORGANIZER:mailto:anna@example.com"),
        *(f"ATTENDEE:mailto:{guest}" for guest in guests),
        *lines,
        "END:VEVENT",
    ]


def put(owner: Dav, calendar: str, uid: str, starts: str, *lines: str) -> None:
    """One event, or another version of it, as `<uid>.ics`."""
    owner.put(f"{calendar}{quote(uid)}.ics", vcalendar(*vevent(uid, starts, *lines)))
