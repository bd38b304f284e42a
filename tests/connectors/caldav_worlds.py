"""Calendars of real CalDAV servers and of the scripted one, as their owner sees them."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from connectors import KINDS
from connectors.base import Account, Stream
from connectors.caldav import Settings
from tests.connectors.calendar_contract import CalendarWorld
from tests.connectors.contexts import context
from tests.connectors.contract import Reader, World
from tests.servers.dav import Dav
from tests.servers.scripted_caldav import ScriptedCalDav
from tests.servers.scripted_calendar import Calendar


class Server(Protocol):
    """What Radicale and Xandikos have in common."""

    @property
    def url(self) -> str: ...
    def owner(self, user: str) -> Dav: ...


@dataclass
class CalDavWorld(CalendarWorld):
    server: Server
    settings: Settings
    password: str
    path: str
    """Of the calendar that the stream is."""
    several_batches: int = 40
    name: str = "Work"
    opened: list[Account] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def account(self) -> Account:
        account = KINDS["caldav"].open(self.settings, context(self.password))
        self.opened.append(account)
        return account

    def stream(self, account: Account) -> Stream:
        return next(stream for stream in account.streams() if stream.name == self.name)

    @property
    def owner(self) -> Dav:
        return self.server.owner(self.settings.user)

    def add(self, count: int) -> list[str]:
        keys = [f"{next(self._numbers):06}@example.com" for _ in range(count)]
        for key in keys:
            self.owner.put(self._object(key), meeting(key))
        return keys

    def change(self, key: str) -> None:
        self.owner.put(self._object(key), meeting(key, summary="Moved to the large room"))

    def remove(self, key: str) -> None:
        self.owner.delete(self._object(key))

    def renumber(self) -> None:
        """The calendar is made anew with the same objects, as after a migration: old tokens mean nothing."""
        kept = [self._object(f"{number:06}@example.com") for number in range(1, self._made + 1)]
        bodies = [(path, self.owner.request("GET", path)) for path in kept]
        self.owner.delete(self.path)
        self.owner.make_calendar(self.path.rstrip("/").rpartition("/")[2], title=self.name)
        for path, answer in bodies:
            if answer.status == 200:
                self.owner.put(path, answer.body)

    def revoke(self) -> None:
        self.password = "changed"

    def vanish(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.settings = replace(self.settings, url=f"http://127.0.0.1:{listener.getsockname()[1]}/")

    def close(self) -> None:
        for account in self.opened:
            account.close()

    @property
    def _made(self) -> int:
        following = next(self._numbers)
        self._numbers = itertools.count(following)
        return following - 1

    def _object(self, key: str) -> str:
        return f"{self.path}{key.partition('@')[0]}.ics"


@dataclass
class ScriptedWorld(World):
    """One calendar of the scripted server, and a clock that a test turns on."""

    server: ScriptedCalDav
    calendar: Calendar
    settings: Settings
    now: datetime = datetime(2026, 11, 25, 9, tzinfo=UTC)
    reach: timedelta = timedelta(days=90)
    several_batches: int = 40
    opened: list[Account] = field(default_factory=list)
    restarts: bool = True
    """Whether each pass has an account of its own, as after a restart."""

    def account(self) -> Account:
        if not self.restarts and self.opened:
            return self.opened[-1]
        given = context(self.server.door.password, since=lambda: self.now - self.reach, now=lambda: self.now)
        self.opened.append(KINDS["caldav"].open(self.settings, given))
        return self.opened[-1]

    def stream(self, account: Account) -> Stream:
        return next(stream for stream in account.streams() if stream.name == self.calendar.title)

    def put(self, key: str, **content: str) -> None:
        self.calendar.put(f"{key}.ics", meeting(key, **content))

    def add(self, count: int) -> list[str]:
        keys = [f"uid{len(self.calendar.objects) + number:04}" for number in range(count)]
        for key in keys:
            self.put(key)
        return keys

    def remove(self, key: str) -> None:
        self.calendar.delete(f"{key}.ics")

    def renumber(self) -> None:
        self.calendar.expire_tokens()

    def revoke(self) -> None:
        self.server.door.password = "changed"

    def vanish(self) -> None:
        self.settings = replace(self.settings, url="http://127.0.0.1:1/")

    def close(self) -> None:
        for account in self.opened:
            account.close()

    def holds(self, reader: Reader) -> bool:
        """Whether the reader has just what the calendar holds, each object in its version of now."""
        etags = {f"{each.rpartition('/')[2]}": version.partition("|")[0] for each, version in reader.versions.items()}
        return etags == {name: stored.etag.strip('"') for name, stored in self.calendar.objects.items()}

    def asked(self) -> list[str]:
        """What was asked since the last call."""
        kinds = self.server.kinds()
        self.server.asked.clear()
        return kinds


def scripted(server: ScriptedCalDav, **knobs: object) -> ScriptedWorld:
    """A world whose calendar has these knobs."""
    settings = Settings(url=f"{server.url}/dav/", user=server.door.user)
    return ScriptedWorld(server, server.add("work", **knobs), settings)


def meeting(
    uid: str, *, summary: str = "Review", starts: str = "20261125T100000Z", people: str = "", more: str = ""
) -> str:
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//example.com//tests//EN",
        "BEGIN:VEVENT",
        f"UID:{uid}",
        "DTSTAMP:20261101T080000Z",
        f"DTSTART:{starts}",
        "DURATION:PT30M",
        f"SUMMARY:{summary}",
        "ORGANIZER:mailto:anna@example.com",
        people or "ATTENDEE;PARTSTAT=ACCEPTED:mailto:bert@example.org",
        *([more] if more else []),
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    ]
    return "\r\n".join(lines)
