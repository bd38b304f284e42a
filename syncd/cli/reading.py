"""Commands that answer from the store alone; they run beside the daemon."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from typing import Annotated

import typer

from matching.address import domain_key, key
from store import health, inventory, queries
from store.directory_keys import is_empty
from store.queries import ADMIN, Viewer
from store.writer import Store
from syncd.asking import NotUnderstood, answer
from syncd.cli import render
from syncd.cli.options import ConfigOption, JsonOption, opened
from syncd.cli.plain import plain
from syncd.cli.viewer import AsOption, seen_by
from syncd.standing import troubles


def status(user: AsOption = None, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show how every mailbox is doing.

    Exit 1 if one is not well; a warning alone does not count.

    Example: syncd status --json
    """
    with opened(config) as (loaded, store):
        viewer = seen_by(loaded, store, user)
        found, nobody_known = queries.status(store.engine, viewer=viewer), is_empty(store.engine)
        directory = health.directory(store.engine) if viewer == ADMIN else ()
        own = {box.name for box in found}
        findings = {name: those for name, those in inventory.findings(store.engine).items() if name in own}
    wrong = troubles(found, directory, loaded.daemon.interval_max, datetime.now(UTC), findings)
    render.as_json({"mailboxes": found, "troubles": wrong}) if json else render.status(found, wrong, nobody_known)
    if any(not trouble.is_warning for trouble in wrong):
        if not json and viewer == ADMIN:
            render.lines(f"What is to be written goes into {loaded.path}; then: systemctl reload syncd")
        raise typer.Exit(1)


def why(
    which: Annotated[
        list[str],
        typer.Argument(
            metavar="WHAT",
            help="An activity's id, a Message-ID, an IMAP UID, an event's UID, a calendar object's address, somebody's"
            " address; or a day and people.",
        ),
    ],
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="Of an address or a day: how many, newest first.")] = 20,
    user: AsOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say what was decided on a message, meeting, task or note, and why.

    A day is today, yesterday, last Tuesday or 2026-11-20; with it, or alone: from WHO, to WHO, with WHO.

    Example: syncd why '<CAF8x.1@mail.example.com>'

    Example: syncd why last Tuesday from jane@acme.example to Anna
    """
    words = " ".join(which).strip()
    with opened(config, keyed=True) as (loaded, store):
        viewer = seen_by(loaded, store, user)
        try:
            found = answer(loaded, store, words, viewer=viewer, now=datetime.now(UTC), zone=None, limit=limit)
        except NotUnderstood as error:
            raise typer.BadParameter(str(error)) from None
    render.as_json(found) if json else render.why(words, found)
    if not found:
        raise typer.Exit(1)


def timeline(
    who: Annotated[str, typer.Argument(metavar="WHO", help="A contact, account or deal: id, name, address or domain.")],
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest first.")] = 50,
    user: AsOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show the history of a contact, an account or a deal.

    Example: syncd timeline jane@acme.example
    """
    with opened(config) as (loaded, store):
        viewer = seen_by(loaded, store, user)
        entity = one(store, who, viewer=viewer)
        moments = queries.timeline(store.engine, entity, viewer=viewer, limit=limit)
    render.as_json({"entity": entity, "activities": moments}) if json else render.timeline(entity, moments)


def one(store: Store, who: str, kind: str = "", *, viewer: Viewer = ADMIN) -> queries.Entity:
    """The only contact, account or deal that is meant by `who`."""
    address = key(who)
    domain = "" if address else domain_key(who)
    found = queries.entities(store.engine, who, viewer=viewer, address_key=address, domain_key=domain)
    meant = [entity for entity in found if kind in ("", entity.kind)]
    if not meant:
        look = f"; look for it with: syncd contacts list {shlex.quote(who)}" if kind in ("", "contact") else ""
        raise typer.BadParameter(f"no {kind or 'contact, account or deal'} is known as {who!r}{look}")
    if len(meant) > 1:
        those = plain(", ".join(f"{entity.kind} {entity.id} ({entity.name})" for entity in meant))
        raise typer.BadParameter(f"{who!r} means several; say which by its id: {those}")
    return meant[0]
