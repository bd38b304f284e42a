"""The judge of Google's answers is no rubber stamp: a lie of each kind is found."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

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


def test_the_fake_answers_over_the_wire_as_the_documents_say(google: FakeGoogle) -> None:
    """Asked without any client of Google's, and judged without any help of the fake's."""
    mailbox = google.mailbox("anna@example.com")
    html = (
        b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nHi\r\n"
        b"--b\r\nContent-Type: text/html\r\n\r\n<p>Hi\r\n--b--"
    )
    ids = [mailbox.deliver(b"From: bert@example.org\r\n" + html, "INBOX") for _ in range(3)]
    mailbox.label(ids[0], add=["STARRED"], remove=["INBOX"])
    mailbox.delete(ids[1])
    scope = "https://www.googleapis.com/auth/gmail.readonly"
    token = google.oauth._issued("anna@example.com", frozenset({scope}))["access_token"]
    base = "/gmail/v1/users/me"
    asked = {
        f"{base}/profile": "gmail.users.getProfile",
        f"{base}/labels": "gmail.users.labels.list",
        f"{base}/messages?maxResults=1": "gmail.users.messages.list",
        f"{base}/history?startHistoryId=1000&maxResults=2": HISTORY,
        **{f"{base}/messages/{ids[0]}?format={form}": GET for form in ("minimal", "metadata", "full", "raw")},
    }
    found = {
        path: (problems(method, answer), bool(answer))
        for path, method in asked.items()
        for answer in [_get(google.url, path, token)]
    }
    assert found == dict.fromkeys(asked, ([], True))


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
