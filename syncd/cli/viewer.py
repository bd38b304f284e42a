"""For whom a question is asked. Apart from the other options, since who reads mailboxes needs no questions."""

from __future__ import annotations

from typing import Annotated

import typer

from store.queries.viewers import ADMIN, Viewer
from store.writer import Store
from syncd import config, viewing

AsOption = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="USER",
        help="Only what this colleague may see: their id in the directory, or an address.",
        show_default=False,
    ),
]


def seen_by(loaded: config.Config, store: Store, user: str | None) -> Viewer:
    """For whom it is asked; the admin, unless somebody is named. An empty name is nobody's."""
    if user is None:
        return ADMIN
    try:
        return viewing.viewer(loaded, store, user.strip())
    except viewing.UnknownViewer as error:
        raise typer.BadParameter(str(error), param_hint="--as") from None
