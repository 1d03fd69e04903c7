"""What the store tells the next process, row by row, to be held against the second opinion (S6, A1)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from sqlalchemy import text

from camwatch.history.dialects import read_transaction
from camwatch.history.store import Store

LEDGER = ("up", "down", "unknown", "maintenance")


class Told(NamedTuple):
    """From `utc` on a camera was `status` (empty: out of the ledger)."""

    utc: int
    status: str
    cause: str
    noticed: int


class Recalled(NamedTuple):
    """By camera what it was, and every stretch out of sight: operators, links, why, from, to."""

    cameras: dict[str, list[Told]]
    blinds: list[tuple[tuple[str, ...], tuple[str, ...], str, int, int]]


def recall(store: Store) -> Recalled:
    """Read all that was stored so far."""
    with read_transaction(store.engine) as connection:
        moves = connection.execute(
            text(
                "SELECT c.id, t.at_ms, t.status, t.cause, t.detected_ms"
                " FROM transitions t JOIN cameras c ON c.key = t.camera_key ORDER BY t.id"
            )
        ).all()
        serving = connection.execute(
            text(
                "SELECT c.id, s.start_ms, s.end_ms"
                " FROM service_periods s JOIN cameras c ON c.key = s.camera_key ORDER BY s.start_ms, s.id"
            )
        ).all()
        dark = connection.execute(
            text(
                "SELECT operators, links, cause, began_ms, ended_ms"
                " FROM monitoring_gaps WHERE cause <> 'clock_step' ORDER BY id"
            )
        ).all()
    cameras: dict[str, list[Told]] = {}
    rows: dict[str, list[Told]] = {}
    for camera, at, status, cause, noticed in moves:
        if status in LEDGER:
            rows.setdefault(camera, []).append(Told(at, status, cause or "", noticed))
    for camera, start, end in serving:
        told = cameras.setdefault(camera, [])
        mine = rows.get(camera, [])
        while mine and mine[0].utc < start:
            del mine[0]  # of a camera that nobody had seen yet
        while mine and (end is None or mine[0].utc <= end):
            row = mine.pop(0)
            if not told or told[-1].status != row.status or not told[-1].status:
                told.append(row)
        if end is not None:
            told.append(Told(end, "", "", end))
    blinds = [(_names(of), _names(links), why, began, ended) for of, links, why, began, ended in dark]
    return Recalled(cameras, blinds)


def collapsed(told: Sequence[Told]) -> list[Told]:
    """Return it without what lasted no time, and without a status that goes on."""
    lasting = [one for one, after in pairwise(told) if one.utc < after.utc] + list(told[-1:])
    return lasting[:1] + [one for before, one in pairwise(lasting) if before.status != one.status]


def _names(packed: str) -> tuple[str, ...]:
    return tuple(name for name in packed.split("\n") if name)
