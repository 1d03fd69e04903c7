"""Camera clocks: which run, which are broken, and which heartbeats only look late (rules L7, L8).

Instants are monotonic seconds unless they are a camera's `ts` (Unix seconds).
"""

from __future__ import annotations

from array import array

from camwatch.core import backfill, deadlines, event_time
from camwatch.core.model import NEVER
from camwatch.core.state import OFFSET_WINDOW, CameraState, LinkState, no_offsets
from camwatch.core.telemetry import Telemetry

UNSET_CLOCK_S = 86_400.0
"""A camera clock that is off by more than this was never set."""
REPLAY_INTERVALS = 1.5
"""Intervals for which rejected heartbeats must continue, at the usual pace, to be believed.

Shorter than the silence after which a camera is declared down: a lost clock or count must not cause that.
"""
REPLAY_INTERVALS_WITH_UPTIME = 0.5
"""The same if the uptime confirms them; a repeated replay has aged by then."""
COARSE_S = 1.1
"""Clocks and uptimes in whole seconds may differ by this much without a fault."""
STOPPED = 0.0
"""The `offset` of a clock that has stopped."""


def reset_offset(camera: CameraState) -> None:
    """Forget the clock offsets of a camera."""
    camera.offsets = no_offsets()
    camera.clock_offset = float("inf")


def has_offset(camera: CameraState) -> bool:
    """Return whether an offset was known before that of the newest heartbeat on time."""
    return camera.offsets[(camera.offset_index - 2) % OFFSET_WINDOW] < float("inf")


def shift_offset(camera: CameraState, seconds: float) -> None:
    """Shift a camera's clock offsets after our own clock was set forward by `seconds`."""
    camera.offsets = array("d", [offset + seconds for offset in camera.offsets])
    camera.clock_offset += seconds


def is_clock_broken(
    camera: CameraState, link: LinkState | None, telemetry: Telemetry, now: float, ran: bool | None
) -> bool:
    """Return whether a heartbeat only looks late because its camera's clock does not run (rules L8, L10).

    Its arrival is the strongest fact: it is evidence of the past only if all its fields agree. Contradictory
    fields are believed once a second heartbeat came at the pace of a living camera: a single one, or many at
    once, may be a replay. `ran`: what `clock_ran` returned.
    """
    uptime, interval = _running_uptime(camera, telemetry), camera.interval_s
    shift = None if uptime is None or camera.boot is None else now - uptime - camera.boot
    of_the_past = shift is not None and shift > interval / 4 and compare_boots(camera, telemetry) < 0
    # Lateness that many cameras of a link share is not a fault of their clocks (rule S11).
    shared = ran is not False and link is not None and link.seen_until > NEVER
    if shared and link is not None and link.lagging:  # all of them will be believed at once
        is_constantly_late(camera, now, now - (telemetry.ts or 0.0), OFFSET_WINDOW, interval / 2)
        return False
    if (ran and shift is not None) or of_the_past or shared:
        # All fields agree, or clock and uptime drifted together while the camera was unreachable.
        camera.undecided_until = NEVER
        return is_constantly_late(camera, now, now - (telemetry.ts or 0.0), OFFSET_WINDOW, interval / 2)
    if _proven_since_late(camera):
        camera.undecided_until = now + REPLAY_INTERVALS * interval
    stopped = ran is None and _has_stopped(camera, telemetry, now)
    camera.late_ts = NEVER if telemetry.ts is None else telemetry.ts
    if ran is False or stopped:
        if now < camera.doubted_until:
            return True
        if stopped:
            return is_constantly_late(camera, now, STOPPED, REPLAY_INTERVALS, interval)
        steady = now - uptime if uptime is not None else now - (telemetry.seq or 0) * interval
        return is_constantly_late(camera, now, steady, REPLAY_INTERVALS_WITH_UPTIME, interval / 4)
    return is_constantly_late(camera, now, now - (telemetry.ts or 0.0), REPLAY_INTERVALS, interval / 2)


def was_last_late(camera: CameraState) -> bool:
    """Return whether a camera's newest heartbeat was late."""
    return not _proven_since_late(camera)


def is_sending_late(camera: CameraState, now: float) -> bool:
    """Return whether late heartbeats of a camera arrive, or arrived within `down_s`."""
    return (
        was_last_late(camera)
        and camera.late_arrivals is not None
        and now - camera.late_arrivals.end / 1000 <= camera.down_s
    )


def doubt_clock(camera: CameraState, telemetry: Telemetry, now: float) -> None:
    """Ignore a clock that does not run: relearn its offset, and report it for a while (rule L8)."""
    reset_offset(camera)
    backfill.doubt(camera)
    camera.ts = telemetry.ts
    camera.doubted_until = now + OFFSET_WINDOW * camera.interval_s


def expected_seq(camera: CameraState, telemetry: Telemetry, now: float) -> int | None:
    """Return the `seq` that was expected before a heartbeat that arrived `now`."""
    return camera.expected if camera.disordered == now else telemetry.seq


def clock_ran(camera: CameraState, telemetry: Telemetry, now: float) -> bool | None:
    """Return whether the clock advanced since the previous heartbeat as uptime or count did (rule L8).

    None if there is nothing to compare it with. Both heartbeats have a `ts`.
    """
    passed = (telemetry.ts or 0.0) - (camera.ts or 0.0)
    tolerance = min(max(COARSE_S, camera.interval_s / 4), 0.9 * camera.interval_s)
    uptime = _running_uptime(camera, telemetry)
    if uptime is not None and camera.uptime >= 0:
        return abs(passed - (uptime - camera.uptime)) < tolerance
    expected = expected_seq(camera, telemetry, now)
    if telemetry.seq is None or expected is None or telemetry.seq < expected:
        return None
    counted = (telemetry.seq - expected + 1) * camera.interval_s
    return abs(passed - counted) < tolerance + counted / 4


def _running_uptime(camera: CameraState, telemetry: Telemetry) -> float | None:
    """Return the uptime of a heartbeat; None if it has stopped, which proves nothing of the clock."""
    return None if telemetry.uptime_s == camera.uptime else telemetry.uptime_s


def _has_stopped(camera: CameraState, telemetry: Telemetry, now: float) -> bool:
    """Return whether a clock has stopped, where neither uptime nor `seq` shows it (rules L8, L10).

    It shows its last value, or no more than in the late heartbeat about an interval ago: neither copies nor a
    draining queue come at that pace. It is doubted for as long as that continues.
    """
    ts = telemetry.ts or 0.0
    alone = telemetry.seq is None and telemetry.uptime_s is None
    as_before = abs(ts - (camera.ts or 0.0)) <= COARSE_S
    if _proven_since_late(camera) or camera.late_arrivals is None:
        return as_before or (alone and now < camera.doubted_until)
    goes_on, pause_s = camera.late_offset == STOPPED, now - camera.late_arrivals.end / 1000
    if pause_s > camera.suspect_s:
        return goes_on and as_before
    no_more = ts <= camera.late_ts + min(COARSE_S, camera.interval_s / 2)
    if pause_s <= camera.interval_s / 2:  # a copy, over another link
        return goes_on and no_more
    return no_more or (goes_on and alone)


def is_constantly_late(camera: CameraState, now: float, offset: float, after: float, evenly: float) -> bool:
    """Return whether heartbeats have been late for `after` intervals, by `evenly` seconds more or less.

    `offset` is the distance of the clock from the monotonic one, not from UTC: that runs at half speed for
    hours after our own clock was set back, and no lateness would look constant.
    """
    if _proven_since_late(camera):
        camera.late_since, camera.late_offset = now, offset
    elif abs(offset - camera.late_offset) > evenly:  # a queue is draining: not the clock's fault
        camera.late_since, camera.late_offset = now, offset
        camera.undecided_until = NEVER
    camera.late_proof = camera.proof
    return now - camera.late_since >= after * camera.interval_s


def _proven_since_late(camera: CameraState) -> bool:
    """Return whether a heartbeat on time followed the last late one, even in the same packet."""
    return camera.late_since == NEVER or camera.late_proof != camera.proof != camera.sent_late


def is_not_newer(camera: CameraState, telemetry: Telemetry) -> bool:
    """Return whether a heartbeat's `ts` is not later than the newest known."""
    return telemetry.ts is not None and camera.ts is not None and telemetry.ts <= camera.ts


def compare_boots(camera: CameraState, telemetry: Telemetry) -> int:
    """Return whether a heartbeat's boot began later (1) than the known one, earlier (-1), or is the same (0).

    By the camera's own clock: it may be wrong, but it dates its boot the same each time.
    """
    if telemetry.ts is None or telemetry.uptime_s is None or camera.ts is None:
        return 0
    later = (telemetry.ts - telemetry.uptime_s) - (camera.ts - camera.uptime)
    tolerance = 1.0 if telemetry.uptime_s.is_integer() else 0.05
    return 0 if abs(later) <= tolerance else (1 if later > 0 else -1)


def is_clock_lost(camera: CameraState, ts: float, now: float) -> bool:
    """Return whether a camera's clock shows no time of day: it was never set, or lost more than a day."""
    if is_clock_unset(camera):
        return True
    return camera.ts is not None and camera.ts + (now - camera.proof) - ts > UNSET_CLOCK_S


def may_have_waited(camera: CameraState, link: LinkState | None, telemetry: Telemetry, now: float) -> bool:
    """Return whether a late heartbeat of a new boot may have been kept by a broker, by its arrival (rule S9).

    Otherwise the boot brought another clock.
    """
    group = camera.link_group
    kept = (
        group.lag > 0
        or deadlines.blind_since(camera) is not None
        or now - group.visible_since < camera.down_s
        or (link is not None and (camera.index in link.late or len(link.late) >= event_time.WITNESSES))
    )
    if not kept or telemetry.ts is None or is_clock_unset(camera):
        return False
    return camera.ts is None or telemetry.ts > camera.ts  # a clock that went back lost its battery


def is_clock_unset(camera: CameraState) -> bool:
    """Return whether a camera's clock was never set."""
    return abs(camera.clock_offset) > UNSET_CLOCK_S
