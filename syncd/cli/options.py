"""The options that several commands share, and what they open."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from store import migrations
from store.writer import Store, open_store
from syncd import config, opening
from syncd.errors import ConfigError, Permanent

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
def opened(given: Path | None, *, keyed: bool = False, made: bool = False) -> Iterator[tuple[config.Config, Store]]:
    """The configuration and its store, which is `made` if it is new only by who has something to write: made by root's
    look at it, it would be closed to the daemon.

    Few commands need the key of the store (`keyed`), and a shell may not have it: a systemd credential is the unit's.
    """
    loaded = load(given)
    with ExitStack() as stack:
        store = _existing(loaded, stack)
        if store is None and not made:
            cure = "syncd contacts import FILE, then: syncd once"
            raise Permanent(f"nothing is stored yet in {loaded.store.url}", cure=cure)
        yield loaded, store if store and not keyed else stack.enter_context(opening.opened(loaded))


def _existing(loaded: config.Config, stack: ExitStack) -> Store | None:
    file = config.database_file(loaded.store)
    if file is not None and not file.exists():
        return None
    store = open_store(config.store_url(loaded), b"")
    stack.callback(store.close)
    return store if migrations.is_made(store.engine) else None


def chosen(loaded: config.Config, names: list[str] | None) -> tuple[config.Mailbox, ...]:
    """The mailboxes of these names, or all that are enabled."""
    known = {mailbox.name: mailbox for mailbox in loaded.mailboxes}
    for name in names or ():
        if name not in known:
            raise typer.BadParameter(f"no mailbox is named {name!r}; there are: {', '.join(known) or 'none'}")
    return tuple(known[name] for name in names) if names else tuple(box for box in loaded.mailboxes if box.enabled)
