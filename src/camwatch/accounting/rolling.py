"""How every operator stands, now: the tallies behind the ratios, kept up with what happens (A4, A5).

Of each camera the last days are kept as the store would give them back, and read through the same
overlays as any report: what an event changes there, and only that, changes the tally. So an event that
reaches back is right, and one that is told twice counts once. Not safe for two threads at a time.
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
from camwatch.accounting.rolling_window import WINDOWS, RollingWindow, What
from camwatch.accounting.timeline import StatusInterval, TimelineOverlays, Uncertain
from camwatch.core.events import Backfill, Event, MonitoringGap, ServicePeriodEvent, Transition
from camwatch.core.model import GapCause, Purpose, Status
from camwatch.core.status_time import Interval, Proven, StatusTime, unite

REACH_MS = 7 * 86_400_000
"""How far back an event counts at once; what reaches back further shows after the next `build`."""

_BOUNDS_REACH = 2  # so many changes before the last one may be bounded by an instant after it
_TRIM_AT = 64  # changes of a camera, before the old ones are looked for
_at = attrgetter("at_ms")
_Where: TypeAlias = tuple[str, str]


class RollingAccounts:
    """The accounts of each operator's cameras. `build` one from the store, then tell it what happens.

    To replace it while events go on: between two batches of the writer, `build` from the store and give
    it every event of the batches that are not stored yet, in order. A batch that is stored but was not
    confirmed does no harm.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self._calendar = Calendar(zone)
        self._tallies: dict[str, RollingWindow] = {}
        self._cameras: dict[_Where, CameraHistory] = {}
        self._known: dict[_Where, int] = {}  # from when a camera's record is whole, if it is not whole
        self._overlaid = History([], [], [], 0, 0, 0, "")
        self._overlays = TimelineOverlays(self._overlaid)

    @classmethod
    def from_record(cls, zone: ZoneInfo, record: History, until_ms: int) -> RollingAccounts:
        """Return how the operators of a record stand at `until_ms`, in UTC milliseconds.

        The record should reach back 366 days, and ahead as far as maintenance is planned. It is not
        changed. What each camera was last, it stays.
        """
        standing = cls(zone)
        gaps = [blind for blind in record.gaps if blind.cause is GapCause.CLOCK_STEP]
        standing._overlaid = replace(record, cameras=[], gaps=gaps)
        standing._overlays = TimelineOverlays(standing._overlaid)
        groups: dict[str, list[CameraHistory]] = {}
        for camera in record.cameras:
            groups.setdefault(camera.operator, []).append(camera)
            standing._keep(camera, until_ms)
        for operator, cameras in groups.items():
            lives = (standing._life(camera) for camera in cameras)
            standing._tallies[operator] = RollingWindow(standing._calendar, until_ms, lives)
        return standing

    def status_times(self, operator: str, now_ms: int) -> dict[str, StatusTime]:
        """Return the account of an operator's cameras for each of `WINDOWS`, ending now."""
        tally = self._tallies.get(operator)
        return {name: StatusTime() for name in WINDOWS} if tally is None else tally.status_times(now_ms)

    def apply(self, events: Iterable[Event]) -> None:
        """Take events in order. Those that are not about the ledger may be among them."""
        for event in events:
            if isinstance(event, Transition):
                self._moved(event)
            elif isinstance(event, ServicePeriodEvent):
                self._served(event)
            elif isinstance(event, Backfill):
                self._filled(event)
            elif isinstance(event, MonitoringGap):
                self._skipped(event)

    # --- events

    def _moved(self, event: Transition) -> None:
        camera = self._camera(event.camera, event.operator)
        detected_ms = event.detected_at.utc_ms
        if camera.site != event.site and event.site not in ("", camera.place_at(detected_ms).site):
            # Windows of its site lie over it from now on.
            self._amend(camera, detected_ms if camera.site else -OPEN_ENDED, lambda: _move(camera, event))
        change = StatusChange(event.at.utc_ms, _in_ledger(event.new), event.earliest_ms, event.latest_ms)
        index = bisect_right(camera.changes, change.at_ms, key=_at)
        since = change.at_ms if change.earliest_ms is None else min(change.at_ms, change.earliest_ms)
        self._amend(camera, since, lambda: camera.changes.insert(index, change))
        if len(camera.changes) > _TRIM_AT:
            self._trim(camera, change.at_ms - REACH_MS)

    def _served(self, event: ServicePeriodEvent) -> None:
        camera = self._camera(event.camera, event.operator)
        at, service = event.at.utc_ms, camera.service_periods
        serving = bool(service) and service[-1].end == OPEN_ENDED
        if any(at == (span.start if event.started else span.end) for span in service):
            return  # told before
        if event.started and not serving:
            self._amend(camera, at, lambda: _enter(camera, StatusChange(at, _in_ledger(event.status))))
        elif serving and not event.started:
            span = Interval(service[-1].start, max(at, service[-1].start))
            self._amend(camera, at, lambda: service.__setitem__(-1, span))

    def _filled(self, event: Backfill) -> None:
        camera = self._camera(event.camera, event.operator)
        fill = Proven.of(event.start_ms, event.end_ms, event.certain_start_ms, event.certain_end_ms)
        proven = unite((*camera.backfills, fill))
        changed = {*camera.backfills} ^ {*proven}
        if changed:  # otherwise it was told before
            since, until = min(each.earliest for each in changed), max(each.latest for each in changed)
            self._amend(camera, since, lambda: camera.backfills.__setitem__(slice(None), proven), until)

    def _skipped(self, event: MonitoringGap) -> None:
        """Take that the wall clock was set ahead: nobody was anything in an hour that never was (T2)."""
        if event.cause is not GapCause.CLOCK_STEP or event.ended.utc_ms <= event.began.utc_ms:
            return
        was = self._overlays
        gap = GapRecord(event.operators, event.links, event.cause, event.began.utc_ms, event.ended.utc_ms)
        self._overlaid.gaps.append(gap)
        self._overlays = TimelineOverlays(self._overlaid)
        for camera in self._cameras.values():
            start = max(gap.start_ms, self._known_from(camera))
            self._apply_to_window(
                camera, self._from(camera, start, was), self._from(camera, start, self._overlays)
            )

    def _amend(
        self, camera: CameraHistory, at_ms: int, deed: Callable[[], object], until_ms: int = OPEN_ENDED
    ) -> None:
        """Change a camera's record from one instant to another, and its operator's tally with it."""
        start = max(at_ms, self._known_from(camera))
        before = self._from(camera, start, self._overlays, until_ms)
        deed()
        self._apply_to_window(camera, before, self._from(camera, start, self._overlays, until_ms))

    def _apply_to_window(
        self, camera: CameraHistory, before: list[StatusInterval], after: list[StatusInterval]
    ) -> None:
        tally = self._tallies.get(camera.operator)
        for at, old, new in _differences(before, after):
            if tally is None:
                tally = self._tallies[camera.operator] = RollingWindow(self._calendar, at)
            tally.apply(at, old, new)

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
        self._trim(kept, until_ms - REACH_MS)

    def _trim(self, camera: CameraHistory, since_ms: int) -> None:
        """Forget what was over by an instant."""
        first = bisect_right(camera.changes, since_ms, key=_at) - 1
        if first > 0:
            del camera.changes[:first]
            known = self._known[camera.operator, camera.id] = camera.changes[0].at_ms
            camera.backfills[:] = [fill for fill in camera.backfills if fill.latest > known]

    def _known_from(self, camera: CameraHistory) -> int:
        return self._known.get((camera.operator, camera.id), -OPEN_ENDED)

    def _from(
        self, camera: CameraHistory, start: int, overlays: TimelineOverlays, until: int = OPEN_ENDED
    ) -> list[StatusInterval]:
        """Return what a camera was and will be from one instant to another."""
        if start >= until:
            return []
        if _nothing_lies_beyond(camera, start, overlays):  # nearly always, and three times as fast
            return [StatusInterval(start, until, camera.changes[-1].status or Status.UNKNOWN)]
        first = max(0, bisect_right(camera.changes, start, key=_at) - 1 - _BOUNDS_REACH)
        end = bisect_right(camera.changes, until, key=_at) + _BOUNDS_REACH
        part = CameraHistory(
            camera.id,
            camera.operator,
            camera.site,
            camera.zone,
            camera.purpose,
            camera.name,
            camera.changes[first:end],
            camera.service_periods,
            [fill for fill in camera.backfills if fill.latest > start and fill.earliest < until],
            earlier=camera.earlier,
        )
        return [
            stretch if stretch.start >= start else stretch._replace(start=start)
            for stretch in overlays.dated(part, until)
            if stretch.end > start
        ]

    def _life(self, camera: CameraHistory) -> Iterator[StatusInterval]:
        """Yield what a camera was: days that were folded away, up first, then the rest as it was."""
        for day, folded in camera.days.items():
            start = self._calendar.start_of(date.fromisoformat(day))
            account = folded.status_time
            for kind, status, spent in (
                (StatusInterval, Status.UP, account.up - account.uncertain_up),
                (Uncertain, Status.UP, account.uncertain_up),
                (StatusInterval, Status.DOWN, account.down - account.uncertain_down),
                (Uncertain, Status.DOWN, account.uncertain_down),
                (StatusInterval, Status.UNKNOWN, account.unknown),
                (StatusInterval, Status.MAINTENANCE, account.maintenance),
            ):
                if spent:
                    yield kind(start, start + spent, status)
                    start += spent
        yield from self._overlays.dated(camera, OPEN_ENDED)


def _unused() -> dict[str, Any]:
    """Return the parts of a camera's record that a standing has no use for: empty, and one for all."""
    return {"outages": _NO_OUTAGES, "reboots": _NO_REBOOTS, "days": _NO_DAYS}


_NO_OUTAGES: Final[list[OutageRecord]] = []
_NO_REBOOTS: Final[list[int]] = []
_NO_DAYS: Final[dict[str, DailyRollup]] = {}


def _in_ledger(status: Status) -> Status | None:
    return None if status in (Status.PLANNED, Status.RETIRED) else status


def _move(camera: CameraHistory, event: Transition) -> None:
    """Take that a camera stands at another site since something was noticed there; at its first, always."""
    if camera.site:
        last = camera.places[-1]
        since = max(last.since_ms, event.detected_at.utc_ms)
        camera.earlier.append(last._replace(until_ms=since))
    camera.site = event.site


def _enter(camera: CameraHistory, change: StatusChange) -> None:
    """Begin a camera's ledger with what it was then, unless a transition has said so already."""
    camera.service_periods.append(Interval(change.at_ms, OPEN_ENDED))
    index = bisect_right(camera.changes, change.at_ms, key=_at)
    if index == 0 or camera.changes[index - 1].at_ms < change.at_ms:
        camera.changes.insert(index, change)


def _nothing_lies_beyond(camera: CameraHistory, instant: int, overlays: TimelineOverlays) -> bool:
    """Tell whether a camera in service stays, from an instant on, what its last change made it."""
    if not camera.changes or not camera.service_periods:
        return False
    starts, ends = camera.service_periods[-1]
    return (
        ends == OPEN_ENDED
        and starts <= camera.changes[-1].at_ms <= instant
        and all((change.latest_ms or 0) <= instant for change in camera.changes[-1 - _BOUNDS_REACH :])
        and overlays.over_ms <= instant
        and all(fill.latest <= instant for fill in camera.backfills)
    )


_Difference: TypeAlias = tuple[int, What, What]


def _differences(before: Sequence[StatusInterval], after: Sequence[StatusInterval]) -> Iterator[_Difference]:
    """Yield the changes (at, old, new) that make the one life out of the other."""
    if len(before) == len(after) == 1 and before[0][:2] == after[0][:2] == (before[0].start, OPEN_ENDED):
        if before[0].what is not after[0].what:
            yield before[0].start, before[0].what, after[0].what
        return
    edges = {edge for life in (before, after) for stretch in life for edge in stretch[:2]}
    olds, news = _statuses(before), _statuses(after)
    old: What = None
    new: What = None
    for edge in sorted(edges - {OPEN_ENDED}):
        if old is not new:
            yield edge, new, old
        old, new = olds(edge), news(edge)
        if old is not new:
            yield edge, old, new


def _statuses(life: Sequence[StatusInterval]) -> Callable[[int], What]:
    """Return a function that tells the status at an instant, to be asked in order of time."""
    index = 0

    def status(instant: int) -> What:
        nonlocal index
        while index < len(life) and life[index].end <= instant:
            index += 1
        return life[index].what if index < len(life) and life[index].start <= instant else None

    return status
