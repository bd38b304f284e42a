"""`syncd replay`: changed rules over the past."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Annotated

import typer

from store import erasure, trail
from syncd.cli import progress, render
from syncd.cli.doer import doer
from syncd.cli.options import ConfigOption, JsonOption, MailboxArguments, chosen, opened
from syncd.config import Mailbox, common_policy
from syncd.membership import complete
from syncd.opening import periods, policies, vault
from syncd.raising import Judged, raise_levels
from syncd.replay import Replayed, relinked, replay_mailbox


def replay(
    names: MailboxArguments = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Decide anew on all that was seen, by the rules of today: never-log lists, domains, folders, levels, deals.

    Where a level was raised, the servers are asked again for the texts that may be stored now.
    What a person linked by hand stays. It may be ended and begun again at any time, also beside the daemon (after
    a reload of that). Exit 1 if a server could not be asked.

    Example: syncd replay --dry-run
    """
    now = datetime.now(UTC)
    with opened(config, keyed=True) as (loaded, store):
        loaded = complete(loaded)
        wanted, tokens, rules = chosen(loaded, names), vault(loaded, store), policies(loaded, store.key)
        if not dry_run:  # before anything is done: it is many transactions, and each may be the last
            trail.note(store.engine, doer().did("replay", mailboxes=len(wanted)), now)
        with progress.tried(len(wanted)) as advance:

            def replayed(mailbox: Mailbox) -> tuple[Replayed, Judged]:
                done = replay_mailbox(mailbox, store, tokens, rules[mailbox.name], now, dry_run=dry_run)
                advance()
                return done

            with ThreadPoolExecutor(min(8, max(1, len(wanted)))) as pool:
                done = list(pool.map(replayed, wanted))
        results, judged = [told for told, _ in done], [each for _, each in done]
        raised = raise_levels(store, rules, periods(loaded), judged, now, dry_run=dry_run)
        links = relinked(store, common_policy(loaded, store.key), now, dry_run=dry_run)
        rest, sums = {"raised": raised, "relinked": links}, _sums(results)
        if not dry_run:
            trail.note(store.engine, doer().did("replayed", **sums, **rest), datetime.now(UTC))
            if sums["closed"] or sums["unlogged"]:
                erasure.scrub(store.engine)
    render.as_json({"mailboxes": results, **rest}) if json else _show(results, raised, links, dry_run)
    if any(each.error for each in results):
        raise typer.Exit(1)


def _sums(results: Sequence[Replayed]) -> dict[str, int]:
    found = {"logged": _sum(results, logged=True), "unlogged": _sum(results, logged=False)}
    return {**found, "closed": sum(each.closed for each in results)}


def _sum(results: Sequence[Replayed], *, logged: bool) -> int:
    return sum(each.count(logged=logged) for each in results)


def _show(results: Sequence[Replayed], raised: int, links: int, dry_run: bool) -> None:
    for each in results:
        render.lines(f"{each.name}: {each.read:,} items read")
        for change in each.changes:
            samples = ", ".join(f"{sample.stream} {sample.item}" for sample in change.samples)
            render.lines(f"  {change.count:,} {change.was} -> {change.now}, such as {samples}")
        if each.kept_by_hand:
            render.lines(f"  {each.kept_by_hand:,} stay, since a person linked them")
        if each.closed:
            render.lines(f"  {each.closed:,} activities hold more than their level allows")
        render.trouble(each.name, each.error, each.cure)
    render.lines(f"{links:,} activities are linked otherwise by the rules of today.")
    if raised:
        would = "Would fetch" if dry_run else "The next passes fetch"
        render.lines(f"{would} text of {raised:,} activities of which more may be stored now.")
    if dry_run:
        render.lines("Nothing was changed: this was a dry run.")
    elif logged := _sum(results, logged=True):
        render.lines(f"The next pass reads and logs {logged:,} of them: syncd once, or the daemon by itself.")
