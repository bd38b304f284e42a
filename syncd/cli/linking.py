"""`syncd link`: what a person knows better than the rules."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from syncd.cli import render
from syncd.cli.doer import doer
from syncd.cli.options import ConfigOption, opened
from syncd.cli.reading import one
from syncd.model import Link, LinkState

_KINDS = ("contact", "account", "opportunity")


def link(
    activity: Annotated[str, typer.Argument(metavar="ID", help="Of the activity, as timeline --json and why say it.")],
    contact: Annotated[str, typer.Option(metavar="WHO", help="Address, name or id.")] = "",
    account: Annotated[str, typer.Option(metavar="WHO", help="Name, domain or id.")] = "",
    deal: Annotated[str, typer.Option(metavar="WHO", help="Name or id.")] = "",
    remove: Annotated[bool, typer.Option("--remove", help="It does not concern them.")] = False,
    config: ConfigOption = None,
) -> None:
    """Link an activity by hand, or unlink it; no rule undoes that.

    Example: syncd link 0199f3a2-8c1e-7d44-9b52-3a6f0c1d2e3f --deal 'Spring order'
    """
    named = [(kind, who) for kind, who in zip(_KINDS, (contact, account, deal), strict=True) if who]
    if not named:
        raise typer.BadParameter("say whom it concerns: --contact, --account or --deal")
    state = LinkState.UNLINKED if remove else LinkState.LINKED
    with opened(config) as (_, store):
        for kind, who in named:
            entity = one(store, who, kind)
            if not store.link(activity, Link(kind, entity.id, "by hand", state), doer(), datetime.now(UTC)):
                raise typer.BadParameter(f"there is no activity {activity}; syncd timeline WHO --json shows their ids")
            render.lines(f"{'Unlinked from' if remove else 'Linked to'} {kind} {entity.name or entity.id}.")
