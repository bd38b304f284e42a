"""The CalDAV servers themselves: what the connector's tests lean on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.servers.dav import Dav
from tests.servers.radicale import Radicale
from tests.servers.recording_http import record
from tests.servers.xandikos import Xandikos

EVENT = "\r\n".join(
    (
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//example//test//EN",
        "BEGIN:VEVENT",
        "UID:one@example.com",
        "DTSTAMP:20261102T090000Z",
        "DTSTART:20261103T090000Z",
        "DTEND:20261103T100000Z",
        "SUMMARY:Ovens",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    )
)
ZONE = "\r\n".join(
    (
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//example//test//EN",
        "BEGIN:VTIMEZONE",
        "TZID:Europe/Vienna",
        "BEGIN:STANDARD",
        "DTSTART:19701025T030000",
        "TZOFFSETFROM:+0200",
        "TZOFFSETTO:+0100",
        "END:STANDARD",
        "END:VTIMEZONE",
        "END:VCALENDAR",
        "",
    )
)
PROPERTIES = (
    '<propfind xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><prop><displayname/><sync-token/>'
    "<C:calendar-timezone/><C:supported-calendar-component-set/></prop></propfind>"
)


@pytest.fixture(params=["radicale", "radicale_over_tls", "xandikos"])
def new_owner(request: pytest.FixtureRequest) -> Callable[[], Dav]:
    server: Radicale | Xandikos = request.getfixturevalue(request.param)
    return lambda: server.owner(server.new_user())


def test_a_calendar_has_the_name_zone_and_components_that_it_was_made_with(new_owner: Callable[[], Dav]) -> None:
    owner = new_owner()
    path = owner.make_calendar("work", components=("VEVENT", "VTODO"), title="Work & more", zone=ZONE)
    answer = owner.request("PROPFIND", path, PROPERTIES, depth="0")
    assert answer.status == 207
    for told in (b"Work &amp; more", b"Europe/Vienna", b'name="VEVENT"', b'name="VTODO"', b"sync-token>"):
        assert told in answer.body
    assert b"VJOURNAL" not in answer.body


def test_what_was_put_can_be_got_until_it_is_deleted(new_owner: Callable[[], Dav]) -> None:
    owner = new_owner()
    path = owner.make_calendar("work")
    first = owner.put(f"{path}one.ics", EVENT)
    assert b"SUMMARY:Ovens" in owner.get(f"{path}one.ics")
    assert owner.put(f"{path}one.ics", EVENT.replace("Ovens", "Two ovens")) != first
    owner.delete(f"{path}one.ics")
    assert owner.request("GET", f"{path}one.ics").status == 404


def test_nobody_reads_the_calendars_of_another_user(new_owner: Callable[[], Dav]) -> None:
    owner, other = new_owner(), new_owner()
    path = owner.make_calendar("work")
    assert other.request("PROPFIND", path, PROPERTIES, depth="0").status != 207


def test_a_changed_password_closes_the_door_to_the_old_one(radicale: Radicale, xandikos: Xandikos) -> None:
    for server in (radicale, xandikos):
        user = server.new_user()
        before = server.owner(user)
        server.change_password(user)
        assert before.request("PROPFIND", before.home, depth="0").status == 401
        assert server.owner(user).request("PROPFIND", f"/{user}/", depth="0").status == 207


def test_a_forwarder_shows_what_was_asked_and_how_it_was_answered(radicale: Radicale) -> None:
    owner = radicale.owner(radicale.new_user())
    path = owner.make_calendar("work")
    with record(radicale.port) as recording:
        watched = Dav(recording.url, owner.home, owner.user, owner.password)
        answer = watched.request("PROPFIND", path, PROPERTIES, depth="0")
        watched.request("GET", f"{path}none.ics")
    assert recording.requests == [("PROPFIND", path), ("GET", f"{path}none.ics")]
    first, second = recording.exchanges
    assert (first.asked.headers["depth"], first.asked.body.decode(), first.told.body) == ("0", PROPERTIES, answer.body)
    assert (first.told.status, second.told.status) == (207, 404)
    assert recording.sent > len(PROPERTIES)
    assert recording.received > len(answer.body)
