"""What syncd costs at Microsoft 365 by Graph: a first sync, a poll that finds nothing, and a page of 50 messages from
its bytes to decided rows, which may take 5 ms.

The fake of the tests stands for Microsoft, in a process of its own; what is measured is the CPU of the reader alone.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import trustme

from bench.cast import OWN_DOMAIN, Cast, Person, cast
from bench.letters import Letter, Writer, subject_words
from bench.measure import Failed
from connectors.base import Context, Stream
from connectors.graph_client import LIMIT, Graph, query
from connectors.graph_message import EXPAND, SELECT, message
from connectors.http import Response
from connectors.microsoft import MicrosoftAccount
from connectors.microsoft_login import Login
from connectors.microsoft_settings import Settings
from store import directory, health, migrations
from store.directory import ContactRow, DirectoryRows
from store.health import Registration
from store.writer import Store, open_store
from syncd.model import Cursor, Item, Level, Policy
from syncd.sync import Pass
from tests.connectors.contexts import MemoryTokens
from tests.servers.fake_graph import cloud
from tests.servers.fake_graph_login import CLIENT, SECRET, TENANT
from tests.servers.fake_graph_mail import Mailbox

USER = f"rep0@{OWN_DOMAIN}"
PAGE = 50
MOST_MS = 5.0
"""Milliseconds that a page may take."""
_KNOWN = 0.4
"""The share of mail that is of known contacts: more than of a real mailbox."""


def _people() -> Cast:
    return cast(1, mailboxes=1)


def _serve(directory: Path, messages: int, pipe: Connection) -> None:
    authority, ca_file = trustme.CA(), directory / "microsoft-ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    with cloud(authority, ca_file) as ours:
        _fill(ours.graph.mailbox(USER), messages)
        pipe.send((ours.login.origin, ours.graph.origin, ca_file))
        pipe.recv()


def _fill(mailbox: Mailbox, messages: int) -> None:
    """With header fields as they really arrive: some 2.5 KB of each message."""
    people, writer, chance = _people(), Writer(1, attachments=False), random.Random("graph")
    now = datetime.now(UTC)
    for number in range(messages):
        known = chance.random() < _KNOWN
        sender = chance.choice(people.contacts if known else people.strangers)
        to = (people.reps[0], *chance.sample(people.colleagues, k=chance.randrange(3)))
        cc = tuple(chance.sample(people.strangers, k=chance.randrange(2)))
        at = now - timedelta(minutes=number)
        letter = Letter(
            number=number, sender=sender, to=to, cc=cc, subject=subject_words(chance), sent=at,
            message_id=f"{number}@client.example", references=(f"{number // 3}@client.example",),
        )  # fmt: skip
        headers = message_from_bytes(writer.write(letter, chance)).items()
        mailbox.deliver(
            f"{number}@client.example",
            sender=_named(sender),
            to=[*map(_named, to)],
            cc=[*map(_named, cc)],
            subject=letter.subject,
            received_at=at,
            headers=[(name, " ".join(str(value).split())) for name, value in headers],
        )


def _named(person: Person) -> tuple[str, str]:
    return person.name, person.address


@dataclass(frozen=True, slots=True)
class Microsoft:
    authority: str
    endpoint: str
    ca_file: Path

    @property
    def settings(self) -> Settings:
        return Settings(
            user=USER,
            tenant=TENANT,
            client_id=CLIENT,
            authority=self.authority,
            endpoint=self.endpoint,
            ca_file=self.ca_file,
        )

    def context(self) -> Context:
        return Context(
            mailbox="rep0",
            secret=lambda: SECRET,
            since=lambda: datetime.now(UTC) - timedelta(days=3650),
            now=lambda: datetime.now(UTC),
            tokens=MemoryTokens(),
        )

    def account(self) -> MicrosoftAccount:
        return MicrosoftAccount(self.settings, self.context())

    def page(self) -> bytes:
        """The newest messages of the inbox, as a backfill asks for them."""
        graph = Graph(self.settings, Login(self.settings, self.context()))
        options = query(select=SELECT, expand=EXPAND, orderby="receivedDateTime desc", top=str(PAGE), count="true")
        found = graph.raw(f"{graph.mailbox}/mailFolders/inbox/messages{options}", most=LIMIT)
        graph.close()
        assert found is not None
        return found


@contextmanager
def served(directory: Path, messages: int) -> Iterator[Microsoft]:
    spawn = get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(directory, messages, theirs), daemon=True)
    process.start()
    try:
        yield Microsoft(*ours.recv())
    finally:
        ours.send(None)
        process.join()


class _Heard(Graph):
    """Hears the same answer to whatever it asks."""

    def __init__(self, microsoft: Microsoft, answer: bytes) -> None:
        super().__init__(microsoft.settings, Login(microsoft.settings, microsoft.context()))
        self._heard = Response(200, {}, answer, "")

    def _signed(self, *asked: object) -> Response:
        return self._heard


@dataclass(frozen=True, slots=True)
class Figures:
    messages: int
    connector: float
    """Microseconds of CPU for each message of a first sync, with headers read and nothing decided."""
    syncd: float
    """With a decision for each message, in a store."""
    poll_ms: float
    """Milliseconds of CPU for a poll of the whole mailbox that finds nothing."""
    poll_requests: int
    page_kb: float
    page_ms: float
    """Milliseconds of CPU for a page of 50 messages, from its bytes to a decision on each of them: the least of many,
    since what else the machine does meanwhile only makes it dearer."""


def first_sync(directory: Path, messages: int, *, rounds: int) -> Figures:
    directory.mkdir(parents=True, exist_ok=True)
    with served(directory, messages) as microsoft, _store(directory) as store:
        account = microsoft.account()
        streams = [stream for stream in account.streams() if not stream.excluded]
        inbox = next(stream for stream in streams if stream.name == "Inbox")
        cursors: dict[str, Cursor] = {}
        connector = _milliseconds(lambda: _read(inbox, cursors))
        syncd = _milliseconds(_pass(inbox, store).run)
        for stream in streams:
            _read(stream, cursors)
        polls = [_milliseconds(lambda: _poll(account, cursors)) for _ in range(rounds)]
        page = microsoft.page()
        heard, one = _Heard(microsoft, page), _pass(inbox, store)
        pages = [_milliseconds(lambda: _decided(heard, one)) for _ in range(10 * rounds)]
        account.close()
    return Figures(
        messages,
        connector / messages * 1000,
        syncd / messages * 1000,
        statistics.median(polls),
        1 + len(streams),
        len(page) / 1000,
        min(pages),
    )


def _read(stream: Stream, cursors: dict[str, Cursor]) -> None:
    for batch in stream.changes(cursors.get(stream.name)):
        cursors[stream.name] = batch.cursor


def _poll(account: MicrosoftAccount, cursors: dict[str, Cursor]) -> None:
    for stream in account.streams():
        if not stream.excluded:
            _read(stream, cursors)


def _decided(graph: Graph, one: Pass) -> Sequence[object]:
    items: list[Item] = [message(entry, "Inbox") for entry in graph.page("").value if not entry.get("isDraft")]
    return one._handle(items)


@contextmanager
def _store(at: Path) -> Iterator[Store]:
    path = at / "microsoft.db"
    path.unlink(missing_ok=True)
    store = open_store(f"sqlite:///{path}", b"k" * 32)
    migrations.upgrade(store.engine)
    people = enumerate(_people().contacts)
    contacts = tuple(ContactRow(external_id=f"C{n}", name=who.name, addresses=(who.address,)) for n, who in people)
    now = datetime.now(UTC)
    directory.apply(store.engine, DirectoryRows(contacts=contacts), source="bench", dry_run=False, now=now, prune=False)
    try:
        yield store
    finally:
        store.close()


def _pass(stream: Stream, store: Store) -> Pass:
    mailbox = health.register(store.engine, [Registration("rep0", USER, "microsoft365")])["rep0"].id
    row = health.register_streams(store.engine, mailbox, [(stream.name, stream.kind, "")])[stream.name]
    policy = Policy(own_domains=frozenset({OWN_DOMAIN}), level=Level.SUBJECT, key=b"k" * 32)
    return Pass(stream, row.id, store, policy, now=lambda: datetime.now(UTC))


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000


def check(found: Figures) -> None:
    """Raises Failed if a page takes longer than it may."""
    if found.page_ms > MOST_MS:
        raise Failed(f"a page of {PAGE} messages takes {found.page_ms:.1f} ms of CPU, and may take {MOST_MS:.1f}")


def table(found: Figures) -> str:
    return (
        f"a first sync of {found.messages:,} messages by Graph, microseconds of CPU for each\n\n"
        f"| | |\n|---|---|\n"
        f"| the connector | {found.connector:.0f} |\n"
        f"| syncd, with a decision in the store | {found.syncd:.0f} |\n\n"
        f"a page of {PAGE} messages ({found.page_kb:.0f} kB) takes {found.page_ms:.1f} ms from its bytes to decided "
        f"rows, and may take {MOST_MS:.1f};\na poll that finds nothing takes {found.poll_ms:.1f} ms for "
        f"{found.poll_requests} requests"
    )
