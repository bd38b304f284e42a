"""The commands and their names. Each is a thin door to a function that does the work."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from typing import Annotated

import typer
from typer.core import TyperGroup
from typer.main import get_command

from syncd import __version__
from syncd.cli.exits import guarded

# In the order of the help, with the module that each is in.
_COMMANDS = {
    "init": "setup",
    "auth": "auth",
    "check": "trying",
    "run": "running",
    "once": "running",
    "status": "reading",
    "audit": "auditing",
    "why": "reading",
    "timeline": "reading",
    "trail": "trailing",
    "log": "entering",
    "link": "linking",
    "close": "closing",
    "replay": "replaying",
    "erase": "erasing",
    "export": "erasing",
    "contacts": "contacts",
    "db": "keeping",
    "demo": "running",
}


class _Commands(TyperGroup):
    """Imports a command's module when the command is called: a pass by cron should not pay for all the others."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        return list(_COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str):  # type: ignore[no-untyped-def,override]
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"syncd.cli.{_COMMANDS[cmd_name]}")
        if not gc.isenabled():  # as it is where a command is all that the process does: see `main` of the package
            gc.freeze()
            gc.enable()
        group: typer.Typer | None = getattr(module, "app", None)
        if group is None:
            group = typer.Typer(add_completion=False, rich_markup_mode=None)
            group.command(cmd_name)(getattr(module, cmd_name))
        return get_command(group)


app = typer.Typer(
    name="syncd",
    cls=_Commands,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


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
