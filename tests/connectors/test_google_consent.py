"""The consent of a Google account's owner: by a browser here or elsewhere, and whatever may go wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from threading import Thread
from typing import Literal
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest

from connectors import KINDS
from connectors.google_calendar import CalendarSource
from connectors.google_sign_in import MAIL
from connectors.google_tasks import TaskSource
from connectors.oauth import PASTED_REDIRECT, Consent
from syncd.errors import Permanent, ReauthNeeded, SyncError
from syncd.model import Level
from tests.connectors.google_worlds import USER, GmailWorld
from tests.servers.fake_google import FakeGoogle


@pytest.fixture
def world(google: FakeGoogle) -> GmailWorld:
    return GmailWorld(google)


@dataclass
class Owner:
    """Who signs in; a browser that agrees to what it is shown."""

    google: FakeGoogle
    has_browser: bool = True
    user: str = USER
    ticked: frozenset[str] | None = None
    tamper: str = ""
    shown: list[str] = field(default_factory=list)
    windows: list[str] = field(default_factory=list)
    threads: list[Thread] = field(default_factory=list)

    def open(self, address: str) -> None:
        self.shown.append(address)
        if self.has_browser:
            self.threads.append(Thread(target=self._browse, args=(self._agreed(address),)))
            self.threads[-1].start()

    def say(self, text: str) -> None:
        self.shown.append(text)

    def paste(self) -> str:
        return self.tamper or self._agreed(self.shown[0]) + "\n"

    def _agreed(self, address: str) -> str:
        return self.google.oauth.consent(parse_qs(urlsplit(address).query), self.user, self.ticked)

    def _browse(self, back: str) -> None:
        stranger = back.partition("?")[0] + "?state=wrong&code=stolen"
        for url in (stranger, back):
            try:
                with urlopen(url, timeout=5) as page:
                    self.windows.append(page.read().decode())
            except OSError as error:
                self.windows.append(str(error))
                getattr(error, "close", lambda: None)()


@pytest.fixture
def owner(google: FakeGoogle) -> Iterator[Owner]:
    owner = Owner(google)
    yield owner
    for thread in owner.threads:
        thread.join()


def sign_in(world: GmailWorld, owner: Owner) -> Consent:
    return KINDS["google"].sign_in(world.settings, world.context, owner)


@pytest.mark.parametrize("has_browser", [True, False])
def test_the_owner_signs_in_by_a_browser_here_or_elsewhere(world: GmailWorld, owner: Owner, has_browser: bool) -> None:
    world.tokens.save("")
    owner.has_browser = has_browser
    done = sign_in(world, owner)
    assert done == Consent(USER, ("gmail.readonly",))
    asked = parse_qs(urlsplit(owner.shown[0]).query)
    assert asked["scope"] == [MAIL]
    assert asked["access_type"] == ["offline"]
    assert urlsplit(asked["redirect_uri"][0]).hostname == "127.0.0.1"
    assert (asked["redirect_uri"] == [PASTED_REDIRECT]) is not has_browser
    assert world.account().streams()


def test_who_comes_to_the_port_without_the_state_is_passed_over(world: GmailWorld, owner: Owner) -> None:
    sign_in(world, owner)
    for thread in owner.threads:
        thread.join()
    assert "404" in owner.windows[0]
    assert "syncd has your answer" in owner.windows[1]


def test_a_metadata_mailbox_asks_its_owner_for_headers_only(world: GmailWorld, owner: Owner) -> None:
    world.level = Level.METADATA
    assert sign_in(world, owner).allowed == ("gmail.metadata",)


@pytest.mark.parametrize(
    ("spoilt", "word"),
    [
        ({"ticked": frozenset({"openid"})}, "anna@example.com has not allowed gmail.readonly"),
        ({"user": "ben@example.com"}, "ben@example.com"),
        ({"tamper": "http://127.0.0.1:1/?state=x&code=4/abc"}, "another sign-in"),
        ({"tamper": "hello"}, "not the address"),
        ({"tamper": "http://127.0.0.1:1/?error=access_denied"}, "another sign-in"),
    ],
)
def test_a_sign_in_that_went_wrong_keeps_nothing(
    world: GmailWorld, owner: Owner, spoilt: dict[str, object], word: str
) -> None:
    kept = world.tokens.load()
    with pytest.raises(SyncError) as raised:
        sign_in(world, replace(owner, has_browser=False, **spoilt))  # type: ignore[arg-type]
    assert word in str(raised.value)
    assert raised.value.cure
    assert world.tokens.load() == kept


@pytest.mark.parametrize("read", ["calendar", "tasks"])
def test_another_account_is_found_out_without_mail_too_unless_google_tells_nothing(
    world: GmailWorld, owner: Owner, read: Literal["calendar", "tasks"]
) -> None:
    world.settings = replace(world.settings, read=(read,))
    world.fake.calendar("ben@example.com")
    stranger = replace(owner, has_browser=False, user="ben@example.com")
    if read == "tasks":
        sign_in(world, stranger)
        return
    with pytest.raises(Permanent, match=r"answers is ben@example\.com, not anna") as raised:
        sign_in(world, stranger)
    assert "syncd auth anna" in raised.value.cure


@pytest.mark.parametrize(("unticked", "told"), [("calendar", "no calendar is read"), ("tasks", "no task is read")])
def test_each_part_that_was_not_allowed_is_told_with_what_to_type(
    world: GmailWorld, owner: Owner, unticked: str, told: str
) -> None:
    world.settings = replace(world.settings, read=("mail", "calendar", "tasks"))
    ticked = {"calendar": TaskSource.scopes, "tasks": CalendarSource.scopes}[unticked] | {MAIL}
    (warning,) = sign_in(world, replace(owner, has_browser=False, ticked=ticked)).warnings
    assert told in warning
    assert f"syncd auth anna again, and leave every box ticked, or take {unticked} out" in warning


def test_an_owner_who_says_no_is_told_what_that_means(world: GmailWorld, owner: Owner) -> None:
    owner.has_browser = False

    class Refusing(Owner):
        def paste(self) -> str:
            state = parse_qs(urlsplit(self.shown[0]).query)["state"][0]
            return f"{PASTED_REDIRECT}?error=access_denied&state={state}"

    with pytest.raises(ReauthNeeded) as raised:
        sign_in(world, Refusing(owner.google, has_browser=False))
    assert "access_denied" in str(raised.value)
    assert "test users" in raised.value.cure


def test_a_consent_without_a_token_that_lasts_is_none(world: GmailWorld, owner: Owner) -> None:
    world.fake.oauth.withholds_refresh_token = True
    with pytest.raises(ReauthNeeded, match="lasts"):
        sign_in(world, owner)


def test_an_app_in_testing_is_warned_of_and_remembered(world: GmailWorld, owner: Owner) -> None:
    world.fake.oauth.testing = True
    (warning,) = sign_in(world, owner).warnings
    assert "7 days" in warning
    assert "Testing" in warning
    world.fake.clock.sleep(timedelta(days=7).total_seconds())
    with pytest.raises(ReauthNeeded, match="Testing"):
        world.account().streams()


def test_who_signs_in_once_more_gets_a_token_that_lasts_again(world: GmailWorld, owner: Owner) -> None:
    """Google gives none at a second consent, unless the owner was asked to consent anew."""
    sign_in(world, owner)
    before = world.tokens.load()
    sign_in(world, owner)
    assert world.tokens.load() != before
    world.fake.clock.sleep(timedelta(days=190).total_seconds())
    with pytest.raises(ReauthNeeded, match="unused for six months"):
        world.account().streams()


def test_a_service_account_has_nobody_sign_in(world: GmailWorld, owner: Owner) -> None:
    world.use_service_account(MAIL)
    with pytest.raises(Permanent, match="nobody has to sign in"):
        sign_in(world, owner)
