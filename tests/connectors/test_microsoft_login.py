"""Signing in to Microsoft with the real msal: as an app, as a person, and all that can go wrong on the way."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest
import trustme

from connectors.microsoft_login import Login
from connectors.microsoft_settings import Settings
from connectors.microsoft_sign_in import sign_in
from syncd.config.reading import section
from syncd.errors import Permanent, ReauthNeeded, Retryable, SyncError
from tests.connectors.contexts import MemoryTokens
from tests.connectors.graph_worlds import GraphWorld, graph_world
from tests.servers.fake_graph import Cloud
from tests.servers.fake_graph_http import Answer
from tests.servers.fake_graph_login import Refusal
from tests.servers.fake_graph_query import failure


@pytest.fixture
def world(microsoft: Cloud) -> Iterator[GraphWorld]:
    with graph_world(microsoft) as world:
        yield world


def _grants(world: GraphWorld) -> list[str]:
    return [form["grant_type"] for form in world.cloud.login.token_requests]


class TestAsTheApp:
    def test_one_token_serves_all_mailboxes_of_an_app(self, world: GraphWorld) -> None:
        world.account().streams()
        world.cloud.graph.mailbox("ben@example.com", "Ben")
        world.settings = replace(world.settings, user="ben@example.com")
        world.account().streams()
        assert _grants(world) == ["client_credentials"]

    def test_a_certificate_signs_in_too(self, world: GraphWorld) -> None:
        issued = trustme.CA().issue_cert("app.example.com", key_type=trustme.KeyType.RSA)
        certificate, key = issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes()
        world.cloud.login.certificates.append(certificate)
        world.secret = (key + certificate).decode()
        world.account().streams()
        assert "client_assertion" in world.cloud.login.token_requests[0]
        assert "client_secret" not in world.cloud.login.token_requests[0]

    def test_a_certificate_without_its_key_is_told_so(self, world: GraphWorld) -> None:
        issued = trustme.CA().issue_cert("app.example.com")
        world.secret = issued.cert_chain_pems[0].bytes().decode()
        assert "private key" in str(_failed(world, Permanent))

    def test_a_certificate_that_nobody_uploaded_is_refused_in_words(self, world: GraphWorld) -> None:
        issued = trustme.CA().issue_cert("app.example.com", key_type=trustme.KeyType.RSA)
        world.secret = (issued.private_key_pem.bytes() + issued.cert_chain_pems[0].bytes()).decode()
        error = _failed(world, Permanent)
        assert "700027" in str(error)
        assert "Certificates & secrets" in error.cure

    def test_a_wrong_secret_is_the_admin_s_to_mend_and_is_not_told(self, world: GraphWorld) -> None:
        world.secret = "not-the-secret"
        error = _failed(world, Permanent)
        assert "7000215" in str(error)
        assert "value" in error.cure
        assert "not-the-secret" not in str(error) + error.cure

    def test_a_secret_that_was_mended_works_at_once(self, world: GraphWorld) -> None:
        world.secret = "not-the-secret"
        _failed(world, Permanent)
        world.secret = next(iter(world.cloud.login.secrets))
        assert world.account().streams()

    def test_a_tenant_that_is_not_there_is_named(self, world: GraphWorld) -> None:
        world.settings = replace(world.settings, tenant="nowhere.example")
        error = _failed(world, Permanent)
        assert "nowhere.example" in str(error)
        assert "tenant" in error.cure

    def test_a_token_that_graph_refuses_is_replaced_once(self, world: GraphWorld) -> None:
        account = world.account()
        account.streams()
        world.cloud.login.tokens.clear()
        account.streams()
        assert _grants(world) == ["client_credentials"] * 2

    def test_a_token_that_graph_refuses_twice_is_told(self, world: GraphWorld) -> None:
        refusal = failure(401, "InvalidAuthenticationToken", "Invalid audience.")
        world.cloud.graph.hook = lambda request: refusal
        assert "clock" in _failed(world, Permanent).cure

    def test_the_roles_that_were_consented_to_are_told(self, world: GraphWorld) -> None:
        assert Login(world.settings, world.context()).granted.permissions == {"Calendars.Read", "Mail.Read"}


class TestAsAPerson:
    def test_a_code_typed_elsewhere_lets_the_app_in(self, world: GraphWorld) -> None:
        world.cloud.login.pending = 2
        world.as_person()
        assert "microsoft.com/devicelogin" in world.person.told[0]
        assert world.account().streams()
        assert world.secret not in world.tokens.text

    def test_a_browser_on_this_machine_lets_the_app_in(self, world: GraphWorld) -> None:
        world.settings = replace(world.settings, sign_in="user")
        consent = sign_in(world.settings, world.context(), world.person)
        for visit in world.person.visits:
            visit.join()
        assert (consent.user, consent.allowed) == ("anna@example.com", ("Calendars.Read", "Mail.Read", "User.Read"))
        assert world.account().streams()

    def test_whoever_has_not_signed_in_is_asked_to(self, world: GraphWorld) -> None:
        world.settings = replace(world.settings, sign_in="user")
        assert "syncd auth anna" in _failed(world, ReauthNeeded).cure

    def test_somebody_else_s_sign_in_is_not_kept(self, world: GraphWorld) -> None:
        world.cloud.login.user = "eve@example.com"
        with pytest.raises(Permanent, match=r"may not read anna@example\.com"):
            world.as_person()
        assert world.tokens.text == ""

    def test_a_shared_mailbox_is_opened_by_one_who_may(self, world: GraphWorld) -> None:
        world.cloud.graph.mailbox("sales@example.com", "Sales")
        world.cloud.graph.delegates.add(("anna@example.com", "sales@example.com"))
        world.cloud.login.consented |= {"Calendars.Read.Shared", "Mail.Read.Shared"}
        world.settings = replace(world.settings, sign_in="user", user="sales@example.com", delegate="anna@example.com")
        world.as_person()
        assert world.account().streams()

    def test_a_refresh_token_that_was_replaced_is_kept(self, world: GraphWorld) -> None:
        world.as_person()
        before = world.tokens.text
        world.cloud.login.tokens.clear()
        world.account().streams()
        assert world.tokens.text != before
        world.cloud.login.tokens.clear()
        assert world.account().streams()

    def test_a_new_sign_in_is_noticed_by_an_account_that_is_open(self, world: GraphWorld) -> None:
        world.as_person()
        account = world.account()
        account.streams()
        world.revoke()
        with pytest.raises(ReauthNeeded):
            account.streams()
        world.as_person()
        assert account.streams()

    def test_a_tenant_is_asked_about_itself_once_for_all_mailboxes(self, world: GraphWorld) -> None:
        world.as_person()
        world.cloud.graph.mailbox("ben@example.com", "Ben")
        world.cloud.login.user, world.tokens = "ben@example.com", MemoryTokens()
        world.settings = replace(world.settings, user="ben@example.com")
        world.as_person().account().streams()
        asked = [each for each in world.cloud.login.requests if each.path.endswith("/openid-configuration")]
        assert len(asked) <= 1

    def test_consent_that_is_missing_says_who_can_give_it(self, world: GraphWorld) -> None:
        world.cloud.login.consented = frozenset()
        with pytest.raises(ReauthNeeded) as raised:
            world.as_person()
        assert "agreed" in str(raised.value)

    def test_an_app_asks_nobody_to_sign_in(self, world: GraphWorld) -> None:
        with pytest.raises(Permanent) as raised:
            sign_in(world.settings, world.context(), world.person)
        assert "syncd check" in raised.value.cure


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (Refusal(400, "invalid_grant", 50173, "The provided grant has expired."), ReauthNeeded),
        (Refusal(400, "invalid_grant", 700082, "The refresh token has expired due to inactivity."), ReauthNeeded),
        (Refusal(400, "interaction_required", 50076, "You must use multi-factor authentication."), ReauthNeeded),
        (Refusal(400, "invalid_grant", 53003, "Blocked by Conditional Access."), ReauthNeeded),
        (Refusal(400, "temporarily_unavailable", 90033, "A transient error has occurred."), Retryable),
        (Refusal(503, "temporarily_unavailable", 90055, "Tenant throttled."), Retryable),
        (Refusal(500, "server_error", 90020, "Oops."), Retryable),
        (Refusal(429, "temporarily_unavailable", 90055, "Throttled."), Retryable),
        (Refusal(400, "unauthorized_client", 700016, "Application was not found."), Permanent),
        (Refusal(401, "invalid_client", 7000218, "The request body must contain a secret."), Permanent),
    ],
)
def test_each_refusal_is_one_of_the_four_with_a_cure(
    world: GraphWorld, refusal: Refusal, kind: type[SyncError]
) -> None:
    world.as_person()
    world.cloud.login.tokens.clear()
    world.cloud.login.always = refusal
    error = _failed(world, kind)
    assert error.cure
    assert "Trace ID" not in str(error)


def test_a_login_that_does_not_answer_is_no_reason_to_sign_in_again(world: GraphWorld) -> None:
    world.as_person()
    world.cloud.login.tokens.clear()
    world.settings = replace(
        world.settings, authority=world.cloud.login.origin.replace("localhost", "localhost.invalid")
    )
    _failed(world, Retryable)


def test_a_message_of_the_login_never_holds_a_token(world: GraphWorld) -> None:
    world.as_person()
    refresh = next(iter(world.cloud.login.refreshes))
    world.cloud.login.tokens.clear()
    words = f"The refresh token {refresh} is bad"
    world.cloud.login.always = Refusal(400, "invalid_grant", 70008, words)
    error = _failed(world, ReauthNeeded)
    assert refresh not in str(error) + error.cure


def test_no_token_and_no_secret_is_logged_at_any_level(world: GraphWorld, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world.account().streams()
    world.as_person()
    account = world.account()
    list(account.streams()[0].changes(None))
    login = world.cloud.login
    secrets = {world.secret, *login.tokens, *login.refreshes}
    login.tokens.clear()
    account.streams()
    assert [each for each in (*secrets, *login.tokens, *login.refreshes) if each in caplog.text] == []


class TestWhatMayBeRead:
    def test_a_mailbox_that_the_app_may_not_read_names_the_command_that_tells_why(self, world: GraphWorld) -> None:
        world.cloud.login.roles = frozenset()
        world.cloud.graph.scope = {"ben@example.com"}
        error = _failed(world, Permanent)
        assert "Test-ServicePrincipalAuthorization" in error.cure

    def test_a_mailbox_opened_by_rbac_alone_is_read(self, world: GraphWorld) -> None:
        world.cloud.login.roles = frozenset()
        world.cloud.graph.scope = {"anna@example.com"}
        assert world.account().streams()

    def test_a_user_without_a_mailbox_in_the_cloud_is_told_so(self, world: GraphWorld) -> None:
        world.cloud.graph.inactive.add("anna@example.com")
        assert "exchange" in _failed(world, Permanent).cure

    def test_a_user_that_nobody_knows_is_told_so(self, world: GraphWorld) -> None:
        world.settings = replace(world.settings, user="nobody@example.com")
        assert "nobody@example.com" in str(_failed(world, Permanent))

    def test_an_answer_of_a_proxy_is_no_refusal_of_graph(self, world: GraphWorld) -> None:
        world.cloud.graph.hook = lambda request: Answer(403, "<html>Blocked by the company's proxy</html>")
        assert _failed(world, Permanent).cure


@pytest.mark.parametrize(
    "fields",
    [
        {"user": ""},
        {"user": "anna@example.com/../ceo@example.com"},
        {"tenant": "a/b"},
        {"authority": "http://login.example.com"},
        {"endpoint": "https://graph.example.com/v1.0"},
        {"delegate": "ben@example.com"},
        {"endpoint": "https://graph.microsoft.us"},
        {"authority": "https://login.microsoftonline.us"},
        {"timeout": 0},
        {"sign_in": "both"},
    ],
)
def test_values_that_cannot_be_right_are_refused_when_they_are_read(fields: dict[str, object]) -> None:
    whole: dict[str, object] = {"user": "anna@example.com", "tenant": "example.com", "client_id": "a1"}
    assert section(Settings, whole)[1] == []
    us = {"authority": "https://login.microsoftonline.us", "endpoint": "https://dod-graph.microsoft.us"}
    assert section(Settings, {**whole, **us})[1] == []
    assert len(section(Settings, {**whole, **fields})[1]) == 1


def _failed(world: GraphWorld, kind: type[SyncError]) -> SyncError:
    with pytest.raises(kind) as raised:
        world.account().streams()
    return raised.value
