"""From one version of the tables to the next, in one transaction: it is done, or the store is as it was."""

from __future__ import annotations

from sqlalchemy import Engine, inspect, text

from store import views
from store.engine import read, write
from store.schema import metadata
from syncd.errors import ConfigError, Permanent

REVISIONS = ("0001", "0002", "0003", "0004", "0005")
"""Of this version, oldest first. Known without Alembic, so that the check at each start costs one query."""


def upgrade(engine: Engine, *, to: str = "head") -> None:
    """Bring the tables and views to this version; on a new store, make them.

    To an earlier revision than the last without the views, which are those of this version.
    """
    # Alembic takes a quarter of a second to import, which `syncd status` need not pay.
    from alembic import command
    from alembic.config import Config

    if (found := current(engine)) is not None:
        _refuse_newer(found)
    else:
        _refuse_foreign(engine)
    config = Config()
    config.set_main_option("script_location", "store:migrations")
    config.set_main_option("path_separator", "os")
    with write(engine) as connection:
        if engine.dialect.name == "sqlite":
            views.drop(connection)  # it refuses to alter a table that a view reads
        config.attributes["connection"] = connection
        command.upgrade(config, to)
        if to == "head":
            views.replace(connection)


def current(engine: Engine) -> str | None:
    """The revision of the store, None if it has no tables yet. ConfigError if it is no store or a damaged one."""
    try:
        with read(engine) as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except Permanent as error:
        raise ConfigError([f"store: {error}; {error.cure}"]) from error
    return found


def require_current(engine: Engine) -> None:
    """ConfigError unless the store is exactly of this version, with what to type."""
    if not is_made(engine):
        raise ConfigError(["store: it has no tables yet; type: syncd db upgrade"])


def is_made(engine: Engine) -> bool:
    """False if the store has no tables yet; ConfigError if they are of another version, with what to type."""
    found = current(engine)
    if found is None:
        return False
    _refuse_newer(found)
    if found != REVISIONS[-1]:
        raise ConfigError([f"store: its tables are of revision {found}, this syncd needs {REVISIONS[-1]}; {_UPGRADE}"])
    return True


_UPGRADE = "take a backup (syncd db backup FILE), then type: syncd db upgrade"


def _refuse_newer(found: str) -> None:
    if found not in REVISIONS:
        message = f"store: a newer syncd made it (revision {found}); install that version, or restore a backup"
        raise ConfigError([message])


def _refuse_foreign(engine: Engine) -> None:
    """A CRM's own database may well have a table `account`; ours must not be mixed with it."""
    with read(engine) as connection:
        taken = sorted(set(inspect(connection).get_table_names()) & metadata.tables.keys())
    if taken:
        cure = "give syncd a database of its own, or a schema: postgresql://.../NAME?options=-csearch_path%3Dsyncd"
        raise ConfigError([f"store: the database has tables of these names already: {', '.join(taken)}; {cure}"])
