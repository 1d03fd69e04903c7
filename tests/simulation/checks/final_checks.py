"""Checks of the store after the last step: audit, outages, status time, truth (A1, A5, A6)."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, text

from camwatch.accounting.records import OPEN_ENDED, History
from camwatch.accounting.timeline import TimelineOverlays
from camwatch.core.model import GapCause, MaintenanceWindow
from camwatch.history.audit import audit
from camwatch.history.dialects import read_transaction
from camwatch.history.queries import read
from camwatch.history.store import Store
from tests.simulation.checks import history_checker, truth_checker
from tests.simulation.model.camera import CameraModel
from tests.simulation.model.records import Outage, StatusSpan
from tests.simulation.plans.faults import HostClockStep
from tests.simulation.plans.plan import PARIS
from tests.simulation.world.daemon_host import DaemonHost


def problems(host: DaemonHost, store: Store) -> Iterator[str]:
    """Yield each difference between the store and the model. The model must be that of the stored state."""
    for finding in audit(store.engine, PARIS).findings:
        yield f"audit: {finding}"
    with read_transaction(store.engine) as connection:
        record = read(connection, None, 0, OPEN_ENDED)
        edges, declared = _edges(connection), _declared(connection)
    overlays = TimelineOverlays(record)
    found = {camera.id: camera for camera in record.cameras}
    clock = [
        (each.start_ms, each.end_ms)
        for each in record.gaps
        if each.cause is GapCause.CLOCK_STEP and each.end_ms is not None
    ]
    for expected in host.model.cameras.values():
        camera = found.get(expected.name)
        if camera is None:
            if expected.changes:
                yield f"{expected.name}: not in the record"
            continue
        judged = history_checker.judged(expected, host.model.status_times[expected.name], record.watermark_ms)
        yield from _outages(expected, declared.get(expected.name, []), judged)
        recorded = [
            StatusSpan(each.start, each.end, each.status.value)
            for each in overlays.intervals(camera, record.watermark_ms)
        ]
        yield from _status_time(expected, recorded, record, host, tuple(clock))
        spec = next(spec for spec in host.plan.cameras if spec.id == expected.name)
        gaps = [(each.began, each.ended) for each in host.model.gaps if expected.operator in each.operators]
        yield from truth_checker.problems(host.plan, spec, recorded, edges.get(expected.name, []), gaps)


def _edges(connection: Connection) -> dict[str, list[truth_checker.RecordedChange]]:
    """Return every recorded change of status, by camera."""
    rows = connection.execute(
        text(
            "SELECT c.id, t.at_ms, t.status, t.earliest_ms, t.latest_ms"
            " FROM transitions t JOIN cameras c ON c.key = t.camera_key ORDER BY t.id"
        )
    )
    found: dict[str, list[truth_checker.RecordedChange]] = {}
    for camera, *edge in rows:
        found.setdefault(camera, []).append(truth_checker.RecordedChange(*edge))
    return found


def _declared(connection: Connection) -> dict[str, list[Outage]]:
    """Return the outages as declared, by camera, whatever late heartbeats left of them (E4)."""
    rows = connection.execute(
        text(
            "SELECT c.id, o.at_ms, o.end_ms, o.cause"
            " FROM outages o JOIN cameras c ON c.key = o.camera_key ORDER BY o.at_ms, o.id"
        )
    )
    found: dict[str, list[Outage]] = {}
    for camera, *outage in rows:
        found.setdefault(camera, []).append(Outage(*outage))
    return found


def _outages(expected: CameraModel, recorded: list[Outage], judged: list[StatusSpan]) -> Iterator[str]:
    due = history_checker.outages(judged, over=not expected.in_service, dismissed=expected.dismissed)
    if recorded != due:
        yield f"{expected.name}: recorded outages are {recorded}; expected {due}"


def _status_time(
    expected: CameraModel,
    recorded: list[StatusSpan],
    record: History,
    host: DaemonHost,
    clock: tuple[tuple[int, int], ...],
) -> Iterator[str]:
    """Compare every millisecond after all corrections; with an uncertain backfill either is right."""
    clock_steps = sum(abs(fault.by) for fault in host.plan.faults if isinstance(fault, HostClockStep))
    sure, maybe = history_checker.fills(expected, clock_steps)
    judged = history_checker.judged(expected, host.model.status_times[expected.name], record.watermark_ms)
    maintenance = [
        MaintenanceWindow(each.scope, each.scope_id, each.start_ms, each.end_ms, each.reason)
        for each in record.maintenance
        if each.id is not None and not each.cancelled
    ]
    mine = [history_checker.corrected(expected, judged, cover, clock, maintenance) for cover in (sure, maybe)]
    mine = [[piece for piece in history if piece.start < piece.end] for history in mine]
    if [each[:3] for each in recorded] == [each[:3] for each in mine[0]]:
        return
    edges = sorted({edge for history in (recorded, *mine) for piece in history for edge in piece[:2]})
    for edge in edges:
        actual = _at(recorded, edge)
        if actual not in {_at(history, edge) for history in mine}:
            due = _at(mine[0], edge)
            yield f"{expected.name}: recorded {actual or 'nothing'} at {edge}; expected {due}"
            return


def _at(history: list[StatusSpan], at: int) -> str:
    return next((piece.status for piece in history if piece.start <= at < piece.end), "")
