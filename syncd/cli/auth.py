"""`syncd auth`: the owner of a mailbox lets syncd in, by a browser here or elsewhere."""

from __future__ import annotations

import webbrowser
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import typer

from connectors import KINDS, oauth
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
        context = opening.context(mailbox, tokens, lambda: datetime.now(UTC))
        visit = (
            partial(oauth.by_paste, show=_print, paste=_paste) if no_browser else partial(oauth.by_loopback, show=_open)
        )
        consent = KINDS[mailbox.kind].sign_in(mailbox.settings, context, visit)
    render.lines(
        f"Signed in as {consent.user}; allowed: {', '.join(consent.allowed)}.",
        *(f"Mind: {warning}" for warning in consent.warnings),
        "A daemon that runs takes notice at: systemctl reload syncd",
    )


def _open(address: str) -> None:
    webbrowser.open(address)
    typer.echo(f"A browser should open. If none does, open this on this machine:\n\n{address}\n")


def _print(address: str) -> None:
    typer.echo(
        f"Open this address in any browser, and sign in:\n\n{address}\n\n"
        "It ends at a page that cannot be opened: copy the address of that page."
    )


def _paste() -> str:
    pasted: str = typer.prompt("Address", prompt_suffix=": ")
    return pasted
