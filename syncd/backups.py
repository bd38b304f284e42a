"""A backup is two files: the store, and the key of its hashes, without which nothing in it is known again."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from store import backup, migrations
from store.engine import hold
from store.trail import Doer
from store.writer import open_store
from syncd.config import Config, key_file, store_key, store_url
from syncd.errors import ConfigError, Permanent


def upgrade(config: Config) -> None:
    """Not beside a daemon: it would write in the old tables."""
    store = open_store(store_url(config), store_key(config))
    try:
        with hold(store.engine):
            migrations.upgrade(store.engine)
    finally:
        store.close()


def take(config: Config, path: Path) -> Path | None:
    """The key's copy; None where the key is not a file of ours but what `[store] key` names."""
    key = store_key(config)
    copy = None if config.store.key is not None else _key_beside(path)
    if copy is not None and copy.exists():
        raise Permanent(f"{copy} exists already", cure="name a new file, such as one with the date in it")
    store = open_store(store_url(config), key)
    try:
        backup.backup(store.engine, path)
    finally:
        store.close()
    if copy is not None:
        _write(copy, key)
    return copy


def bring_back(config: Config, path: Path, by: Doer, *, force: bool, now: datetime) -> None:
    """The store, and then its key; refused before anything is done if the key is nowhere."""
    own, copy = _own_key(config), _key_beside(path)
    if own is not None and not copy.exists() and not own.exists():
        raise ConfigError([f"{copy} is missing: the key of the backup; without it nothing in it is known again"])
    backup.restore(store_url(config), path, force=force, by=by, now=now)
    if own is not None and copy.exists():
        own.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = own.with_name(f"{own.name}.new")
        draft.unlink(missing_ok=True)
        _write(draft, bytes.fromhex(copy.read_text().strip()))
        draft.replace(own)


def _own_key(config: Config) -> Path | None:
    return key_file(config) if config.store.key is None else None


def _key_beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.key")


def _write(path: Path, key: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(key.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
