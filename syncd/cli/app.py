"""The commands and their names. Each is a thin door to a function that does the work."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from syncd import __version__
from syncd.cli import contacts, entering, keeping, reading, running, setup
from syncd.cli.exits import guarded

app = typer.Typer(
    name="syncd",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_COMMANDS = (
    *(setup.init, running.check, running.run, running.once),
    *(reading.status, reading.why, reading.timeline, entering.log),
)
for command in _COMMANDS:
    app.command()(command)
app.add_typer(contacts.app)
app.add_typer(keeping.app)
app.command()(running.demo)


@app.callback(invoke_without_command=True)
def version(
    context: typer.Context,
    shown: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Read a sales team's mailboxes, and write what concerns known contacts into a SQL store, once each."""
    if shown:
        typer.echo(f"syncd {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


def main() -> None:
    # A terminal that cannot show a character gets its number, not a traceback.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    guarded(app)
