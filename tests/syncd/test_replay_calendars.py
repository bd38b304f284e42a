"""Changed rules over the past of calendars, task lists and notes: each part of an object is decided on anew."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.servers.dav import Dav
from tests.servers.radicale import Radicale
from tests.syncd.agendas import DAY, vcalendar, vevent
from tests.syncd.doors import Office

TODAY = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0)
PEOPLE = "id,name,email\n1,Zoe,zoe@client.example\n2,Bob,bob@acme.example\n"


def at(days: int) -> str:
    return f":{TODAY + days * DAY:%Y%m%dT%H%M%SZ}"


class Desk:
    """Anna and Ben, who share one meeting with Zoe; Anna has a weekly one with her, and one with Bob, and a task."""

    def __init__(self, office: Office, radicale: Radicale) -> None:
        self.office, self.url = office, f"{radicale.url}/"
        self.owners = {name: self._owner(radicale, name) for name in ("anna", "ben")}
        office.write("people.csv", PEOPLE)
        self.rules()
        office.syncd("contacts", "import", "people.csv")
        self.once()

    def _owner(self, radicale: Radicale, name: str) -> Dav:
        shared = vcalendar(*vevent("shared", at(-5), "ATTENDEE:mailto:ben@example.com"))
        own = {
            "weekly.ics": vcalendar(*vevent("weekly", at(-20), "RRULE:FREQ=WEEKLY;COUNT=3")),
            "bob.ics": vcalendar(*vevent("bob", at(-3), guests=["bob@acme.example"])),
            "strangers.ics": vcalendar(*vevent("strangers", at(-2), guests=["who@nowhere.example"])),
        }
        user = radicale.new_user()
        radicale.fill(user, "work", {"shared.ics": shared, **(own if name == "anna" else {})})
        owner = radicale.owner(user)
        if name == "anna":
            tasks = owner.make_calendar("tasks", components=["VTODO"])
            task = ("BEGIN:VTODO", "UID:t", "SUMMARY:Call zoe@client.example", f"COMPLETED{at(-1)}", "END:VTODO")
            owner.put(f"{tasks}t.ics", vcalendar(*task))
        self.office.write(f"{name}.secret", owner.password)
        return owner

    def rules(self, organisation: str = "", ben: str = "") -> None:
        blocks = [
            f'[[mailboxes]]\nname = "{name}"\nowner = "{name}@example.com"\nkind = "caldav"\nurl = "{self.url}"\n'
            f'user = "{owner.user}"\nsecret = "file:{name}.secret"\n{ben if name == "ben" else ""}\n'
            for name, owner in self.owners.items()
        ]
        self.office.configure(*blocks, extra=organisation)

    def once(self) -> None:
        done = self.office.process("once")
        assert done.code == 0, done.out + done.err

    def replay(self, *arguments: str) -> dict[str, int]:
        done = self.office.process("replay", "--json", *arguments)
        assert done.code == 0, done.out + done.err
        changes = [each for one in json.loads(done.out)["mailboxes"] for each in one["changes"]]
        counts: dict[str, int] = {}
        for each in changes:
            place = f"{each['was']} -> {each['now']}"
            counts[place] = counts.get(place, 0) + each["count"]
        return counts

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.office.folder / "syncd.db")) as connection:
            return connection.execute(query).fetchall()

    def stored(self) -> list[tuple[object, ...]]:
        links = "(SELECT count(*) FROM link WHERE activity_id = activity.id)"
        return self.rows(f"SELECT kind, occurred_at, subject, status, {links} FROM activity ORDER BY 1, 2, 3")


@pytest.fixture
def desk(tmp_path: Path, radicale: Radicale) -> Desk:
    return Desk(Office(tmp_path), radicale)


def test_what_is_never_to_be_logged_goes_from_all_calendars_and_comes_back_when_it_may(desk: Desk) -> None:
    before = desk.stored()
    assert len(before) == 6, before
    desk.rules('never_log = ["@client.example"]')
    told = desk.replay("--dry-run")
    assert told == {"logged -> never_log": 6}
    assert desk.stored() == before, "a dry run changes nothing"
    assert desk.replay() == told
    assert [row[2] for row in desk.stored()] == ["About bob"]
    assert desk.rows("SELECT count(*) FROM copy") == [(1,)]
    desk.once()
    assert [row[2] for row in desk.stored()] == ["About bob"]
    desk.rules()
    assert desk.replay() == {"never_log -> logged": 6}
    desk.once()
    assert desk.stored() == before
    assert desk.replay() == {}


def test_one_owners_own_list_takes_that_owners_copy_and_leaves_the_meeting_to_the_other(desk: Desk) -> None:
    before = desk.stored()
    desk.rules(ben='never_log = ["@client.example"]')
    assert desk.replay() == {"logged -> never_log_personal": 1}
    desk.once()
    assert desk.stored() == before
    assert desk.rows("SELECT count(*) FROM copy") == [(6,)]
    assert desk.office.syncd("db", "verify").code == 0


def test_what_a_person_linked_stays(desk: Desk) -> None:
    ((own,),) = desk.rows("SELECT public_id FROM activity WHERE kind = 'task'")
    assert desk.office.syncd("link", str(own), "--contact", "Bob").code == 0
    desk.rules('never_log = ["@client.example"]')
    desk.replay()
    assert [row[2] for row in desk.stored()] == ["About bob", "Call zoe@client.example"]


def test_a_lower_level_erases_what_it_no_longer_allows_and_a_raised_one_brings_it_back(desk: Desk) -> None:
    before, people = desk.stored(), desk.rows("SELECT * FROM participant ORDER BY 1, 2, 3")
    desk.rules('protected = ["@client.example"]')
    desk.replay()
    assert sorted(str(row[2]) for row in desk.stored()) == ["About bob", *["None"] * 5]
    desk.rules()
    desk.replay()
    waiting = "SELECT count(DISTINCT object) FROM sighting WHERE due_at < '2000-01-01'"
    assert desk.rows(waiting) == [(4,)], "Anna's two meetings with Zoe, her task, and Ben's copy of the one they share"
    desk.once()
    assert desk.stored() == before
    assert desk.rows("SELECT * FROM participant ORDER BY 1, 2, 3") == people
    assert desk.rows(waiting) == [(0,)]
    desk.replay()
    assert desk.rows(waiting) == [(0,)], "once"
