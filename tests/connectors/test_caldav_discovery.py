"""From the address that an admin writes to the calendars that are read; each server leads there in its own way."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from connectors.caldav import CalDavAccount, Settings, open_account
from connectors.caldav_session import Session
from syncd.errors import Permanent, ReauthNeeded, Retryable, SyncError
from syncd.model import CalendarObject, Event
from tests.connectors.caldav_worlds import meeting
from tests.connectors.contexts import context
from tests.servers import dav_xml
from tests.servers.dav_xml import CALDAV, CALENDAR_SERVER
from tests.servers.http_doors import BASIC, BEARER, DIGEST
from tests.servers.loopback_http import Asked, Told
from tests.servers.loopback_http import serve as serve_http
from tests.servers.scripted_caldav import HOME, LOGIN_PAGE, PRINCIPAL, ROOT, ScriptedCalDav, serve

Open = Callable[..., CalDavAccount]


@pytest.fixture
def server() -> Iterator[ScriptedCalDav]:
    with serve() as running:
        running.add("work").put("one.ics", meeting("one"))
        yield running


@pytest.fixture
def opened(server: ScriptedCalDav) -> Iterator[Open]:
    """An account of the server, by default from its root."""
    with ExitStack() as closing:

        def make(path: str = "/", *, secret: str | Callable[[], str] = "", **settings: object) -> CalDavAccount:
            given = Settings(**{"url": f"{server.url}{path}", "user": server.door.user, **settings})  # type: ignore[arg-type]
            account = open_account(given, context(secret or server.door.password))
            closing.callback(account.close)
            return account

        yield make


def shown(account: CalDavAccount) -> dict[str, tuple[str, str]]:
    return {stream.name: (stream.kind, stream.excluded) for stream in account.streams()}


def names(account: CalDavAccount) -> list[str]:
    return [stream.name for stream in account.streams() if not stream.excluded]


# ------------------------------------------------------------------------------------------------------- the way there


@pytest.mark.parametrize("path", ["", "/", ROOT, PRINCIPAL, HOME, "/no/such/place/"])
def test_every_address_of_a_server_leads_to_its_calendars(opened: Open, path: str) -> None:
    assert names(opened(path)) == ["work"]


def test_a_server_without_a_well_known_address_is_found_by_its_own(server: ScriptedCalDav, opened: Open) -> None:
    server.well_known = None
    assert names(opened(ROOT)) == ["work"]
    assert names(opened("/no/such/place/")) == ["work"]


def test_a_server_without_principals_is_found_by_the_address_of_the_calendars(
    server: ScriptedCalDav, opened: Open
) -> None:
    server.principal = None
    assert names(opened(HOME)) == ["work"]
    with pytest.raises(Permanent, match="does not say where"):
        opened("/").streams()


def test_a_shared_calendar_is_read_at_its_own_address(server: ScriptedCalDav, opened: Open) -> None:
    server.principal, server.homes = None, ()
    server.add("other")
    account = opened(f"{HOME}work/")
    (stream,) = account.streams()
    assert stream.name == "work"
    assert list(stream.inventory()) == [f"{HOME}work/one.ics"]


def test_all_homes_of_a_user_are_read(server: ScriptedCalDav, opened: Open) -> None:
    server.homes = (HOME, f"{server.url}/dav/calendars/team/")
    team = replace(server.calendars[0], path="/dav/calendars/team/plans/", title="plans")
    server.script["PROPFIND"] = lambda asked, usual: (
        dav_xml.multistatus([dav_xml.Row(team.path, team.properties({}))], dav_xml.read(asked.body).properties)
        if asked.path == "/dav/calendars/team/"
        else usual()
    )
    assert names(opened()) == ["plans", "work"]


def test_a_place_that_is_no_dav_is_told_with_what_to_do(server: ScriptedCalDav, opened: Open) -> None:
    server.script["PROPFIND"] = lambda asked, usual: LOGIN_PAGE
    with pytest.raises(SyncError, match="cannot be read") as raised:
        opened().streams()
    assert "url" in raised.value.cure


def test_a_server_that_lets_anybody_in_and_knows_nobody_wants_the_credentials(
    server: ScriptedCalDav, opened: Open
) -> None:
    nobody = {"{DAV:}current-user-principal": dav_xml.element("{DAV:}unauthenticated")}
    server.script["PROPFIND"] = lambda asked, usual: dav_xml.multistatus(
        [dav_xml.Row("/", nobody)], dav_xml.read(asked.body).properties
    )
    with pytest.raises(ReauthNeeded):
        opened().streams()


def test_the_owners_own_addresses_come_with_the_events(server: ScriptedCalDav, opened: Open) -> None:
    server.user_addresses = ("mailto:anna@example.com", "MAILTO:a%2Earendt@example.com", PRINCIPAL, "urn:uuid:1")
    stream = next(stream for stream in opened().streams() if stream.name == "work")
    (item,) = stream.read(list(stream.inventory()), text=True)
    assert isinstance(item, CalendarObject)
    (event,) = item.parts
    assert isinstance(event, Event)
    assert event.own_addresses == ("anna@example.com", "a.arendt@example.com")


# ----------------------------------------------------------------------------------------------------------- redirects


def test_a_redirect_to_another_server_gets_no_password(server: ScriptedCalDav, opened: Open) -> None:
    asked: list[Asked] = []

    def answer(each: Asked) -> Told:
        asked.append(each)
        return Told(404)

    with serve_http(answer) as other:
        server.well_known = f"http://localhost:{other}/dav/"
        server.script["PROPFIND"] = lambda each, usual: usual() if "well-known" in each.path else Told(404)
        with pytest.raises(Permanent, match="would get the password") as raised:
            opened().streams()
    assert 'trusted_hosts = ["localhost"]' in raised.value.cure
    assert asked == []


def test_a_host_that_the_admin_trusts_may_be_led_to(server: ScriptedCalDav, opened: Open) -> None:
    with serve() as other:
        other.add("elsewhere")
        server.well_known = f"{other.url}{ROOT}"
        server.script["PROPFIND"] = lambda each, usual: usual() if "well-known" in each.path else Told(404)
        account = opened(trusted_hosts=("localhost",))
        assert names(account) == ["elsewhere"]
        account.close()


def test_a_server_that_redirects_in_a_circle_is_left(server: ScriptedCalDav, opened: Open) -> None:
    server.script["PROPFIND"] = lambda asked, usual: Told(301, headers=(("Location", asked.path),))
    with pytest.raises(Permanent, match="again and again"):
        opened().streams()


@pytest.mark.parametrize(
    ("url", "target", "trusted"),
    [
        ("https://caldav.icloud.com/", "https://p42-caldav.icloud.com:443/1/calendars/", True),
        ("https://caldav.fastmail.com/", "https://d1.messagingengine.com/dav/", True),
        ("https://example.com/", "https://caldav.example.com/dav/", True),
        ("https://example.com/", "https://example.com:443/dav/", True),
        ("https://example.com:8443/", "https://example.com:8443/dav/", True),
        ("https://example.com/", "https://example.com:8443/dav/", False),
        ("https://example.com/", "http://example.com/dav/", False),
        ("https://caldav.example.com/", "https://example.com/dav/", False),
        ("https://example.com/", "https://notexample.com/dav/", False),
        ("https://example.com/", "https://example.com.example.org/dav/", False),
        ("https://caldav.icloud.com/", "https://icloud.com.example.org/", False),
        ("https://example.com/", "https://p42-caldav.icloud.com/", False),
        ("https://example.com/", "https://dav.example.net/", True),
        ("https://example.com/", "https://example.net:8443/", True),
        ("https://example.com/", "http://example.net/", False),
    ],
)
def test_the_password_goes_to_the_providers_own_hosts_alone(url: str, target: str, trusted: bool) -> None:
    settings = Settings(url=url, user="anna@example.com", trusted_hosts=("example.net",))
    session = Session(settings, lambda: "secret")
    if trusted:
        assert session.approved(target, seen_at=url) == target
    else:
        with pytest.raises(Permanent) as raised:
            session.approved(target, seen_at=url)
        assert raised.value.cure


# ------------------------------------------------------------------------------------------------------- what is read


def test_a_list_is_of_the_kind_that_it_holds(server: ScriptedCalDav, opened: Open) -> None:
    for name, components in {
        "tasks": ("VTODO",),
        "notes": ("VJOURNAL",),
        "both": ("VTODO", "VEVENT"),
        "busy": ("VFREEBUSY",),
        "anything": None,
    }.items():
        server.add(name, components=components)
    assert shown(opened()) == {
        "anything": ("calendar", ""),
        "both": ("calendar", ""),
        "busy": ("calendar", "neither meetings, tasks nor notes"),
        "inbox": ("calendar", "inbox of invitations"),
        "notes": ("notes", ""),
        "tasks": ("tasks", ""),
        "work": ("calendar", ""),
    }


def test_what_is_not_the_owners_is_shown_and_not_read(server: ScriptedCalDav, opened: Open) -> None:
    calendar = f"{{{CALDAV}}}calendar"
    server.add("holidays", types=("collection", calendar, f"{{{CALENDAR_SERVER}}}subscribed"))
    server.add("old", types=("collection", calendar, "{http://nextcloud.com/ns}deleted-calendar"))
    server.add("told", types=("collection", f"{{{CALENDAR_SERVER}}}notification"))
    server.add("files", types=("collection",))
    assert {name: excluded for name, (_, excluded) in shown(opened()).items()} == {
        "holidays": "subscribed",
        "inbox": "inbox of invitations",
        "old": "bin",
        "told": "notifications",
        "work": "",
    }
    assert names(opened(include=("holidays",))) == ["holidays"]


def test_an_admin_chooses_by_name_or_by_path(server: ScriptedCalDav, opened: Open) -> None:
    server.add("family", title="Family")
    server.add("sport")
    assert names(opened(include=("Family", f"{HOME}work/"))) == ["Family", "work"]
    assert names(opened(exclude=("Family", f"{HOME}work"))) == ["sport"]
    assert shown(opened(exclude=("Family",)))["Family"] == ("calendar", "calendar_excluded")


def test_calendars_of_one_name_are_told_apart_by_their_paths(server: ScriptedCalDav, opened: Open) -> None:
    server.add("b", title="Plans")
    server.add("a", title="Plans")
    server.add("c", title="")
    assert names(opened()) == [f"Plans ({HOME}a/)", f"Plans ({HOME}b/)", "c", "work"]
    assert names(opened(exclude=("Plans",))) == ["c", "work"]
    assert names(opened(exclude=(f"Plans ({HOME}a/)",))) == [f"Plans ({HOME}b/)", "c", "work"]


def test_a_new_calendar_is_seen_at_the_next_pass(server: ScriptedCalDav, opened: Open) -> None:
    account = opened()
    assert names(account) == ["work"]
    server.add("more")
    assert names(account) == ["more", "work"]


@pytest.mark.parametrize(
    "answer", [LOGIN_PAGE, dav_xml.multistatus([], []), Told(500), dav_xml.failure(404, "NotFound", "gone")]
)
def test_a_list_of_calendars_that_cannot_be_had_is_no_empty_list(
    server: ScriptedCalDav, opened: Open, answer: Told
) -> None:
    account = opened()
    account.streams()
    server.script["PROPFIND"] = lambda asked, usual: answer if asked.path == HOME else usual()
    for _ in range(2):
        with pytest.raises(Retryable) as raised:
            account.streams()
        assert raised.value.cure
    server.script.clear()
    assert names(account) == ["work"]


def test_a_home_without_a_calendar_is_a_mistake_rather_than_an_empty_account(
    server: ScriptedCalDav, opened: Open
) -> None:
    server.calendars.clear()
    server.script["PROPFIND"] = lambda asked, usual: (
        dav_xml.multistatus([dav_xml.Row(HOME, {})], []) if asked.path == HOME else usual()
    )
    with pytest.raises(Retryable, match="no calendar"):
        opened().streams()


# ----------------------------------------------------------------------------------------------------------- signing in


def test_a_password_is_sent_without_waiting_to_be_asked(server: ScriptedCalDav, opened: Open) -> None:
    server.door.challenges = ()
    assert names(opened()) == ["work"]
    assert all("authorization" in asked.headers for asked in server.asked)


def test_a_wrong_password_is_tried_once(server: ScriptedCalDav, opened: Open) -> None:
    with pytest.raises(ReauthNeeded) as raised:
        opened(secret="wrong").streams()
    assert "password" in raised.value.cure
    assert "wrong" not in str(raised.value)
    assert len(server.asked) == 1


def test_a_password_that_was_just_replaced_is_taken(server: ScriptedCalDav, opened: Open) -> None:
    secrets = iter(["old", server.door.password])
    assert names(opened(secret=lambda: next(secrets))) == ["work"]


def test_digest_answers_the_challenge_and_then_sends_unasked(server: ScriptedCalDav, opened: Open) -> None:
    server.door.challenges, server.door.accepts = ('X-MobileMe-AuthToken realm="x"', BASIC, DIGEST), "Digest"
    assert names(opened(auth="digest")) == ["work"]
    assert ["authorization" in asked.headers for asked in server.asked].count(False) == 1


def test_a_wrong_password_ends_digest(server: ScriptedCalDav, opened: Open) -> None:
    server.door.challenges, server.door.accepts = (DIGEST,), "Digest"
    with pytest.raises(ReauthNeeded):
        opened(auth="digest", secret="wrong").streams()
    assert len(server.asked) == 2


def test_a_token_that_ran_out_is_replaced(server: ScriptedCalDav, opened: Open) -> None:
    server.door.challenges, server.door.accepts, server.door.token = (BEARER,), "Bearer", "fresh.token"
    tokens = iter(["stale", server.door.token])
    assert names(opened(auth="bearer", user="", secret=lambda: next(tokens))) == ["work"]


@pytest.mark.parametrize("token", ["two\nlines", "with space", "smörgås"])
def test_a_secret_that_can_be_no_token_is_not_sent(server: ScriptedCalDav, opened: Open, token: str) -> None:
    with pytest.raises(ReauthNeeded):
        opened(auth="bearer", secret=token).streams()
    assert server.asked == []


@pytest.mark.parametrize(("auth", "offers", "cure"), [("basic", DIGEST, "digest"), ("digest", BASIC, "basic")])
def test_a_server_that_wants_another_way_of_signing_in_is_told_of(
    server: ScriptedCalDav, opened: Open, auth: str, offers: str, cure: str
) -> None:
    server.door.challenges, server.door.accepts = (offers,), offers.split()[0]
    with pytest.raises(Permanent) as raised:
        opened(auth=auth, secret="any").streams()
    assert f'auth = "{cure}"' in raised.value.cure


def test_the_certificate_of_an_own_authority_is_trusted_by_its_file(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(tls)
    with serve(tls=tls) as server:
        server.add("work")
        settings = Settings(url=server.url, user=server.door.user, ca_file=tmp_path / "ca.pem")
        account = open_account(settings, context(server.door.password))
        assert names(account) == ["work"]
        account.close()


# -------------------------------------------------------------------------------------------------------- the settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": ""},
        {"url": "https://"},
        {"url": "ftp://example.com/"},
        {"url": "http://cloud.example.com/"},
        {"url": "https://anna:secret@example.com/"},
        {"url": "https://example.com:port/"},
        {"url": "https://exa mple.com/"},
        {"user": ""},
        {"user": "a\nb"},
        {"user": "a:b"},
        {"timeout": 0},
        {"ahead_days": -1},
        {"zone": "Vienna"},
        {"zone": "Europe"},
        {"zone": "../etc/localtime"},
    ],
)
def test_settings_that_do_not_fit_are_refused_in_words(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        Settings(**{"url": "https://example.com/", "user": "anna@example.com", **wrong})  # type: ignore[arg-type]


def test_a_host_is_enough_of_an_address() -> None:
    assert Settings(url="cloud.example.com", user="anna").address == "https://cloud.example.com/"
    assert Settings(url="https://cloud.example.com/dav", user="anna").address == "https://cloud.example.com/dav"
