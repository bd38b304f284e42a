"""Meetings, tasks and notes: as it was at revision 0003.

Revises 0002.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0003"
down_revision = "0002"

INSTANT = sa.Text().with_variant(TIMESTAMP(timezone=True), "postgresql")
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

tables = sa.MetaData()
# As far as the table below refers to them.
sa.Table("sighting", tables, sa.Column("id", KEY, primary_key=True))
sa.Table("activity", tables, sa.Column("id", KEY, primary_key=True))

copy = sa.Table(
    "copy",
    tables,
    sa.Column("sighting_id", KEY, nullable=False),
    sa.Column("activity_id", KEY, nullable=False),
    sa.Column("starts_at", INSTANT, nullable=False),
    sa.Column("ends_at", INSTANT),
    sa.Column("settles_at", INSTANT),
    sa.Column("all_day", sa.Boolean, nullable=False),
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("response", sa.Text, nullable=False),
    sa.Column("organized", sa.Boolean, nullable=False),
    sa.Column("exact", sa.Boolean, nullable=False),
    sa.Column("partial", sa.Boolean, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("stamped_at", INSTANT),
    sa.Column("by_mail", sa.Boolean, nullable=False),
    sa.ForeignKeyConstraint(["activity_id"], ["activity.id"], ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["sighting_id"], ["sighting.id"], ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("sighting_id", "activity_id"),
    sa.Index("ix_copy_activity_id", "activity_id"),
    sqlite_with_rowid=False,
)

COLUMNS = {
    "sighting": (sa.Column("object", sa.Text), sa.Column("version", sa.Text), sa.Column("due_at", INSTANT)),
    "activity": (
        sa.Column("location", sa.Text),
        sa.Column("rescheduled", sa.Integer, server_default="0", nullable=False),
        sa.Column("rescheduled_from", INSTANT),
        sa.Column("settles_at", INSTANT),
    ),
    "participant": (sa.Column("witness", sa.Integer, server_default="0", nullable=False),),
}

INDEXES = (
    ("sighting_object", "sighting", ["stream_id", "object"], "object IS NOT NULL"),
    ("sighting_due", "sighting", ["stream_id", "due_at"], "due_at IS NOT NULL"),
    ("sighting_closed", "sighting", ["key"], "rule = 'private'"),
    ("activity_unsettled", "activity", ["settles_at"], "status = 'planned'"),
)


def upgrade() -> None:
    for table, columns in COLUMNS.items():
        for column in columns:
            op.add_column(table, column)
    for name, table, names, condition in INDEXES:
        op.create_index(name, table, names, sqlite_where=sa.text(condition), postgresql_where=sa.text(condition))
    tables.create_all(op.get_bind(), tables=[copy], checkfirst=False)
