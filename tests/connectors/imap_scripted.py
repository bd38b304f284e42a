"""A scripted IMAP server with an account on it, for the tests of what real servers have done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from connectors.imap import ImapAccount, Settings
from syncd.model import Batch, Cursor, Item, Message
from tests.servers import scripted_imap
from tests.servers.scripted_imap import Box, ScriptedServer

SECRET = "s3cret"


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def settings_for(server: ScriptedServer) -> Settings:
    return Settings(host="127.0.0.1", port=server.port, tls="none", user="anna@example.com", timeout=5)


@contextmanager
def opened(settings: Settings, clock: Clock) -> Iterator[ImapAccount]:
    """It reads the real clock nowhere that a test must wait for."""
    account = ImapAccount(settings, secret=lambda: SECRET, since=lambda: datetime(2026, 1, 1, tzinfo=UTC), clock=clock)
    yield account
    account.close()


def mail(number: int) -> bytes:
    return (
        f"From: bert@example.org\r\nMessage-ID: <{number}@example.org>\r\nSubject: {number}\r\n\r\nHello.\r\n".encode()
    )


def fill(box: Box, count: int) -> None:
    for _ in range(count):
        box.add(mail(box.next))


def follow(account: ImapAccount, cursor: Cursor | None, folder: str = "INBOX") -> list[Batch]:
    stream = next(stream for stream in account.streams() if stream.name == folder)
    return list(stream.changes(cursor))


def first(account: ImapAccount) -> Cursor:
    return follow(account, None)[-1].cursor


def items(batches: list[Batch]) -> list[Item]:
    return [item for batch in batches for item in batch.items]


def ids(batches: list[Batch]) -> list[str]:
    return [item.message_id or "" for item in items(batches) if isinstance(item, Message)]


def refuse(text: bytes) -> scripted_imap.Script:
    return lambda request, usual: request.no(text)


def without(uid: int, answer: bytes) -> bytes:
    return re.sub(rb"\* \d+ FETCH \(UID %d .*?\n\)\r\n" % uid, b"", answer, flags=re.DOTALL)
