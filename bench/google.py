"""What syncd costs over Google's own client: a first sync and a poll that finds nothing, beside a bare loop over it.

The fake of the tests stands for Google, in a process of its own; what is measured is the CPU of the reader alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import httplib2
from googleapiclient import discovery
from googleapiclient.http import BatchHttpRequest

from bench.google_crowd import Crowd
from bench.provider import apart
from connectors.base import Context, Stream
from connectors.google import GoogleAccount
from connectors.google_settings import Settings
from connectors.google_sign_in import MAIL, Client, credentials
from connectors.google_tokens import ask
from store import health, migrations
from store.health import Registration
from store.writer import open_store
from syncd.model import Cursor, Level, Policy
from syncd.sync import Pass
from tests.connectors.contexts import MemoryTokens
from tests.servers import fake_google_wire

USER = "anna@example.com"
_BATCH = 50
_LOOKS = 50
"""So many polls are measured at once."""
MOST_OWN = 1.0
"""Of the client's CPU for a message of a first sync, that syncd may add."""
MOST_MEMORY = 400e6
"""Bytes, for a thousand mailboxes in one process."""


def _serve(messages: int, pipe: Connection) -> None:
    with fake_google_wire.serve(time.time()) as fake:
        for number in range(messages):
            fake.mailbox(USER).deliver(_letter(number), at=time.time() - number * 60)
        secret = fake.oauth.client_file(f"{fake.url}/token")
        pipe.send((fake.url, secret, fake.oauth.client_id, fake.oauth.grant(USER, MAIL)))
        pipe.recv()


def _letter(number: int) -> bytes:
    """One of ten is from a known contact."""
    sender = "zoe@client.example" if number % 10 == 0 else f"stranger{number % 500}@elsewhere.example"
    return (
        f"From: Somebody <{sender}>\r\nTo: Anna <{USER}>, carl@example.com\r\nSubject: The offer, number {number}\r\n"
        f"Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{number}@client.example>\r\n"
        f"References: <{number // 3}@client.example>\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGood day.\r\n"
    ).encode()


@dataclass(frozen=True, slots=True)
class Google:
    url: str
    secret: str
    client_id: str
    refresh_token: str

    def access_token(self) -> str:
        client = credentials(self.secret)
        assert isinstance(client, Client)
        form = {"grant_type": "refresh_token", "refresh_token": self.refresh_token}
        form |= {"client_id": client.id, "client_secret": client.secret}
        return ask(client.token_uri, form, now=datetime.now(UTC), timeout=10).access_token

    def account(self) -> GoogleAccount:
        tokens = MemoryTokens(json.dumps({"refresh_token": self.refresh_token, "client_id": self.client_id}))
        settings = Settings(
            user=USER, endpoint=self.url, read=("mail",), units_per_minute=10**9, project_units_per_minute=10**10
        )
        context = Context(
            mailbox="anna",
            secret=lambda: self.secret,
            since=lambda: datetime.now(UTC) - timedelta(days=3650),
            now=lambda: datetime.now(UTC),
            tokens=tokens,
        )
        return GoogleAccount(settings, context)


class _Authorized(httplib2.Http):  # type: ignore[misc]
    """The client's own HTTP, with a token."""

    token = ""

    def request(self, uri: str, method: str = "GET", body: Any = None, headers: Any = None, **more: Any) -> Any:
        return super().request(uri, method, body, {**(headers or {}), "authorization": f"Bearer {self.token}"}, **more)


class Bare:
    """The client as its guide shows it: list, then get in batches, and do nothing with what comes."""

    def __init__(self, google: Google) -> None:
        self._batch_url = f"{google.url}/batch"
        self._http = _Authorized()
        self._http.token = google.access_token()
        options = {"api_endpoint": google.url}
        service = discovery.build("gmail", "v1", http=self._http, client_options=options, static_discovery=True)
        self._messages, self._history = service.users().messages(), service.users().history()
        self._history_id = service.users().getProfile(userId="me").execute()["historyId"]

    def first_sync(self) -> None:
        ids: list[str] = []
        request = self._messages.list(userId="me", maxResults=500)
        while request is not None:
            page = request.execute()
            ids += [each["id"] for each in page.get("messages", ())]
            request = self._messages.list_next(request, page)
        for start in range(0, len(ids), _BATCH):
            batch = BatchHttpRequest(callback=_nothing, batch_uri=self._batch_url)
            for id in ids[start : start + _BATCH]:
                batch.add(self._messages.get(userId="me", id=id, format="metadata"))
            batch.execute(http=self._http)

    def poll(self) -> None:
        page = self._history.list(userId="me", startHistoryId=self._history_id).execute()
        assert "history" not in page

    def close(self) -> None:
        self._http.close()


def _nothing(key: str, answer: object, error: Exception | None) -> None:
    assert error is None


@dataclass(frozen=True, slots=True)
class Figures:
    """CPU: microseconds for each message of a first sync."""

    messages: int
    client: float
    """The bare loop."""
    connector: float
    """With headers read, and nothing decided."""
    syncd: float
    """With a decision for each message, in a store."""
    poll_client_ms: float
    """Milliseconds of CPU for one call of history.list over the bare client."""
    poll_ms: float
    """Milliseconds of CPU for a poll that finds nothing."""

    @property
    def own(self) -> float:
        """What syncd adds, as a part of what the client takes."""
        return (self.syncd - self.client) / self.client


def first_sync(directory: Path, messages: int, rounds: int) -> Figures:
    """The least of each figure: whatever else the machine does only adds to them."""
    with apart(_serve, messages) as told:
        google = Google(*told)
        found = [_round(google, directory, messages) for _ in range(rounds)]
    return Figures(messages, *map(min, zip(*found, strict=True)))


def _round(google: Google, directory: Path, messages: int) -> tuple[float, float, float, float, float]:
    client = Bare(google)
    bare = _microseconds(client.first_sync, messages)
    (stream,) = google.account().streams()
    cursors: list[Cursor] = []
    connector = _microseconds(lambda: cursors.extend(batch.cursor for batch in stream.changes(None)), messages)
    with store_of(directory) as one:
        syncd = _microseconds(partial(one, stream), messages)
    polls = [
        min(_microseconds(look, _LOOKS) for _ in range(3)) / 1000
        for look in (lambda: _often(client.poll), lambda: _often(lambda: list(stream.changes(cursors[-1]))))
    ]
    client.close()
    return bare, connector, syncd, polls[0], polls[1]


def _often(look: Callable[[], object]) -> None:
    for _ in range(_LOOKS):
        look()


@contextmanager
def store_of(directory: Path) -> Iterator[Callable[[Stream], object]]:
    """What reads a stream into a new store; nobody in it is known, but every message is decided on."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "google.db"
    path.unlink(missing_ok=True)
    store = open_store(f"sqlite:///{path}", b"k" * 32)
    migrations.upgrade(store.engine)
    mailbox = health.register(store.engine, [Registration("anna", USER, "google")])["anna"].id
    row = health.register_streams(store.engine, mailbox, [("mail", "mail", "")])["mail"]
    policy = Policy(own_domains=frozenset({"example.com"}), level=Level.SUBJECT, key=b"k" * 32)
    try:
        yield lambda stream: Pass(stream, row.id, store, policy, now=lambda: datetime.now(UTC)).run()
    finally:
        store.close()


def _microseconds(work: Callable[[], object], messages: int) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) / messages * 1e6


def table(found: Figures) -> str:
    return (
        f"a first sync of {found.messages:,} messages, microseconds of CPU for each\n\n"
        f"| | |\n|---|---|\n"
        f"| Google's client, a bare loop | {found.client:.0f} |\n"
        f"| the connector | {found.connector:.0f} |\n"
        f"| syncd, with a decision in the store | {found.syncd:.0f} |\n\n"
        f"syncd's own part is {found.own:.2f} of the client's; a poll that finds nothing takes {found.poll_ms:.2f} ms, "
        f"of the client alone {found.poll_client_ms:.2f}"
    )


def missed(found: Figures, crowd: Crowd) -> list[str]:
    """What is over its limit."""
    own, memory = MOST_OWN, MOST_MEMORY
    return [
        *([f"syncd's own part is {found.own:.2f} of the client's, not {own:.2f} at most"] if found.own > own else []),
        *([f"{crowd.peak / 1e6:.0f} MB are over {memory / 1e6:.0f}"] if crowd.peak > memory else []),
    ]
