"""Another key would make every mail a new one; so a store refuses it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from store.backup import backup, restore
from store.engine import connect, read
from store.key import require_key
from store.schema import meta
from syncd.errors import ConfigError
from tests.dump import dump
from tests.store.seeds import ANNA

KEY = b"k" * 32


def test_the_key_that_a_store_was_made_with_opens_it_again(engine: Engine) -> None:
    require_key(engine, KEY)
    require_key(engine, KEY)
    with read(engine) as connection:
        ((_, mark),) = connection.execute(meta.select())
    assert KEY.hex() not in mark, "and is not kept in it"


def test_another_key_is_refused_and_changes_nothing(engine: Engine) -> None:
    require_key(engine, KEY)
    before = dump(engine)
    for _ in range(2):
        with pytest.raises(ConfigError, match="put back that key"):
            require_key(engine, b"another key")
    assert dump(engine) == before


def test_of_two_that_open_a_new_store_at_once_with_two_keys_one_is_refused(engine: Engine, url: str) -> None:
    refused: list[ConfigError] = []
    start = threading.Barrier(2)

    def open_with(key: bytes) -> None:
        other = connect(url)
        start.wait()
        try:
            require_key(other, key)
        except ConfigError as error:
            refused.append(error)
        other.dispose()

    threads = [threading.Thread(target=open_with, args=(key,)) for key in (KEY, b"another key")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1


def test_a_restored_store_still_knows_its_key(engine: Engine, empty_url: str, tmp_path: Path) -> None:
    require_key(engine, KEY)
    backup(engine, tmp_path / "backup")
    restore(empty_url, tmp_path / "backup", force=False, by=ANNA, now=datetime(2026, 11, 3, tzinfo=UTC))
    restored = connect(empty_url)
    with pytest.raises(ConfigError):
        require_key(restored, b"another key")
    require_key(restored, KEY)
    restored.dispose()
