"""The scripted CalDAV server behaves where no knob is turned, and a foreign program can sync from it."""

from __future__ import annotations

import hashlib
import http.client
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.servers import http_doors
from tests.servers.dav import Dav
from tests.servers.http_doors import BEARER, DIGEST, DIGEST_SHA256
from tests.servers.loopback_http import Told
from tests.servers.scripted_caldav import HOME, ROOT, ScriptedCalDav, serve
from tests.servers.scripted_calendar import BadToken
from tests.servers.test_caldav_servers import EVENT

SYNC = (
    '<sync-collection xmlns="DAV:"><sync-token>{}</sync-token><sync-level>1</sync-level><prop><getetag/></prop>'
    "</sync-collection>"
)
VDIRSYNCER = """
[general]
status_path = "{directory}/status"
[pair calendars]
a = "remote"
b = "here"
collections = ["from a"]
[storage remote]
type = "caldav"
url = "{url}"
username = "{user}"
password = "{password}"
read_only = true
[storage here]
type = "filesystem"
path = "{directory}/here"
fileext = ".ics"
"""


@pytest.fixture
def server() -> Iterator[ScriptedCalDav]:
    with serve() as running:
        yield running


@pytest.fixture
def owner(server: ScriptedCalDav) -> Dav:
    return Dav(server.url, HOME, server.door.user, server.door.password)


def hrefs(body: bytes) -> list[str]:
    return re.findall(r"<d:href>([^<]*)</d:href>", body.decode())


def synced(owner: Dav, path: str, token: str = "") -> tuple[int, list[str], str]:
    """Status, hrefs and new token."""
    status, _, body = owner.request("REPORT", path, SYNC.format(token))
    found = re.search(rb"<d:sync-token>([^<]*)", body)
    return status, hrefs(body), found[1].decode() if found else ""


def test_a_sync_tells_what_changed_since_its_token_and_nothing_twice(server: ScriptedCalDav, owner: Dav) -> None:
    calendar = server.add("work")
    paths = [calendar.put(f"{number}.ics", EVENT) for number in range(3)]
    status, told, token = synced(owner, calendar.path)
    assert (status, told) == (207, paths)
    calendar.delete("0.ics")
    calendar.put("1.ics", EVENT)
    status, told, token = synced(owner, calendar.path, token)
    assert (status, sorted(told)) == (207, paths[:2])
    assert synced(owner, calendar.path, token) == (207, [], token)


def test_a_sync_in_pages_tells_everything_page_by_page(server: ScriptedCalDav, owner: Dav) -> None:
    calendar = server.add("work", page_size=2)
    paths = [calendar.put(f"{number}.ics", EVENT) for number in range(5)]
    told, token = [], ""
    for _ in range(3):
        _, page, token = synced(owner, calendar.path, token)
        told += page
    assert [path for path in told if path != calendar.path] == paths
    assert told.count(calendar.path) == 2


@pytest.mark.parametrize(
    ("kind", "status", "rows"),
    [
        ("403", 403, 0),
        ("409", 409, 0),
        ("412", 412, 0),
        ("500", 500, 0),
        ("empty", 207, 0),
        ("full", 207, 1),
    ],
)
def test_a_token_that_expired_is_answered_as_the_knob_says(
    server: ScriptedCalDav, owner: Dav, kind: BadToken, status: int, rows: int
) -> None:
    calendar = server.add("work", bad_token=kind)
    calendar.put("1.ics", EVENT)
    _, _, token = synced(owner, calendar.path)
    calendar.expire_tokens()
    answer = synced(owner, calendar.path, token)
    assert (answer[0], len(answer[1])) == (status, rows)


def test_a_pruned_change_log_tells_nothing_and_accepts_the_token(server: ScriptedCalDav, owner: Dav) -> None:
    calendar = server.add("work")
    _, _, token = synced(owner, calendar.path)
    calendar.put("1.ics", EVENT)
    calendar.prune_change_log()
    status, told, _ = synced(owner, calendar.path, token)
    assert (status, told) == (207, [])


GET_BOTH = (
    '<C:calendar-multiget xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><prop><getetag/><C:calendar-data/>'
    "</prop><href>{0}1.ics</href><href>{0}2.ics</href></C:calendar-multiget>"
)
QUERY = (
    '<C:calendar-query xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><prop><getetag/></prop><C:filter>'
    '<C:comp-filter name="VCALENDAR">{}</C:comp-filter></C:filter></C:calendar-query>'
)


def test_an_object_that_is_listed_may_be_missing_or_without_etag(server: ScriptedCalDav, owner: Dav) -> None:
    calendar = server.add("work", missing={"1.ics"}, without_etag={"2.ics"})
    first, second = (calendar.put(f"{number}.ics", EVENT) for number in (1, 2))
    assert synced(owner, calendar.path)[1] == [first, second]
    answer = owner.request("REPORT", calendar.path, GET_BOTH.format(calendar.path)).body.decode()
    assert f"<d:href>{first}</d:href><d:status>HTTP/1.1 404 Not Found" in answer
    assert "<d:prop><d:getetag/></d:prop><d:status>HTTP/1.1 404 Not Found" in answer
    assert answer.count("BEGIN:VEVENT") == 1


def test_what_left_may_be_told_in_odd_ways(server: ScriptedCalDav, owner: Dav) -> None:
    calendar = server.add("work", gone_as=418, lists_itself=True, also_removed={"2.ics"})
    first, second = (calendar.put(f"{number}.ics", EVENT) for number in (1, 2))
    _, _, token = synced(owner, calendar.path)
    calendar.delete("1.ics")
    calendar.put("2.ics", EVENT)
    assert synced(owner, calendar.path, token)[1] == [calendar.path, second, first, second]
    assert owner.request("REPORT", calendar.path, SYNC.format(token)).body.count(b"418 I") == 2


def test_a_query_is_answered_by_component_if_the_server_filters_and_refused_if_it_wants_a_filter(
    server: ScriptedCalDav, owner: Dav
) -> None:
    calendar = server.add("work", components=("VEVENT", "VTODO"), demands_filter=True)
    event, task = calendar.put("1.ics", EVENT), calendar.put("2.ics", EVENT.replace("VEVENT", "VTODO"))
    tasks = QUERY.format('<C:comp-filter name="VTODO"/>')
    assert owner.request("REPORT", calendar.path, QUERY.format(""), depth="1").status == 403
    assert hrefs(owner.request("REPORT", calendar.path, tasks, depth="1").body) == [task]
    assert hrefs(owner.request("REPORT", calendar.path, tasks).body) == []
    calendar.filters = False
    assert hrefs(owner.request("REPORT", calendar.path, tasks, depth="1").body) == [event, task]


def test_hrefs_are_written_in_the_manner_of_the_server_and_found_again_decoded_once(
    server: ScriptedCalDav, owner: Dav
) -> None:
    calendar = server.add("work")
    for name in ("a@b.ics", "a%40b.ics", "ü/ö.ics"):
        calendar.put(name, EVENT)
    quoted = [f"{calendar.path}{name}" for name in ("a%40b.ics", "a%2540b.ics", "%C3%BC/%C3%B6.ics")]
    assert synced(owner, calendar.path)[1] == quoted
    assert [owner.request("GET", path).status for path in quoted] == [200, 200, 200]
    server.href_of = lambda path: f"{server.url}{path}"
    assert synced(owner, calendar.path)[1][0] == f"{server.url}{calendar.path}a@b.ics"


def test_a_list_of_tasks_may_show_the_objects_of_a_calendar(server: ScriptedCalDav, owner: Dav) -> None:
    events = server.add("work")
    tasks = server.add("work-tasks", components=("VTODO",), objects=events.objects, hrefs_under=events.path)
    path = events.put("1.ics", EVENT)
    assert synced(owner, events.path)[1] == synced(owner, tasks.path)[1] == [path]


def test_a_script_answers_in_place_of_the_server_which_can_still_be_asked(server: ScriptedCalDav, owner: Dav) -> None:
    server.script["PROPFIND"] = lambda asked, usual: replace(usual(), status=503, headers=(("Retry-After", "7"),))
    answer = owner.request("PROPFIND", ROOT, depth="0")
    assert (answer.status, answer.headers["Retry-After"], b"multistatus" in answer.body) == (503, "7", True)
    server.script["PROPFIND"] = lambda asked, usual: replace(usual(), cut_after=10)
    with pytest.raises(http.client.IncompleteRead):
        owner.request("PROPFIND", ROOT, depth="0")
    assert server.kinds() == ["PROPFIND", "PROPFIND"]


def test_an_answer_may_stop_in_its_middle_until_it_is_told_to_go_on(server: ScriptedCalDav) -> None:
    go_on = threading.Event()
    server.script["GET"] = lambda asked, usual: Told(200, b"half of it; the rest", waits=go_on)
    with closing(http.client.HTTPConnection("localhost", server.port, timeout=30)) as connection:
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert answer.read(10) == b"half of it"
        go_on.set()
        assert answer.read() == b"; the rest"


@pytest.mark.parametrize(("challenge", "algorithm"), [(DIGEST, "MD5"), (DIGEST_SHA256, "SHA-256")])
def test_a_digest_is_checked_as_rfc_7616_says(server: ScriptedCalDav, challenge: str, algorithm: str) -> None:
    server.door.challenges, server.door.accepts = (challenge,), "Digest"
    stranger = Dav(server.url, HOME)
    refused = stranger.request("PROPFIND", ROOT, depth="0")
    assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, challenge)
    for password, status in ((server.door.password, 207), ("another", 401)):
        digest = digested(server, password, algorithm)
        assert stranger.request("PROPFIND", ROOT, depth="0", authorization=digest).status == status


def digested(server: ScriptedCalDav, password: str, algorithm: str) -> str:
    """What answers the challenge of a PROPFIND of ROOT."""

    def hashed(text: str) -> str:
        return hashlib.new(algorithm.replace("-", ""), text.encode(), usedforsecurity=False).hexdigest()

    user, nonce = server.door.user, http_doors.NONCE
    who, what = hashed(f"{user}:calendars:{password}"), hashed(f"PROPFIND:{ROOT}")
    response = hashed(f"{who}:{nonce}:00000001:0a4f:auth:{what}")
    return (
        f'Digest username="{user}", realm="calendars", nonce="{nonce}", uri="{ROOT}", algorithm={algorithm}, '
        f'qop=auth, nc=00000001, cnonce="0a4f", response="{response}"'
    )


def test_a_bearer_token_opens_where_it_is_asked_for(server: ScriptedCalDav) -> None:
    server.door.challenges, server.door.accepts = (BEARER,), "Bearer"
    stranger = Dav(server.url, HOME)
    assert stranger.request("PROPFIND", ROOT, depth="0", authorization="Bearer old").status == 401
    assert stranger.request("PROPFIND", ROOT, depth="0", authorization=f"Bearer {server.door.token}").status == 207


def test_another_program_finds_and_copies_all_of_its_calendars(server: ScriptedCalDav, tmp_path: Path) -> None:
    for name in ("work", "home"):
        calendar = server.add(name)
        for number in range(3):
            calendar.put(f"a b@{number}.ics", EVENT.replace("one@", f"{name}{number}@"))
    config = tmp_path / "config"
    config.write_text(
        VDIRSYNCER.format(directory=tmp_path, url=server.url, user=server.door.user, password=server.door.password)
    )
    command = [sys.executable, "-m", "vdirsyncer", "--config", str(config)]
    found = subprocess.run([*command, "discover"], input="y\n" * 9, capture_output=True, text=True, check=False)
    copied = subprocess.run([*command, "sync"], capture_output=True, text=True, check=False)
    assert (found.returncode, copied.returncode) == (0, 0), (found.stderr, copied.stderr)
    copies = [path.read_text() for path in (tmp_path / "here").glob("*/*.ics")]
    assert len({uid for copy in copies for uid in re.findall(r"UID:(\S+)", copy)}) == len(copies) == 6
