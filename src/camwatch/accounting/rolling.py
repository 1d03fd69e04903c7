"""The rolling accounts of every operator, kept up to date by events (A4, A5).

The last days of each camera are kept as the store would return them, and read through the same overlays as
reports: only what an event changes there changes the accounts. So a change in the past is counted right, and
a repeated event counts once. Not thread-safe.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from operator import attrgetter
from typing import Any, Final, TypeAlias
from zoneinfo import ZoneInfo

from camwatch.accounting.calendar import Calendar
from camwatch.accounting.records import (
    OPEN_ENDED,
    CameraHistory,
    DailyRollup,
    GapRecord,
    History,
    OutageRecord,
    StatusChange,
)
from camwatch.accounting.rolling_window import WINDOWS, RollingWindow, TimelineStatus
from camwatch.accounting.timeline import StatusInterval, TimelineOverlays
from camwatch.core.events import Backfill, Event, MonitoringGap, ServicePeriodEvent, Transition
from camwatch.core.model import GapCause, Purpose, Status
from camwatch.core.status_time import Interval, Proven, StatusTime, unite

KEPT_MS = 7 * 86_400_000
"""Age up to which changes count at once; older ones count after the next `from_record`."""

_BOUNDED_CHANGES = 2  # number of changes before the last one whose bounds may lie after it
_TRIM_AT = 64  # number of changes of a camera from which old ones are dropped
_at = attrgetter("at_ms")
_Where: TypeAlias = tuple[str, str]


class RollingAccounts:
    """The rolling accounts of each operator's cameras.

    To replace one while events continue: between two batches of the writer, call `from_record` and apply
    every event that is not stored yet, in order. Events of a stored but unconfirmed batch do no harm.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self._calendar = Calendar(zone)
        self._windows: dict[str, RollingWindow] = {}
        self._cameras: dict[_Where, CameraHistory] = {}
        self._complete_from: dict[_Where, int] = {}  # of cameras of which older changes were dropped
        self._overlaid = History([], [], [], 0, 0, 0, "")
        self._overlays = TimelineOverlays(self._overlaid)

    @classmethod
    def from_record(cls, zone: ZoneInfo, record: History, until_ms: int) -> RollingAccounts:
        """Return the accounts of a record at `until_ms`, UTC milliseconds.

        The record should begin 366 days earlier and include planned maintenance. It is not changed. Each
        camera keeps its last status from then on.
        """
        accounts = cls(zone)
        gaps = [gap for gap in record.gaps if gap.cause is GapCause.CLOCK_STEP]
        accounts._overlaid = replace(record, cameras=[], gaps=gaps)
        accounts._overlays = TimelineOverlays(accounts._overlaid)
        groups: dict[str, list[CameraHistory]] = {}
        for camera in record.cameras:
            groups.setdefault(camera.operator, []).append(camera)
            accounts._keep(camera, until_ms)
        for operator, cameras in groups.items():
            timelines = (accounts._timeline(camera) for camera in cameras)
            accounts._windows[operator] = RollingWindow(accounts._calendar, until_ms, timelines)
        return accounts

    def status_times(self, operator: str, now_ms: int) -> dict[str, StatusTime]:
        """Return the status time of an operator's cameras in each of `WINDOWS`, ending now."""
        window = self._windows.get(operator)
        return {name: StatusTime() for name in WINDOWS} if window is None else window.status_times(now_ms)

    def apply(self, events: Iterable[Event]) -> None:
        """Apply events, in order; those that change no status time are ignored."""
        for event in events:
            if isinstance(event, Transition):
                self._apply_transition(event)
            elif isinstance(event, ServicePeriodEvent):
                self._apply_service_period(event)
            elif isinstance(event, Backfill):
                self._apply_backfill(event)
            elif isinstance(event, MonitoringGap):
                self._apply_clock_step(event)

    # --- events

    def _apply_transition(self, event: Transition) -> None:
        camera = self._camera(event.camera, event.operator)
        detected_ms = event.detected_at.utc_ms
        if camera.site != event.site and event.site not in ("", camera.place_at(detected_ms).site):
            # Maintenance of its site covers it from now on.
            self._amend(camera, detected_ms if camera.site else -OPEN_ENDED, lambda: _move(camera, event))
        change = StatusChange(event.at.utc_ms, _in_service(event.new), event.earliest_ms, event.latest_ms)
        index = bisect_right(camera.changes, change.at_ms, key=_at)
        since = change.at_ms if change.earliest_ms is None else min(change.at_ms, change.earliest_ms)
        self._amend(camera, since, lambda: camera.changes.insert(index, change))
        if len(camera.changes) > _TRIM_AT:
            self._trim(camera, change.at_ms - KEPT_MS)

    def _apply_service_period(self, event: ServicePeriodEvent) -> None:
        camera = self._camera(event.camera, event.operator)
        at, service = event.at.utc_ms, camera.service_periods
        serving = bool(service) and service[-1].end == OPEN_ENDED
        if any(at == (span.start if event.started else span.end) for span in service):
            return  # repeated
        if event.started and not serving:
            self._amend(camera, at, lambda: _enter(camera, StatusChange(at, _in_service(event.status))))
        elif serving and not event.started:
            span = Interval(service[-1].start, max(at, service[-1].start))
            self._amend(camera, at, lambda: service.__setitem__(-1, span))

    def _apply_backfill(self, event: Backfill) -> None:
        camera = self._camera(event.camera, event.operator)
        backfill = Proven.of(event.start_ms, event.end_ms, event.certain_start_ms, event.certain_end_ms)
        proven = unite((*camera.backfills, backfill))
        changed = {*camera.backfills} ^ {*proven}
        if changed:  # otherwise it is repeated
            since, until = min(each.earliest for each in changed), max(each.latest for each in changed)
            self._amend(camera, since, lambda: camera.backfills.__setitem__(slice(None), proven), until)

    def _apply_clock_step(self, event: MonitoringGap) -> None:
        """Make the UTC interval unknown that a step of the wall clock skipped (T2)."""
        if event.cause is not GapCause.CLOCK_STEP or event.ended.utc_ms <= event.began.utc_ms:
            return
        before = self._overlays
        gap = GapRecord(event.operators, event.links, event.cause, event.began.utc_ms, event.ended.utc_ms)
        self._overlaid.gaps.append(gap)
        self._overlays = TimelineOverlays(self._overlaid)
        for camera in self._cameras.values():
            start = max(gap.start_ms, self._known_from(camera))
            self._apply_to_window(
                camera, self._from(camera, start, before), self._from(camera, start, self._overlays)
            )

    def _amend(
        self, camera: CameraHistory, at_ms: int, change: Callable[[], object], until_ms: int = OPEN_ENDED
    ) -> None:
        """Change a camera's record in [at_ms, until_ms), and its operator's accounts with it."""
        start = max(at_ms, self._known_from(camera))
        before = self._from(camera, start, self._overlays, until_ms)
        change()
        self._apply_to_window(camera, before, self._from(camera, start, self._overlays, until_ms))

    def _apply_to_window(
        self, camera: CameraHistory, before: list[StatusInterval], after: list[StatusInterval]
    ) -> None:
        window = self._windows.get(camera.operator)
        for at, old, new in _differences(before, after):
            if window is None:
                window = self._windows[camera.operator] = RollingWindow(self._calendar, at)
            window.apply(at, old, new)

    # --- what is kept of each camera

    def _camera(self, name: str, operator: str) -> CameraHistory:
        camera = self._cameras.get((operator, name))
        if camera is None:
            camera = CameraHistory(name, operator, "", "", Purpose.VIDEO_PROTECTION, name, **_unused())
            self._cameras[operator, name] = camera
        return camera

    def _keep(self, camera: CameraHistory, until_ms: int) -> None:
        kept = replace(
            camera,
            changes=camera.changes.copy(),
            service_periods=camera.service_periods.copy(),
            backfills=unite(camera.backfills),
            earlier=camera.earlier.copy(),
            **_unused(),
        )
        self._cameras[camera.operator, camera.id] = kept
        self._trim(kept, until_ms - KEPT_MS)

    def _trim(self, camera: CameraHistory, since_ms: int) -> None:
        """Drop changes that were over by an instant."""
        first = bisect_right(camera.changes, since_ms, key=_at) - 1
        if first > 0:
            del camera.changes[:first]
            known = self._complete_from[camera.operator, camera.id] = camera.changes[0].at_ms
            camera.backfills[:] = [each for each in camera.backfills if each.latest > known]

    def _known_from(self, camera: CameraHistory) -> int:
        return self._complete_from.get((camera.operator, camera.id), -OPEN_ENDED)

    def _from(
        self, camera: CameraHistory, start: int, overlays: TimelineOverlays, until: int = OPEN_ENDED
    ) -> list[StatusInterval]:
        """Return the status intervals of a camera in [start, until)."""
        if start >= until:
            return []
        if _is_constant_from(camera, start, overlays):  # nearly always, and three times as fast
            return [StatusInterval(start, until, camera.changes[-1].status or Status.UNKNOWN)]
        first = max(0, bisect_right(camera.changes, start, key=_at) - 1 - _BOUNDED_CHANGES)
        end = bisect_right(camera.changes, until, key=_at) + _BOUNDED_CHANGES
        part = replace(
            camera,
            changes=camera.changes[first:end],
            backfills=[each for each in camera.backfills if each.latest > start and each.earliest < until],
        )
        return [
            stretch if stretch.start >= start else stretch._replace(start=start)
            for stretch in overlays.dated(part, until)
            if stretch.end > start
        ]

    def _timeline(self, camera: CameraHistory) -> Iterator[StatusInterval]:
        """Yield the status intervals of a camera; those of a rolled-up day in an arbitrary order."""
        for day, rollup in camera.days.items():
            start = self._calendar.start_of(date.fromisoformat(day))
            account = rollup.status_time
            for status, uncertain, spent in (
                (Status.UP, False, account.up - account.uncertain_up),
                (Status.UP, True, account.uncertain_up),
                (Status.DOWN, False, account.down - account.uncertain_down),
                (Status.DOWN, True, account.uncertain_down),
                (Status.UNKNOWN, False, account.unknown),
                (Status.MAINTENANCE, False, account.maintenance),
            ):
                if spent:
                    yield StatusInterval(start, start + spent, status, uncertain)
                    start += spent
        yield from self._overlays.dated(camera, OPEN_ENDED)


def _unused() -> dict[str, Any]:
    """Return the parts of a camera's record that the accounts do not need: empty, and shared."""
    return {"outages": _NO_OUTAGES, "reboots": _NO_REBOOTS, "days": _NO_DAYS}


_NO_OUTAGES: Final[list[OutageRecord]] = []
_NO_REBOOTS: Final[list[int]] = []
_NO_DAYS: Final[dict[str, DailyRollup]] = {}


def _in_service(status: Status) -> Status | None:
    return None if status in (Status.PLANNED, Status.RETIRED) else status


def _move(camera: CameraHistory, event: Transition) -> None:
    """Move a camera to the site of an event, from when that was detected; to its first site, for all time."""
    if camera.site:
        last = camera.places[-1]
        since = max(last.since_ms, event.detected_at.utc_ms)
        camera.earlier.append(last._replace(until_ms=since))
    camera.site = event.site


def _enter(camera: CameraHistory, change: StatusChange) -> None:
    """Begin a camera's service with its status then, unless a transition gave it already."""
    camera.service_periods.append(Interval(change.at_ms, OPEN_ENDED))
    index = bisect_right(camera.changes, change.at_ms, key=_at)
    if index == 0 or camera.changes[index - 1].at_ms < change.at_ms:
        camera.changes.insert(index, change)


def _is_constant_from(camera: CameraHistory, instant: int, overlays: TimelineOverlays) -> bool:
    """Return whether a camera in service keeps the status of its last change from an instant on."""
    if not camera.changes or not camera.service_periods:
        return False
    starts, ends = camera.service_periods[-1]
    return (
        ends == OPEN_ENDED
        and starts <= camera.changes[-1].at_ms <= instant
        and all((change.latest_ms or 0) <= instant for change in camera.changes[-1 - _BOUNDED_CHANGES :])
        and overlays.over_ms <= instant
        and all(each.latest <= instant for each in camera.backfills)
    )


_Difference: TypeAlias = tuple[int, TimelineStatus, TimelineStatus]


def _differences(before: Sequence[StatusInterval], after: Sequence[StatusInterval]) -> Iterator[_Difference]:
    """Yield the changes (at, old, new) that turn one timeline into the other."""
    if len(before) == len(after) == 1 and before[0][:2] == after[0][:2] == (before[0].start, OPEN_ENDED):
        if before[0].timeline_status is not after[0].timeline_status:
            yield before[0].start, before[0].timeline_status, after[0].timeline_status
        return
    edges = {edge for timeline in (before, after) for stretch in timeline for edge in stretch[:2]}
    olds, news = _statuses(before), _statuses(after)
    old: TimelineStatus = None
    new: TimelineStatus = None
    for edge in sorted(edges - {OPEN_ENDED}):
        if old is not new:
            yield edge, new, old
        old, new = olds(edge), news(edge)
        if old is not new:
            yield edge, old, new


def _statuses(timeline: Sequence[StatusInterval]) -> Callable[[int], TimelineStatus]:
    """Return a function that returns the status at an instant; call it in order of time."""
    index = 0

    def status(instant: int) -> TimelineStatus:
        nonlocal index
        while index < len(timeline) and timeline[index].end <= instant:
            index += 1
        return (
            timeline[index].timeline_status
            if index < len(timeline) and timeline[index].start <= instant
            else None
        )

    return status
