"""Commands that read mailboxes: all the time, once, or only to try them."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Annotated

import typer

from syncd import daemon, logs
from syncd.check import Checked, Report, check_mailbox, prepared
from syncd.cli import render
from syncd.cli.options import ConfigOption, JsonOption, MailboxArguments, chosen, config_path, load
from syncd.cli.progress import Passes, bar
from syncd.config import Mailbox
from syncd.errors import ConfigError


def run(config: ConfigOption = None) -> None:
    """Follow every mailbox: the daemon.

    SIGTERM ends it at the next batch; SIGHUP reads the configuration again.

    Example: syncd run --config /etc/syncd/config.toml
    """
    daemon.run(config_path(config))


def once(names: MailboxArguments = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Read all that is new now, and end.

    Says what was logged and what was not, by which rule. Exit 1 if a mailbox failed.

    Example: syncd once anna
    """
    loaded = load(config)
    wanted = [mailbox.name for mailbox in chosen(loaded, names)]
    logs.set_up(form=loaded.daemon.log_format, level="warning")
    logging.getLogger("syncd.watch").setLevel(logging.ERROR)  # what it tells of a mailbox stands in the summary
    with bar() as progress:
        results = daemon.once(loaded, wanted, progress=Passes(progress).saved)
    summaries = [render.summary(name, result) for name, result in results.items()]
    render.as_json(summaries) if json else render.passes(summaries)
    if any(summary.error for summary in summaries):
        raise typer.Exit(1)


def check(names: MailboxArguments = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Try every mailbox and change nothing.

    What would be read and logged, what is wrong, and how to mend it. Exit 1 if something is wrong.

    Example: syncd check anna --json
    """
    loaded = load(config)
    wanted = chosen(loaded, names)
    with prepared(loaded, datetime.now(UTC)) as ground, bar() as progress:
        task = progress.add_task("mailboxes", total=len(wanted))

        def tried(mailbox: Mailbox) -> Checked:
            found = check_mailbox(loaded, mailbox, ground, datetime.now(UTC))
            progress.advance(task)
            return found

        with ThreadPoolExecutor(min(16, max(1, len(wanted)))) as pool:
            report = Report(ground.parts, tuple(pool.map(tried, wanted)))
    render.as_json(report) if json else render.check(report)
    if not report.ok:
        raise typer.Exit(1)


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
        raise ConfigError([f"the demo needs {error.name}; type: pip install pymap"]) from error
    raise typer.Exit(stage.main(once, keep=keep))
