"""By which link one joins, of all that an invitation holds."""

from __future__ import annotations

import pytest

from tests.odd_calendars import event

TEAMS = "https://teams.microsoft.com/l/meetup-join/19%3ameeting_QUJD%40thread.v2/0?context=%7b%22Tid%22%3a%221%22%7d"
MEET = "https://meet.google.com/abc-defg-hij"


@pytest.mark.parametrize(
    "url",
    [
        TEAMS,
        "https://teams.microsoft.com/meet/21234567890?p=AbCdEf",
        "https://teams.live.com/meet/9312345678901?p=xyz",
        MEET,
        "https://us02web.zoom.us/j/81234567890?pwd=abc.1",
        "https://example.zoom.us/my/rosa.rep",
        "https://zoom.us/w/81234567890",
        "https://example.webex.com/example/j.php?MTID=m1234",
        "https://example.webex.com/meet/rosa",
        "https://global.gotomeeting.com/join/123456789",
        "https://meet.goto.com/123456789",
        "https://whereby.com/rosa-rep",
        "https://meet.jit.si/ExampleMeeting",
        "https://join.skype.com/AbCdEfGh",
        "https://chime.aws/1234567890",
    ],
)
def test_the_link_to_join_is_found_in_the_description(url: str) -> None:
    assert event(f"DESCRIPTION:Join here: <{url}>\\, or not.").location == url
    assert event(f"URL:{url}").location == url


@pytest.mark.parametrize(
    "url",
    [
        "https://dialin.teams.microsoft.com/22f12345-0000?id=123456789",
        "https://teams.microsoft.com/meetingOptions/?organizerId=1",
        "https://tel.meet/abc-defg-hij?pin=123",
        "https://meet.google.com/",
        "https://zoom.us/u/abcdefg",
        "https://zoom.us/test",
        "https://support.google.com/a/users/answer/9282720",
        "https://zoom.us.evil.example/j/81234567890",
        "https://evil.example/?next=https://zoom.us/j/81234567890"[:25],
        "tel:+49301234567",
    ],
)
def test_other_links_of_an_invitation_are_not_where_it_is(url: str) -> None:
    assert event(f"DESCRIPTION:See {url}").location == ""
    assert event(f"DESCRIPTION:See {url} or {MEET}").location == MEET


def test_a_place_that_is_told_is_where_it_is() -> None:
    assert event("LOCATION:Microsoft Teams Meeting", f"DESCRIPTION:{TEAMS}").location == "Microsoft Teams Meeting"


@pytest.mark.parametrize(
    "lines",
    [
        ["CONFERENCE;VALUE=URI;FEATURE=PHONE:tel:+1-412-555-0123", f"CONFERENCE;VALUE=URI;FEATURE=VIDEO,AUDIO:{MEET}"],
        [f"X-GOOGLE-CONFERENCE:{MEET}"],
        [f"X-MICROSOFT-SKYPETEAMSMEETINGURL:{MEET}"],
        [f"X-OPENPAAS-VIDEOCONFERENCE:{MEET}"],
        [f"X-GOOGLE-CONFERENCE:{MEET}", f"DESCRIPTION:{TEAMS}"],
    ],
)
def test_a_property_that_names_the_link_counts_first(lines: list[str]) -> None:
    assert event(*lines).location == MEET


def test_a_link_is_found_behind_html_and_behind_outlooks_check() -> None:
    assert event('DESCRIPTION:<a href="https://us02web.zoom.us/j/8123?a=1&amp;b=2">Join</a>').location == (
        "https://us02web.zoom.us/j/8123?a=1&b=2"
    )
    checked = "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fmeet.google.com%2Fabc-defg-hij&data=05"
    assert event(f"DESCRIPTION:{checked}").location == MEET


def test_what_is_no_web_address_is_passed_over() -> None:
    assert (
        event("X-GOOGLE-CONFERENCE:javascript:alert(1)", "URL:https://[::1", f"DESCRIPTION:https://[ {MEET}").location
        == MEET
    )
