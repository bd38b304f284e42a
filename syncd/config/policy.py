"""The rules that hold for one mailbox: the organisation's, and its owner's own."""

from __future__ import annotations

from dataclasses import replace

from matching.address import domain_key
from syncd.config.fields import addresses
from syncd.config.values import Config, Mailbox
from syncd.model import Policy


def policy(config: Config, mailbox: Mailbox, key: bytes) -> Policy:
    return replace(
        common_policy(config, key),
        owner_addresses=mailbox.own_addresses(),
        never_log_personal=mailbox.never_log,
        excluded_folders=frozenset(getattr(mailbox.settings, "exclude", ())),
        level=mailbox.level,
        folder_levels=mailbox.levels,
    )


def common_policy(config: Config, key: bytes) -> Policy:
    """What holds for every mailbox."""
    organisation = config.organisation
    return Policy(
        own_domains=frozenset(map(domain_key, organisation.domains)),
        own_addresses=config.own_addresses,
        outsiders=addresses(organisation.outsiders),
        never_log=organisation.never_log,
        protected=organisation.protected,
        level=organisation.level,
        max_recipients=organisation.max_recipients,
        key=key,
    )
