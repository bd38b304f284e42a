"""A Google mailbox through the doors of the program: signed in, checked, read, and told apart from no other copy."""

from __future__ import annotations

import json
import shlex
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.servers.dovecot import Dovecot
from tests.servers.fake_google import FakeGoogle
from tests.servers.radicale import Radicale
from tests.syncd.doors import PROGRAM, Office, mailbox

CARL = "carl@example.com"
LETTER = (
    b"From: Zoe <zoe@client.example>\r\nTo: carl@example.com, anna@example.com\r\nSubject: The offer\r\n"
    b"Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <offer@client.example>\r\n\r\nWe take it.\r\n"
)
CONTACTS = '[directory]\nkind = "csv"\ncontacts = "contacts.csv"'


def block(google: FakeGoogle, lines: str = "") -> str:
    return (
        f'[[mailboxes]]\nname = "carl"\nowner = "{CARL}"\nkind = "google"\nuser = "{CARL}"\nbackfill = "9000d"\n'
        f'secret = "file:google.json"\nendpoint = "{google.url}"\n{lines}\n'
    )


@pytest.fixture
def office(tmp_path: Path, google: FakeGoogle) -> Office:
    office = Office(tmp_path)
    office.write("google.json", google.oauth.client_file(f"{google.url}/token"))
    office.write("contacts.csv", "id,name,email\nzoe,Zoe,zoe@client.example\n")
    office.configure(block(google), extra=CONTACTS)
    return office


def sign_in(office: Office, google: FakeGoogle, user: str = CARL, ticked: frozenset[str] | None = None) -> str:
    """`syncd auth` at a machine without a browser: the address is opened elsewhere, and where it ends is pasted."""
    with subprocess.Popen(
        [*PROGRAM, "auth", "carl", "--no-browser", "--config", str(office.config)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as program:  # fmt: skip
        assert program.stdin
        assert program.stdout
        address = next(line for line in program.stdout if "code_challenge=" in line)
        program.stdin.write(google.oauth.consent(parse_qs(urlsplit(address.strip()).query), user, ticked) + "\n")
        program.stdin.close()
        return program.stdout.read()


def test_a_mailbox_is_signed_in_checked_read_and_shown(office: Office, google: FakeGoogle) -> None:
    google.mailbox(CARL).deliver(LETTER)
    before = office.syncd("check")
    assert before.code == 1
    assert "carl@example.com has not signed in yet" in before.out
    assert "syncd auth carl" in before.out

    said = sign_in(office, google)
    allowed = "calendar.calendarlist.readonly, calendar.events.readonly, gmail.readonly, tasks.readonly"
    assert f"Signed in as {CARL}; allowed: {allowed}." in said

    checked = office.syncd("check")
    assert checked.code == 0
    assert f"by the rights of {CARL}: {allowed}" in checked.out
    once = office.process("once")
    assert once.code == 0, once.err
    assert "The offer" in office.syncd("timeline", "zoe@client.example").out
    assert office.syncd("status").code == 0


def test_the_owner_signs_in_with_a_browser_of_this_machine(office: Office, google: FakeGoogle) -> None:
    """One that is waited for until it has shown its last page, as those are that need no screen."""
    google.mailbox(CARL)
    google.oauth.at_browser = CARL
    follow = "import sys, urllib.request as web; print(web.urlopen(sys.argv[1], timeout=20).read())"
    browser = f"{shlex.quote(sys.executable)} -c {shlex.quote(follow)} %s"
    there = Office(office.folder, environment={"BROWSER": browser})
    there.configure(block(google), extra=CONTACTS)
    signed = there.process("auth", "carl")
    assert signed.code == 0, signed.err
    before, _, after = signed.out.partition("syncd has your answer")
    assert "A browser should open. If none does, open this" in before
    assert f"Signed in as {CARL}; allowed:" in after
    assert office.syncd("check").code == 0


def test_the_wrong_account_that_signs_in_leaves_the_mailbox_closed(office: Office, google: FakeGoogle) -> None:
    said = sign_in(office, google, user="ben@example.com")
    assert "the mailbox that answers is ben@example.com, not carl@example.com" in said
    assert office.syncd("check").code == 1


def test_no_token_and_no_secret_is_on_the_disk_or_in_what_is_said(office: Office, google: FakeGoogle) -> None:
    google.mailbox(CARL).deliver(LETTER)
    said = sign_in(office, google) + office.process("once").out + office.process("check").out
    secrets = [*google.oauth.grants, *google.oauth.accesses, google.oauth.client_secret]
    held = b"".join(path.read_bytes() for path in office.folder.rglob("*") if path.name != "google.json")
    assert secrets
    assert [secret for secret in secrets if secret.encode() in held or secret in said] == []


def test_the_same_mail_over_imap_and_over_the_api_is_one_activity(
    office: Office, google: FakeGoogle, dovecot: Dovecot
) -> None:
    user = dovecot.new_user()
    dovecot.append(user, [LETTER])
    office.write("anna.secret", dovecot.password)
    office.configure(block(google), mailbox(dovecot, user, lines='backfill = "9000d"'), extra=CONTACTS)
    google.mailbox(CARL).deliver(LETTER.replace(b"\r\n\r\n", b"\r\nDelivered-To: carl@example.com\r\n\r\n", 1))
    sign_in(office, google)

    assert office.process("once").code == 0

    (activity,) = json.loads(office.syncd("timeline", "zoe@client.example", "--json").out)["activities"]
    why = office.syncd("why", activity["id"]).out
    assert "carl" in why
    assert "anna" in why


MEETING_ICS = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:offer@client.example\r\n"
    "DTSTAMP:20261101T100000Z\r\nDTSTART:20261120T090000Z\r\nDTEND:20261120T100000Z\r\nSUMMARY:The offer\r\n"
    "ORGANIZER:mailto:zoe@client.example\r\nATTENDEE:mailto:carl@example.com\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)
INVITATION = (
    "From: Zoe <zoe@client.example>\r\nTo: carl@example.com\r\nSubject: Invitation: The offer\r\n"
    "Date: Sun, 01 Nov 2026 10:00:00 +0000\r\nMessage-ID: <invitation@client.example>\r\n"
    'Content-Type: multipart/alternative; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nCome\r\n'
    f"--b\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\n{MEETING_ICS}--b--\r\n"
)


def test_one_meeting_in_a_google_and_a_caldav_calendar_and_its_invitation_by_mail_are_one_activity(
    office: Office, google: FakeGoogle, radicale: Radicale
) -> None:
    google.mailbox(CARL).deliver(INVITATION.encode())
    google.calendar(CARL).put(
        {
            "iCalUID": "offer@client.example",
            "summary": "The offer",
            "start": {"dateTime": "2026-11-20T09:00:00Z"},
            "end": {"dateTime": "2026-11-20T10:00:00Z"},
            "organizer": {"email": "zoe@client.example"},
            "attendees": [{"email": CARL, "self": True, "responseStatus": "accepted"}],
        }
    )
    user = radicale.new_user()
    radicale.fill(user, "work", {"offer.ics": MEETING_ICS.replace("METHOD:REQUEST\r\n", "").encode()})
    office.write("dora.secret", radicale.passwords[user])
    dora = (
        '[[mailboxes]]\nname = "dora"\nowner = "dora@example.com"\nkind = "caldav"\nbackfill = "9000d"\n'
        f'url = "{radicale.url}"\nuser = "{user}"\nsecret = "file:dora.secret"\n'
    )
    office.configure(block(google), dora, extra=CONTACTS)
    sign_in(office, google)

    once = office.process("once")

    assert once.code == 0, once.err
    (activity,) = json.loads(office.syncd("timeline", "zoe@client.example", "--json").out)["activities"]
    assert (activity["kind"], activity["subject"]) == ("meeting", "The offer")
    why = office.syncd("why", activity["id"]).out
    assert "carl" in why
    assert "dora" in why


def test_a_command_that_reads_no_google_mailbox_does_not_load_googles_libraries(office: Office) -> None:
    loaded = (
        "import sys; from pathlib import Path; import syncd.cli.app; from syncd.config import load; "
        f"assert load(Path({str(office.config)!r})).mailboxes[0].kind == 'google'; "
        "print([name for name in sys.modules if name.startswith(('googleapiclient', 'google.', 'httplib2'))])"
    )
    ran = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_three_weeks_offline_lose_nothing_and_announce_nothing_twice(office: Office, google: FakeGoogle) -> None:
    gmail, calendar = google.mailbox(CARL), google.calendar(CARL)
    mails = [gmail.deliver(_numbered(number)) for number in range(3)]
    _, moves, leaves = (calendar.put(_meeting(number)) for number in range(3))
    office.configure(block(google, 'read = ["mail", "calendar"]'), extra=CONTACTS)
    sign_in(office, google)
    assert office.process("once").code == 0
    told, known = _feed(office), _timeline(office)
    assert [kind for _, kind, _ in told] == ["created"] * 6

    google.clock.sleep(86_400)
    gmail.deliver(_numbered(3))
    gmail.delete(mails[0])
    calendar.put(_meeting(3))
    calendar.put({**calendar.events[moves], "location": "Room 7"})
    calendar.delete(leaves)
    google.clock.sleep(20 * 86_400)
    calendar.end_tokens()
    google.calls.clear()
    assert office.process("once").code == 0

    assert len(google.of("gmail.users.history.list")) == 2, "the old one, and that of the new beginning"
    assert [call.query.get("syncToken") for call in google.of("calendar.events.list")][1:] == [None]
    came = {each: subject for each, subject in _timeline(office).items() if each not in known}
    assert sorted(came.values()) == ["Meeting 3", "Offer 3"]
    assert known.items() <= _timeline(office).items(), "nothing is lost, not even what was deleted meanwhile"
    later = _feed(office)[len(told) :]
    assert sorted(str(activity) for _, kind, activity in later if kind == "created") == sorted(came)
    assert {known[str(activity)] for _, kind, activity in later if kind != "created"} == {"Meeting 1"}

    assert office.process("once").code == 0
    assert len(_feed(office)) == len(told) + len(later)


def _meeting(number: int) -> dict[str, Any]:
    return {
        "iCalUID": f"meeting-{number}@client.example",
        "summary": f"Meeting {number}",
        "start": {"dateTime": f"2026-11-2{number}T09:00:00Z"},
        "end": {"dateTime": f"2026-11-2{number}T10:00:00Z"},
        "organizer": {"email": "zoe@client.example"},
        "attendees": [{"email": CARL, "self": True, "responseStatus": "accepted"}],
    }


def _timeline(office: Office) -> dict[str, str]:
    """Activity -> its subject."""
    shown: Any = office.syncd("timeline", "zoe@client.example", "--json").json
    return {each["id"]: each["subject"] for each in shown["activities"]}


def _numbered(number: int) -> bytes:
    return LETTER.replace(b"offer@", b"offer-%d@" % number).replace(b"The offer", b"Offer %d" % number)


def _feed(office: Office) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(office.folder / "syncd.db")) as database:
        return database.execute("SELECT sequence, kind, activity_id FROM v1_change ORDER BY sequence").fetchall()


def test_a_consent_that_ends_soon_is_a_warning_in_status_until_it_is_renewed(
    office: Office, google: FakeGoogle
) -> None:
    google.clock.now = time.time()
    google.oauth.testing = True
    google.mailbox(CARL).deliver(LETTER)
    sign_in(office, google)
    assert office.process("once", "--again").code == 0
    shown = office.syncd("status")
    assert "the app is in Testing, so this consent ends on" in shown.out
    assert "https://console.cloud.google.com/auth/audience" in shown.out
    assert shown.code == 0

    google.oauth.testing = False
    sign_in(office, google)
    with closing(sqlite3.connect(office.folder / "syncd.db")) as database, database:
        database.execute("UPDATE stream SET reconciled_at = NULL")
    assert office.process("once").code == 0
    assert "Testing" not in office.syncd("status").out


def test_a_mailbox_of_headers_only_is_counted_and_a_gap_in_it_is_found_and_filled(
    office: Office, google: FakeGoogle
) -> None:
    office.configure(block(google, 'level = "metadata"\nread = ["mail"]'), extra=CONTACTS)
    gmail = google.mailbox(CARL)
    for number in range(3):
        gmail.deliver(_numbered(number))
    gmail.deliver(_numbered(3), "DRAFT")
    gmail.deliver(_numbered(4), at=datetime(1999, 12, 31, tzinfo=UTC).timestamp())
    sign_in(office, google)
    assert office.process("once").code == 0
    assert _audited(office) == {"held": 3, "logged": 3, "missing": []}

    with closing(sqlite3.connect(office.folder / "syncd.db")) as database, database:
        database.execute("DELETE FROM sighting WHERE id = (SELECT min(id) FROM sighting)")
        database.execute("UPDATE stream SET reconciled_at = '2026-01-01T00:00:00+00:00'")
    (lost,) = _audited(office)["missing"]
    assert lost in gmail.mails
    assert office.process("once").code == 0
    assert _audited(office) == {"held": 3, "logged": 3, "missing": []}


def _audited(office: Office) -> dict[str, Any]:
    audited: Any = office.syncd("audit", "--json").json
    (stream,) = audited["mailboxes"][0]["streams"]
    return {name: stream[name] for name in ("held", "logged", "missing")}


def test_check_samples_the_calendars_without_asking_for_each_event(office: Office, google: FakeGoogle) -> None:
    google.clock.now = time.time()
    calendar = google.calendar(CARL)
    soon = datetime.now(UTC) - timedelta(days=3)
    for number in range(60):
        guest = "zoe@client.example" if number >= 55 else "ben@example.com"
        begins = soon + timedelta(hours=number)
        calendar.put(
            {
                "summary": f"Meeting {number}",
                "start": {"dateTime": begins.isoformat()},
                "end": {"dateTime": (begins + timedelta(hours=1)).isoformat()},
                "organizer": {"email": CARL, "self": True},
                "attendees": [{"email": CARL, "self": True, "responseStatus": "accepted"}, {"email": guest}],
            }
        )
    office.configure(block(google, 'read = ["calendar"]'), extra=CONTACTS)
    sign_in(office, google)
    checked = office.syncd("check")
    assert checked.code == 0, checked.out
    assert "of the newest 50 meetings: internal_only 45, logged 5" in checked.out
    assert google.of("calendar.events.get") == []
