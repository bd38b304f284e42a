"""`syncd log`: what no server knows, written down by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from matching.address import domain_key, domain_of, key, within
from store import queries
from store.writer import Store
from syncd.cli import render, times
from syncd.cli.doer import doer
from syncd.cli.options import ConfigOption, JsonOption, opened
from syncd.cli.reading import one
from syncd.config import Config
from syncd.manual import Kind, Said, entry
from syncd.model import Direction

_CONTACT = typer.Option(metavar="WHO", help="Address, name or id; may be repeated.")
_ACCOUNT = typer.Option(metavar="WHO", help="Name, domain or id; may be repeated.")
_DEAL = typer.Option(metavar="WHO", help="Name or id; may be repeated.")
_AT = typer.Option(metavar="TIME", help="'2026-11-25 14:00', '14:00', 'yesterday 9:30', 'tomorrow 9:30', '2h ago'.")


def log(
    kind: Annotated[Kind, typer.Argument(help="What it was.")],
    by: Annotated[str, typer.Option(metavar="ADDRESS", help="Whose it is: a colleague's address.")],
    contact: Annotated[list[str] | None, _CONTACT] = None,
    account: Annotated[list[str] | None, _ACCOUNT] = None,
    deal: Annotated[list[str] | None, _DEAL] = None,
    at: Annotated[str, _AT] = "now",
    zone: Annotated[str, typer.Option(help="Of --at, such as Europe/Berlin; else this machine's.")] = "",
    duration: Annotated[str, typer.Option(metavar="TIME", help="45m, 1h or 1h30m.")] = "",
    direction: Annotated[Direction | None, typer.Option(help="Of a call; outbound if not said.")] = None,
    outcome: Annotated[str, typer.Option(help="Such as no_answer, left_message, no_show.")] = "",
    subject: Annotated[str, typer.Option(help="One line.")] = "",
    text: Annotated[str, typer.Option(help="What was said.")] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Log a call, note, task or meeting by hand.

    Example: syncd log call --by anna@example.com --contact jane@acme.example --at '14:00' --duration 20m
    """
    now = datetime.now(UTC)
    with opened(config) as (loaded, store):
        said = Said(
            kind=kind,
            by=_colleague(by, loaded, store),
            about=_about(store, contact or [], account or [], deal or []),
            begins=times.instant(at, times.zone(zone), now),
            lasts=times.duration(duration) if duration else None,
            direction=direction,
            outcome=outcome,
            subject=subject,
            text=text,
        )
        try:
            made = entry(said, now)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        public_id = store.log_entry(made, doer(), now)
    render.as_json({"id": public_id}) if json else render.lines(f"Logged as {public_id}.")


def _colleague(by: str, loaded: Config, store: Store) -> str:
    """One of ours: what somebody else did would be credited to nobody."""
    own, domains = key(by), frozenset(map(domain_key, loaded.organisation.domains))
    ours = own in loaded.own_addresses or within(domain_of(own), domains) or own in store.directory([own], ()).users
    if own and not ours:
        raise typer.BadParameter(f"nobody of yours has the address {by}; give --by one of your own domains or users")
    return by


def _about(store: Store, contacts: list[str], accounts: list[str], deals: list[str]) -> list[queries.Entity]:
    return [
        *(one(store, who, "contact") for who in contacts),
        *(one(store, who, "account") for who in accounts),
        *(one(store, who, "opportunity") for who in deals),
    ]
