"""Rows of the record as they were before `camwatch history rebase` moved them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "rebased",
        sa.Column("correction", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("row", sa.BigInteger, nullable=False),
        sa.Column("original", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("correction", "kind", "row", name="pk_rebased"),
    )
