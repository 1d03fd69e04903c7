"""Stores backfills: stretches that overlap or touch become one row (rule E4)."""

from __future__ import annotations

from sqlalchemy import Connection, and_, or_, select

from camwatch.core.status_time import Proven, unite
from camwatch.history import schema
from camwatch.history.sealing import Sealer

_ASKED = 100  # cameras in one question


def store(sealer: Sealer, fills: dict[int, list[Proven]]) -> None:
    """Store backfills by camera key; one that overlaps or touches a row extends it.

    If it joins several, it extends the newest: the others lie within it, and readers merge them.
    """
    grown: list[tuple[int, ...]] = []
    added: list[tuple[int, ...]] = []
    united = {key: unite(mine) for key, mine in fills.items()}
    stored = _met_by(sealer.connection, united)
    for key, mine in united.items():
        rows = stored.get(key, {})
        for fill in unite((*mine, *rows.values())):
            within = [number for number, row in rows.items() if fill.start <= row.start <= fill.end]
            if not within:
                added.append((key, *fill))
            elif rows[max(within)] != fill:
                grown.append((max(within), key, *fill))
    names = ("camera_key", "start_ms", "end_ms", "certain_start_ms", "certain_end_ms")
    sealer.put(schema.backfills, ("id", *names), grown, upsert=True)
    sealer.add(schema.backfills, names, added)


def _met_by(connection: Connection, fills: dict[int, list[Proven]]) -> dict[int, dict[int, Proven]]:
    """Return the rows between the first and the last of a camera's backfills, by camera and id."""
    table = schema.backfills.c
    found: dict[int, dict[int, Proven]] = {}
    keys = list(fills)
    for first in range(0, len(keys), _ASKED):
        near = (
            and_(
                table.camera_key == key,
                table.start_ms <= max(fill.end for fill in fills[key]),
                table.end_ms >= min(fill.start for fill in fills[key]),
            )
            for key in keys[first : first + _ASKED]
        )
        query = select(
            table.camera_key,
            table.id,
            table.start_ms,
            table.end_ms,
            table.certain_start_ms,
            table.certain_end_ms,
        ).where(or_(*near))
        for key, number, *row in connection.execute(query):
            found.setdefault(key, {})[number] = Proven.of(*row)
    return found
