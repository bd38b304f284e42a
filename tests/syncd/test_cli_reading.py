"""What the store answers, with the real command: status, why, timeline, contacts, and what is logged by hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.servers.dovecot import Dovecot
from tests.syncd.doors import Office, mail, mailbox

HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31mOffer \u202egnp.exe"


@pytest.fixture(scope="module")
def user(dovecot: Dovecot) -> str:
    return dovecot.new_user()


@pytest.fixture(scope="module")
def office(dovecot: Dovecot, user: str, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """One mailbox that was read once; two contacts of one account, and a deal. The tests add, and take nothing away."""
    office = Office(tmp_path_factory.mktemp("office"))
    office.write("anna.secret", dovecot.password)
    office.write("people.csv", "id,name,email,phone,company\n1,Jane Doe,jane@acme.example,+49 30 1234567,Acme\n")
    office.write("deals.csv", "id,name,company,stage,opened\nd1,Big deal,Acme,Proposal,2026-01-01\n")
    dovecot.append(
        user,
        [
            mail("jane@acme.example", user, HOSTILE, minute=1, message_id="known@acme.example"),
            mail("bob@stranger.example", user, "Private matter", minute=2, message_id="unknown@stranger.example"),
        ],
    )
    office.configure(mailbox(dovecot, user))
    for arguments in (("contacts", "import", "people.csv"), ("contacts", "import", "deals.csv"), ("once",)):
        done = office.process(*arguments)
        assert done.code == 0, done.out + done.err
    return office


def only(value: object) -> Mapping[str, object]:
    assert isinstance(value, Sequence)
    (item,) = value
    assert isinstance(item, Mapping)
    return item


# ---------------------------------------------------------------------------------------------------------- status


def test_status_shows_each_mailbox_and_that_all_is_well(office: Office) -> None:
    shown = office.syncd("status")
    as_json = office.syncd("status", "--json").json

    assert shown.code == 0, shown.out + shown.err
    assert "anna" in shown.out
    assert isinstance(as_json, Mapping)
    assert as_json["troubles"] == []
    assert only(as_json["mailboxes"])["state"] == "ok"


def test_status_fails_for_a_mailbox_that_stands_still_and_says_what_to_do(office: Office, dovecot: Dovecot) -> None:
    office.configure(mailbox(dovecot, dovecot.new_user(), name="closed", lines="port = 1"))
    office.process("once")
    shown = office.syncd("status")

    assert shown.code == 1
    assert "closed: retrying" in shown.out
    assert "refuses connections" in shown.out
    assert "try: check `port` of mailbox closed" in shown.out
    assert f"goes into {office.config}; then: systemctl reload syncd" in shown.out


def test_a_mailbox_that_nobody_reads_any_more_is_late_and_not_well(office: Office, dovecot: Dovecot, user: str) -> None:
    office.configure(mailbox(dovecot, user))
    office.process("once")
    with sqlite3.connect(office.folder / "syncd.db") as store:
        store.execute("UPDATE mailbox SET last_success_at = '2026-01-01 00:00:00' WHERE name = 'anna'")
    shown = office.syncd("status")
    office.process("once")

    assert shown.code == 1
    assert "anna: late" in shown.out
    assert "is syncd running?" in shown.out
    assert office.syncd("status").code == 0


def test_a_directory_that_cannot_be_read_is_no_good_health_until_it_can(
    dovecot: Dovecot, user: str, tmp_path: Path
) -> None:
    office = Office(tmp_path)
    office.write("anna.secret", dovecot.password)
    people = office.write("people.csv", "name,email\nJane,jane@acme.example\n")
    office.configure(mailbox(dovecot, user), extra='[directory]\nkind = "csv"\ncontacts = "people.csv"')
    office.process("once")
    well = office.syncd("status")
    people.rename(tmp_path / "elsewhere.csv")
    office.process("once")
    ill = office.syncd("status")
    (tmp_path / "elsewhere.csv").rename(people)
    office.process("once")

    assert well.code == 0, well.out
    assert ill.code == 1
    assert "directory: retrying" in ill.out
    assert "people.csv" in ill.out
    assert office.syncd("status").code == 0


# ------------------------------------------------------------------------------------------------------------- why


@pytest.mark.parametrize("words", ["known@acme.example", "<known@acme.example>", " <known@acme.example> "])
def test_why_explains_a_logged_mail_with_its_links_and_their_reasons(office: Office, words: str) -> None:
    found = only(office.syncd("why", words, "--json").json)
    shown = office.syncd("why", words)

    assert found["activity_id"]
    assert only(found["sightings"])["verdict"] == "logged"
    assert "anna, INBOX" in shown.out
    assert "linked to contact Jane Doe: " in shown.out
    assert office.syncd("why", str(found["activity_id"]), "--json").json == [found]


def test_why_explains_a_mail_that_was_not_logged_by_the_rule_that_spoke(office: Office) -> None:
    found = only(office.syncd("why", "<unknown@stranger.example>", "--json").json)
    shown = office.syncd("why", "<unknown@stranger.example>")

    assert found["activity_id"] is None
    assert only(found["sightings"])["rule"] == "no_known_contact"
    assert "not logged\n" in shown.out
    assert "skipped, no_known_contact" in shown.out
    assert "try: syncd contacts import FILE, then: syncd once" in shown.out
    assert "Private matter" not in shown.out


def test_why_says_so_when_nothing_was_seen(office: Office) -> None:
    shown = office.syncd("why", "<never@seen.example>")

    assert shown.code == 1
    assert "No mailbox has seen <never@seen.example>" in shown.out
    assert office.syncd("why", "<never@seen.example>", "--json").json == []


# ------------------------------------------------------------------------------------------------- linked by hand


def _links(office: Office) -> dict[str, tuple[object, object]]:
    found = only(office.syncd("why", "known@acme.example", "--json").json)
    links = found["links"]
    assert isinstance(links, Sequence)
    return {each["entity_kind"]: (each["state"], each["origin"]) for each in links}


def test_what_a_person_unlinked_stays_so_when_all_mail_is_read_anew_and_shows_in_the_feed(office: Office) -> None:
    activity = str(only(office.syncd("why", "known@acme.example", "--json").json)["activity_id"])
    with closing(sqlite3.connect(office.folder / "syncd.db")) as store:
        before = store.execute("SELECT max(sequence) FROM v1_change").fetchone()[0]
    done = office.syncd("link", activity, "--deal", "Big deal", "--remove")
    again = office.process("once", "--again")

    assert done.code == 0, done.err
    assert "Unlinked from opportunity Big deal." in done.out
    assert again.code == 0, again.err
    assert _links(office)["opportunity"] == ("unlinked", "person")
    with closing(sqlite3.connect(office.folder / "syncd.db")) as store:
        told = store.execute("SELECT kind, activity_id FROM v1_change WHERE sequence > ?", (before,)).fetchall()
    assert told == [("updated", activity)]
    assert office.syncd("link", activity, "--deal", "d1").code == 0
    assert _links(office)["opportunity"] == ("linked", "person")


@pytest.mark.parametrize("arguments", [("nosuch", "--contact", "Jane Doe"), ("nosuch",), ("nosuch", "--deal", "none")])
def test_a_link_of_nothing_or_to_nobody_is_a_usage_error(office: Office, arguments: Sequence[str]) -> None:
    assert office.syncd("link", *arguments).code == 2


# -------------------------------------------------------------------------------------------- timeline and contacts


@pytest.mark.parametrize("who", ["jane@acme.example", "JANE+x@acme.example", "Jane Doe", "1", "Acme", "Big deal"])
def test_a_timeline_is_found_by_address_name_or_id(office: Office, who: str) -> None:
    found = office.syncd("timeline", who, "--json")

    assert found.code == 0, found.err
    assert isinstance(found.json, Mapping)
    assert any(each["kind"] == "email" for each in found.json["activities"])


@pytest.mark.parametrize("command", ["status", "why x@y.example", "timeline Jane", "contacts list"])
def test_who_only_reads_makes_no_store(tmp_path: Path, command: str) -> None:
    office = Office(tmp_path)
    done = office.syncd(*command.split())

    assert done.code == 1
    assert "nothing is stored yet" in done.err
    assert "syncd once" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def test_a_timeline_of_nobody_is_a_usage_error(office: Office) -> None:
    done = office.syncd("timeline", "nobody@nowhere.example")

    assert done.code == 2
    assert "no contact, account or deal is known" in done.err
    assert "syncd contacts list nobody@nowhere.example" in done.err


def test_a_name_that_several_have_is_asked_back_with_their_ids(office: Office) -> None:
    office.write("twins.csv", "id,name,email\nt1,Kim Lee,kim@lee.example\nt2,\x1b[31mKim Lee,lee@lee.example\n")
    office.write("more.csv", "id,name,email\nt2,Kim Lee,lee@lee.example\n")
    for name in ("twins.csv", "more.csv"):
        assert office.syncd("contacts", "import", name).code == 0

    done = office.syncd("timeline", "Kim Lee")

    assert done.code == 2
    assert "means several" in done.err
    assert office.syncd("timeline", "t1").code == 0


def test_a_hostile_subject_cannot_steer_the_terminal(office: Office) -> None:
    for arguments in (("timeline", "Jane Doe"), ("why", "known@acme.example"), ("timeline", "Jane Doe", "--json")):
        out = office.syncd(*arguments).out
        assert "Offer" in out
        assert not set(out) & {"\x1b", "\x07", "\x9b", "\u202e"}


def test_contacts_are_listed_with_all_that_is_known_of_them(office: Office) -> None:
    (found,) = [office.syncd("contacts", "list", words, "--json").json for words in ["ACME"]]

    jane = only(found)
    assert (jane["external_id"], jane["name"], jane["account"]) == ("1", "Jane Doe", "Acme")
    assert (jane["addresses"], jane["phones"]) == (["jane@acme.example"], ["+49301234567"])
    assert "jane@acme.example" in office.syncd("contacts", "list").out
    assert office.syncd("contacts", "list", "100%", "--json").json == []
    assert "No such contact is known." in office.syncd("contacts", "list", "100%").out


# ------------------------------------------------------------------------------------------------------------- log


def test_a_call_logged_by_hand_stands_in_the_timelines_of_all_it_concerns(office: Office) -> None:
    done = office.syncd(
        *("log", "call", "--by", "anna@example.com", "--contact", "jane@acme.example", "--deal", "Big deal"),
        *("--at", "2026-11-24 14:00", "--zone", "Europe/Berlin", "--duration", "20m", "--direction", "inbound"),
        *("--outcome", "reached", "--text", "She will sign.", "--json"),
    )
    assert done.code == 0, done.err
    assert isinstance(done.json, Mapping)

    for who in ("Jane Doe", "Big deal"):
        found = office.syncd("timeline", who, "--json").json
        assert isinstance(found, Mapping)
        (call,) = [each for each in found["activities"] if each["id"] == done.json["id"]]
        assert (call["kind"], call["direction"], call["status"], call["text"]) == (
            *("call", "inbound", "reached"),
            "She will sign.",
        )
        assert (call["occurred_at"], call["ended_at"]) == ("2026-11-24T13:00:00+00:00", "2026-11-24T13:20:00+00:00")
        assert call["author"] == "anna@example.com"


@pytest.mark.parametrize(
    ("kind", "at", "status"),
    [
        ("note", "now", ""),
        ("task", "now", "done"),
        ("meeting", "2h ago", "held"),
        ("meeting", "2099-01-01 9:00", "planned"),
    ],
)
def test_what_came_of_it_is_plain_when_nobody_says(office: Office, kind: str, at: str, status: str) -> None:
    words = ("log", kind, "--by", "anna@example.com", "--account", "Acme", "--subject", f"{kind} {at}", "--at", at)
    assert office.syncd(*words).code == 0

    found = office.syncd("timeline", "Acme", "--json").json
    assert isinstance(found, Mapping)
    assert [each["status"] for each in found["activities"] if each["subject"] == f"{kind} {at}"] == [status]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("call", "--contact", "Jane Doe"), "--by"),
        (("call", "--by", "anna@example.com"), "--contact, --account or --deal"),
        (("call", "--by", "anna", "--contact", "Jane Doe"), "anna@example.com"),
        (("call", "--by", "anna@example.com", "--contact", "Nobody"), "no contact is known as 'Nobody'"),
        (("call", "--by", "anna@example.com", "--contact", "Acme"), "no contact is known as 'Acme'"),
        (("note", "--by", "anna@example.com", "--contact", "Jane Doe", "--direction", "inbound"), "for calls"),
        (("call", "--by", "anna@example.com", "--contact", "Jane Doe", "--at", "noon"), "2026-11-25 14:00"),
        (("call", "--by", "anna@elsewhere.example", "--contact", "Jane Doe"), "nobody of yours has the address"),
        (("call", "--by", "anna@example.com", "--contact", "Jane Doe", "--outcome", "no-anwser"), "no_answer"),
        (("note", "--by", "anna@example.com", "--contact", "Jane Doe"), "--subject or --text"),
        (("task", "--by", "anna@example.com", "--contact", "Jane Doe", "--duration", "1h"), "for calls and meetings"),
        (("letter", "--by", "anna@example.com", "--contact", "Jane Doe"), "meeting"),
    ],
)
def test_what_cannot_be_logged_is_a_usage_error_that_says_how(
    office: Office, arguments: Sequence[str], words: str
) -> None:
    done = office.syncd("log", *arguments)

    assert done.code == 2
    assert words in done.err


@pytest.mark.parametrize("outcome", ["no_answer", "No answer", "NO-ANSWER"])
def test_a_call_that_nobody_took_is_one_however_it_is_spelled(office: Office, outcome: str) -> None:
    words = ("log", "call", "--by", "anna@example.com", "--account", "Acme", "--subject", outcome, "--outcome", outcome)
    assert office.syncd(*words).code == 0

    found = office.syncd("timeline", "Acme", "--json").json
    assert isinstance(found, Mapping)
    assert [each["status"] for each in found["activities"] if each["subject"] == outcome] == ["no_answer"]


@pytest.mark.parametrize("command", ["status", "why", "timeline", "log", "contacts list"])
def test_every_command_has_help_with_an_example(office: Office, command: str) -> None:
    assert f"Example: syncd {command}" in office.syncd(*command.split(), "--help").out


def test_a_shell_without_the_units_key_can_still_read_and_is_told_when_it_cannot(office: Office) -> None:
    before = office.config.read_text()
    office.config.write_text(before.replace("[organisation]", 'key = "credential:syncd-key"\n[organisation]'))
    try:
        assert office.syncd("contacts", "list").code == 0
        assert office.syncd("timeline", "Jane Doe").code == 0
        refused = office.syncd("why", "<known@acme.example>")
    finally:
        office.config.write_text(before)

    assert refused.code == 78
    assert "systemd-run --pty -p User=syncd -p LoadCredentialEncrypted=syncd-key" in refused.err
