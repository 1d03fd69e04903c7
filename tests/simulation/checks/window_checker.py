"""Compares every rolling and calendar period with plain calendar arithmetic over the model (A4, A5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta

from camwatch.core.model import MaintenanceWindow
from camwatch.core.status_time import StatusTime
from tests.simulation.checks import history_checker
from tests.simulation.model.camera import CameraModel
from tests.simulation.model.fleet import FleetModel
from tests.simulation.model.records import StatusSpan
from tests.simulation.plans.codec import DAY, HOUR
from tests.simulation.plans.plan import PARIS

_ROLLING = {"1h": HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY, "365d": 365 * DAY}


def starts(now: int) -> dict[str, int]:
    """Return the start of each period that ends now."""
    today = datetime.fromtimestamp(now / 1000, PARIS).date()
    days = {
        "day": today,
        "week": today - timedelta(days=today.weekday()),
        "month": today.replace(day=1),
        "year": today.replace(month=1, day=1),
    }
    return {name: now - length for name, length in _ROLLING.items()} | {
        name: _midnight(day) for name, day in days.items()
    }


def totals(histories: Iterable[list[StatusSpan]], start: int, end: int) -> dict[str, int]:
    """Return the milliseconds of [start, end) by status, summed over all cameras."""
    found = dict.fromkeys(("up", "down", "unknown", "maintenance"), 0)
    for history in histories:
        for piece in history:
            found[piece.status] += max(0, min(piece.end, end) - max(piece.start, start))
    return found


def problems(
    model: FleetModel, operator: str, actual: dict[str, StatusTime], maintenance: Sequence[MaintenanceWindow]
) -> Iterator[str]:
    """Yield each period of an operator with wrong status time; uncertain backfills give bounds."""
    cameras = [camera for camera in model.cameras.values() if camera.operator == operator and camera.changes]
    if any(_undecided(model, camera) for camera in cameras):
        return
    now = model.now.utc
    histories: tuple[list[list[StatusSpan]], list[list[StatusSpan]]] = ([], [])
    for camera in cameras:
        judged = history_checker.judged(camera, model.status_times[camera.name], now)
        undecided = model.classifiers[camera.name].is_undecided(model.now.at)
        proven = history_checker.fills(camera, 0, camera.late_before if undecided else None)
        for found, fills in zip(histories, proven, strict=True):
            found.append(history_checker.corrected(camera, judged, fills, (), maintenance))
    for name, start in starts(now).items():
        least, most = (totals(history, start, now) for history in histories)
        for status, count in least.items():
            edges = sorted((count, most[status]))
            if not edges[0] <= getattr(actual[name], status) <= edges[1]:
                yield f"{operator}, {name}: is {actual[name]}; expected {least}"


def _undecided(model: FleetModel, camera: CameraModel) -> bool:
    """Return whether corrections that reach back are still to be applied to this camera.

    That is so for maintenance over time that is not yet accounted, and after a change of site during a stop.
    """
    if camera.moved_while_stopped:  # corrections of its sites apply with the next derivation only
        return True
    if camera.accounted is None:
        return False
    accounted = camera.accounted + model.now.utc - model.now.at
    cover = model.status_times[camera.name].cover
    return any(accounted <= edge <= model.now.utc for span in cover for edge in span)


def _midnight(day: date) -> int:
    return round(datetime.combine(day, time.min, PARIS).timestamp() * 1000)
