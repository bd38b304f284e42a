"""Signing in to Google: each way in, and each refusal in words that tell the admin what to do."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from connectors.google_sign_in import HEADERS, MAIL
from syncd.errors import Permanent, ReauthNeeded, Retryable, SyncError
from syncd.model import Level
from tests.connectors.google_worlds import USER, GmailWorld
from tests.servers import google_errors as errors
from tests.servers.fake_google import Cut, FakeGoogle, Fault
from tests.servers.fake_google_oauth import invalid_grant, private_key


@pytest.fixture
def world(google: FakeGoogle) -> GmailWorld:
    return GmailWorld(google)


def refusal(world: GmailWorld) -> SyncError:
    with pytest.raises(SyncError) as raised:
        world.account().streams()
    assert raised.value.cure
    assert "1//refresh" not in f"{raised.value} {raised.value.cure}"
    return raised.value


# -------------------------------------------------------------------------------------------------- a service account


def test_a_service_account_acts_for_the_user_with_no_more_than_the_scope_it_needs(world: GmailWorld) -> None:
    world.use_service_account(MAIL)
    world.add(1)
    assert len(world.follow(None)[0].items) == 1
    assert {access.scopes for access in world.fake.oauth.accesses.values()} == {frozenset({MAIL})}
    assert {access.user for access in world.fake.oauth.accesses.values()} == {USER}


def test_a_mailbox_of_which_only_metadata_may_be_stored_asks_for_headers_only(world: GmailWorld) -> None:
    world.use_service_account(HEADERS)
    world.level = Level.METADATA
    world.add(1)
    assert len(world.follow(None)[0].items) == 1


def test_a_scope_that_is_not_delegated_is_named_with_the_client_id_and_the_page(world: GmailWorld) -> None:
    world.use_service_account(HEADERS)
    error = refusal(world)
    assert isinstance(error, Permanent)
    assert f"the domain of {USER} has not delegated gmail.readonly" in str(error)
    assert MAIL in error.cure
    assert world.fake.oauth.service_account.client_id in error.cure
    assert "admin.google.com" in error.cure


@pytest.mark.parametrize(("skew", "told"), [(7200.0, "120 minutes ahead"), (-7200.0, "120 minutes behind")])
def test_a_wrong_clock_is_told_and_how_wrong_it_is(world: GmailWorld, skew: float, told: str) -> None:
    world.use_service_account(MAIL)
    world.skew = skew
    error = refusal(world)
    assert isinstance(error, Permanent)
    assert "clock" in str(error)
    assert told in str(error)


def test_a_key_that_was_deleted_is_told_from_a_user_who_is_none(world: GmailWorld) -> None:
    world.use_service_account(MAIL)
    world.fake.oauth.service_account.key = private_key(2)
    assert "key" in refusal(world).cure
    world.use_service_account(MAIL)
    world.settings = replace(world.settings, user="nobody@example.com")
    error = refusal(world)
    assert "nobody@example.com" in str(error)
    assert isinstance(error, Permanent)


def test_one_token_lasts_for_many_passes_and_is_renewed_before_its_end(world: GmailWorld) -> None:
    world.use_service_account(MAIL)
    account = world.account()
    for _ in range(3):
        world.stream(account).read([], text=False)
        list(world.stream(account).changes(None))
    assert len(world.fake.forms) == 1
    world.fake.clock.sleep(timedelta(minutes=59).total_seconds())
    list(world.stream(account).changes(None))
    assert len(world.fake.forms) == 2


# ------------------------------------------------------------------------------------------------ an owner's consent


def consent(world: GmailWorld) -> str:
    (token,) = world.fake.oauth.grants
    return token


def test_the_newest_refresh_token_is_kept_before_it_is_used(world: GmailWorld) -> None:
    world.fake.oauth.rotates = True
    first = consent(world)
    world.account().streams()
    assert first not in world.tokens.load()
    world.account().streams()
    assert consent(world) in world.tokens.load()


def test_a_token_that_someone_else_renewed_meanwhile_is_used(world: GmailWorld) -> None:
    """Two processes (the daemon, and `syncd check`) hold the same consent."""
    kept = world.tokens.load()
    world.fake.oauth.rotates = True
    world.account().streams()
    newest = world.tokens.load()
    reads = [kept, newest]
    world.tokens = Changing(newest, reads)
    assert world.account().streams()


@dataclass
class Changing:
    """Tokens that another process saved between two looks at them."""

    text: str
    reads: list[str] = field(default_factory=list)

    def load(self) -> str:
        return self.reads.pop(0) if self.reads else self.text

    def save(self, text: str) -> None:
        self.text = text


def test_nobody_having_signed_in_yet_says_what_to_type(world: GmailWorld) -> None:
    world.tokens.save("")
    error = refusal(world)
    assert isinstance(error, ReauthNeeded)
    assert "syncd auth anna" in error.cure


@pytest.mark.parametrize(
    ("told", "word"),
    [
        (invalid_grant("Token has been expired or revoked."), "removed"),
        (invalid_grant("Bad Request"), "password"),
        (invalid_grant("Account has been deleted"), "no longer takes"),
        (invalid_grant("reauth related error (invalid_rapt)", "invalid_rapt"), "session control"),
    ],
)
def test_a_consent_that_is_over_asks_for_another_one_and_says_why(
    world: GmailWorld, told: tuple[str, str, str], word: str
) -> None:
    world.fake.oauth.grants[consent(world)].refusal = told
    error = refusal(world)
    assert isinstance(error, ReauthNeeded)
    assert word in str(error)
    assert "syncd auth anna" in error.cure


def test_a_consent_to_an_app_in_testing_that_ended_is_told_as_that(world: GmailWorld) -> None:
    held = json.loads(world.tokens.load())
    world.tokens.save(json.dumps({**held, "ends_at": world.now().isoformat()}))
    world.fake.clock.sleep(timedelta(hours=1).total_seconds())
    world.fake.oauth.grants.clear()
    error = refusal(world)
    assert isinstance(error, ReauthNeeded)
    assert "Testing" in str(error)
    assert "publish" in error.cure


@pytest.mark.parametrize(
    ("told", "word"),
    [
        (("invalid_client", "The OAuth client was not found.", ""), "OAuth client"),
        (("deleted_client", "The OAuth client was deleted.", ""), "OAuth client"),
        (("admin_policy_enforced", "", ""), "policy"),
        (("unauthorized_client", "Unauthorized", ""), "client"),
    ],
)
def test_a_refusal_of_the_app_is_the_admins_to_mend(world: GmailWorld, told: tuple[str, str, str], word: str) -> None:
    world.fake.oauth.grants[consent(world)].refusal = told
    error = refusal(world)
    assert isinstance(error, Permanent)
    assert word in str(error)


def test_another_secret_than_the_one_that_was_signed_in_to_is_told(world: GmailWorld) -> None:
    world.fake.oauth.client_id = "456-other.apps.googleusercontent.com"
    world.secret = world.fake.oauth.client_file(f"{world.fake.url}/token")
    assert "another OAuth client" in str(refusal(world))


@pytest.mark.parametrize("fault", [Cut(), Cut(60), b"{", errors.BACKEND, errors.UNAVAILABLE, errors.too_fast(code=429)])
def test_a_sign_in_that_cannot_be_reached_is_no_dead_consent(world: GmailWorld, fault: Fault) -> None:
    world.fake.token_fault = fault
    kept = world.tokens.load()
    assert isinstance(refusal(world), Retryable)
    assert world.tokens.load() == kept
    world.fake.token_fault = None
    assert world.account().streams()


def test_a_sign_in_that_asks_to_wait_is_left_alone_for_as_long(world: GmailWorld) -> None:
    world.fake.token_fault = errors.too_fast(code=429, after="90")
    error = refusal(world)
    assert isinstance(error, Retryable)
    assert error.retry_after == timedelta(seconds=90)
    assert len(world.fake.forms) == 1


def test_a_box_that_was_not_ticked_is_named(world: GmailWorld) -> None:
    world.sign_in("https://www.googleapis.com/auth/calendar.events.readonly")
    error = refusal(world)
    assert isinstance(error, ReauthNeeded)
    assert "gmail.readonly" in str(error)
    assert "tick" in error.cure


def test_a_wider_scope_than_is_needed_is_enough(world: GmailWorld) -> None:
    world.sign_in("https://mail.google.com/")
    assert world.account().streams()


def test_a_token_that_google_no_longer_takes_is_renewed_once_and_then_it_is_the_owners(world: GmailWorld) -> None:
    account = world.account()
    account.streams()
    world.fake.oauth.accesses.clear()
    assert list(account.streams()[0].changes(None))
    world.fake.plan = lambda call: errors.UNAUTHENTICATED
    assert isinstance(refusal(world), ReauthNeeded)


# ------------------------------------------------------------------------------------------ what Google says later on


@pytest.mark.parametrize(
    ("told", "kind", "word", "cure"),
    [
        (errors.not_enabled("gmail"), Permanent, "not enabled", "https://console.developers.google.com/apis/api/gmail"),
        (errors.scope_insufficient("gmail"), ReauthNeeded, "may not use", "syncd auth anna"),
        (errors.DOMAIN_POLICY, Permanent, "policy", "API controls"),
        (errors.MAIL_NOT_ENABLED, Permanent, "Mail service not enabled", "licence"),
        (errors.NO_Q, ReauthNeeded, "headers only", "permissions"),
        (errors.delegation_denied(USER), Permanent, "Delegation denied", "user"),
        (errors.DAILY_LIMIT, Retryable, "Daily Limit", "quota"),
    ],
)
def test_each_refusal_of_the_api_has_its_own_words(
    world: GmailWorld, told: errors.Refusal, kind: type[SyncError], word: str, cure: str
) -> None:
    world.fake.plan = lambda call: told
    error = refusal(world)
    assert isinstance(error, kind)
    assert word in str(error)
    assert cure in error.cure


def test_the_daily_limit_is_over_at_midnight_pacific_time(world: GmailWorld) -> None:
    world.fake.plan = lambda call: errors.DAILY_LIMIT
    error = refusal(world)
    assert isinstance(error, Retryable)
    assert error.retry_after == timedelta(hours=20)  # it is noon in London, and four in the morning there


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (errors.too_fast(code=429, after="90"), 90),
        (errors.too_fast(code=403, after="90"), 90),
        (errors.too_fast(code=429, after="Fri, 20 Nov 2026 12:01:30 GMT"), 90),
        (errors.too_fast(code=429, until="2026-11-20T12:01:30.000Z"), 90),
        (errors.too_fast(code=403, until="2026-11-20T11:00:00.000Z"), 0),
        (errors.too_fast(code=429, after="999999999"), 86400),
    ],
)
def test_the_time_that_google_asks_to_wait_is_understood_wherever_it_stands(
    world: GmailWorld, told: errors.Refusal, seconds: int
) -> None:
    world.fake.plan = lambda call: told
    error = refusal(world)
    assert isinstance(error, Retryable)
    assert error.retry_after == timedelta(seconds=seconds)


def test_another_mailbox_that_answers_is_refused_by_name(world: GmailWorld) -> None:
    token = world.fake.oauth.grant("ben@example.com", MAIL)
    world.tokens.save(json.dumps({"refresh_token": token, "client_id": world.fake.oauth.client_id}))
    error = refusal(world)
    assert isinstance(error, Permanent)
    assert "ben@example.com" in str(error)
    assert USER in str(error)


@pytest.mark.parametrize("secret", ["", "hunter2", "{}", "[]", '{"installed": {}}', '{"type": "service_account"}'])
def test_a_secret_that_opens_nothing_is_told_without_being_repeated(world: GmailWorld, secret: str) -> None:
    world.secret = secret
    error = refusal(world)
    assert isinstance(error, Permanent)
    assert "JSON" in str(error)
    assert "hunter2" not in f"{error}{error.cure}{error.__cause__}{error.__context__}"
