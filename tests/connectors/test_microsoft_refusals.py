"""What Entra refuses, in words: each cause has its own, says who cannot sign in, and what to do where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from connectors.microsoft_sign_in import sign_in
from syncd.errors import Permanent, ReauthNeeded, Retryable, SyncError
from tests.connectors.graph_worlds import GraphWorld, graph_world
from tests.servers.fake_graph import Cloud
from tests.servers.fake_graph_login import CLIENT, Refusal


@pytest.fixture
def world(microsoft: Cloud) -> Iterator[GraphWorld]:
    with graph_world(microsoft) as world:
        yield world


OF_A_PERSON = [
    (50057, "invalid_grant", "the account is disabled", "Account enabled"),
    (50053, "invalid_grant", "locked", "Sign-in logs"),
    (50055, "invalid_grant", "the password has expired", "set a new one"),
    (50126, "invalid_grant", "user name or the password", "syncd auth anna"),
    (50034, "invalid_grant", "knows no such user", "`user`"),
    (50020, "invalid_grant", "another organisation", "with an account of `tenant`"),
    (50105, "invalid_grant", "for some people only", "Users and groups"),
    (50076, "interaction_required", "a second factor is wanted", "syncd auth anna"),
    (50079, "interaction_required", "must be set up", "mysecurityinfo"),
    (53000, "interaction_required", "a device that the organisation manages", "Conditional Access"),
    (53003, "access_denied", "Conditional Access forbids", "without --no-browser"),
    (530035, "access_denied", "security defaults", "browser"),
    (53011, "access_denied", "at risk", "Risky users"),
    (65001, "consent_required", "nobody has agreed", "syncd auth anna"),
    (65004, "access_denied", "declined", "syncd auth anna"),
    (90094, "consent_required", "an admin must agree first", "Grant admin consent"),
    (50173, "invalid_grant", "revoked", "syncd auth anna"),
    (50132, "invalid_grant", "password was changed", "syncd auth anna"),
    (700082, "invalid_grant", "not used for too long", "syncd auth anna"),
    (70043, "invalid_grant", "sign in more often", "syncd auth anna"),
]
OF_ANY = [
    (700016, "unauthorized_client", "no app with this client_id", "`client_id`"),
    (7000112, "unauthorized_client", "the app is disabled", "Enabled for users to sign in"),
    (7000215, "invalid_client", "the client secret is wrong", "value (not its id)"),
    (7000222, "invalid_client", "the client secret has expired", "make a new one"),
    (700027, "invalid_client", "the certificate was not accepted", "Certificates & secrets"),
    (700024, "invalid_client", "this machine's clock is wrong", "timedatectl"),
    (7000218, "invalid_client", "without a secret", "Allow public client flows"),
    (50011, "invalid_request", "back to this machine", "http://localhost"),
    (90002, "invalid_request", "no such tenant", "`tenant`"),
    (90038, "invalid_request", "this cloud", "`authority` and `endpoint`"),
    (500011, "invalid_resource", "does not know the service", "`endpoint`"),
    (650057, "invalid_resource", "does not name what is asked for", "API permissions"),
]


def _refused(world: GraphWorld, refusal: Refusal, kind: type[SyncError]) -> SyncError:
    world.cloud.login.tokens.clear()
    world.cloud.login.always = refusal
    with pytest.raises(kind) as raised:
        world.account().streams()
    return raised.value


@pytest.mark.parametrize(("number", "error", "cause", "cure"), OF_A_PERSON)
def test_what_a_person_can_mend_says_who_it_is_and_asks_to_sign_in_again(
    world: GraphWorld, number: int, error: str, cause: str, cure: str
) -> None:
    world.as_person()
    found = _refused(world, Refusal(400, error, number, "Words that Microsoft may change."), ReauthNeeded)
    assert str(found).startswith("Microsoft does not let anna@example.com sign in: ")
    assert cause in str(found)
    assert f"(AADSTS{number})" in str(found)
    assert cure in found.cure


@pytest.mark.parametrize(("number", "error", "cause", "cure"), OF_ANY)
def test_what_an_admin_can_mend_names_the_app_the_cause_and_the_console(
    world: GraphWorld, number: int, error: str, cause: str, cure: str
) -> None:
    world.account().streams()
    found = _refused(world, Refusal(400, error, number, "Words that Microsoft may change."), Permanent)
    assert str(found).startswith(f"Microsoft does not let the app {CLIENT} sign in: ")
    assert cause in str(found)
    assert f"(AADSTS{number})" in str(found)
    assert cure in found.cure


def test_no_two_causes_are_told_in_the_same_words(world: GraphWorld) -> None:
    causes = [cause for _, _, cause, _ in (*OF_A_PERSON, *OF_ANY)]
    assert len(set(causes)) == len(causes)


def test_an_app_that_a_policy_shuts_out_is_not_told_to_sign_in_as_a_person(world: GraphWorld) -> None:
    world.account().streams()
    found = _refused(world, Refusal(400, "access_denied", 53003, "Blocked by Conditional Access."), Permanent)
    assert "syncd auth" not in found.cure
    assert "workload identities" in found.cure
    assert found.cure.endswith("then syncd check anna")


def test_a_cause_that_nobody_listed_is_told_in_microsoft_s_words_without_its_ids(world: GraphWorld) -> None:
    world.as_person()
    found = _refused(world, Refusal(400, "invalid_grant", 99999, "Something that is new."), ReauthNeeded)
    assert str(found).endswith("sign in: Something that is new (AADSTS99999)")
    assert found.cure == "syncd auth anna"


@pytest.mark.parametrize(
    ("error", "number", "cause"),
    [
        ("authorization_declined", 70018, "declined"),
        ("expired_token", 70019, "not used in time"),
        ("access_denied", 50105, "for some people only"),
    ],
)
def test_a_code_that_leads_nowhere_says_why_and_keeps_nothing(
    world: GraphWorld, error: str, number: int, cause: str
) -> None:
    world.cloud.login.refusals = [Refusal(400, error, number, "No.")]
    with pytest.raises(ReauthNeeded, match=cause) as raised:
        world.as_person()
    assert "syncd auth anna" in raised.value.cure
    assert world.tokens.text == ""


def test_who_presses_cancel_in_the_browser_is_told_so_and_nothing_is_kept(world: GraphWorld) -> None:
    world.settings = replace(world.settings, sign_in="user")
    world.cloud.login.declines = True
    with pytest.raises(ReauthNeeded, match="declined") as raised:
        sign_in(world.settings, world.context(), world.person)
    for visit in world.person.visits:
        visit.join()
    assert raised.value.cure == "syncd auth anna"
    assert world.tokens.text == ""


def test_a_host_that_is_not_there_is_named_by_the_setting_that_says_it(world: GraphWorld) -> None:
    there = world.settings
    world.settings = replace(there, authority="https://login.nowhere.invalid")
    with pytest.raises(Retryable) as raised:
        world.account().streams()
    assert "`authority`" in raised.value.cure
    world.settings = replace(there, endpoint="https://graph.nowhere.invalid")
    with pytest.raises(Retryable) as raised:
        world.account().streams()
    assert "`endpoint`" in raised.value.cure
