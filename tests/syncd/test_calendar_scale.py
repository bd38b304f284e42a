"""The same meetings on ten calendars of a real server, read all at once into either database."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench.meetings import WEEK, ZONE, Guest, Meeting, Occurrence, Series, occurrences, written
from tests.commits import written as watched
from tests.dump import Rows
from tests.servers.radicale import Radicale
from tests.syncd.agendas import CONTACTS, DAY, REPS, CalendarOffice
from tests.syncd.chain import ChainOf, on_postgresql, on_sqlite
from tests.syncd.rivals import compete

MEETINGS = 60
PAST, AHEAD = 90 * DAY, 60 * DAY

TODAY = datetime.now(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


# ------------------------------------------------------------------------------------------------ the truth


def meeting(number: int) -> Meeting:
    """All reps take part in every one; far from today, where the hour of the run would decide what is over."""
    kind, chance = number % 10, number // 10
    ours, theirs = REPS[number % len(REPS)], CONTACTS[number % len(CONTACTS)]
    starts = TODAY + timedelta(days=5 + chance % 40, hours=9 + number % 8)
    past = starts - 60 * DAY
    one = Meeting(
        number=number,
        subject=f"About {number}",
        text=f"Agenda of {number}",
        starts=starts,
        length=timedelta(hours=1),
        organizer=ours,
        guests=(*(Guest(rep, "ACCEPTED") for rep in REPS), Guest(theirs, "ACCEPTED")),
        holders=tuple(range(len(REPS))),
        rule="logged",
        stamped=LONG_AGO,
    )
    match kind:
        case 0:
            return replace(one, starts=past)
        case 2:
            return replace(one, cancelled=True)
        case 3:
            return replace(one, starts=past, organizer=theirs)
        case 4:
            return replace(one, guests=(*one.guests[:-1], Guest(theirs, "DECLINED")))
        case 5:
            return replace(one, starts=starts.date(), length=DAY)
        case 6:
            series = Series(6, dropped=frozenset({1}), moved={4: timedelta(hours=5)}, called_off=frozenset({5}))
            return replace(one, starts=starts - 3 * WEEK, series=series)
        case 7:
            return replace(one, guests=(*one.guests, Guest(CONTACTS[-1], "DECLINED")))
        case 8:
            return replace(one, starts=past, cancelled=True)
        case 9:
            return replace(one, starts=past, cancelled=True, stamped=past.astimezone(UTC) + DAY)
    return one


def copy_of(one: Meeting, holder: int) -> bytes:
    """As it lies in a rep's calendar: a guest's own answer is right only there, the contacts' only in the organizer's,
    and a guest's program has not heard yet of what was called off."""
    mine = REPS[holder]
    if mine is one.organizer:
        heard = one
    else:
        guests = [Guest(who, answer if who is mine else "NEEDS-ACTION") for who, answer in one.guests]
        organized = one.organizer in REPS
        heard = replace(one, guests=tuple(guests), cancelled=one.cancelled and not organized)
    return written(heard)


def outcome(one: Meeting, when: Occurrence) -> str:
    if when.cancelled and one.stamped < when.ends_at:
        return "cancelled"
    answers = [answer for who, answer in one.guests if who in CONTACTS]
    if one.organizer not in CONTACTS and all(answer == "DECLINED" for answer in answers):
        return "declined"
    return "held" if when.ends_at <= datetime.now(UTC) else "planned"


def truth(meetings: Sequence[Meeting]) -> Counter[tuple[str, str, str]]:
    """(subject, UTC start, outcome) of each activity."""
    now = datetime.now(UTC)
    return Counter(
        (one.subject, f"{when.starts_at:%Y-%m-%d %H:%M}", outcome(one, when))
        for one in meetings
        for when in occurrences(one, now - PAST, now + AHEAD)
    )


# ----------------------------------------------------------------------------------------------- the calendars


@dataclass(frozen=True, slots=True)
class World:
    radicale: Radicale
    users: Sequence[str]
    meetings: Sequence[Meeting]

    @classmethod
    def made(cls, radicale: Radicale, count: int) -> World:
        users = [radicale.new_user() for _ in REPS]
        meetings = [meeting(number) for number in range(count)]
        for holder, user in enumerate(users):
            radicale.fill(user, "work", {f"{one.number}.ics": copy_of(one, holder) for one in meetings})
        return cls(radicale, users, meetings)

    def office(self, directory: Path) -> CalendarOffice:
        office = CalendarOffice(directory, url=f"{self.radicale.url}/")
        for rep, user in zip(REPS, self.users, strict=True):
            name = rep.address.partition("@")[0]
            office.mailbox(name, user, self.radicale.passwords[user], 'level = "full"')
        with office.contacts.open("w", newline="", encoding="utf-8") as file:
            rows = [(who.name, who.name, who.address) for who in CONTACTS]
            csv.writer(file).writerows([("id", "name", "email"), *rows])
        return office

    def put(self, one: Meeting) -> None:
        for holder, user in enumerate(self.users):
            self.radicale.owner(user).put(f"/{user}/work/{one.number}.ics", copy_of(one, holder))

    def delete(self, holder: int, number: int) -> None:
        user = self.users[holder]
        self.radicale.owner(user).delete(f"/{user}/work/{number}.ics")


@contextmanager
def _in(database: str, office: CalendarOffice, request: pytest.FixtureRequest) -> Iterator[ChainOf[CalendarOffice]]:
    """PostgreSQL is started for the tests that use it only."""
    if database == "sqlite":
        yield on_sqlite(office)
        return
    with on_postgresql(office, request.getfixturevalue("postgres")) as chain:
        yield chain


@dataclass(frozen=True, slots=True)
class Synced:
    world: World
    chain: ChainOf[CalendarOffice]
    told_again: Mapping[str, Counter[str]]
    written_again: Sequence[str]
    """Statements of the second pass."""
    dump: Mapping[str, Rows]

    def differences(self, before: Mapping[str, Rows]) -> tuple[Counter[str], Mapping[str, Rows]]:
        """How many rows of each table another pass made other ones, and what all are now."""
        self.chain.pass_once()
        after = self.chain.dump()
        assert {table: len(rows) for table, rows in after.items()} == {table: len(before[table]) for table in after}
        changed = {table: set(map(repr, after[table])) - set(map(repr, before[table])) for table in after}
        return Counter({table: len(rows) for table, rows in changed.items() if rows}), after


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def synced(
    request: pytest.FixtureRequest, radicale: Radicale, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Synced]:
    world = World.made(radicale, MEETINGS)
    with _in(request.param, world.office(tmp_path_factory.mktemp("calendars")), request) as chain:
        chain.pass_once()
        with watched() as statements:
            told_again = chain.pass_once()
        yield Synced(world, chain, told_again, statements, chain.dump())


# --------------------------------------------------------------------------------------------------- the tests


def test_each_meeting_is_one_activity_with_ten_sightings_and_its_true_outcome(synced: Synced) -> None:
    found = synced.chain.rows("SELECT subject, occurred_at, status FROM v1_activity")
    assert Counter((subject, str(at)[:16], status) for subject, at, status in found) == truth(synced.world.meetings)
    holders = synced.chain.rows(
        "SELECT count(*), count(DISTINCT stream_id) FROM sighting WHERE activity_id IS NOT NULL GROUP BY activity_id"
    )
    assert set(holders) == {(len(REPS), len(REPS))}
    assert synced.chain.rows("SELECT DISTINCT verdict, rule FROM sighting") == [("logged", "logged")]


def test_each_meeting_has_the_attendees_of_the_organizer_each_with_the_answer_of_the_best_witness(
    synced: Synced,
) -> None:
    found = synced.chain.rows(
        "SELECT DISTINCT subject, role, address, response FROM v1_activity"
        " JOIN v1_activity_participant ON activity_id = v1_activity.id"
    )
    expected = set()
    for one in synced.world.meetings:
        # Of a meeting of theirs only the guests' copies are here, which know of their own owners only.
        heard = one.organizer in REPS
        for who, answer in one.guests:
            told = answer if heard or who in REPS else "NEEDS-ACTION"
            expected.add((one.subject, "attendee", who.address, told.lower().replace("-", "_")))
        assert one.organizer is not None
        expected.add((one.subject, "organizer", one.organizer.address, ""))
    assert set(found) == expected


def test_a_second_pass_writes_nothing_but_that_it_was_made(synced: Synced) -> None:
    assert synced.told_again == {}
    assert [statement.partition(" SET ")[0] for statement in synced.written_again] == ["UPDATE mailbox"]


def test_two_processes_that_write_the_same_store_at_once_make_what_one_alone_makes(
    synced: Synced, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    database = "sqlite" if "sqlite" in synced.chain.office.store else "postgresql"
    with _in(database, synced.world.office(tmp_path), request) as chain:
        chain.prepare()
        names = list(chain.office.mailboxes)
        assert compete(chain.office.write(), names[::2], names[1::2]) == [0, 0]
        made = chain.dump()
    for table, rows in synced.dump.items():
        assert made[table] == rows, table


def test_a_reschedule_a_cancellation_and_deleted_copies_change_just_the_rows_that_they_should(synced: Synced) -> None:
    """After the tests that want the calendars as they were."""
    world, reps = synced.world, len(REPS)
    planned = [one for one in world.meetings if one.number % 10 == 1]

    moved = replace(planned[0], starts=planned[0].starts + DAY, sequence=1)
    world.put(moved)
    changed, dump = synced.differences(synced.dump)
    assert changed == {"activity": 1, "copy": reps, "sighting": reps}
    query = f"SELECT rescheduled, status FROM v1_activity WHERE subject = '{moved.subject}'"
    assert synced.chain.rows(query) == [(1, "planned")]

    called_off = replace(planned[1], cancelled=True, sequence=1, stamped=datetime.now(UTC))
    world.put(called_off)
    changed, dump = synced.differences(dump)
    # The guests' copies have another sequence; only the organizer's says what happened.
    assert changed == {"activity": 1, "copy": reps, "sighting": 1}
    assert synced.chain.rows(f"SELECT status FROM v1_activity WHERE subject = '{called_off.subject}'") == [
        ("cancelled",)
    ]

    organizer = planned[2].number % reps
    world.delete((organizer + 1) % reps, planned[2].number)
    changed, dump = synced.differences(dump)
    assert changed == {"sighting": 1}
    world.delete(organizer, planned[2].number)
    changed, dump = synced.differences(dump)
    assert changed == {"activity": 1, "sighting": 1}
    assert synced.chain.rows(f"SELECT status FROM v1_activity WHERE subject = '{planned[2].subject}'") == [
        ("cancelled",)
    ]
