"""Calendars and tasks on an Exchange server: what a meeting is, whatever the zone of this machine, and its series."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.ical_uid import normal_uid
from syncd.model import CalendarObject, Event, EventStatus, ItemId, Level, Participant, Removed, Role, Task, Unreadable
from tests.connectors.contract import Reader
from tests.connectors.ews_series import FOR_EVER, MONDAYS, NEW_YORK, OWN, PATTERNS, VIENNA
from tests.connectors.ews_worlds import (
    ANNA,
    NOON,
    USER,
    ZOE,
    EwsCalendarWorld,
    exception,
    meeting,
    opened,
    series,
    settings,
    task,
)
from tests.servers.fake_ews import FakeEws
from tests.servers.fake_ews_items import Occurrence, Person, Raw
from tests.servers.fake_ews_soap import Fault


@pytest.fixture
def world(exchange: FakeEws) -> Iterator[EwsCalendarWorld]:
    made = EwsCalendarWorld(exchange, settings(exchange), exchange.mailbox(USER), since=NOON - timedelta(days=90))
    with opened(made):
        yield made


@pytest.fixture(params=["UTC", "America/New_York", "Asia/Tokyo"])
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """It stands in another zone than the meeting."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def only(world: EwsCalendarWorld, id: str = "") -> CalendarObject:
    reader = Reader(world)
    found = [item for batch in reader.whole_pass() for item in batch.items if id in ("", item.id)]
    (item,) = found
    assert isinstance(item, CalendarObject)
    return item


def events(world: EwsCalendarWorld, id: str = "") -> list[Event]:
    """In their order in time."""
    return sorted((part for part in only(world, id).parts if isinstance(part, Event)), key=lambda part: part.starts_at)


class TestASingleMeeting:
    def test_it_is_read_whole(self, world: EwsCalendarWorld) -> None:
        meeting(world.mailbox, "demo@example.com", utc("2026-11-23T09:00"), calendar_StartTimeZone=VIENNA)
        (event,) = events(world)
        assert (event.uid, event.original_start, event.zone) == ("demo@example.com", "", "Europe/Berlin")
        assert (event.starts_at, event.ends_at) == (utc("2026-11-23T09:00"), utc("2026-11-23T10:00"))
        assert (event.subject, event.text, event.location) == ("Demo", "The agenda", "Room 1")
        assert event.participants == (
            Participant(Role.ORGANIZER, USER, "Anna Arendt"),
            Participant(Role.ATTENDEE, ZOE.address, "Zoe", "accepted"),
        )
        assert (event.organized, event.response, event.status) == (True, "accepted", EventStatus.CONFIRMED)

    def test_an_invitation_of_google_or_a_provider_has_its_own_uid_again(self, world: EwsCalendarWorld) -> None:
        wrapped = (
            "040000008200E00074C5B7101A82E00807EA0B16000000000000000000000000000000001E000000"
            "7643616C2D5569640100000061626331323340676F6F676C652E636F6D00"
        )
        meeting(world.mailbox, wrapped, utc("2026-11-23T09:00"))
        assert events(world)[0].uid == "abc123@google.com" == normal_uid(wrapped)

    def test_a_guests_copy_tells_the_owners_answer(self, world: EwsCalendarWorld) -> None:
        meeting(
            world.mailbox, "demo@example.com", utc("2026-11-23T09:00"), calendar_Organizer=ZOE,
            calendar_MyResponseType="Tentative", calendar_RequiredAttendees=[ANNA],
        )  # fmt: skip
        (event,) = events(world)
        assert (event.organized, event.response) == (False, "tentative")

    def test_a_cancelled_one_is_cancelled_and_a_private_one_private(self, world: EwsCalendarWorld) -> None:
        meeting(
            world.mailbox, "demo@example.com", utc("2026-11-23T09:00"), calendar_IsCancelled=True,
            item_Sensitivity="Confidential",
        )  # fmt: skip
        (event,) = events(world)
        assert (event.status, event.private) == (EventStatus.CANCELLED, "CLASS:CONFIDENTIAL")

    def test_rooms_and_people_without_an_smtp_address_are_nobody(self, world: EwsCalendarWorld) -> None:
        gone = Person("Gone", "/O=EXAMPLE/OU=EXCHANGE/CN=RECIPIENTS/CN=GONE", "EX")
        meeting(
            world.mailbox, "demo@example.com", utc("2026-11-23T09:00"), calendar_RequiredAttendees=[gone],
            calendar_OptionalAttendees=[ZOE], calendar_Resources=[Person("Room 1", "room1@example.com")],
        )  # fmt: skip
        (event,) = events(world)
        assert [each.address for each in event.participants if each.role is Role.ATTENDEE] == [ZOE.address]

    def test_an_absence_is_no_meeting(self, world: EwsCalendarWorld) -> None:
        meeting(
            world.mailbox, "off@example.com", utc("2026-11-23T09:00"), calendar_Organizer=None,
            calendar_RequiredAttendees=[], calendar_LegacyFreeBusyStatus="OOF", item_Subject="Skiing",
        )  # fmt: skip
        assert events(world)[0].not_a_meeting == "out of office"

    def test_text_that_may_not_be_stored_is_not_asked_for(self, world: EwsCalendarWorld, exchange: FakeEws) -> None:
        meeting(world.mailbox, "demo@example.com", utc("2026-11-23T09:00"))
        given = world.context
        world.context = lambda: given()._replace(level=Level.SUBJECT)  # type: ignore[method-assign]
        assert events(world)[0].text == ""
        assert [request for request in exchange.requests if "item:Body" in request.fields] == []

    def test_what_makes_no_sense_stops_nothing(self, world: EwsCalendarWorld) -> None:
        series(world.mailbox, utc("2026-09-07T07:00"), MONDAYS, FOR_EVER, calendar_Start=None)
        meeting(world.mailbox, "demo@example.com", utc("2026-11-23T09:00"))
        kinds = {type(item) for batch in Reader(world).whole_pass() for item in batch.items}
        assert kinds == {Unreadable, CalendarObject}


@pytest.mark.usefixtures("machine")
class TestWholeDays:
    @pytest.mark.parametrize(
        ("zone", "midnight"), [(VIENNA, "22:00"), (NEW_YORK, "04:00"), (OWN, "22:00"), (None, "22:00"), (None, "08:00")]
    )
    def test_the_day_is_the_one_that_was_meant(self, world: EwsCalendarWorld, zone: Raw | None, midnight: str) -> None:
        day = "2026-10-12" if midnight == "22:00" else "2026-10-13"
        meeting(
            world.mailbox, "day@example.com", utc(f"{day}T{midnight}"), calendar_IsAllDayEvent=True,
            calendar_End=utc(f"{day}T{midnight}") + timedelta(days=1), calendar_StartTimeZone=zone,
        )  # fmt: skip
        (event,) = events(world)
        assert event.all_day
        assert (event.starts_at, event.ends_at) == (utc("2026-10-13T00:00"), utc("2026-10-14T00:00"))

    def test_a_series_of_whole_days_keeps_its_days_when_clocks_change(self, world: EwsCalendarWorld) -> None:
        starts_at = utc("2026-10-11T22:00")
        master = series(
            world.mailbox, starts_at, MONDAYS, FOR_EVER.replace("09-07", "10-12"), calendar_IsAllDayEvent=True,
            calendar_End=starts_at + timedelta(days=1), calendar_StartTimeZone=VIENNA,
            calendar_DeletedOccurrences=[Occurrence(utc("2026-11-01T23:00"))],
        )  # fmt: skip
        exception(world.mailbox, master, utc("2026-11-08T23:00"), utc("2026-11-09T23:00"), calendar_IsAllDayEvent=True,
                  calendar_End=utc("2026-11-10T23:00"), item_Subject="Moved")  # fmt: skip
        found = {each.original_start: (f"{each.starts_at:%m-%d}", each.subject) for each in events(world)}
        assert list(found)[:5] == ["20261012", "20261019", "20261026", "20261109", "20261116"]
        assert found["20261109"] == ("11-10", "Moved")
        assert found["20261116"] == ("11-16", "Demo")


@pytest.mark.usefixtures("machine")
class TestASeries:
    def test_its_hour_stays_when_clocks_change(self, world: EwsCalendarWorld) -> None:
        series(world.mailbox, utc("2026-09-07T07:00"), MONDAYS, FOR_EVER, calendar_StartTimeZone=VIENNA)
        found = {f"{each.starts_at:%m-%d %H:%M}" for each in events(world)}
        assert {"10-19 07:00", "10-26 08:00"} <= found

    def test_a_zone_that_has_only_its_rules_is_worked_out_by_them(self, world: EwsCalendarWorld) -> None:
        series(world.mailbox, utc("2026-09-07T07:00"), MONDAYS, FOR_EVER, calendar_StartTimeZone=OWN)
        found = events(world)
        assert {"10-19 07:00", "10-26 08:00"} <= {f"{each.starts_at:%m-%d %H:%M}" for each in found}
        assert found[0].problem == ""

    def test_changed_and_deleted_occurrences_are_what_they_are(self, world: EwsCalendarWorld) -> None:
        master = series(
            world.mailbox, utc("2026-11-02T08:00"), MONDAYS, FOR_EVER.replace("09-07", "11-02"),
            calendar_StartTimeZone=VIENNA,
            calendar_DeletedOccurrences=[Occurrence(utc("2026-11-16T08:00"))],
        )  # fmt: skip
        exception(world.mailbox, master, utc("2026-11-09T08:00"), utc("2026-11-10T14:00"), item_Subject="Moved")
        found = {each.original_start: each for each in events(world)}
        assert [*found][:3] == ["20261102T080000Z", "20261109T080000Z", "20261123T080000Z"]
        moved = found["20261109T080000Z"]
        assert (moved.subject, moved.starts_at) == ("Moved", utc("2026-11-10T14:00"))

    def test_a_changed_occurrence_changes_the_version_of_its_series(self, world: EwsCalendarWorld) -> None:
        master = series(world.mailbox, utc("2026-11-02T08:00"), MONDAYS, FOR_EVER, calendar_StartTimeZone=VIENNA)
        reader = Reader(world)
        reader.whole_pass()
        changed = exception(world.mailbox, master, utc("2026-11-09T08:00"), utc("2026-11-09T09:00"))
        (batch,) = reader.whole_pass()
        assert [item.id for item in batch.items] == [master.id]
        world.mailbox.change(changed, Subject="Elsewhere")
        (batch,) = reader.whole_pass()
        (item,) = batch.items
        assert isinstance(item, CalendarObject)
        assert "Elsewhere" in [each.subject for each in item.parts]

    def test_while_an_occurrence_cannot_be_read_its_series_waits(
        self, world: EwsCalendarWorld, exchange: FakeEws
    ) -> None:
        master = series(world.mailbox, utc("2026-11-02T08:00"), MONDAYS, FOR_EVER)
        changed = exception(world.mailbox, master, utc("2026-11-09T08:00"), utc("2026-11-09T09:00"))
        exchange.lost = {changed.id: Fault("ErrorItemCorrupt")}
        (item,) = world.stream(world.account()).read([ItemId(master.id)], text=True)
        assert isinstance(item, Unreadable)
        assert "ErrorItemCorrupt" in item.reason

    def test_an_occurrence_that_is_told_by_itself_belongs_to_its_series(self, world: EwsCalendarWorld) -> None:
        master = series(world.mailbox, utc("2026-11-02T08:00"), MONDAYS, FOR_EVER)
        changed = exception(world.mailbox, master, utc("2026-11-09T08:00"), utc("2026-11-09T09:00"))
        (item,) = world.stream(world.account()).read([ItemId(changed.id)], text=True)
        assert isinstance(item, Removed)


class TestTheWindow:
    def test_when_the_window_reaches_its_next_occurrence_it_is_read_again(self, world: EwsCalendarWorld) -> None:
        series(world.mailbox, utc("2027-03-01T08:00"), MONDAYS, FOR_EVER.replace("2026-09-07", "2027-03-01"))
        found = only(world)
        assert (found.parts, found.nothing) == ((), "all its dates are outside the window")
        assert found.next_at == utc("2027-03-01T08:00")

    def test_when_the_window_is_set_anew_everything_is_compared(self, world: EwsCalendarWorld) -> None:
        meeting(world.mailbox, "demo@example.com", utc("2026-11-23T09:00"))
        reader = Reader(world)
        reader.whole_pass()
        world.settings = replace(world.settings, ahead_days=365)
        (batch,) = reader.whole_pass()
        assert batch.versions is not None
        assert len(batch.items) == 1


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_of_outlook_gives_its_days(world: EwsCalendarWorld, pattern: str) -> None:
    series(world.mailbox, utc("2026-08-31T08:00"), pattern, FOR_EVER.replace("09-07", "08-31"))
    assert [f"{each.starts_at:%m-%d}" for each in events(world)][:3] == PATTERNS[pattern]


@pytest.mark.parametrize(
    ("ends", "last"),
    [
        (
            "<t:EndDateRecurrence><t:StartDate>2026-10-05+02:00</t:StartDate><t:EndDate>2026-11-02+01:00</t:EndDate>"
            "</t:EndDateRecurrence>",
            "11-02",
        ),
        (
            "<t:NumberedRecurrence><t:StartDate>2026-10-05</t:StartDate>"
            "<t:NumberOfOccurrences>4</t:NumberOfOccurrences></t:NumberedRecurrence>",
            "10-26",
        ),
    ],
)
def test_a_series_ends_when_it_is_said(world: EwsCalendarWorld, ends: str, last: str) -> None:
    series(world.mailbox, utc("2026-10-05T20:00"), MONDAYS, ends, calendar_StartTimeZone=VIENNA)
    assert f"{events(world)[-1].starts_at:%m-%d}" == last


def test_a_task_is_done_when_it_says_so(world: EwsCalendarWorld) -> None:
    world.folder = "tasks"
    task(world.mailbox, "Call Zoe", done=True)
    task(world.mailbox, "Call Zoe", done=False)
    parts = [
        part for batch in Reader(world).whole_pass() for item in batch.items for part in getattr(item, "parts", ())
    ]
    assert [(part.done, part.done_at) for part in parts if isinstance(part, Task)] == [
        (True, NOON),
        (False, NOON + timedelta(days=1)),
    ]
