"""Bounds and length of outages, after late heartbeats and corrections."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from operator import attrgetter

from camwatch.accounting.records import OPEN_ENDED, CameraHistory, OutageRecord, StatusChange
from camwatch.accounting.timeline import StatusInterval, status_time_between
from camwatch.core.model import Status
from camwatch.core.status_time import Interval, Proven, split, unite, without


def down_ms(stretches: Sequence[StatusInterval], outage: OutageRecord, until_ms: int) -> int:
    """Return the down time of an outage up to an instant, given its camera's status intervals.

    It is 0 if corrected maintenance or late heartbeats cover all of it.
    """
    end_ms = until_ms if outage.end_ms is None else min(outage.end_ms, until_ms)
    return status_time_between(stretches, outage.at_ms, end_ms).down


def by_evidence(camera: CameraHistory) -> list[OutageRecord]:
    """Return a camera's outages with the bounds of their changes, and as late heartbeats leave them (E, E4).

    An outage that late heartbeats cover in part is shortened; one that they cover wholly is voided, and keeps
    its instants.
    """
    proven = unite(camera.backfills)
    return [_shortened(_bounded(camera.changes, each), camera, proven) for each in camera.outages]


def _bounded(changes: Sequence[StatusChange], outage: OutageRecord) -> OutageRecord:
    began = next((each for each in _at(changes, outage.at_ms) if each.status is Status.DOWN), None)
    ends = () if outage.end_ms is None else _at(changes, outage.end_ms)
    ended = next((each for each in ends if each.status is not Status.DOWN), None)
    return replace(outage, at_bounds=_bounds(began), end_bounds=_bounds(ended))


def _at(changes: Sequence[StatusChange], at_ms: int) -> Iterator[StatusChange]:
    for index in range(bisect_left(changes, at_ms, key=attrgetter("at_ms")), len(changes)):
        if changes[index].at_ms != at_ms:
            return
        yield changes[index]


def _bounds(change: StatusChange | None) -> Interval | None:
    if change is None or change.earliest_ms is None or change.latest_ms is None:
        return None
    return Interval(change.earliest_ms, change.latest_ms)


def _shortened(outage: OutageRecord, camera: CameraHistory, proven: Sequence[Proven]) -> OutageRecord:
    end_ms = OPEN_ENDED if outage.end_ms is None else outage.end_ms
    if not any(each.start < end_ms and outage.at_ms < each.end for each in proven):
        return outage
    recorded = tuple(_stays(outage.at_ms, end_ms, camera))
    left = without(recorded, tuple(each.span for each in proven))
    if left == recorded:
        return outage
    if not left:
        return replace(outage, voided=True)
    # Compared with the recorded stays: its beginning may be rolled up.
    if left[0].start > recorded[0].start:
        outage = replace(outage, at_ms=left[0].start, at_bounds=_edge(proven, left[0].start))
    if outage.end_ms is not None and left[-1].end < recorded[-1].end:
        outage = replace(outage, end_ms=left[-1].end, end_bounds=_edge(proven, left[-1].end))
    return outage


def _edge(proven: Iterable[Proven], at_ms: int) -> Interval | None:
    """Return the bounds of the edge of a backfill at an instant."""
    edges = (edge for each in proven for edge in each.edges)
    return next((edge for edge in edges if edge.start + edge.end == 2 * at_ms), None)


def _stays(at_ms: int, end_ms: int, camera: CameraHistory) -> Iterator[Interval]:
    """Yield the stays in `down` of an outage: gaps and absences separate them (rules S7, V6)."""
    for span in _down(at_ms, end_ms, camera.changes):
        for start, end, serving in split(tuple(camera.service_periods), *span):
            if serving:
                yield Interval(start, end)


def _down(at_ms: int, end_ms: int, changes: Sequence[StatusChange]) -> Iterator[Interval]:
    since: int | None = at_ms
    for index in range(bisect_left(changes, at_ms, key=attrgetter("at_ms")), len(changes)):
        change = changes[index]
        if change.at_ms >= end_ms:
            break
        if change.status is Status.DOWN:
            since = change.at_ms if since is None else since
        elif since is not None:
            if since < change.at_ms:
                yield Interval(since, change.at_ms)
            since = None
    if since is not None and since < end_ms:
        yield Interval(since, end_ms)
