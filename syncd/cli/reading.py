"""Commands that answer from the store alone; they run beside the daemon."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import Annotated

import typer

from matching.address import domain_key, key
from matching.identity import message_key
from matching.meeting_identity import uid_keys
from store import health, inventory, queries
from store.directory_keys import is_empty
from store.writer import Store
from syncd.cli import render
from syncd.cli.options import ConfigOption, JsonOption, opened
from syncd.cli.plain import plain
from syncd.standing import troubles


def status(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show how every mailbox is doing.

    Exit 1 if one is not well; a warning alone does not count.

    Example: syncd status --json
    """
    with opened(config) as (loaded, store):
        found, nobody_known = queries.status(store.engine), is_empty(store.engine)
        directory, findings = health.directory(store.engine), inventory.findings(store.engine)
    wrong = troubles(found, directory, loaded.daemon.interval_max, datetime.now(UTC), findings)
    render.as_json({"mailboxes": found, "troubles": wrong}) if json else render.status(found, wrong, nobody_known)
    if any(not trouble.is_warning for trouble in wrong):
        raise typer.Exit(1)


def why(
    which: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="An activity's id, a Message-ID, an IMAP UID, an event's UID or a calendar object's address.",
        ),
    ],
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say what was decided on a message, meeting, task or note, and why.

    Example: syncd why '<CAF8x.1@mail.example.com>'
    """
    with opened(config, keyed=True) as (_, store):
        words = which.strip()
        mail = message_key(words, store.key)
        found = queries.why(store.engine, words, keys=[*([mail] if mail else []), *uid_keys(words, store.key)])
    render.as_json(found) if json else render.why(which, found)
    if not found:
        raise typer.Exit(1)


def timeline(
    who: Annotated[str, typer.Argument(metavar="WHO", help="A contact, account or deal: id, name, address or domain.")],
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest first.")] = 50,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show the history of a contact, an account or a deal.

    Example: syncd timeline jane@acme.example
    """
    with opened(config) as (_, store):
        entity = one(store, who)
        moments = queries.timeline(store.engine, entity, limit=limit)
    render.as_json({"entity": entity, "activities": moments}) if json else render.timeline(entity, moments)


def one(store: Store, who: str, kind: str = "") -> queries.Entity:
    """The only contact, account or deal that is meant by `who`."""
    address = key(who)
    domain = "" if address else domain_key(who)
    found = queries.entities(store.engine, who, address_key=address, domain_key=domain)
    meant = [entity for entity in found if kind in ("", entity.kind)]
    if not meant:
        look = f"; look for it with: syncd contacts list {shlex.quote(who)}" if kind in ("", "contact") else ""
        raise typer.BadParameter(f"no {kind or 'contact, account or deal'} is known as {who!r}{look}")
    if len(meant) > 1:
        those = plain(", ".join(f"{entity.kind} {entity.id} ({entity.name})" for entity in meant))
        raise typer.BadParameter(f"{who!r} means several; say which by its id: {those}")
    return meant[0]
