"""A new key for the tokens that are kept, put in the place of the old one: no token is lost on the way, whenever it
ends.

The order is: the new key is on the disk, the store is sealed under it in one transaction, the new key takes the old
one's name. Ended before the last step, the next start finds the store under the key that lies ready, and takes it.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from store.engine import hold
from store.trail import Doer
from store.vault import Vault
from store.writer import open_store
from syncd.config import Config, new_key, reference_key, store_key, store_url, token_key, token_key_file
from syncd.errors import ConfigError


def require_token_key(config: Config, vault: Vault) -> None:
    """ConfigError if the tokens are not sealed under the key that the configuration names; a rotation of a key file of
    ours that was cut short is brought to its end."""
    try:
        vault.require_key()
    except ConfigError:
        if config.store.token_key is not None or not (ready := _ready(config)).exists():
            raise
        Vault(vault.engine, lambda make: reference_key(f"file:{ready}", str(ready))).require_key()
        _take_over(ready, token_key_file(config))


def rotate(config: Config, to: str | None, by: Doer, now: datetime) -> int:
    """Seal every token under a new key: that of the reference `to`, or one that is made, where the key is a file of
    ours. How many there were. Not beside a daemon, which has the old one in hand."""
    if to is None and config.store.token_key is not None:
        named = "make one with `openssl rand -hex 32`, and name it: --to file:/etc/syncd/token.key"
        raise ConfigError([f"store.token_key: syncd did not make this key and cannot write another; {named}"])
    store = open_store(store_url(config), store_key(config))
    try:
        with hold(store.engine):
            vault = Vault(store.engine, lambda make: token_key(config, make=make))
            require_token_key(config, vault)
            if to is not None:
                return vault.rotate(reference_key(to, "--to"), by, now)
            ready = _ready(config)
            ready.unlink(missing_ok=True)  # of a rotation that ended before it touched the store
            count = vault.rotate(new_key(ready), by, now)
            _take_over(ready, token_key_file(config))
            return count
    finally:
        store.close()


def forget(config: Config, by: Doer, now: datetime) -> tuple[str, ...]:
    """Throw all tokens away, where their key is lost or somebody else has them; who must sign in again."""
    store = open_store(store_url(config), store_key(config))
    try:
        with hold(store.engine):
            return Vault(store.engine, lambda make: token_key(config, make=make)).forget(by, now)
    finally:
        store.close()


def _ready(config: Config) -> Path:
    own = token_key_file(config)
    return own.with_name(f"{own.name}.new")


def _take_over(ready: Path, own: Path) -> None:
    ready.replace(own)
    directory = os.open(own.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
