"""The key of the tokens is rotated by a command, on both databases; whenever that ends, no token is lost."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from store.engine import hold
from store.vault import SealedTokens
from store.writer import open_store
from syncd.config import load, store_url
from syncd.opening import opened, vault
from tests.servers.postgres import Postgres
from tests.syncd.doors import Office

CANARY = "CANARY-refresh-token"
OWN = 'token_key = "file:token.key"'


@pytest.fixture(params=["sqlite", "postgresql"])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    """With one token in its store, under a key that syncd made itself."""
    if request.param == "sqlite":
        made = Office(tmp_path)
        with signed_in(made) as tokens:
            tokens.save(CANARY)
        yield made
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    name = postgres.new_database()
    patch = request.getfixturevalue("monkeypatch")
    patch.setenv("DB_PASSWORD", postgres.password)
    patch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    url = postgres.url(name).replace(f":{postgres.password}@", "@")
    made = Office(tmp_path, store=f'url = "{url}"\npassword = "env:DB_PASSWORD"')
    with signed_in(made) as tokens:
        tokens.save(CANARY)
    yield made
    postgres.drop(name)


@contextmanager
def signed_in(office: Office) -> Iterator[SealedTokens]:
    """What the account of `anna` is given, by a process that starts."""
    config = load(office.config)
    with opened(config) as store:
        yield vault(config, store).tokens("anna")


def kept(office: Office) -> str:
    with signed_in(office) as tokens:
        return tokens.load()


def key_file(office: Office) -> Path:
    (found,) = office.folder.rglob("*tokens.key")
    return found


def test_the_first_token_makes_the_key_for_its_owner_only(office: Office) -> None:
    assert stat.S_IMODE(key_file(office).stat().st_mode) == 0o600
    assert kept(office) == CANARY


def test_a_rotation_makes_a_new_key_and_every_token_is_still_there(office: Office) -> None:
    before = key_file(office).read_text()
    done = office.syncd("db", "rotate-key")
    assert (done.code, done.err) == (0, "")
    assert "1 token." in done.out
    assert key_file(office).read_text() != before
    assert kept(office) == CANARY

    key_file(office).write_text(before)
    refused = office.process("once")
    assert refused.code == 78
    assert "another key" in refused.err


def test_the_wrong_key_ends_the_start_with_78_and_the_right_one_mends_it(office: Office) -> None:
    right = key_file(office).read_text()
    key_file(office).write_text("ab" * 32 + "\n")
    for command in (("once",), ("run",), ("db", "rotate-key")):
        refused = office.process(*command)
        assert refused.code == 78, refused.err
        assert "rotate-key --forget" in refused.err
    assert "another key" in office.process("check").out
    key_file(office).write_text(right)
    assert kept(office) == CANARY


def test_a_key_that_is_lost_is_not_made_anew_behind_the_admins_back(office: Office) -> None:
    key_file(office).unlink()
    refused = office.process("once")
    assert refused.code == 78
    assert "does not exist" in refused.err
    assert list(office.folder.rglob("*tokens.key")) == []


def test_where_the_key_is_lost_the_tokens_are_forgotten_and_it_says_who_signs_in_again(office: Office) -> None:
    key_file(office).unlink()
    done = office.syncd("db", "rotate-key", "--forget")
    assert done.code == 0
    assert "syncd auth anna" in done.out
    assert kept(office) == ""


def test_a_key_of_the_admins_own_is_rotated_to_another_that_the_admin_names(office: Office) -> None:
    assert office.syncd("db", "rotate-key", "--to", f"file:{office.write('token.key', 'cd' * 32)}").code == 0
    office.store += f"\n{OWN}"
    office.configure()
    assert kept(office) == CANARY

    unnamed = office.syncd("db", "rotate-key")
    assert unnamed.code == 78
    assert "--to" in unnamed.err

    office.write("next.key", "ef" * 32)
    done = office.syncd("db", "rotate-key", "--to", "file:next.key")
    assert f'token_key = "file:{office.folder}/next.key"' in done.out
    office.store = office.store.replace("token.key", "next.key")
    office.configure()
    assert kept(office) == CANARY


def test_a_rotation_that_was_cut_short_before_the_store_changed_is_as_if_it_never_began(office: Office) -> None:
    own = key_file(office)
    own.with_name(f"{own.name}.new").write_text("ab" * 32 + "\n")
    assert kept(office) == CANARY
    assert office.syncd("db", "rotate-key").code == 0
    assert kept(office) == CANARY


def test_a_rotation_that_was_cut_short_after_the_store_changed_is_ended_by_the_next_start(office: Office) -> None:
    own = key_file(office)
    old = own.read_text()
    assert office.syncd("db", "rotate-key").code == 0
    ready = own.with_name(f"{own.name}.new")
    own.rename(ready)
    own.write_text(old)
    own.chmod(0o600)
    assert kept(office) == CANARY
    assert own.read_text() != old
    assert not ready.exists()


def test_a_rotation_is_refused_beside_a_daemon(office: Office) -> None:
    store = open_store(store_url(load(office.config)), b"")
    with hold(store.engine):
        assert office.process("db", "rotate-key").code == 75
    store.close()
    assert kept(office) == CANARY


def test_a_restored_backup_opens_its_tokens_with_the_key_that_was_not_in_it(office: Office) -> None:
    assert office.syncd("db", "backup", "backup.db").code == 0
    own = key_file(office).read_text().strip().encode()
    assert all(own not in path.read_bytes() for path in office.folder.glob("backup.db*"))
    assert office.syncd("db", "restore", "backup.db", "--force").code == 0
    assert kept(office) == CANARY


def test_the_command_has_help_with_an_example(tmp_path: Path) -> None:
    assert "Example: syncd db rotate-key" in Office(tmp_path).syncd("db", "rotate-key", "--help").out
