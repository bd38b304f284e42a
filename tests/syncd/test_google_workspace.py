"""All users of a Google Workspace by one service account: who they are, what they share, why they cannot be listed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from connectors.google_calendar import CalendarSource
from connectors.google_directory import SCOPE as DIRECTORY
from connectors.google_sign_in import MAIL
from connectors.google_tasks import TaskSource
from tests.servers.fake_google import FakeGoogle
from tests.syncd.doors import Office
from tests.syncd.test_google import CARL, CONTACTS, LETTER


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = Office(tmp_path)
    office.write("contacts.csv", "id,name,email\nzoe,Zoe,zoe@client.example\n")
    return office


DOMAIN = (
    '[[mailboxes]]\nname = "office"\nkind = "google"\ndomain = "example.com"\nuser = "admin@example.com"\n'
    'backfill = "9000d"\nsecret = "file:key.json"\nendpoint = "{url}"\n'
)


def by_service_account(office: Office, google: FakeGoogle, *users: str) -> None:
    """A Workspace with these users, and an admin who delegated what is needed."""
    google.clock.now = time.time()  # a process reads its own
    google.oauth.users.add("admin@example.com")
    google.admins.add("admin@example.com")
    google.directory = [{"primaryEmail": user, "suspended": False, "isMailboxSetup": True} for user in users]
    google.oauth.service_account.allowed = frozenset({MAIL, DIRECTORY, *CalendarSource.scopes, *TaskSource.scopes})
    office.write("key.json", google.oauth.service_account.key_file(f"{google.url}/token"))
    office.configure(DOMAIN.format(url=google.url), extra=CONTACTS)


def test_several_processes_share_what_the_project_may_spend(office: Office, google: FakeGoogle) -> None:
    """Alone, a process may ask for fifty messages at once here; of two, each for half as many."""
    by_service_account(office, google, CARL, "dora@example.com")
    quota = "units_per_minute = 70000\nunits_per_message = 100\nproject_units_per_minute = 35000\n"
    office.configure(DOMAIN.format(url=google.url) + quota + 'read = ["mail"]\n', extra=CONTACTS)
    for user in (CARL, "dora@example.com"):
        for number in range(26):
            google.mailbox(user).deliver(LETTER.replace(b"offer@", b"offer-%d@" % number))
    read = (
        "from pathlib import Path; from syncd.config import load; from syncd.membership import complete; "
        f"from syncd.once import once; found = once(complete(load(Path({str(office.config)!r}))), [], "
        "progress=lambda saved: None, processes=2); print(*(each.state.state for each in found.values()))"
    )
    ran = subprocess.run([sys.executable, "-c", read], capture_output=True, text=True, check=True)
    assert ran.stdout == "ok ok\n"
    assert google.batches == [25, 25]


def test_every_user_of_a_domain_is_read_by_a_service_account(office: Office, google: FakeGoogle) -> None:
    by_service_account(office, google, CARL, "dora@example.com", "gone@example.com")
    google.directory[2]["suspended"] = True
    for user in (CARL, "dora@example.com"):
        google.mailbox(user).deliver(LETTER)

    once = office.process("once", "--json")

    assert once.code == 0, once.err
    assert {each["mailbox"] for each in json.loads(once.out)} == {"office/carl@example.com", "office/dora@example.com"}
    assert len(json.loads(office.syncd("timeline", "zoe@client.example", "--json").out)["activities"]) == 1


def test_a_domain_that_cannot_be_listed_today_is_read_as_it_was(office: Office, google: FakeGoogle) -> None:
    by_service_account(office, google, CARL)
    google.mailbox(CARL)
    assert office.process("once").code == 0

    google.disabled.add("admin")
    google.mailbox(CARL).deliver(LETTER)
    assert office.process("once").code == 0
    assert "The offer" in office.syncd("timeline", "zoe@client.example").out


@pytest.mark.parametrize(
    ("domain", "is_admin", "disabled", "told", "cure"),
    [
        ("example.com", True, "admin", "Admin SDK API is not enabled", "https://console.developers.google.com"),
        (
            "example.com",
            False,
            "",
            "admin@example.com may not list the users of example.com",
            "write as `user` an admin",
        ),
        ("exmaple.com", True, "", "Google knows no domain exmaple.com", "as `domain`"),
    ],
)
def test_a_domain_that_could_never_be_listed_says_why(
    office: Office, google: FakeGoogle, domain: str, is_admin: bool, disabled: str, told: str, cure: str
) -> None:
    by_service_account(office, google, CARL)
    office.configure(DOMAIN.format(url=google.url).replace('"example.com"', f'"{domain}"'), extra=CONTACTS)
    google.disabled.add(disabled)
    if not is_admin:
        google.admins.clear()
    ran = office.process("check")
    assert ran.code == 1
    assert told in ran.err
    assert cure in ran.err
