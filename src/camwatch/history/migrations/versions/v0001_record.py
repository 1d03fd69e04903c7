"""Create every table: from today's `schema` until the first release, from a copy of it afterwards."""

from __future__ import annotations

from alembic import op

from camwatch.history import migrations

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    migrations.create_tables(op.get_bind())
