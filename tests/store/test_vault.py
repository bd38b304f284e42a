"""Tokens at rest: sealed under a key that is not in the store, in their own row only, and never taken for plain."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import CheckConstraint, Engine, exc, insert, select, update

from store.backup import backup
from store.engine import read, write
from store.schema import metadata, token
from store.vault import Vault
from syncd.errors import ConfigError, Permanent
from tests.store.seeds import ANNA, NOW

CANARY = "1//0gCANARY-refresh-token"
OLD, NEW = b"o" * 32, b"n" * 32


def vault(engine: Engine, key: bytes = OLD) -> Vault:
    return Vault(engine, lambda make: key)


def keyless(make: bool) -> bytes:
    raise AssertionError("nobody should ask for the key")


def sealed(engine: Engine, mailbox: str = "anna") -> str:
    with read(engine) as connection:
        return str(connection.execute(select(token.c.sealed).where(token.c.mailbox == mailbox)).scalar_one())


def put(engine: Engine, text: str, mailbox: str = "anna") -> None:
    with write(engine) as connection:
        connection.execute(update(token).where(token.c.mailbox == mailbox).values(sealed=text))


def files_of(folder: Path) -> bytes:
    """The bytes of every file: databases, their logs, backups."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_what_was_saved_last_is_loaded_again_in_another_process(engine: Engine) -> None:
    tokens = vault(engine).tokens("anna")
    assert tokens.load() == ""
    tokens.save("the first")
    tokens.save(CANARY)
    assert vault(engine).tokens("anna").load() == CANARY
    assert vault(engine).tokens("ben").load() == ""


def test_without_any_token_no_key_is_asked_for(engine: Engine) -> None:
    empty = Vault(engine, keyless)
    empty.require_key()
    assert empty.tokens("anna").load() == ""


def test_only_a_first_token_may_make_the_key(engine: Engine) -> None:
    asked: list[bool] = []

    def key(make: bool) -> bytes:
        asked.append(make)
        return OLD

    tokens = Vault(engine, key).tokens("anna")
    tokens.save("one")
    tokens.save("two")
    tokens.load()
    assert asked == [True, False, False]


def test_the_token_is_nowhere_in_the_store_its_files_or_a_backup(engine: Engine, tmp_path: Path) -> None:
    vault(engine).tokens("anna").save(CANARY)
    backup(engine, tmp_path / "backup.db")
    with read(engine) as connection:
        rows = "".join(str(connection.execute(select(table)).all()) for table in metadata.sorted_tables)
    assert CANARY not in rows
    found = files_of(tmp_path)
    assert b"SQLite format 3" in found
    assert CANARY.encode() not in found
    assert OLD not in found
    assert OLD.hex().encode() not in found


def test_equal_tokens_are_sealed_differently_each_time(engine: Engine) -> None:
    tokens = vault(engine).tokens("anna")
    seen = set()
    for _ in range(3):
        tokens.save(CANARY)
        seen.update(sealed(engine).split(":")[1:])
    assert len(seen) == 6


def test_the_token_of_one_mailbox_opens_nothing_in_the_row_of_another(engine: Engine) -> None:
    for name in ("anna", "ben"):
        vault(engine).tokens(name).save(f"token of {name}")
    annas, bens = sealed(engine, "anna"), sealed(engine, "ben")
    mixed = ":".join(["v1", annas.split(":")[1], bens.split(":")[2]])
    for stolen in (bens, mixed):
        put(engine, stolen)
        with pytest.raises(Permanent, match="of anna cannot be opened") as caught:
            vault(engine).tokens("anna").load()
        assert caught.value.cure == "syncd auth anna"


def _flipped(text: str) -> list[str]:
    """Each byte of each part changed, once."""
    version, *parts = text.split(":")
    found = []
    for place, part in enumerate(parts):
        raw = b64decode(part)
        for at in range(len(raw)):
            changed = bytes([*raw[:at], raw[at] ^ 1, *raw[at + 1 :]])
            found.append(":".join([version, *parts[:place], b64encode(changed).decode(), *parts[place + 1 :]]))
    return found


@pytest.mark.parametrize(
    "spoil",
    [
        _flipped,
        lambda text: [f"v1:{CANARY}:", f"v1::{CANARY}", "v1:::", "v1::", f"v1:{b64encode(b'short').decode()}:"],
        lambda text: [text.replace("v1", "v1:", 1), text + "=", text[:-4], text.replace(":", ":\n", 1)],
    ],
    ids=["a byte changed", "plain text", "another shape"],
)
def test_what_was_tampered_with_is_an_error_and_never_a_token(
    engine: Engine, spoil: Callable[[str], list[str]]
) -> None:
    tokens = vault(engine).tokens("anna")
    tokens.save(CANARY)
    for spoilt in spoil(sealed(engine)):
        put(engine, spoilt)
        with pytest.raises(Permanent) as caught:
            tokens.load()
        assert CANARY not in str(caught.value) + str(caught.value.__cause__)


def test_the_database_itself_refuses_plain_text(engine: Engine) -> None:
    with pytest.raises(exc.IntegrityError), write(engine) as connection:
        connection.execute(insert(token).values(mailbox="anna", field="tokens", key_id="x", sealed=CANARY))


def test_every_column_that_holds_something_sealed_refuses_plain_text() -> None:
    holding = {column.table.name for table in metadata.sorted_tables for column in table.c if column.name == "sealed"}
    guarded = {
        table.name
        for table in metadata.sorted_tables
        for each in table.constraints
        if isinstance(each, CheckConstraint) and "LIKE 'v1:%" in str(each.sqltext)
    }
    assert holding == guarded == {"token"}


def test_another_key_stops_the_start_and_changes_nothing(engine: Engine) -> None:
    vault(engine).tokens("anna").save(CANARY)
    before = sealed(engine)
    wrong = vault(engine, NEW)
    with pytest.raises(ConfigError, match=r"another key .*rotate-key --forget"):
        wrong.require_key()
    with pytest.raises(Permanent, match="another key"):
        wrong.tokens("anna").load()
    for name in ("anna", "ben"):
        with pytest.raises(Permanent, match="another key"):
            wrong.tokens(name).save("under two keys at once")
    with pytest.raises(ConfigError):
        wrong.rotate(b"a third key", ANNA, NOW)
    assert sealed(engine) == before
    assert vault(engine).tokens("anna").load() == CANARY


def test_a_key_that_cannot_be_had_is_the_trouble_of_the_mailbox_and_not_the_end_of_the_daemon(engine: Engine) -> None:
    def lost(make: bool) -> bytes:
        raise ConfigError(["store.token_key: /etc/syncd/token.key does not exist"])

    vault(engine).tokens("anna").save(CANARY)
    for refused in (Vault(engine, lost).tokens("anna").load, lambda: Vault(engine, lost).tokens("ben").save("x")):
        with pytest.raises(Permanent, match=r"token\.key does not exist"):
            refused()
    with pytest.raises(ConfigError):
        Vault(engine, lost).require_key()


def test_after_a_rotation_the_new_key_opens_every_token_and_the_old_one_none(engine: Engine) -> None:
    names = [f"mailbox-{number}" for number in range(7)]
    for name in names:
        vault(engine).tokens(name).save(f"{CANARY} of {name}")
    inner = {name: sealed(engine, name).split(":")[2] for name in names}
    with read(engine) as connection:
        old_id = connection.execute(select(token.c.key_id).distinct()).scalar_one()

    assert vault(engine).rotate(NEW, ANNA, NOW) == len(names)

    assert {name: vault(engine, NEW).tokens(name).load() for name in names} == {
        name: f"{CANARY} of {name}" for name in names
    }
    assert {name: sealed(engine, name).split(":")[2] for name in names} == inner, "no token was touched"
    vault(engine, NEW).require_key()
    with pytest.raises(ConfigError):
        vault(engine).require_key()
    with write(engine) as connection:  # as a thief of the old key would, who does not mind what the rows say of it
        connection.execute(update(token).values(key_id=old_id))
    for name in names:
        with pytest.raises(Permanent, match="cannot be opened"):
            vault(engine).tokens(name).load()


def test_a_rotation_that_meets_a_spoilt_token_changes_nothing(engine: Engine) -> None:
    for name in ("anna", "ben"):
        vault(engine).tokens(name).save(f"token of {name}")
    put(engine, sealed(engine, "anna"), "ben")
    before = sealed(engine, "anna")
    with pytest.raises(Permanent, match="of ben"):
        vault(engine).rotate(NEW, ANNA, NOW)
    assert sealed(engine, "anna") == before
    vault(engine).require_key()


def test_where_the_key_is_lost_the_tokens_can_be_forgotten(engine: Engine) -> None:
    for name in ("ben", "anna"):
        vault(engine).tokens(name).save(CANARY)
    assert vault(engine, NEW).forget(ANNA, NOW) == ("anna", "ben")
    vault(engine, NEW).require_key()
    assert vault(engine, NEW).tokens("anna").load() == ""
