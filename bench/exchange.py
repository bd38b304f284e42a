"""What syncd costs at an Exchange server over exchangelib itself: a first sync and a poll that finds nothing, beside a
bare loop over the library that asks for the same.

The fake of the tests stands for Exchange, in a process of its own; what is measured is the CPU of the reader alone.
"""

from __future__ import annotations

import statistics
from contextlib import AbstractContextManager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import trustme

from bench import provider
from bench.cast import Person
from bench.provider import USER, apart, context, milliseconds, new_store, one_pass, poll, read
from connectors.ews import ExchangeAccount
from connectors.ews_settings import Settings
from syncd.model import Cursor
from tests.connectors.ews_worlds import PASSWORD, library
from tests.servers.fake_ews import EWS, hosting
from tests.servers.fake_ews_items import Person as Named
from tests.servers.fake_ews_mailbox import Mailbox

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
    for each in provider.mail(messages):
        values: dict[str, object] = {
            "item:ItemClass": "IPM.Note",
            "item:Subject": each.subject,
            "item:Sensitivity": "Normal",
            "item:DateTimeReceived": each.at,
            "item:DateTimeSent": each.at,
            "item:IsDraft": False,
            "item:InternetMessageHeaders": each.headers,
            "message:From": _named(each.sender),
            "message:Sender": _named(each.sender),
            "message:ToRecipients": [*map(_named, each.to)],
            "message:CcRecipients": [*map(_named, each.cc)],
            "message:InternetMessageId": f"<{each.message_id}>",
            "message:References": f"<{each.references}>",
        }
        mailbox.add("inbox", "Message", values, received_at=each.at)


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
        return ExchangeAccount(
            Settings(user=USER, host=self.host, ca_file=self.ca_file, auth="basic"), context(PASSWORD)
        )


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
        apart(_serve, directory, messages) as (host, ca_file),
        Exchange(host, ca_file).library() as theirs,
        new_store(directory / "exchange.db") as store,
    ):
        exchange = Exchange(host, ca_file)
        client = milliseconds(lambda: _loop(theirs))
        account = exchange.account()
        streams = [stream for stream in account.streams() if not stream.excluded]
        inbox = next(stream for stream in streams if stream.name == "Inbox")
        cursors: dict[str, Cursor] = {}
        connector = milliseconds(lambda: read(inbox, cursors))
        syncd = milliseconds(one_pass(inbox, store, "exchange").run)
        for stream in streams:
            read(stream, cursors)
        repeated = range(10 * rounds)
        client_poll = statistics.median(milliseconds(lambda: list(theirs.inbox.sync_items())) for _ in repeated)
        own_poll = statistics.median(milliseconds(lambda: read(inbox, cursors)) for _ in repeated)
        whole = statistics.median(milliseconds(lambda: poll(account, cursors)) for _ in repeated)
        account.close()
    each = 1000 / messages
    firsts = (client * each, connector * each, syncd * each)
    return Figures(messages, *firsts, client_poll, own_poll, whole, requests=1 + len(streams))


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
