"""What syncd costs at an Exchange server over exchangelib itself: a first sync and a poll that finds nothing, beside a
bare loop over the library that asks for the same.

The fake of the tests stands for Exchange, in a process of its own; what is measured is the CPU of the reader alone.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import trustme

from bench.cast import OWN_DOMAIN, Person, cast
from bench.letters import Letter, Writer, subject_words
from connectors.base import Context, Stream
from connectors.ews import ExchangeAccount
from connectors.ews_settings import Settings
from store import health, migrations
from store.health import Registration
from store.writer import Store, open_store
from syncd.model import Cursor, Level, Policy
from syncd.sync import Pass
from tests.connectors.contexts import MemoryTokens
from tests.connectors.ews_worlds import PASSWORD, library
from tests.servers.fake_ews import EWS, hosting
from tests.servers.fake_ews_items import Person as Named
from tests.servers.fake_ews_mailbox import Mailbox

USER = f"rep0@{OWN_DOMAIN}"
_PAGE, _TEN = 100, 10
_FIELDS = [
    "item_class", "subject", "sensitivity", "datetime_received", "datetime_sent", "categories", "in_reply_to",
    "is_draft", "headers", "author", "sender", "reply_to", "to_recipients", "cc_recipients", "bcc_recipients",
    "message_id", "references",
]  # fmt: skip
"""What the connector asks of a message, as exchangelib calls it."""


def _serve(directory: Path, messages: int, pipe: Connection) -> None:
    with hosting(trustme.CA(), directory) as host:
        fake = host.anew()
        fake.scheme = "basic"
        _fill(fake.mailbox(USER, PASSWORD), messages)
        pipe.send((fake.host, fake.ca_file))
        pipe.recv()


def _fill(mailbox: Mailbox, messages: int) -> None:
    """With header fields as they really arrive: some 2.5 kB of each message."""
    people, writer, chance = cast(1, mailboxes=1), Writer(1, attachments=False), random.Random("exchange")
    now = datetime.now(UTC)
    for number in range(messages):
        sender = chance.choice(people.contacts if chance.random() < 0.4 else people.strangers)
        to = (people.reps[0], *chance.sample(people.colleagues, k=chance.randrange(3)))
        at = now - timedelta(minutes=number)
        letter = Letter(
            number=number, sender=sender, to=to, cc=(), subject=subject_words(chance), sent=at,
            message_id=f"{number}@client.example", references=(f"{number // 3}@client.example",),
        )  # fmt: skip
        headers = message_from_bytes(writer.write(letter, chance)).items()
        values: dict[str, object] = {
            "item:ItemClass": "IPM.Note",
            "item:Subject": letter.subject,
            "item:Sensitivity": "Normal",
            "item:DateTimeReceived": at,
            "item:DateTimeSent": at,
            "item:IsDraft": False,
            "item:InternetMessageHeaders": [(name, " ".join(str(value).split())) for name, value in headers],
            "message:From": _named(sender),
            "message:Sender": _named(sender),
            "message:ToRecipients": [*map(_named, to)],
            "message:InternetMessageId": f"<{number}@client.example>",
            "message:References": f"<{number // 3}@client.example>",
        }
        mailbox.add("inbox", "Message", values, received_at=at)


def _named(person: Person) -> Named:
    return Named(person.name, person.address)


@dataclass(frozen=True, slots=True)
class Exchange:
    host: str
    ca_file: Path

    @property
    def url(self) -> str:
        return f"https://{self.host}{EWS}"

    def library(self) -> AbstractContextManager[Any]:
        return library(self.url, self.ca_file, USER)

    def account(self) -> ExchangeAccount:
        context = Context(
            mailbox="rep0",
            secret=lambda: PASSWORD,
            since=lambda: datetime.now(UTC) - timedelta(days=3650),
            now=lambda: datetime.now(UTC),
            tokens=MemoryTokens(),
        )
        return ExchangeAccount(Settings(user=USER, host=self.host, ca_file=self.ca_file, auth="basic"), context)


@contextmanager
def served(directory: Path, messages: int) -> Iterator[Exchange]:
    spawn = get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(directory, messages, theirs), daemon=True)
    process.start()
    try:
        yield Exchange(*ours.recv())
    finally:
        ours.send(None)
        process.join()


def _loop(account: Any) -> None:
    """Ids page by page, the items in tens, and nothing done with what comes."""
    changes = account.inbox.sync_items(only_fields=["datetime_received"], max_changes_returned=_PAGE)
    ids = [(item.id, item.changekey) for _, item in changes]
    for _ in account.fetch(ids, only_fields=_FIELDS, chunk_size=_TEN):
        pass


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
    client_poll: float
    """Milliseconds of CPU for a poll of one folder that finds nothing, by the library."""
    poll: float
    """By the connector."""
    mailbox_poll: float
    """Of a whole mailbox."""
    requests: int
    """Of a poll of a whole mailbox."""


def first_sync(directory: Path, messages: int, *, rounds: int) -> Figures:
    directory.mkdir(parents=True, exist_ok=True)
    with (
        served(directory, messages) as exchange,
        library(exchange.url, exchange.ca_file, USER) as theirs,
        _store(directory) as store,
    ):
        client = _milliseconds(lambda: _loop(theirs))
        account = exchange.account()
        streams = [stream for stream in account.streams() if not stream.excluded]
        inbox = next(stream for stream in streams if stream.name == "Inbox")
        cursors: dict[str, Cursor] = {}
        connector = _milliseconds(lambda: _read(inbox, cursors))
        syncd = _milliseconds(_pass(inbox, store).run)
        for stream in streams:
            _read(stream, cursors)
        repeated = range(10 * rounds)
        client_poll = statistics.median(_milliseconds(lambda: list(theirs.inbox.sync_items())) for _ in repeated)
        poll = statistics.median(_milliseconds(lambda: _read(inbox, cursors)) for _ in repeated)
        whole = statistics.median(_milliseconds(lambda: _poll(account, cursors)) for _ in repeated)
        account.close()
    each = 1000 / messages
    return Figures(
        messages, client * each, connector * each, syncd * each, client_poll, poll, whole, requests=1 + len(streams)
    )


def _read(stream: Stream, cursors: dict[str, Cursor]) -> None:
    for batch in stream.changes(cursors.get(stream.name)):
        cursors[stream.name] = batch.cursor


def _poll(account: ExchangeAccount, cursors: dict[str, Cursor]) -> None:
    for stream in account.streams():
        if not stream.excluded:
            _read(stream, cursors)


@contextmanager
def _store(directory: Path) -> Iterator[Store]:
    """Nobody in it is known, but every message is decided on."""
    path = directory / "exchange.db"
    path.unlink(missing_ok=True)
    store = open_store(f"sqlite:///{path}", b"k" * 32)
    migrations.upgrade(store.engine)
    try:
        yield store
    finally:
        store.close()


def _pass(stream: Stream, store: Store) -> Pass:
    mailbox = health.register(store.engine, [Registration("rep0", USER, "exchange")])["rep0"].id
    row = health.register_streams(store.engine, mailbox, [(stream.name, stream.kind, "")])[stream.name]
    policy = Policy(own_domains=frozenset({OWN_DOMAIN}), level=Level.SUBJECT, key=b"k" * 32)
    return Pass(stream, row.id, store, policy, now=lambda: datetime.now(UTC))


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000


def table(found: Figures) -> str:
    return (
        f"a first sync of {found.messages:,} messages by EWS, microseconds of CPU for each\n\n"
        f"| | | of the library's |\n|---|---|---|\n"
        f"| exchangelib, a bare loop | {found.client:.0f} | 1.00 |\n"
        f"| the connector | {found.connector:.0f} | {found.connector / found.client:.2f} |\n"
        f"| syncd, with a decision in the store | {found.syncd:.0f} | {found.syncd / found.client:.2f} |\n\n"
        f"a poll of a folder that finds nothing takes {found.poll:.1f} ms, {found.poll / found.client_poll:.2f} of the "
        f"library's {found.client_poll:.1f};\n"
        f"of a whole mailbox {found.mailbox_poll:.1f} ms for {found.requests} requests"
    )
