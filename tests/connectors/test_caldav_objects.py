"""Objects and their names: one that is odd, missing, huge or poisonous stops none of the others."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Literal, cast
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.caldav_fetch import AHEAD, TOGETHER
from connectors.caldav_session import path
from connectors.caldav_stream import WHOLE
from connectors.ical_read import MAX_BYTES
from syncd.errors import Permanent, Retryable
from syncd.model import CalendarObject, Event, Item, ItemId, Removed, Unreadable
from tests.connectors.caldav_worlds import ScriptedWorld, meeting, scripted
from tests.connectors.contract import Reader, keys_in
from tests.odd_calendars.files import odd_calendars
from tests.servers import dav_xml
from tests.servers.loopback_http import Asked, Told
from tests.servers.scripted_caldav import LOGIN_PAGE, ScriptedCalDav, serve
from tests.waiting import eventually

SYNC, MULTIGET = "REPORT sync-collection", "REPORT calendar-multiget"


@pytest.fixture
def server() -> Iterator[ScriptedCalDav]:
    with serve() as running:
        yield running


@pytest.fixture
def world(server: ScriptedCalDav) -> Iterator[ScriptedWorld]:
    """Its objects must be asked for by their names."""
    made = scripted(server, brings="nothing")
    yield made
    made.close()


@pytest.fixture
def bringing(world: ScriptedWorld) -> ScriptedWorld:
    """Its objects come with the list."""
    world.calendar.brings = "objects"
    return world


def read(world: ScriptedWorld) -> dict[str, Item]:
    """What a first pass comes to, by name."""
    reader = Reader(world)
    items = [item for batch in reader.whole_pass() for item in batch.items]
    return {unquote(item.id.removeprefix(world.calendar.path)): item for item in items}


def error(status: int) -> Told:
    return dav_xml.failure(status, "Error", "no")


# ------------------------------------------------------------------------------------------------------- their names

ODD_NAMES = (
    "a/b.ics",
    "a b.ics",
    "a@b.ics",
    "a%40b.ics",
    "a%2Fb.ics",
    "größe.ics",
    "a+b.ics",
    "a;b=c.ics",
    "a#b?c.ics",
)


@pytest.mark.parametrize("brings", ["objects", "nothing"])
@pytest.mark.parametrize(
    "href_of",
    [
        quote,
        lambda href: quote(href, safe="/@"),
        lambda href: re.sub("%..", lambda found: found[0].lower(), quote(href)),
        lambda href: "http://localhost" + quote(href),
    ],
    ids=["usual", "with @", "lower case", "absolute"],
)
def test_objects_are_found_again_by_whatever_name_the_server_gives_them(
    world: ScriptedWorld, href_of: Callable[[str], str], brings: Literal["objects", "nothing"]
) -> None:
    world.server.href_of, world.calendar.brings = href_of, brings
    for name in ODD_NAMES:
        world.calendar.put(name, meeting(name))
    found = read(world)
    assert {item.parts[0].uid for item in found.values() if isinstance(item, CalendarObject)} == set(ODD_NAMES)
    assert len(found) == len(ODD_NAMES)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/anna/a%40b.ics", "/anna/a@b.ics"),
        ("/anna/%61.ics", "/anna/a.ics"),
        ("/anna/gr%c3%b6%C3%9fe.ics", "/anna/größe.ics"),
        ("https://cloud.example.com/anna/a.ics", "/anna/a.ics"),
        ("//cloud.example.com:8443/anna/a.ics", "/anna/a.ics"),
        ("\n  /anna/a.ics\n", "/anna/a.ics"),
        ("/anna/a b.ics", "/anna/a%20b.ics"),
    ],
)
def test_one_path_has_one_spelling(one: str, other: str) -> None:
    assert path(one) == path(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/anna/a%2540b.ics", "/anna/a%40b.ics"),
        ("/anna/a%2Fb.ics", "/anna/a/b.ics"),
        ("/anna/a%252Fb.ics", "/anna/a%2Fb.ics"),
        ("/anna/A.ics", "/anna/a.ics"),
        ("/anna/%E4.ics", "/anna/%C3%A4.ics"),
    ],
)
def test_two_paths_stay_two(one: str, other: str) -> None:
    assert path(one) != path(other)


@given(st.text())
def test_a_path_is_its_own_spelling(text: str) -> None:
    spelt = path(f"/anna/{text}")
    assert path(spelt) == spelt
    assert spelt.isascii()
    assert not set(spelt) & set(' #?"<>\\\r\n')


# ----------------------------------------------------------------------------------------------- what cannot be read


def test_what_is_listed_and_not_there_is_taken_for_gone(world: ScriptedWorld) -> None:
    world.add(3)
    world.calendar.missing = {"uid0001.ics"}
    found = read(world)
    assert found.pop("uid0001.ics") == Removed(ItemId(f"{world.calendar.path}uid0001.ics"))
    assert all(isinstance(item, CalendarObject) for item in found.values())
    assert len(found) == 2


def test_without_an_etag_an_object_is_read_again_when_anything_changed(world: ScriptedWorld) -> None:
    world.add(9)
    world.calendar.without_etag = {"uid0001.ics"}
    reader = Reader(world)
    reader.whole_pass()
    assert len(reader.seen) == 9
    world.put("uid0001", summary="Later")
    assert keys_in(reader.whole_pass()) == ["uid0001"]


def test_what_cannot_be_parsed_is_told_with_its_version_and_stops_nothing(world: ScriptedWorld) -> None:
    world.add(3)
    world.calendar.put("broken.ics", b"this is no calendar")
    reader = Reader(world)
    items = [item for batch in reader.whole_pass() for item in batch.items]
    (broken,) = [item for item in items if isinstance(item, Unreadable)]
    assert broken.reason
    assert broken.version.startswith(world.calendar.objects["broken.ics"].etag.strip('"'))
    assert len(items) == 4


def test_control_characters_and_character_data_are_read_all_the_same(world: ScriptedWorld) -> None:
    world.calendar.put("bell.ics", meeting("bell", summary="Ring \x07 the \x0b bell"))
    world.calendar.put("plain.ics", meeting("plain", summary="5 < 6 & 7 <!DOCTYPE html>"))
    found = read(world)
    subjects = [item.parts[0].subject for item in found.values() if isinstance(item, CalendarObject)]
    assert sorted(subjects) == ["5 < 6 & 7 <!DOCTYPE html>", "Ring the bell"]


def test_one_object_that_makes_the_server_fail_does_not_stop_the_others(world: ScriptedWorld) -> None:
    world.add(3)
    poison = world.calendar.put("poison.ics", meeting("poison"))

    def failing(asked: Asked, usual: Callable[[], Told]) -> Told:
        return error(500) if poison.encode() in asked.body or asked.path == poison else usual()

    world.server.script |= {MULTIGET: failing, "GET": failing}
    found = read(world)
    broken = found.pop("poison.ics")
    assert isinstance(broken, Unreadable)
    assert "500" in broken.reason
    assert broken.version
    assert all(isinstance(item, CalendarObject) for item in found.values())


@pytest.mark.parametrize("status", [400, 501])
def test_a_server_without_multiget_gives_them_singly(world: ScriptedWorld, status: int) -> None:
    world.add(3)
    world.server.script[MULTIGET] = lambda asked, usual: error(status)
    reader = Reader(world)
    reader.whole_pass()
    assert world.holds(reader)


def test_a_server_that_answers_for_some_only_is_asked_for_the_others_singly(world: ScriptedWorld) -> None:
    world.add(9)

    def half(asked: Asked, usual: Callable[[], Told]) -> Told:
        hrefs = dav_xml.read(asked.body).hrefs[:4]
        return dav_xml.multistatus([world.server._found(href) for href in hrefs], dav_xml.read(asked.body).properties)

    world.server.script[MULTIGET] = half
    reader = Reader(world)
    reader.whole_pass()
    assert world.holds(reader)


@pytest.mark.parametrize(
    ("answer", "raised"), [(error(403), Permanent), (error(404), Retryable), (LOGIN_PAGE, Retryable)]
)
def test_a_calendar_that_gives_nothing_at_all_has_not_lost_its_objects(
    world: ScriptedWorld, answer: Told, raised: type[Exception]
) -> None:
    world.add(3)
    world.server.script |= {MULTIGET: lambda asked, usual: answer, "GET": lambda asked, usual: answer}
    reader = Reader(world)
    with pytest.raises(raised):
        reader.whole_pass()
    assert reader.cursor is None


def test_a_huge_object_is_refused_by_its_size_and_the_others_are_read(world: ScriptedWorld) -> None:
    world.add(2)
    world.calendar.put("huge.ics", meeting("huge", more=f"X-DATA:{'x' * (2 * MAX_BYTES)}"))
    found = read(world)
    huge = found.pop("huge.ics")
    assert isinstance(huge, Unreadable)
    assert "larger than" in huge.reason
    assert huge.version
    assert len(found) == 2


# --------------------------------------------------------------------------------------------- what comes with the list


def asked_with_objects(world: ScriptedWorld) -> list[bool]:
    """Of each sync-collection, whether the objects were to come with it."""
    return [
        b"calendar-data" in asked.body
        for asked, kind in zip(world.server.asked, world.server.kinds(), strict=True)
        if kind == SYNC
    ]


def test_what_came_with_the_list_is_not_asked_for_again(bringing: ScriptedWorld) -> None:
    bringing.add(2 * TOGETHER)
    bringing.calendar.put("broken.ics", b"this is no calendar")
    bringing.calendar.without_etag = {"uid0001.ics"}
    reader = Reader(bringing)
    items = [item for batch in reader.whole_pass() for item in batch.items]
    assert len(items) == 2 * TOGETHER + 1
    (broken,) = [item for item in items if isinstance(item, Unreadable)]
    assert broken.version.startswith(bringing.calendar.objects["broken.ics"].etag.strip('"'))
    assert bringing.server.kinds().count(MULTIGET) == 1  # for the broken one, which may have been cut


def test_odd_objects_mean_the_same_whether_they_came_with_the_list_or_were_asked_for(world: ScriptedWorld) -> None:
    for name, data in odd_calendars(300, seed=20261126).items():
        world.calendar.put(f"{name}.ics", data)
    asked_for = read(world)
    world.calendar.brings = "objects"
    assert read(world) == asked_for
    assert asked_with_objects(world) == [True, True]
    assert len(asked_for) == len(world.calendar.objects)


def test_only_the_first_list_is_asked_for_with_its_objects(bringing: ScriptedWorld) -> None:
    bringing.add(9)
    reader = Reader(bringing)
    reader.whole_pass()
    bringing.put("new")
    assert keys_in(reader.whole_pass()) == ["new"]
    bringing.now += timedelta(days=1)
    bringing.calendar.expire_tokens()
    reader.whole_pass()
    assert asked_with_objects(bringing)[0]
    assert not any(asked_with_objects(bringing)[1:])
    assert bringing.holds(reader)


def test_of_a_list_in_pages_the_first_alone_brings_objects(bringing: ScriptedWorld) -> None:
    bringing.add(9)
    bringing.calendar.page_size = 4
    reader = Reader(bringing)
    reader.whole_pass()
    assert asked_with_objects(bringing) == [True, False, False]
    assert bringing.holds(reader)


def test_a_server_that_gives_the_property_with_nothing_in_it_is_asked_for_the_objects(world: ScriptedWorld) -> None:
    world.add(9)
    world.calendar.brings = "empty"
    reader = Reader(world)
    reader.whole_pass()
    assert world.holds(reader)


@pytest.mark.parametrize(
    "answer",
    [
        error(500),
        error(403),
        error(404),
        error(501),
        LOGIN_PAGE,
        Told(207, b"<d:multistatus"),
    ],
    ids=["500", "403", "404", "501", "a login page", "half a list"],
)
def test_a_server_that_cannot_list_with_the_objects_lists_without_them(bringing: ScriptedWorld, answer: Told) -> None:
    bringing.add(9)
    bringing.server.script[SYNC] = lambda asked, usual: answer if b"calendar-data" in asked.body else usual()
    reader = Reader(bringing)
    reader.whole_pass()
    assert bringing.holds(reader)
    assert asked_with_objects(bringing) == [True, False]


def test_a_list_that_is_too_large_with_its_objects_is_taken_without_them(bringing: ScriptedWorld) -> None:
    bringing.add(9)

    def padded(asked: Asked, usual: Callable[[], Told]) -> Told:
        whole = usual()
        return Told(whole.status, whole.body + b" " * WHOLE, whole.headers) if b"calendar-data" in asked.body else whole

    bringing.server.script[SYNC] = padded
    reader = Reader(bringing)
    reader.whole_pass()
    assert bringing.holds(reader)
    assert asked_with_objects(bringing) == [True, False]


def test_a_server_that_asks_to_wait_is_not_asked_in_another_way(bringing: ScriptedWorld) -> None:
    bringing.add(9)
    bringing.server.script[SYNC] = lambda asked, usual: Told(429, headers=(("Retry-After", "70"),))
    with pytest.raises(Retryable) as raised:
        Reader(bringing).whole_pass()
    assert raised.value.retry_after == timedelta(seconds=70)
    assert asked_with_objects(bringing) == [True]


# ------------------------------------------------------------------------------------------------------- what is asked


def test_no_request_asks_for_a_part_of_a_calendar(world: ScriptedWorld) -> None:
    world.add(40)
    reader = Reader(world)
    reader.whole_pass()
    world.calendar.page_size = 1
    world.put("new")
    world.remove("uid0001")
    reader.whole_pass()
    list(reader.stream().inventory())
    bodies = b"".join(each.body for each in world.server.asked)
    for word in (b"limit", b"nresults", b"time-range", b"expand", b"calendar-query", b"comp-filter"):
        assert word not in bodies
    assert {each.method for each in world.server.asked} == {"PROPFIND", "REPORT"}


def test_the_next_objects_are_asked_for_while_the_first_are_in_hand_and_no_more_than_these(
    world: ScriptedWorld,
) -> None:
    world.add(5 * TOGETHER)
    reader = Reader(world)
    stream = reader.stream()
    ids = list(stream.inventory())
    with closing(cast("Generator[Item]", stream.read(ids, text=True))) as reading:
        next(reading)
        eventually(lambda: world.server.kinds().count(MULTIGET) > 1)
    asked = world.server.kinds().count(MULTIGET)
    assert asked <= 1 + AHEAD
    assert len(list(stream.read(ids, text=True))) == 5 * TOGETHER
    assert world.server.kinds().count(MULTIGET) == asked + 5


def test_a_server_that_filters_wrongly_is_not_asked_to(server: ScriptedCalDav) -> None:
    world = scripted(server, demands_filter=True, filters=False)
    world.add(3)
    reader = Reader(world)
    reader.whole_pass()
    assert world.holds(reader)
    world.close()


def test_the_same_objects_under_two_calendars_are_told_by_each_once(server: ScriptedCalDav) -> None:
    events = scripted(server)
    tasks = server.add("tasks", components=("VTODO",), hrefs_under=events.calendar.path)
    events.put("meeting")
    tasks.put("task.ics", meeting("task").replace("VEVENT", "VTODO").replace("DURATION:PT30M\r\n", ""))
    streams = [stream for stream in events.account().streams() if not stream.excluded]
    by_kind = {stream.kind: list(stream.inventory()) for stream in streams}
    assert by_kind == {
        "calendar": [f"{events.calendar.path}meeting.ics"],
        "tasks": [f"{events.calendar.path}task.ics"],
    }
    events.close()


def test_exceptions_in_objects_of_their_own_share_their_series_uid(world: ScriptedWorld) -> None:
    world.put("weekly", more="RRULE:FREQ=WEEKLY;COUNT=3")
    world.calendar.put("moved.ics", meeting("weekly", starts="20261202T150000Z", more="RECURRENCE-ID:20261202T100000Z"))
    found = read(world)
    parts = [part for item in found.values() if isinstance(item, CalendarObject) for part in item.parts]
    assert {part.uid for part in parts} == {"weekly"}
    moved = [part for part in parts if isinstance(part, Event) and part.id.startswith(f"{world.calendar.path}moved")]
    assert [part.original_start for part in moved] == ["20261202T100000Z"]
