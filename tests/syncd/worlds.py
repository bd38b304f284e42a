"""A store with a small directory, and mailboxes in memory around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from matching import address
from store.engine import write
from store.writer import Store
from syncd.model import Batch, Item, ItemId, Level, Message, Policy
from syncd.sync import Pass, PassResult
from tests.syncd.mailboxes import START, Folder, Killed, MemoryStream

POLICY = Policy(own_domains=frozenset({"ourco.example"}), level=Level.FULL, key=b"k" * 32)


@dataclass
class DeadlyStream(MemoryStream):
    """Reading the text of some subjects kills the process."""

    deadly: set[str] = field(default_factory=set)

    def read(self, ids: Sequence[ItemId], *, text: bool) -> Iterator[Item]:
        for item in super().read(ids, text=text):
            if isinstance(item, Message) and item.subject in self.deadly:
                raise Killed
            yield item


@dataclass
class World:
    store: Store
    path: Path | None
    points: list[str]
    """Every beginning and commit of a write."""
    clock: datetime = START
    streams: dict[str, MemoryStream] = field(default_factory=dict)
    deadly: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.execute("INSERT INTO account (id, name) VALUES ('client', 'Client')")
        for name in ("zoe", "carl"):
            self.contact(name, f"{name}@client.example", "client")

    def contact(self, contact_id: str, mail: str, account: str | None = None) -> None:
        self.execute("INSERT INTO contact (id, account_id) VALUES (:id, :account)", id=contact_id, account=account)
        self.execute(
            "INSERT INTO contact_address (contact_id, address, address_key) VALUES (:id, :mail, :key)",
            id=contact_id,
            mail=mail,
            key=address.key(mail),
        )

    def opportunity(self, opportunity_id: str, account: str, contacts: Sequence[str]) -> None:
        self.execute(
            "INSERT INTO opportunity (id, account_id) VALUES (:id, :account)", id=opportunity_id, account=account
        )
        for contact in contacts:
            self.execute("INSERT INTO opportunity_contact VALUES (:id, :contact)", id=opportunity_id, contact=contact)

    def stream(self, name: str = "rita") -> MemoryStream:
        if name not in self.streams:
            self.streams[name] = DeadlyStream(Folder(), deadly=self.deadly)
            number = len(self.streams)
            self.execute("INSERT INTO mailbox (id, name) VALUES (:id, :name)", id=number, name=name)
            columns = "id, mailbox_id, name, kind"
            self.execute(f"INSERT INTO stream ({columns}) VALUES (:id, :id, 'INBOX', 'mail')", id=number)
        return self.streams[name]

    def folder(self, name: str = "rita") -> Folder:
        return self.stream(name).folder

    def stream_id(self, name: str) -> int:
        return list(self.streams).index(name) + 1

    def run(self, name: str = "rita", policy: Policy = POLICY, *, stop_after: int | None = None) -> PassResult:
        batches: list[Batch] = []
        stream = self.stream(name)
        return Pass(
            stream,
            self.stream_id(name),
            self.store,
            policy,
            now=self.now,
            should_stop=lambda: len(batches) == stop_after,
            progress=batches.append,
        ).run()

    def reconcile(self, name: str = "rita") -> PassResult:
        return Pass(self.stream(name), self.stream_id(name), self.store, POLICY, now=self.now).reconcile()

    def now(self) -> datetime:
        self.clock += timedelta(seconds=1)
        return self.clock

    def execute(self, statement: str, **values: object) -> None:
        with write(self.store.engine) as connection:
            connection.execute(text(statement), values)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with self.store.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def subjects(self) -> list[object]:
        return [row[0] for row in self.rows("SELECT subject FROM activity ORDER BY occurred_at, subject")]

    def verdicts(self) -> dict[object, object]:
        """Of what the folders hold now."""
        counts = self.rows("SELECT verdict, count(*) FROM sighting WHERE gone_at IS NULL GROUP BY verdict")
        return {row[0]: row[1] for row in counts}

    def dump_text(self) -> str:
        """Every value of every table, as text."""
        names = "SELECT name FROM sqlite_master WHERE type = 'table'"
        return "\n".join(str(self.rows(f"SELECT * FROM {name}")) for (name,) in self.rows(names))

    def file_text(self) -> str:
        """The bytes of the database file and its log."""
        assert self.path
        files = [self.path, self.path.with_name(self.path.name + "-wal")]
        return "".join(file.read_bytes().decode("latin-1") for file in files if file.exists())
