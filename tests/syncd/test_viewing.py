"""`--as USER`: the doors as a colleague may use them, who is known by an address of the configuration or directory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.dovecot import Dovecot
from tests.syncd.doors import Office, Ran, mail, mailbox

HIDDEN = "CANARY"


@dataclass
class Shared(Office):
    anna: str = ""
    ben: str = ""


@pytest.fixture
def office(tmp_path: Path, dovecot: Dovecot) -> Shared:
    """Anna's mailbox, with a mail of Jane that was closed and one that was not, and Ben's, with one of a stranger."""
    anna, ben = dovecot.new_user(), dovecot.new_user()
    made = Shared(tmp_path, anna=anna, ben=ben)
    closed = mail("jane@acme.example", anna, f"{HIDDEN} one", minute=1, message_id="closed@acme.example")
    dovecot.append(anna, [closed, mail("jane@acme.example", anna, "An offer", minute=2)])
    dovecot.append(ben, [mail("stranger@nowhere.example", ben, minute=3, message_id="3@nowhere.example")])
    made.write("anna.secret", dovecot.password)
    made.write("people.csv", "id,name,email\n1,Jane Doe,jane@acme.example\n")
    made.configure(mailbox(dovecot, anna), mailbox(dovecot, ben, name="ben"))
    made.syncd("contacts", "import", "people.csv")
    assert made.process("once").code == 0
    assert made.syncd("close", activity(made, "<closed@acme.example>")).code == 0
    return made


def activity(office: Shared, message_id: str) -> str:
    return str(json.loads(office.syncd("why", message_id, "--json").out)[0]["activity_id"])


def told(office: Shared, user: str) -> list[object]:
    """The subjects on Jane's timeline, by how it is shown to that user."""
    done = office.syncd("timeline", "Jane Doe", "--json", "--as", user)
    assert done.code == 0, done.err
    return [each["subject"] for each in json.loads(done.out)["activities"]]


def test_what_an_owner_closed_is_on_the_owners_timeline_and_on_nobody_elses(office: Shared) -> None:
    assert told(office, office.anna) == ["An offer", None]
    assert told(office, office.ben) == ["An offer"]


@pytest.mark.parametrize(("visibility", "seen"), [("everyone", 1), ("team", 0), ("participants", 0)])
def test_the_organisation_says_who_sees_the_rest(office: Shared, visibility: str, seen: int) -> None:
    configured(office, f'visibility = "{visibility}"')
    assert len(told(office, office.ben)) == seen
    assert len(told(office, office.anna)) == 2


def test_a_team_of_the_directory_sees_what_concerns_one_of_them(office: Shared) -> None:
    configured(office, 'visibility = "team"')
    anna, ben = office.anna, office.ben
    office.write("users.csv", f"id,name,email,team\nu1,Anna,{anna},north\nu2,Ben,{ben},north\n")
    assert office.syncd("contacts", "import", "users.csv", "--kind", "users").code == 0
    assert told(office, "u2") == told(office, ben) == ["An offer"]


def test_an_alias_is_its_owner_and_a_member_shares_what_the_mailbox_saw(office: Shared) -> None:
    anna, ben = office.anna, office.ben
    text = office.config.read_text().replace(
        'name = "anna"', f'name = "anna"\naliases = ["anna.alias@example.org"]\nmembers = ["{ben}"]'
    )
    office.config.write_text(text)
    assert told(office, "Anna.Alias@example.org") == told(office, anna) == told(office, ben) == ["An offer", None]


def configured(office: Shared, line: str) -> None:
    text = office.config.read_text()
    office.config.write_text(text.replace("[organisation]\n", f"[organisation]\n{line}\n"))


def test_who_is_not_known_is_refused_and_sees_nothing(office: Shared) -> None:
    for user in ("", " ", "jane@acme.example", "nobody", "1", "nobody@example.com"):
        for door in ("status", "timeline 1", "why x", "export jane@acme.example"):
            done = office.syncd(*door.split(), "--as", user)
            assert (done.code, done.out) == (2, "")
            assert "none of your own is known as" in done.err


def test_what_is_hidden_is_answered_as_what_never_was(office: Shared) -> None:
    ben = office.ben

    def asked(*words: str) -> Ran:
        return office.syncd(*words, "--as", ben)

    own = activity(office, "<closed@acme.example>")
    for hidden, never in ((own, own[:-4] + "0000"), ("<closed@acme.example>", "<never@acme.example>")):
        there, not_there = asked("why", hidden), asked("why", never)
        assert there.code == not_there.code == 1
        assert there.out.replace(hidden, never) == not_there.out
    assert asked("why", "<3@nowhere.example>").code == 0, "of his own mailbox he is told"
    assert office.syncd("why", "<3@nowhere.example>", "--as", office.anna).code == 1


def test_a_viewer_is_shown_the_health_of_their_own_mailboxes(office: Shared) -> None:
    shown = json.loads(office.syncd("status", "--json", "--as", office.ben).out)
    assert [each["name"] for each in shown["mailboxes"]] == ["ben"]


def test_an_export_for_a_viewer_holds_what_they_may_see(office: Shared) -> None:
    def exported(user: str) -> list[str]:
        lines = office.syncd("export", "jane@acme.example", "--as", user).out.splitlines()
        return [row["subject"] for row in map(json.loads, lines) if row["type"] == "activity"]

    assert exported(office.ben) == ["An offer"]
    assert sorted(map(str, exported(office.anna))) == ["An offer", "None"]
