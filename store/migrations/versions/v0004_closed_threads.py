"""Conversations that somebody closed: as it was at revision 0004.

Revises 0003.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0004"
down_revision = "0003"

INSTANT = sa.Text().with_variant(TIMESTAMP(timezone=True), "postgresql")

tables = sa.MetaData()

closed_thread = sa.Table(
    "closed_thread",
    tables,
    sa.Column("key", sa.LargeBinary, nullable=False),
    sa.Column("at", INSTANT, nullable=False),
    sa.PrimaryKeyConstraint("key"),
    sqlite_with_rowid=False,
)


def upgrade() -> None:
    tables.create_all(op.get_bind(), checkfirst=False)
