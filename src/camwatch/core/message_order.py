"""Order and boots: whether a heartbeat is new, a duplicate, late, or of another boot (rules L6-L9).

`FleetMonitor.heartbeat` decides the common case inline (the next `seq` of the same boot, on time) and calls
`classify` for all others. Instants are monotonic seconds.
"""

from __future__ import annotations

from operator import attrgetter

from camwatch.core import camera_clock
from camwatch.core.dating import Boot
from camwatch.core.state import OFFSET_WINDOW, CameraState
from camwatch.core.telemetry import RejectionReason, Telemetry

MAX_MISSING_RUNS = 64
"""Runs of missed sequence numbers to remember: they distinguish a belated heartbeat from a duplicate."""
REPLAY_INTERVALS_WITH_BOOT = 2.5
"""`camera_clock.REPLAY_INTERVALS` for what looks like the replay of an earlier boot."""


def classify(camera: CameraState, telemetry: Telemetry, now: float) -> tuple[RejectionReason | None, bool]:
    """Classify a heartbeat whose `seq` is unexpected, or whose uptime fell; update boot and sequence.

    Returns why it proves nothing (None: it is a proof), and whether it shows a reboot.
    """
    camera.disordered, camera.expected = now, camera.next_seq
    if telemetry.ts is not None and _is_of_an_earlier_boot(camera, telemetry, now):
        # If the uptime restarted as well, it may be a new boot with a slow clock: only its pace shows it.
        patience = REPLAY_INTERVALS_WITH_BOOT if _may_be_a_new_boot(camera, telemetry, now) else OFFSET_WINDOW
        if not camera_clock.is_constantly_late(
            camera, now, now - telemetry.ts, patience, camera.interval_s / 2
        ):
            return RejectionReason.LATE, False
        start_boot(camera, telemetry.seq)
        camera_clock.reset_offset(camera)
        return None, True
    if _rebooted(camera, telemetry, now):
        start_boot(camera, telemetry.seq)
        return None, True
    if (
        telemetry.seq is None
        or _is_new(camera, telemetry, telemetry.seq, now)
        or _is_later(camera, telemetry)
    ):
        return None, False
    return RejectionReason.DUPLICATE, False


def _is_later(camera: CameraState, telemetry: Telemetry) -> bool:
    """Return whether clock or uptime show a newer heartbeat, whatever a broken counter shows (rule L9)."""
    later_clock = telemetry.ts is not None and camera.ts is not None and telemetry.ts > camera.ts
    return later_clock or (telemetry.uptime_s is not None and 0 <= camera.uptime < telemetry.uptime_s)


def boot_of(camera: CameraState, telemetry: Telemetry, now: float) -> Boot:
    """Return which boot a proof that arrived `now` belongs to (rule E2)."""
    if camera.rebooted == now:
        return Boot.NEW
    expected = camera_clock.expected_seq(camera, telemetry, now)
    goes_on = telemetry.seq is not None and expected is not None and telemetry.seq >= expected
    return Boot.SAME if telemetry.uptime_s is not None or goes_on else Boot.UNKNOWN


def _is_new(camera: CameraState, telemetry: Telemetry, seq: int, now: float) -> bool:
    """Return whether a sequence number is new in this boot, and remember it (rule L9)."""
    expected = camera.next_seq
    if expected is None or (seq < expected and _is_counter_reset(camera, telemetry, expected - seq, now)):
        start_boot(camera, seq, same_clock=True)
        return True
    if seq >= expected:
        _record_missing(camera, expected, seq)
        camera.next_seq = seq + 1
        return True
    if _was_missing(camera, seq):
        return True
    if seq < camera.first_seq:
        _record_missing(camera, seq + 1, camera.first_seq)
        camera.first_seq = seq
        return True
    if _is_counter_resumed(camera, telemetry, seq, now):
        other_clock = camera_clock.is_clock_unset(camera) or camera_clock.is_not_newer(camera, telemetry)
        start_boot(camera, seq, same_clock=not other_clock)
        if other_clock:
            camera_clock.reset_offset(camera)
        return True
    return False


def record_late(camera: CameraState, telemetry: Telemetry) -> None:
    """Remember clock and uptime of a late heartbeat if they are the newest: others may follow (L6, S9)."""
    if telemetry.ts is not None and (camera.ts is None or telemetry.ts > camera.ts):
        camera.ts = telemetry.ts
        camera.uptime = camera.uptime if telemetry.uptime_s is None else telemetry.uptime_s


def start_boot(camera: CameraState, seq: int | None, *, same_clock: bool = False) -> None:
    """Begin a boot whose first `seq` this is (None: unknown); `same_clock` keeps the uptime."""
    camera.first_seq = 0 if seq is None else seq
    camera.next_seq = None if seq is None else seq + 1
    camera.missing_seqs = ()
    if not same_clock:
        camera.uptime = -1.0
        camera.boot = None


def _proven_since(camera: CameraState, at: float) -> bool:
    """Return whether a heartbeat on time arrived after an instant.

    Not at it: a camera that boots may send two messages in one packet.
    """
    return at < camera.proof != camera.sent_late


def _is_counter_resumed(camera: CameraState, telemetry: Telemetry, seq: int, now: float) -> bool:
    """Return whether what looks like a duplicate comes from a counter that restarted.

    Duplicates come in bursts, or beside the heartbeats that they copy. A count that advances at the pace of
    heartbeats belongs to another boot; a counter that repeats one number for as long is broken (rules L9,
    L10). An uptime reveals the replay of an old boot.
    """
    counted = seq - camera.replay_seq
    same = telemetry.uptime_s is not None or (telemetry.ts is not None and telemetry.ts == camera.replay_ts)
    camera.replay_ts = telemetry.ts
    if (
        counted
        and telemetry.uptime_s is not None
        and camera_clock.is_not_newer(camera, telemetry)
        and not camera_clock.is_clock_unset(camera)
    ):
        camera.replay_started_at, camera.replay_last_at, camera.replay_seq = now, now, seq
        return False
    too_slow = (
        now - camera.replay_last_at > (counted + 1) * camera.suspect_s
    )  # messages not seen were counted
    if _proven_since(camera, camera.replay_started_at) or too_slow or counted < 0:
        camera.replay_started_at = now
    elif counted == 0 and same:
        return False  # an exact copy
    camera.replay_last_at, camera.replay_seq = now, seq
    return now - camera.replay_started_at >= camera_clock.REPLAY_INTERVALS * camera.interval_s


def _is_of_an_earlier_boot(camera: CameraState, telemetry: Telemetry, now: float) -> bool:
    """Return whether a heartbeat was sent before the known boot began, by its own clock and uptime."""
    if telemetry.ts is None or telemetry.uptime_s is None or camera.ts is None or camera.uptime < 0:
        return False
    if (
        telemetry.ts > camera.ts
        or camera_clock.compare_boots(camera, telemetry) >= 0
        or camera_clock.is_clock_lost(camera, telemetry.ts, now)
    ):
        return False
    # A clock set back within this boot leaves the uptime unchanged, even while camwatch does not run.
    known = camera.proof - camera.uptime if camera.boot is None else camera.boot
    return abs((now - telemetry.uptime_s) - known) > camera.interval_s


def _may_be_a_new_boot(camera: CameraState, telemetry: Telemetry, now: float) -> bool:
    """Return whether a heartbeat could belong to a boot since the last one, if its clock is wrong."""
    uptime = telemetry.uptime_s
    return uptime is not None and uptime < camera.uptime and now - uptime >= camera.proof - camera.interval_s


def _rebooted(camera: CameraState, telemetry: Telemetry, now: float) -> bool:
    """Return whether the uptime fell (rule L6), other than by an older message of the same boot.

    A camera that boots repeatedly may send the same uptime in the first heartbeat of each boot.
    """
    uptime = telemetry.uptime_s
    if uptime is None or camera.uptime < 0:
        return False
    if uptime > camera.uptime:  # it arrived late: older than the previous boot was (rule L6)
        by_ours = camera.boot is not None and now - uptime - camera.boot > camera.interval_s
        return camera_clock.compare_boots(camera, telemetry) > 0 and (
            by_ours or _restarted_count(camera, telemetry)
        )
    if telemetry.ts is None or camera.ts is None:
        return uptime < camera.uptime
    later = camera_clock.compare_boots(camera, telemetry)
    if later > 0:  # a clock that moves in steps makes a copy look newer
        return telemetry.ts > camera.ts or _may_be_a_new_boot(camera, telemetry, now)
    if uptime == camera.uptime or (later == 0 and not camera_clock.is_clock_unset(camera)):
        return False  # the same boot by the camera's clock: an older message, or a copy
    # An earlier boot, or a lost clock. A clock that was never set (no battery, no NTP) starts at the same
    # date with every boot: a boot after the last heartbeat is new. While late ones arrive, it may be one of
    # those.
    began_since = camera.boot is None or now - uptime >= camera.boot + camera.uptime
    return (
        began_since
        and not camera_clock.is_sending_late(camera, now)
        and camera_clock.is_clock_lost(camera, telemetry.ts, now)
    )


def _restarted_count(camera: CameraState, telemetry: Telemetry) -> bool:
    """Return whether the count restarted: a clock that was set forward does not restart it."""
    return telemetry.seq is not None and camera.next_seq is not None and telemetry.seq < camera.next_seq


def _is_counter_reset(camera: CameraState, telemetry: Telemetry, deficit: int, now: float) -> bool:
    """Return, for a camera without uptime, whether a smaller `seq` belongs to another boot.

    `deficit` is the expected `seq` minus this one; 1 is a copy of the last heartbeat.
    """
    if telemetry.uptime_s is not None or deficit == 1:
        return False
    if telemetry.ts is not None and camera.ts is not None:
        return telemetry.ts > camera.ts
    # The number bounds the age of its boot. A boot that began before the last proof is not new: the message
    # is old (rule L9). A count that starts elsewhere is believed by its pace.
    lived = (telemetry.seq or 0) * camera.interval_s
    return deficit > MAX_MISSING_RUNS and lived <= now - camera.proof + camera.interval_s


def _was_missing(camera: CameraState, seq: int) -> bool:
    """Return whether a sequence number was missing so far, and remove it from the missing ones."""
    for run in camera.missing_seqs:
        if seq in run:
            others = [each for each in camera.missing_seqs if each is not run]
            camera.missing_seqs = _kept([*others, range(run.start, seq), range(seq + 1, run.stop)])
            return True
    return False


def _record_missing(camera: CameraState, first: int, end: int) -> None:
    camera.missing_seqs = _kept([*camera.missing_seqs, range(first, end)])


def _kept(runs: list[range]) -> tuple[range, ...]:
    """Return the newest runs in order: one link may deliver in an hour what another delivers now (S9)."""
    return tuple(sorted((run for run in runs if run), key=attrgetter("start"))[-MAX_MISSING_RUNS:])
