"""The commands and their names. Each is a thin door to a function that does the work."""

from __future__ import annotations

import sys

import typer

from syncd.cli import contacts, entering, reading, running, setup
from syncd.cli.exits import guarded

app = typer.Typer(
    name="syncd",
    help="Reads a sales team's mailboxes, and writes what concerns known contacts into a SQL store, once each.",
    no_args_is_help=True,
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
app.command()(running.demo)


def main() -> None:
    # A terminal that cannot show a character gets its number, not a traceback.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    guarded(app)
