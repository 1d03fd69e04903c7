"""Checkpoints of cameras: from the state to the stored values, and back (rules S6, A1).

Stored times are UTC milliseconds, since a monotonic clock means nothing to the next process. `to_checkpoint`
and `restore` are inverse, except for values that the next heartbeat brings again.
"""

from __future__ import annotations

from math import isfinite

from camwatch.core.checkpoint_model import CameraCheckpoint
from camwatch.core.conditions import Flapping
from camwatch.core.model import NEVER, Instant, Status
from camwatch.core.state import CameraState
from camwatch.core.status_time import Interval, StatusTime

_LARGEST = 2**63 - 1  # what a store can hold
_EVER = -(1 << 62)  # before all accounted time


def to_checkpoint(camera: CameraState, now: Instant) -> CameraCheckpoint:
    """Return the checkpoint of a camera whose time is accounted as far as it is certain."""
    to_utc = now.utc_ms - round(now.mono * 1000)
    spent = camera.status_time
    moved = camera.override_for == camera.proof
    accounted_until = camera.accounted_until_ms
    return CameraCheckpoint(
        camera.camera.id,
        camera.camera.operator,
        camera.underlying_status,
        camera.status,
        camera.since.utc_ms,
        camera.cause,
        None if accounted_until is None else accounted_until + to_utc,
        camera.proof_ms,
        _utc(camera.due_override, to_utc) if moved else None,
        _utc(camera.deadline_override, to_utc) if moved else None,
        camera.outage_open,
        None if camera.down_until is None else camera.down_until.utc_ms,
        spent.up,
        spent.down,
        spent.unknown,
        spent.maintenance,
        spent.degraded,
        camera.heartbeats,
        camera.outages,
        camera.reboots,
        min(camera.first_seq, _LARGEST),
        None if camera.next_seq is None or camera.next_seq > _LARGEST else camera.next_seq,
        camera.uptime if camera.uptime >= 0 else None,
        camera.ts,
        camera.clock_offset if isfinite(camera.clock_offset) else None,
        "" if camera.flapping is None else " ".join(str(_utc(at, to_utc)) for at in camera.flapping.changes),
    )


def restore_counters(camera: CameraState, checkpoint: CameraCheckpoint) -> None:
    """Continue the counters and the status time of an earlier process."""
    camera.heartbeats, camera.outages, camera.reboots = (
        checkpoint.heartbeats,
        checkpoint.outages,
        checkpoint.reboots,
    )
    camera.status_time = StatusTime(
        checkpoint.up, checkpoint.down, checkpoint.unknown, checkpoint.maintenance, checkpoint.degraded
    )
    camera.persisted = checkpoint


def restore(camera: CameraState, checkpoint: CameraCheckpoint, now: Instant) -> None:
    """Restore a camera from a checkpoint, as if it had not been visible since."""
    restore_counters(camera, checkpoint)
    to_mono = round(now.mono * 1000) - now.utc_ms
    if checkpoint.accounted_until_ms is None:
        _restore_out_of_service(camera, checkpoint, to_mono)
        return
    camera.underlying_status, camera.status = checkpoint.underlying_status, checkpoint.status
    camera.cause = checkpoint.cause
    camera.steady = checkpoint.underlying_status is Status.UP and camera.one_visible_link
    camera.since = Instant((checkpoint.since_ms + to_mono) / 1000, checkpoint.since_ms)
    camera.accounted_until_ms = checkpoint.accounted_until_ms + to_mono
    camera.outage_open = checkpoint.outage_open
    _restore_down_until(camera, checkpoint, to_mono)
    if checkpoint.flaps:
        camera.flapping = Flapping(tuple((int(at) + to_mono) / 1000 for at in checkpoint.flaps.split()))
    # Earlier statuses are not kept: late heartbeats may prove something of all that time (rule E4).
    not_up_until = checkpoint.accounted_until_ms
    if checkpoint.underlying_status is Status.UP:
        not_up_until = min(checkpoint.since_ms, not_up_until)
    camera.not_up = [Interval(_EVER, not_up_until + to_mono)]
    if checkpoint.last_heartbeat_ms is not None:
        camera.proof_ms = checkpoint.last_heartbeat_ms
        camera.proof = (checkpoint.last_heartbeat_ms + to_mono) / 1000
        camera.gap_proofs = [camera.proof]
    if checkpoint.due_ms is not None and checkpoint.deadline_ms is not None:
        camera.override_for = camera.proof
        camera.due_override = (checkpoint.due_ms + to_mono) / 1000
        camera.deadline_override = (checkpoint.deadline_ms + to_mono) / 1000
    _restore_clock(camera, checkpoint)


def _restore_out_of_service(camera: CameraState, checkpoint: CameraCheckpoint, to_mono: int) -> None:
    """Restore a camera that was out of service: the inventory gives its status now."""
    if camera.underlying_status is not Status.UNKNOWN:
        return
    _restore_down_until(camera, checkpoint, to_mono)
    dated = camera.camera.in_service_from_ms is not None
    if checkpoint.underlying_status is Status.PLANNED and dated:
        # Its date has passed since, and is when it enters service (rule V1).
        since = Instant((checkpoint.since_ms + to_mono) / 1000, checkpoint.since_ms)
        camera.underlying_status = camera.status = Status.PLANNED
        camera.inventory_changed_at, camera.since = NEVER, since


def _restore_down_until(camera: CameraState, checkpoint: CameraCheckpoint, to_mono: int) -> None:
    if checkpoint.down_until_ms is not None:
        camera.down_until = Instant((checkpoint.down_until_ms + to_mono) / 1000, checkpoint.down_until_ms)


def _restore_clock(camera: CameraState, checkpoint: CameraCheckpoint) -> None:
    """Restore what distinguishes late heartbeats from new ones, and boots from each other (rules L6-L9).

    The time of the boot is not kept: our clock may have been set while camwatch did not run. Then every
    heartbeat would look late by offset and by boot, each confirming the other.
    """
    camera.first_seq, camera.next_seq = checkpoint.first_seq, checkpoint.next_seq
    if checkpoint.uptime_s is not None:
        camera.uptime = checkpoint.uptime_s
    camera.ts = checkpoint.ts
    if checkpoint.clock_offset_s is not None:
        camera.clock_offset = camera.offsets[0] = checkpoint.clock_offset_s
        camera.offset_index = 1


def _utc(mono: float, to_utc: int) -> int | None:
    return round(mono * 1000) + to_utc if isfinite(mono) else None
