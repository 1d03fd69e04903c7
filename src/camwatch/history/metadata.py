"""The metadata of a store: format, end of the record, local days."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, select

from camwatch.errors import StoreError
from camwatch.history import schema

Query: TypeAlias = Select[*tuple[Any, ...]]


class StoreMetadata(NamedTuple):
    """Everything before `watermark_ms` is in the store; before `rolled_up_until_ms` it has only `days`.

    `rolled_up_zone` is the time zone of those days, None before there are any.
    """

    watermark_ms: int
    rolled_up_until_ms: int
    rolled_up_zone: ZoneInfo | None


def read_values(connection: Connection) -> dict[str, str]:
    """Return everything that the store records about itself, by name."""
    return {row.name: row.value for row in connection.execute(select(schema.store_metadata))}


def read_metadata(connection: Connection) -> StoreMetadata:
    """Return the metadata of the store; zeros where it has none yet."""
    stored = read_values(connection)
    zone = stored.get("rolled_up_zone")
    return StoreMetadata(
        int(stored.get("watermark_ms", 0)),
        int(stored.get("rolled_up_until_ms", 0)),
        None if zone is None else ZoneInfo(zone),
    )


def secret(connection: Connection) -> bytes:
    """Return the secret that was drawn when the store was made. Raises StoreError without one."""
    found = read_values(connection).get("secret")
    if found is None:
        raise StoreError("the secret of the store is missing", "restore a backup")
    return bytes.fromhex(found)


def fetch_tuples(connection: Connection, query: Query, **values: Any) -> list[tuple[Any, ...]]:
    """Return rows as the driver gives them: SQLAlchemy's own take three times as long, by 200,000."""
    result = connection.execute(query, values)
    found = result.cursor.fetchall()
    result.close()
    return list(found)
