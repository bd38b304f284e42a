"""`syncd close`: what its owner wants to be known of an item, a thread or a person: who and when, and no more."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from store import closing, erasure, trail
from store.ids import uuid7
from store.writer import Store
from syncd.cli import render
from syncd.cli.doer import doer
from syncd.cli.options import ConfigOption, opened
from syncd.cli.reading import one
from syncd.config import common_policy
from syncd.erase import person
from syncd.model import Policy


def close(
    activity: Annotated[str, typer.Argument(metavar="[ID]", help="Of the activity, as timeline --json says it.")] = "",
    thread: Annotated[bool, typer.Option("--thread", help="All of its conversation, also what comes.")] = False,
    contact: Annotated[str, typer.Option(metavar="WHO", help="A person: address, name or id; also what comes.")] = "",
    config: ConfigOption = None,
) -> None:
    """Keep of an activity, a thread or a person who and when, and erase the rest. There is no way back.

    Example: syncd close 0199f3a2-8c1e-7d44-9b52-3a6f0c1d2e3f --thread
    """
    if bool(activity) == bool(contact) or (contact and thread):
        raise typer.BadParameter("say what: the ID of an activity, with or without --thread, or --contact")
    now = datetime.now(UTC)
    with opened(config, keyed=True) as (loaded, store):
        if contact:
            count = _person(store, common_policy(loaded, store.key), one(store, contact, "contact").id, now)
        else:
            count = _item(store, activity, thread, now)
        erasure.scrub(store.engine)
    render.lines(f"Closed {count:,} {'activity' if count == 1 else 'activities'}: who and when is all that stays.")


def _item(store: Store, activity: str, thread: bool, now: datetime) -> int:
    with store.transaction() as transaction:
        ids = closing.named(transaction.connection, activity, thread=thread)
        if not ids:
            raise typer.BadParameter(f"there is no activity {activity}; syncd timeline WHO --json shows their ids")
        closing.close_items(transaction.connection, ids, now)
        if thread:
            closing.close_threads(transaction.connection, ids, now)
        trail.record(transaction.connection, doer().did("close", activity, activities=len(ids)), now)
    return len(ids)


def _person(store: Store, policy: Policy, contact_id: str, now: datetime) -> int:
    who = person(store, policy, contact_id=contact_id)
    with store.transaction() as transaction:
        count = closing.close_person(transaction.connection, who.address_keys, who.hashes, now)
        trail.record(transaction.connection, doer().did("close", uuid7(now), activities=count), now)
    return count
