"""The store is upgraded, backed up and restored with its key, on both databases; and two syncds never share it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.engine import connect, hold
from tests.servers.dovecot import Dovecot
from tests.servers.postgres import Postgres
from tests.syncd.doors import Office, mail, mailbox


@pytest.fixture
def sqlite_office(tmp_path: Path) -> Office:
    return Office(tmp_path)


@pytest.fixture
def postgres_office(tmp_path: Path, postgres: Postgres) -> Iterator[Office]:
    name = postgres.new_database()
    url = postgres.url(name).replace(f":{postgres.password}@", "@")
    environment = {"DB_PASSWORD": postgres.password, "STATE_DIRECTORY": str(tmp_path / "state")}
    yield Office(tmp_path, environment, f'url = "{url}"\npassword = "env:DB_PASSWORD"')
    postgres.drop(name)


@pytest.fixture(params=["sqlite_office", "postgres_office"])
def office(request: pytest.FixtureRequest, dovecot: Dovecot) -> Office:
    """One mailbox with one mail of a known contact and one of a stranger, both read."""
    office: Office = request.getfixturevalue(request.param)
    user = dovecot.new_user()
    dovecot.append(user, [mail("jane@acme.example", user), mail("bob@stranger.example", user)])
    office.write("anna.secret", dovecot.password)
    office.write("people.csv", "id,name,email\n1,Jane Doe,jane@acme.example\n")
    office.configure(mailbox(dovecot, user))
    office.syncd("contacts", "import", "people.csv")
    done = office.process("once")
    assert done.code == 0, done.out + done.err
    return office


def test_a_backup_restores_with_its_key_and_the_next_pass_finds_nothing_new(office: Office) -> None:
    taken = office.syncd("db", "backup", "backup.db")
    assert taken.code == 0, taken.err
    assert {stat.S_IMODE(path.stat().st_mode) for path in office.folder.glob("backup.db*")} == {0o600}
    office.syncd("log", "note", "--by", "anna@example.com", "--contact", "1", "--subject", "After the backup")

    refused = office.syncd("db", "restore", "backup.db")
    done = office.syncd("db", "restore", "backup.db", "--force")

    assert refused.code == 1
    assert "--force" in refused.err
    assert done.code == 0, done.err
    assert "After the backup" not in office.syncd("timeline", "1").out
    assert "nothing new" in office.process("once").out
    assert "no_known_contact" in office.syncd("why", "<0.bob@stranger.example>").out


def test_a_restore_on_a_new_machine_brings_the_key_along(office: Office) -> None:
    assert office.syncd("db", "backup", "backup.db").code == 0
    for path in (*office.folder.glob("syncd.db*"), *office.folder.glob("state/*")):
        path.unlink()

    done = office.syncd("db", "restore", "backup.db", "--force")

    assert done.code == 0, done.err
    assert "nothing new" in office.process("once").out
    assert "no_known_contact" in office.syncd("why", "<0.bob@stranger.example>").out


def test_a_backup_whose_key_is_nowhere_is_refused_before_anything_is_done(office: Office) -> None:
    assert office.syncd("db", "backup", "backup.db").code == 0
    (office.folder / "backup.db.key").unlink()
    for path in (*office.folder.glob("syncd.db.key"), *office.folder.glob("state/*")):
        path.unlink()

    done = office.syncd("db", "restore", "backup.db", "--force")

    assert done.code == 78
    assert "backup.db.key is missing" in done.err


def test_a_backup_never_writes_over_a_file(office: Office) -> None:
    assert office.syncd("db", "backup", "backup.db").code == 0

    again = office.syncd("db", "backup", "backup.db")

    assert again.code == 1
    assert "exists already" in again.err


def test_an_upgrade_of_a_store_that_is_up_to_date_changes_nothing(office: Office) -> None:
    assert office.syncd("db", "upgrade").code == 0
    assert "jane" in office.syncd("contacts", "list").out.lower()


def test_a_second_syncd_on_the_same_store_ends_with_75(sqlite_office: Office) -> None:
    sqlite_office.syncd("contacts", "list")
    engine = connect(f"sqlite:///{sqlite_office.folder}/syncd.db")
    with hold(engine):
        for command in (("run",), ("once",), ("db", "upgrade")):
            done = sqlite_office.process(*command)
            assert done.code == 75, done.err
            assert "Traceback" not in done.err
        assert sqlite_office.syncd("status").code == 0
    engine.dispose()


@pytest.mark.parametrize("command", ["db upgrade", "db backup", "db restore"])
def test_every_command_has_help_with_an_example(sqlite_office: Office, command: str) -> None:
    assert f"Example: syncd {command}" in sqlite_office.syncd(*command.split(), "--help").out


def test_the_version_is_shown_and_a_bare_command_is_a_usage_error_with_help(sqlite_office: Office) -> None:
    assert sqlite_office.syncd("--version").out.startswith("syncd ")
    bare = sqlite_office.syncd()
    assert bare.code == 2
    assert "check" in bare.out
