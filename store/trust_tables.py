"""The tables that prove that nothing is missing, and keep private what is private. Nobody outside reads them."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, LargeBinary, Table, Text

from store.columns import Instant, Key, metadata

# What an audit found of a mailbox or stream that no error tells: shown until it is over.
finding = Table(
    "finding",
    metadata,
    Column("mailbox_id", Integer, ForeignKey("mailbox.id", ondelete="CASCADE"), primary_key=True),
    Column("stream", Text, primary_key=True),
    # one_direction, sent_not_found, quiet
    Column("kind", Text, primary_key=True),
    Column("error", Text, nullable=False),
    Column("cure", Text, nullable=False),
    Column("since", Instant, nullable=False),
    sqlite_with_rowid=False,
)


# What opens a mailbox, sealed by store/vault.py under the key of this id. Plain text does not pass.
token = Table(
    "token",
    metadata,
    Column("mailbox", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("key_id", Text, nullable=False),
    Column("sealed", Text, nullable=False),
    CheckConstraint("sealed LIKE 'v1:%:%'", name="token_sealed"),
    sqlite_with_rowid=False,
)

# Who did what (store/trail.py): a chain of hashes. A trigger refuses to change or remove a row.
trail = Table(
    "trail",
    metadata,
    Column("sequence", Key, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("who", Text, nullable=False),
    Column("door", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False, index=True),
    Column("detail", Text, nullable=False),
    Column("hash", Text, nullable=False),
)

# What somebody changed in the directory, by triggers: what it concerns is then found and linked anew (store/late.py).
# The id is random: a number would be given out twice after a restore.
directory_change = Table(
    "directory_change",
    metadata,
    Column("id", Text, primary_key=True),
    # address, domain, contact, opportunity
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
)

# Whoever was erased stays so: the keyed hash of each address, and when.
tombstone = Table(
    "tombstone",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

# Of whom no more than who and when is stored, as their owner wanted: the keyed hash of each address.
closed_person = Table(
    "closed_person",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

# Conversations of which no more than who and when is stored: the nodes of the References graph that they had when their
# owner closed them. What hangs on one of these, then or later, is closed as well.
closed_thread = Table(
    "closed_thread",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

# What its owner closed, by its identity: it stays so when it is taken out and comes back, and no raised level opens it.
closed_item = Table(
    "closed_item",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
