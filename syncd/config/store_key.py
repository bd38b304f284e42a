"""Where the store is, and its two keys: that of its keyed hashes, without which nothing that was seen is known again,
and that of the tokens that it keeps, without which every mailbox has to be signed in to again."""

from __future__ import annotations

import os
import secrets as randomness
import tempfile
from pathlib import Path
from urllib.parse import quote

from syncd import secrets
from syncd.config.values import Config, DirectorySource, StoreSettings
from syncd.errors import ConfigError, Permanent

_MAKE_ONE = "make one with: openssl rand -hex 32"


def store_url(config: Config) -> str:
    """The URL with its password, which is resolved here and printed nowhere."""
    return _with_password(config.store.url, config.store.password, "store.password")


def source_url(directory: DirectorySource) -> str:
    """The same for the CRM's own database, whose faults stop neither the daemon nor the mailboxes: SyncErrors."""
    try:
        return _with_password(directory.url, directory.password, "directory.password")
    except ConfigError as error:
        raise Permanent("; ".join(error.problems), cure="mend [directory], or the file that it names") from error


def _with_password(url: str, reference: str | None, setting: str) -> str:
    if reference is None:
        return url
    scheme, _, rest = url.partition("://")
    user, at, host = rest.rpartition("@")
    if not at:
        raise ConfigError([f"{setting}: the url names no user; write {scheme}://user@host/database"])
    return f"{scheme}://{user}:{quote(_resolved(reference, setting), safe='')}@{host}"


def store_key(config: Config) -> bytes:
    """32 bytes. Without a `[store] key` they are in a file beside the SQLite database, made at the first call."""
    if config.store.key is not None:
        return _key(_resolved(config.store.key, "store.key"), "store.key")
    path = key_file(config)
    if not path.exists():
        _create(path, database_file(config.store))
    return _key(_resolved(f"file:{path}", "store.key"), str(path))


def token_key(config: Config, *, make: bool) -> bytes:
    """32 bytes or more. Without a `[store] token_key` they are in a file, which is made only if `make`."""
    if config.store.token_key is not None:
        return reference_key(config.store.token_key, "store.token_key")
    path = token_key_file(config)
    if make and not path.exists():
        _create(path, None)
    return reference_key(f"file:{path}", "store.token_key")


def reference_key(reference: str, setting: str) -> bytes:
    return _key(_resolved(reference, setting), setting)


def new_key(path: Path) -> bytes:
    """Make a key in a file that must not exist."""
    _create(path, None)
    return reference_key(f"file:{path}", str(path))


def key_file(config: Config) -> Path:
    """Where the key is when the configuration does not say."""
    return _own_file(config, "key", "key")


def token_key_file(config: Config) -> Path:
    """Where the key of the tokens is when the configuration does not say."""
    return _own_file(config, "token_key", "tokens.key")


def _own_file(config: Config, setting: str, ending: str) -> Path:
    database = database_file(config.store)
    if database is not None:
        return database.with_name(f"{database.name}.{ending}")
    directory = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if not directory:
        own = f"syncd.{ending}"
        write = f'{_MAKE_ONE} > {own}, chmod 600 {own}, and write {setting} = "file:{own}"'
        raise ConfigError([f"store.{setting}: is missing; {write}"])
    return Path(directory) / f"syncd.{ending}"


def database_file(store: StoreSettings) -> Path | None:
    scheme, _, path = store.url.partition(":///")
    return Path(path) if scheme.startswith("sqlite") and path else None


def _create(path: Path, database: Path | None) -> None:
    """Whole or not at all, and never over another's: of two processes that start at once both read the same key."""
    if database is not None and database.exists() and database.stat().st_size:
        restore = f"copy {path.name} from the backup to {path}"
        raise ConfigError([f"store.key: {database} is there, but its key {path} is not; {restore}"])
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # of mode 0600
        with os.fdopen(handle, "w") as file:
            file.write(randomness.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        _publish(Path(draft), path)
    except OSError as error:
        problem = f"store.key: {path} cannot be made: {error.strerror}; let syncd's user write to {path.parent}"
        raise ConfigError([problem]) from error


def _publish(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first, and its key counts
    finally:
        draft.unlink()


def _key(text: str, place: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if not 32 <= len(key) <= 64:
        raise ConfigError([f"{place}: must hold 64 hexadecimal digits; {_MAKE_ONE}"])
    return key


def _resolved(reference: str, setting: str) -> str:
    """At the edge a secret that cannot be had is a fault of the configuration; but a command that fails is Retryable,
    since what keeps the secrets may be a moment behind at the start of the machine."""
    try:
        return secrets.resolve(reference)
    except Permanent as error:
        raise ConfigError([f"{setting}: {error}; {error.cure}" if error.cure else f"{setting}: {error}"]) from error
