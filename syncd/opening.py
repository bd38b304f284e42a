"""From the configuration to an open store and the rules of each mailbox: what every door does first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cache, partial

from connectors import KINDS
from connectors.base import Account, ContactsWanted, Context, Tokens
from store import migrations
from store.health import Registration
from store.key import require_key
from store.retention import Periods
from store.vault import Vault
from store.writer import Store, open_store
from syncd import secrets
from syncd.config import Config, Mailbox, policy, store_key, store_url, token_key
from syncd.keys import require_token_key
from syncd.model import Policy


@contextmanager
def opened(config: Config) -> Iterator[Store]:
    """The store, made if it is new; ConfigError if it is of another version or key, with what to do."""
    store = open_store(store_url(config), store_key(config))
    try:
        if not migrations.is_made(store.engine):
            migrations.upgrade(store.engine)
        require_key(store.engine, store.key)
        require_token_key(config, vault(config, store))
        yield store
    finally:
        store.close()


def vault(config: Config, store: Store) -> Vault:
    """Where the tokens of the mailboxes are kept. The key is asked for when there is one to open, and once."""
    return Vault(store.engine, cache(lambda make: token_key(config, make=make)))


def account(mailbox: Mailbox, tokens: Tokens, now: Callable[[], datetime], *, processes: int = 1) -> Account:
    """Opens no connection yet: the account signs in when it is first asked. `processes` as in Context."""
    given = context(mailbox, tokens, now)._replace(processes=processes)
    return KINDS[mailbox.kind].open(mailbox.settings, given)


def context(
    mailbox: Mailbox, tokens: Tokens, now: Callable[[], datetime], contacts: ContactsWanted | None = None
) -> Context:
    """What a connector is told of a mailbox besides its settings."""
    return Context(
        mailbox=mailbox.name,
        contacts=contacts,
        secret=partial(secrets.resolve, mailbox.secret or ""),
        since=lambda: now() - mailbox.reach,
        now=now,
        tokens=tokens,
        level=mailbox.level,
    )


def periods(config: Config) -> Periods:
    kept = config.retention
    return Periods(text=kept.text, subject=kept.subject, activities=kept.activities)


def registrations(config: Config) -> list[Registration]:
    return [Registration(mailbox.name, mailbox.owner, mailbox.kind) for mailbox in config.mailboxes]


def policies(config: Config, key: bytes) -> dict[str, Policy]:
    """Mailbox -> its rules. A thousand mailboxes share one set of own addresses: each would hold them all."""
    shared: dict[frozenset[str], frozenset[str]] = {}
    rules: dict[str, Policy] = {}
    for mailbox in config.mailboxes:
        its = policy(config, mailbox, key)
        own = shared.setdefault(its.own_addresses, its.own_addresses)
        rules[mailbox.name] = replace(its, own_addresses=own)
    return rules
