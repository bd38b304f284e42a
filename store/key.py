"""A store and the key of its hashes belong together: with another one, nothing that was seen before is known again."""

from __future__ import annotations

import hashlib
import hmac

from sqlalchemy import Engine, insert, select

from store.engine import read, write
from store.schema import meta
from syncd.errors import ConfigError

_NAME = "key"


def require_key(engine: Engine, key: bytes) -> None:
    """Remember a mark of the key in a new store; ConfigError if the store knows another, before a row is touched."""
    mark = hmac.digest(key, b"the key of this store", hashlib.sha256).hex()
    known = select(meta.c.value).where(meta.c.name == _NAME)
    with read(engine) as connection:
        found = connection.execute(known).scalar()
    if found is None:
        with write(engine) as connection:
            # Another process may have been first.
            found = connection.execute(known).scalar()
            if found is None:
                connection.execute(insert(meta).values(name=_NAME, value=mark))
                return
    if not hmac.compare_digest(found, mark):
        message = (
            "store.key: it is not the key that this store was made with; put back that key, which is kept with backups"
        )
        raise ConfigError([message])
