"""How a token is sealed, and its key.

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
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from syncd.errors import Permanent

_NONCE = 12
"""Bytes; random, since under one key of its own each token is sealed once (NIST SP 800-38D, 8.2.2)."""


class Kek:
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

    def rewrapped(self, mailbox: str, field: str, sealed: str, old: Kek) -> str:
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
