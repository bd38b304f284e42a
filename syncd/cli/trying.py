"""The command that tries every mailbox."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Annotated

import typer

from syncd.check import Checked, Report, check_mailbox, prepared
from syncd.cli import progress, render
from syncd.cli.options import ConfigOption, JsonOption, MailboxArguments, chosen, load
from syncd.config import Mailbox
from syncd.membership import complete

_PREVIEW = typer.Option("--preview", help="Decide on all the mail of the configured time, not only on the newest.")


def check(
    names: MailboxArguments = None,
    preview: Annotated[bool, _PREVIEW] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Try every mailbox and change nothing.

    What would be read and logged, what is wrong, and how to mend it. Exit 1 if something is wrong.
    With --preview: what would be logged of a mailbox before it is enabled, what not, and why.

    Example: syncd check anna --preview --json
    """
    loaded = complete(load(config))
    wanted = chosen(loaded, names)
    with prepared(loaded, datetime.now(UTC)) as ground, progress.tried(len(wanted)) as advance:

        def tried(mailbox: Mailbox) -> Checked:
            found = check_mailbox(loaded, mailbox, ground, datetime.now(UTC), whole=preview)
            advance()
            return found

        with ThreadPoolExecutor(min(16, max(1, len(wanted)))) as pool:
            report = Report(ground.parts, tuple(pool.map(tried, wanted)))
    render.as_json(report) if json else render.check(report)
    if not report.ok:
        if not json:
            render.lines(f"What is to be written goes into {loaded.path}; then try again: syncd check")
        raise typer.Exit(1)
