"""Mails about meetings, which Exchange keeps as items of their own kinds, without the calendar that came with them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from syncd.model import EventStatus, Invitation, ItemId, Message, Participant, Role
from tests.connectors.contract import Reader
from tests.connectors.ews_worlds import ANNA, NOON, USER, ZOE, EwsWorld, deliver, opened, settings
from tests.servers.fake_ews import FakeEws
from tests.servers.fake_ews_items import Raw

STARTS_AT = NOON + timedelta(days=3)
WEEKLY = Raw(
    "<t:Recurrence><t:WeeklyRecurrence><t:Interval>1</t:Interval><t:DaysOfWeek>Monday</t:DaysOfWeek>"
    "</t:WeeklyRecurrence><t:NumberedRecurrence><t:StartDate>2026-11-23</t:StartDate>"
    "<t:NumberOfOccurrences>3</t:NumberOfOccurrences></t:NumberedRecurrence></t:Recurrence>"
)


@pytest.fixture
def world(exchange: FakeEws) -> Iterator[EwsWorld]:
    with opened(EwsWorld(exchange, settings(exchange), exchange.mailbox(USER), now=NOON)) as world:
        yield world


def about(world: EwsWorld, kind: str, **more: Any) -> str:
    item = deliver(
        world.mailbox, f"{kind}@client.example", kind=kind, item_ItemClass=f"IPM.Schedule.Meeting.{kind}",
        calendar_UID="review@client.example", calendar_DateTimeStamp=NOON, calendar_Start=STARTS_AT,
        calendar_End=STARTS_AT + timedelta(hours=1), **more,
    )  # fmt: skip
    return item.id


def read(world: EwsWorld, id: str) -> Message:
    (item,) = world.stream(world.account()).read([ItemId(id)], text=False)
    assert isinstance(item, Message)
    return item


def invitation(world: EwsWorld, id: str) -> Invitation:
    found = read(world, id).invitation
    assert found is not None
    return found


def test_a_request_names_its_meeting_and_its_people(world: EwsWorld) -> None:
    id = about(world, "MeetingRequest", calendar_Organizer=ZOE, calendar_RequiredAttendees=[ANNA])
    found = invitation(world, id)
    (event,) = found.events
    assert (found.method, found.uid, event.starts_at) == ("REQUEST", "review@client.example", STARTS_AT)
    assert event.participants == (
        Participant(Role.ORGANIZER, ZOE.address, "Zoe"),
        Participant(Role.ATTENDEE, USER, "Anna Arendt", "needs_action"),
    )
    assert read(world, id).headers["content-type"] == "text/calendar; method=REQUEST"


def test_of_a_series_each_occurrence_is_a_meeting(world: EwsWorld) -> None:
    found = invitation(world, about(world, "MeetingRequest", calendar_Organizer=ZOE, calendar_Recurrence=WEEKLY))
    assert [f"{each.starts_at:%m-%d}" for each in found.events] == ["11-23", "11-30", "12-07"]


def test_one_occurrence_of_a_series_is_known_by_when_it_was_to_be(world: EwsWorld) -> None:
    original_at = STARTS_AT - timedelta(hours=2)
    found = invitation(world, about(world, "MeetingRequest", calendar_Organizer=ZOE, calendar_RecurrenceId=original_at))
    (event,) = found.events
    assert (event.original_start, event.starts_at) == (f"{original_at:%Y%m%dT%H%M%SZ}", STARTS_AT)


@pytest.mark.parametrize(
    ("answer", "response"),
    [("Accept", "accepted"), ("Decline", "declined"), ("Tentative", "tentative")],
)
def test_a_reply_is_the_answer_of_its_sender(world: EwsWorld, answer: str, response: str) -> None:
    found = invitation(world, about(world, "MeetingResponse", meeting_ResponseType=answer))
    (event,) = found.events
    assert found.method == "REPLY"
    assert event.participants == (Participant(Role.ATTENDEE, ZOE.address, "Zoe", response),)


def test_a_cancellation_is_its_organizers_and_needs_no_date(world: EwsWorld) -> None:
    found = invitation(world, about(world, "MeetingCancellation"))
    (event,) = found.events
    assert (found.method, event.status) == ("CANCEL", EventStatus.CANCELLED)
    assert event.participants == (Participant(Role.ORGANIZER, ZOE.address, "Zoe"),)
    bare = about(world, "MeetingCancellation")
    world.mailbox.change(world.mailbox.items[bare], Start=None, End=None)
    assert (invitation(world, bare).uid, invitation(world, bare).events) == ("review@client.example", ())


def test_what_a_mail_invites_to_is_asked_for_only_when_it_is_read_again(world: EwsWorld, exchange: FakeEws) -> None:
    about(world, "MeetingRequest", calendar_Organizer=ZOE)
    (message,) = [item for batch in Reader(world).whole_pass() for item in batch.items]
    assert isinstance(message, Message)
    assert message.invitation is None
    assert not any("calendar:Start" in request.fields for request in exchange.requests)
