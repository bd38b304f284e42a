"""One Gmail account on the fake: what its owner and Google do to it, for the contract and for tests of what only Gmail
does."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from connectors.base import Account, Context, Stream, Tokens
from connectors.google import GoogleAccount
from connectors.google_quota import Quotas
from connectors.google_settings import Settings
from connectors.google_sign_in import MAIL
from syncd.errors import CursorExpired
from syncd.model import Batch, Cursor, Item, Level
from tests.connectors.contexts import LONG_AGO, MemoryTokens, context
from tests.connectors.contract import World
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
    tokens: Tokens = field(default_factory=MemoryTokens)
    settings: Settings = field(init=False)
    secret: str = field(init=False)
    level: Level = Level.FULL
    since: datetime = LONG_AGO
    processes: int = 1
    skew: float = 0.0
    """Seconds by which this machine's clock is ahead of Google's."""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.settings = Settings(user=USER, endpoint=self.fake.url, timeout=5, read=("mail",))
        self.secret = self.fake.oauth.client_file(f"{self.fake.url}/token")
        self.sign_in(MAIL)

    def sign_in(self, *scopes: str) -> None:
        """The owner's consent."""
        token = self.fake.oauth.grant(USER, *scopes)
        self.tokens.save(json.dumps({"refresh_token": token, "client_id": self.fake.oauth.client_id}))

    def use_service_account(self, *scopes: str) -> None:
        """For which the domain's admin authorised these scopes."""
        self.fake.mailbox(USER)
        self.fake.oauth.service_account.allowed = frozenset(scopes)
        self.secret = self.fake.oauth.service_account.key_file(f"{self.fake.url}/token")

    @property
    def mailbox(self) -> Mailbox:
        return self.fake.mailbox(USER)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.fake.clock() + self.skew, UTC)

    @property
    def context(self) -> Context:
        given = context(self.secret, since=self.since, now=self.now, tokens=self.tokens)
        return given._replace(level=self.level, processes=self.processes)

    def account(self) -> GoogleAccount:
        quotas = Quotas(self.fake.clock, self.fake.clock.sleep)
        return GoogleAccount(self.settings, self.context, clock=self.fake.clock, quotas=quotas)

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

    # ----------------------------------------------------------------------------------------- what a caller does

    def follow(self, cursor: Cursor | None) -> list[Batch]:
        return list(self.stream(self.account()).changes(cursor))

    def first(self) -> Cursor:
        """The cursor after a whole first pass."""
        return self.follow(None)[-1].cursor


def items(batches: list[Batch]) -> list[Item]:
    return [item for batch in batches for item in batch.items]


def expired(world: GmailWorld, cursor: Cursor) -> bool:
    try:
        world.follow(cursor)
    except CursorExpired:
        return True
    return False
