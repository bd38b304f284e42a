"""The Gmail connector against a faithful fake: the contract, and what only Gmail does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from connectors.base import Account, Stream
from connectors.google import GoogleAccount
from connectors.google_http import CONNECTIONS
from connectors.google_quota import Quotas
from connectors.google_settings import Settings
from connectors.google_sign_in import MAIL
from syncd.model import Level
from tests.connectors.contexts import LONG_AGO, MemoryTokens, context
from tests.connectors.contract import ConnectorContract, World
from tests.servers import fake_google
from tests.servers.fake_gmail import Mailbox
from tests.servers.fake_google import FakeGoogle

USER = "anna@example.com"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def mail(key: str, *, sender: str = "bert@example.org", subject: str = "", body: str = "Hello.\r\n") -> bytes:
    return (
        f"From: {sender}\r\nTo: {USER}\r\nMessage-ID: <{key}>\r\nSubject: {subject or key}\r\n"
        f"Date: Fri, 20 Nov 2026 10:00:00 +0000\r\n\r\n{body}"
    ).encode()


@dataclass
class GmailWorld(World):
    fake: FakeGoogle
    several_batches: int = 130
    tokens: MemoryTokens = field(default_factory=MemoryTokens)
    settings: Settings = field(init=False)
    level: Level = Level.FULL
    since: datetime = LONG_AGO
    opened: list[Account] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.settings = Settings(user=USER, endpoint=self.fake.url, timeout=5)
        self.sign_in(MAIL)

    def sign_in(self, *scopes: str) -> None:
        """The owner's consent."""
        token = self.fake.oauth.grant(USER, *scopes)
        self.tokens.save(f'{{"refresh_token": "{token}", "client_id": "{self.fake.oauth.client_id}"}}')

    @property
    def mailbox(self) -> Mailbox:
        return self.fake.mailbox(USER)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.fake.clock(), UTC)

    def account(self) -> GoogleAccount:
        given = context(
            self.fake.oauth.client_file(f"{self.fake.url}/token"), since=self.since, now=self.now, tokens=self.tokens
        )
        quotas = Quotas(self.fake.clock, self.fake.clock.sleep)
        account = GoogleAccount(self.settings, replace(given, level=self.level), clock=self.fake.clock, quotas=quotas)
        self.opened.append(account)
        return account

    def stream(self, account: Account) -> Stream:
        return account.streams()[0]

    def add(self, count: int) -> list[str]:
        keys = [f"{next(self._numbers):06}@example.org" for _ in range(count)]
        for key in keys:
            self.mailbox.deliver(mail(key))
            self.fake.clock.sleep(1)
        return keys

    def id_of(self, key: str) -> str:
        return next(id for id, held in self.mailbox.mails.items() if f"<{key}>".encode() in held.raw)

    def remove(self, key: str) -> None:
        self.mailbox.delete(self.id_of(key))

    def renumber(self) -> None:
        self.mailbox.forget_history()

    def revoke(self) -> None:
        self.fake.oauth.grants.clear()

    def vanish(self) -> None:
        self.settings = replace(self.settings, endpoint="http://127.0.0.1:1")


@pytest.fixture
def fake() -> Iterator[FakeGoogle]:
    with fake_google.serve(NOW.timestamp()) as fake:
        yield fake
        CONNECTIONS.close()
    assert fake.judged == []
    assert {verb for verb, path in fake.requests if path != "/token" and not path.startswith("/batch")} <= {"GET"}


@pytest.fixture
def world(fake: FakeGoogle) -> GmailWorld:
    return GmailWorld(fake)


class TestTheContract(ConnectorContract):
    @pytest.fixture
    def world(self, fake: FakeGoogle) -> World:
        return GmailWorld(fake)
