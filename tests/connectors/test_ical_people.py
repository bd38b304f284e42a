"""Who takes part: organizer and attendees, and who or what is nobody."""

from __future__ import annotations

import pytest

from syncd.model import Participant, Role
from tests.odd_calendars import event


def attendees(*lines: str) -> list[Participant]:
    return [one for one in event(*lines).participants if one.role == Role.ATTENDEE]


@pytest.mark.parametrize(
    "line",
    [
        "ATTENDEE:mailto:carl@customer.example",
        "ATTENDEE:MAILTO:carl@customer.example",
        "ATTENDEE:Mailto: carl@customer.example",
        "ATTENDEE:mailto:mailto:carl@customer.example",
        "ATTENDEE:carl@customer.example",
        'ATTENDEE:"mailto:carl@customer.example"',
        "ATTENDEE:mailto:<carl@customer.example>",
        "ATTENDEE:mailto:carl%40customer.example?subject=Hello",
        "ATTENDEE;EMAIL=carl@customer.example:urn:uuid:6a1f3a2c-0000-4000-8000-000000000000",
        "ATTENDEE;EMAIL=carl@customer.example:/123456789/principal/",
        "ATTENDEE;EMAIL=carl@customer.example:invalid:nomail",
        'ATTENDEE;EMAIL="carl@customer.example":https://dav.example.com/principals/carl/',
        "ATTENDEE:mailto:carl@custo\r\n mer.example",
        "ATTENDEE:mailto:carl@custo\r\nmer.example",
    ],
)
def test_an_address_is_found_in_every_form(line: str) -> None:
    assert attendees(line) == [Participant(Role.ATTENDEE, "carl@customer.example")]


@pytest.mark.parametrize(
    "line", ["ATTENDEE:invalid:nomail", "ATTENDEE:", "ATTENDEE;CN=Carl:urn:uuid:1", "ATTENDEE:mailto:"]
)
def test_who_has_no_address_is_left_out(line: str) -> None:
    found = event(line, "ATTENDEE:mailto:dora@customer.example")
    assert [one.address for one in found.participants] == ["dora@customer.example"]


@pytest.mark.parametrize(
    "line",
    [
        "ATTENDEE;CUTYPE=ROOM:mailto:room1@example.com",
        "ATTENDEE;CUTYPE=resource:mailto:projector@example.com",
        "ATTENDEE;CUTYPE=GROUP:mailto:everybody@example.com",
        "ATTENDEE:mailto:example.com_1234@resource.calendar.google.com",
        "ATTENDEE:mailto:abc@group.calendar.google.com",
        "ATTENDEE:mailto:abc@Import.Calendar.Google.com",
        "ORGANIZER:mailto:unknownorganizer@calendar.google.com",
    ],
)
def test_rooms_resources_groups_and_calendars_are_no_people(line: str) -> None:
    found = event(line, "ATTENDEE:mailto:carl@customer.example")
    assert [one.address for one in found.participants] == ["carl@customer.example"]
    assert found.problem == ""


@pytest.mark.parametrize(
    ("partstat", "response"),
    [
        (";PARTSTAT=ACCEPTED", "accepted"),
        (";PARTSTAT=declined", "declined"),
        (";PARTSTAT=TENTATIVE", "tentative"),
        (";PARTSTAT=NEEDS-ACTION", "needs_action"),
        (";PARTSTAT=DELEGATED", ""),
        (";PARTSTAT=X-MAYBE", ""),
        ("", ""),
    ],
)
def test_an_answer_is_kept_as_it_was_given(partstat: str, response: str) -> None:
    (found,) = attendees(f"ATTENDEE;RSVP=TRUE;X-NUM-GUESTS=2{partstat}:mailto:carl@customer.example")
    assert found.response == response


def test_whoever_delegates_leaves_the_answer_to_whom_they_sent() -> None:
    found = attendees(
        'ATTENDEE;PARTSTAT=DELEGATED;DELEGATED-TO="mailto:dora@customer.example":mailto:carl@customer.example',
        'ATTENDEE;PARTSTAT=ACCEPTED;DELEGATED-FROM="mailto:carl@customer.example":mailto:dora@customer.example',
    )
    assert [(one.address, one.response) for one in found] == [
        ("carl@customer.example", ""),
        ("dora@customer.example", "accepted"),
    ]


def test_an_organizer_who_is_no_attendee_takes_part_all_the_same() -> None:
    found = event("ORGANIZER;CN=Carl Customer:mailto:carl@customer.example", "ATTENDEE:mailto:rosa@example.com")
    assert found.participants == (
        Participant(Role.ORGANIZER, "carl@customer.example", "Carl Customer"),
        Participant(Role.ATTENDEE, "rosa@example.com"),
    )


def test_an_organizer_without_an_address_is_unknown_and_said_to_be() -> None:
    found = event("ORGANIZER;CN=Carl Customer:invalid:nomail")
    assert (found.participants, found.problem) == ((), "the organizer's address is unreadable")


def test_each_address_is_there_once_a_role_with_its_most_definite_answer() -> None:
    found = event(
        "ORGANIZER:mailto:rosa@example.com",
        "ATTENDEE;PARTSTAT=ACCEPTED:mailto:Rosa@example.com",
        "ATTENDEE;CN=Carl;PARTSTAT=NEEDS-ACTION:mailto:carl@customer.example",
        "ATTENDEE;PARTSTAT=DECLINED:mailto:CARL@customer.example",
        "ATTENDEE;PARTSTAT=ACCEPTED:mailto:carl@customer.example",
    )
    assert [(one.role, one.address, one.name, one.response) for one in found.participants] == [
        ("organizer", "rosa@example.com", "", ""),
        ("attendee", "Rosa@example.com", "", "accepted"),
        ("attendee", "CARL@customer.example", "Carl", "declined"),
    ]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ('"Doe, Jane"', "Doe, Jane"),
        ("carl@customer.example", ""),
        ("MAILTO:carl@customer.example", ""),
        ("=?utf-8?q?J=C3=B6rg?=", "Jörg"),
        ("J^'D^' Doe", 'J"D" Doe'),
    ],
)
def test_a_name_is_shown_if_it_is_more_than_the_address(name: str, shown: str) -> None:
    assert attendees(f"ATTENDEE;CN={name}:mailto:carl@customer.example")[0].name == shown


def test_of_very_many_attendees_the_first_are_kept_and_said_not_to_be_all() -> None:
    found = event(*(f"ATTENDEE:mailto:guest{number}@customer.example" for number in range(1500)))
    assert (len(found.participants), found.partial) == (1000, True)
    assert found.problem == "more than 1,000 attendees"
