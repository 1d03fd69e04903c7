"""What the store returns to the next process, row by row, for comparison with the model (S6, A1)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from sqlalchemy import text

from camwatch.history.dialects import read_transaction
from camwatch.history.store import Store

STATUSES = ("up", "down", "unknown", "maintenance")


class StoredChange(NamedTuple):
    """From `utc` on a camera was `status`; empty: out of service."""

    utc: int
    status: str
    cause: str
    detected: int


class StoredHistory(NamedTuple):
    """Changes by camera, and all monitoring gaps: operators, links, cause, start, end."""

    cameras: dict[str, list[StoredChange]]
    gaps: list[tuple[tuple[str, ...], tuple[str, ...], str, int, int]]


def read_back(store: Store) -> StoredHistory:
    """Read everything stored so far."""
    with read_transaction(store.engine) as connection:
        moves = connection.execute(
            text(
                "SELECT c.id, t.at_ms, t.status, t.cause, t.detected_ms"
                " FROM transitions t JOIN cameras c ON c.key = t.camera_key ORDER BY t.id"
            )
        ).all()
        in_service = connection.execute(
            text(
                "SELECT c.id, s.start_ms, s.end_ms"
                " FROM service_periods s JOIN cameras c ON c.key = s.camera_key ORDER BY s.start_ms, s.id"
            )
        ).all()
        gap_start = connection.execute(
            text(
                "SELECT operators, links, cause, began_ms, ended_ms"
                " FROM monitoring_gaps WHERE cause <> 'clock_step' ORDER BY id"
            )
        ).all()
    cameras: dict[str, list[StoredChange]] = {}
    rows: dict[str, list[StoredChange]] = {}
    for camera, at, status, cause, detected in moves:
        if status in STATUSES:
            rows.setdefault(camera, []).append(StoredChange(at, status, cause or "", detected))
    for camera, start, end in in_service:
        changes = cameras.setdefault(camera, [])
        mine = rows.get(camera, [])
        while mine and mine[0].utc < start:
            del mine[0]  # before its first service
        while mine and (end is None or mine[0].utc <= end):
            row = mine.pop(0)
            if not changes or changes[-1].status != row.status or not changes[-1].status:
                changes.append(row)
        if end is not None:
            changes.append(StoredChange(end, "", "", end))
    gaps = [(_names(of), _names(links), why, began, ended) for of, links, why, began, ended in gap_start]
    return StoredHistory(cameras, gaps)


def collapsed(changes: Sequence[StoredChange]) -> list[StoredChange]:
    """Return changes without those of no length and those to the same status."""
    lasting = [one for one, after in pairwise(changes) if one.utc < after.utc] + list(changes[-1:])
    return lasting[:1] + [one for before, one in pairwise(lasting) if before.status != one.status]


def _names(packed: str) -> tuple[str, ...]:
    return tuple(name for name in packed.split("\n") if name)
