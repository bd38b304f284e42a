"""What syncd costs at Microsoft 365 by Graph: a first sync, a poll that finds nothing, and a page of 50 messages from
its bytes to decided rows, which may take 5 ms.

The fake of the tests stands for Microsoft, in a process of its own; what is measured is the CPU of the reader alone.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import trustme

from bench import provider
from bench.cast import Person
from bench.measure import Failed
from bench.provider import USER, apart, context, milliseconds, new_store, one_pass, poll, read
from connectors.graph_client import LIMIT, Graph, query
from connectors.graph_message import EXPAND, SELECT, message
from connectors.http import Response
from connectors.microsoft import MicrosoftAccount
from connectors.microsoft_login import Login
from connectors.microsoft_settings import Settings
from store import directory
from store.directory import ContactRow, DirectoryRows
from store.writer import Store
from syncd.model import Cursor, Item
from syncd.sync import Pass
from tests.servers.fake_graph import cloud
from tests.servers.fake_graph_login import CLIENT, SECRET, TENANT
from tests.servers.fake_graph_mail import Mailbox

PAGE = 50
MOST_MS = 5.0
"""Milliseconds that a page may take."""


def _serve(directory: Path, messages: int, pipe: Connection) -> None:
    authority, ca_file = trustme.CA(), directory / "microsoft-ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    with cloud(authority, ca_file) as ours:
        _fill(ours.graph.mailbox(USER), messages)
        pipe.send((ours.login.origin, ours.graph.origin, ca_file))
        pipe.recv()


def _fill(mailbox: Mailbox, messages: int) -> None:
    for each in provider.mail(messages):
        mailbox.deliver(
            each.message_id,
            sender=_named(each.sender),
            to=[*map(_named, each.to)],
            cc=[*map(_named, each.cc)],
            subject=each.subject,
            received_at=each.at,
            headers=each.headers,
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

    def account(self) -> MicrosoftAccount:
        return MicrosoftAccount(self.settings, context(SECRET))

    def page(self) -> bytes:
        """The newest messages of the inbox, as a backfill asks for them."""
        graph = Graph(self.settings, Login(self.settings, context(SECRET)))
        options = query(select=SELECT, expand=EXPAND, orderby="receivedDateTime desc", top=str(PAGE), count="true")
        found = graph.raw(f"{graph.mailbox}/mailFolders/inbox/messages{options}", most=LIMIT)
        graph.close()
        assert found is not None
        return found


class _Heard(Graph):
    """Hears the same answer to whatever it asks."""

    def __init__(self, microsoft: Microsoft, answer: bytes) -> None:
        super().__init__(microsoft.settings, Login(microsoft.settings, context(SECRET)))
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
    with apart(_serve, directory, messages) as told, new_store(directory / "microsoft.db") as store:
        microsoft = Microsoft(*told)
        _know(store)
        account = microsoft.account()
        streams = [stream for stream in account.streams() if not stream.excluded]
        inbox = next(stream for stream in streams if stream.name == "Inbox")
        cursors: dict[str, Cursor] = {}
        connector = milliseconds(lambda: read(inbox, cursors))
        syncd = milliseconds(one_pass(inbox, store, "microsoft365").run)
        for stream in streams:
            read(stream, cursors)
        polls = [milliseconds(lambda: poll(account, cursors)) for _ in range(rounds)]
        page = microsoft.page()
        heard, one = _Heard(microsoft, page), one_pass(inbox, store, "microsoft365")
        pages = [milliseconds(lambda: _decided(heard, one)) for _ in range(10 * rounds)]
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


def _decided(graph: Graph, one: Pass) -> Sequence[object]:
    items: list[Item] = [message(entry, "Inbox") for entry in graph.page("").value if not entry.get("isDraft")]
    return one._handle(items)


def _know(store: Store) -> None:
    everybody = enumerate(provider.people().contacts)
    contacts = tuple(ContactRow(external_id=f"C{n}", name=who.name, addresses=(who.address,)) for n, who in everybody)
    now = datetime.now(UTC)
    directory.apply(store.engine, DirectoryRows(contacts=contacts), source="bench", dry_run=False, now=now, prune=False)


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
