"""An account on an Exchange server: where the server is, and which folders it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from connectors.base import Stream
from connectors.ews_errors import Judge
from connectors.ews_settings import Settings
from connectors.ews_wire import Wire
from syncd.errors import CursorExpired, Permanent, ReauthNeeded, Retryable, SyncError
from tests.connectors.contract import Reader
from tests.connectors.ews_worlds import PASSWORD, USER, EwsWorld, deliver, opened, settings
from tests.servers.fake_ews import FakeEws
from tests.servers.fake_ews_soap import Fault
from tests.servers.loopback_http import Told

SYNCD = "EXAMPLE\\syncd"


@pytest.fixture
def world(exchange: FakeEws) -> Iterator[EwsWorld]:
    with opened(EwsWorld(exchange, settings(exchange), exchange.mailbox(USER))) as world:
        yield world


def refusal(world: EwsWorld) -> SyncError:
    with pytest.raises(SyncError) as raised:
        world.account().streams()
    assert raised.value.cure
    return raised.value


def excluded(world: EwsWorld) -> dict[str, str]:
    return {stream.name: stream.excluded for stream in world.account().streams()}


class TestTheServer:
    def test_a_cloud_host_is_refused_and_the_other_kind_is_named(self) -> None:
        for host in ("outlook.office365.com", "outlook.office365.us", "partner.outlook.cn", "outlook.office.com:443"):
            with pytest.raises(ValueError, match="microsoft365"):
                Settings(user=USER, host=host)

    def test_a_certificate_of_nobody_that_is_trusted_is_refused(self, world: EwsWorld, tmp_path: Path) -> None:
        other = tmp_path / "other.pem"
        trustme.CA().cert_pem.write_to_path(str(other))
        world.settings = replace(world.settings, ca_file=other)
        error = refusal(world)
        assert isinstance(error, Permanent)
        assert "ca_file" in error.cure

    @pytest.mark.parametrize(
        ("answer", "kind", "words"),
        [
            (Told(401), ReauthNeeded, "does not let"),
            (Told(403), Permanent, "refuses EWS"),
            (Told(404), Permanent, "has no EWS"),
            (
                Told(302, b"", (("Location", "https://owa.example.com/owa/auth/logon.aspx"),)),
                Permanent,
                "owa.example.com",
            ),
            (Told(503, b"", (("Retry-After", "600"),)), Retryable, "is not available"),
            (Told(500, b"<html>Runtime error</html>"), Retryable, "HTTP 500"),
            (Told(200, b"<html><body>Sign in</body></html>"), Retryable, "cannot be understood"),
            (Told(200, b""), Retryable, "cannot be understood"),
            (Fault("ErrorInvalidServerVersion"), Permanent, "older than Exchange 2013"),
            (Fault("ErrorInternalServerError"), Retryable, "is busy"),
            (Fault("ErrorSomethingNew"), Retryable, "ErrorSomethingNew"),
            (Fault("ErrorInvalidRequest"), Retryable, "ErrorInvalidRequest"),
        ],
    )
    def test_whatever_the_server_answers_is_one_of_our_errors(
        self, world: EwsWorld, exchange: FakeEws, answer: Told | Fault, kind: type[SyncError], words: str
    ) -> None:
        exchange.troubles = [answer] * 9
        error = refusal(world)
        assert isinstance(error, kind)
        assert words in str(error)

    def test_an_old_server_is_said_to_be_too_old(self, world: EwsWorld, exchange: FakeEws) -> None:
        exchange.newest = "Exchange2010_SP2"
        assert "older than Exchange 2013" in str(refusal(world))

    def test_a_wait_that_the_server_asks_for_is_passed_on(self, world: EwsWorld, exchange: FakeEws) -> None:
        exchange.troubles = [Told(503, b"", (("Retry-After", "600"),))]
        error = refusal(world)
        assert isinstance(error, Retryable)
        assert error.retry_after is not None
        assert error.retry_after.total_seconds() == 600

    def test_neither_proxies_nor_authorities_of_the_environment_are_used(
        self, world: EwsWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/dev/null")
        assert world.account().streams()

    def test_a_name_without_an_address_is_told(self, world: EwsWorld) -> None:
        world.settings = replace(world.settings, host="exchange.invalid")
        error = refusal(world)
        assert isinstance(error, Retryable)
        assert "no address was found" in str(error)

    def test_a_challenge_that_is_none_is_not_taken_for_a_wrong_password(
        self, world: EwsWorld, exchange: FakeEws
    ) -> None:
        exchange.broken_challenge = True
        error = refusal(world)
        assert isinstance(error, Retryable)
        assert "cannot be understood" in str(error)

    def test_a_connection_that_was_lost_within_the_library_is_not_waited_for(self, world: EwsWorld) -> None:
        judge = Judge(world.settings, world.settings.host)
        with closing(Wire(f"https://{world.settings.host}/", world.settings, PASSWORD, judge)) as wire:
            wire.get_session().close()
            assert wire.get_session() is not None

    def test_a_connection_that_ended_while_nothing_was_asked_is_made_again(
        self, world: EwsWorld, exchange: FakeEws
    ) -> None:
        account = world.account()
        account.streams()
        exchange.troubles = [Told(200, b"<s:Envelope/>", cut_after=3)]
        assert account.streams()
        assert len({asked.port for asked in exchange.asked}) == 2


class TestAutodiscover:
    @pytest.fixture
    def world(self, world: EwsWorld, exchange: FakeEws) -> EwsWorld:
        where = f"https://{exchange.host}/autodiscover/autodiscover.svc"
        world.settings = replace(world.settings, host="", autodiscover=where)
        return world

    def test_the_server_is_found_by_the_address(self, world: EwsWorld) -> None:
        keys = world.add(1)
        reader = Reader(world)
        reader.whole_pass()
        assert reader.keys == keys

    def test_it_is_asked_once_for_an_account(self, world: EwsWorld, exchange: FakeEws) -> None:
        account = world.account()
        account.streams()
        account.close()
        account.streams()
        discovered = [asked for asked in exchange.asked if "autodiscover" in asked.path]
        assert len(discovered) == 3  # of which two are NTLM's

    def test_a_redirect_to_a_url_of_a_named_host_is_followed(self, world: EwsWorld, exchange: FakeEws) -> None:
        exchange.redirects = [("RedirectUrl", f"https://{exchange.host}/autodiscover/autodiscover.svc")] * 2
        assert world.account().streams()

    @pytest.mark.parametrize(
        ("kind", "where", "words"),
        [
            (
                "RedirectUrl",
                "https://exchange.elsewhere.example/autodiscover/autodiscover.svc",
                "would get the password",
            ),
            ("RedirectUrl", "http://localhost/autodiscover/autodiscover.svc", "without TLS"),
            ("RedirectUrl", "https://autodiscover-s.outlook.com/autodiscover/autodiscover.svc", "is Exchange Online"),
            ("RedirectUrl", "https://[", "no address"),
            ("RedirectAddress", "anna@elsewhere.example", "would get the password"),
            ("RedirectAddress", "anna@example.mail.onmicrosoft.com", "is Exchange Online"),
        ],
    )
    def test_the_password_goes_nowhere_else(
        self, world: EwsWorld, exchange: FakeEws, kind: str, where: str, words: str
    ) -> None:
        exchange.redirects = [(kind, where)]
        error = refusal(world)
        assert isinstance(error, Permanent)
        assert words in str(error)

    def test_where_nobody_answers_the_cure_is_to_name_the_server(self, world: EwsWorld) -> None:
        world.vanish()
        world.settings = replace(world.settings, autodiscover=f"https://{world.settings.host}/", host="")
        error = refusal(world)
        assert isinstance(error, Retryable)
        assert "`host`" in error.cure

    def test_what_is_no_autodiscover_is_for_the_admin(self, world: EwsWorld, exchange: FakeEws) -> None:
        world.settings = replace(world.settings, autodiscover=f"https://{exchange.host}/nothing")
        assert isinstance(refusal(world), Permanent)

    def test_a_circle_ends(self, world: EwsWorld, exchange: FakeEws) -> None:
        exchange.redirects = [("RedirectUrl", f"https://{exchange.host}/autodiscover/autodiscover.svc")] * 50
        assert "circle" in str(refusal(world))

    def test_services_at_a_host_that_nobody_named_are_not_used(self, world: EwsWorld, exchange: FakeEws) -> None:
        exchange.settings = {"ExternalEwsUrl": "https://mail.elsewhere.example/EWS/Exchange.asmx"}
        error = refusal(world)
        assert 'host = "mail.elsewhere.example"' in error.cure

    def test_a_password_that_is_refused_is_tried_at_no_other_place(self, world: EwsWorld, exchange: FakeEws) -> None:
        world.secret = "wrong"
        assert isinstance(refusal(world), ReauthNeeded)
        assert len(exchange.asked) == 3  # which is what NTLM takes to fail once

    def test_a_server_that_moved_is_found_again(self, world: EwsWorld, exchange: FakeEws) -> None:
        account = world.account()
        account.streams()
        exchange.settings = {"ExternalEwsUrl": exchange.url.replace("/EWS/", "/ews/")}
        exchange.troubles = [Told(404)]
        with pytest.raises(Permanent):
            account.streams()
        assert account.streams()
        assert exchange.asked[-1].path.startswith("/ews/")

    def test_a_mailbox_in_the_cloud_is_of_another_kind(self, world: EwsWorld, exchange: FakeEws) -> None:
        exchange.settings = {"ExternalEwsUrl": "https://outlook.office365.com/EWS/Exchange.asmx"}
        assert "microsoft365" in refusal(world).cure

    def test_an_address_that_is_nobodys_is_named(self, world: EwsWorld, exchange: FakeEws) -> None:
        del exchange.mailboxes[USER]
        assert "InvalidUser" in str(refusal(world))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"user": "anna"}, "user must be"),
        ({"host": "https://mail.example.com/EWS"}, "the name of the server alone"),
        ({"autodiscover": "http://autodiscover.example.com/"}, "must begin with https://"),
        ({"login": "EXAMPLE\\syncd\n"}, "login must be one line"),
        ({"read": ()}, "read must name something"),
        ({"timeout": 0}, "timeout must be at least 1"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused_in_words(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Settings(**{"user": USER, **values})


class TestFolders:
    def test_well_known_folders_are_known_in_any_language(self, world: EwsWorld) -> None:
        root = world.mailbox.folder("msgfolderroot")
        clients = world.mailbox.add_folder("Kunden", parent=root)
        world.mailbox.add_folder("A/S Nord", parent=clients)
        world.mailbox.add_folder("Alt", parent=world.mailbox.folder("deleteditems"))
        world.mailbox.add_folder("Ungelesen", "SearchFolder", parent=root)
        world.mailbox.add_folder("Intern", parent=root, hidden=True)
        world.mailbox.add_folder("Konfiguration", folder_class="IPF.Configuration", parent=root)
        assert excluded(world) == {
            "Inbox": "",
            "Sent Items": "",
            "Kunden": "",
            "Kunden/A\N{DIVISION SLASH}S Nord": "",
            "Drafts": "drafts",
            "Outbox": "drafts",
            "Junk Email": "junk",
            "Deleted Items": "bin",
            "Deleted Items/Alt": "bin",
            "Ungelesen": "repeats other folders",
            "Intern": "hidden",
            "calendar": "",
            "tasks": "",
        }

    def test_include_and_exclude_name_folders_and_calendars(self, world: EwsWorld) -> None:
        root = world.mailbox.folder("msgfolderroot")
        world.mailbox.add_folder("Privat", parent=world.mailbox.folder("inbox"))
        world.mailbox.add_folder("Team", "CalendarFolder", "IPF.Appointment", parent=root)
        world.settings = replace(
            world.settings,
            include=("inbox",),
            exclude=("Inbox/Privat",),
            calendars=("Team",),
            read=("mail", "calendar"),
        )
        read = [name for name, reason in excluded(world).items() if not reason]
        assert sorted(read) == ["Inbox", "calendar Team"]

    def test_a_folder_that_is_renamed_or_new_shows_at_the_next_pass_by_one_request(
        self, world: EwsWorld, exchange: FakeEws
    ) -> None:
        account = world.account()
        account.streams()
        folder = world.mailbox.add_folder("Neu", parent=world.mailbox.folder("msgfolderroot"))
        asked = len(exchange.requests)
        assert "Neu" in _names(account.streams())
        folder.name = "Anders"
        folder.version += 1
        assert "Anders" in _names(account.streams())
        assert len(exchange.requests) == asked + 2

    def test_a_list_without_an_inbox_is_not_believed(self, world: EwsWorld) -> None:
        world.mailbox.folders.remove(world.mailbox.folder("inbox"))
        assert isinstance(refusal(world), Retryable)

    def test_a_tree_whose_state_is_lost_is_read_anew(self, world: EwsWorld) -> None:
        account = world.account()
        before = _names(account.streams())
        world.mailbox.forget_states()
        assert _names(account.streams()) == before

    def test_a_folder_made_anew_under_its_old_name_is_read_from_the_start(self, world: EwsWorld) -> None:
        root = world.mailbox.folder("msgfolderroot")
        world.folder = "Neu"
        first = world.mailbox.add_folder("Neu", parent=root)
        deliver(world.mailbox, "1@example.org", folder=first)
        reader = Reader(world)
        reader.whole_pass()
        world.mailbox.folders.remove(first)
        second = world.mailbox.add_folder("Neu", parent=root)
        deliver(world.mailbox, "2@example.org", folder=second)
        with pytest.raises(CursorExpired):
            reader.whole_pass()
        reader.pass_from_any_cursor()
        assert reader.keys == ["2@example.org"]


def _names(streams: Sequence[Stream]) -> list[str]:
    return [stream.name for stream in streams]
