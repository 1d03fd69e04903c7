"""The last look: what the store says of the whole simulation, against the second opinion (A1, A5, A6)."""

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
from tests.simulation.model.camera import Mind
from tests.simulation.model.records import Outage, Piece
from tests.simulation.plans.faults import SetsWall
from tests.simulation.plans.plan import PARIS
from tests.simulation.world.daemon_host import Machine


def problems(machine: Machine, store: Store) -> Iterator[str]:
    """Yield whatever the store does not say as it should. The opinion must be that of what is stored."""
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
    for mind in machine.opinion.minds.values():
        camera = found.get(mind.name)
        if camera is None:
            if mind.changes:
                yield f"{mind.name}: nothing is recorded of it"
            continue
        judged = history_checker.judged(mind, machine.opinion.books[mind.name], record.watermark_ms)
        yield from _outages(mind, declared.get(mind.name, []), judged)
        theirs = [
            Piece(each.start, each.end, each.status.value)
            for each in overlays.intervals(camera, record.watermark_ms)
        ]
        yield from _ledger(mind, theirs, record, machine, tuple(clock))
        device = next(device for device in machine.plan.devices if device.id == mind.name)
        blinds = [
            (each.began, each.ended) for each in machine.opinion.blinds if mind.operator in each.operators
        ]
        yield from truth_checker.problems(machine.plan, device, theirs, edges.get(mind.name, []), blinds)


def _edges(connection: Connection) -> dict[str, list[truth_checker.Edge]]:
    """Return every change of status that is recorded, by camera."""
    rows = connection.execute(
        text(
            "SELECT c.id, t.at_ms, t.status, t.earliest_ms, t.latest_ms"
            " FROM transitions t JOIN cameras c ON c.key = t.camera_key ORDER BY t.id"
        )
    )
    found: dict[str, list[truth_checker.Edge]] = {}
    for camera, *edge in rows:
        found.setdefault(camera, []).append(truth_checker.Edge(*edge))
    return found


def _declared(connection: Connection) -> dict[str, list[Outage]]:
    """Return the outages as they were declared, by camera, whatever late heartbeats left of them (E4)."""
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


def _outages(mind: Mind, theirs: list[Outage], judged: list[Piece]) -> Iterator[str]:
    due = history_checker.outages(judged, over=not mind.serving, dismissed=mind.dismissed)
    if theirs != due:
        yield f"{mind.name}: the outages are {theirs}; should be {due}"


def _ledger(
    mind: Mind, theirs: list[Piece], record: History, machine: Machine, clock: tuple[tuple[int, int], ...]
) -> Iterator[str]:
    """Every millisecond after all corrections; where a fill is not sure, either is right."""
    apart = sum(abs(fault.by) for fault in machine.plan.faults if isinstance(fault, SetsWall))
    sure, maybe = history_checker.fills(mind, apart)
    judged = history_checker.judged(mind, machine.opinion.books[mind.name], record.watermark_ms)
    works = [
        MaintenanceWindow(each.scope, each.scope_id, each.start_ms, each.end_ms, each.reason)
        for each in record.maintenance
        if each.id is not None and not each.cancelled
    ]
    mine = [history_checker.corrected(mind, judged, cover, clock, works) for cover in (sure, maybe)]
    mine = [[piece for piece in life if piece.start < piece.end] for life in mine]
    if [each[:3] for each in theirs] == [each[:3] for each in mine[0]]:
        return
    edges = sorted({edge for life in (theirs, *mine) for piece in life for edge in piece[:2]})
    for edge in edges:
        said = _at(theirs, edge)
        if said not in {_at(life, edge) for life in mine}:
            due = _at(mine[0], edge)
            yield f"{mind.name}: the record says {said or 'nothing'} at {edge}; should be {due}"
            return


def _at(life: list[Piece], at: int) -> str:
    return next((piece.status for piece in life if piece.start <= at < piece.end), "")
