"""A mailbox at a Microsoft 365 that is ours alone, with the real client before it."""

from __future__ import annotations

import itertools
import socket
import ssl
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from connectors.base import Context, Stream
from connectors.microsoft import MicrosoftAccount, open_account
from connectors.microsoft_settings import Settings
from connectors.microsoft_sign_in import sign_in
from tests.connectors.contexts import LONG_AGO, MemoryTokens, context
from tests.connectors.contract import World
from tests.servers.fake_graph import Cloud
from tests.servers.fake_graph_login import CLIENT, SECRET, TENANT
from tests.servers.fake_graph_mail import Mail, Mailbox

USER = "anna@example.com"
START = datetime(2026, 1, 1, 9, tzinfo=UTC)


def settings(cloud: Cloud) -> Settings:
    return Settings(
        user=USER,
        tenant=TENANT,
        client_id=CLIENT,
        authority=cloud.login.origin,
        endpoint=cloud.graph.origin,
        ca_file=cloud.ca_file,
        timeout=10,
    )


@dataclass
class Someone:
    """Who opens what they are told to, with a browser that comes back to this machine."""

    ca_file: Path
    has_browser: bool = True
    opened: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    visits: list[threading.Thread] = field(default_factory=list)

    def open(self, address: str) -> None:
        self.opened.append(address)
        browser = threading.Thread(target=self._browse, args=(address,))
        browser.start()
        self.visits.append(browser)

    def say(self, text: str) -> None:
        self.told.append(text)

    def paste(self) -> str:
        raise AssertionError("nothing has to be pasted")

    def _browse(self, address: str) -> None:
        """The page redirects to a port of this machine, where the first sign-in of this test listens."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        with urllib.request.urlopen(address, context=context) as page:
            page.read()


@dataclass
class GraphWorld(World):
    cloud: Cloud
    settings: Settings
    mailbox: Mailbox
    several_batches: int = 250
    folder: str = "Inbox"
    secret: str = SECRET
    since: datetime = LONG_AGO
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    person: Someone = field(init=False)
    tokens: MemoryTokens = field(default_factory=MemoryTokens)
    mails: dict[str, Mail] = field(default_factory=dict)
    opened: list[MicrosoftAccount] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.person = Someone(self.cloud.ca_file)

    def as_person(self) -> GraphWorld:
        """The owner has agreed, by a code."""
        self.settings = replace(self.settings, sign_in="user")
        self.person.has_browser = False
        sign_in(self.settings, self.context(), self.person)
        return self

    def context(self) -> Context:
        return context(self.secret, since=self.since, now=lambda: self.now, tokens=self.tokens)

    def account(self) -> MicrosoftAccount:
        account = open_account(self.settings, self.context())
        self.opened.append(account)
        return account

    def stream(self, account: MicrosoftAccount) -> Stream:  # type: ignore[override]
        return next(stream for stream in account.streams() if stream.name == self.folder)

    def add(self, count: int) -> list[str]:
        numbers = [next(self._numbers) for _ in range(count)]
        keys = [f"{number:06}@example.org" for number in numbers]
        for number, key in zip(numbers, keys, strict=True):
            at = START + timedelta(minutes=number)
            self.mails[key] = self.mailbox.deliver(key, folder="inbox", received_at=at, subject=f"Offer {number}")
        return keys

    def remove(self, key: str) -> None:
        self.mailbox.delete(self.mails[key])

    def renumber(self) -> None:
        self.mailbox.migrate()
        self.cloud.graph.deltas.given.clear()

    def revoke(self) -> None:
        self.cloud.login.sign_out()

    def vanish(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.settings = replace(self.settings, endpoint=f"https://localhost:{listener.getsockname()[1]}")


@contextmanager
def graph_world(cloud: Cloud) -> Iterator[GraphWorld]:
    world = GraphWorld(cloud, settings(cloud), cloud.graph.mailbox(USER))
    yield world
    for account in world.opened:
        account.close()
