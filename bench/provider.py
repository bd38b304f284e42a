"""What the benches of the providers share: a fake in a process of its own, its mail, and a reader with a store."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from bench.cast import OWN_DOMAIN, Cast, Person, cast
from bench.letters import Letter, Writer, subject_words
from connectors.base import Account, Context, Stream
from store import health, migrations
from store.health import Registration
from store.writer import Store, open_store
from syncd.model import Cursor, Level, Policy
from syncd.sync import Pass
from tests.connectors.contexts import MemoryTokens

USER = f"rep0@{OWN_DOMAIN}"
_KNOWN = 0.4
"""The share of mail that is of known contacts: more than of a real mailbox."""


def people() -> Cast:
    return cast(1, mailboxes=1)


class Arrived(NamedTuple):
    sender: Person
    to: tuple[Person, ...]
    cc: tuple[Person, ...]
    subject: str
    at: datetime
    message_id: str
    references: str
    headers: list[tuple[str, str]]
    """As they really arrive: some 2.5 kB of each message."""


def mail(messages: int) -> Iterator[Arrived]:
    """The newest first."""
    known, writer, chance = people(), Writer(1, attachments=False), random.Random("mail")
    now = datetime.now(UTC)
    for number in range(messages):
        sender = chance.choice(known.contacts if chance.random() < _KNOWN else known.strangers)
        to = (known.reps[0], *chance.sample(known.colleagues, k=chance.randrange(3)))
        cc = tuple(chance.sample(known.strangers, k=chance.randrange(2)))
        message_id, reference = f"{number}@client.example", f"{number // 3}@client.example"
        subject, at = subject_words(chance), now - timedelta(minutes=number)
        letter = Letter(
            number=number, sender=sender, to=to, cc=cc, subject=subject, sent=at,
            message_id=message_id, references=(reference,),
        )  # fmt: skip
        fields = message_from_bytes(writer.write(letter, chance)).items()
        headers = [(name, " ".join(str(value).split())) for name, value in fields]
        yield Arrived(sender, to, cc, subject, at, message_id, reference, headers)


@contextmanager
def apart(serve: Callable[..., None], *arguments: object) -> Iterator[Any]:
    """Run `serve(*arguments, pipe)` in a process of its own, which sends what is yielded and ends when it is told."""
    spawn = get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(*arguments, theirs), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send(None)
        process.join()


def context(secret: str) -> Context:
    return Context(
        mailbox="rep0",
        secret=lambda: secret,
        since=lambda: datetime.now(UTC) - timedelta(days=3650),
        now=lambda: datetime.now(UTC),
        tokens=MemoryTokens(),
    )


@contextmanager
def new_store(path: Path) -> Iterator[Store]:
    """Nobody in it is known."""
    path.unlink(missing_ok=True)
    store = open_store(f"sqlite:///{path}", b"k" * 32)
    migrations.upgrade(store.engine)
    try:
        yield store
    finally:
        store.close()


def one_pass(stream: Stream, store: Store, kind: str) -> Pass:
    mailbox = health.register(store.engine, [Registration("rep0", USER, kind)])["rep0"].id
    row = health.register_streams(store.engine, mailbox, [(stream.name, stream.kind, "")])[stream.name]
    policy = Policy(own_domains=frozenset({OWN_DOMAIN}), level=Level.SUBJECT, key=b"k" * 32)
    return Pass(stream, row.id, store, policy, now=lambda: datetime.now(UTC))


def read(stream: Stream, cursors: dict[str, Cursor]) -> None:
    for batch in stream.changes(cursors.get(stream.name)):
        cursors[stream.name] = batch.cursor


def poll(account: Account, cursors: dict[str, Cursor]) -> None:
    for stream in account.streams():
        if not stream.excluded:
            read(stream, cursors)


def milliseconds(work: Callable[[], object]) -> float:
    """Of CPU."""
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000
