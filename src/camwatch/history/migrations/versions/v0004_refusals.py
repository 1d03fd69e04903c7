"""Refusals: how many messages of a camera were refused, by reason, so that the counter goes on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "refusals",
        sa.Column("camera_key", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("messages", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("camera_key", "reason", name="pk_refusals"),
        sa.ForeignKeyConstraint(["camera_key"], ["cameras.key"], name="fk_refusals_camera_key"),
    )
