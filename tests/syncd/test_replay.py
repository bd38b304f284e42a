"""Changed rules over the past: the dry run says what the replay then does, and what a person linked stays."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from store.engine import connect
from tests.dump import Rows, dump
from tests.servers.dovecot import Dovecot
from tests.syncd.doors import Office, mail, mailbox, on_postgresql

PEOPLE = "id,name,email\n1,Jane Doe,jane@acme.example\n2,Bob,bob@acme.example\n3,Eva,eva@bank.example\n"


INVITATION = """From: jane@acme.example\r
To: {user}\r
Subject: Call\r
Date: Mon, 23 Nov 2026 11:00 +0000\r
Message-ID: <call@acme.example>\r
Content-Type: multipart/alternative; boundary=b\r
\r
--b\r
Content-Type: text/calendar; method=REQUEST\r
\r
BEGIN:VCALENDAR\r
METHOD:REQUEST\r
BEGIN:VEVENT\r
UID:call\r
DTSTAMP:20261123T110000Z\r
DTSTART:20261201T090000Z\r
DTEND:20261201T100000Z\r
SUMMARY:Merger\r
ORGANIZER:mailto:jane@acme.example\r
ATTENDEE:mailto:{user}\r
ATTENDEE:mailto:eva@bank.example\r
END:VEVENT\r
END:VCALENDAR\r
--b--\r
"""


class Desk:
    """One mailbox on a real server, whose rules a test changes."""

    def __init__(self, office: Office, dovecot: Dovecot) -> None:
        self.office, self.dovecot, self.user = office, dovecot, dovecot.new_user()
        senders = (
            "jane@acme.example",
            "jane@acme.example",
            "bob@acme.example",
            "eva@bank.example",
            "x@stranger.example",
        )
        letters = [mail(sender, self.user, f"Letter {minute}", minute=minute) for minute, sender in enumerate(senders)]
        dovecot.append(self.user, letters)
        office.write("anna.secret", dovecot.password)
        office.write("people.csv", PEOPLE)
        self.rules('level = "full"')
        office.syncd("contacts", "import", "people.csv")
        self.once()

    def rules(self, organisation: str, lines: str = "") -> None:
        self.office.configure(mailbox(self.dovecot, self.user, lines=lines), extra=organisation)

    def once(self) -> None:
        done = self.office.process("once")
        assert done.code == 0, done.out + done.err

    def replay(self, *arguments: str) -> tuple[dict[str, int], dict[str, object]]:
        """`was -> now`: how many; and the rest."""
        done = self.office.process("replay", "--json", *arguments)
        assert done.code == 0, done.out + done.err
        found = json.loads(done.out)
        (one,) = found["mailboxes"]
        changes = {f"{each['was']} -> {each['now']}": each["count"] for each in one["changes"]}
        return changes, {**one, "raised": found["raised"], "relinked": found["relinked"]}

    def subjects(self) -> list[str]:
        names = ("jane@acme.example", "bob@acme.example", "eva@bank.example")
        told = [json.loads(self.office.syncd("timeline", name, "--json").out) for name in names]
        return sorted({each["subject"] for one in told for each in one["activities"]})

    def dump(self) -> dict[str, Rows]:
        url = self.office.store.partition('"')[2].partition('"')[0]
        secret = self.office.environment.get("DB_PASSWORD")
        url = url.replace("sqlite:///", f"sqlite:///{self.office.folder}/").replace("syncd@", f"syncd:{secret}@")
        engine = connect(url)
        try:
            return dump(engine)
        finally:
            engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def desk(request: pytest.FixtureRequest, tmp_path: Path, dovecot: Dovecot) -> Iterator[Desk]:
    if request.param == "sqlite":
        yield Desk(Office(tmp_path), dovecot)
        return
    with on_postgresql(request.getfixturevalue("postgres"), tmp_path) as office:
        yield Desk(office, dovecot)


def test_under_the_same_rules_nothing_changes(desk: Desk) -> None:
    before = desk.dump()
    changes, rest = desk.replay()
    assert (changes, rest["closed"], rest["relinked"], rest["read"]) == ({}, 0, 0, 5)
    assert desk.dump() == before


def test_a_stricter_list_takes_out_and_a_looser_one_brings_back(desk: Desk) -> None:
    whole = desk.dump()
    desk.rules('level = "full"\nnever_log = ["@acme.example"]')
    planned = desk.replay("--dry-run")
    assert planned[0] == {"logged -> never_log": 3}
    assert desk.dump() == whole, "a dry run changes nothing"

    assert desk.replay()[0] == planned[0]
    assert desk.subjects() == ["Letter 3"]
    assert desk.replay()[0] == {}, "once"
    assert "skipped, never_log" in desk.office.syncd("why", "<0.jane@acme.example>").out

    desk.rules('level = "full"')
    assert desk.replay("--dry-run")[0] == {"never_log -> logged": 3}
    desk.replay()
    desk.once()
    assert desk.dump() == whole


def test_a_contact_at_a_domain_that_is_ones_own_now_is_a_colleague(desk: Desk) -> None:
    config = desk.office.config
    config.write_text(config.read_text().replace('["example.com"]', '["example.com", "bank.example"]'))
    assert desk.replay()[0] == {"logged -> internal_only": 1}
    assert desk.subjects() == ["Letter 0", "Letter 1", "Letter 2"]


def test_a_lower_level_erases_what_it_no_longer_allows(desk: Desk) -> None:
    desk.rules('level = "metadata"')
    assert desk.replay("--dry-run")[1]["closed"] == 4
    assert desk.replay()[1]["closed"] == 4
    told = desk.office.syncd("export", "--contact", "Jane Doe").out
    assert "Letter" not in told
    assert "Good day" not in told
    if "sqlite" in desk.office.store:
        found = b"".join(path.read_bytes() for path in desk.office.folder.glob("syncd.db*"))
        assert b"Letter 0" not in found
        assert b"Good day" not in found


def test_what_is_erased_beside_the_daemon_is_not_left_in_the_log_of_the_database(
    tmp_path: Path, dovecot: Dovecot
) -> None:
    desk = Desk(Office(tmp_path), dovecot)
    desk.rules('level = "metadata"')
    with closing(sqlite3.connect(tmp_path / "syncd.db")) as daemon:  # while somebody has it open, its log stays
        daemon.execute("UPDATE meta SET value = value")
        daemon.commit()
        assert desk.office.syncd("replay").code == 0
        files = {path.name: path.read_bytes() for path in tmp_path.glob("syncd.db*")}
        assert "syncd.db-wal" in files
        assert [name for name, content in files.items() if b"Letter 0" in content or b"Good day" in content] == []


def test_whom_the_organisation_protects_from_now_on_is_protected_in_the_past_too(desk: Desk) -> None:
    desk.rules('level = "full"\nprotected = ["@bank.example"]')
    assert desk.replay("--dry-run")[1]["closed"] == 1
    assert desk.replay()[1]["closed"] == 1
    told = json.loads(desk.office.syncd("timeline", "eva@bank.example", "--json").out)["activities"]
    assert [(each["subject"], each["text"], each["level"]) for each in told] == [(None, None, "private")]
    assert desk.replay()[1]["closed"] == 0


def test_what_a_person_linked_stays_logged_and_linked(desk: Desk) -> None:
    own = str(json.loads(desk.office.syncd("why", "<0.jane@acme.example>", "--json").out)[0]["activity_id"])
    desk.office.syncd("link", own, "--contact", "Bob")
    desk.rules('level = "full"\nnever_log = ["@acme.example"]')
    changes, rest = desk.replay()
    assert changes == {"logged -> never_log": 2}
    assert rest["kept_by_hand"] == 1
    assert desk.subjects() == ["Letter 0", "Letter 3"]
    assert "linked to contact Bob: by hand (person)" in desk.office.syncd("why", own).out


def test_a_folder_that_is_excluded_now_gives_back_what_it_gave(desk: Desk) -> None:
    desk.rules('level = "full"', lines='exclude = ["INBOX"]')
    assert desk.replay()[0] == {"logged -> folder_excluded": 4, "no_known_contact -> folder_excluded": 1}
    assert desk.subjects() == []


def test_a_mail_about_a_meeting_goes_and_comes_back_by_who_takes_part_in_it(desk: Desk) -> None:
    desk.dovecot.append(desk.user, [INVITATION.format(user=desk.user).encode()])
    desk.once()
    assert "Merger" in desk.subjects()
    desk.rules('level = "full"\nnever_log = ["eva@bank.example"]')
    assert desk.replay()[0] == {"logged -> never_log": 2}, "her mail, and the invitation that does not name her"
    assert not {"Call", "Merger"} & {*desk.subjects()}
    assert desk.replay()[0] == {}, "once"
    desk.rules('level = "full"')
    desk.replay()
    desk.once()
    assert "Merger" in desk.subjects()


def test_the_command_shows_samples_leaves_a_trail_and_says_when_a_server_is_away(desk: Desk) -> None:
    desk.rules('level = "full"\nnever_log = ["eva@bank.example"]')
    shown = desk.office.process("replay", "--dry-run")
    assert "1 logged -> never_log, such as INBOX " in shown.out
    assert "this was a dry run" in shown.out
    desk.office.process("replay")
    done, begun, *_ = [each["deed"] for each in json.loads(desk.office.syncd("trail", "--json").out)]
    assert (begun["action"], begun["detail"]) == ("replay", {"mailboxes": 1})
    assert done["action"] == "replayed"
    assert done["detail"] == {"logged": 0, "unlogged": 1, "closed": 0, "raised": 0, "relinked": 0}

    desk.office.configure(mailbox(desk.dovecot, desk.user, lines="port = 1"), extra='level = "full"')
    away = desk.office.process("replay")
    assert away.code == 1
    assert "refuses connections" in away.out
    assert "Example: syncd replay" in desk.office.syncd("replay", "--help").out
