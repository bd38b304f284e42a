"""Whatever a person does by hand leaves one entry in the trail, and `syncd db verify` finds what is not whole."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from tests.syncd.doors import Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    made = Office(tmp_path, {"SUDO_USER": "", "LOGNAME": "anna"})
    made.write("people.csv", "id,name,email\n1,Jane Doe,jane@acme.example\n")
    made.syncd("contacts", "import", "people.csv")
    return made


def told(office: Office) -> list[tuple[str, str, str, dict[str, object]]]:
    """Oldest first: who, door, action, detail."""
    found = json.loads(office.syncd("trail", "--json").out)
    deeds = [each["deed"] for each in reversed(found)]
    return [(each["who"], each["door"], each["action"], each["detail"]) for each in deeds]


def noted(office: Office) -> str:
    """Log a call; its id."""
    call = ("log", "call", "--by", "anna@example.com", "--contact", "1", "--json")
    return str(json.loads(office.syncd(*call).out)["id"])


def test_every_verb_that_changes_something_leaves_one_entry(office: Office) -> None:
    own = noted(office)
    office.syncd("link", own, "--contact", "1", "--remove")
    office.syncd("link", own, "--contact", "1")
    office.syncd("db", "rotate-key")
    office.syncd("db", "rotate-key", "--forget")
    assert office.syncd("db", "backup", "backup.db").code == 0
    office.syncd("db", "restore", "backup.db", "--force")
    assert told(office) == [
        ("anna", "cli", "import", {"accounts": 0, "contacts": 1, "opportunities": 0, "users": 0}),
        ("anna", "cli", "log", {"kind": "call"}),
        ("anna", "cli", "unlinked", {"kind": "contact", "id": "1"}),
        ("anna", "cli", "linked", {"kind": "contact", "id": "1"}),
        ("anna", "cli", "rotate-key", {"tokens": 0}),
        ("anna", "cli", "forget-tokens", {"tokens": 0}),
        ("anna", "cli", "restore", {}),
    ]


def test_what_is_refused_or_only_tried_leaves_none(office: Office) -> None:
    before = told(office)
    office.syncd("contacts", "import", "people.csv", "--dry-run")
    assert office.syncd("link", "no-such-id", "--contact", "1").code == 2
    for reading in (("status",), ("contacts", "list"), ("timeline", "1"), ("db", "verify")):
        office.syncd(*reading)
    assert told(office) == before


def test_the_person_behind_sudo_is_named(office: Office) -> None:
    office.environment = {"SUDO_USER": "ben", "LOGNAME": "root"}
    noted(office)
    assert told(office)[-1][0] == "ben"


def test_why_and_the_trail_say_what_was_done_to_one_activity(office: Office) -> None:
    own = noted(office)
    noted(office)
    office.syncd("link", own, "--contact", "1", "--remove")
    assert [line.split()[2:6] for line in office.syncd("trail", own).out.splitlines()[1:]] == [
        ["anna", "cli", "unlinked", own],
        ["anna", "cli", "log", own],
    ]
    assert "unlinked by anna, cli" in office.syncd("why", own).out


def test_verify_passes_a_store_that_is_whole_and_names_its_last_hash(office: Office) -> None:
    done = office.syncd("db", "verify", "--json")
    assert done.code == 0, done.out
    head = json.loads(done.out)["trail"]["head"]
    noted(office)
    assert office.syncd("db", "verify", "--head", head.upper()).code == 0
    assert "cut off" in office.syncd("db", "verify", "--head", "ab" * 32).out


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("DROP TRIGGER trail_DELETE; DELETE FROM trail WHERE sequence = 1", "the trail: entry 1 is not there"),
        ("DELETE FROM activity", "1 links belong to no activity"),
        ("UPDATE activity SET level = 1, text = 'Hello'", "1 activities hold more than their level allows"),
        ("UPDATE activity SET source = 'mail'", "1 activities were seen in no mailbox"),
    ],
)
def test_verify_names_what_is_wrong_and_exits_with_1(office: Office, damage: str, said: str) -> None:
    noted(office)
    with sqlite3.connect(office.folder / "syncd.db") as connection:
        connection.executescript(damage)
    connection.close()
    done = office.syncd("db", "verify")
    assert done.code == 1
    assert said in done.out


@pytest.mark.parametrize("command", ["trail", "db verify"])
def test_every_command_has_help_with_an_example(office: Office, command: str) -> None:
    assert f"Example: syncd {command}" in office.syncd(*command.split(), "--help").out
