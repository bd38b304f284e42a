"""The tables. What outsiders may rely on is not here but in the `v1_` views (store/views.py, docs/STORE.md)."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    text,
)

# As parts of this module too: whoever asks it for the metadata finds every table in there.
from store.columns import Instant as Instant
from store.columns import Key as Key
from store.columns import metadata as metadata
from store.trust_tables import closed_item as closed_item
from store.trust_tables import closed_person as closed_person
from store.trust_tables import closed_thread as closed_thread
from store.trust_tables import directory_change as directory_change
from store.trust_tables import finding as finding
from store.trust_tables import token as token
from store.trust_tables import tombstone as tombstone
from store.trust_tables import trail as trail

# ------------------------------------------------------------------ directory: the CRM, or `[directory]`, fills these

account = Table(
    "account",
    metadata,
    Column("id", Text, primary_key=True),
    Column("external_id", Text, unique=True),
    Column("name", Text, nullable=False),
)

account_domain = Table(
    "account_domain",
    metadata,
    Column("account_id", Text, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("domain", Text, primary_key=True),
    # What the domain means (A-label, lower case). A trigger empties it when `domain` is written, and syncd fills it.
    Column("domain_key", Text),
    Index("account_domain_key", "domain_key"),
)

contact = Table(
    "contact",
    metadata,
    Column("id", Text, primary_key=True),
    Column("external_id", Text, unique=True),
    Column("account_id", Text, ForeignKey("account.id", ondelete="SET NULL"), index=True),
    Column("name", Text, nullable=False, server_default=""),
)

contact_address = Table(
    "contact_address",
    metadata,
    Column("contact_id", Text, ForeignKey("contact.id", ondelete="CASCADE"), primary_key=True),
    Column("address", Text, primary_key=True),
    # matching.address.key(address). A trigger empties it when `address` is written, and syncd fills it.
    Column("address_key", Text),
    Index("contact_address_key", "address_key"),
)

contact_phone = Table(
    "contact_phone",
    metadata,
    Column("contact_id", Text, ForeignKey("contact.id", ondelete="CASCADE"), primary_key=True),
    Column("phone", Text, primary_key=True),
)

opportunity = Table(
    "opportunity",
    metadata,
    Column("id", Text, primary_key=True),
    Column("external_id", Text, unique=True),
    Column("account_id", Text, ForeignKey("account.id", ondelete="SET NULL"), index=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("stage", Text, nullable=False, server_default=""),
    Column("amount", Numeric(18, 2)),
    Column("currency", Text),
    Column("opened_at", Instant),
    Column("closed_at", Instant),
)

opportunity_contact = Table(
    "opportunity_contact",
    metadata,
    Column("opportunity_id", Text, ForeignKey("opportunity.id", ondelete="CASCADE"), primary_key=True),
    Column("contact_id", Text, ForeignKey("contact.id", ondelete="CASCADE"), primary_key=True, index=True),
)

# Not `user`: that is a reserved word in PostgreSQL, and `SELECT ... FROM user` there means something else.
users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("external_id", Text, unique=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("team", Text, nullable=False, server_default=""),
)

user_address = Table(
    "user_address",
    metadata,
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("address", Text, primary_key=True),
    Column("address_key", Text),
    Index("user_address_key", "address_key"),
)

# Which source of `[directory]` lists a row: only what it listed itself goes when it no longer does.
directory_source = Table(
    "directory_source",
    metadata,
    Column("source", Text, primary_key=True),
    Column("entity_kind", Text, primary_key=True),
    Column("entity_id", Text, primary_key=True),
    sqlite_with_rowid=False,
)

# ------------------------------------------------------------------------------------------- what syncd reads

mailbox = Table(
    "mailbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("owner", Text, nullable=False, server_default=""),
    Column("kind", Text, nullable=False, server_default=""),
    # new, backfilling, ok, throttled, retrying, reauth_needed, misconfigured, paused
    Column("state", Text, nullable=False, server_default="new"),
    Column("state_since", Instant),
    Column("error", Text, nullable=False, server_default=""),
    Column("cure", Text, nullable=False, server_default=""),
    Column("failures", Integer, nullable=False, server_default="0"),
    # Both, so that a clock that was set back never makes the wait longer than the delay was.
    Column("not_before", Instant),
    Column("delay_seconds", Integer, nullable=False, server_default="0"),
    Column("last_success_at", Instant),
    Column("next_run_at", Instant),
    # False when it is no longer in the configuration; its activities stay.
    Column("registered", Boolean, nullable=False, server_default=text("true")),
)

stream = Table(
    "stream",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("mailbox_id", Integer, ForeignKey("mailbox.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("excluded", Text, nullable=False, server_default=""),
    Column("cursor", Text),
    # Of the last complete listing (UIDVALIDITY): ids of another epoch name nothing.
    Column("epoch", Text, nullable=False, server_default=""),
    Column("state", Text, nullable=False, server_default="new"),
    Column("error", Text, nullable=False, server_default=""),
    Column("cure", Text, nullable=False, server_default=""),
    Column("last_success_at", Instant),
    Column("backfilled_at", Instant),
    # The last audit: when, how many items the server held in the window, and of how many of them the store still knew
    # nothing after it had tried to read them.
    Column("reconciled_at", Instant),
    Column("held", Integer),
    Column("missing", Integer, nullable=False, server_default="0"),
    # Passes that began at this cursor and died before a batch was saved, and the item that was in hand.
    Column("strikes", Integer, nullable=False, server_default="0"),
    Column("suspect", Text),
    # How many removals wait for a second listing to confirm them.
    Column("doubted", Integer, nullable=False, server_default="0"),
    UniqueConstraint("mailbox_id", "name", name="stream_name"),
)

sighting = Table(
    "sighting",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=False),
    Column("stream_id", Integer, ForeignKey("stream.id", ondelete="CASCADE"), nullable=False),
    Column("item", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("facts", Text, nullable=False, server_default=""),
    # The keyed hash of the Message-ID, by which `syncd why` finds what was not logged.
    Column("key", LargeBinary),
    Column("occurred_at", Instant),
    Column("activity_id", Key, ForeignKey("activity.id"), index=True),
    Column("gone_at", Instant),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("parser", Integer, nullable=False, server_default="0"),
    # Of what a calendar holds: the object it is a part of, which version of that was read, and when it must be read
    # again since the window reaches more of it.
    Column("object", Text),
    Column("version", Text),
    Column("due_at", Instant),
    UniqueConstraint("stream_id", "item", name="sighting_item"),
    Index("sighting_object", "stream_id", "object", sqlite_where=text("object IS NOT NULL")),
    Index("sighting_due", "stream_id", "due_at", sqlite_where=text("due_at IS NOT NULL")),
    Index("sighting_closed", "key", sqlite_where=text("rule = 'private'")),
    Index("sighting_key", "key"),
    # Partial on PostgreSQL too, as the migration and a test of it have it. To say so here would import all that
    # SQLAlchemy knows of PostgreSQL, a tenth of the start-up on SQLite.
    Index("sighting_waiting", "stream_id", sqlite_where=text("verdict IN ('pending', 'quarantined')")),
)

sighting_address = Table(
    "sighting_address",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("sighting_id", Key, ForeignKey("sighting.id", ondelete="CASCADE"), primary_key=True, index=True),
    sqlite_with_rowid=False,
)

# ------------------------------------------------------------------------------------------- what it makes of it

activity = Table(
    "activity",
    metadata,
    Column("id", Key, primary_key=True, autoincrement=False),
    Column("public_id", Text, nullable=False, unique=True),
    Column("identity", LargeBinary, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("occurred_at", Instant, nullable=False, index=True),
    Column("ended_at", Instant),
    Column("all_day", Boolean, nullable=False, server_default=text("false")),
    Column("zone", Text),
    Column("subject", Text),
    Column("text", Text),
    Column("direction", Text),
    Column("status", Text, nullable=False, server_default=""),
    Column("level", Integer, nullable=False),
    Column("source", Text, nullable=False),
    Column("message_id", Text),
    Column("problem", Text, nullable=False, server_default=""),
    # The first activity of the thread that was stored; a backfill goes backwards, so that is seldom the oldest.
    Column("thread_id", Key, index=True),
    # What another copy must corroborate (model.Identity).
    Column("sender_hash", LargeBinary),
    Column("subject_hash", LargeBinary),
    Column("sent_at", Instant),
    # Of a meeting: where, how often it was moved, from when the last time, and the instant when it is over.
    Column("location", Text),
    Column("rescheduled", Integer, nullable=False, server_default="0"),
    Column("rescheduled_from", Instant),
    Column("settles_at", Instant),
    # Of a manual entry: who made it.
    Column("author", Text, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("activity_unsettled", "settles_at", sqlite_where=text("status = 'planned'")),
)

# What one calendar's copy of a meeting, task or note says of its time and status; the activity is what they add up to.
copy = Table(
    "copy",
    metadata,
    Column("sighting_id", Key, ForeignKey("sighting.id", ondelete="CASCADE"), primary_key=True),
    Column("activity_id", Key, ForeignKey("activity.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("starts_at", Instant, nullable=False),
    Column("ends_at", Instant),
    Column("settles_at", Instant),
    Column("all_day", Boolean, nullable=False),
    Column("zone", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("response", Text, nullable=False),
    Column("organized", Boolean, nullable=False),
    Column("exact", Boolean, nullable=False),
    Column("partial", Boolean, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("stamped_at", Instant),
    Column("by_mail", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

participant = Table(
    "participant",
    metadata,
    Column("activity_id", Key, ForeignKey("activity.id", ondelete="CASCADE"), primary_key=True),
    Column("role", Text, primary_key=True),
    Column("address_key", Text, primary_key=True),
    Column("address", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("response", Text, nullable=False, server_default=""),
    # How good the witness of the response is (matching.outcome).
    Column("witness", Integer, nullable=False, server_default="0"),
    Index("participant_address", "address_key"),
    sqlite_with_rowid=False,
)

attachment = Table(
    "attachment",
    metadata,
    Column("activity_id", Key, ForeignKey("activity.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("size", BigInteger),
    sqlite_with_rowid=False,
)

link = Table(
    "link",
    metadata,
    Column("activity_id", Key, ForeignKey("activity.id", ondelete="CASCADE"), primary_key=True),
    Column("entity_kind", Text, primary_key=True),
    Column("entity_id", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    # rule or person; what a person did is never undone by a rule
    Column("origin", Text, nullable=False),
    # linked, candidate or unlinked
    Column("state", Text, nullable=False),
    Index("link_entity", "entity_kind", "entity_id"),
    sqlite_with_rowid=False,
)

# A node of the References graph -> the thread it belongs to (matching.identity.thread_keys).
thread = Table(
    "thread",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("thread_id", Key, nullable=False, index=True),
    sqlite_with_rowid=False,
)

# The feed: sequence numbers are in commit order, since one transaction writes at a time.
change = Table(
    "change",
    metadata,
    Column("sequence", Key, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("activity_id", Key, nullable=False),
    # Of what was erased, since its row no longer says it.
    Column("public_id", Text),
    Column("changed_at", Instant, nullable=False),
)

meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
