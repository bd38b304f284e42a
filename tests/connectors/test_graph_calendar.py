"""Calendars of Microsoft 365 by Graph: the contract, and what Graph's view of a calendar does not tell."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import Account, Stream
from connectors.graph_event import event
from syncd.errors import CursorExpired
from syncd.model import CalendarObject, Event, EventStatus, ItemId, Participant, Removed, Role
from tests.connectors.calendar_contract import CalendarContract, CalendarWorld
from tests.connectors.contract import Reader
from tests.connectors.graph_worlds import GraphWorld, graph_world
from tests.servers.fake_graph import Cloud
from tests.servers.fake_graph_calendar import Agenda, Meeting
from tests.servers.fake_graph_query import Refused

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
START = datetime(2026, 11, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class AgendaWorld(CalendarWorld):
    mail: GraphWorld
    several_batches: int = 12
    meetings: dict[str, Meeting] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def agenda(self) -> Agenda:
        return self.mail.cloud.graph.agendas["anna@example.com"]

    def account(self) -> Account:
        return self.mail.account()

    def stream(self, account: Account) -> Stream:
        return next(stream for stream in account.streams() if stream.name == "calendar")

    def add(self, count: int) -> list[str]:
        keys = [f"{next(self._numbers):06}@example.org" for _ in range(count)]
        for key in keys:
            self.meetings[key] = self.agenda.add(key, [START + int(key[:6]) * timedelta(hours=1)])
        return keys

    def change(self, key: str) -> None:
        self.agenda.change(self.meetings[key], subject="Another subject")

    def remove(self, key: str) -> None:
        self.agenda.remove(self.meetings[key])

    def renumber(self) -> None:
        self.agenda.migrate()
        self.mail.cloud.graph.views.given.clear()

    def revoke(self) -> None:
        self.mail.revoke()

    def vanish(self) -> None:
        self.mail.vanish()

    def objects(self) -> list[CalendarObject]:
        """All that there are."""
        stream = self.stream(self.account())
        return [item for item in stream.read([*stream.inventory()], text=True) if isinstance(item, CalendarObject)]

    def parts(self) -> list[Event]:
        return [part for found in self.objects() for part in found.parts if isinstance(part, Event)]


@pytest.fixture
def world(microsoft: Cloud) -> Iterator[AgendaWorld]:
    with graph_world(microsoft) as mail:
        mail.since, mail.now = NOW - 180 * DAY, NOW
        yield AgendaWorld(mail)


class TestContract(CalendarContract):
    @pytest.fixture
    def world(self, world: AgendaWorld) -> CalendarWorld:
        world.mail.as_person()
        return world


def _series(world: AgendaWorld, count: int = 10, **fields: object) -> Meeting:
    return world.agenda.add("series@example.org", [START + number * DAY for number in range(count)], **fields)  # type: ignore[arg-type]


def _starts(world: AgendaWorld) -> dict[str, datetime]:
    return {part.original_start: part.starts_at for part in world.parts()}


class TestWhatAMeetingIs:
    def test_people_places_times_and_answers_come_as_graph_knows_them(self, world: AgendaWorld) -> None:
        world.agenda.add(
            "1@example.org",
            [START],
            attendees=[("zoe@client.example", "tentativelyAccepted"), ("ben@example.com", "notResponded")],
            rooms=["room1@example.com"],
            body="The agenda.",
        )
        (part,) = world.parts()
        assert (part.uid, part.original_start, part.subject) == ("1@example.org", "", "Review")
        assert (part.starts_at, part.ends_at) == (START, START + timedelta(minutes=30))
        assert (part.zone, part.location, part.text.strip()) == ("Europe/Berlin", "Room 1", "The agenda.")
        assert (part.organized, part.response) == (True, "accepted")
        assert part.participants == (
            Participant(Role.ORGANIZER, "anna@example.com", "Anna"),
            Participant(Role.ATTENDEE, "zoe@client.example", "Zoe", "tentative"),
            Participant(Role.ATTENDEE, "ben@example.com", "Ben", "needs_action"),
        )

    def test_a_uid_that_exchange_wrapped_is_the_one_it_had_elsewhere(self, world: AgendaWorld) -> None:
        foreign = b"vCal-Uid\x01\x00\x00\x00abc@google.com\x00"
        head = bytes.fromhex("040000008200E00074C5B7101A82E008") + bytes(4 + 8 + 8)
        world.agenda.add((head + len(foreign).to_bytes(4, "little") + foreign).hex(), [START])
        assert [part.uid for part in world.parts()] == ["abc@google.com"]

    def test_a_private_one_is_known_as_such(self, world: AgendaWorld) -> None:
        world.agenda.add("1@example.org", [START], sensitivity="private")
        assert [part.private for part in world.parts()] == ["sensitivity: private"]

    def test_a_cancelled_one_that_stays_in_the_calendar_is_cancelled(self, world: AgendaWorld) -> None:
        world.agenda.add("1@example.org", [START], isCancelled=True)
        assert [part.status for part in world.parts()] == [EventStatus.CANCELLED]

    def test_a_whole_day_is_a_date_and_over_when_its_zone_says(self, world: AgendaWorld) -> None:
        day = datetime(2026, 11, 20, tzinfo=UTC)
        for starts_at in (day, day - timedelta(hours=1)):  # as a date, and as the midnight of Berlin
            world.agenda.add("1@example.org", [starts_at], length=DAY, isAllDay=True)
        parts = world.parts()
        assert [(part.all_day, part.starts_at, part.ends_at) for part in parts] == [(True, day, day + DAY)] * 2
        assert [part.settles_at for part in parts] == [datetime(2026, 11, 20, 23, tzinfo=UTC)] * 2

    def test_what_was_not_sent_yet_and_days_off_are_no_meetings(self, world: AgendaWorld) -> None:
        world.agenda.add("1@example.org", [START], isDraft=True)
        world.agenda.add("2@example.org", [START], attendees=[], showAs="oof")
        assert [part.not_a_meeting for part in world.parts()] == ["not sent yet", "out of office"]

    def test_guests_that_are_hidden_are_not_all(self, world: AgendaWorld) -> None:
        world.agenda.add("1@example.org", [START], hideAttendees=True, isOrganizer=False)
        assert [part.partial for part in world.parts()] == [True]

    @pytest.mark.parametrize("start", ["0001-01-01T00:00:00.0000000", "4501-01-01T00:00:00.0000000", "", None])
    def test_dates_that_are_none_make_no_meeting(self, start: str | None) -> None:
        entry = {"start": {"dateTime": start, "timeZone": "UTC"}, "end": {"dateTime": start, "timeZone": "UTC"}}
        assert event(entry, ItemId("A"), None) is None

    def test_a_time_told_in_another_zone_than_was_asked_for_is_read_in_that(self) -> None:
        at = {"dateTime": "2026-11-20T10:00:00.0000000", "timeZone": "W. Europe Standard Time"}
        made = event({"start": at, "end": at}, ItemId("A"), None)
        assert made is not None
        assert made.starts_at == datetime(2026, 11, 20, 9, tzinfo=UTC)


class TestSeries:
    def test_each_occurrence_is_known_by_when_the_series_has_it(self, world: AgendaWorld) -> None:
        _series(world, 3)
        assert sorted(_starts(world)) == ["20261102T090000Z", "20261103T090000Z", "20261104T090000Z"]
        assert {part.uid for part in world.parts()} == {"series@example.org"}
        assert all(len(part.participants) == 2 for part in world.parts())

    def test_an_occurrence_that_was_moved_keeps_its_name(self, world: AgendaWorld) -> None:
        meeting = _series(world, 3)
        world.agenda.move(meeting, START + DAY, START + DAY + timedelta(hours=5))
        assert _starts(world)["20261103T090000Z"] == START + DAY + timedelta(hours=5)

    def test_an_occurrence_that_was_deleted_without_a_trace_is_gone_from_its_series(self, world: AgendaWorld) -> None:
        meeting = _series(world, 4)
        reader = Reader(world)
        reader.whole_pass()
        world.agenda.delete_occurrence(meeting, START + DAY)
        (item,) = [item for batch in reader.whole_pass() for item in batch.items]
        assert isinstance(item, CalendarObject)
        assert [part.original_start for part in item.parts if isinstance(part, Event)] == [
            "20261102T090000Z", "20261104T090000Z", "20261105T090000Z",
        ]  # fmt: skip

    def test_a_change_of_a_series_reads_it_once(self, world: AgendaWorld) -> None:
        meeting = _series(world, 30)
        reader = Reader(world)
        reader.whole_pass()
        world.agenda.change(meeting, subject="Weekly")
        items = [item for batch in reader.whole_pass() for item in batch.items]
        assert [type(item) for item in items] == [CalendarObject]

    def test_a_daily_series_of_five_years_gives_what_lies_in_the_window(self, world: AgendaWorld) -> None:
        world.agenda.add("daily@example.org", [datetime(2024, 1, 1, 9, tzinfo=UTC) + n * DAY for n in range(5 * 365)])
        (found,) = world.objects()
        assert len(found.parts) == 240
        assert found.next_at is not None
        assert found.next_at > found.ends

    def test_a_series_that_begins_after_the_window_tells_when(self, world: AgendaWorld) -> None:
        world.agenda.add("later@example.org", [NOW + (70 + number) * DAY for number in range(3)])
        (found,) = world.objects()
        assert (found.parts, found.next_at) == ((), NOW + 70 * DAY)
        assert found.nothing


class TestTheView:
    def test_what_was_moved_out_of_the_window_is_not_taken_for_deleted(self, world: AgendaWorld) -> None:
        meeting = world.agenda.add("1@example.org", [START])
        reader = Reader(world)
        reader.whole_pass()
        world.agenda.move(meeting, START, NOW + 300 * DAY)
        (item,) = [item for batch in reader.whole_pass() for item in batch.items]
        assert isinstance(item, CalendarObject)
        assert (item.parts, item.next_at) == ((), NOW + 300 * DAY)

    def test_what_was_deleted_is(self, world: AgendaWorld) -> None:
        meeting = world.agenda.add("1@example.org", [START])
        reader = Reader(world)
        reader.whole_pass()
        world.agenda.remove(meeting)
        assert [type(item) for batch in reader.whole_pass() for item in batch.items] == [Removed]

    def test_the_window_is_opened_anew_once_a_day(self, world: AgendaWorld) -> None:
        world.add(2)
        reader = Reader(world)
        reader.whole_pass()
        assert reader.whole_pass() == []
        world.mail.now += DAY
        world.mail.since += DAY
        (batch,) = reader.whole_pass()
        assert batch.versions is not None
        assert batch.versions.keys() == reader.seen.keys()

    def test_a_link_that_expired_has_all_compared(self, world: AgendaWorld) -> None:
        keys = world.add(3)
        reader = Reader(world)
        reader.whole_pass()
        world.mail.cloud.graph.views.expire(Refused(410, "SyncStateNotFound", "It is not found."))
        with pytest.raises(CursorExpired):
            reader.whole_pass()
        reader.cursor = None
        reader.whole_pass()
        assert reader.keys == keys

    def test_an_empty_page_is_not_the_end(self, world: AgendaWorld) -> None:
        world.mail.cloud.graph.views.empty_pages = True
        keys = world.add(3)
        reader = Reader(world)
        reader.whole_pass()
        world.change(keys[0])
        assert len(reader.whole_pass()) == 1

    @pytest.mark.parametrize("cut", [False, True])
    def test_a_round_that_ends_with_an_empty_page_is_over(self, world: AgendaWorld, cut: bool) -> None:
        world.mail.cloud.graph.views.ends_empty = True
        reader = Reader(world)
        reader.whole_pass()
        keys = world.add(1)
        reader.cut_pass(1) if cut else reader.whole_pass()
        reader.whole_pass()
        keys += world.add(1)
        reader.whole_pass()
        assert reader.keys == keys
        assert reader.whole_pass() == []

    def test_a_poll_that_finds_nothing_is_one_request_for_each_calendar(self, world: AgendaWorld) -> None:
        world.add(3)
        reader = Reader(world)
        stream = world.stream(world.account())
        list(reader.batches(stream))
        world.mail.cloud.graph.requests.clear()
        assert list(reader.batches(stream)) == []
        assert len(world.mail.cloud.graph.requests) == 1


class TestCalendars:
    def test_the_owner_s_are_read_and_those_of_others_are_not(self, world: AgendaWorld) -> None:
        world.agenda.calendar("Projects")
        world.agenda.calendar("Ben", owner=("Ben", "ben@example.com"))
        world.agenda.calendars[0].name = "Kalender"
        world.mail.settings = replace(world.mail.settings, exclude_calendars=("projects",))
        found = {each.name: each.excluded for each in world.account().streams() if each.kind == "calendar"}
        assert found == {"calendar": "", "calendar Projects": "folder_excluded", "calendar Ben": "another's"}

    def test_a_calendar_of_another_is_read_when_it_is_named(self, world: AgendaWorld) -> None:
        world.agenda.calendar("Ben", owner=("Ben", "ben@example.com"))
        world.mail.settings = replace(world.mail.settings, calendars=("Ben",), read=("calendar",))
        found = {each.name: each.excluded for each in world.account().streams()}
        assert found == {"calendar": "folder_excluded", "calendar Ben": ""}

    def test_a_right_that_is_missing_keeps_no_mail_from_being_read_and_is_told(self, world: AgendaWorld) -> None:
        world.mail.cloud.login.roles = frozenset({"Mail.Read"})
        account = world.mail.account()
        assert {stream.kind for stream in account.streams()} == {"mail"}
        assert any("calendars are not read" in warning for warning, _ in account.grant().warnings)

    def test_calendars_can_be_left_out(self, world: AgendaWorld) -> None:
        world.mail.settings = replace(world.mail.settings, read=("mail",))
        world.mail.as_person()
        assert {stream.kind for stream in world.account().streams()} == {"mail"}
        assert world.mail.account().grant().permissions == ("Mail.Read", "User.Read")
        assert not any("/calendars" in request.url for request in world.mail.cloud.graph.requests)
