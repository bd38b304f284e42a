"""Commands that read mailboxes: all the time, once, or made-up ones."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import Annotated

import typer

from store.directory_keys import is_empty
from store.writer import open_store
from syncd import logs
from syncd.cli import progress, render
from syncd.cli.options import ConfigOption, JsonOption, MailboxArguments, chosen, config_path, load
from syncd.config import Config, store_url
from syncd.errors import ConfigError
from syncd.membership import complete
from syncd.once import once as read_once
from syncd.readers import cores


def run(config: ConfigOption = None) -> None:
    """Follow every mailbox: the daemon.

    SIGTERM ends it at the next batch; SIGHUP reads the configuration again.

    Example: syncd run --config /etc/syncd/config.toml
    """
    from syncd import daemon  # and its scheduler, of which the other commands have no need

    daemon.run(config_path(config))


def once(
    names: MailboxArguments = None,
    again: Annotated[
        bool, typer.Option("--again", help="Read the older mail again, too: what was skipped is decided anew.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Read all that is new now, and end.

    Says what was logged and what was not, by which rule. Exit 1 if a mailbox failed.
    The older mail of contacts who were not known before is found as well.

    Example: syncd once anna
    """
    loaded = complete(load(config))
    wanted = chosen(loaded, names)
    if paused := ", ".join(mailbox.name for mailbox in wanted if not mailbox.enabled):
        raise typer.BadParameter(f"paused by enabled = false in the configuration: {paused}")
    logs.set_up(form=loaded.daemon.log_format, level="warning")
    logging.getLogger("syncd.watch").setLevel(logging.ERROR)  # what it tells of a mailbox stands in the summary
    with progress.read() as saved:
        read = [mailbox.name for mailbox in wanted]
        results = read_once(loaded, read, progress=saved, processes=cores(), again=again)
    summaries = [render.summary(name, result) for name, result in results.items()]
    render.as_json(summaries) if json else render.passes(summaries, nobody_known=_nobody_known(loaded, summaries))
    if any(summary.error for summary in summaries):
        raise typer.Exit(1)


def _nobody_known(config: Config, summaries: list[render.Summary]) -> bool:
    """What a first user may have forgotten; not asked where something was logged."""
    if any("logged" in summary.by_rule for summary in summaries):
        return False
    with closing(open_store(store_url(config), b"")) as store:
        return is_empty(store.engine)


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Without the show: one pass, what came of it, and the end.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the store, the log and the mail in their directory.")
    ] = False,
) -> None:
    """Watch syncd at work on a made-up team.

    Example: syncd demo --once
    """
    try:
        from syncd import demo as stage
    except ModuleNotFoundError as error:
        # Its mail server is an extra that a production install lacks.
        raise ConfigError([f"the demo needs {error.name}; type: pip install pymap radicale"]) from error
    raise typer.Exit(stage.main(once, keep=keep))
