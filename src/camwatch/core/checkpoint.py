"""What outlives the process: of each camera and each sight, as the store keeps it (rules S6, A1).

Times are UTC milliseconds, since a monotonic clock means nothing to the next process. `to_checkpoint` and
`restore` are each other's inverse, but for what the next heartbeat says anew.
"""

from __future__ import annotations

from math import isfinite

from camwatch.core.checkpoint_model import CameraCheckpoint
from camwatch.core.conditions import Flapping
from camwatch.core.model import NEVER, Instant, Status
from camwatch.core.state import CameraState
from camwatch.core.status_time import Interval, StatusTime

_LARGEST = 2**63 - 1  # what a store can hold
_EVER = -(1 << 62)  # before anything that was accounted


def to_checkpoint(camera: CameraState, now: Instant) -> CameraCheckpoint:
    """Return what is to be kept of a camera, whose account has been settled."""
    to_utc = now.utc_ms - round(now.mono * 1000)
    account = camera.status_time
    moved = camera.override_for == camera.proof
    settled = camera.accounted_until_ms
    return CameraCheckpoint(
        camera.camera.id,
        camera.camera.operator,
        camera.underlying_status,
        camera.status,
        camera.since.utc_ms,
        camera.cause,
        None if settled is None else settled + to_utc,
        camera.proof_ms,
        _utc(camera.due_override, to_utc) if moved else None,
        _utc(camera.deadline_override, to_utc) if moved else None,
        camera.outage_open,
        None if camera.down_until is None else camera.down_until.utc_ms,
        account.up,
        account.down,
        account.unknown,
        account.maintenance,
        account.degraded,
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


def restore_counters(camera: CameraState, memory: CameraCheckpoint) -> None:
    """Go on with the counters and the account of a camera that was watched before."""
    camera.heartbeats, camera.outages, camera.reboots = memory.heartbeats, memory.outages, memory.reboots
    camera.status_time = StatusTime(
        memory.up, memory.down, memory.unknown, memory.maintenance, memory.degraded
    )
    camera.persisted = memory


def restore(camera: CameraState, memory: CameraCheckpoint, now: Instant) -> None:
    """Put a camera back to what it was, as if it had been out of sight since."""
    restore_counters(camera, memory)
    to_mono = round(now.mono * 1000) - now.utc_ms
    since = Instant((memory.since_ms + to_mono) / 1000, memory.since_ms)
    if memory.accounted_until_ms is None:  # it was out of service: the inventory says what it is now
        if camera.underlying_status is Status.UNKNOWN:
            _restore_down_until(camera, memory, to_mono)
        dated = camera.camera.in_service_from_ms is not None
        if (
            memory.underlying_status is Status.PLANNED
            and camera.underlying_status is Status.UNKNOWN
            and dated
        ):
            # Its date has passed since, and is when it enters service (rule V1).
            camera.underlying_status = camera.status = Status.PLANNED
            camera.inventory_changed_at, camera.since = NEVER, since
        return
    camera.underlying_status, camera.status, camera.cause = (
        memory.underlying_status,
        memory.status,
        memory.cause,
    )
    camera.steady = memory.underlying_status is Status.UP and camera.one_visible_link
    camera.since = since
    camera.accounted_until_ms = memory.accounted_until_ms + to_mono
    camera.outage_open = memory.outage_open
    _restore_down_until(camera, memory, to_mono)
    if memory.flaps:
        camera.flapping = Flapping(tuple((int(at) + to_mono) / 1000 for at in memory.flaps.split()))
    # What it was earlier is not kept: late heartbeats may prove something of all that time (rule E4).
    lit_ms = (
        min(memory.since_ms, memory.accounted_until_ms)
        if memory.underlying_status is Status.UP
        else memory.accounted_until_ms
    )
    camera.not_up = [Interval(_EVER, lit_ms + to_mono)]
    if memory.last_heartbeat_ms is not None:
        camera.proof_ms = memory.last_heartbeat_ms
        camera.proof = (memory.last_heartbeat_ms + to_mono) / 1000
        camera.gap_proofs = [camera.proof]
    if memory.due_ms is not None and memory.deadline_ms is not None:
        camera.override_for = camera.proof
        camera.due_override = (memory.due_ms + to_mono) / 1000
        camera.deadline_override = (memory.deadline_ms + to_mono) / 1000
    _restore_clock(camera, memory)


def _restore_down_until(camera: CameraState, memory: CameraCheckpoint, to_mono: int) -> None:
    if memory.down_until_ms is not None:
        camera.down_until = Instant((memory.down_until_ms + to_mono) / 1000, memory.down_until_ms)


def _restore_clock(camera: CameraState, memory: CameraCheckpoint) -> None:
    """Restore what tells the late from the new, and one boot from another (rules L6-L9).

    When it booted is not kept: by our clock, which may have been set while camwatch did not run, it would
    call every heartbeat late together with the offset, and each would vouch for the other.
    """
    camera.first_seq, camera.next_seq = memory.first_seq, memory.next_seq
    if memory.uptime_s is not None:
        camera.uptime = memory.uptime_s
    camera.ts = memory.ts
    if memory.clock_offset_s is not None:
        camera.clock_offset = camera.offsets[0] = memory.clock_offset_s
        camera.offset_index = 1


def _utc(mono: float, to_utc: int) -> int | None:
    return round(mono * 1000) + to_utc if isfinite(mono) else None
