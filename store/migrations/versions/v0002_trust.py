"""What proves that nothing is missing, and what keeps private what is private: as it was at revision 0002.

Revises 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

from store.migrations import triggers

revision = "0002"
down_revision = "0001"

INSTANT = sa.Text().with_variant(TIMESTAMP(timezone=True), "postgresql")
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

tables = sa.MetaData()
# As far as the tables below refer to it.
sa.Table("mailbox", tables, sa.Column("id", sa.Integer, primary_key=True))

sa.Table(
    "finding",
    tables,
    sa.Column("mailbox_id", sa.Integer, nullable=False),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("cure", sa.Text, nullable=False),
    sa.Column("since", INSTANT, nullable=False),
    sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("mailbox_id", "stream", "kind"),
    sqlite_with_rowid=False,
)

sa.Table(
    "token",
    tables,
    sa.Column("mailbox", sa.Text, nullable=False),
    sa.Column("field", sa.Text, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("mailbox", "field"),
    sa.CheckConstraint("sealed LIKE 'v1:%:%'", name="token_sealed"),
    sqlite_with_rowid=False,
)

sa.Table(
    "trail",
    tables,
    sa.Column("sequence", KEY, autoincrement=False, nullable=False),
    sa.Column("at", INSTANT, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("door", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("sequence"),
    sa.Index("ix_trail_target", "target"),
)

sa.Table(
    "directory_change",
    tables,
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("id"),
)

sa.Table(
    "tombstone",
    tables,
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("at", INSTANT, nullable=False),
    sa.PrimaryKeyConstraint("hash"),
    sqlite_with_rowid=False,
)

sa.Table(
    "closed_person",
    tables,
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("at", INSTANT, nullable=False),
    sa.PrimaryKeyConstraint("hash"),
    sqlite_with_rowid=False,
)


def upgrade() -> None:
    connection = op.get_bind()
    ours = [table for table in tables.sorted_tables if table.name != "mailbox"]
    tables.create_all(connection, tables=ours, checkfirst=False)
    op.add_column("stream", sa.Column("held", sa.Integer))
    op.add_column("stream", sa.Column("missing", sa.Integer, server_default="0", nullable=False))
    op.add_column("change", sa.Column("public_id", sa.Text))
    triggers.keep_trail(connection)
    triggers.follow_directory(connection)
