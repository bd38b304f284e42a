"""`syncd auth`: the owner of a mailbox lets syncd in, by a browser here or elsewhere."""

from __future__ import annotations

import webbrowser
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from connectors import KINDS
from syncd import opening
from syncd.cli import render
from syncd.cli.options import ConfigOption, chosen, opened


def auth(
    name: Annotated[str, typer.Argument(metavar="MAILBOX", help="Its name in the configuration.")],
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address, and take the one that the browser ends at.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Let the owner of a mailbox sign in; says what was allowed.

    Example: syncd auth carl --no-browser
    """
    with opened(config, keyed=True, made=True) as (loaded, store):
        (mailbox,) = chosen(loaded, [name])
        tokens = opening.vault(loaded, store).tokens(mailbox.name)
        context = opening.context(mailbox, tokens, lambda: datetime.now(UTC), loaded.contacts_wanted(mailbox))
        consent = KINDS[mailbox.kind].sign_in(mailbox.settings, context, _Terminal(not no_browser))
    render.lines(
        f"Signed in as {consent.user}; allowed: {', '.join(consent.allowed)}.",
        *(f"Mind: {warning}" for warning in consent.warnings),
        "A daemon that runs takes notice at: systemctl reload syncd",
    )


@dataclass(frozen=True, slots=True)
class _Terminal:
    """connectors.oauth.Person"""

    has_browser: bool

    def open(self, address: str) -> None:
        if self.has_browser:
            self.say(f"A browser should open. If none does, open this on this machine:\n\n{address}\n")
            webbrowser.open(address)
        else:
            self.say(f"Open this address in any browser, and sign in:\n\n{address}\n")
            self.say("It ends at a page that cannot be opened: copy the address of that page.")

    def say(self, text: str) -> None:
        typer.echo(text)

    def paste(self) -> str:
        pasted: str = typer.prompt("Address")
        return pasted.strip()
