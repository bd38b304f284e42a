"""Tokens at rest: what opens a mailbox is sealed (store/sealing.py), and the key to it is not in the store.

Nothing that is raised here repeats a token or a key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, RowMapping, delete, insert, select, update

from store import trail
from store.engine import read, write
from store.schema import token
from store.trail import Doer
from syncd.errors import ConfigError, Permanent

if TYPE_CHECKING:
    from store.sealing import Kek


@dataclass(frozen=True, slots=True)
class Vault:
    engine: Engine
    key: Callable[[bool], bytes]
    """What `[store] token_key` names; called with True it may make a key file. Raises ConfigError."""

    def tokens(self, mailbox: str) -> SealedTokens:
        return SealedTokens(self, mailbox, "tokens")

    def require_key(self) -> None:
        """ConfigError if what is sealed was sealed under another key, before anything is touched."""
        kept = self._kept_under()
        if kept and (strange := kept - {_kek_from(self.key(False)).id}):
            raise ConfigError([_refusal(strange)])

    def rotate(self, new: bytes, by: Doer, now: datetime) -> int:
        """Seal every key anew under `new`, in one transaction; how many there were."""
        fresh = _kek_from(new)
        with write(self.engine) as connection:
            rows = connection.execute(select(token)).mappings().all()
            if rows:  # else there need not be an old key
                self._reseal(connection, rows, fresh)
            trail.record(connection, by.did("rotate-key", tokens=len(rows)), now)
        return len(rows)

    def _reseal(self, connection: Connection, rows: Sequence[RowMapping], fresh: Kek) -> None:
        old = _kek_from(self.key(False))
        if strange := {row["key_id"] for row in rows} - {old.id}:
            raise ConfigError([_refusal(strange)])
        for row in rows:
            sealed = fresh.rewrapped(row["mailbox"], row["field"], row["sealed"], old)
            own = (token.c.mailbox == row["mailbox"], token.c.field == row["field"])
            connection.execute(update(token).where(*own).values(key_id=fresh.id, sealed=sealed))

    def forget(self, by: Doer, now: datetime) -> tuple[str, ...]:
        """Throw away every token, as when the key is lost; the mailboxes that must sign in again."""
        with write(self.engine) as connection:
            mailboxes = connection.execute(select(token.c.mailbox).distinct().order_by(token.c.mailbox)).scalars().all()
            connection.execute(delete(token))
            trail.record(connection, by.did("forget-tokens", tokens=len(mailboxes)), now)
        return tuple(mailboxes)

    def load(self, mailbox: str, field: str) -> str:
        own = select(token.c.key_id, token.c.sealed).where(token.c.mailbox == mailbox, token.c.field == field)
        with read(self.engine) as connection:
            found = connection.execute(own).one_or_none()
        if found is None:
            return ""
        kek = self._kek(make=False)
        if found.key_id != kek.id:
            raise Permanent(_refusal({found.key_id}), cure="syncd check")
        return kek.opened(mailbox, field, found.sealed)

    def save(self, mailbox: str, field: str, text: str) -> None:
        """A first token may make the key. Never under two keys at once: a rotation would lose one of them."""
        kept = self._kept_under()
        kek = self._kek(make=not kept)
        if strange := kept - {kek.id}:
            raise Permanent(_refusal(strange), cure="syncd check")
        values = {"key_id": kek.id, "sealed": kek.sealed(mailbox, field, text)}
        with write(self.engine) as connection:
            own = (token.c.mailbox == mailbox, token.c.field == field)
            if not connection.execute(update(token).where(*own).values(values)).rowcount:
                connection.execute(insert(token).values(mailbox=mailbox, field=field, **values))

    def _kept_under(self) -> set[str]:
        with read(self.engine) as connection:
            return set(connection.execute(select(token.c.key_id).distinct()).scalars())

    def _kek(self, *, make: bool) -> Kek:
        """Within a pass a fault of the key is the mailbox's trouble, and not the end of the daemon."""
        try:
            return _kek_from(self.key(make))
        except ConfigError as error:
            raise Permanent("; ".join(error.problems), cure="mend [store] token_key, then: syncd check") from error


@dataclass(frozen=True, slots=True)
class SealedTokens:
    """What one account keeps between its passes (connectors.base.Tokens)."""

    vault: Vault
    mailbox: str
    field: str

    def load(self) -> str:
        return self.vault.load(self.mailbox, self.field)

    def save(self, text: str) -> None:
        self.vault.save(self.mailbox, self.field, text)


def _kek_from(key: bytes) -> Kek:
    # Here, since most mailboxes keep no token, and a pass by cron would load the ciphers at every start.
    from store.sealing import Kek

    return Kek(key)


def _refusal(strange: Iterable[str]) -> str:
    cure = "put that key back, or type `syncd db rotate-key --forget` and sign in again"
    return f"store.token_key: the kept tokens are sealed under another key ({', '.join(sorted(strange))}); {cure}"
