"""The demo's mail and its server, before the daemon comes to them."""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from imapclient import IMAPClient

from syncd.demo import calendar_server, people
from syncd.demo.agenda import AGENDA
from syncd.demo.mails import Copy, Mail, copies
from syncd.demo.meetings import CALENDAR, CALENDARS, NOTES, TASKS, Entry, Meeting, Note, Task, entries
from syncd.demo.server import Server, prepare, serve
from syncd.demo.story import STORY
from tests.servers.dav import Dav

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
USER, PASSWORD = people.ADA.address, "not a secret"


def copies_of(*mails: Mail) -> list[Copy]:
    return [copy for mail in mails for copy in copies(mail, NOW)]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    prepare(tmp_path / "mail", [USER], ["Sent"], PASSWORD)
    with serve(tmp_path / "mail") as running:
        yield running


@pytest.fixture
def session(server: Server) -> Iterator[IMAPClient]:
    client = IMAPClient("127.0.0.1", port=server.port, ssl=False)
    client.login(USER, PASSWORD)
    yield client
    client.shutdown()


def test_mail_that_is_delivered_while_a_session_is_open_can_be_read_in_it(server: Server, session: IMAPClient) -> None:
    session.select_folder("INBOX", readonly=True)
    server.deliver(USER, "INBOX", b"Subject: one more\r\n\r\nHello\r\n", NOW)
    assert session.select_folder("INBOX", readonly=True)[b"EXISTS"] == 1
    fetched = session.fetch([1], ["BODY.PEEK[HEADER.FIELDS (SUBJECT)]", "INTERNALDATE"])
    assert b"one more" in fetched[1][b"BODY[HEADER.FIELDS (SUBJECT)]"]
    assert fetched[1][b"INTERNALDATE"].date() == NOW.date()


def test_the_server_stops_while_a_session_is_still_open(tmp_path: Path) -> None:
    prepare(tmp_path / "mail", [USER], [], PASSWORD)
    with serve(tmp_path / "mail") as running:
        client = IMAPClient("127.0.0.1", port=running.port, ssl=False)
    with pytest.raises((OSError, client.Error)):
        client.login(USER, PASSWORD)
    client.shutdown()


def test_a_mail_lies_in_sent_of_who_wrote_it_and_in_the_inbox_of_each_it_reached() -> None:
    mail = Mail("one", 1, people.BEN, (people.TOM, people.ADA), "One", cc=(people.CLEO,))
    assert {(copy.user, copy.folder) for copy in copies_of(mail)} == {
        (people.BEN.address, "Sent"),
        (people.ADA.address, "INBOX"),
        (people.CLEO.address, "INBOX"),
    }
    assert len({copy.content for copy in copies_of(mail)}) == 1


def test_what_goes_to_an_alias_lies_in_its_owners_mailbox() -> None:
    mail = Mail("one", 1, people.TOM, (people.BEN_ELSEWHERE,), "One")
    assert [copy.user for copy in copies_of(mail)] == [people.BEN.address]


def test_an_answer_names_the_whole_conversation_before_it() -> None:
    first = Mail("one", 3, people.TOM, (people.BEN,), "One")
    second = Mail("two", 2, people.BEN, (people.TOM,), "Re: One", answers=first)
    third = Mail("three", 1, people.TOM, (people.BEN,), "Re: One", answers=second)
    written = email.message_from_bytes(copies_of(third)[0].content)
    assert written["References"].split() == [first.message_id, second.message_id]
    assert written["In-Reply-To"] == second.message_id


def entries_of(*items: Meeting | Task | Note) -> list[Entry]:
    return [entry for item in items for entry in entries(item, NOW)]


def test_a_meeting_lies_in_the_calendar_of_each_of_the_team_who_takes_part_and_is_one_meeting() -> None:
    meeting = Meeting("one", 1, people.BEN, (people.TOM, people.ADA), "One")
    assert {(entry.user, entry.calendar, entry.name) for entry in entries_of(meeting)} == {
        (people.BEN.address, CALENDAR, "one.ics"),
        (people.ADA.address, CALENDAR, "one.ics"),
    }
    assert len({entry.content for entry in entries_of(meeting)}) == 1


def test_a_task_and_a_note_lie_in_their_owners_lists_only() -> None:
    task, note = Task("one", 1, people.ADA, "One"), Note("two", 1, people.CLEO, "Two", "Said.")
    assert [(entry.user, entry.calendar) for entry in entries_of(task, note)] == [
        (people.ADA.address, TASKS),
        (people.CLEO.address, NOTES),
    ]


def test_the_calendar_server_gives_each_user_what_was_put_into_their_calendars_and_the_newest_version(
    tmp_path: Path,
) -> None:
    users = [people.ADA.address, people.BEN.address]
    calendar_server.prepare(tmp_path / "calendars", users, CALENDARS, PASSWORD)
    with calendar_server.serve(tmp_path / "calendars") as running:
        ada, ben = (Dav(running.url, f"/{user}/", user, PASSWORD) for user in users)
        path = f"{ada.home}{CALENDAR}/one.ics"
        for subject in ("One", "Another"):
            running.put(people.ADA.address, CALENDAR, "one.ics", _event(subject))
        assert b"SUMMARY:Another" in ada.get(path)
        assert ben.request("GET", path).status == 403
        listed = ada.request("PROPFIND", ada.home, depth="1").body.decode()
        assert all(f"/{name}/" in listed for name in CALENDARS)


def _event(subject: str) -> bytes:
    (entry,) = entries_of(Meeting("one", 1, people.ADA, (people.TOM,), subject))
    return entry.content


def test_each_outcome_that_the_agenda_tells_is_that_of_one_time_that_a_meeting_takes_place() -> None:
    meetings = [item for item in AGENDA if isinstance(item, Meeting) and item.rule == "logged"]
    assert [len(each.outcomes) for each in meetings] == [each.weeks - len(each.dropped) for each in meetings]


def test_everybody_in_the_story_is_on_an_example_domain() -> None:
    written = [email.message_from_bytes(copy.content) for copy in copies_of(*STORY)]
    headers = [str(value) for mail in written for name in ("From", "To", "Cc") for value in mail.get_all(name, [])]
    addresses = [
        part for header in headers for part in header.replace(">", " ").replace("<", " ").split() if "@" in part
    ]
    assert len(addresses) > len(STORY)
    assert {address for address in addresses if not address.lower().endswith(".example")} == set()


def test_everybody_in_the_agenda_is_on_an_example_domain() -> None:
    written = b"".join(entry.content for entry in entries_of(*AGENDA)).decode()
    domains = set(re.findall(r"@([\w.-]+)", written))
    assert domains > {"ourco.example", "alder-bakery.example"}
    assert {domain for domain in domains if not domain.endswith(".example")} == set()


def test_no_two_mails_of_the_story_have_one_key_and_no_two_entries_of_the_agenda() -> None:
    assert len({mail.key for mail in STORY}) == len(STORY)
    assert len({item.key for item in AGENDA}) == len(AGENDA)
