"""The monitored cameras: added, configured and removed by the inventory (rules V1-V6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from camwatch.core.checkpoint import restore, to_checkpoint
from camwatch.core.checkpoint_model import CameraCheckpoint
from camwatch.core.event_recorder import EventRecorder
from camwatch.core.events import OutageEvent, ServicePeriodEvent, Transition
from camwatch.core.incidents import IncidentGroup
from camwatch.core.model import (
    NEVER,
    Camera,
    CameraConfig,
    IncidentKind,
    Instant,
    Lifecycle,
    MaintenanceWindow,
    Scope,
    Status,
)
from camwatch.core.state import CameraState, GapHistogram
from camwatch.core.state_machine import StateMachine
from camwatch.core.status_time import Interval, merge
from camwatch.core.transitions import IN_SERVICE, Trigger
from camwatch.core.visibility import Visibility


class CameraRegistry:
    """The cameras of the inventory, and the checkpoints of those that left it and may return."""

    def __init__(self, state_machine: StateMachine, visibility: Visibility, recorder: EventRecorder) -> None:
        self.cameras: dict[str, CameraState] = {}
        self.gaps: dict[str, GapHistogram] = {}  # by operator
        self.incidents: dict[tuple[IncidentKind, str], IncidentGroup] = {}
        self._state_machine = state_machine
        self._visibility = visibility
        self._recorder = recorder
        self._next_index = 0
        self._removed: list[CameraCheckpoint] = []  # not drained yet
        self._checkpoints: dict[tuple[str, str], CameraCheckpoint] = {}  # not monitored now, may return
        self._persisted: dict[tuple[str, str], CameraCheckpoint] = {}  # what the store had of those

    def resume(self, checkpoints: Iterable[CameraCheckpoint]) -> bool:
        """Take the checkpoints of an earlier process; return whether there are any."""
        self._checkpoints = {(each.camera, each.operator): each for each in checkpoints}
        return bool(self._checkpoints)

    def reload(
        self, now: Instant, configs: Iterable[CameraConfig], windows: Iterable[MaintenanceWindow]
    ) -> dict[str, CameraState]:
        """Monitor exactly these cameras from now on, and return them by id, in order (rule V6)."""
        wanted = {config.camera.id: config for config in configs}
        by_scope = _by_scope(windows)
        for camera in list(self.cameras.values()):
            config = wanted.get(camera.camera.id)
            if config is None or config.camera.operator != camera.camera.operator:
                self._remove(camera, now)
        returned = []
        for config in wanted.values():
            known = self.cameras.get(config.camera.id)
            if known is None:
                known = self._add(config.camera, now)
                if known.accounted_until_ms is not None:
                    returned.append(known)
            self._configure(known, config, by_scope, now)
        self._reopen_incidents(returned, now)
        self._close_removed(now)
        self._visibility.reloaded()
        self.cameras = dict(sorted(self.cameras.items()))
        return self.cameras

    def _add(self, camera: Camera, now: Instant) -> CameraState:
        life = _status_by_inventory(camera, now)
        group = self._visibility.of(camera.operator)
        gaps = self.gaps.setdefault(camera.operator, GapHistogram())
        state = CameraState(self._next_index, camera, life, now, group, gaps)
        checkpoint = self._checkpoints.pop((camera.id, camera.operator), None)
        if checkpoint is not None:
            restore(state, checkpoint, now)
            if checkpoint.down_until_ms is not None and state.underlying_status not in IN_SERVICE:
                self._end_removed_outage(checkpoint, state, now)
            stored = self._persisted.pop((camera.id, camera.operator), None)
            if stored is not None:  # removed in this process, and expected again from now on
                # Its last checkpoint may not be stored yet: exported counters continue from the stored one
                # (ADR 8).
                state.persisted, state.inventory_changed_at = stored, now.mono
        self._next_index += 1
        self.cameras[camera.id] = state
        self._state_machine.add(state)
        group.cameras[state.index] = state
        return state

    def _configure(
        self,
        camera: CameraState,
        config: CameraConfig,
        windows: Mapping[tuple[Scope, str], list[MaintenanceWindow]],
        now: Instant,
    ) -> None:
        row = config.camera
        # A camera of an earlier process has no windows yet: the inventory's hold for all the time since.
        first = not camera.groups and camera.accounted_until_ms is not None
        if not first:
            self._recorder.account_until_certain(camera, now)
        if row != camera.camera:
            camera.camera, camera.inventory_changed_at = row, now.mono
        camera.configure(config.liveness, config.thresholds)
        scopes = ((Scope.CAMERA, row.id), (Scope.SITE, row.site), (Scope.OPERATOR, row.operator))
        mine = [
            Interval(window.start_ms, window.end_ms)
            for scope in scopes
            for window in windows.get(scope, ())
            if window.whose.covers(row.operator)
        ]
        camera.windows = merge(mine) if first else _windows_from(now, camera, mine)
        self._join_groups(camera, now)
        if first:
            self._state_machine.mark_unknown_if_long_gap(camera, now)
        wanted = _status_by_inventory(row, now)
        if wanted is Status.RETIRED:
            self._state_machine.apply(camera, Trigger.RETIREMENT, now)
        elif wanted is Status.PLANNED:
            if camera.proof == NEVER or camera.underlying_status is Status.RETIRED:
                self._state_machine.apply(camera, Trigger.PLANNED, now)
        elif camera.underlying_status in (Status.PLANNED, Status.RETIRED):
            self._state_machine.apply(camera, Trigger.IN_SERVICE, now)
        elif camera.accounted_until_ms is None:
            self._recorder.enter_service(camera, now)
        self._state_machine.schedule_at(camera, now.mono)

    def _join_groups(self, camera: CameraState, now: Instant) -> None:
        row = camera.camera
        keys = [(IncidentKind.SITE, row.site), (IncidentKind.OPERATOR, row.operator)]
        keys += [(IncidentKind.LINK, link.name) for link in camera.link_group.links]
        for key in keys:
            if key not in self.incidents:
                self.incidents[key] = IncidentGroup(*key)
        groups = tuple(self.incidents[key] for key in keys)
        if groups != camera.groups:
            self._leave_groups(camera, now)
            camera.groups = groups
            for group in groups:
                group.in_service += camera.underlying_status in IN_SERVICE

    def _leave_groups(self, camera: CameraState, now: Instant) -> None:
        for group in camera.groups:
            group.in_service -= camera.underlying_status in IN_SERVICE
            self._recorder.emit(group.camera_recovered(camera.index, now, up=False))

    def _remove(self, camera: CameraState, now: Instant) -> None:
        self._recorder.account_until_certain(camera, now)
        self._state_machine.emit_backfill(camera, now)
        if camera.accounted_until_ms is not None:
            left = now.at_mono(camera.accounted_until_ms / 1000)
            if camera.outage_open:
                ended = camera.down_until or left
                self._recorder.end_outage(camera, left, now, back=False)
                camera.down_until = ended  # it continues if the camera returns still down (rule V6)
            self._recorder.leave_service(camera, left, camera.status)
        checkpoint = to_checkpoint(camera, now)
        self._checkpoints[checkpoint.camera, checkpoint.operator] = checkpoint
        self._persisted[checkpoint.camera, checkpoint.operator] = camera.persisted
        self._removed.append(checkpoint)
        self._leave_groups(camera, now)
        self._state_machine.remove(camera)
        for link in camera.link_group.links:
            link.copies.pop(camera.index, None)
        del self.cameras[camera.camera.id], camera.link_group.cameras[camera.index]

    def _reopen_incidents(self, cameras: list[CameraState], now: Instant) -> None:
        """Reopen the incidents of cameras that were down when an earlier process stopped (rule I1)."""
        for camera in sorted(cameras, key=lambda camera: camera.since.mono):
            if camera.outage_open:
                for group in camera.groups:
                    self._recorder.emit(group.camera_down(camera.index, camera.since, now))

    def _close_removed(self, now: Instant) -> None:
        """End the service of cameras that left the inventory while camwatch did not run (rule V6).

        The outage of a camera that has another operator now does not continue.
        """
        for key, checkpoint in self._checkpoints.items():
            closed = (
                checkpoint
                if checkpoint.accounted_until_ms is None
                else self._close_checkpoint(checkpoint, checkpoint.accounted_until_ms, now)
            )
            successor = self.cameras.get(closed.camera)
            if closed.down_until_ms is not None and successor is not None:
                self._end_removed_outage(closed, successor, now)
                closed = closed._replace(down_until_ms=None)
            if closed is not checkpoint:
                self._checkpoints[key] = closed
                self._removed.append(closed)

    def _close_checkpoint(
        self, checkpoint: CameraCheckpoint, accounted_until_ms: int, now: Instant
    ) -> CameraCheckpoint:
        """Emit the end of a removed camera's service; return its checkpoint after that."""
        at = now.at_mono((accounted_until_ms - now.utc_ms) / 1000 + now.mono)
        down_until_ms = checkpoint.down_until_ms
        if checkpoint.outage_open:
            down_until_ms = at.utc_ms if down_until_ms is None else down_until_ms
            ended = Instant(at.mono, down_until_ms)
            self._recorder.emit(
                OutageEvent(checkpoint.camera, checkpoint.operator, "", False, ended, now, checkpoint.cause)
            )
        self._recorder.emit(
            ServicePeriodEvent(checkpoint.camera, checkpoint.operator, False, at, checkpoint.status)
        )
        return checkpoint._replace(accounted_until_ms=None, outage_open=False, down_until_ms=down_until_ms)

    def _end_removed_outage(self, checkpoint: CameraCheckpoint, seen: CameraState, now: Instant) -> None:
        """Record why the outage in which a camera was removed does not continue (rule V6).

        `seen` is what returned: that camera, planned or retired, or the same with another operator.
        """
        row = seen.camera
        new = seen.underlying_status if row.operator == checkpoint.operator else Status.RETIRED
        self._recorder.emit(
            Transition(checkpoint.camera, checkpoint.operator, row.site, Status.UNKNOWN, new, now, now)
        )

    def drain_removed(self) -> list[CameraCheckpoint]:
        """Return the checkpoints of the cameras removed since the last call."""
        removed, self._removed = self._removed, []
        return removed


def _status_by_inventory(camera: Camera, now: Instant) -> Status:
    """Return the status that the inventory alone gives: retired, planned, or in service (still unknown)."""
    date = camera.in_service_from_ms
    if camera.lifecycle is Lifecycle.RETIRED:
        return Status.RETIRED
    if date is not None:
        return Status.UNKNOWN if date <= now.utc_ms else Status.PLANNED
    return Status.PLANNED if camera.lifecycle is Lifecycle.PLANNED else Status.UNKNOWN


def _windows_from(now: Instant, camera: CameraState, spans: list[Interval]) -> tuple[Interval, ...]:
    """Return the windows of a camera if those in `spans` apply from now on (rule V6).

    Past time that is not accounted yet keeps the windows that applied then.
    """
    settled = (
        now.utc_ms
        if camera.accounted_until_ms is None
        else now.at_mono(camera.accounted_until_ms / 1000).utc_ms
    )
    past = [
        Interval(starts, min(ends, now.utc_ms))
        for starts, ends in camera.windows
        if starts < now.utc_ms and ends > settled
    ]
    return merge(past + [Interval(max(starts, now.utc_ms), ends) for starts, ends in spans])


def _by_scope(windows: Iterable[MaintenanceWindow]) -> dict[tuple[Scope, str], list[MaintenanceWindow]]:
    found: dict[tuple[Scope, str], list[MaintenanceWindow]] = {}
    for window in windows:
        found.setdefault((window.scope, window.scope_id), []).append(window)
    return found
