"""The judge of Google's answers is no rubber stamp: a lie of each kind is found."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from connectors.base import ContactsWanted
from connectors.google_calendar import CalendarSource
from connectors.google_contacts import scopes as contacts
from connectors.google_tasks import TaskSource
from tests.servers.fake_google import FakeGoogle
from tests.servers.google_documents import methods, problems

GET, HISTORY, USERS = "gmail.users.messages.get", "gmail.users.history.list", "directory.users.list"

TRUE: list[tuple[str, dict[str, Any]]] = [
    (GET, {"id": "a", "threadId": "a", "labelIds": ["INBOX"], "historyId": "18446744073709551615", "sizeEstimate": 5}),
    (GET, {"payload": {"body": {"size": 3, "data": "SGk_-w=="}, "headers": [{"name": "To", "value": ""}]}}),
    (HISTORY, {"historyId": "7", "history": [{"id": "5", "messagesAdded": [{"message": {"id": "a"}}]}]}),
    (HISTORY, {}),
    (USERS, {"users": [{"primaryEmail": "anna@example.com", "suspended": False, "aliases": ["a@example.com"]}]}),
]
LIES: list[tuple[str, object]] = [
    (GET, {"id": 7}),
    (GET, {"historyId": 7}),
    (GET, {"historyId": "-7"}),
    (GET, {"historyId": "18446744073709551616"}),
    (GET, {"internalDate": "yesterday"}),
    (GET, {"sizeEstimate": "5"}),
    (GET, {"sizeEstimate": True}),
    (GET, {"sizeEstimate": 2**31}),
    (GET, {"labelIds": "INBOX"}),
    (GET, {"subject": "Offer"}),
    (GET, {"raw": "no base64!"}),
    (GET, {"payload": {"parts": [{"body": {"data": "a+b/"}}]}}),
    (GET, []),
    (HISTORY, {"history": [{"messagesAdded": [{"id": "a"}]}]}),
    (USERS, {"users": [{"suspended": "false"}]}),
]


@pytest.mark.parametrize(("method", "body"), TRUE)
def test_what_google_answers_passes(method: str, body: object) -> None:
    assert problems(method, body) == []


@pytest.mark.parametrize(("method", "body"), LIES)
def test_what_google_would_never_answer_is_found(method: str, body: object) -> None:
    assert len(problems(method, body)) == 1


ANNA = "anna@example.com"
SCOPES = {
    "https://www.googleapis.com/auth/gmail.readonly",
    "https://www.googleapis.com/auth/admin.directory.user.readonly",
    *CalendarSource.scopes,
    *TaskSource.scopes,
    *contacts(ContactsWanted(others=True)),
}


def a_full_account(google: FakeGoogle) -> tuple[str, str, str]:
    """With something of everything; returns the ids of a message, an event and a task."""
    mailbox, calendar = google.mailbox(ANNA), google.calendar(ANNA)
    tasks, book = google.task_list(ANNA), google.address_book(ANNA)
    html = (
        b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nHi\r\n"
        b"--b\r\nContent-Type: text/html\r\n\r\n<p>Hi\r\n--b--"
    )
    ids = [mailbox.deliver(b"From: bert@example.org\r\n" + html, "INBOX") for _ in range(3)]
    mailbox.label(ids[0], add=["STARRED"], remove=["INBOX"])
    mailbox.delete(ids[1])
    begins = {"dateTime": "2026-11-20T09:00:00Z", "timeZone": "Europe/Berlin"}
    ends = {"dateTime": "2026-11-20T10:00:00Z", "timeZone": "Europe/Berlin"}
    series = calendar.put({"start": begins, "end": ends, "recurrence": ["RRULE:FREQ=DAILY;COUNT=3"]})
    calendar.cancel_occurrence(series, begins)
    calendar.delete(calendar.put({"start": begins, "end": ends}))
    done = tasks.put({"title": "Call Zoe", "due": "2026-11-27T00:00:00.000Z"})
    tasks.done(done, "2026-11-20T12:01:00.000Z")
    person = book.saved.put("Zoe", "zoe@client.example", memberships=[book.membership("Customers")])
    book.saved.rename(person)
    book.others.delete(book.others.put("Yan", "yan@client.example"))
    google.admins.add(ANNA)
    google.directory = [{"primaryEmail": ANNA, "suspended": False, "isMailboxSetup": True}]
    return ids[0], series, done


def questions(message: str, series: str, done: str) -> dict[str, str]:
    """What can be asked about it -> the method that it is."""
    gmail, events, lists = "/gmail/v1/users/me", f"/calendar/v3/calendars/{ANNA}/events", "/tasks/v1/lists/list1/tasks"
    return {
        f"{gmail}/profile": "gmail.users.getProfile",
        f"{gmail}/labels": "gmail.users.labels.list",
        f"{gmail}/messages?maxResults=1": "gmail.users.messages.list",
        f"{gmail}/history?startHistoryId=1000&maxResults=2": HISTORY,
        **{f"{gmail}/messages/{message}?format={form}": GET for form in ("minimal", "metadata", "full", "raw")},
        "/calendar/v3/users/me/calendarList": "calendar.calendarList.list",
        events: "calendar.events.list",
        f"{events}?syncToken=100": "calendar.events.list",
        f"{events}/{series}": "calendar.events.get",
        "/tasks/v1/users/@me/lists": "tasks.tasklists.list",
        f"{lists}?showHidden=true": "tasks.tasks.list",
        f"{lists}/{done}": "tasks.tasks.get",
        "/v1/people/me/connections?personFields=names&requestSyncToken=true": "people.people.connections.list",
        "/v1/otherContacts?readMask=names": "people.otherContacts.list",
        "/v1/contactGroups": "people.contactGroups.list",
        "/admin/directory/v1/users?domain=example.com": USERS,
    }


def test_the_fake_answers_over_the_wire_as_the_documents_say(google: FakeGoogle) -> None:
    """Asked without any client of Google's, and judged without any help of the fake's."""
    asked = questions(*a_full_account(google))
    token = google.oauth._issued(ANNA, frozenset(SCOPES))["access_token"]
    found = {
        path: (problems(method, answer), "error" in answer)
        for path, method in asked.items()
        for answer in [_get(google.url, path, token)]
    }
    assert found == dict.fromkeys(asked, ([], False))


def _get(url: str, path: str, token: str) -> Any:
    connection = HTTPConnection(urlsplit(url).netloc)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def test_paths_are_known_as_the_documents_write_them() -> None:
    path = "/gmail/v1/users/me/messages/19a"
    (known,) = [
        method.id for method in methods().values() if method.http_method == "GET" and method.path.fullmatch(path)
    ]
    assert known == GET
