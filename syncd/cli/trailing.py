"""`syncd trail`: who did what by hand."""

from __future__ import annotations

from typing import Annotated

import typer

from store.trail import entries
from syncd.cli import render
from syncd.cli.options import ConfigOption, JsonOption, opened


def trail(
    target: Annotated[str, typer.Argument(metavar="[ID]", help="Only what was done to this activity or mailbox.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many, the newest first.")] = 50,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show who linked, logged, imported, erased or changed a key, when, and through which door.

    Example: syncd trail --limit 10
    """
    with opened(config) as (_, store):
        found = entries(store.engine, limit=limit, target=target)
    if json:
        render.as_json(found)
        return
    rows = [
        (
            render.when(each.at),
            each.deed.who,
            each.deed.door,
            each.deed.action,
            each.deed.target,
            _told(each.deed.detail),
        )
        for each in found
    ]
    render.table(("when", "who", "door", "did", "to", "detail"), rows)


def _told(detail: object) -> str:
    assert isinstance(detail, dict)
    return ", ".join(f"{name} {value}" for name, value in detail.items())
