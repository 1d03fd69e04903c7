"""Which boot, which order, whose clock: what a heartbeat says beside "alive" (rules L6-L9).

The common case (the next `seq` of the same boot, on time) is decided inline in `FleetMonitor.heartbeat`; what
is out of the ordinary comes here.
"""

from __future__ import annotations

from array import array
from operator import attrgetter

from camwatch.core import backfill, deadlines, event_time, model
from camwatch.core.dating import Boot
from camwatch.core.state import OFFSET_WINDOW, CameraState, LinkState, no_offsets
from camwatch.core.telemetry import RejectionReason, Telemetry

MAX_MISSING_RUNS = 64
"""How many runs of missed sequence numbers are remembered, to know a belated heartbeat from a duplicate."""
UNSET_CLOCK_S = 86_400.0
"""A camera's clock that is off by more than this was never set."""
REPLAY_INTERVALS = 1.5
"""For how many intervals refused heartbeats must go on, at their usual pace, to be believed after all.

Shorter than the silence that convicts: a camera that lost its clock or its count is not down for it.
"""
REPLAY_INTERVALS_WITH_BOOT = 2.5
"""The same for what looks like an earlier boot that is played again."""
REPLAY_INTERVALS_WITH_UPTIME = 0.5
"""The same where the uptime speaks for them; one that is played again and again has aged by then."""
COARSE_S = 1.1
"""Clocks and uptimes may be told in whole seconds: two of them differ by so much without any fault."""
STANDS = 0.0
"""How far apart from the steady clock one is said to be that stands still."""


def classify(camera: CameraState, said: Telemetry, now: float) -> tuple[RejectionReason | None, bool]:
    """Judge a heartbeat that arrived `now`, whose `seq` is not the next one, or whose uptime fell.

    Returns why it proves nothing (None: it does prove), and whether it shows a reboot.
    """
    camera.disordered, camera.expected = now, camera.next_seq
    if said.ts is not None and _is_of_an_earlier_boot(camera, said, now):
        # One that restarted its uptime as well may be a new boot whose clock is behind: only its pace tells.
        patience = REPLAY_INTERVALS_WITH_BOOT if _may_be_a_new_boot(camera, said, now) else OFFSET_WINDOW
        if not _evenly_late(camera, now, now - said.ts, patience, camera.interval_s / 2):
            return RejectionReason.LATE, False
        start_boot(camera, said.seq)
        reset_clock_offset(camera)
        return None, True
    if _rebooted(camera, said, now):
        start_boot(camera, said.seq)
        return None, True
    if said.seq is None or _is_new(camera, said, said.seq, now) or _is_later(camera, said):
        return None, False
    return RejectionReason.DUPLICATE, False


def _is_later(camera: CameraState, said: Telemetry) -> bool:
    """Tell whether a heartbeat is newer by clock or uptime, whatever its broken counter says (rule L9)."""
    later_clock = said.ts is not None and camera.ts is not None and said.ts > camera.ts
    return later_clock or (said.uptime_s is not None and 0 <= camera.uptime < said.uptime_s)


def boot_of(camera: CameraState, said: Telemetry, now: float) -> Boot:
    """Tell what a proof that came `now` says of its boot (rule E2)."""
    if camera.rebooted == now:
        return Boot.NEW
    expected = _expected(camera, said, now)
    goes_on = said.seq is not None and expected is not None and said.seq >= expected
    return Boot.SAME if said.uptime_s is not None or goes_on else Boot.UNTOLD


def _is_new(camera: CameraState, said: Telemetry, seq: int, now: float) -> bool:
    """Tell whether a sequence number was not there yet in this boot, and remember it (rule L9)."""
    expected = camera.next_seq
    if expected is None or (seq < expected and _is_counter_reset(camera, said, expected - seq, now)):
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
    if _is_counter_resumed(camera, said, seq, now):
        other_clock = _clock_never_set(camera) or _sent_before(camera, said)
        start_boot(camera, seq, same_clock=not other_clock)
        if other_clock:
            reset_clock_offset(camera)
        return True
    return False


def record_late(camera: CameraState, said: Telemetry) -> None:
    """Remember what a late heartbeat says of its boot, if that is the newest: another may follow (L6, S9)."""
    if said.ts is not None and (camera.ts is None or said.ts > camera.ts):
        camera.ts = said.ts
        camera.uptime = camera.uptime if said.uptime_s is None else said.uptime_s


def start_boot(camera: CameraState, seq: int | None, *, same_clock: bool = False) -> None:
    """Forget what belongs to the boot before: the sequence, and (unless it runs on) the uptime."""
    camera.first_seq = 0 if seq is None else seq
    camera.next_seq = None if seq is None else seq + 1
    camera.missing_seqs = ()
    if not same_clock:
        camera.uptime = -1.0
        camera.boot = None


def reset_clock_offset(camera: CameraState) -> None:
    """Begin a new memory of clock offsets."""
    camera.offsets = no_offsets()
    camera.clock_offset = float("inf")


def has_clock_offset(camera: CameraState) -> bool:
    """Tell whether an offset was known before that of the newest heartbeat on time."""
    return camera.offsets[(camera.offset_index - 2) % OFFSET_WINDOW] < float("inf")


def shift_clock_offset(camera: CameraState, seconds: float) -> None:
    """Let the clock offsets of a camera be what they are to a clock of ours that was set ahead."""
    camera.offsets = array("d", [offset + seconds for offset in camera.offsets])
    camera.clock_offset += seconds


def clock_is_broken(
    camera: CameraState, link: LinkState | None, said: Telemetry, now: float, ran: bool | None
) -> bool:
    """Tell whether a heartbeat only looks late because its camera's clock does not run (rules L8, L10).

    `link` brought it; `ran` is what `clock_ran` returned. That it arrived is the strongest fact: it is
    evidence of the past only if all that it says agrees. What contradicts itself is believed once a second
    one has come at the pace of a living camera: one alone, or many at once, may be an old boot's that are
    played again.
    """
    uptime, interval = _running_uptime(camera, said), camera.interval_s
    behind = None if uptime is None or camera.boot is None else now - uptime - camera.boot
    of_the_past = behind is not None and behind > interval / 4 and _began_later(camera, said) < 0
    # What many cameras of a link share is no fault of their clocks (rule S11).
    shared = ran is not False and link is not None and link.seen_upto > model.NEVER
    if shared and link is not None and link.behind:  # all of them are believed at once
        _evenly_late(camera, now, now - (said.ts or 0.0), OFFSET_WINDOW, interval / 2)
        return False
    if (ran and behind is not None) or of_the_past or shared:
        # All agrees, or clock and uptime drifted away together while the camera was out of reach.
        camera.undecided_until = model.NEVER
        return _evenly_late(camera, now, now - (said.ts or 0.0), OFFSET_WINDOW, interval / 2)
    if _proven_since_late(camera):
        camera.undecided_until = now + REPLAY_INTERVALS * interval
    stands = ran is None and _stands(camera, said, now)
    camera.late_ts = model.NEVER if said.ts is None else said.ts
    if ran is False or stands:
        if now < camera.doubted_until:
            return True
        if stands:
            return _evenly_late(camera, now, STANDS, REPLAY_INTERVALS, interval)
        steady = now - uptime if uptime is not None else now - (said.seq or 0) * interval
        return _evenly_late(camera, now, steady, REPLAY_INTERVALS_WITH_UPTIME, interval / 4)
    return _evenly_late(camera, now, now - (said.ts or 0.0), REPLAY_INTERVALS, interval / 2)


def spoke_late(camera: CameraState) -> bool:
    """Tell whether a camera's last word was late."""
    return not _proven_since_late(camera)


def _speaks_late(camera: CameraState, now: float) -> bool:
    """Tell whether late heartbeats come of a camera, or came a moment ago."""
    return (
        spoke_late(camera)
        and camera.late_arrivals is not None
        and now - camera.late_arrivals.end / 1000 <= camera.down_s
    )


def doubt_clock(camera: CameraState, said: Telemetry, now: float) -> None:
    """Ignore a clock that does not run: learn it anew, and say for a while that it is wrong (rule L8)."""
    reset_clock_offset(camera)
    backfill.doubt(camera)
    camera.ts = said.ts
    camera.doubted_until = now + OFFSET_WINDOW * camera.interval_s


def _expected(camera: CameraState, said: Telemetry, now: float) -> int | None:
    """Return the `seq` that was to come next before a heartbeat that came `now`."""
    return camera.expected if camera.disordered == now else said.seq


def clock_ran(camera: CameraState, said: Telemetry, now: float) -> bool | None:
    """Tell whether the clock advanced since the heartbeat before as the uptime did, or the count (rule L8).

    None: there is nothing to compare it with.
    """
    if said.ts is None or camera.ts is None:
        return None
    passed = said.ts - camera.ts
    tolerance = min(max(COARSE_S, camera.interval_s / 4), 0.9 * camera.interval_s)
    uptime = _running_uptime(camera, said)
    if uptime is not None and camera.uptime >= 0:
        return abs(passed - (uptime - camera.uptime)) < tolerance
    expected = _expected(camera, said, now)
    if said.seq is None or expected is None or said.seq < expected:
        return None
    counted = (said.seq - expected + 1) * camera.interval_s
    return abs(passed - counted) < tolerance + counted / 4


def _running_uptime(camera: CameraState, said: Telemetry) -> float | None:
    """Return the uptime that a heartbeat tells; None if it stands still, which tells nothing of the clock."""
    return None if said.uptime_s == camera.uptime else said.uptime_s


def _stands(camera: CameraState, said: Telemetry, now: float) -> bool:
    """Tell whether a clock does not run, where no uptime tells, and no `seq` that goes on (rules L8, L10).

    It shows what it showed last, or no more than with the late heartbeat about an interval ago: no copy comes
    at that pace, and no queue that empties. It is doubted for as long as it goes on like that.
    """
    ts = said.ts
    if ts is None or camera.ts is None:
        return False
    alone = said.seq is None and said.uptime_s is None
    as_before = abs(ts - camera.ts) <= COARSE_S
    if _proven_since_late(camera) or camera.late_arrivals is None:
        return as_before or (alone and now < camera.doubted_until)
    goes_on, apart_s = camera.late_offset == STANDS, now - camera.late_arrivals.end / 1000
    if apart_s > camera.suspect_s:
        return goes_on and as_before
    no_more = ts <= camera.late_ts + min(COARSE_S, camera.interval_s / 2)
    if apart_s <= camera.interval_s / 2:  # a copy, by another link
        return goes_on and no_more
    return no_more or (goes_on and alone)


def _evenly_late(camera: CameraState, now: float, apart: float, after: float, evenly: float) -> bool:
    """Tell whether heartbeats have looked late by the same for `after` intervals.

    `apart` is how far the clock is from the steady one, not from UTC: that runs at half speed for hours
    after our own clock was set back, and no camera would look evenly late.
    """
    if _proven_since_late(camera):
        camera.late_since, camera.late_offset = now, apart
    elif abs(apart - camera.late_offset) > evenly:  # a queue that empties: not the clock's fault
        camera.late_since, camera.late_offset = now, apart
        camera.undecided_until = model.NEVER
    camera.late_proof = camera.proof
    return now - camera.late_since >= after * camera.interval_s


def _proven_since_late(camera: CameraState) -> bool:
    """Tell whether a heartbeat on time came after the last late one, be it in the same packet."""
    return camera.late_since == model.NEVER or camera.late_proof != camera.proof != camera.sent_late


def _proven_since(camera: CameraState, at: float) -> bool:
    """Tell whether a heartbeat on time came after an instant.

    Not at it: a camera that boots may say two things in one packet.
    """
    return at < camera.proof != camera.sent_late


def _is_counter_resumed(camera: CameraState, said: Telemetry, seq: int, now: float) -> bool:
    """Tell, of a heartbeat that looks like a duplicate, whether its camera merely counts anew.

    Duplicates come in bursts, or beside the heartbeats that they copy. A count that goes on by itself
    at the pace of heartbeats is another boot's; where nothing but the same number comes for as long, the
    counter is broken (rules L9, L10). An uptime tells an old boot that is played again.
    """
    counted = seq - camera.replay_seq
    same = said.uptime_s is not None or (said.ts is not None and said.ts == camera.replay_ts)
    camera.replay_ts = said.ts
    if counted and said.uptime_s is not None and _sent_before(camera, said) and not _clock_never_set(camera):
        camera.replay_started_at, camera.replay_last_at, camera.replay_seq = now, now, seq
        return False
    too_slow = (
        now - camera.replay_last_at > (counted + 1) * camera.suspect_s
    )  # what nobody saw was counted, too
    if _proven_since(camera, camera.replay_started_at) or too_slow or counted < 0:
        camera.replay_started_at = now
    elif counted == 0 and same:
        return False  # a copy, to the last word of it
    camera.replay_last_at, camera.replay_seq = now, seq
    return now - camera.replay_started_at >= REPLAY_INTERVALS * camera.interval_s


def _sent_before(camera: CameraState, said: Telemetry) -> bool:
    return said.ts is not None and camera.ts is not None and said.ts <= camera.ts


def _is_of_an_earlier_boot(camera: CameraState, said: Telemetry, now: float) -> bool:
    """Tell whether a heartbeat was sent before the known boot began: by its own clock, and its uptime."""
    if said.ts is None or said.uptime_s is None or camera.ts is None or camera.uptime < 0:
        return False
    if said.ts > camera.ts or _began_later(camera, said) >= 0 or _clock_lost(camera, said.ts, now):
        return False
    # A clock that was set back within this boot leaves the uptime as it is, also while camwatch was away.
    known = camera.proof - camera.uptime if camera.boot is None else camera.boot
    return abs((now - said.uptime_s) - known) > camera.interval_s


def _may_be_a_new_boot(camera: CameraState, said: Telemetry, now: float) -> bool:
    """Tell whether a heartbeat could be of a boot that began since the last one, if its clock is wrong."""
    uptime = said.uptime_s
    return uptime is not None and uptime < camera.uptime and now - uptime >= camera.proof - camera.interval_s


def _rebooted(camera: CameraState, said: Telemetry, now: float) -> bool:
    """Tell whether the uptime fell (rule L6), other than by an older message of the same boot.

    A camera that boots again and again may tell the same uptime with the first heartbeat of each boot.
    """
    uptime = said.uptime_s
    if uptime is None or camera.uptime < 0:
        return False
    if uptime > camera.uptime:  # it was heard late: older than the boot before was (rule L6)
        by_ours = camera.boot is not None and now - uptime - camera.boot > camera.interval_s
        return _began_later(camera, said) > 0 and (by_ours or _restarted_count(camera, said))
    if said.ts is None or camera.ts is None:
        return uptime < camera.uptime
    later = _began_later(camera, said)
    if later > 0:  # a clock that moves in steps makes a copy look so, which is older than what was told
        return said.ts > camera.ts or _may_be_a_new_boot(camera, said, now)
    if uptime == camera.uptime or (later == 0 and not _clock_never_set(camera)):
        return False  # the same boot, by the camera's clock: an older message, or the last one once more
    # An earlier boot, or a clock that is lost. One that was never set (no battery, no NTP) begins at the same
    # date with every boot; there, a boot that began after the last heartbeat is new. While late ones come, it
    # may be one of those once more.
    began_since = camera.boot is None or now - uptime >= camera.boot + camera.uptime
    return began_since and not _speaks_late(camera, now) and _clock_lost(camera, said.ts, now)


def _restarted_count(camera: CameraState, said: Telemetry) -> bool:
    """Tell whether the count began anew: a clock that was set ahead alone is no boot."""
    return said.seq is not None and camera.next_seq is not None and said.seq < camera.next_seq


def _began_later(camera: CameraState, said: Telemetry) -> int:
    """Tell whether a heartbeat's boot began later (1) than the known one, earlier (-1), or is it (0).

    By the camera's own clock, which may be wrong, but shows when it booted each time the same.
    """
    if said.ts is None or said.uptime_s is None or camera.ts is None:
        return 0
    later = (said.ts - said.uptime_s) - (camera.ts - camera.uptime)
    tolerance = 1.0 if said.uptime_s.is_integer() else 0.05
    return 0 if abs(later) <= tolerance else (1 if later > 0 else -1)


def _clock_lost(camera: CameraState, ts: float, now: float) -> bool:
    """Tell whether a camera's clock shows no time of day: it was never set, or lost more than a day."""
    if _clock_never_set(camera):
        return True
    return camera.ts is not None and camera.ts + (now - camera.proof) - ts > UNSET_CLOCK_S


def may_have_waited(camera: CameraState, link: LinkState | None, said: Telemetry, now: float) -> bool:
    """Tell whether a late heartbeat of a new boot may be one that a broker kept: by when it came (rule S9).

    Otherwise the boot brought another clock.
    """
    sight = camera.link_group
    kept = (
        sight.lag > 0
        or deadlines.blind_since(camera) is not None
        or now - sight.visible_since < camera.down_s
        or (link is not None and (camera.index in link.late or len(link.late) >= event_time.WITNESSES))
    )
    if not kept or said.ts is None or _clock_never_set(camera):
        return False
    return camera.ts is None or said.ts > camera.ts  # a clock that went back is no delay, but a dead battery


def _clock_never_set(camera: CameraState) -> bool:
    return abs(camera.clock_offset) > UNSET_CLOCK_S


def _is_counter_reset(camera: CameraState, said: Telemetry, behind: int, now: float) -> bool:
    """Tell, of a camera that does not say its uptime, whether a smaller `seq` is another boot's.

    `behind` is by how much the `seq` is smaller than the one expected; 1 is the last one once more.
    """
    if said.uptime_s is not None or behind == 1:
        return False
    if said.ts is not None and camera.ts is not None:
        return said.ts > camera.ts
    # A number tells how long its boot has lived. One that began before the last proof is not new: this is an
    # old message (rule L9). A count that begins anywhere is believed by its pace.
    lived = (said.seq or 0) * camera.interval_s
    return behind > MAX_MISSING_RUNS and lived <= now - camera.proof + camera.interval_s


def _was_missing(camera: CameraState, seq: int) -> bool:
    """Tell whether a sequence number was missed so far, and take it off the list."""
    for run in camera.missing_seqs:
        if seq in run:
            others = [each for each in camera.missing_seqs if each is not run]
            camera.missing_seqs = _kept([*others, range(run.start, seq), range(seq + 1, run.stop)])
            return True
    return False


def _record_missing(camera: CameraState, first: int, end: int) -> None:
    camera.missing_seqs = _kept([*camera.missing_seqs, range(first, end)])


def _kept(runs: list[range]) -> tuple[range, ...]:
    """Return the newest runs in order: one link may bring in an hour what another brings now (rule S9)."""
    return tuple(sorted((run for run in runs if run), key=attrgetter("start"))[-MAX_MISSING_RUNS:])
