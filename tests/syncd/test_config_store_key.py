"""The key of the hashes is made once, kept from others, and never made anew for a store that had one."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from syncd import config
from syncd.errors import ConfigError, Retryable


@pytest.fixture
def loaded(tmp_path: Path) -> config.Config:
    path = tmp_path / "config.toml"
    path.write_text('[store]\nurl = "sqlite:///syncd.db"\n[organisation]\ndomains = ["example.com"]\n')
    return config.load(path)


def with_store(loaded: config.Config, **changes: str) -> config.Config:
    return replace(loaded, store=replace(loaded.store, **changes))


def test_the_key_is_made_beside_the_database_and_stays_the_same(loaded: config.Config, tmp_path: Path) -> None:
    key = config.store_key(loaded)

    assert len(key) == 32
    assert config.store_key(loaded) == key
    assert stat.S_IMODE((tmp_path / "syncd.db.key").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.toml", "syncd.db.key"]


def test_processes_that_start_at_once_get_one_key(loaded: config.Config) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: config.store_key(loaded), range(16)))

    assert len(set(keys)) == 1


def test_a_command_that_fails_to_give_the_key_may_do_better_later(loaded: config.Config) -> None:
    with pytest.raises(Retryable, match="exit code 1"):
        config.store_key(with_store(loaded, key="command:false"))


def test_a_store_whose_key_is_lost_gets_no_new_one(loaded: config.Config, tmp_path: Path) -> None:
    (tmp_path / "syncd.db").write_bytes(b"SQLite format 3\0")

    with pytest.raises(ConfigError, match=r"copy syncd.db.key from the backup"):
        config.store_key(loaded)


def test_a_key_that_others_can_read_is_refused_with_the_chmod_to_type(loaded: config.Config, tmp_path: Path) -> None:
    config.store_key(loaded)
    (tmp_path / "syncd.db.key").chmod(0o644)

    with pytest.raises(ConfigError, match=rf"chmod 600 {tmp_path}/syncd.db.key"):
        config.store_key(loaded)


@pytest.mark.parametrize("text", ["", "abc", "not hexadecimal at all", "00" * 31, "00" * 65])
def test_a_key_of_another_shape_is_refused_without_being_shown(
    loaded: config.Config, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("SYNCD_KEY", text)

    with pytest.raises(ConfigError) as caught:
        config.store_key(with_store(loaded, key="env:SYNCD_KEY"))
    assert not text or text not in str(caught.value)


def test_a_key_can_come_from_a_reference(loaded: config.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_KEY", "ab" * 32)

    assert config.store_key(with_store(loaded, key="env:SYNCD_KEY")) == b"\xab" * 32


def test_postgresql_keeps_its_key_in_the_state_directory_or_asks_for_one(
    loaded: config.Config, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shared = with_store(loaded, url="postgresql://syncd@db.example.com/syncd")
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    with pytest.raises(ConfigError, match="openssl rand -hex 32"):
        config.store_key(shared)

    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    assert config.store_key(shared) == config.store_key(shared)
    assert (tmp_path / "state" / "syncd.key").exists()


def test_the_password_of_the_database_is_put_into_its_url(
    loaded: config.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB", "p@ss/word")
    url = "postgresql://syncd@db.example.com/syncd"

    assert config.store_url(with_store(loaded, url=url)) == url
    assert (
        config.store_url(with_store(loaded, url=url, password="env:DB"))
        == "postgresql://syncd:p%40ss%2Fword@db.example.com/syncd"
    )
    with pytest.raises(ConfigError, match="names no user"):
        config.store_url(with_store(loaded, url="postgresql://db.example.com/syncd", password="env:DB"))
