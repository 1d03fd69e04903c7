"""Records what the state machine decides: status time, transitions, outages, incidents.

The recorded status of a camera changes in `record_status` and nowhere else; its status time grows in
`account_until` and nowhere else.
"""

from __future__ import annotations

from math import isfinite

from camwatch.core import backfill, deadlines
from camwatch.core.conditions import Flapping
from camwatch.core.events import Event, OutageEvent, ServicePeriodEvent, Transition
from camwatch.core.model import NEVER, Cause, Dated, Instant, Status
from camwatch.core.state import CameraState
from camwatch.core.status_time import split
from camwatch.core.transitions import IN_SERVICE


class EventRecorder:
    """Accounts cameras' time and collects events. `events` are those not drained yet, in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def enter_service(self, camera: CameraState, at: Instant) -> None:
        """Begin to account a camera's time, once it was visible or gave a proof (rule S6).

        A camera that an earlier process knew as planned waits for neither: its date passed unobserved (rule
        V1).
        """
        seen = (
            camera.link_group.ever_visible
            or camera.underlying_status is Status.UP
            or camera.inventory_changed_at == NEVER
        )
        if camera.underlying_status not in IN_SERVICE or not seen:
            return
        camera.accounted_until_ms = round(at.mono * 1000)
        row = camera.camera
        self.events.append(ServicePeriodEvent(row.id, row.operator, True, at, camera.status))
        if camera.underlying_status is Status.UNKNOWN and camera.link_group.blind_since is None:
            # The date may have passed during a monitoring gap.
            deadlines.restart_deadline(camera, max(at.mono, camera.link_group.visible_since))

    def leave_service(self, camera: CameraState, at: Instant, status: Status) -> None:
        """Stop accounting a camera's time, if it is in service; `status` is its status until then."""
        if camera.accounted_until_ms is not None:
            camera.accounted_until_ms = None
            row = camera.camera
            self.events.append(ServicePeriodEvent(row.id, row.operator, False, at, status))

    def account_until_certain(self, camera: CameraState, now: Instant) -> None:
        """Account a camera's time as far as its status is certain (rule E5)."""
        self.account_until(camera, deadlines.certain_until(camera, now.mono), now)

    def account_until(self, camera: CameraState, until: float, now: Instant) -> None:
        """Account a camera's time up to `until`, monotonic seconds; record the maintenance within it."""
        begin = camera.accounted_until_ms
        if begin is None or until == NEVER:  # not in service, or no proof yet
            return
        end = round(until * 1000)
        if end <= begin:
            return
        camera.accounted_until_ms = end
        if not camera.windows and camera.status is camera.underlying_status:
            self._credit(camera, camera.underlying_status, begin, end)
            return
        to_utc = now.utc_ms - round(now.mono * 1000)
        known = min(camera.since.utc_ms, end + to_utc)
        if known > begin + to_utc:  # UTC was slewed: recorded time stays (rule T2)
            self._credit(camera, camera.status, begin, known - to_utc)
            begin = known - to_utc
        for start, stop, inside in split(camera.windows, begin + to_utc, end + to_utc):
            status = Status.MAINTENANCE if inside else camera.underlying_status
            if status is not camera.status:
                self.record_status(camera, status, Instant((start - to_utc) / 1000, start), now)
            self._credit(camera, status, start - to_utc, stop - to_utc)

    def _credit(self, camera: CameraState, status: Status, begin: int, end: int) -> None:
        """Account [begin, end), monotonic milliseconds."""
        camera.status_time.add(status, end - begin)
        if status is Status.UP:
            if camera.reasons:
                camera.status_time.degraded += end - begin
        elif status is not Status.MAINTENANCE:
            backfill.record_not_up(camera, begin, end)

    def record_status(
        self,
        camera: CameraState,
        new: Status,
        at: Instant,
        now: Instant,
        cause: Cause | None = None,
        until: float | None = None,
        dated: Dated | None = None,
    ) -> None:
        """Record a change of status and its consequences: outages, flapping, incidents.

        It became true `at` an instant (None in `dated`: exactly) and was decided `now`; `until` is the
        deadline that the camera missed, monotonic seconds.
        """
        # Slewed UTC must not date this before the previous change (rule T2).
        at = Instant(max(at.mono, camera.since.mono), max(at.utc_ms, camera.since.utc_ms))
        if new is Status.DOWN:
            cause = cause or camera.cause  # it may have gone down beneath maintenance
        else:
            cause = until = None  # maintenance may begin at the same instant and cover it
        old, camera.status, camera.since = camera.status, new, at
        row = camera.camera
        earliest, latest = _bounds(dated, at, now)
        self.events.append(
            Transition(row.id, row.operator, row.site, old, new, at, now, cause, until, earliest, latest)
        )
        if (old is Status.UP and new is Status.DOWN) or (old is Status.DOWN and new is Status.UP):
            camera.flapping = camera.flapping or Flapping()
            camera.flapping.record_change(at.mono)
        if new is Status.DOWN:
            if not camera.outage_open:  # otherwise one outage, across a monitoring gap (rule S7)
                self._begin_outage(camera, at, now, cause)
            camera.down_until = None
        elif camera.outage_open:
            if new is Status.UNKNOWN:
                camera.down_until = at
            else:
                self.end_outage(camera, at, now, back=new is Status.UP)
        elif new is not Status.UNKNOWN:
            camera.down_until = None  # an outage that ended with a removal does not continue

    def _begin_outage(self, camera: CameraState, at: Instant, now: Instant, cause: Cause | None) -> None:
        again = camera.down_until is not None  # one outage, before and after its removal (rule V6)
        camera.outage_open = True
        camera.outages += not again
        if camera.returned_at <= camera.proof:
            camera.returned_at = NEVER
        row = camera.camera
        self.events.append(OutageEvent(row.id, row.operator, row.site, True, at, now, cause, again))
        for group in camera.groups:
            self.emit(group.camera_down(camera.index, at, now))

    def end_outage(self, camera: CameraState, at: Instant, now: Instant, *, back: bool) -> None:
        """End a camera's outage with its last stay in `down`; `back`: the camera is up again."""
        camera.outage_open = False
        at, camera.down_until = camera.down_until or at, None
        row = camera.camera
        self.events.append(OutageEvent(row.id, row.operator, row.site, False, at, now, camera.cause))
        for group in camera.groups:
            self.emit(group.camera_recovered(camera.index, now, up=back))

    def emit(self, *events: Event | None) -> None:
        """Append events; None is skipped."""
        self.events += (each for each in events if each is not None)


def _bounds(dated: Dated | None, at: Instant, now: Instant) -> tuple[int | None, int | None]:
    """Return the bounds of `at` as UTC milliseconds; None where it is exact, or they are not known."""
    if dated is None or dated.earliest == dated.latest or not isfinite(dated.earliest):
        return None, None
    earliest, latest = now.at_mono(dated.earliest), now.at_mono(min(dated.latest, now.mono))
    return min(earliest.utc_ms, at.utc_ms), max(latest.utc_ms, at.utc_ms)
