"""The first tables, as they were at revision 0001: a copy that stays when store/schema.py moves on.

Revises nothing; later revisions change what this one made.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

from store.migrations import triggers

revision = "0001"
down_revision = None

INSTANT = sa.Text().with_variant(TIMESTAMP(timezone=True), "postgresql")
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

tables = sa.MetaData()

sa.Table(
    "account",
    tables,
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("external_id", sa.Text),
    sa.Column("name", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("id"),
    sa.UniqueConstraint("external_id"),
)

sa.Table(
    "account_domain",
    tables,
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("domain", sa.Text, nullable=False),
    sa.Column("domain_key", sa.Text),
    sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("account_id", "domain"),
    sa.Index("account_domain_key", "domain_key"),
)

sa.Table(
    "contact",
    tables,
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("external_id", sa.Text),
    sa.Column("account_id", sa.Text),
    sa.Column("name", sa.Text, server_default="", nullable=False),
    sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="SET NULL"),
    sa.PrimaryKeyConstraint("id"),
    sa.UniqueConstraint("external_id"),
    sa.Index("ix_contact_account_id", "account_id"),
)

sa.Table(
    "contact_address",
    tables,
    sa.Column("contact_id", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("address_key", sa.Text),
    sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("contact_id", "address"),
    sa.Index("contact_address_key", "address_key"),
)

sa.Table(
    "contact_phone",
    tables,
    sa.Column("contact_id", sa.Text, nullable=False),
    sa.Column("phone", sa.Text, nullable=False),
    sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("contact_id", "phone"),
)

sa.Table(
    "opportunity",
    tables,
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("external_id", sa.Text),
    sa.Column("account_id", sa.Text),
    sa.Column("name", sa.Text, server_default="", nullable=False),
    sa.Column("stage", sa.Text, server_default="", nullable=False),
    sa.Column("amount", sa.Numeric(precision=18, scale=2)),
    sa.Column("currency", sa.Text),
    sa.Column("opened_at", INSTANT),
    sa.Column("closed_at", INSTANT),
    sa.ForeignKeyConstraint(["account_id"], ["account.id"], ondelete="SET NULL"),
    sa.PrimaryKeyConstraint("id"),
    sa.UniqueConstraint("external_id"),
    sa.Index("ix_opportunity_account_id", "account_id"),
)

sa.Table(
    "opportunity_contact",
    tables,
    sa.Column("opportunity_id", sa.Text, nullable=False),
    sa.Column("contact_id", sa.Text, nullable=False),
    sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], ondelete="CASCADE"),
    sa.ForeignKeyConstraint(["opportunity_id"], ["opportunity.id"], ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("opportunity_id", "contact_id"),
    sa.Index("ix_opportunity_contact_contact_id", "contact_id"),
)

sa.Table(
    "users",
    tables,
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("external_id", sa.Text),
    sa.Column("name", sa.Text, server_default="", nullable=False),
    sa.Column("team", sa.Text, server_default="", nullable=False),
    sa.PrimaryKeyConstraint("id"),
    sa.UniqueConstraint("external_id"),
)

sa.Table(
    "user_address",
    tables,
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("address_key", sa.Text),
    sa.ForeignKeyConstraint(["user_id"], ["users.id"], ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("user_id", "address"),
    sa.Index("user_address_key", "address_key"),
)

sa.Table(
    "directory_source",
    tables,
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("entity_kind", sa.Text, nullable=False),
    sa.Column("entity_id", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("source", "entity_kind", "entity_id"),
    sqlite_with_rowid=False,
)

sa.Table(
    "mailbox",
    tables,
    sa.Column("id", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, server_default="", nullable=False),
    sa.Column("kind", sa.Text, server_default="", nullable=False),
    sa.Column("state", sa.Text, server_default="new", nullable=False),
    sa.Column("state_since", INSTANT),
    sa.Column("error", sa.Text, server_default="", nullable=False),
    sa.Column("cure", sa.Text, server_default="", nullable=False),
    sa.Column("failures", sa.Integer, server_default="0", nullable=False),
    sa.Column("not_before", INSTANT),
    sa.Column("delay_seconds", sa.Integer, server_default="0", nullable=False),
    sa.Column("last_success_at", INSTANT),
    sa.Column("next_run_at", INSTANT),
    sa.Column("registered", sa.Boolean, server_default=sa.text("true"), nullable=False),
    sa.PrimaryKeyConstraint("id"),
    sa.UniqueConstraint("name"),
)

sa.Table(
    "stream",
    tables,
    sa.Column("id", sa.Integer, nullable=False),
    sa.Column("mailbox_id", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("excluded", sa.Text, server_default="", nullable=False),
    sa.Column("cursor", sa.Text),
    sa.Column("epoch", sa.Text, server_default="", nullable=False),
    sa.Column("state", sa.Text, server_default="new", nullable=False),
    sa.Column("error", sa.Text, server_default="", nullable=False),
    sa.Column("cure", sa.Text, server_default="", nullable=False),
    sa.Column("last_success_at", INSTANT),
    sa.Column("backfilled_at", INSTANT),
    sa.Column("reconciled_at", INSTANT),
    sa.Column("strikes", sa.Integer, server_default="0", nullable=False),
    sa.Column("suspect", sa.Text),
    sa.Column("doubted", sa.Integer, server_default="0", nullable=False),
    sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id"),
    sa.UniqueConstraint("mailbox_id", "name", name="stream_name"),
)

sa.Table(
    "sighting",
    tables,
    sa.Column("id", KEY, autoincrement=False, nullable=False),
    sa.Column("stream_id", sa.Integer, nullable=False),
    sa.Column("item", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("facts", sa.Text, server_default="", nullable=False),
    sa.Column("key", sa.LargeBinary),
    sa.Column("occurred_at", INSTANT),
    sa.Column("activity_id", KEY),
    sa.Column("gone_at", INSTANT),
    sa.Column("attempts", sa.Integer, server_default="0", nullable=False),
    sa.Column("parser", sa.Integer, server_default="0", nullable=False),
    sa.ForeignKeyConstraint(["activity_id"], ["activity.id"]),
    sa.ForeignKeyConstraint(["stream_id"], ["stream.id"], ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("id"),
    sa.UniqueConstraint("stream_id", "item", name="sighting_item"),
    sa.Index("ix_sighting_activity_id", "activity_id"),
    sa.Index("sighting_key", "key"),
    sa.Index(
        "sighting_waiting",
        "stream_id",
        sqlite_where=sa.text("verdict IN ('pending', 'quarantined')"),
        postgresql_where=sa.text("verdict IN ('pending', 'quarantined')"),
    ),
)

sa.Table(
    "sighting_address",
    tables,
    sa.Column("hash", sa.LargeBinary, nullable=False),
    sa.Column("sighting_id", KEY, nullable=False),
    sa.ForeignKeyConstraint(["sighting_id"], ["sighting.id"], ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("hash", "sighting_id"),
    sa.Index("ix_sighting_address_sighting_id", "sighting_id"),
    sqlite_with_rowid=False,
)

sa.Table(
    "activity",
    tables,
    sa.Column("id", KEY, autoincrement=False, nullable=False),
    sa.Column("public_id", sa.Text, nullable=False),
    sa.Column("identity", sa.LargeBinary, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("occurred_at", INSTANT, nullable=False),
    sa.Column("ended_at", INSTANT),
    sa.Column("all_day", sa.Boolean, server_default=sa.text("false"), nullable=False),
    sa.Column("zone", sa.Text),
    sa.Column("subject", sa.Text),
    sa.Column("text", sa.Text),
    sa.Column("direction", sa.Text),
    sa.Column("status", sa.Text, server_default="", nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("message_id", sa.Text),
    sa.Column("problem", sa.Text, server_default="", nullable=False),
    sa.Column("thread_id", KEY),
    sa.Column("sender_hash", sa.LargeBinary),
    sa.Column("subject_hash", sa.LargeBinary),
    sa.Column("sent_at", INSTANT),
    sa.Column("author", sa.Text, server_default="", nullable=False),
    sa.Column("created_at", INSTANT, nullable=False),
    sa.Column("updated_at", INSTANT, nullable=False),
    sa.PrimaryKeyConstraint("id"),
    sa.UniqueConstraint("identity"),
    sa.UniqueConstraint("public_id"),
    sa.Index("ix_activity_occurred_at", "occurred_at"),
    sa.Index("ix_activity_thread_id", "thread_id"),
)

sa.Table(
    "participant",
    tables,
    sa.Column("activity_id", KEY, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("address_key", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("name", sa.Text, server_default="", nullable=False),
    sa.Column("response", sa.Text, server_default="", nullable=False),
    sa.ForeignKeyConstraint(["activity_id"], ["activity.id"], ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("activity_id", "role", "address_key"),
    sa.Index("participant_address", "address_key"),
    sqlite_with_rowid=False,
)

sa.Table(
    "attachment",
    tables,
    sa.Column("activity_id", KEY, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("content_type", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger),
    sa.ForeignKeyConstraint(["activity_id"], ["activity.id"], ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("activity_id", "position"),
    sqlite_with_rowid=False,
)

sa.Table(
    "link",
    tables,
    sa.Column("activity_id", KEY, nullable=False),
    sa.Column("entity_kind", sa.Text, nullable=False),
    sa.Column("entity_id", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.ForeignKeyConstraint(["activity_id"], ["activity.id"], ondelete="CASCADE"),
    sa.PrimaryKeyConstraint("activity_id", "entity_kind", "entity_id"),
    sa.Index("link_entity", "entity_kind", "entity_id"),
    sqlite_with_rowid=False,
)

sa.Table(
    "thread",
    tables,
    sa.Column("key", sa.LargeBinary, nullable=False),
    sa.Column("thread_id", KEY, nullable=False),
    sa.PrimaryKeyConstraint("key"),
    sa.Index("ix_thread_thread_id", "thread_id"),
    sqlite_with_rowid=False,
)

sa.Table(
    "change",
    tables,
    sa.Column("sequence", KEY, autoincrement=False, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("activity_id", KEY, nullable=False),
    sa.Column("changed_at", INSTANT, nullable=False),
    sa.PrimaryKeyConstraint("sequence"),
)

sa.Table(
    "meta",
    tables,
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.PrimaryKeyConstraint("name"),
)


def upgrade() -> None:
    connection = op.get_bind()
    tables.create_all(connection, checkfirst=False)
    triggers.create(connection)
