"""What outlives the process: of each camera and each sight, as the store keeps it (rules S6, A1).

Times are UTC milliseconds, since a monotonic clock means nothing to the next process. `remember` and
`restore` are each other's inverse, but for what the next heartbeat says anew.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

from camwatch.core.conditions import Flapping
from camwatch.core.deadlines import NEVER
from camwatch.core.model import Cause, Instant, Status
from camwatch.core.status_time import Account, Span

if TYPE_CHECKING:
    from camwatch.core.state import CameraState

_LARGEST = 2**63 - 1  # what a store can hold
_EVER = -(1 << 62)  # before anything that was accounted


class Memory(NamedTuple):
    """One camera at one instant: its judgement, its counters, and what tells late from new (L6-L9).

    `settled_ms` is up to when its account is kept, None out of service. `due_ms` and `deadline_ms` are
    set where blindness moved them. `left_down_ms` is when an open outage was last seen to be one (S7), or
    when one ended as the camera left the inventory: it goes on if that returns, and is down as before (V6).
    """

    camera: str
    operator: str
    life: Status
    status: Status
    since_ms: int
    cause: Cause | None
    settled_ms: int | None
    proof_ms: int | None
    due_ms: int | None
    deadline_ms: int | None
    outage_open: bool
    left_down_ms: int | None
    up: int
    down: int
    unknown: int
    maintenance: int
    degraded: int
    heartbeats: int
    outages: int
    reboots: int
    first_seq: int
    next_seq: int | None
    uptime_s: float | None
    ts: float | None
    clock_offset_s: float | None
    flaps: str  # when it last went up or down, UTC milliseconds, with blanks between (rule C2)


NOTHING = Memory(
    camera="",
    operator="",
    life=Status.UNKNOWN,
    status=Status.UNKNOWN,
    since_ms=0,
    cause=None,
    settled_ms=None,
    proof_ms=None,
    due_ms=None,
    deadline_ms=None,
    outage_open=False,
    left_down_ms=None,
    up=0,
    down=0,
    unknown=0,
    maintenance=0,
    degraded=0,
    heartbeats=0,
    outages=0,
    reboots=0,
    first_seq=0,
    next_seq=None,
    uptime_s=None,
    ts=None,
    clock_offset_s=None,
    flaps="",
)
"""What is remembered of a camera before anything is."""


class SightMemory(NamedTuple):
    """What the links that carry the same cameras last saw: `seen_ms` is when a packet came, UTC.

    `blind`: there was no sight when this was noted, so `seen_ms` is since when.
    """

    links: tuple[str, ...]
    operators: tuple[str, ...]
    seen_ms: int
    blind: bool


def remember(camera: CameraState, now: Instant) -> Memory:
    """Return what is to be kept of a camera, whose account has been settled."""
    to_utc = now.utc_ms - round(now.mono * 1000)
    account = camera.account
    moved = camera.override_for == camera.proof
    settled = camera.settled_ms
    return Memory(
        camera.camera.id,
        camera.camera.operator,
        camera.life,
        camera.status,
        camera.since.utc_ms,
        camera.cause,
        None if settled is None else settled + to_utc,
        camera.proof_ms,
        _utc(camera.due_override, to_utc) if moved else None,
        _utc(camera.deadline_override, to_utc) if moved else None,
        camera.outage_open,
        None if camera.left_down is None else camera.left_down.utc_ms,
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


def restore_counts(camera: CameraState, memory: Memory) -> None:
    """Go on with the counters and the account of a camera that was watched before."""
    camera.heartbeats, camera.outages, camera.reboots = memory.heartbeats, memory.outages, memory.reboots
    camera.account = Account(memory.up, memory.down, memory.unknown, memory.maintenance, memory.degraded)
    camera.stored = memory


def restore(camera: CameraState, memory: Memory, now: Instant) -> None:
    """Put a camera back to what it was, as if it had been out of sight since."""
    restore_counts(camera, memory)
    to_mono = round(now.mono * 1000) - now.utc_ms
    since = Instant((memory.since_ms + to_mono) / 1000, memory.since_ms)
    if memory.settled_ms is None:  # it was out of service: the inventory says what it is now
        if camera.life is Status.UNKNOWN:
            _restore_left_down(camera, memory, to_mono)
        dated = camera.camera.in_service_from_ms is not None
        if memory.life is Status.PLANNED and camera.life is Status.UNKNOWN and dated:
            # Its date has passed since, and is when it enters service (rule V1).
            camera.life = camera.status = Status.PLANNED
            camera.row_at, camera.since = NEVER, since
        return
    camera.life, camera.status, camera.cause = memory.life, memory.status, memory.cause
    camera.calm = memory.life is Status.UP and camera.plain
    camera.since = since
    camera.settled_ms = memory.settled_ms + to_mono
    camera.outage_open = memory.outage_open
    _restore_left_down(camera, memory, to_mono)
    if memory.flaps:
        camera.flapping = Flapping(tuple((int(at) + to_mono) / 1000 for at in memory.flaps.split()))
    # What it was earlier is not kept: late heartbeats may prove something of all that time (rule E4).
    lit_ms = min(memory.since_ms, memory.settled_ms) if memory.life is Status.UP else memory.settled_ms
    camera.dark = [Span(_EVER, lit_ms + to_mono)]
    if memory.proof_ms is not None:
        camera.proof_ms = memory.proof_ms
        camera.proof = (memory.proof_ms + to_mono) / 1000
        camera.signs = [camera.proof]
    if memory.due_ms is not None and memory.deadline_ms is not None:
        camera.override_for = camera.proof
        camera.due_override = (memory.due_ms + to_mono) / 1000
        camera.deadline_override = (memory.deadline_ms + to_mono) / 1000
    _restore_clock(camera, memory)


def _restore_left_down(camera: CameraState, memory: Memory, to_mono: int) -> None:
    if memory.left_down_ms is not None:
        camera.left_down = Instant((memory.left_down_ms + to_mono) / 1000, memory.left_down_ms)


def _restore_clock(camera: CameraState, memory: Memory) -> None:
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
        camera.offset_at = 1


def _utc(mono: float, to_utc: int) -> int | None:
    return round(mono * 1000) + to_utc if isfinite(mono) else None
