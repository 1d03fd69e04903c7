"""The numbered steps from an empty database to today's tables, run when a store is opened.

Each runs whole or not at all, on both databases. There is no way back but a backup (docs/backup.md).
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

REVISIONS = ("0001",)
"""Every step, in order, for whoever opens a store; importing alembic to ask takes half a second."""
HEAD = REVISIONS[-1]


def revision_of(connection: Connection) -> str | None:
    """Return the step that a database is at; None: nothing was ever done there."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Run the steps that are missing up to `revision`, inside the transaction of the connection."""
    from alembic import command  # noqa: PLC0415 - not where the tables are today's: it costs half a second
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
