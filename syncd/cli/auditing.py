"""`syncd audit`: what the servers hold against what was decided, item by item."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Annotated

import typer

from syncd.audit import MailboxAudit, StreamAudit, audit_mailbox
from syncd.cli import progress, render
from syncd.cli.options import ConfigOption, JsonOption, MailboxArguments, chosen, opened
from syncd.config import Mailbox
from syncd.membership import complete
from syncd.opening import vault

_ALL = typer.Option("--all", help="Show folders without a gap as well.")


def audit(
    names: MailboxArguments = None,
    every: Annotated[bool, _ALL] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Prove that nothing is missing: compare every item on the servers with what was decided.

    Changes nothing, and runs beside the daemon, which does the same once a day and reads what is missing.
    Exit 1 if something is missing or a server could not be asked.

    Example: syncd audit anna --json
    """
    with opened(config) as (loaded, store):
        loaded = complete(loaded)
        wanted, tokens = chosen(loaded, names), vault(loaded, store)
        with progress.tried(len(wanted)) as advance:

            def audited(mailbox: Mailbox) -> MailboxAudit:
                found = audit_mailbox(mailbox, store, tokens, datetime.now(UTC))
                advance()
                return found

            with ThreadPoolExecutor(min(16, max(1, len(wanted)))) as pool:
                results = list(pool.map(audited, wanted))
    render.as_json({"mailboxes": results}) if json else _show(results, every)
    if not all(each.ok for each in results):
        raise typer.Exit(1)


_NUMBERS = ("held", "logged", "skipped", "pending", "quarantined", "coming")


def _show(results: list[MailboxAudit], every: bool) -> None:
    rows = []
    for each in results:
        for stream in (stream for stream in each.streams if not stream.not_audited):
            if every or stream.missing or len(results) == 1:
                rows.append((f"{each.name}, {stream.name}", *_numbers([stream])))
        rows.append((each.name, *_numbers(each.streams)))
    render.table(("mailbox", *_NUMBERS, "missing"), rows)
    for each in results:
        render.trouble(each.name, each.error, each.cure)
        for stream in each.streams:
            if stream.missing:
                number = f"{len(stream.missing):,} of {stream.held:,} items have no decision"
                render.trouble(f"{each.name}, {stream.name}", number, f"syncd run reads them within a day; {_NAMES}")
        for found in each.findings:
            render.trouble(", ".join(filter(None, (each.name, found.stream))), found.error, found.cure)


_NAMES = "syncd audit --json names them"


def _numbers(streams: list[StreamAudit] | tuple[StreamAudit, ...]) -> tuple[str, ...]:
    sums = [sum(getattr(stream, name) for stream in streams) for name in _NUMBERS]
    return tuple(f"{number:,}" for number in (*sums, sum(len(stream.missing) for stream in streams)))
