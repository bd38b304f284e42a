"""Tokens at rest: what opens a mailbox is sealed, and the key to it is not in the store.

Each token is sealed by AES-256-GCM under a key of its own, made anew at each save, and that key is sealed in the same
way under the one that `[store] token_key` names: so a rotation seals the small keys anew and touches no token. Mailbox
and field are the associated data of both: what is put into another row opens nothing there. What does not open is an
error, and never taken for plain text. Nothing that is raised here repeats a token or a key.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, Engine, RowMapping, delete, insert, select, update

from store import trail
from store.engine import read, write
from store.schema import token
from store.trail import Doer
from syncd.errors import ConfigError, Permanent

_NONCE = 12
"""Bytes; random, since under one key of its own each token is sealed once (NIST SP 800-38D, 8.2.2)."""


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
        if kept and (strange := kept - {_Kek(self.key(False)).id}):
            raise ConfigError([_refusal(strange)])

    def rotate(self, new: bytes, by: Doer, now: datetime) -> int:
        """Seal every key anew under `new`, in one transaction; how many there were."""
        fresh = _Kek(new)
        with write(self.engine) as connection:
            rows = connection.execute(select(token)).mappings().all()
            if rows:  # else there need not be an old key
                self._reseal(connection, rows, fresh)
            trail.record(connection, by.did("rotate-key", tokens=len(rows)), now)
        return len(rows)

    def _reseal(self, connection: Connection, rows: Sequence[RowMapping], fresh: _Kek) -> None:
        old = _Kek(self.key(False))
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

    def _kek(self, *, make: bool) -> _Kek:
        """Within a pass a fault of the key is the mailbox's trouble, and not the end of the daemon."""
        try:
            return _Kek(self.key(make))
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


class _Kek:
    """The key that seals keys. It has an id, by which a row says what it was sealed under."""

    def __init__(self, key: bytes) -> None:
        self.id = hmac.digest(key, b"the id of this token key", hashlib.sha256)[:8].hex()
        self._aead = AESGCM(hmac.digest(key, b"the keys of tokens", hashlib.sha256))

    def sealed(self, mailbox: str, field: str, text: str) -> str:
        own = AESGCM.generate_key(bit_length=256)
        place = _associated(mailbox, field)
        return _written([_seal(self._aead, own, place), _seal(AESGCM(own), text.encode(), place)])

    def opened(self, mailbox: str, field: str, sealed: str) -> str:
        try:
            wrapped, inner = _parts(sealed)
            place = _associated(mailbox, field)
            own = AESGCM(_open(self._aead, wrapped, place))
            return _open(own, inner, place).decode()
        except (InvalidTag, ValueError) as error:
            raise Permanent(f"the kept token of {mailbox} cannot be opened", cure=f"syncd auth {mailbox}") from error

    def rewrapped(self, mailbox: str, field: str, sealed: str, old: _Kek) -> str:
        """Under this key instead of `old`; the token itself is tried, and not touched."""
        old.opened(mailbox, field, sealed)
        wrapped, inner = _parts(sealed)
        place = _associated(mailbox, field)
        return _written([_seal(self._aead, _open(old._aead, wrapped, place), place), inner])


def _seal(aead: AESGCM, text: bytes, associated: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + aead.encrypt(nonce, text, associated)


def _open(aead: AESGCM, sealed: bytes, associated: bytes) -> bytes:
    return aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], associated)


def _associated(mailbox: str, field: str) -> bytes:
    """The length in front: of no two places the texts run together to the same."""
    return f"syncd v1 {len(mailbox)} {mailbox} {field}".encode()


def _written(parts: Iterable[bytes]) -> str:
    return ":".join(["v1", *(b64encode(part).decode() for part in parts)])


def _parts(sealed: str) -> tuple[bytes, bytes]:
    """The sealed key and the sealed token; ValueError if it is no such text."""
    version, wrapped, inner = sealed.split(":")
    if version != "v1":
        raise ValueError("sealed by a version that is not known")
    return b64decode(wrapped, validate=True), b64decode(inner, validate=True)


def _refusal(strange: Iterable[str]) -> str:
    cure = "put that key back, or type `syncd db rotate-key --forget` and sign in again"
    return f"store.token_key: the kept tokens are sealed under another key ({', '.join(sorted(strange))}); {cure}"
