"""Mailboxes on an Exchange server through the doors of the program: checked, read, and one with all other copies."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.connectors.ews_worlds import ANNA, NOON, ZOE, deliver, meeting
from tests.servers.dovecot import Dovecot
from tests.servers.fake_ews import FakeEws
from tests.servers.fake_ews_items import Person
from tests.servers.fake_ews_mailbox import Folder, Mailbox
from tests.servers.fake_ews_soap import Fault
from tests.servers.radicale import Radicale
from tests.syncd.doors import Office, mailbox

ERIK = "erik@example.com"
LETTER = (
    b"From: Zoe <zoe@client.example>\r\nTo: erik@example.com, anna@example.com\r\nSubject: The offer\r\n"
    b"Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <offer@client.example>\r\n\r\nWe take it.\r\n"
)
STARTS_AT = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
CONTACTS = '[directory]\nkind = "csv"\ncontacts = "contacts.csv"'


def block(exchange: FakeEws, lines: str = f'owner = "{ERIK}"\nuser = "{ERIK}"', *, name: str = "erik") -> str:
    return (
        f'[[mailboxes]]\nname = "{name}"\nkind = "exchange"\nhost = "{exchange.host}"\nbackfill = "9000d"\n'
        f'level = "full"\nca_file = "{exchange.ca_file}"\nsecret = "file:exchange.secret"\n{lines}\n'
    )


@pytest.fixture
def erik(exchange: FakeEws) -> Mailbox:
    return exchange.mailbox(ERIK)


@pytest.fixture
def office(tmp_path: Path, exchange: FakeEws) -> Office:
    office = Office(tmp_path)
    office.write("exchange.secret", "a password")
    office.write("contacts.csv", "id,name,email\nzoe,Zoe,zoe@client.example\n")
    office.configure(block(exchange), extra=CONTACTS)
    return office


def offer(mailbox: Mailbox, number: int = 0, folder: str | Folder = "inbox") -> None:
    """What LETTER is when Exchange has taken it in."""
    deliver(
        mailbox,
        folder=folder,
        key=f"offer-{number}@client.example" if number else "offer@client.example",
        to=[Person("", ERIK), ANNA],
        subject=f"Offer {number}" if number else "The offer",
        at=datetime(2026, 11, 20, 10, 0, 2, tzinfo=UTC),
    )


def rows(office: Office, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(office.folder / "syncd.db")) as database:
        return database.execute(query).fetchall()


def once(office: Office) -> None:
    done = office.process("once")
    assert done.code == 0, done.out + done.err


def activities(office: Office) -> list[dict[str, object]]:
    shown = json.loads(office.syncd("timeline", "zoe@client.example", "--json").out)["activities"]
    assert isinstance(shown, list)
    return shown


def test_a_mailbox_is_checked_read_and_audited(office: Office, erik: Mailbox) -> None:
    offer(erik)
    checked = office.syncd("check")
    assert checked.code == 0, checked.out
    assert f"by the rights of {ERIK}" in checked.out
    once(office)
    assert "The offer" in office.syncd("timeline", "zoe@client.example").out
    assert rows(office, "SELECT text FROM v1_activity") == [("We take it.",)]
    assert office.syncd("audit").code == 0
    assert office.syncd("status").code == 0


SYNCD = "EXAMPLE\\syncd"
TEAM = f'users = ["{ERIK}"]\nlogin = \'{SYNCD}\'\nunreachable = "board@example.com"'


@pytest.mark.parametrize(
    ("wrong", "cause", "cure"),
    [
        ({"host": "localhost:9"}, "localhost:9 does not answer", "check `host` of mailbox erik"),
        ({"host": "exchange.invalid"}, "no address was found", "in `host` of mailbox erik"),
        ({"secret": "wrong"}, f"does not let {ERIK} in", "check `secret` of mailbox erik"),
        ({"scheme": "basic"}, "takes nobody by ntlm", 'write auth = "basic" for mailbox erik'),
        ({"ca_file": True}, "comes from nobody that this machine trusts", "for mailbox erik"),
        ({"lines": TEAM}, f"{SYNCD} may not read {ERIK}", f"ApplicationImpersonation -User {SYNCD} -Custom"),
        ({"lines": TEAM, "role": True, "gone": True}, f"has no mailbox {ERIK}", f"Get-Mailbox {ERIK}"),
        ({"host": "outlook.office365.com"}, "is Exchange Online", 'kind = "microsoft365"'),
    ],
)
def test_of_whatever_is_wrong_check_tells_the_cause_and_what_to_type(
    office: Office, exchange: FakeEws, erik: Mailbox, wrong: dict[str, Any], cause: str, cure: str, tmp_path: Path
) -> None:
    offer(erik)
    exchange.may_sign_in(SYNCD)
    exchange.scheme = wrong.get("scheme", "ntlm")
    if wrong.get("role"):
        exchange.impersonators.add(SYNCD)
    if wrong.get("gone"):
        del exchange.mailboxes[ERIK]
    configured = block(exchange, **{"lines": wrong["lines"]} if "lines" in wrong else {})
    if "ca_file" in wrong:
        trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
        configured = configured.replace(str(exchange.ca_file), "other.pem")
    office.configure(configured.replace(exchange.host, wrong.get("host", exchange.host)), extra=CONTACTS)
    office.write("exchange.secret", wrong.get("secret", "a password"))
    checked = office.syncd("check")
    assert checked.code != 0
    said = checked.out + checked.err
    assert cause in said
    assert cure in said
    assert "erik" in said


def test_check_tells_that_one_account_reads_more_than_is_registered(
    office: Office, exchange: FakeEws, erik: Mailbox
) -> None:
    exchange.may_sign_in(SYNCD)
    exchange.impersonators.add(SYNCD)
    exchange.mailbox("board@example.com")
    office.configure(block(exchange, TEAM, name="office"), extra=CONTACTS)
    too_far = f"{SYNCD} can read board@example.com, too, which it must not"
    assert too_far in office.syncd("check").out
    exchange.scopes[SYNCD] = {ERIK}
    checked = office.syncd("check")
    assert too_far not in checked.out
    assert f"by the rights of {SYNCD}, by impersonation, which does not open board@example.com" in checked.out


def test_one_account_reads_a_list_of_users_by_impersonation(office: Office, exchange: FakeEws, erik: Mailbox) -> None:
    exchange.may_sign_in(SYNCD)
    exchange.impersonators.add(SYNCD)
    offer(erik, 1)
    offer(exchange.mailbox("ben@example.com"), 2)
    lines = f'users = ["{ERIK}", "ben@example.com"]\nlogin = \'EXAMPLE\\syncd\''
    office.configure(block(exchange, lines, name="office"), extra=CONTACTS)
    once(office)
    assert len(activities(office)) == 2
    names = rows(office, "SELECT name FROM mailbox ORDER BY name")
    assert names == [("office/ben@example.com",), (f"office/{ERIK}",)]


def test_the_same_mail_over_imap_and_over_ews_is_one_activity(
    office: Office, exchange: FakeEws, erik: Mailbox, dovecot: Dovecot
) -> None:
    user = dovecot.new_user()
    dovecot.append(user, [LETTER])
    office.write("anna.secret", dovecot.password)
    office.configure(block(exchange), mailbox(dovecot, user, lines='backfill = "9000d"'), extra=CONTACTS)
    offer(erik)
    once(office)
    (activity,) = activities(office)
    why = office.syncd("why", str(activity["id"])).out
    assert "erik" in why
    assert "anna" in why


def wrapped(uid: str) -> str:
    """As Exchange keeps the UID of a meeting that was made elsewhere."""
    foreign = b"vCal-Uid\x01\x00\x00\x00" + uid.encode() + b"\x00"
    known = bytes.fromhex("040000008200E00074C5B7101A82E008") + bytes(20)
    return (known + len(foreign).to_bytes(4, "little") + foreign).hex().upper()


REVIEW = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:review@client.example\r\nDTSTAMP:20261101T090000Z\r\n"
    f"DTSTART:{STARTS_AT:%Y%m%dT%H%M%SZ}\r\nDURATION:PT1H\r\nSUMMARY:Review\r\n"
    "ORGANIZER:mailto:zoe@client.example\r\nATTENDEE;PARTSTAT=ACCEPTED:mailto:dora@example.com\r\n"
    "END:VEVENT\r\nEND:VCALENDAR\r\n"
)


def test_a_meeting_in_an_exchange_and_a_caldav_calendar_and_its_invitation_are_one_activity(
    office: Office, exchange: FakeEws, erik: Mailbox, radicale: Radicale
) -> None:
    invitation(erik)
    meeting(
        erik, wrapped("review@client.example"), STARTS_AT, item_Subject="Review", calendar_Organizer=ZOE,
        calendar_MyResponseType="Accept", calendar_RequiredAttendees=[Person("Erik", ERIK)],
    )  # fmt: skip
    user = radicale.new_user()
    radicale.fill(user, "work", {"review.ics": REVIEW.encode()})
    office.write("dora.secret", radicale.passwords[user])
    dora = (
        '[[mailboxes]]\nname = "dora"\nowner = "dora@example.com"\nkind = "caldav"\nbackfill = "9000d"\n'
        f'url = "{radicale.url}"\nuser = "{user}"\nsecret = "file:dora.secret"\n'
    )
    office.configure(block(exchange), dora, extra=CONTACTS)
    once(office)
    (activity,) = activities(office)
    assert (activity["kind"], activity["subject"]) == ("meeting", "Review")
    why = office.syncd("why", str(activity["id"])).out
    assert "erik" in why
    assert "dora" in why


def test_an_invitation_without_a_calendar_copy_makes_the_meeting_and_its_cancellation_ends_it(
    office: Office, exchange: FakeEws, erik: Mailbox
) -> None:
    invitation(erik)
    once(office)
    assert rows(office, "SELECT subject, status FROM v1_activity WHERE kind = 'meeting'") == [("Review", "planned")]
    invitation(erik, "MeetingCancellation", "IPM.Schedule.Meeting.Canceled")
    once(office)
    assert rows(office, "SELECT subject, status FROM v1_activity WHERE kind = 'meeting'") == [("Review", "cancelled")]


def invitation(erik: Mailbox, kind: str = "MeetingRequest", item_class: str = "IPM.Schedule.Meeting.Request") -> None:
    deliver(
        erik, f"{kind}@client.example", kind=kind, subject="Review", to=[Person("Erik", ERIK)],
        item_ItemClass=item_class, calendar_UID=wrapped("review@client.example"), calendar_DateTimeStamp=NOON,
        calendar_Start=STARTS_AT, calendar_End=STARTS_AT + timedelta(hours=1),
        calendar_Organizer=ZOE,  # of which a cancellation has nothing
    )  # fmt: skip


def test_a_command_that_reads_no_exchange_mailbox_does_not_load_its_library(office: Office) -> None:
    loaded = (
        "import sys; from pathlib import Path; import syncd.cli.app; from syncd.config import load; "
        f"assert load(Path({str(office.config)!r})).mailboxes[0].kind == 'exchange'; "
        "print([name for name in sys.modules if name.startswith(('exchangelib', 'lxml', 'requests'))])"
    )
    ran = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_a_back_off_is_kept_over_a_restart(office: Office, exchange: FakeEws, erik: Mailbox) -> None:
    offer(erik)
    exchange.troubles = [Fault("ErrorServerBusy", "Try again later.", back_off=600_000)]
    assert office.process("once").code == 1
    ((state, until),) = rows(office, "SELECT state, not_before FROM mailbox")
    assert state == "throttled"
    assert until
    assert len(exchange.requests) == 1


def test_what_wanders_with_its_folder_or_thrice_or_comes_again_is_neither_lost_nor_told_twice(
    office: Office, erik: Mailbox
) -> None:
    root = erik.folder("msgfolderroot")
    projects, customers = erik.add_folder("Projekte", parent=root), erik.add_folder("Kunden", parent=root)
    for number, folder in enumerate((erik.folder("inbox"), projects, erik.folder("inbox")), 1):
        offer(erik, number, folder)
    once(office)
    told = rows(office, "SELECT sequence, kind, activity_id FROM v1_change ORDER BY sequence")
    assert len(activities(office)) == 3
    wanderer, _ = erik.held(erik.folder("inbox"))
    for to in (customers, erik.folder("inbox"), customers):
        wanderer = erik.move(wanderer, to)
    projects.parent = customers
    projects.version += 1
    for number in (1, 2, 3):  # an archive is put back
        offer(erik, number, erik.add_folder(f"Archiv {number}", parent=root))
    once(office)
    assert rows(office, "SELECT sequence, kind, activity_id FROM v1_change ORDER BY sequence") == told
    offer(erik, 4, projects)
    once(office)
    assert len(activities(office)) == 4
    assert office.syncd("audit").code == 0


def test_an_item_that_moves_tells_nothing_twice(office: Office, erik: Mailbox) -> None:
    offer(erik, 1)
    offer(erik, 2)
    once(office)
    told = rows(office, "SELECT sequence, kind, activity_id FROM v1_change ORDER BY sequence")
    first, second = erik.held(erik.folder("inbox"))
    erik.move(first, erik.folder("deleteditems"))
    erik.move(second, erik.add_folder("Kunden", parent=erik.folder("msgfolderroot")))
    once(office)
    erik.migrate()
    once(office)
    assert rows(office, "SELECT sequence, kind, activity_id FROM v1_change ORDER BY sequence") == told
    assert len(activities(office)) == 2
