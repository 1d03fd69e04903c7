"""The numbered steps from an empty database to today's tables, run when a store is opened.

Each runs whole or not at all, on both databases. There is no way back but a backup (docs/how-to/backup.md).
"""

from __future__ import annotations

import secrets
from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select

from camwatch.history import schema

REVISIONS = ("0001",)
"""All migrations, in order."""
HEAD = REVISIONS[-1]

# As alembic makes it.
_VERSION = Table(
    "alembic_version",
    MetaData(naming_convention={"pk": "%(table_name)s_pkc"}),
    Column("version_num", String(32), primary_key=True),
)


def current_revision(connection: Connection) -> str | None:
    """Return the step that a database is at; None: nothing was ever done there."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(select(_VERSION.c.version_num)).scalar()
    return found


def upgrade(connection: Connection) -> None:
    """Bring the tables up to date, inside the transaction of the connection.

    In an empty database today's tables are made at once: what the steps lead to, as a test compares, without
    importing alembic for it, which costs 60 ms, and 10 MB as long as the process lives.
    """
    if current_revision(connection) is None:
        create_tables(connection)
        _VERSION.create(connection)
        connection.execute(_VERSION.insert().values(version_num=HEAD))
    else:
        run_migrations(connection)


def create_tables(connection: Connection) -> None:
    """Create every table of `schema`, and the store's secret."""
    schema.metadata.create_all(connection)
    connection.execute(schema.store_metadata.insert().values(name="secret", value=secrets.token_hex(32)))


def run_migrations(connection: Connection, revision: str = "head") -> None:
    """Run the steps that are missing up to `revision`, inside the transaction of the connection."""
    from alembic import command  # noqa: PLC0415 - only where the tables are of another day, see above
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
