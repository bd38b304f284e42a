"""`syncd erase` and `syncd export`: what is stored of a person, taken away or handed out."""

from __future__ import annotations

import json as jsonlib
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TextIO

import typer

from store import trail
from store.erasure import Person
from store.ids import uuid7
from store.queries import export as exporting
from store.queries.viewers import Viewer
from store.writer import Store
from syncd import erase as erasing
from syncd.cli import render
from syncd.cli.doer import doer
from syncd.cli.options import ConfigOption, JsonOption, opened
from syncd.cli.reading import one
from syncd.cli.viewer import AsOption, seen_by
from syncd.config import Config, common_policy
from syncd.erase import Receipt
from syncd.errors import Permanent

_ADDRESS = typer.Argument(metavar="[ADDRESS]", help="An email address; its mail goes whoever else is on it.")
_CONTACT = typer.Option(metavar="WHO", help="A contact with all addresses: id, name or address.")


def erase(
    address: Annotated[str, _ADDRESS] = "",
    contact: Annotated[str, _CONTACT] = "",
    mailbox: Annotated[str, typer.Option(metavar="NAME", help="A mailbox that left the configuration.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be erased, and erase nothing.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Erase a person or a mailbox, and keep it erased; prints a receipt. It runs beside the daemon.

    Later passes and late matching leave alone what an erased person takes part in (rule `erased`).

    Example: syncd erase jane@acme.example --dry-run
    """
    _one_of(address, contact, mailbox)
    now = datetime.now(UTC)
    with opened(config, keyed=True) as (loaded, store):
        if mailbox:
            receipt = erasing.erase_mailbox(store, mailbox, None if dry_run else doer(), now)
        else:
            who = _person(loaded, store, address, contact)
            receipt = erasing.what_would_go(store, who, now) if dry_run else erasing.erase(store, who, doer(), now)
    render.as_json(receipt) if json else _show(receipt)


def export(
    address: Annotated[str, _ADDRESS] = "",
    contact: Annotated[str, _CONTACT] = "",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="A new file, of mode 0600; else stdout.")] = None,
    user: AsOption = None,
    config: ConfigOption = None,
) -> None:
    """Hand out all that is stored of a person, as JSON Lines.

    Example: syncd export jane@acme.example --out jane.jsonl
    """
    _one_of(address, contact)
    with opened(config, keyed=True) as (loaded, store):
        viewer = seen_by(loaded, store, user)
        who = _person(loaded, store, address, contact)
        trail.note(store.engine, doer().did("export", uuid7(now := datetime.now(UTC))), now)
        if out is None:
            _write(sys.stdout, store, who, viewer)
            return
        try:
            descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise Permanent(f"{out} cannot be written: {error.strerror}", cure="name a new file") from error
        with os.fdopen(descriptor, "w") as file:
            _write(file, store, who, viewer)
    render.lines(f"Wrote {out}.")


def _write(file: TextIO, store: Store, who: Person, viewer: Viewer) -> None:
    for row in exporting.export(store.engine, who, viewer=viewer):
        file.write(jsonlib.dumps(render.jsonable(row)) + "\n")


def _one_of(*named: str) -> None:
    if sum(map(bool, named)) != 1:
        raise typer.BadParameter("say whom: an ADDRESS, or --contact" + (", or --mailbox" if len(named) > 2 else ""))


def _person(loaded: Config, store: Store, address: str, contact: str) -> Person:
    policy = common_policy(loaded, store.key)
    if contact:
        return erasing.person(store, policy, contact_id=one(store, contact, "contact").id)
    return erasing.person(store, policy, written=address)


def _show(receipt: Receipt) -> None:
    did = "Erased" if receipt.id else "Would erase"
    render.lines(f"{did}: {receipt.activities:,} activities, {receipt.with_text:,} of them with a text")
    if receipt.also_others:
        render.lines(f"  {receipt.also_others:,} of them concern other contacts as well")
    if receipt.unlinked:
        render.lines(f"  {receipt.unlinked:,} activities of other contacts lose the link that a hand had made")
    if receipt.skipped:
        render.lines(f"  {receipt.skipped:,} items that were not logged lose the hash of the address")
    if receipt.contacts:
        render.lines(f"  {receipt.contacts:,} contacts of the directory; take them out of its source as well")
    if not receipt.id:
        render.lines("Nothing was erased: this was a dry run.")
        return
    render.lines(f"Receipt {receipt.id} of {receipt.at:%Y-%m-%d %H:%M} UTC; the trail has it as {receipt.trail}.")
    if not receipt.scrubbed:
        render.lines("Somebody was reading: the database's log still has the old pages until its next checkpoint.")
    render.lines("Backups that were taken before still hold it.")
