"""The options that several commands share, and what they open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from store.writer import Store
from syncd import config, opening
from syncd.errors import ConfigError

_PLACES = (Path("config.toml"), Path("/etc/syncd/config.toml"))

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="SYNCD_CONFIG",
        metavar="FILE",
        help="The configuration; else ./config.toml, else /etc/syncd/config.toml.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
MailboxArguments = Annotated[
    list[str] | None,
    typer.Argument(metavar="MAILBOX", help="Names of mailboxes; all without.", show_default=False),
]


def config_path(given: Path | None) -> Path:
    if given is not None:
        return given
    for place in _PLACES:
        if place.exists():
            return place
    raise ConfigError([f"no configuration at {' or '.join(map(str, _PLACES))}; write one with: syncd init"])


def load(given: Path | None) -> config.Config:
    return config.load(config_path(given))


@contextmanager
def opened(given: Path | None) -> Iterator[tuple[config.Config, Store]]:
    """The configuration and its store, made if it is new."""
    loaded = load(given)
    with opening.opened(loaded) as store:
        yield loaded, store


def chosen(loaded: config.Config, names: list[str] | None) -> tuple[config.Mailbox, ...]:
    """The mailboxes of these names, or all that are enabled."""
    known = {mailbox.name: mailbox for mailbox in loaded.mailboxes}
    for name in names or ():
        if name not in known:
            raise typer.BadParameter(f"no mailbox is named {name!r}; there are: {', '.join(known) or 'none'}")
    return tuple(known[name] for name in names) if names else tuple(box for box in loaded.mailboxes if box.enabled)
