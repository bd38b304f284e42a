"""The configuration: TOML in, frozen values out, every problem reported at once."""

from syncd.config.load import load
from syncd.config.policy import common_policy, policy
from syncd.config.store_key import (
    database_file,
    key_file,
    new_key,
    reference_key,
    source_url,
    store_key,
    store_url,
    token_key,
    token_key_file,
)
from syncd.config.values import Config, DaemonSettings, DirectorySource, Mailbox, Organisation, StoreSettings

__all__ = [
    "Config",
    "DaemonSettings",
    "DirectorySource",
    "Mailbox",
    "Organisation",
    "StoreSettings",
    "common_policy",
    "database_file",
    "key_file",
    "load",
    "new_key",
    "policy",
    "reference_key",
    "source_url",
    "store_key",
    "store_url",
    "token_key",
    "token_key_file",
]
