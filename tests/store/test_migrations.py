"""The tables that the migrations make, what they do by themselves, and which store a version refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

from store import migrations, schema
from store.engine import connect, read, write
from store.views import VIEWS
from syncd.errors import ConfigError
from tests.servers.postgres import Postgres


def test_the_migrations_make_exactly_the_tables_of_the_schema(engine: Engine) -> None:
    with read(engine) as connection:
        # Of SQLite's defaults Alembic knows too little; the next test has them.
        options = {"compare_type": True, "compare_server_default": connection.dialect.name == "postgresql"}
        found = compare_metadata(MigrationContext.configure(connection, opts=options), schema.metadata)
    assert found == []


def test_on_sqlite_the_migrated_statements_are_those_of_the_schema(tmp_path: Path) -> None:
    """Alembic's comparison does not see what only SQLite knows (WITHOUT ROWID), constraints' actions and the like."""
    statements = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE type IN ('table', 'index')"
    migrated, made = connect(f"sqlite:///{tmp_path}/migrated.db"), connect(f"sqlite:///{tmp_path}/made.db")
    migrations.upgrade(migrated)
    with write(made) as connection:
        schema.metadata.create_all(connection)
        wanted = {tuple(row) for row in connection.execute(text(statements))}
    with read(migrated) as connection:
        found = {tuple(row) for row in connection.execute(text(statements))}
    migrated.dispose()
    made.dispose()
    assert {_normal(row) for row in found if "alembic_version" not in row[2]} == {_normal(row) for row in wanted}


def _normal(row: tuple[str | None, ...]) -> tuple[str | None, ...]:
    """Clauses in any order, however they are spaced: a column that was added later stands behind the constraints."""
    statement = " ".join((row[3] or "").split())
    head, _, rest = statement.partition("(")
    inside, _, tail = rest.rpartition(")")
    # A comma within parentheses parts no clauses.
    clauses = re.split(r",(?![^()]*\))", inside)
    return *row[:3], "|".join([head.strip(), *sorted(clause.strip() for clause in clauses), tail.strip()])


def test_what_waits_has_an_index_of_its_own_that_holds_nothing_else(engine: Engine) -> None:
    """On PostgreSQL neither of the comparisons above sees what an index leaves out."""
    sqlite = "SELECT sql FROM sqlite_master WHERE name = 'sighting_waiting'"
    postgresql = "SELECT indexdef FROM pg_indexes WHERE indexname = 'sighting_waiting'"
    with read(engine) as connection:
        made = connection.execute(text(sqlite if connection.dialect.name == "sqlite" else postgresql)).scalar_one()
    condition = made.partition(" WHERE ")[2]
    assert condition.lstrip("(").startswith("verdict ")
    assert set(re.findall(r"'(\w+)'", condition)) == {"pending", "quarantined"}


def test_a_store_of_the_first_revision_is_upgraded_with_what_it_holds(empty_url: str) -> None:
    engine = connect(empty_url)
    migrations.upgrade(engine, to="0001")
    written = "'2026-01-05 09:00:00+00'" if engine.dialect.name == "postgresql" else "'2026-01-05 09:00:00'"
    with write(engine) as connection:
        identity = r"'\x01'" if engine.dialect.name == "postgresql" else "x'01'"
        columns = "id, public_id, identity, kind, occurred_at, level, source, created_at, updated_at"
        values = f"1, 'old', {identity}, 'email', {written}, 1, 'mail', {written}, {written}"
        connection.exec_driver_sql(f"INSERT INTO activity ({columns}) VALUES ({values})")
    migrations.upgrade(engine)
    migrations.require_current(engine)
    with read(engine) as connection:
        found = connection.execute(text("SELECT id, kind, location, rescheduled FROM v1_activity")).all()
    engine.dispose()
    assert found == [("old", "email", None, 0)]


def test_upgrading_twice_changes_nothing(engine: Engine) -> None:
    with write(engine) as connection:
        connection.execute(schema.meta.insert().values(name="kept", value="yes"))
    migrations.upgrade(engine)
    migrations.require_current(engine)
    with read(engine) as connection:
        assert connection.execute(schema.meta.select()).all() == [("kept", "yes")]
        assert set(VIEWS) <= set(inspect(connection).get_view_names())


def test_the_known_revisions_are_those_of_the_scripts() -> None:
    scripts = ScriptDirectory(migrations.__path__[0])
    assert tuple(reversed([script.revision for script in scripts.walk_revisions()])) == migrations.REVISIONS


def test_a_store_without_tables_is_refused_with_what_to_type(empty_url: str) -> None:
    engine = connect(empty_url)
    with pytest.raises(ConfigError, match="syncd db upgrade"):
        migrations.require_current(engine)
    assert migrations.current(engine) is None
    engine.dispose()


@pytest.fixture
def made(empty_url: str) -> Iterator[Engine]:
    """A store whose tables a test may spoil."""
    engine = connect(empty_url)
    migrations.upgrade(engine)
    yield engine
    engine.dispose()


def test_a_store_of_a_newer_version_is_refused_and_left_alone(made: Engine) -> None:
    with write(made) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for refused in (migrations.require_current, migrations.upgrade):
        with pytest.raises(ConfigError, match="newer syncd"):
            refused(made)
    assert migrations.current(made) == "9999"


def test_a_store_of_an_older_version_asks_for_the_upgrade(made: Engine) -> None:
    with write(made) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    with pytest.raises(ConfigError):
        migrations.require_current(made)


def test_tables_of_the_same_name_that_are_not_ours_are_not_touched(empty_url: str) -> None:
    engine = connect(empty_url)
    with write(engine) as connection:
        connection.execute(text("CREATE TABLE account (number INTEGER)"))
    with pytest.raises(ConfigError, match="account"):
        migrations.upgrade(engine)
    with read(engine) as connection:
        assert inspect(connection).get_table_names() == ["account"]
    engine.dispose()


def test_a_failed_upgrade_leaves_no_table_behind(empty_url: str) -> None:
    engine = connect(empty_url)
    with write(engine) as connection:
        connection.execute(text("CREATE VIEW v1_activity AS SELECT 1 AS id" if "sqlite" not in empty_url else _BLOCKER))
    with pytest.raises(Exception, match="v1_activity"):
        migrations.upgrade(engine)
    with read(engine) as connection:
        assert "contact" not in inspect(connection).get_table_names()
    engine.dispose()


_BLOCKER = "CREATE TABLE v1_activity (id INTEGER)"


def test_a_damaged_file_is_a_configuration_problem_with_its_cure(tmp_path: Path) -> None:
    path = tmp_path / "syncd.db"
    path.write_bytes(b"this is no database at all, but somebody's letter")
    engine = connect(f"sqlite:///{path}")
    with pytest.raises(ConfigError, match="syncd db restore"):
        migrations.require_current(engine)
    engine.dispose()


@pytest.mark.parametrize(
    ("table", "insert", "update", "key"),
    [
        (
            "contact_address",
            "INSERT INTO contact_address VALUES ('1', 'old@example.com', 'old@example.com')",
            "UPDATE contact_address SET address = 'new@example.com'",
            "address_key",
        ),
        (
            "user_address",
            "INSERT INTO user_address VALUES ('1', 'old@example.com', 'old@example.com')",
            "UPDATE user_address SET address = 'new@example.com'",
            "address_key",
        ),
        (
            "account_domain",
            "INSERT INTO account_domain VALUES ('1', 'old.example', 'old.example')",
            "UPDATE account_domain SET domain = 'new.example'",
            "domain_key",
        ),
    ],
)
def test_an_address_that_the_crm_changes_loses_the_key_of_the_old_one(
    engine: Engine, table: str, insert: str, update: str, key: str
) -> None:
    with write(engine) as connection:
        connection.execute(text("INSERT INTO contact (id, name) VALUES ('1', 'Vera')"))
        connection.execute(text("INSERT INTO users (id, name) VALUES ('1', 'Rolf')"))
        connection.execute(text("INSERT INTO account (id, name) VALUES ('1', 'Example')"))
        connection.execute(text(insert))
        connection.execute(text(update.replace("new", "old")))
        assert connection.execute(text(f"SELECT {key} FROM {table}")).scalar_one() is not None
        connection.execute(text(update))
        assert connection.execute(text(f"SELECT {key} FROM {table}")).scalar_one() is None


def test_an_upgrade_keeps_what_was_granted_on_a_view(postgres: Postgres) -> None:
    engine = connect(postgres.url(postgres.new_database()))
    migrations.upgrade(engine)
    granted = text("SELECT has_table_privilege('pg_monitor', 'v1_activity', 'SELECT')")
    with write(engine) as connection:
        connection.execute(text("GRANT SELECT ON v1_activity TO pg_monitor"))
    migrations.upgrade(engine)
    with read(engine) as connection:
        assert connection.execute(granted).scalar_one()
    engine.dispose()
