"""Rows for tests of the read side, each made with one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TypeAlias

from sqlalchemy import Engine, insert

from store import schema
from store.engine import read, write
from store.trail import Doer

NOW = datetime.now(UTC).replace(microsecond=0)
"""The views compare with the database's own clock."""

ANNA = Doer("anna", "cli")

Row: TypeAlias = tuple[object, ...]
Person: TypeAlias = tuple[str, ...]
"""role, address and, of a meeting, the response"""


def days(number: float) -> datetime:
    """An instant so many days ago; ahead, if it is negative."""
    return NOW - timedelta(days=number)


@dataclass
class Seeds:
    engine: Engine
    _ids: Iterable[int] = field(default_factory=lambda: count(1))

    def add(self, table: str, **values: object) -> None:
        with write(self.engine) as connection:
            connection.execute(insert(schema.metadata.tables[table]).values(**values))

    def account(self, id: str, *domains: str) -> None:
        self.add("account", id=id, name=id.title())
        for domain in domains:
            self.add("account_domain", account_id=id, domain=domain, domain_key=domain)

    def contact(self, id: str, *addresses: str, account: str | None = None) -> None:
        self.add("contact", id=id, name=id.title(), account_id=account)
        for address in addresses:
            self.add("contact_address", contact_id=id, address=address, address_key=address.lower())

    def opportunity(self, id: str, account: str, *contacts: str) -> None:
        self.add("opportunity", id=id, name=id.title(), account_id=account, stage="offer", opened_at=days(100))
        for contact in contacts:
            self.add("opportunity_contact", opportunity_id=id, contact_id=contact)

    def user(self, id: str, *addresses: str, team: str = "") -> None:
        self.add("users", id=id, name=id.title(), team=team)
        for address in addresses:
            self.add("user_address", user_id=id, address=address, address_key=address.lower())

    def mailbox(self, name: str, *, owner: str = "", **values: object) -> int:
        own = self._next()
        self.add("mailbox", **{"id": own, "name": name, "owner": owner, "kind": "imap", "state": "ok", **values})
        return own

    def stream(self, mailbox: int, name: str, **values: object) -> int:
        own = self._next()
        self.add("stream", **{"id": own, "mailbox_id": mailbox, "name": name, "kind": "mail", "state": "ok", **values})
        return own

    def sighting(self, stream: int, verdict: str = "logged", *, activity: int | None = None, **values: object) -> int:
        own = self._next()
        row = {"id": own, "stream_id": stream, "item": f"1.{own}", "verdict": verdict, "rule": "logged", **values}
        self.add("sighting", activity_id=activity, **row)
        return own

    def activity(
        self,
        kind: str = "email",
        *,
        at: datetime,
        direction: str | None = None,
        people: Iterable[Person] = (),
        links: Mapping[str, str] | Iterable[str] = (),
        thread: int | None = None,
        **values: object,
    ) -> int:
        """`links`: `contact:vera`, each linked by the rule, or mapped to a state."""
        own = self._next()
        row = {"subject": f"Subject {own}", "level": 1, "source": "mail", "created_at": at, "updated_at": at}
        row |= {"public_id": f"public-{own}", "identity": own.to_bytes(8, "big"), "thread_id": thread or own, **values}
        self.add("activity", id=own, kind=kind, occurred_at=at, direction=direction, **row)
        for role, address, *response in people:
            answer = response[0] if response else ""
            key = {"address": address, "address_key": address.lower()}
            self.add("participant", activity_id=own, role=role, response=answer, name=f"Name of {address}", **key)
        states = links if isinstance(links, Mapping) else dict.fromkeys(links, "linked")
        for link, state in states.items():
            entity, _, entity_id = link.partition(":")
            reason = {"entity_kind": entity, "entity_id": entity_id, "reason": "from address", "origin": "rule"}
            self.add("link", activity_id=own, state=state, **reason)
        return own

    def changed(self, sequence: int, activity: int, kind: str = "created") -> None:
        self.add("change", sequence=sequence, kind=kind, activity_id=activity, changed_at=NOW)

    def rows(self, query: str) -> list[Row]:
        with read(self.engine) as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]

    def instants(self, table: str, columns: str) -> list[tuple[datetime | None, ...]]:
        """Columns of a view that are times, as they are after the driver of either database."""
        return [tuple(map(_instant, row)) for row in self.rows(f"SELECT {columns} FROM {table}")]

    def _next(self) -> int:
        return next(iter(self._ids))


def _instant(value: object) -> datetime | None:
    if isinstance(value, str):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    assert value is None or isinstance(value, datetime)
    return value
