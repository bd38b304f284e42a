"""The tests' private Radicale, with the invented calendars in it; and how many requests and bytes a program needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.agenda import Size, changed, meetings
from bench.cast import Cast, cast
from bench.meetings import Meeting, written
from bench.outcomes import Outcomes, outcomes
from tests.servers import radicale
from tests.servers.radicale import Radicale

CALENDAR = "work"


@dataclass(frozen=True, slots=True)
class Calendars:
    """Each rep has one, called CALENDAR."""

    server: Radicale
    people: Cast
    meetings: Sequence[Meeting]

    @property
    def users(self) -> list[str]:
        return [rep.address for rep in self.people.reps]

    @property
    def password(self) -> str:
        return self.server.passwords[self.users[0]]

    def truth(self, newer: Sequence[Meeting] = ()) -> Outcomes:
        """With these meetings in place of their older versions."""
        latest = {meeting.number: meeting for meeting in (*self.meetings, *newer)}
        contacts = {contact.address for contact in self.people.contacts}
        return outcomes(list(latest.values()), contacts, datetime.now(UTC))

    def change(self, objects: int, *, wave: int) -> list[Meeting]:
        """Put newer versions of some meetings, in every calendar that holds them; returns those versions."""
        newer = changed(self.meetings, objects, datetime.now(UTC).replace(microsecond=0), wave=wave)
        self.put(newer)
        return newer

    def put_back(self, newer: Sequence[Meeting]) -> None:
        numbers = {meeting.number for meeting in newer}
        self.put([meeting for meeting in self.meetings if meeting.number in numbers])

    def put(self, versions: Sequence[Meeting]) -> None:
        for meeting in versions:
            for holder in meeting.holders:
                user = self.users[holder]
                self.server.owner(user).put(f"/{user}/{CALENDAR}/{_name(meeting)}", written(meeting))


@contextmanager
def serve(size: Size, directory: Path) -> Iterator[Calendars]:
    people = cast(size.seed, mailboxes=size.calendars, contacts=300)
    invented = list(meetings(size, people, datetime.now(UTC).date()))
    held: defaultdict[int, dict[str, bytes]] = defaultdict(dict)
    for meeting in invented:
        raw = written(meeting)
        for holder in meeting.holders:
            held[holder][_name(meeting)] = raw
    directory.mkdir(parents=True, exist_ok=True)
    with radicale.serve(within=directory) as server:
        calendars = Calendars(server, people, invented)
        for holder, user in enumerate(calendars.users):
            server.add_user(user, "bench")
            server.fill(user, CALENDAR, held[holder])
        yield calendars


def _name(meeting: Meeting) -> str:
    return f"{meeting.number}.ics"
