"""`syncd db`: looking after the store."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from store import integrity, trail
from syncd import backups, keys
from syncd.cli import render
from syncd.cli.doer import doer
from syncd.cli.options import ConfigOption, JsonOption, load, opened

app = typer.Typer(
    name="db",
    help="Look after the store: upgrade, back up, restore, verify; change its key of tokens.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
)

_TO = typer.Option(metavar="REFERENCE", help="Where the new key is, such as file:/etc/syncd/token.key.")
_FORGET = typer.Option("--forget", help="Throw the tokens away: the key is lost, or somebody else has it.")
_NOTED = typer.Option("--head", metavar="HASH", help="A last hash that was noted earlier; the trail must hold it.")
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
    backups.bring_back(load(config), file, doer(), force=force, now=datetime.now(UTC))
    render.lines("The store is that of the backup. What came since is read again at the next pass.")


@app.command("rotate-key")
def rotate_key(
    to: Annotated[str | None, _TO] = None,
    forget: Annotated[bool, _FORGET] = False,
    config: ConfigOption = None,
) -> None:
    """Put a new key in the place of the one under which tokens are kept. Stop syncd first.

    Example: syncd db rotate-key --to file:/etc/syncd/token.key
    """
    loaded = load(config)
    if to is not None and to.startswith("file:"):
        to = f"file:{Path(to.removeprefix('file:')).absolute()}"
    if forget:
        gone = keys.forget(loaded, doer(), datetime.now(UTC))
        render.lines(f"Forgot the tokens of {len(gone)} mailboxes.", *(f"  syncd auth {name}" for name in gone))
        return
    count = keys.rotate(loaded, to, doer(), datetime.now(UTC))
    render.lines(f"Sealed under the new key: {count} token{'' if count == 1 else 's'}. The old key opens none of them.")
    if to is not None:
        render.lines(f'Now write token_key = "{to}" below [store] in {loaded.path}.')


@app.command()
def verify(
    noted: Annotated[str, _NOTED] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Check that the store is whole, and that nobody changed the trail of what was done by hand.

    Exit 1 if something is wrong. Note the last hash somewhere else: only so can it be seen that the end was cut off.

    Example: syncd db verify --head 5f0c...
    """
    with opened(config) as (_, store):
        chain = trail.verify(store.engine, noted=noted.strip().lower())
        wrong = integrity.problems(store.engine)
    if chain.problem:
        wrong = (*wrong, f"the trail: {chain.problem}")
    if json:
        render.as_json({"problems": wrong, "trail": {"entries": chain.length, "head": chain.head}})
    else:
        render.lines(*wrong, f"The trail has {chain.length:,} entries; the last hash is {chain.head or 'none'}.")
        render.lines("Something is wrong; syncd db restore brings back a backup." if wrong else "The store is whole.")
    if wrong:
        raise typer.Exit(1)
