"""Whom the registration of a domain stands for: the provider is asked; when it cannot be, those of the last time."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from connectors import KINDS
from store import health, migrations
from store.writer import open_store
from syncd.config import Config, database_file, store_url
from syncd.config.groups import completed
from syncd.config.values import Group
from syncd.errors import SyncError
from syncd.logs import fields
from syncd.opening import context

log = logging.getLogger(__name__)


class _NoTokens:
    """A service account keeps none."""

    def load(self) -> str:
        return ""

    def save(self, text: str) -> None:
        raise AssertionError("a service account keeps no tokens")


def complete(config: Config) -> Config:
    """The configuration with a mailbox for each user of its domains; may be called again for the users of today.

    Nothing of the store may be open in this process yet where others are to be forked. Raises SyncError when a domain
    cannot be asked for, and never could.
    """
    if not config.groups:
        return config
    return completed(config, {group.template.name: _users(config, group) for group in config.groups})


def complete_if_possible(config: Config) -> Config:
    """The same, but a domain that cannot be had does not keep the other mailboxes waiting."""
    try:
        return complete(config)
    except SyncError as error:
        log.warning("domain_not_listed", extra=fields(error=str(error), cure=error.cure))
        return config


def _users(config: Config, group: Group) -> Sequence[str]:
    template = group.template
    given = context(template, _NoTokens(), lambda: datetime.now(UTC))
    try:
        return KINDS[template.kind].users(template.settings, given, group.domain)
    except SyncError as error:
        known = _known(config, template.name)
        if not known:
            raise
        log.warning("domain_not_listed", extra=fields(domain=group.domain, error=str(error), cure=error.cure))
        return known


def _known(config: Config, name: str) -> list[str]:
    file = database_file(config.store)
    if file is not None and not file.exists():
        return []
    store = open_store(store_url(config), b"")
    try:
        registered = health.registered(store.engine) if migrations.current(store.engine) is not None else []
    finally:
        store.close()
    return [each.removeprefix(f"{name}/") for each in registered if each.startswith(f"{name}/")]
