"""Tries the store, the directory and the mailboxes as a pass would, and writes nothing that lasts.

What would be read, what would be logged, and for each thing that is wrong its cause and its cure.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from connectors.base import Grant, Granted
from matching import address
from store import migrations
from store.directory_keys import is_empty, rekey
from store.key import require_key
from store.vault import Vault
from store.writer import Store, open_store
from syncd.config import Config, Mailbox, database_file, policy, store_key, store_url
from syncd.directory import Books, Refreshed, refresh
from syncd.errors import ConfigError, SyncError
from syncd.folders import missing
from syncd.keys import require_token_key
from syncd.opening import account, vault
from syncd.preview import Judged, preview
from syncd.sample import decided, sample


@dataclass(frozen=True, slots=True)
class Part:
    """The store, or the directory: how it is, or what is wrong with it."""

    name: str
    state: str
    error: str = ""
    cure: str = ""


@dataclass(frozen=True, slots=True)
class Folder:
    name: str
    excluded: str
    """Why it would not be read, or empty."""
    kind: str
    """`mail`, or of what is no folder `calendar`, `tasks` or `notes`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found of one mailbox; with an `error`, what was found before it."""

    name: str
    folders: tuple[Folder, ...] = ()
    missing: tuple[str, ...] = ()
    """Folders that the configuration names and the server does not have."""
    by_rule: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """`messages`, `meetings` ... -> rule -> how many of the newest; `logged` are those that would be."""
    grant: Grant | None = None
    """By what right it is read, where the provider tells."""
    preview: tuple[Judged, ...] = ()
    """Of all the mail of its window, if that was asked for."""
    error: str = ""
    cure: str = ""

    @property
    def ok(self) -> bool:
        return not self.error and not self.missing


@dataclass(frozen=True, slots=True)
class Report:
    parts: tuple[Part, ...]
    mailboxes: tuple[Checked, ...]

    @property
    def ok(self) -> bool:
        return not any(part.error for part in self.parts) and all(mailbox.ok for mailbox in self.mailboxes)


@dataclass(frozen=True, slots=True)
class Ground:
    """What the mailboxes are tried on."""

    parts: tuple[Part, ...]
    store: Store | None
    """To look contacts up in; None where there are none yet."""
    key: bytes
    vault: Vault | None
    """Where the tokens are: a server that gives a new one for an old one would shut out the daemon, were it not kept.
    None where there is no store yet."""


class _NoTokens:
    """Of a store that is not there yet: nothing was kept, and nothing is to last."""

    def load(self) -> str:
        return ""

    def save(self, text: str) -> None:
        """It is gone with the check."""


@contextmanager
def prepared(config: Config, now: datetime) -> Iterator[Ground]:
    """A `[directory]` is read into a store that is thrown away."""
    with ExitStack() as stack:
        parts = []
        part, store = _store(config, stack)
        parts.append(part)
        tokens = vault(config, store) if store else None
        if config.directory is not None:
            found, store = _rehearsed(config, now, stack, tokens)
            parts += found
        elif not part.error and (store is None or is_empty(store.engine)):
            cure = "syncd contacts import FILE, or add a [directory] section (docs/CONFIG.md)"
            parts.append(Part("directory", "empty", "no contact is known, so nothing would be logged", cure))
        if not config.mailboxes:
            cure = f"add a [[mailboxes]] section to {config.path} (docs/CONFIG.md)"
            parts.append(Part("mailboxes", "none", "nothing would be read", cure))
        yield Ground(tuple(parts), store, store.key if store else b"", tokens)


def _store(config: Config, stack: ExitStack) -> tuple[Part, Store | None]:
    file = database_file(config.store)
    if file is not None and not file.exists():
        return _to_be_made(file, config), None
    try:
        store = open_store(store_url(config), store_key(config))
        stack.callback(store.close)
        if not migrations.is_made(store.engine):
            return Part("store", "empty; the first run makes its tables"), None
        require_key(store.engine, store.key)
        require_token_key(config, vault(config, store))
        # What the CRM has just written; otherwise the next pass would do it.
        rekey(store.engine, address.key, address.domain_key)
    except ConfigError as error:
        return Part("store", "not usable", "; ".join(error.problems)), None
    except SyncError as error:
        return Part("store", "not reachable", str(error), error.cure), None
    return Part("store", "ready"), store


def _to_be_made(file: Path, config: Config) -> Part:
    place = next(each for each in file.parents if each.exists())
    if place != file.parent and config.store.key is not None:  # else the key is made beside it, with the directory
        cure = f"install -d -m 700 {shlex.quote(str(file.parent))}"
        return Part("store", "not usable", f"the directory {file.parent} does not exist", cure)
    if not os.access(place, os.W_OK | os.X_OK) or not place.is_dir():
        cure = "let syncd's user write there, or write another place as `url` of [store]"
        return Part("store", "not usable", f"{file} cannot be made: {place} may not be written", cure)
    return Part("store", f"not there yet; the first run makes {file}")


def _rehearsed(config: Config, now: datetime, stack: ExitStack, kept: Vault | None) -> tuple[list[Part], Store | None]:
    folder = stack.enter_context(TemporaryDirectory(prefix="syncd-check-"))
    store = open_store(f"sqlite:///{Path(folder) / 'check.db'}", os.urandom(32))
    stack.callback(store.close)
    migrations.upgrade(store.engine)
    try:
        done = refresh(config, store, now, Books(kept.tokens if kept else lambda name: _NoTokens()))
    except SyncError as error:
        return [Part("directory", "not readable", str(error), error.cure)], None
    unread = [Part(f"directory, {each.part}", "not readable", each.error, each.cure) for each in done.unread]
    return [_directory(done, config), *unread], store if done.report.counts["contacts"].created else None


def _directory(done: Refreshed, config: Config) -> Part:
    number = done.report.counts["contacts"].created
    left_out = len(done.skipped) + len(done.report.skipped)
    unread = {each.part for each in done.unread}
    read = [each.name for each in config.address_books if each.name not in unread]
    books = f" of {', '.join(read)}" if read else ""
    state = f"{number:,} contacts{books}" + (f", {left_out:,} rows or values left out" if left_out else "")
    if number:
        return Part("directory", state)
    look = "check the names in `groups`" if books else "look at the names of its columns (docs/CONFIG.md)"
    cure = ": ".join([look, *(f"{each.place} {each.reason}" for each in done.skipped[:1])])
    return Part("directory", state, "it lists no contact, so nothing would be logged", cure)


def check_mailbox(config: Config, mailbox: Mailbox, ground: Ground, now: datetime, *, whole: bool = False) -> Checked:
    """Without contacts every message is from a stranger. Raises nothing that a server can cause.

    `whole`: decide on all the mail of its window, and not only on a sample.
    """
    its = policy(config, mailbox, ground.key)
    folders: tuple[Folder, ...] = ()
    try:
        tokens = ground.vault.tokens(mailbox.name) if ground.vault else _NoTokens()
        one = account(mailbox, tokens, lambda: now)
        try:
            streams = one.streams()
            folders = tuple(Folder(stream.name, stream.excluded, stream.kind) for stream in streams)
            found = sample([stream for stream in streams if not stream.excluded])
            judged = preview(streams, its, ground.store, now) if whole else ()
            grant = one.grant() if isinstance(one, Granted) else None
        finally:
            one.close()
    except SyncError as error:
        return Checked(name=mailbox.name, folders=folders, error=str(error), cure=error.cure_for(mailbox.name))
    unknown = tuple(missing(mailbox.settings, [folder.name for folder in folders]))
    if not unknown and folders and all(folder.excluded for folder in folders):
        cure = f"take names from those above into include and exclude of mailbox {mailbox.name}"
        return Checked(name=mailbox.name, folders=folders, error="nothing of it would be read", cure=cure)
    return Checked(
        name=mailbox.name,
        folders=folders,
        missing=unknown,
        by_rule=decided(found, its, ground.store),
        preview=judged,
        grant=grant,
    )
