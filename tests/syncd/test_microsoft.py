"""A mailbox at Microsoft 365 through the doors of the program: signed in, checked, read, and told apart from no other
copy."""

from __future__ import annotations

import json
import shlex
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.fake_graph import Cloud, too_many
from tests.servers.fake_graph_login import CLIENT, SECRET, TENANT, Refusal
from tests.servers.fake_graph_mail import Mail, Mailbox
from tests.servers.fake_graph_query import Refused
from tests.syncd.doors import Office, mailbox

DORA = "dora@example.com"
LETTER = (
    b"From: Zoe <zoe@client.example>\r\nTo: dora@example.com, anna@example.com\r\nSubject: The offer\r\n"
    b"Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <offer@client.example>\r\n\r\nWe take it.\r\n"
)
CONTACTS = '[directory]\nkind = "csv"\ncontacts = "contacts.csv"'


def block(microsoft: Cloud, lines: str = 'secret = "file:app.secret"') -> str:
    return (
        f'[[mailboxes]]\nname = "dora"\nowner = "{DORA}"\nkind = "microsoft365"\nuser = "{DORA}"\nbackfill = "9000d"\n'
        f'tenant = "{TENANT}"\nclient_id = "{CLIENT}"\nauthority = "{microsoft.login.origin}"\n'
        f'endpoint = "{microsoft.graph.origin}"\nca_file = "{microsoft.ca_file}"\n{lines}\n'
    )


@pytest.fixture
def dora(microsoft: Cloud) -> Mailbox:
    microsoft.login.user = DORA
    return microsoft.graph.mailbox(DORA, "Dora")


@pytest.fixture
def office(tmp_path: Path, microsoft: Cloud) -> Office:
    office = Office(tmp_path)
    office.write("app.secret", SECRET)
    office.write("contacts.csv", "id,name,email\nzoe,Zoe,zoe@client.example\n")
    office.configure(block(microsoft), extra=CONTACTS)
    return office


def deliver(mailbox: Mailbox, number: int = 0, folder: str = "inbox") -> Mail:
    """What LETTER is when Exchange has taken it in."""
    return mailbox.deliver(
        f"offer-{number}@client.example" if number else "offer@client.example",
        folder=folder,
        sender=("Zoe", "zoe@client.example"),
        to=[("Dora", DORA), ("Anna", "anna@example.com")],
        subject=f"Offer {number}" if number else "The offer",
        received_at=datetime(2026, 11, 20, 10, 0, 2, tzinfo=UTC),
        text="We take it.\r\n",
    )


def feed(office: Office) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(office.folder / "syncd.db")) as database:
        return database.execute("SELECT sequence, kind, activity_id FROM v1_change ORDER BY sequence").fetchall()


def test_a_mailbox_that_the_app_opens_is_checked_read_and_shown(office: Office, dora: Mailbox) -> None:
    deliver(dora)
    checked = office.syncd("check")
    assert checked.code == 0
    assert f"by the rights of the app {CLIENT}: Calendars.Read, Mail.Read" in checked.out
    assert "every mailbox of the organisation" in checked.out
    assert "New-ManagementRoleAssignment" in checked.out
    once = office.process("once")
    assert once.code == 0, once.err
    assert "The offer" in office.syncd("timeline", "zoe@client.example").out
    assert office.syncd("status").code == 0


def test_a_mailbox_that_its_owner_opens_needs_no_secret_and_leaves_no_token_in_the_clear(
    office: Office, microsoft: Cloud, dora: Mailbox
) -> None:
    deliver(dora)
    office.configure(block(microsoft, 'sign_in = "user"'), extra=CONTACTS)
    before = office.syncd("check")
    assert before.code == 1
    assert "syncd auth dora" in before.out
    said = office.process("auth", "dora", "--no-browser")
    assert said.code == 0, said.err
    assert "https://microsoft.com/devicelogin" in said.out
    assert f"Signed in as {DORA}; allowed: Calendars.Read, Mail.Read, User.Read." in said.out
    once = office.process("once")
    assert once.code == 0, once.err
    assert "The offer" in office.syncd("timeline", "zoe@client.example").out
    tokens = [*microsoft.login.tokens, *microsoft.login.refreshes]
    held = b"".join(path.read_bytes() for path in office.folder.rglob("*") if path.is_file())
    assert tokens
    assert [token for token in tokens if token.encode() in held or token in said.out + once.out + once.err] == []


def test_its_owner_signs_in_with_a_browser_of_this_machine(office: Office, microsoft: Cloud, dora: Mailbox) -> None:
    follow = (
        "import ssl, sys, urllib.request as web\n"
        "trust = ssl.create_default_context(cafile=sys.argv[1])\n"
        "print(web.urlopen(sys.argv[2], timeout=20, context=trust).read())"
    )
    browser = shlex.join([sys.executable, "-c", follow, str(microsoft.ca_file)])
    there = Office(office.folder, environment={"BROWSER": f"{browser} %s"})
    there.configure(block(microsoft, 'sign_in = "user"'), extra=CONTACTS)
    signed = there.process("auth", "dora")
    assert signed.code == 0, signed.err
    assert "syncd has your answer" in signed.out
    assert f"Signed in as {DORA}; allowed: Calendars.Read, Mail.Read, User.Read." in signed.out
    assert there.syncd("check").code == 0


@pytest.mark.parametrize(
    ("refusal", "words", "cure"),
    [
        (Refusal(400, "interaction_required", 50076, "MFA."), "a second factor is wanted", "syncd auth dora"),
        (Refusal(400, "invalid_grant", 50057, "Disabled."), "the account is disabled", "Account enabled"),
        (Refusal(400, "consent_required", 90094, "Admin."), "an admin must agree first", "Grant admin consent"),
    ],
)
def test_a_sign_in_that_is_refused_names_its_owner_the_cause_and_what_to_do(
    office: Office, microsoft: Cloud, dora: Mailbox, refusal: Refusal, words: str, cure: str
) -> None:
    office.configure(block(microsoft, 'sign_in = "user"'), extra=CONTACTS)
    microsoft.login.refusals = [refusal]
    said = office.process("auth", "dora", "--no-browser")
    assert said.code == 1
    assert f"Microsoft does not let {DORA} sign in: {words} (AADSTS{refusal.number})\n  try: " in said.err
    assert cure in said.err


def test_the_same_mail_over_imap_and_over_graph_is_one_activity(
    office: Office, microsoft: Cloud, dora: Mailbox, dovecot: Dovecot
) -> None:
    user = dovecot.new_user()
    dovecot.append(user, [LETTER])
    office.write("anna.secret", dovecot.password)
    office.configure(block(microsoft), mailbox(dovecot, user, lines='backfill = "9000d"'), extra=CONTACTS)
    deliver(dora)

    assert office.process("once").code == 0

    (activity,) = json.loads(office.syncd("timeline", "zoe@client.example", "--json").out)["activities"]
    why = office.syncd("why", activity["id"]).out
    assert "dora" in why
    assert "anna" in why


def test_a_meeting_in_two_calendars_is_one_activity_and_follows_its_organizer(
    office: Office, microsoft: Cloud, dora: Mailbox
) -> None:
    microsoft.graph.mailbox("anna@example.com", "Anna")
    anna = block(microsoft).replace(DORA, "anna@example.com").replace('name = "dora"', 'name = "anna"')
    office.configure(block(microsoft), anna, extra=CONTACTS)
    foreign = b"vCal-Uid\x01\x00\x00\x00review@client.example\x00"
    wrapped = bytes.fromhex("040000008200E00074C5B7101A82E008") + bytes(20) + len(foreign).to_bytes(4, "little")
    zoe = [("zoe@client.example", "accepted")]
    starts_at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
    theirs, ours = microsoft.graph.agendas[DORA], microsoft.graph.agendas["anna@example.com"]
    meeting = theirs.add("review@client.example", [starts_at], attendees=zoe, subject="Review of the offer")
    organizer = {"emailAddress": {"name": "Dora", "address": DORA}}
    copy = ours.add(
        (wrapped + foreign).hex(), [starts_at], attendees=zoe, isOrganizer=False, organizer=organizer, subject="Review"
    )
    assert office.process("once").code == 0
    assert _meetings(office) == [("Review of the offer", "held")]
    for agenda, each in ((theirs, meeting), (ours, copy)):
        agenda.move(each, starts_at, datetime.now(UTC) + timedelta(days=3))
    assert office.process("once").code == 0
    assert _meetings(office) == [("Review of the offer", "planned")]
    dropped = theirs.add("dropped@client.example", [starts_at + timedelta(days=9)], attendees=zoe, subject="Lunch")
    theirs.change(meeting, isCancelled=True)
    assert office.process("once").code == 0
    assert _meetings(office) == [("Review of the offer", "cancelled"), ("Lunch", "planned")]
    theirs.remove(dropped)
    assert office.process("once").code == 0
    assert _meetings(office) == [("Review of the offer", "cancelled"), ("Lunch", "cancelled")]


def _meetings(office: Office) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(office.folder / "syncd.db")) as database:
        return database.execute(
            "SELECT subject, status FROM v1_activity WHERE kind = 'meeting' ORDER BY occurred_at"
        ).fetchall()


def test_moves_between_two_passes_lose_nothing_and_tell_nothing_twice(office: Office, dora: Mailbox) -> None:
    mails = [deliver(dora, number) for number in range(1, 5)]
    assert office.process("once").code == 0
    told = feed(office)
    dora.move(mails[0], "archive")
    for to in ("archive", "inbox", "archive", "inbox"):
        dora.move(mails[1], to)
    dora.move(mails[2], "deleteditems")
    dora.delete(mails[3])
    assert office.process("once").code == 0
    assert feed(office) == told
    shown = json.loads(office.syncd("timeline", "zoe@client.example", "--json").out)["activities"]
    assert len(shown) == 4


def test_a_folder_that_is_moved_brings_its_mail_along_and_tells_nothing_again(office: Office, dora: Mailbox) -> None:
    customers = dora.add_folder("Customers")
    for number in range(1, 4):
        deliver(dora, number, folder="Customers")
    assert office.process("once").code == 0
    told = feed(office)
    for parent in ("archive", "inbox"):
        dora.rename(customers, "Customers", dora.folder(parent))
        deliver(dora, 10 + len(parent), folder="Customers")
        assert office.process("once").code == 0
    assert feed(office)[: len(told)] == told
    assert len(feed(office)) == len(told) + 2
    assert len(json.loads(office.syncd("timeline", "zoe@client.example", "--json").out)["activities"]) == 5
    assert office.process("audit").code == 0


def test_an_archive_that_tells_messages_twice_makes_one_activity_of_each(
    office: Office, microsoft: Cloud, dora: Mailbox
) -> None:
    microsoft.graph.deltas.doubles = True
    mails = [deliver(dora, number) for number in range(1, 4)]
    assert office.process("once").code == 0
    told = feed(office)
    for mail in mails:
        dora.move(mail, "archive")
    deliver(dora, 3, folder="archive")  # and once more under another id
    assert office.process("once").code == 0
    assert feed(office) == told
    copies = (
        "SELECT count(*) FROM sighting JOIN stream ON stream.id = stream_id WHERE gone_at IS NULL AND name = 'Archive'"
    )
    assert _rows(office, copies) == [(4,)]
    assert office.process("audit").code == 0


def test_links_that_expired_announce_nothing_again(office: Office, microsoft: Cloud, dora: Mailbox) -> None:
    for number in range(1, 4):
        deliver(dora, number)
    assert office.process("once").code == 0
    told = feed(office)
    deliver(dora, 9)
    microsoft.graph.deltas.expire(Refused(410, "SyncStateNotFound", "It is not found."))
    assert office.process("once").code == 0
    assert len(feed(office)) == len(told) + 1
    assert feed(office)[: len(told)] == told


def test_a_wait_that_graph_asks_for_is_kept_over_a_restart(office: Office, microsoft: Cloud, dora: Mailbox) -> None:
    deliver(dora)
    microsoft.graph.troubles = [too_many(3600)]
    assert office.process("once").code == 1
    asked = len(microsoft.graph.requests)
    with closing(sqlite3.connect(office.folder / "syncd.db")) as database:
        ((state, until),) = database.execute("SELECT state, not_before FROM mailbox").fetchall()
    assert state == "throttled"
    assert until
    assert asked == 1
    again = office.process("once")
    assert again.code == 1
    assert len(microsoft.graph.requests) == asked


TEAM = "b7a1c3d5-0000-4000-8000-000000000007"


def _of_team(microsoft: Cloud, lines: str) -> str:
    one = block(microsoft, f'secret = "file:app.secret"\n{lines}')
    return one.replace(f'owner = "{DORA}"\n', "").replace('name = "dora"', 'name = "team"')


def test_every_member_of_a_group_is_read_by_the_app(office: Office, microsoft: Cloud, dora: Mailbox) -> None:
    ben = microsoft.graph.mailbox("ben@example.com", "Ben")
    microsoft.graph.mailbox("boss@other.example", "Boss")
    microsoft.graph.groups[TEAM] = [DORA, "group@example.com", "boss@other.example", "ben@example.com"]
    microsoft.graph.members_page = 2
    microsoft.login.roles |= {"GroupMember.Read.All", "User.ReadBasic.All"}
    office.configure(_of_team(microsoft, f'domain = "example.com"\ngroup = "{TEAM}"'), extra=CONTACTS)
    deliver(dora, 1)
    deliver(ben, 2)
    once = office.process("once")
    assert once.code == 0, once.err
    assert len(json.loads(office.syncd("timeline", "zoe@client.example", "--json").out)["activities"]) == 2
    names = [name for (name,) in _rows(office, "SELECT name FROM mailbox ORDER BY name")]
    assert names == ["team/ben@example.com", f"team/{DORA}"]
    assert len(microsoft.login.token_requests) == 1


def test_a_group_that_may_not_be_read_says_which_right_is_missing(office: Office, microsoft: Cloud) -> None:
    microsoft.graph.groups[TEAM] = [DORA]
    office.configure(_of_team(microsoft, f'domain = "example.com"\ngroup = "{TEAM}"'), extra=CONTACTS)
    said = office.process("once")
    assert said.code == 1
    assert "GroupMember.Read.All" in said.out + said.err


def test_a_group_of_which_only_ids_are_told_says_which_right_is_missing(office: Office, microsoft: Cloud) -> None:
    microsoft.graph.mailbox(DORA, "Dora")
    microsoft.graph.groups[TEAM] = [DORA]
    microsoft.login.roles |= {"GroupMember.Read.All"}
    office.configure(_of_team(microsoft, f'domain = "example.com"\ngroup = "{TEAM}"'), extra=CONTACTS)
    said = office.process("once")
    assert said.code == 1
    assert "User.ReadBasic.All" in said.out + said.err


def test_a_list_of_users_needs_no_group(office: Office, microsoft: Cloud, dora: Mailbox) -> None:
    deliver(dora, 1)
    lines = _of_team(microsoft, f'users = ["{DORA}"]').replace(f'user = "{DORA}"\n', "", 1)
    office.configure(lines, extra=CONTACTS)
    assert office.process("once").code == 0
    assert [name for (name,) in _rows(office, "SELECT name FROM mailbox")] == [f"team/{DORA}"]


def _rows(office: Office, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(office.folder / "syncd.db")) as database:
        return database.execute(query).fetchall()


def test_an_invitation_by_mail_makes_the_meeting_where_no_calendar_is_read(
    office: Office, microsoft: Cloud, dora: Mailbox
) -> None:
    starts_at = datetime.now(UTC) + timedelta(days=3)
    calendar = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:review@client.example\r\n"
        f"DTSTAMP:20261101T100000Z\r\nDTSTART:{starts_at:%Y%m%dT%H%M%SZ}\r\nDURATION:PT1H\r\nSUMMARY:Review\r\n"
        f"ORGANIZER:mailto:zoe@client.example\r\nATTENDEE:mailto:{DORA}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    dora.deliver(
        "invitation@client.example",
        sender=("Zoe", "zoe@client.example"),
        to=[("Dora", DORA)],
        kind="eventMessageRequest",
        calendar=calendar,
    )
    office.configure(block(microsoft, 'secret = "file:app.secret"\nread = ["mail"]'), extra=CONTACTS)
    assert office.process("once").code == 0
    assert _meetings(office) == [("Review", "planned")]

    office.configure(block(microsoft), extra=CONTACTS)
    zoe = {"emailAddress": {"name": "Zoe", "address": "zoe@client.example"}}
    microsoft.graph.agendas[DORA].add(
        "review@client.example", [starts_at.replace(microsecond=0)], subject="Review", isOrganizer=False, organizer=zoe
    )
    assert office.process("once").code == 0
    assert _meetings(office) == [("Review", "planned")]


def test_a_right_that_is_wider_than_needed_is_one_warning_in_status_for_all_mailboxes_of_the_app(
    office: Office, microsoft: Cloud, dora: Mailbox
) -> None:
    microsoft.graph.mailbox("anna@example.com", "Anna")
    anna = block(microsoft).replace(DORA, "anna@example.com").replace('name = "dora"', 'name = "anna"')
    office.configure(block(microsoft), anna, extra=CONTACTS)
    assert office.process("once").code == 0
    shown = office.syncd("status").out
    assert shown.count("Entra lets the app read every mailbox of the organisation") == 1
    assert "(also of dora)" in shown
    assert "New-ManagementRoleAssignment" in shown


def test_check_samples_the_calendars(office: Office, microsoft: Cloud, dora: Mailbox) -> None:
    agenda = microsoft.graph.agendas[DORA]
    begins = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
    for number in range(8):
        guest = "zoe@client.example" if number < 3 else "ben@example.com"
        agenda.add(f"{number}@example.com", [begins + timedelta(hours=number)], attendees=[(guest, "accepted")])
    checked = office.syncd("check")
    assert checked.code == 0, checked.out
    assert "of the newest 8 meetings: internal_only 5, logged 3" in checked.out
