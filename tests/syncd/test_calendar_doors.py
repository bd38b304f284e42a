"""Calendars, task lists and notes through the doors of the program, on a real server: what works, and what is said when
something does not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.servers.dav import Dav
from tests.servers.radicale import Radicale
from tests.syncd.agendas import DAY, put, vcalendar
from tests.syncd.daemons import Setup, started
from tests.syncd.doors import Office
from tests.waiting import eventually

NOW = datetime.now(UTC)
CONTACTS = '[directory]\nkind = "csv"\ncontacts = "contacts.csv"'


def _at(days: int) -> str:
    return f":{NOW + days * DAY:%Y%m%dT090000Z}"


@pytest.fixture
def owner(radicale: Radicale) -> Dav:
    owner = radicale.owner(radicale.new_user())
    for path, title in (("c1", "Work"), ("c2", "Family"), ("c3", "Team")):
        owner.make_calendar(path, title=title)
    tasks = owner.make_calendar("t", title="To do", components=["VTODO"])
    notes = owner.make_calendar("n", title="Journal", components=["VJOURNAL"])
    work = f"{owner.home}c1/"
    put(owner, work, "soon", _at(3))
    put(owner, f"{owner.home}c3/", "soon", _at(3))
    put(owner, work, "weekly", _at(-8), "RRULE:FREQ=WEEKLY;COUNT=3")
    put(owner, work, "secret", _at(2), "CLASS:PRIVATE")
    put(owner, work, "endless", _at(1), "RRULE:FREQ=SECONDLY")
    task = ("BEGIN:VTODO", "UID:task@example.com", "SUMMARY:Call zoe@client.example", f"COMPLETED{_at(-2)}")
    owner.put(f"{tasks}1.ics", vcalendar(*task, "END:VTODO"))
    note = ("BEGIN:VJOURNAL", "UID:note@example.com", "SUMMARY:Lunch with zoe@client.example", f"DTSTART{_at(-4)}")
    owner.put(f"{notes}1.ics", vcalendar(*note, "END:VJOURNAL"))
    return owner


@pytest.fixture
def office(tmp_path: Path, owner: Dav) -> Office:
    office = Office(tmp_path)
    office.write("anna.secret", owner.password)
    office.write("contacts.csv", "id,name,email\nzoe,Zoe,zoe@client.example\n")
    office.configure(_block(owner, 'exclude = ["Family"]'), extra=CONTACTS)
    return office


def _block(owner: Dav, *lines: str) -> str:
    given = "\n".join(lines)
    url = "" if "url =" in given else f'url = "{owner.url}/"\n'
    secret = "" if "secret =" in given else 'secret = "file:anna.secret"\n'
    return (
        '[[mailboxes]]\nname = "anna"\nowner = "anna@example.com"\nkind = "caldav"\n'
        f'user = "{owner.user}"\n{url}{secret}{given}\n'
    )


def test_a_check_says_which_calendars_and_lists_would_be_read_and_what_would_be_logged(office: Office) -> None:
    ran = office.syncd("check")
    assert ran.code == 0
    for said in (
        "  reads 2 calendars: Team, Work",
        "  reads 1 task list: To do",
        "  reads 1 list of notes: Journal",
        "  leaves out: Family (calendar_excluded)",
        "meetings: logged 5, private 1",
    ):
        assert said in ran.out


@pytest.mark.parametrize(
    ("line", "cause", "cure"),
    [
        ('url = "http://localhost:1/"', "localhost port 1 refuses connections", "port in `url` of mailbox anna"),
        (
            'url = "https://none.invalid/"',
            "no address was found for none.invalid",
            "none.invalid in `url` of mailbox anna",
        ),
        ('secret = "env:WRONG"', "localhost does not let", "where `secret` of mailbox anna points to"),
        ('auth = "digest"', "it does not offer HTTP Digest", 'write auth = "basic" for mailbox anna'),
        ('include = ["Wrok"]', "the server has no calendar 'Wrok'", "include and exclude of mailbox anna"),
        ('include = ["/nobody/calendar/"]', "nothing of it would be read", "include and exclude of mailbox anna"),
    ],
)
def test_what_is_wrong_is_said_with_the_mailbox_its_cause_and_what_to_do(
    office: Office, owner: Dav, line: str, cause: str, cure: str
) -> None:
    office.configure(_block(owner, line), extra=CONTACTS)
    office.environment = {"WRONG": "not the password"}
    ran = office.syncd("check")
    assert ran.code == 1
    assert "anna: FAILED" in ran.out
    assert cause in ran.out
    assert cure in ran.out.partition("    try: ")[2].partition("\n")[0]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('url = "http://cloud.example.com/"', "would send the password in clear to cloud.example.com; write https://"),
        ('zone = "Vienna"', "zone = 'Vienna' is no time zone; write one like \"Europe/Vienna\""),
    ],
)
def test_what_can_be_seen_to_be_wrong_in_the_file_is_said_before_anything_is_asked(
    office: Office, owner: Dav, line: str, said: str
) -> None:
    office.configure(_block(owner, line))
    ran = office.syncd("check")
    assert ran.code == 78
    assert 'mailboxes[1] "anna"' in ran.err
    assert said in ran.err


def test_a_server_with_a_private_certificate_is_read_once_its_authority_is_named(
    office: Office, radicale_over_tls: Radicale
) -> None:
    owner = radicale_over_tls.owner(radicale_over_tls.new_user())
    owner.make_calendar("work")
    office.write("anna.secret", owner.password)
    office.configure(_block(owner), extra=CONTACTS)
    refused = office.syncd("check")
    assert "comes from nobody that this machine trusts" in refused.out
    assert "    try: if it comes from an authority of your own, write ca_file = " in refused.out
    office.configure(_block(owner, f'ca_file = "{radicale_over_tls.ca_file}"'), extra=CONTACTS)
    assert office.syncd("check").code == 0


def test_once_timeline_and_why_tell_of_meetings_tasks_and_notes(office: Office, owner: Dav) -> None:
    ran = office.process("once")
    assert ran.code == 0, ran.err
    assert "meetings" in ran.out
    shown = office.syncd("timeline", "zoe").out
    for said in ("meeting planned  About soon", "meeting held  About weekly", "task done  Call", "note  Lunch"):
        assert said in shown
    soon = office.syncd("why", "soon@example.com").out
    assert "About soon, planned" in soon
    assert f"  anna, Team, {owner.home}c3/soon.ics: logged (the organizer's copy)" in soon
    assert "  linked to contact Zoe: attendee address (rule)" in soon
    assert office.syncd("why", f"{owner.home}c1/soon.ics").out == soon
    assert office.syncd("why", "weekly@example.com").out.count("meeting ") == 3
    assert "skipped, private (CLASS:PRIVATE)" in office.syncd("why", "secret@example.com").out
    assert "task " in office.syncd("why", "task@example.com").out
    assert "note " in office.syncd("why", "note@example.com").out


def test_status_names_what_could_not_be_read_and_what_to_do(office: Office, owner: Dav) -> None:
    for _ in range(3):
        office.process("once")
    shown = office.syncd("status")
    assert shown.code == 0
    place = f"{owner.home}c1/endless.ics"
    assert f"anna, Work: warning\n  1 could not be read, the last {place}: it has more than 5,000" in shown.out
    assert "    try: mend or delete it there" in shown.out


def test_status_says_that_nothing_of_a_mailbox_is_read(office: Office, owner: Dav) -> None:
    office.configure(_block(owner, 'include = ["/nobody/calendar/"]'), extra=CONTACTS)
    office.process("once")
    shown = office.syncd("status").out
    assert "  nothing of it is read: include and exclude leave out all that there is" in shown
    assert "    try: syncd check anna lists what there is" in shown


class Daemon(Setup):
    """Of the block that is given for the mailbox."""

    def section(self, name: str, user: str) -> str:
        return user


def test_the_running_daemon_follows_a_reschedule_a_cancellation_and_a_private_flip(tmp_path: Path, owner: Dav) -> None:
    setup = Daemon(tmp_path, mailboxes={"anna": _block(owner)})
    setup.secret("anna", owner.password)
    work = f"{owner.home}c1/"
    put(owner, work, "open", _at(-3))

    def status(uid: str) -> object:
        return next((row[0] for row in setup.rows(f"SELECT status FROM activity WHERE subject = 'About {uid}'")), None)

    with started(setup) as daemon:
        daemon.wait_for("pass_finished", stream="Work")
        assert status("open") == "held"
        put(owner, work, "soon", _at(4), "SEQUENCE:1")
        owner.delete(f"{owner.home}c3/soon.ics")
        eventually(lambda: setup.rows("SELECT rescheduled FROM activity WHERE subject = 'About soon'") == [(1,)])
        put(owner, work, "soon", _at(4), "SEQUENCE:2", "STATUS:CANCELLED")
        eventually(lambda: status("soon") == "cancelled")
        put(owner, work, "open", _at(-3), "CLASS:PRIVATE")
        eventually(lambda: status("open") is None)
        assert daemon.stop() == 0
