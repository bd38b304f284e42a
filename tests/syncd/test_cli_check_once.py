"""From a configuration to the first activities, with the real command against a real server."""

from __future__ import annotations

import json
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from tests.servers.dovecot import Dovecot
from tests.syncd.doors import Office, mail, mailbox

PEOPLE = "id,name,email,company\n1,Jane Doe,jane@acme.example,Acme\n"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


@pytest.fixture
def user(dovecot: Dovecot, office: Office) -> str:
    """Anna's mailbox: five mails of a known contact and three of a stranger."""
    user = dovecot.new_user()
    office.write("anna.secret", dovecot.password)
    office.write("people.csv", PEOPLE)
    known = [mail("jane@acme.example", user, minute=minute) for minute in range(5)]
    dovecot.append(user, [*known, *(mail("bob@stranger.example", user, minute=minute) for minute in range(3))])
    office.configure(mailbox(dovecot, user))
    return user


# ------------------------------------------------------------------------------------------------------------ init


def test_init_writes_a_configuration_that_loads_and_never_writes_over_one(office: Office) -> None:
    made = office.syncd("init", "--path", "new/config.toml")
    again = office.syncd("init", "--path", "new/config.toml")

    assert made.code == 0
    assert "syncd check --config new/config.toml" in made.out
    assert again.code == 78
    assert "is there already" in again.err
    assert "sqlite:///syncd.db" in (office.folder / "new" / "config.toml").read_text()


# ----------------------------------------------------------------------------------------------------------- check


def test_check_says_what_would_be_logged_and_writes_nothing(office: Office, user: str) -> None:
    found = office.syncd("check")
    office.syncd("contacts", "import", "people.csv")
    ready = office.syncd("check")

    assert found.code == 1
    assert "no contact is known, so nothing would be logged" in found.out
    assert "syncd contacts import FILE" in found.out
    assert ready.code == 0, ready.out + ready.err
    assert "anna: ok" in ready.out
    assert "leaves out: Drafts (drafts)" in ready.out
    assert "of the newest 8 messages: logged 5, no_known_contact 3" in ready.out


def test_a_preview_decides_on_all_mail_of_a_mailbox_that_is_not_enabled_yet(
    office: Office, dovecot: Dovecot, user: str
) -> None:
    many = [mail("bob@stranger.example", user, minute=minute, message_id=f"m{minute}@x") for minute in range(60)]
    dovecot.append(user, [*many, mail("noreply@shop.example", user)])
    office.configure(mailbox(dovecot, user, lines="enabled = false"))
    office.syncd("contacts", "import", "people.csv")
    before = (office.folder / "syncd.db").read_bytes()
    shown = office.syncd("check", "anna", "--preview")
    (found,) = json.loads(office.syncd("check", "anna", "--preview", "--json").out)["mailboxes"]

    assert shown.code == 0, shown.out + shown.err
    assert "of all: 63 no_known_contact (1 outside address 63), such as INBOX " in shown.out
    assert {each["rule"]: each["count"] for each in found["preview"]} == {
        "no_known_contact": 63,
        "logged": 5,
        "automated": 1,
    }
    assert "Offer" not in shown.out
    assert (office.folder / "syncd.db").read_bytes() == before


def test_check_makes_no_store_and_no_key(office: Office, user: str) -> None:
    office.syncd("check")

    assert sorted(path.name for path in office.folder.iterdir()) == ["anna.secret", "config.toml", "people.csv"]


def test_check_reads_the_directory_that_the_configuration_names(office: Office, dovecot: Dovecot, user: str) -> None:
    office.configure(mailbox(dovecot, user), extra='[directory]\nkind = "csv"\ncontacts = "people.csv"')
    ready = office.syncd("check", "anna")
    (office.folder / "people.csv").unlink()
    gone = office.syncd("check", "anna")

    assert ready.code == 0, ready.out + ready.err
    assert "directory: 1 contacts" in ready.out
    assert "logged 5" in ready.out
    assert gone.code == 1
    assert "people.csv cannot be read: No such file or directory" in gone.out


@pytest.mark.parametrize(
    ("lines", "cause", "cure"),
    [
        ('secret = "env:WRONG"', "does not let", "where `secret` of mailbox anna points to"),
        ('secret = "env:NOT_SET"', "the environment has no NOT_SET", "set NOT_SET before syncd starts"),
        ('secret = "file:missing"', "missing does not exist", "install -m 600"),
        ('secret = "file:open.secret"', "can be read by others (mode 0644)", "chmod 600"),
        ("port = 1", "refuses connections", "`port` of mailbox anna"),
        ('host = "mail.invalid"', "mail.invalid", '`host = "mail.invalid"` of mailbox anna'),
        ('ca_file = "none.pem"', "none.pem", "`ca_file` of mailbox anna"),
        ('include = ["Privat"]', "none of the folders", "`include` of mailbox anna"),
        ('exclude = ["Privat"]', "the server has no folder 'Privat'", "include and exclude of mailbox anna"),
    ],
)
def test_check_names_the_mailbox_the_cause_and_the_cure(
    office: Office, dovecot: Dovecot, user: str, lines: str, cause: str, cure: str
) -> None:
    office.environment = {"WRONG": "not the password"}
    office.write("open.secret", dovecot.password).chmod(0o644)
    office.configure(mailbox(dovecot, user, lines=lines))

    found = office.syncd("check")

    assert found.code == 1
    section = found.out.partition("anna: FAILED")[2]
    assert cause in section
    assert cure in section.partition("try:")[2]
    assert f"goes into {office.config}; then try again: syncd check" in section
    assert "not the password" not in found.out + found.err


def test_check_tries_every_mailbox_in_one_run_and_json_says_the_same(
    office: Office, dovecot: Dovecot, user: str
) -> None:
    office.configure(
        mailbox(dovecot, user),
        mailbox(dovecot, user, name="closed", lines="port = 1"),
        mailbox(dovecot, dovecot.new_user(), name="off", lines="enabled = false"),
    )
    found = office.syncd("check", "--json")

    assert found.code == 1
    report = found.json
    assert isinstance(report, dict)
    assert {each["name"]: bool(each["error"]) for each in report["mailboxes"]} == {"anna": False, "closed": True}


def test_a_store_that_cannot_be_used_does_not_keep_check_from_trying_the_mailboxes(
    office: Office, dovecot: Dovecot, user: str
) -> None:
    office.write("syncd.db", "This is no database.")
    office.write("syncd.db.key", "ab" * 32)
    found = office.syncd("check")

    assert found.code == 1
    assert "store: not usable\n" in found.out
    assert "reads 3 folders" in found.out


def test_check_says_when_the_store_cannot_be_made_where_it_should_be(
    office: Office, dovecot: Dovecot, user: str
) -> None:
    office.write("some.key", "ab" * 32)
    office.store = 'url = "sqlite:///missing/syncd.db"\nkey = "file:some.key"'
    office.configure(mailbox(dovecot, user))
    found = office.syncd("check")

    assert found.code == 1
    assert f"the directory {office.folder / 'missing'} does not exist" in found.out
    assert f"install -d -m 700 {office.folder / 'missing'}" in found.out


def test_check_counts_the_contacts_that_the_crm_has_just_written(office: Office, user: str) -> None:
    office.syncd("db", "upgrade")
    with closing(sqlite3.connect(office.folder / "syncd.db")) as crm, crm:
        crm.execute("INSERT INTO contact (id, name) VALUES ('7', 'Jane')")
        crm.execute("INSERT INTO contact_address (contact_id, address) VALUES ('7', 'Jane@Acme.Example')")
    found = office.syncd("check")

    assert found.code == 0, found.out
    assert "logged 5" in found.out


def test_check_says_that_no_mailbox_is_configured(office: Office) -> None:
    found = office.syncd("check")

    assert found.code == 1
    assert "mailboxes: none" in found.out
    assert "[[mailboxes]]" in found.out


def test_check_says_why_a_source_lists_no_contact(office: Office, dovecot: Dovecot, user: str) -> None:
    office.write("people.csv", "id,name,mail\n1,Jane,at home\n")
    office.configure(mailbox(dovecot, user), extra='[directory]\nkind = "csv"\ncontacts = "people.csv"')
    found = office.syncd("check")

    assert found.code == 1
    assert "docs/CONFIG.md" in found.out.partition("it lists no contact")[2]
    assert "people.csv line 2" in found.out


def test_a_broken_configuration_ends_with_78_and_all_its_problems(office: Office) -> None:
    office.config.write_text("[store]\n[organisation]\ndomains = 5\n")

    for command in ("check", "once", "run"):
        done = office.process(command)
        assert done.code == 78
        assert len(done.err.splitlines()) == 2


def test_a_mailbox_that_is_not_configured_is_a_usage_error_that_names_those_that_are(office: Office, user: str) -> None:
    done = office.process("once", "bob")

    assert done.code == 2
    assert "there are: anna" in done.err


def test_a_mailbox_that_is_paused_is_not_read_without_a_word(office: Office, dovecot: Dovecot, user: str) -> None:
    office.configure(mailbox(dovecot, user, lines="enabled = false"))
    done = office.process("once", "anna")

    assert done.code == 2
    assert "paused by enabled = false in the configuration: anna" in done.err


# ------------------------------------------------------------------------------------------------------------ once


def test_once_logs_what_concerns_contacts_and_says_what_became_of_the_rest(office: Office, user: str) -> None:
    office.syncd("contacts", "import", "people.csv")
    first = office.process("once")
    second = office.process("once", "--json")

    assert first.code == 0, first.out + first.err
    assert "8 messages: logged 5, no_known_contact 3" in first.out
    assert second.json == [
        {"mailbox": "anna", "state": "ok", "seen": {}, "by_rule": {}, "removed": 0, "error": "", "cure": ""}
    ]  # fmt: skip


def test_once_fails_for_a_mailbox_that_failed_and_reads_the_others_all_the_same(
    office: Office, dovecot: Dovecot, user: str
) -> None:
    office.configure(mailbox(dovecot, user, name="closed", lines="port = 1"), mailbox(dovecot, user))
    office.syncd("contacts", "import", "people.csv")

    done = office.process("once")

    assert done.code == 1
    assert "logged 5" in done.out
    assert "closed:\n  localhost port 1 refuses connections" in done.out


def test_mail_that_was_read_before_anybody_was_known_is_found_by_the_next_pass(office: Office, user: str) -> None:
    early = office.process("once")
    office.syncd("contacts", "import", "people.csv")
    late = office.process("once")
    again = office.process("once", "--again")

    assert "No contact is known" in early.out
    assert "syncd contacts import FILE, then: syncd once" in early.out
    assert "logged 5" in late.out
    assert "No contact is known" not in late.out
    assert "0 messages: nothing new" in again.out


def test_once_reads_nothing_as_long_as_the_source_of_contacts_gives_nobody(
    office: Office, dovecot: Dovecot, user: str
) -> None:
    office.configure(mailbox(dovecot, user), extra='[directory]\nkind = "csv"\ncontacts = "later.csv"')
    early = office.process("once")
    office.write("later.csv", PEOPLE)
    late = office.process("once")

    assert early.code == 1
    assert "later.csv cannot be read" in early.err
    assert "syncd check --config" in early.err
    assert "8 messages: logged 5, no_known_contact 3" in late.out


def test_a_source_that_suddenly_lists_little_removes_nothing_and_once_says_so(
    office: Office, dovecot: Dovecot, user: str
) -> None:
    office.configure(mailbox(dovecot, user), extra='[directory]\nkind = "csv"\ncontacts = "people.csv"')
    office.process("once")
    office.write("people.csv", PEOPLE.partition("\n")[0])
    done = office.process("once")

    assert done.code == 0
    assert "directory_shrank" in done.err
    assert "withheld=2" in done.err  # the contact, and the account that only it named
    assert "jane@acme.example" in office.syncd("contacts", "list").out


def test_a_folder_to_keep_out_that_is_not_there_is_told_by_every_pass(
    office: Office, dovecot: Dovecot, user: str
) -> None:
    office.configure(mailbox(dovecot, user, lines='exclude = ["Privat", "Archive"]'))
    done = office.process("once")

    assert done.code == 0
    assert 'folders_missing mailbox=anna folders=Privat cure="take names that the server has: syncd check anna"' in (
        done.err
    )


def test_what_the_store_is_made_of_is_private(office: Office, user: str) -> None:
    office.process("once")

    for path in office.folder.glob("syncd.db*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


# -------------------------------------------------------------------------------------------------------- contacts


def test_an_import_reports_each_row_it_left_out_with_its_line(office: Office) -> None:
    office.write("people.csv", PEOPLE + "2,Nobody,,\n3,\x1b[31mRed,not\x1b]0;x\x07an address,\n")
    dry = office.syncd("contacts", "import", "people.csv", "--dry-run")
    done = office.syncd("contacts", "import", "people.csv")
    again = office.syncd("contacts", "import", "people.csv", "--json")

    assert "Nothing was written" in dry.out
    assert done.code == 0
    assert "contacts: new 1" in done.out
    assert "people.csv line 3: has no email address and no phone number that can be used" in done.out
    assert "\x1b" not in done.out + again.out
    assert isinstance(again.json, dict)
    assert again.json["report"]["counts"]["contacts"]["unchanged"] == 1


def test_what_cannot_be_imported_is_said_with_what_to_do(office: Office) -> None:
    office.write("one.vcf", "BEGIN:VCARD\nFN:Jane\nEMAIL:jane@acme.example\nEND:VCARD\n")
    office.write("people.csv", PEOPLE)
    (office.folder / "cards").mkdir()
    empty = office.syncd("contacts", "import", "cards")
    kind = office.syncd("contacts", "import", "one.vcf", "--kind", "accounts")
    region = office.syncd("contacts", "import", "people.csv", "--region", "Germany")

    assert (empty.code, kind.code, region.code) == (1, 1, 2)
    assert "holds no .vcf file" in empty.err
    assert "a vCard holds contacts only, and no accounts" in kind.err
    assert "such as DE" in region.err


def test_a_file_that_is_no_directory_of_contacts_is_refused_with_a_cure(office: Office) -> None:
    office.write("notes.txt", "hello\n")
    done = office.syncd("contacts", "import", "notes.txt")

    assert done.code == 1
    assert "id,name,email,phone,account" in done.err


# ------------------------------------------------------------------------------------------------------------ help


@pytest.mark.parametrize(
    "command", ["init", "check", "run", "once", "contacts import", "demo"]
)  # fmt: skip
def test_every_command_has_help_with_an_example(office: Office, command: str) -> None:
    shown = office.syncd(*command.split(), "--help")

    assert shown.code == 0
    assert f"Example: syncd {command}" in shown.out


def test_without_a_configuration_the_way_to_one_is_shown(office: Office) -> None:
    office.environment = {"SYNCD_CONFIG": ""}
    office.config.unlink()
    done = office.syncd("check")

    assert done.code == 78
    assert "syncd init" in done.err
