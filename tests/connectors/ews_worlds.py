"""A mailbox on an Exchange server that is ours alone, with the real client before it."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from exchangelib import DELEGATE, Account, Configuration, Credentials, FailFast
from exchangelib import UTC as EWS_UTC
from exchangelib.protocol import BaseProtocol, CachingProtocol
from exchangelib.version import EXCHANGE_2016, Version
from requests.adapters import HTTPAdapter

from connectors.base import Context, Stream
from connectors.ews import ExchangeAccount, open_account
from connectors.ews_settings import Settings
from tests.connectors.calendar_contract import CalendarWorld
from tests.connectors.contexts import LONG_AGO, context
from tests.connectors.contract import World
from tests.servers.fake_ews import FakeEws
from tests.servers.fake_ews_items import Occurrence, Person, Raw
from tests.servers.fake_ews_mailbox import Folder, Item, Mailbox, Value

USER, PASSWORD = "anna@example.com", "a password"
START = datetime(2026, 1, 1, 9, tzinfo=UTC)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ANNA = Person("Anna Arendt", USER)
ZOE = Person("Zoe", "zoe@client.example")


def settings(exchange: FakeEws, auth: Literal["ntlm", "basic"] = "ntlm") -> Settings:
    return Settings(user=USER, host=exchange.host, ca_file=exchange.ca_file, timeout=10, auth=auth)


def deliver(
    mailbox: Mailbox,
    key: str,
    *,
    folder: str | Folder = "inbox",
    at: datetime = NOON,
    sender: Person = ZOE,
    to: Sequence[Person] = (ANNA,),
    subject: str = "Offer",
    kind: str = "Message",
    smtp_of_author: str = "",
    **more: Value,
) -> Item:
    """A mail as Exchange holds it. Of `more`, `item_Subject` is the field `item:Subject`."""
    values: dict[str, Value] = {
        "item:ItemClass": "IPM.Note",
        "item:Subject": subject,
        "item:Sensitivity": "Normal",
        "item:Body": "We take it.\r\n",
        "item:DateTimeReceived": at,
        "item:DateTimeSent": at - timedelta(seconds=2),
        "item:IsDraft": False,
        "item:HasAttachments": False,
        "message:From": sender,
        "message:Sender": sender,
        "message:ToRecipients": to,
        "message:InternetMessageId": f"<{key}>",
        "0x5d02": smtp_of_author or None,
        **{name.replace("_", ":", 1): value for name, value in more.items()},
    }
    return mailbox.add(folder, kind, values, received_at=at)


@dataclass
class EwsWorld(World):
    exchange: FakeEws
    settings: Settings
    mailbox: Mailbox
    several_batches: int = 250
    folder: str = "Inbox"
    secret: str = PASSWORD
    since: datetime = LONG_AGO
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    items: dict[str, Item] = field(default_factory=dict)
    opened: list[ExchangeAccount] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def context(self) -> Context:
        return context(lambda: self.secret, since=lambda: self.since, now=lambda: self.now)

    def account(self) -> ExchangeAccount:
        account = open_account(self.settings, self.context())
        self.opened.append(account)
        return account

    def stream(self, account: ExchangeAccount) -> Stream:  # type: ignore[override]
        return next(stream for stream in account.streams() if stream.name == self.folder)

    def add(self, count: int) -> list[str]:
        numbers = [next(self.numbers) for _ in range(count)]
        keys = [f"{number:06}@example.org" for number in numbers]
        for number, key in zip(numbers, keys, strict=True):
            self.items[key] = self.made(key, number)
        return keys

    def made(self, key: str, number: int) -> Item:
        return deliver(self.mailbox, key, at=START + timedelta(minutes=number), subject=f"Offer {number}")

    def remove(self, key: str) -> None:
        self.mailbox.delete(self.items[key])

    def renumber(self) -> None:
        self.mailbox.migrate()

    def revoke(self) -> None:
        self.exchange.may_sign_in(USER, "another password")

    def vanish(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.settings = replace(self.settings, host=f"localhost:{listener.getsockname()[1]}")


def meeting(
    mailbox: Mailbox, uid: str, starts_at: datetime, *, folder: str | Folder = "calendar", **more: Value
) -> Item:
    """A single meeting of Anna with Zoe, in Anna's own calendar."""
    values: dict[str, Value] = {
        "item:Subject": "Demo",
        "item:Sensitivity": "Normal",
        "item:Body": "The agenda",
        "item:LastModifiedTime": NOON,
        "calendar:UID": uid,
        "calendar:DateTimeStamp": NOON,
        "calendar:Start": starts_at,
        "calendar:End": starts_at + timedelta(hours=1),
        "calendar:IsAllDayEvent": False,
        "calendar:LegacyFreeBusyStatus": "Busy",
        "calendar:Location": "Room 1",
        "calendar:IsCancelled": False,
        "calendar:CalendarItemType": "Single",
        "calendar:MyResponseType": "Organizer",
        "calendar:Organizer": ANNA,
        "calendar:RequiredAttendees": [replace(ZOE, response="Accept")],
        "calendar:AppointmentSequenceNumber": 0,
        **{name.replace("_", ":", 1): value for name, value in more.items()},
    }
    return mailbox.add(folder, "CalendarItem", values, received_at=NOON)


def series(
    mailbox: Mailbox, starts_at: datetime, pattern: str, ends: str, *, uid: str = "series@example.com", **more: Any
) -> Item:
    """Meetings that repeat by a pattern and a range of `t:Recurrence`."""
    rule = Raw(f"<t:Recurrence>{pattern}{ends}</t:Recurrence>")
    return meeting(
        mailbox, uid, starts_at, calendar_CalendarItemType="RecurringMaster", calendar_Recurrence=rule, **more
    )  # fmt: skip


def exception(mailbox: Mailbox, master: Item, original_at: datetime, starts_at: datetime, **more: Any) -> Item:
    """One occurrence of a series changed."""
    changed = meeting(
        mailbox, str(master.values["calendar:UID"]), starts_at,
        calendar_CalendarItemType="Exception", calendar_OriginalStart=original_at, **more,
    )  # fmt: skip
    changed.within = master.id
    listed = Occurrence(original_at, changed.id, changed.change_key, starts_at, starts_at + timedelta(hours=1))
    known = master.values.get("calendar:ModifiedOccurrences") or []
    assert isinstance(known, list)
    master.values["calendar:ModifiedOccurrences"] = [*known, listed]
    mailbox.touch(master)
    return changed


def task(mailbox: Mailbox, subject: str, *, done: bool) -> Item:
    values: dict[str, Value] = {
        "item:Subject": subject,
        "item:Sensitivity": "Normal",
        "item:LastModifiedTime": NOON,
        "task:CompleteDate": NOON if done else None,
        "task:DueDate": NOON + timedelta(days=1),
        "task:IsComplete": done,
        "task:Status": "Completed" if done else "InProgress",
    }
    return mailbox.add("tasks", "Task", values, received_at=NOON)


@dataclass
class EwsCalendarWorld(EwsWorld, CalendarWorld):
    folder: str = "calendar"
    now: datetime = NOON

    def made(self, key: str, number: int) -> Item:
        return meeting(self.mailbox, key, NOON + timedelta(minutes=number))

    def change(self, key: str) -> None:
        self.mailbox.change(self.items[key], Subject="Another demo")


@dataclass
class EwsTaskWorld(EwsWorld, CalendarWorld):
    folder: str = "tasks"
    now: datetime = NOON

    def made(self, key: str, number: int) -> Item:
        return task(self.mailbox, f"Call {number}", done=True)

    def add(self, count: int) -> list[str]:
        """A task has no name but its id."""
        made = [self.made("", next(self.numbers)) for _ in range(count)]
        self.items |= {each.id: each for each in made}
        return [each.id for each in made]

    def renumber(self) -> None:
        self.mailbox.forget_states()

    def change(self, key: str) -> None:
        self.mailbox.change(self.items[key], Subject="Call again")


@contextmanager
def opened(world: EwsWorld) -> Iterator[EwsWorld]:
    yield world
    for account in world.opened:
        account.close()


@contextmanager
def library(url: str, ca_file: Path, user: str) -> Iterator[Any]:
    """exchangelib's own account of a mailbox, as its guide shows it, by Basic; it trusts the fake's authority."""

    class Adapter(HTTPAdapter):
        def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
            super().cert_verify(conn, url, str(ca_file), cert)

    before, BaseProtocol.HTTP_ADAPTER_CLS = BaseProtocol.HTTP_ADAPTER_CLS, Adapter
    config = Configuration(
        service_endpoint=url,
        credentials=Credentials(user, PASSWORD),
        auth_type="basic",
        version=Version(EXCHANGE_2016),
        retry_policy=FailFast(),
    )
    account = Account(user, config=config, access_type=DELEGATE, default_timezone=EWS_UTC)
    try:
        yield account
    finally:
        account.protocol.close()
        CachingProtocol.clear_cache()
        BaseProtocol.HTTP_ADAPTER_CLS = before
