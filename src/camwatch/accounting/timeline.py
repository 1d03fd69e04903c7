"""Status over time, after all corrections, and the status time of any interval (A).

Reports, the windows that Prometheus reads, and the audit all go through here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from operator import attrgetter
from typing import NamedTuple

from camwatch.accounting.records import OPEN_ENDED, CameraHistory, History, StatusChange
from camwatch.core.model import GapCause, OperatorScope, Scope, Status
from camwatch.core.status_time import Interval, StatusTime, merge, split, unite, within, without


class UncertainStatus(StrEnum):
    """A status that may as well have been the opposite (rule A3)."""

    UP = "uncertain_up"
    DOWN = "uncertain_down"


class StatusInterval(NamedTuple):
    """A camera was `status` in [start, end), UTC milliseconds."""

    start: int
    end: int
    status: Status
    uncertain: bool = False  # up time may have been down, or down time up (rule A3)

    @property
    def timeline_status(self) -> Status | UncertainStatus:
        """The status, and whether it is uncertain."""
        if self.uncertain:
            return UncertainStatus.UP if self.status is Status.UP else UncertainStatus.DOWN
        return self.status


class TimelineOverlays:
    """Corrections applied on top of recorded transitions: maintenance, backfills, skipped UTC."""

    def __init__(self, record: History) -> None:
        self._gaps = merge(
            Interval(blind.start_ms, blind.end_ms)
            for blind in record.gaps
            if blind.cause is GapCause.CLOCK_STEP and blind.end_ms is not None
        )
        self._windows: dict[tuple[Scope, str], list[tuple[OperatorScope, Interval]]] = {}
        for window in record.maintenance:
            if window.id is not None and not window.cancelled:
                spans = self._windows.setdefault((window.scope, window.scope_id), [])
                spans.append((window.operators, Interval(window.start_ms, window.end_ms)))
        ends = [span.end for span in self._gaps]
        ends += [span.end for each in self._windows.values() for _, span in each]
        self.over_ms = max(ends, default=-OPEN_ENDED)  # no overlay from then on

    def intervals(self, camera: CameraHistory, until_ms: int) -> list[StatusInterval]:
        """Return the status intervals of a camera in service up to an instant: disjoint, in order."""
        windows = merge(self._over(camera))
        found = _within(camera, until_ms)
        # In this order: late proofs replace unknown and down time (E4), skipped UTC is unknown, maintenance
        # covers all.
        if camera.backfills:
            proven = tuple(each.span for each in unite(camera.backfills))
            found = _overlaid(found, proven, Status.UP, (Status.UNKNOWN, Status.DOWN))
        if self._gaps:
            found = _overlaid(found, self._gaps, Status.UNKNOWN, (Status.UP, Status.DOWN))
        if windows:
            found = _overlaid(found, windows, Status.MAINTENANCE, (Status.UP, Status.DOWN, Status.UNKNOWN))
        return _joined(found)

    def _over(self, camera: CameraHistory) -> Iterator[Interval]:
        """Yield the maintenance of a camera; that of a site, while it was there (rule V7)."""
        for scope, there in scopes_of(camera):
            for whose, span in self._windows.get(scope, ()):
                covered = Interval(max(span.start, there.start), min(span.end, there.end))
                if whose.covers(camera.operator) and covered.start < covered.end:
                    yield covered

    def dated(self, camera: CameraHistory, until_ms: int) -> list[StatusInterval]:
        """Return the same, cut where time becomes uncertain or certain: for status times (rule A3)."""
        found = self.intervals(camera, until_ms)
        ups, downs = _uncertain(camera)
        if not downs:
            return found
        cut: list[StatusInterval] = []
        for stretch in found:
            if stretch.status not in (Status.UP, Status.DOWN):
                cut.append(stretch)
                continue
            spans = ups if stretch.status is Status.UP else downs
            near = spans[bisect_right(spans, stretch.start, key=attrgetter("end")) :]
            cut += (
                StatusInterval(start, end, stretch.status, inside)
                for start, end, inside in split(near, stretch.start, stretch.end)
            )
        return cut


def _uncertain(camera: CameraHistory) -> tuple[tuple[Interval, ...], tuple[Interval, ...]]:
    """Return the intervals in which up time, and in which down time, is uncertain (rules A3, E4).

    Those are the bounds of changes, less certainly proven time, and the bounds of proven time: the inner part
    for up time, the outer part for down time.
    """
    spans = merge(
        Interval(change.earliest_ms, change.latest_ms)
        for change in camera.changes
        if change.earliest_ms is not None and change.latest_ms is not None
    )
    proven = unite(camera.backfills)
    if not proven:
        return spans, spans
    fills, edges = tuple(each.span for each in proven), merge(edge for each in proven for edge in each.edges)
    spans = without(spans, without(fills, edges) if edges else fills)
    return (merge((*spans, *within(edges, fills))), merge((*spans, *edges))) if edges else (spans, spans)


def scopes_of(camera: CameraHistory) -> list[tuple[tuple[Scope, str], Interval]]:
    """Return the scopes whose maintenance covers a camera, each with the interval (rules V3, V7)."""
    always = Interval(-OPEN_ENDED, OPEN_ENDED)
    sites = (((Scope.SITE, place.site), Interval(place.since_ms, place.until_ms)) for place in camera.places)
    return [((Scope.CAMERA, camera.id), always), *sites, ((Scope.OPERATOR, camera.operator), always)]


def status_time_between(stretches: Sequence[StatusInterval], start: int, end: int) -> StatusTime:
    """Return the status time of [start, end), given intervals of `TimelineOverlays` (rule A1)."""
    account = StatusTime()
    first = bisect_right(stretches, start, key=attrgetter("end"))
    for index in range(first, len(stretches)):
        stretch = stretches[index]
        if stretch.start >= end:
            break
        spent = min(stretch.end, end) - max(stretch.start, start)
        account.add(stretch.status, spent, uncertain=stretch.uncertain)
    return account


def _within(camera: CameraHistory, until_ms: int) -> list[StatusInterval]:
    """Cut the changes to the camera's time in service; without a change at its start it is unknown."""
    found = []
    changes = camera.changes
    left = -OPEN_ENDED
    for service in camera.service_periods:
        start, end = service.start, min(service.end, until_ms)
        index = bisect_right(changes, start, key=attrgetter("at_ms"))
        last = changes[index - 1] if index else StatusChange(left, None)
        # Its status when it left service does not give that of its return.
        status = last.status if last.at_ms > left or last.at_ms == start else None
        left = service.end
        while start < end:
            until = min(changes[index].at_ms, end) if index < len(changes) else end
            if until > start:
                found.append(StatusInterval(start, until, status or Status.UNKNOWN))
                start = until
            if index < len(changes):
                status = changes[index].status
            index += 1
    return found


def _overlaid(
    stretches: Iterable[StatusInterval], spans: tuple[Interval, ...], status: Status, over: tuple[Status, ...]
) -> list[StatusInterval]:
    found: list[StatusInterval] = []
    for stretch in stretches:
        if stretch.status not in over:
            found.append(stretch)
            continue
        # Skip spans before the stretch by a search: otherwise a year of backfills costs its square.
        near = spans[bisect_right(spans, stretch.start, key=attrgetter("end")) :]
        for start, end, inside in split(near, stretch.start, stretch.end):
            found.append(StatusInterval(start, end, status if inside else stretch.status))
    return found


def _joined(stretches: Iterable[StatusInterval]) -> list[StatusInterval]:
    found: list[StatusInterval] = []
    for stretch in stretches:
        if found and found[-1].end == stretch.start and found[-1].status is stretch.status:
            found[-1] = StatusInterval(found[-1].start, stretch.end, stretch.status)
        else:
            found.append(stretch)
    return found
