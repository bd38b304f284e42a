"""Who signs in at an Exchange server, and by what right; and how far that right goes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import pytest

from connectors.base import Grant
from connectors.ews_settings import Settings
from syncd.errors import Permanent, ReauthNeeded, SyncError
from tests.connectors.contract import Reader
from tests.connectors.ews_worlds import PASSWORD, USER, EwsWorld, deliver, opened, settings
from tests.servers.fake_ews import FakeEws
from tests.servers.loopback_http import Told

SYNCD, BOARD = "EXAMPLE\\syncd", "board@example.com"


@pytest.fixture
def world(exchange: FakeEws) -> Iterator[EwsWorld]:
    with opened(EwsWorld(exchange, settings(exchange), exchange.mailbox(USER))) as world:
        yield world


def refusal(world: EwsWorld) -> SyncError:
    with pytest.raises(SyncError) as raised:
        world.account().streams()
    assert raised.value.cure
    return raised.value


class TestSigningIn:
    @pytest.mark.parametrize("scheme", ["ntlm", "basic"])
    def test_the_owner_signs_in(self, world: EwsWorld, exchange: FakeEws, scheme: str) -> None:
        exchange.scheme = scheme
        world.settings = replace(world.settings, auth=scheme)  # type: ignore[arg-type]
        keys = world.add(2)
        reader = Reader(world)
        reader.whole_pass()
        assert reader.keys == keys
        assert {request.user for request in exchange.requests} == {USER}

    def test_with_ntlm_the_connection_is_signed_in_once(self, world: EwsWorld, exchange: FakeEws) -> None:
        Reader(world).whole_pass()
        assert len({asked.port for asked in exchange.asked}) == 1
        assert len(exchange.asked) == len(exchange.requests) + 2

    @pytest.mark.parametrize(("offered", "asked"), [("basic", "ntlm"), ("ntlm", "basic")])
    def test_the_wrong_way_in_names_the_other_one(
        self, world: EwsWorld, exchange: FakeEws, offered: str, asked: Literal["ntlm", "basic"]
    ) -> None:
        exchange.scheme = offered
        world.settings = replace(world.settings, auth=asked)
        error = refusal(world)
        assert isinstance(error, Permanent)
        assert f"takes nobody by {asked}" in str(error)
        assert error.cure == f'write auth = "{offered}" for the mailbox'

    def test_where_neither_way_is_offered_it_is_said_what_is(self, world: EwsWorld, exchange: FakeEws) -> None:
        exchange.troubles = [Told(401, b"", (("WWW-Authenticate", 'Bearer client_id="00000002, 0"'),))]
        assert "only by bearer" in str(refusal(world))

    def test_a_wrong_password_is_not_taken_for_the_wrong_way_in(self, world: EwsWorld) -> None:
        world.secret = "wrong"
        error = refusal(world)
        assert isinstance(error, ReauthNeeded)
        assert "`secret` of the mailbox" in error.cure
        assert "auth" not in error.cure

    def test_one_account_reads_many_mailboxes_by_impersonation(self, world: EwsWorld, exchange: FakeEws) -> None:
        exchange.may_sign_in(SYNCD, "secret")
        exchange.impersonators.add(SYNCD)
        deliver(exchange.mailbox("ben@example.com"), "of-ben@example.org")
        deliver(world.mailbox, "of-anna@example.org")
        world.secret = "secret"
        found = []
        for user in (USER, "ben@example.com"):
            world.settings = replace(world.settings, user=user, login=SYNCD)
            reader = Reader(world)
            reader.whole_pass()
            found += reader.keys
        assert found == ["of-anna@example.org", "of-ben@example.org"]
        assert {request.impersonated for request in exchange.requests} == {USER, "ben@example.com"}
        assert world.account().grant().by == f"{SYNCD}, by impersonation"

    def test_without_the_role_the_cure_is_the_line_that_gives_it(self, world: EwsWorld, exchange: FakeEws) -> None:
        exchange.may_sign_in(SYNCD, PASSWORD)
        world.settings = replace(world.settings, login=SYNCD)
        error = refusal(world)
        assert isinstance(error, Permanent)
        assert "New-ManagementRoleAssignment" in error.cure

    def test_by_delegation_it_is_said_whose_folders_are_meant(self, world: EwsWorld, exchange: FakeEws) -> None:
        exchange.mailbox("syncd@example.com", PASSWORD)
        exchange.delegates.add(("syncd@example.com", USER))
        keys = world.add(1)
        world.settings = replace(world.settings, login="syncd@example.com", rights="delegation")
        reader = Reader(world)
        reader.whole_pass()
        assert reader.keys == keys

    def test_without_full_access_the_cure_is_the_line_that_gives_it(self, world: EwsWorld, exchange: FakeEws) -> None:
        exchange.mailbox("syncd@example.com", PASSWORD)
        world.settings = replace(world.settings, login="syncd@example.com", rights="delegation")
        assert "Add-MailboxPermission anna@example.com" in refusal(world).cure

    def test_a_mailbox_that_is_not_there_is_named(self, world: EwsWorld, exchange: FakeEws) -> None:
        exchange.may_sign_in(SYNCD, PASSWORD)
        exchange.impersonators.add(SYNCD)
        world.settings = replace(world.settings, login=SYNCD, user="nobody@example.com")
        error = refusal(world)
        assert isinstance(error, Permanent)
        assert "nobody@example.com" in str(error)

    def test_neither_password_nor_mail_is_logged_at_any_level(
        self, world: EwsWorld, exchange: FakeEws, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        exchange.scheme = "basic"
        world.settings = replace(world.settings, auth="basic")
        deliver(world.mailbox, "1@example.org", subject="Very private")
        Reader(world).whole_pass()
        exchange.troubles = [Told(200, b"<no/>")] * 9
        refusal(world)
        assert "Very private" not in caplog.text
        assert "Authorization" not in caplog.text

    def test_one_whom_it_has_let_in_is_let_in_again_after_a_moment(self, world: EwsWorld, exchange: FakeEws) -> None:
        keys = world.add(3)
        exchange.troubles = [None, None, Told(401)]
        reader = Reader(world)
        reader.whole_pass()
        assert reader.keys == keys
        assert exchange.troubles == []

    def test_one_who_is_not_let_in_twice_is_not_let_in(self, world: EwsWorld, exchange: FakeEws) -> None:
        account = world.account()
        account.streams()
        asked = len(exchange.requests)
        exchange.troubles = [Told(401)] * 9
        with pytest.raises(ReauthNeeded):
            account.streams()
        assert len(exchange.requests) == asked + 2


class TestHowFarTheRightGoes:
    @pytest.fixture
    def board(self, world: EwsWorld, exchange: FakeEws) -> None:
        exchange.mailbox(BOARD)
        exchange.may_sign_in(SYNCD, PASSWORD)
        exchange.impersonators.add(SYNCD)
        world.settings = replace(world.settings, login=SYNCD, unreachable=BOARD)

    @pytest.mark.usefixtures("board")
    def test_a_role_that_reaches_everybody_is_found_out_and_the_cure_narrows_it(self, world: EwsWorld) -> None:
        ((warning, cure),) = granted(world).warnings
        assert warning == f"{SYNCD} can read {BOARD}, too, which it must not"
        assert "New-ManagementScope" in cure
        assert f"-Role ApplicationImpersonation -User {SYNCD} -CustomRecipientWriteScope" in cure
        assert "Get-ManagementRoleAssignment -Role ApplicationImpersonation -GetEffectiveUsers" in cure

    @pytest.mark.usefixtures("board")
    def test_a_role_for_some_mailboxes_only_is_proven_to_be_one(self, world: EwsWorld, exchange: FakeEws) -> None:
        exchange.scopes[SYNCD] = {USER}
        found = granted(world)
        assert found.warnings == ()
        assert found.by == f"{SYNCD}, by impersonation, which does not open {BOARD}"

    @pytest.mark.usefixtures("board")
    def test_of_the_mailbox_that_is_tried_nothing_is_read(self, world: EwsWorld, exchange: FakeEws) -> None:
        deliver(exchange.mailboxes[BOARD], "1@example.org")
        granted(world)
        (request,) = [request for request in exchange.requests if request.impersonated == BOARD]
        assert (request.name, request.fields) == ("GetFolder", set())

    @pytest.mark.usefixtures("board")
    def test_what_does_not_exist_proves_nothing(self, world: EwsWorld, exchange: FakeEws) -> None:
        both: tuple[Literal["impersonation", "delegation"], ...] = ("impersonation", "delegation")
        for rights in both:
            del exchange.mailboxes[BOARD]
            exchange.delegates.add((SYNCD, USER))
            world.settings = replace(world.settings, rights=rights)
            ((warning, cure),) = granted(world).warnings
            assert warning.startswith(f"{BOARD} could not be tried: ")
            assert "`unreachable`" in cure
            exchange.mailbox(BOARD)

    @pytest.mark.usefixtures("board")
    def test_where_nothing_was_named_to_try_it_is_said_that_the_limit_is_not_known(self, world: EwsWorld) -> None:
        world.settings = replace(world.settings, unreachable="")
        ((warning, cure),) = granted(world).warnings
        assert warning == f"whether {SYNCD} can read every mailbox of the organisation, Exchange does not tell"
        assert "`unreachable`" in cure
        assert "-CustomRecipientWriteScope" in cure

    @pytest.mark.usefixtures("board")
    def test_full_access_to_more_than_is_read_is_found_out(self, world: EwsWorld, exchange: FakeEws) -> None:
        world.settings = replace(world.settings, rights="delegation")
        exchange.delegates = {(SYNCD, USER), (SYNCD, BOARD)}
        ((_, cure),) = granted(world).warnings
        assert f"Remove-MailboxPermission {BOARD} -User {SYNCD}" in cure
        exchange.delegates.remove((SYNCD, BOARD))
        assert granted(world).warnings == ()

    @pytest.mark.usefixtures("board")
    def test_the_server_that_autodiscover_tells_is_the_one_that_is_asked(
        self, world: EwsWorld, exchange: FakeEws
    ) -> None:
        where = f"https://{exchange.host}/autodiscover/autodiscover.svc"
        world.settings = replace(world.settings, host="", autodiscover=where)
        granted(world)
        assert {each.path for each in exchange.asked if BOARD.encode() in each.body} == {"/EWS/Exchange.asmx"}

    def test_the_owner_of_a_mailbox_has_no_right_to_be_narrowed(self, world: EwsWorld) -> None:
        assert granted(world) == Grant(by=USER, permissions=())
        with pytest.raises(ValueError, match="with login"):
            Settings(user=USER, unreachable=BOARD)


def granted(world: EwsWorld) -> Grant:
    return world.account().grant()
