"""What changed, learnt from servers that lie about it, each in its own way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.caldav_fetch import TOGETHER
from syncd.errors import Permanent, Retryable
from syncd.model import Cursor, ItemId, Removed
from tests.connectors.caldav_worlds import ScriptedWorld, scripted
from tests.connectors.contract import Reader, keys_in
from tests.servers import dav_xml
from tests.servers.scripted_caldav import LOGIN_PAGE, ScriptedCalDav, serve
from tests.servers.scripted_calendar import BadToken

DAY = timedelta(days=1)
SYNC, MULTIGET = "REPORT sync-collection", "REPORT calendar-multiget"


@pytest.fixture
def server() -> Iterator[ScriptedCalDav]:
    with serve() as running:
        yield running


@pytest.fixture
def world(server: ScriptedCalDav) -> Iterator[ScriptedWorld]:
    made = scripted(server)
    yield made
    made.close()


def begun(world: ScriptedWorld, count: int = 9) -> Reader:
    """A reader after its first pass."""
    world.add(count)
    reader = Reader(world)
    reader.whole_pass()
    assert world.holds(reader)
    world.asked()
    return reader


def listings(world: ScriptedWorld) -> int:
    """How often all objects of the calendar were listed."""
    found = [each for each in world.server.asked if each.method == "PROPFIND" and each.path == world.calendar.path]
    return sum(each.headers["depth"] == "1" for each in found)


def touch(world: ScriptedWorld) -> None:
    """One more, one changed, one gone."""
    world.put("new")
    world.put("uid0001", summary="Later")
    world.remove("uid0002")


# -------------------------------------------------------------------------------------------------------- the tokens


@pytest.mark.parametrize("bad_token", ["403", "409", "412", "500", "empty", "full"])
def test_a_token_that_the_server_forgot_costs_one_listing_however_it_says_so(
    world: ScriptedWorld, bad_token: BadToken
) -> None:
    world.calendar.bad_token = bad_token
    world.restarts = False
    reader = begun(world)
    world.calendar.expire_tokens()
    touch(world)
    for _ in range(3):
        reader.whole_pass()
        assert world.holds(reader)
    assert listings(world) == 1


def test_a_server_that_knows_no_token_at_all_is_followed_by_its_ctag(world: ScriptedWorld) -> None:
    reader = begun(world)
    world.calendar.forgets_tokens = True
    for number in range(5):
        world.put(f"new{number}")
        assert keys_in(reader.whole_pass()) == [f"new{number}"]
    assert Counter(world.asked())[SYNC] == 1
    assert reader.whole_pass() == []
    assert world.asked()[-1] == "PROPFIND"
    assert SYNC not in world.asked()
    world.now += DAY
    reader.whole_pass()
    world.calendar.forgets_tokens = False
    world.put("again")
    assert keys_in(reader.whole_pass()) == ["again"]
    assert world.asked().count(SYNC) == 1


def test_changes_that_the_server_forgot_are_found_within_a_day(world: ScriptedWorld) -> None:
    reader = begun(world)
    world.put("forgotten")
    world.remove("uid0003")
    world.calendar.prune_change_log()
    world.put("told")
    assert keys_in(reader.whole_pass()) == ["told"]
    world.now += DAY
    reader.whole_pass()
    assert world.holds(reader)


def test_news_of_which_the_server_tells_nothing_is_looked_into_once_an_hour(world: ScriptedWorld) -> None:
    world.restarts = False
    reader = begun(world)
    for _ in range(3):
        world.put("forgotten")
        world.calendar.prune_change_log()
        reader.whole_pass()
        reader.whole_pass()
    assert listings(world) == 1
    world.now += timedelta(hours=1)
    reader.whole_pass()
    assert world.holds(reader)


def test_a_calendar_that_is_forbidden_is_no_forgotten_token(world: ScriptedWorld) -> None:
    reader = begun(world)
    world.put("new")
    before = reader.cursor
    world.server.script[SYNC] = lambda asked, usual: dav_xml.failure(403, "Forbidden", "You shall not read this")
    with pytest.raises(Permanent, match="forbids") as raised:
        reader.whole_pass()
    assert "exclude" in raised.value.cure
    assert reader.cursor == before
    assert listings(world) == 0
    world.server.script.clear()
    assert keys_in(reader.whole_pass()) == ["new"]


def test_an_answer_without_a_token_is_an_error_and_not_no_change(world: ScriptedWorld) -> None:
    reader = begun(world)
    world.put("new")
    world.calendar.hides_token = True
    with pytest.raises(Retryable, match="no sync-token"):
        reader.whole_pass()
    world.calendar.hides_token = False
    assert keys_in(reader.whole_pass()) == ["new"]


def test_a_list_of_changes_in_pages_is_read_to_its_end(world: ScriptedWorld) -> None:
    reader = begun(world, 20)
    world.calendar.page_size = 2
    for number in range(7):
        world.put(f"new{number}")
    world.remove("uid0004")
    assert [len(batch.items) for batch in reader.whole_pass()] == [2, 2, 2, 2]
    assert world.holds(reader)
    assert reader.whole_pass() == []


def test_a_list_of_changes_in_pages_that_is_cut_is_taken_up_at_its_page(world: ScriptedWorld) -> None:
    reader = begun(world, 20)
    world.calendar.page_size = 2
    for number in range(7):
        world.put(f"new{number}")
    passes = 0
    while reader.cut_pass(1):
        passes += 1
    assert passes == 4
    assert world.holds(reader)


def test_a_list_of_changes_that_does_not_end_is_left(world: ScriptedWorld) -> None:
    reader = begun(world)
    world.put("new")
    more = dav_xml.Row(world.calendar.path, status=507)
    world.server.script[SYNC] = lambda asked, usual: dav_xml.multistatus([more], [], token="the same")
    with pytest.raises(Retryable, match="does not end"):
        reader.whole_pass()


def test_many_changes_at_once_are_compared_and_only_what_differs_is_read(world: ScriptedWorld) -> None:
    reader = begun(world, 150)
    world.calendar.bad_token = "full"
    world.calendar.expire_tokens()
    touch(world)
    assert sorted(keys_in(reader.whole_pass())) == ["new", "uid0001"]
    assert world.holds(reader)


# ------------------------------------------------------------------------------------------------------ without tokens


def test_without_sync_collection_an_unchanged_ctag_is_enough(server: ScriptedCalDav) -> None:
    world = scripted(server, syncs=False)
    reader = begun(world)
    assert reader.whole_pass() == []
    assert world.server.kinds().count("PROPFIND") == len(world.server.kinds())
    assert listings(world) == 0
    touch(world)
    assert sorted(keys_in(reader.whole_pass())) == ["new", "uid0001"]
    assert world.holds(reader)
    assert SYNC not in world.asked()
    world.close()


@pytest.mark.parametrize("syncs", [True, False])
def test_without_a_ctag_it_is_seen_as_well(server: ScriptedCalDav, syncs: bool) -> None:
    world = scripted(server, syncs=syncs, ctag=None)
    reader = begun(world)
    assert reader.whole_pass() == []
    touch(world)
    assert sorted(keys_in(reader.whole_pass())) == ["new", "uid0001"]
    assert world.holds(reader)
    assert reader.whole_pass() == []
    world.close()


def test_without_a_ctag_the_token_tells_of_all_calendars_at_once(server: ScriptedCalDav) -> None:
    world = scripted(server, ctag=None)
    world.restarts = False
    reader = begun(world)
    reader.whole_pass()
    world.asked()
    for _ in range(3):
        assert reader.whole_pass() == []
        assert world.asked() == ["PROPFIND"]
    world.put("new")
    assert keys_in(reader.whole_pass()) == ["new"]
    world.close()


def test_after_a_restart_the_news_of_all_calendars_is_one_more_request(world: ScriptedWorld) -> None:
    for number in range(5):
        world.server.add(f"more{number}")
    account = world.account()
    cursors = [[batch.cursor for batch in stream.changes(None)][-1] for stream in account.streams()[1:]]
    again = world.account()
    streams = again.streams()[1:]
    world.asked()
    assert [list(stream.changes(cursor)) for stream, cursor in zip(streams, cursors, strict=True)] == [[]] * 6
    assert world.asked() == ["PROPFIND"]


def test_a_first_listing_comes_with_its_token_by_one_request(world: ScriptedWorld) -> None:
    world.add(9)
    stream = world.stream(world.account())
    world.asked()
    batches = list(stream.changes(None))
    assert world.asked() == [SYNC]
    assert {len(batch.versions or ()) for batch in batches} == {9}


def test_a_first_listing_with_nothing_in_it_is_no_proof_that_there_is_nothing(world: ScriptedWorld) -> None:
    empty = dav_xml.multistatus([], [], token="http://sabre.io/ns/sync/1")
    world.server.script[SYNC] = lambda asked, usual: empty
    begun(world)


@pytest.mark.parametrize("ctag", ["", None])
def test_a_token_that_only_the_list_of_changes_tells_is_enough(server: ScriptedCalDav, ctag: str | None) -> None:
    world = scripted(server, tells_token=False, ctag=ctag)
    world.restarts = False
    reader = begun(world)
    reader.whole_pass()  # compares once, as there is nothing else to go by
    assert reader.whole_pass() == []
    touch(world)
    assert sorted(keys_in(reader.whole_pass())) == ["new", "uid0001"]
    assert world.holds(reader)
    assert listings(world) == 0
    world.close()


def test_the_ctag_that_is_learnt_with_the_token_is_all_that_is_asked_for_from_then_on(world: ScriptedWorld) -> None:
    world.restarts = False
    reader = begun(world)
    wants_token = []
    for _ in range(3):
        assert reader.whole_pass() == []
        wants_token.append(b"sync-token" in world.server.asked[-1].body)
    assert wants_token == [True, False, False]


def test_a_ctag_that_stands_still_hides_nothing_for_longer_than_a_day(server: ScriptedCalDav) -> None:
    world = scripted(server, ctag="always the same")
    world.restarts = False
    reader = begun(world)
    assert reader.whole_pass() == []  # by its token; the ctag is learnt with it
    touch(world)
    assert reader.whole_pass() == []
    world.now += DAY
    reader.whole_pass()
    assert world.holds(reader)
    world.close()


def test_a_server_that_says_it_knows_the_report_and_does_not_is_compared(world: ScriptedWorld) -> None:
    refused = dav_xml.failure(501, "NotImplemented", "later")
    world.server.script[SYNC] = lambda asked, usual: refused
    reader = begun(world)
    touch(world)
    reader.whole_pass()
    assert world.holds(reader)


def test_a_listing_that_is_cut_is_completed_in_pages(world: ScriptedWorld) -> None:
    world.add(9)
    world.calendar.page_size = 4
    cut = dav_xml.Row(world.calendar.path, status=507)

    world.server.script["PROPFIND"] = lambda asked, usual: (
        dav_xml.multistatus([cut], [])
        if asked.path == world.calendar.path and asked.headers["depth"] == "1"
        else usual()
    )
    reader = Reader(world)
    reader.whole_pass()
    assert world.holds(reader)


# ------------------------------------------------------------------------------------------------------- odd rows


def test_removals_come_as_404_or_as_a_teapot(world: ScriptedWorld) -> None:
    reader = begun(world)
    for gone_as in (404, 418):
        world.calendar.gone_as = gone_as
        name = next(iter(world.calendar.objects))
        world.calendar.delete(name)
        assert [batch.items for batch in reader.whole_pass()] == [(Removed(ItemId(f"{world.calendar.path}{name}")),)]


def test_the_calendar_itself_in_its_list_is_no_object(world: ScriptedWorld) -> None:
    world.calendar.lists_itself = True
    reader = begun(world)
    world.put("new")
    assert keys_in(reader.whole_pass()) == ["new"]
    assert world.holds(reader)


def test_what_is_told_as_changed_and_as_gone_is_looked_at(world: ScriptedWorld) -> None:
    reader = begun(world)
    world.put("uid0001", summary="Later")
    world.calendar.also_removed = {"uid0001.ics"}
    assert keys_in(reader.whole_pass()) == ["uid0001"]
    assert world.holds(reader)


def test_the_removal_of_what_never_was_disturbs_nothing(world: ScriptedWorld) -> None:
    reader = begun(world)
    world.calendar.serial += 1
    world.calendar.removals["trash.ics"] = world.calendar.serial
    reader.whole_pass()
    assert world.holds(reader)


# --------------------------------------------------------------------------------------- what is empty, or says nothing


@pytest.mark.parametrize("kind", ["PROPFIND", SYNC, MULTIGET])
def test_a_login_page_is_neither_an_empty_calendar_nor_no_change(world: ScriptedWorld, kind: str) -> None:
    reader = begun(world)
    world.put("new")
    before = (reader.cursor, dict(reader.seen))
    world.now += DAY * (kind == "PROPFIND")
    world.server.script[kind] = lambda asked, usual: LOGIN_PAGE
    with pytest.raises(Retryable) as raised:
        reader.whole_pass()
    assert raised.value.cure
    assert (reader.cursor, reader.seen) == before
    world.server.script.clear()
    reader.whole_pass()
    assert world.holds(reader)


def test_an_empty_list_without_the_calendar_itself_is_an_error(world: ScriptedWorld) -> None:
    reader = begun(world)
    world.now += DAY
    world.server.script["PROPFIND"] = lambda asked, usual: (
        dav_xml.multistatus([], []) if asked.path == world.calendar.path and asked.headers["depth"] == "1" else usual()
    )
    with pytest.raises(Retryable, match="empty list"):
        reader.whole_pass()


def test_a_calendar_that_lists_nothing_says_so_and_leaves_the_judgement_to_its_caller(world: ScriptedWorld) -> None:
    reader = begun(world)
    world.calendar.lists = lambda names: []
    world.now += DAY
    stream = reader.stream()
    assert [batch.versions for batch in stream.changes(Cursor(reader.cursor or ""))] == [{}]


def test_a_server_that_fails_in_the_middle_loses_nothing_and_removes_nothing(world: ScriptedWorld) -> None:
    keys = world.add(TOGETHER + 20)
    world.calendar.brings = "nothing"
    reader = Reader(world)
    answers = iter([True, False])
    world.server.script[MULTIGET] = lambda asked, usual: usual() if next(answers) else dav_xml.failure(500, "E", "e")
    world.server.script["GET"] = lambda asked, usual: dav_xml.failure(500, "E", "e")
    with pytest.raises(Retryable):
        reader.whole_pass()
    world.server.script.clear()
    reader.whole_pass()
    assert reader.keys == sorted(keys)


# -------------------------------------------------------------------------------------------------------- the window


def test_what_the_window_left_behind_is_not_gone(world: ScriptedWorld) -> None:
    world.put("old", starts="20261001T100000Z")
    reader = begun(world)
    world.reach = timedelta(days=30)
    reader.whole_pass()
    assert f"{world.calendar.path}old.ics" in reader.versions


def test_another_window_or_zone_has_everything_read_again(world: ScriptedWorld) -> None:
    reader = begun(world)
    world.settings = replace(world.settings, ahead_days=90)
    assert len(keys_in(reader.whole_pass())) == 9
    world.calendar.zone = (
        "BEGIN:VCALENDAR\r\nBEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nEND:VTIMEZONE\r\nEND:VCALENDAR\r\n"
    )
    assert len(keys_in(reader.whole_pass())) == 9
    assert reader.whole_pass() == []
