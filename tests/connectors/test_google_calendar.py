"""Google calendars and task lists as streams, on a faithful fake: the contract, and what only Google does."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.google_calendar import CalendarSource
from connectors.google_sign_in import MAIL
from syncd.errors import CursorExpired, Permanent, Retryable
from syncd.model import CalendarObject, Event, EventStatus, ItemId, Removed, Unreadable
from tests.connectors.calendar_contract import CalendarContract, CalendarWorld
from tests.connectors.contract import Reader
from tests.connectors.google_worlds import NOW, USER, GmailWorld
from tests.servers import google_errors as errors
from tests.servers.fake_google import FakeGoogle
from tests.servers.fake_google_calendar import Calendar

SINCE = NOW - timedelta(days=180)


def at(moment: datetime, zone: str = "Europe/Berlin") -> dict[str, str]:
    return {"dateTime": moment.isoformat(), "timeZone": zone}


MEETING: dict[str, Any] = {
    "summary": "Offer",
    "start": {"dateTime": "2026-11-25T10:00:00+01:00", "timeZone": "Europe/Berlin"},
    "end": {"dateTime": "2026-11-25T11:00:00+01:00", "timeZone": "Europe/Berlin"},
    "organizer": {"email": "bert@example.org", "displayName": "Bert"},
    "attendees": [
        {"email": "bert@example.org", "responseStatus": "accepted"},
        {"email": USER, "self": True, "responseStatus": "tentative"},
        {"email": "room@resource.calendar.google.com", "resource": True, "responseStatus": "accepted"},
    ],
}
WEEKLY = {**MEETING, "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=4"]}


@dataclass
class GoogleCalendarWorld(GmailWorld, CalendarWorld):
    several_batches: int = 30

    def __post_init__(self) -> None:
        super().__post_init__()
        self.settings = replace(self.settings, read=("calendar",))
        self.since = SINCE
        self.sign_in(*CalendarSource.scopes)
        _ = self.calendar

    @property
    def calendar(self) -> Calendar:
        return self.fake.calendar(USER)

    def add(self, count: int) -> list[str]:
        ids = [self.calendar.put({**MEETING, "summary": f"Meeting {number}"}) for number in range(count)]
        return [f"{id}@google.com" for id in ids]

    def remove(self, key: str) -> None:
        self.calendar.delete(key.partition("@")[0])

    def change(self, key: str) -> None:
        held = self.calendar.events[key.partition("@")[0]]
        self.calendar.put({**held, "summary": "Another subject"})

    def renumber(self) -> None:
        self.calendar.end_tokens()

    def only(self) -> tuple[Event, ...]:
        """The events of the one object that a first pass brings."""
        (item,) = [item for batch in Reader(self).whole_pass() for item in batch.items]
        assert isinstance(item, CalendarObject), item
        return tuple(part for part in item.parts if isinstance(part, Event))


@pytest.fixture
def world(google: FakeGoogle) -> GoogleCalendarWorld:
    return GoogleCalendarWorld(google)


class TestTheContract(CalendarContract):
    @pytest.fixture
    def world(self, google: FakeGoogle) -> CalendarWorld:
        return GoogleCalendarWorld(google)


class TestTheContractWithOddPages(CalendarContract):
    @pytest.fixture
    def world(self, google: FakeGoogle) -> CalendarWorld:
        world = GoogleCalendarWorld(google)
        world.calendar.empty_pages = True
        world.calendar.page = 4
        return world


# ------------------------------------------------------------------------------------------------------ one meeting


def test_a_meeting_is_what_google_says_of_it(world: GoogleCalendarWorld) -> None:
    world.calendar.put(
        {**MEETING, "iCalUID": "offer@example.org", "hangoutLink": "https://meet.google.com/abc-defg-hij"}
    )
    (event,) = world.only()
    assert (event.uid, event.original_start, event.subject) == ("offer@example.org", "", "Offer")
    assert (event.starts_at, event.ends_at) == (
        datetime(2026, 11, 25, 9, tzinfo=UTC),
        datetime(2026, 11, 25, 10, tzinfo=UTC),
    )
    assert (event.zone, event.all_day) == ("Europe/Berlin", False)
    assert event.location == "https://meet.google.com/abc-defg-hij"
    assert [(each.role, each.address, each.response) for each in event.participants] == [
        ("organizer", "bert@example.org", ""),
        ("attendee", "bert@example.org", "accepted"),
        ("attendee", USER, "tentative"),
    ]
    assert (event.organized, event.response, event.private, event.not_a_meeting) == (False, "tentative", "", "")


def test_the_owners_answer_and_whose_meeting_it_is_are_the_self_entrys(world: GoogleCalendarWorld) -> None:
    """An alias may stand there: the address alone would not tell."""
    mine = {"email": "a.alias@example.net", "self": True, "responseStatus": "declined"}
    world.calendar.put({**MEETING, "attendees": [mine]})
    (event,) = world.only()
    assert (event.response, event.organized) == ("declined", False)


@pytest.mark.parametrize(
    ("fields", "private", "not_a_meeting", "partial"),
    [
        ({"visibility": "private"}, "CLASS:PRIVATE", "", False),
        ({"visibility": "confidential"}, "CLASS:CONFIDENTIAL", "", False),
        ({"visibility": "public"}, "", "", False),
        ({"eventType": "focusTime"}, "", "focus time", False),
        ({"eventType": "outOfOffice"}, "", "out of office", False),
        ({"eventType": "workingLocation"}, "", "working location", False),
        ({"eventType": "birthday"}, "", "birthday", False),
        ({"eventType": "fromGmail"}, "", "", False),
        ({"attendeesOmitted": True}, "", "", True),
        ({"guestsCanSeeOtherGuests": False}, "", "", True),
    ],
)
def test_what_is_private_no_meeting_or_told_in_part_is_marked(
    world: GoogleCalendarWorld, fields: dict[str, Any], private: str, not_a_meeting: str, partial: bool
) -> None:
    world.calendar.put({**MEETING, **fields})
    (event,) = world.only()
    assert (event.private, event.not_a_meeting, event.partial) == (private, not_a_meeting, partial)


def test_an_all_day_event_is_of_dates_and_is_over_at_its_calendars_midnight(world: GoogleCalendarWorld) -> None:
    world.calendar.put({"summary": "Fair", "start": {"date": "2026-11-24"}, "end": {"date": "2026-11-26"}})
    (event,) = world.only()
    assert event.all_day
    assert (event.starts_at, event.ends_at) == (datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 11, 26, tzinfo=UTC))
    assert event.settles_at == datetime(2026, 11, 25, 23, tzinfo=UTC)


def test_hostile_text_stays_text(world: GoogleCalendarWorld) -> None:
    evil = 'a;b,c\\d\r\nATTENDEE:mailto:evil@example.net\nEND:VEVENT"'
    person = {"email": "bert@example.org", "displayName": evil}
    world.calendar.put(
        {**MEETING, "summary": evil, "attendees": [person], "recurrence": [f"RRULE:FREQ=DAILY;COUNT=1\r\n{evil}"]}
    )
    (event,) = world.only()
    assert {each.address for each in event.participants} == {"bert@example.org"}
    assert event.subject.startswith("a;b,c\\d")


@pytest.mark.parametrize(
    "broken", [{"start": {}}, {"start": {"dateTime": "yesterday"}}, {"start": None}, {"attendees": [None]}]
)
def test_one_event_that_makes_no_sense_does_not_stop_the_others(
    world: GoogleCalendarWorld, broken: dict[str, Any]
) -> None:
    keys = world.add(2)
    bad = world.calendar.put({**MEETING, **broken})
    world.fake.judged.clear()
    reader = Reader(world)
    items = [item for batch in reader.whole_pass() for item in batch.items]
    world.fake.judged.clear()  # the judge is right: Google would not answer this, and yet it has
    assert reader.keys == sorted(keys)
    assert [item.id for item in items if isinstance(item, Unreadable)] == [bad]


# --------------------------------------------------------------------------------------------------------- a series


def starts(events: tuple[Event, ...]) -> list[str]:
    return sorted(f"{event.starts_at:%m-%d %H}" for event in events if event.status is not EventStatus.CANCELLED)


def test_a_series_keeps_its_hour_and_each_occurrence_its_original_start(world: GoogleCalendarWorld) -> None:
    summer = {"start": at(datetime(2026, 10, 14, 8, tzinfo=UTC)), "end": at(datetime(2026, 10, 14, 9, tzinfo=UTC))}
    world.calendar.put({**WEEKLY, **summer})
    events = world.only()
    assert starts(events) == ["10-14 08", "10-21 08", "10-28 09", "11-04 09"]
    assert {event.original_start for event in events} == {
        "20261014T080000Z", "20261021T080000Z", "20261028T090000Z", "20261104T090000Z",
    }  # fmt: skip
    assert {event.exact for event in events} == {False}


def moved(world: GoogleCalendarWorld, master: str) -> None:
    """The second occurrence a day later, where the owner has declined; the third is cancelled."""
    world.calendar.put(
        {
            **MEETING,
            "id": f"{master}_20261202T090000Z",
            "recurringEventId": master,
            "originalStartTime": at(datetime(2026, 12, 2, 9, tzinfo=UTC)),
            "start": at(datetime(2026, 12, 3, 9, tzinfo=UTC)),
            "end": at(datetime(2026, 12, 3, 10, tzinfo=UTC)),
            "attendees": [{"email": USER, "self": True, "responseStatus": "declined"}],
        }
    )
    world.calendar.cancel_occurrence(master, at(datetime(2026, 12, 9, 9, tzinfo=UTC)))


def test_an_exception_moves_its_occurrence_and_a_cancelled_one_of_three_fields_takes_it_out(
    world: GoogleCalendarWorld,
) -> None:
    master = world.calendar.put(WEEKLY)
    moved(world, master)
    events = world.only()
    assert starts(events) == ["11-25 09", "12-03 09", "12-16 09"]
    by_original = {event.original_start: event for event in events}
    assert by_original["20261202T090000Z"].response == "declined"
    assert by_original["20261125T090000Z"].response == "tentative"
    assert by_original["20261209T090000Z"].status is EventStatus.CANCELLED


def test_an_exception_that_changes_brings_its_whole_series(world: GoogleCalendarWorld) -> None:
    master = world.calendar.put(WEEKLY)
    reader = Reader(world)
    reader.whole_pass()
    moved(world, master)
    ((item,),) = [batch.items for batch in reader.whole_pass()]
    assert isinstance(item, CalendarObject)
    assert item.id == master
    assert starts(tuple(part for part in item.parts if isinstance(part, Event))) == ["11-25 09", "12-03 09", "12-16 09"]
    assert reader.whole_pass() == []


def test_an_occurrence_without_its_series_is_one_by_itself(world: GoogleCalendarWorld) -> None:
    """Whoever was asked to one meeting of a series has no more of it."""
    one = {
        **MEETING,
        "id": "other_20261125T090000Z",
        "recurringEventId": "other",
        "originalStartTime": MEETING["start"],
    }
    world.calendar.put({**one, "iCalUID": "series@example.org"})
    (event,) = world.only()
    assert (event.uid, event.original_start) == ("series@example.org", "20261125T090000Z")


def test_a_series_that_is_deleted_leaves_whole(world: GoogleCalendarWorld) -> None:
    master = world.calendar.put(WEEKLY)
    moved(world, master)
    reader = Reader(world)
    reader.whole_pass()
    world.calendar.delete(master)
    ((item,),) = [batch.items for batch in reader.whole_pass()]
    assert item == Removed(ItemId(master))


def test_what_its_organizer_cancels_is_a_cancelled_meeting(world: GoogleCalendarWorld) -> None:
    mine = {**MEETING, "organizer": {"email": USER, "self": True}}
    id = world.calendar.put(mine)
    reader = Reader(world)
    reader.whole_pass()
    world.calendar.put({**mine, "id": id, "status": "cancelled"})
    ((item,),) = [batch.items for batch in reader.whole_pass()]
    assert isinstance(item, CalendarObject)
    (event,) = item.parts
    assert isinstance(event, Event)
    assert (event.status, event.organized) == (EventStatus.CANCELLED, True)


# ------------------------------------------------------------------------------------------------- tokens and lists


def test_a_token_that_is_over_costs_a_listing_and_reads_only_what_changed(world: GoogleCalendarWorld) -> None:
    keys = world.add(3)
    reader = Reader(world)
    reader.whole_pass()
    world.remove(keys[0])
    world.change(keys[1])
    world.calendar.end_tokens()
    with pytest.raises(CursorExpired):
        reader.whole_pass()
    reader.cursor = None
    found = [item for batch in reader.whole_pass() for item in batch.items]
    assert [item.id for item in found] == [keys[1].partition("@")[0]]
    assert reader.keys == sorted(keys[1:])


def test_nothing_that_a_token_forbids_or_that_hides_guests_is_ever_asked_for(world: GoogleCalendarWorld) -> None:
    world.add(3)
    reader = Reader(world)
    reader.whole_pass()
    world.add(1)
    reader.whole_pass()
    asked = {name for call in world.fake.of("calendar.events.list") for name in call.query}
    assert asked.isdisjoint({"maxAttendees", "timeMin", "timeMax", "updatedMin", "singleEvents", "orderBy"})


def test_all_calendars_of_the_list_are_read_but_those_left_out_or_of_nobodys_meetings(google: FakeGoogle) -> None:
    world = GoogleCalendarWorld(google)
    google.calendar(USER, "team@group.calendar.google.com").summary = "Team"
    google.calendar(USER, "private@group.calendar.google.com").summary = "Private"
    google.calendar(USER, "ben@example.com").role = "freeBusyReader"
    google.calendar(USER, "de.german#holiday@group.v.calendar.google.com").role = "reader"
    world.settings = replace(world.settings, exclude_calendars=("private",))
    excluded = {stream.name.removeprefix("calendar "): stream.excluded for stream in world.account().streams()}
    assert excluded == {
        "calendar": "",
        "team@group.calendar.google.com": "",
        "private@group.calendar.google.com": "folder_excluded",
        "ben@example.com": "free/busy only",
        "de.german#holiday@group.v.calendar.google.com": "holidays or birthdays",
    }
    world.settings = replace(world.settings, calendars=("Team",), exclude_calendars=())
    read = [stream.name for stream in world.account().streams() if not stream.excluded]
    assert read == ["calendar team@group.calendar.google.com"]


def test_another_accounts_calendars_are_refused_by_name(google: FakeGoogle) -> None:
    world = GoogleCalendarWorld(google)
    google.calendar("ben@example.com")
    token = google.oauth.grant("ben@example.com", *CalendarSource.scopes)
    world.tokens.save(json.dumps({"refresh_token": token, "client_id": google.oauth.client_id}))
    with pytest.raises(Permanent, match=r"answers is ben@example\.com, not anna"):
        world.account().streams()


def test_calendars_that_were_not_allowed_do_not_stop_the_mail(google: FakeGoogle) -> None:
    world = GmailWorld(google)
    world.sign_in(MAIL)
    world.settings = replace(world.settings, read=("mail", "calendar"))
    world.add(1)
    mail, calendar = world.account().streams()
    assert len(next(iter(mail.changes(None))).items) == 1
    with pytest.raises(Permanent) as raised:
        list(calendar.changes(None))
    assert "calendar.events.readonly" in str(raised.value)
    assert "leave calendar out of `read`" in raised.value.cure


def test_a_calendar_that_its_owner_takes_away_passes_and_is_gone_at_the_next_look(google: FakeGoogle) -> None:
    world = GoogleCalendarWorld(google)
    google.calendar(USER, "team@group.calendar.google.com")
    account = world.account()
    own, team = account.streams()
    (batch,) = team.changes(None)
    del google.calendars[USER]["team@group.calendar.google.com"]
    with pytest.raises(CursorExpired):
        list(team.changes(batch.cursor))
    with pytest.raises(Retryable, match="no longer has calendar team"):
        list(team.changes(None))
    google.clock.sleep(1000)
    assert [stream.name for stream in account.streams()] == [own.name]


def test_calendars_that_cannot_be_listed_for_a_moment_stay_as_they_were(google: FakeGoogle) -> None:
    world = GmailWorld(google)
    world.sign_in(MAIL, *CalendarSource.scopes)
    world.settings = replace(world.settings, read=("mail", "calendar"))
    google.calendar(USER)
    account = world.account()
    before = [stream.name for stream in account.streams()]
    google.clock.sleep(1000)
    google.fail_next(*[errors.UNAVAILABLE] * 3, method="calendar.calendarList")
    assert [stream.name for stream in account.streams()] == before == ["mail", "calendar"]
    listings = len(google.of("calendar.calendarList.list"))
    account.streams()
    assert len(google.of("calendar.calendarList.list")) == listings + 1
