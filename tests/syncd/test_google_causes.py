"""Why a Google mailbox is not read: each cause has its own words in `check`, `once` and `status`, and what to type."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.google_calendar import CalendarSource
from connectors.google_sign_in import MAIL
from connectors.google_tasks import TaskSource
from tests.servers.fake_google import FakeGoogle
from tests.syncd.doors import Office
from tests.syncd.test_google import CARL, CONTACTS, LETTER, block, sign_in

ALL = frozenset({MAIL, *CalendarSource.scopes, *TaskSource.scopes})
Cause = Callable[[Office, FakeGoogle], None]


@pytest.fixture
def office(tmp_path: Path, google: FakeGoogle) -> Office:
    google.clock.now = time.time()  # a process reads its own
    google.mailbox(CARL).deliver(LETTER)
    google.calendar(CARL)
    google.task_list(CARL)
    office = Office(tmp_path)
    office.write("contacts.csv", "id,name,email\nzoe,Zoe,zoe@client.example\n")
    office.write("google.json", google.oauth.client_file(f"{google.url}/token"))
    office.configure(block(google), extra=CONTACTS)
    return office


def by_service_account(office: Office, google: FakeGoogle, *scopes: str) -> None:
    google.oauth.service_account.allowed = frozenset(scopes)
    office.write("google.json", google.oauth.service_account.key_file(f"{google.url}/token"))


def an_app_in_testing(office: Office, google: FakeGoogle) -> None:
    google.oauth.testing = True
    google.oauth.lasts_in_testing = 60  # for a process that cannot be told that a week has passed
    sign_in(office, google)
    google.clock.now += 61


def unticked(office: Office, google: FakeGoogle) -> None:
    sign_in(office, google, ticked=ALL - CalendarSource.scopes)


def not_enabled(office: Office, google: FakeGoogle) -> None:
    sign_in(office, google)
    google.disabled.add("gmail")


def not_delegated(office: Office, google: FakeGoogle) -> None:
    by_service_account(office, google, *TaskSource.scopes)


def wrong_clock(office: Office, google: FakeGoogle) -> None:
    by_service_account(office, google, *ALL)
    google.clock.now += 7200


def revoked(office: Office, google: FakeGoogle) -> None:
    sign_in(office, google)
    google.oauth.grants.clear()


@pytest.mark.parametrize(
    ("cause", "words", "cure"),
    [
        (
            an_app_in_testing,
            ": the app is in Testing, where it lasts seven days",
            "auth/audience), then: syncd auth carl",
        ),
        (unticked, f"{CARL} has not allowed calendar.calendarlist.readonly", "syncd auth carl (and leave every box"),
        (
            not_enabled,
            "the Gmail API is not enabled",
            "enable it: https://console.developers.google.com/apis/api/gmail",
        ),
        (not_delegated, f"the domain of {CARL} has not delegated gmail.readonly", "let the client id 111222333444555"),
        (wrong_clock, "this machine's clock is wrong (", "timedatectl set-ntp true"),
        (revoked, f"Google no longer takes {CARL}'s consent", "syncd auth carl"),
    ],
)
def test_each_cause_has_its_words_and_its_cure_at_every_door(
    office: Office, google: FakeGoogle, cause: Cause, words: str, cure: str
) -> None:
    cause(office, google)
    doors = [office.syncd("check"), office.process("once"), office.syncd("status")]
    for ran in doors:
        assert ran.code == 1
        assert "carl" in ran.out
        assert words in ran.out
        assert cure in ran.out
