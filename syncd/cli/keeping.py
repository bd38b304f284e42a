"""`syncd db`: looking after the store."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from syncd import backups
from syncd.cli import render
from syncd.cli.options import ConfigOption, load

app = typer.Typer(
    name="db",
    help="Upgrade, back up and restore the store.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
)

_FORCE = typer.Option("--force", help="Put it in the place of a store that is not empty.")


@app.command()
def upgrade(config: ConfigOption = None) -> None:
    """Bring the tables to this version.

    Example: syncd db upgrade
    """
    backups.upgrade(load(config))
    render.lines("The store is of this version.")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file; it must not exist.")],
    config: ConfigOption = None,
) -> None:
    """Take a backup while syncd runs.

    Example: syncd db backup /var/backups/syncd-2026-11-25.db
    """
    key = backups.take(load(config), file)
    kept = f"and {key}: keep both" if key else "without the key: keep what [store] key names as well"
    render.lines(f"Wrote {file}, {kept}.")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `syncd db backup` wrote.")],
    force: Annotated[bool, _FORCE] = False,
    config: ConfigOption = None,
) -> None:
    """Put a backup in the place of an empty store.

    Example: syncd db restore /var/backups/syncd-2026-11-25.db
    """
    backups.bring_back(load(config), file, force=force, now=datetime.now(UTC))
    render.lines("The store is that of the backup. What came since is read again at the next pass.")
