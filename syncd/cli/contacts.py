"""`syncd contacts`: the directory by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from phonenumbers import SUPPORTED_REGIONS

from store.queries.contacts import contacts
from syncd import directory, opening
from syncd.cli import render
from syncd.cli.doer import doer
from syncd.cli.options import ConfigOption, JsonOption, load, opened
from syncd.errors import Permanent
from syncd.membership import complete

app = typer.Typer(
    name="contacts",
    help="Import, refresh and list the known contacts.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
)


class Kind(StrEnum):
    CONTACTS = "contacts"
    ACCOUNTS = "accounts"
    OPPORTUNITIES = "opportunities"
    USERS = "users"


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file, a vCard file, or a directory of vCards.")],
    kind: Annotated[Kind | None, typer.Option(help="What the rows are; else the first line says it.")] = None,
    region: Annotated[str, typer.Option(help="The country of numbers that are written without one, such as DE.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Add what a file lists to the directory. What is there already is updated, and nothing is removed.

    Example: syncd contacts import people.csv --region DE --dry-run
    """
    with opened(config, made=True) as (loaded, store):
        if region and region not in SUPPORTED_REGIONS:
            raise typer.BadParameter(f"--region must be the two capitals of a country, such as DE, not {region!r}")
        country = region or (loaded.directory.region if loaded.directory else "")
        by = None if dry_run else doer()
        done = directory.import_file(store, file, kind=kind or "", region=country, by=by, now=datetime.now(UTC))
    render.as_json(done) if json else render.refreshed(done, dry_run=dry_run)


@app.command()
def refresh(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Read the source of [directory] now, and make the directory what it lists. The daemon does so by itself.

    Exit 1 if a part of it cannot be read; the rest is taken over.

    Example: syncd contacts refresh
    """
    loaded = load(config)
    if loaded.directory is None:
        cure = "add it (docs/CONFIG.md), or: syncd contacts import FILE"
        raise Permanent("there is no [directory] section that says where the contacts come from", cure=cure)
    loaded = complete(loaded)
    with opening.opened(loaded) as store:
        done = directory.refresh(loaded, store, datetime.now(UTC))
    render.as_json(done) if json else render.refreshed(done, dry_run=False)
    if done.unread:
        raise typer.Exit(1)


@app.command("list")
def list_(
    text: Annotated[
        str, typer.Argument(metavar="[TEXT]", help="Only those whose name or address has this in it.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many at the most.")] = 1000,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List the known contacts.

    Example: syncd contacts list acme
    """
    with opened(config) as (_, store):
        found = contacts(store.engine, text, limit=limit)
    render.as_json(found) if json else render.contacts(found, limit)
