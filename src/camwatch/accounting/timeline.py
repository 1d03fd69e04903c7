"""Figures from changes: what a camera was when, after all corrections, and the account of any stretch (A).

Pure and whole: a month's report, the windows that Prometheus reads, and the audit all go through here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from operator import attrgetter
from typing import NamedTuple

from camwatch.accounting.records import OPEN_END, CameraRecord, Change, Record
from camwatch.core.model import BlindCause, Scope, Status, Whose
from camwatch.core.status_time import Account, Span, merged, pieces, united, within, without


class Unsure(StrEnum):
    """What a camera was, and may as well not have been (rule A3)."""

    UP = "uncertain_up"
    DOWN = "uncertain_down"


class Stretch(NamedTuple):
    """A camera was `status` in [start, end), UTC milliseconds."""

    start: int
    end: int
    status: Status

    @property
    def uncertain(self) -> bool:
        """Whether it may as well have been down, if it was up, or up, if it was down (rule A3)."""
        return False

    @property
    def what(self) -> Status | Unsure:
        """The status, and that it is uncertain."""
        if self.uncertain:
            return Unsure.UP if self.status is Status.UP else Unsure.DOWN
        return self.status


class Uncertain(Stretch):
    """A stretch between the bounds of a change."""

    __slots__ = ()

    @property
    def uncertain(self) -> bool:
        """See `Stretch`."""
        return True


class Overlays:
    """What lies over the changes of every camera: corrected maintenance, and hours that never were."""

    def __init__(self, record: Record) -> None:
        self._gaps = merged(
            Span(blind.began_ms, blind.ended_ms)
            for blind in record.blind
            if blind.cause is BlindCause.CLOCK and blind.ended_ms is not None
        )
        self._windows: dict[tuple[Scope, str], list[tuple[Whose, Span]]] = {}
        for window in record.windows:
            if window.id is not None and not window.withdrawn:
                spans = self._windows.setdefault((window.scope, window.scope_id), [])
                spans.append((window.whose, Span(window.starts_ms, window.ends_ms)))
        ends = [span.ends for span in self._gaps]
        ends += [span.ends for each in self._windows.values() for _, span in each]
        self.over_ms = max(ends, default=-OPEN_END)  # from when on nothing lies over

    def stretches(self, camera: CameraRecord, until_ms: int) -> list[Stretch]:
        """Return what a camera was, in service, up to an instant: disjoint, in order, alike ones joined."""
        windows = merged(self._over(camera))
        found = _within(camera, until_ms)
        # In this order: proof that came late holds against what was thought (E4), an hour that never was is
        # nobody's, maintenance covers.
        if camera.fills:
            proven = tuple(each.span for each in united(camera.fills))
            found = _painted(found, proven, Status.UP, (Status.UNKNOWN, Status.DOWN))
        if self._gaps:
            found = _painted(found, self._gaps, Status.UNKNOWN, (Status.UP, Status.DOWN))
        if windows:
            found = _painted(found, windows, Status.MAINTENANCE, (Status.UP, Status.DOWN, Status.UNKNOWN))
        return _joined(found)

    def _over(self, camera: CameraRecord) -> Iterator[Span]:
        """Yield what windows cover of a camera; those of a site, while it stood there (rule V7)."""
        for scope, there in scopes_of(camera):
            for whose, span in self._windows.get(scope, ()):
                covered = Span(max(span.starts, there.starts), min(span.ends, there.ends))
                if whose.covers(camera.operator) and covered.starts < covered.ends:
                    yield covered

    def dated(self, camera: CameraRecord, until_ms: int) -> list[Stretch]:
        """Return the same, cut where time becomes uncertain or certain again: for accounts (rule A3)."""
        found = self.stretches(camera, until_ms)
        ups, downs = _uncertain(camera)
        if not downs:
            return found
        cut: list[Stretch] = []
        for stretch in found:
            if stretch.status not in (Status.UP, Status.DOWN):
                cut.append(stretch)
                continue
            spans = ups if stretch.status is Status.UP else downs
            near = spans[bisect_right(spans, stretch.start, key=attrgetter("ends")) :]
            cut += (
                (Uncertain if inside else Stretch)(start, end, stretch.status)
                for start, end, inside in pieces(near, stretch.start, stretch.end)
            )
        return cut


def _uncertain(camera: CameraRecord) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Return where up time, and where down time, is uncertain (rules A3, E4).

    That is between the bounds of changes, less what late heartbeats prove for certain, and about the ends of
    that: within it for up time, without it for down time.
    """
    spans = merged(
        Span(change.earliest_ms, change.latest_ms)
        for change in camera.changes
        if change.earliest_ms is not None and change.latest_ms is not None
    )
    proven = united(camera.fills)
    if not proven:
        return spans, spans
    fills, edges = tuple(each.span for each in proven), merged(edge for each in proven for edge in each.edges)
    spans = without(spans, without(fills, edges) if edges else fills)
    return (merged((*spans, *within(edges, fills))), merged((*spans, *edges))) if edges else (spans, spans)


def scopes_of(camera: CameraRecord) -> list[tuple[tuple[Scope, str], Span]]:
    """Return what a window must be of to cover a camera, and when (rules V3, V7)."""
    always = Span(-OPEN_END, OPEN_END)
    sites = (((Scope.SITE, place.site), Span(place.since_ms, place.until_ms)) for place in camera.places)
    return [((Scope.CAMERA, camera.id), always), *sites, ((Scope.OPERATOR, camera.operator), always)]


def account_of(stretches: Sequence[Stretch], start: int, end: int) -> Account:
    """Return the account of [start, end) of stretches as `Overlays` returns them (rule A1)."""
    account = Account()
    first = bisect_right(stretches, start, key=attrgetter("end"))
    for index in range(first, len(stretches)):
        stretch = stretches[index]
        if stretch.start >= end:
            break
        spent = min(stretch.end, end) - max(stretch.start, start)
        account.add(stretch.status, spent, uncertain=stretch.uncertain)
    return account


def _within(camera: CameraRecord, until_ms: int) -> list[Stretch]:
    """Cut the changes to the camera's time in service; one without a change at its start is unknown."""
    found = []
    changes = camera.changes
    left = -OPEN_END
    for service in camera.service:
        start, end = service.starts, min(service.ends, until_ms)
        index = bisect_right(changes, start, key=attrgetter("at_ms"))
        last = changes[index - 1] if index else Change(left, None)
        # What it was when it left service says nothing of what it was when it came back.
        status = last.status if last.at_ms > left or last.at_ms == start else None
        left = service.ends
        while start < end:
            until = min(changes[index].at_ms, end) if index < len(changes) else end
            if until > start:
                found.append(Stretch(start, until, status or Status.UNKNOWN))
                start = until
            if index < len(changes):
                status = changes[index].status
            index += 1
    return found


def _painted(
    stretches: Iterable[Stretch], spans: tuple[Span, ...], status: Status, over: tuple[Status, ...]
) -> list[Stretch]:
    found: list[Stretch] = []
    for stretch in stretches:
        if stretch.status not in over:
            found.append(stretch)
            continue
        # Spans before the stretch are skipped by a search, or a year of fills would cost its square.
        near = spans[bisect_right(spans, stretch.start, key=attrgetter("ends")) :]
        for start, end, inside in pieces(near, stretch.start, stretch.end):
            found.append(Stretch(start, end, status if inside else stretch.status))
    return found


def _joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    found: list[Stretch] = []
    for stretch in stretches:
        if found and found[-1].end == stretch.start and found[-1].status is stretch.status:
            found[-1] = Stretch(found[-1].start, stretch.end, stretch.status)
        else:
            found.append(stretch)
    return found
