"""Alembic runs this file; syncd's own upgrade hands it the connection, inside a transaction that is already open."""

from __future__ import annotations

from alembic import context

from store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
