"""What somebody closed, by its identity: as it was at revision 0005.

Revises 0004. Until then only the trail says what was closed.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0005"
down_revision = "0004"

INSTANT = sa.Text().with_variant(TIMESTAMP(timezone=True), "postgresql")

tables = sa.MetaData()

closed_item = sa.Table(
    "closed_item",
    tables,
    sa.Column("key", sa.LargeBinary, nullable=False),
    sa.Column("at", INSTANT, nullable=False),
    sa.PrimaryKeyConstraint("key"),
    sqlite_with_rowid=False,
)


def upgrade() -> None:
    tables.create_all(op.get_bind(), checkfirst=False)
    op.execute("""
        INSERT INTO closed_item (key, at)
        SELECT activity.identity, MIN(trail.at) FROM trail JOIN activity ON activity.public_id = trail.target
        WHERE trail.action = 'close' GROUP BY activity.identity""")
