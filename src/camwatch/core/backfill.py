"""Late heartbeats: the past up time that they prove (rules E4, L8, S9).

A late heartbeat changes no exported counter. It proves that its camera was alive when it was sent, and for
half an interval on either side: unknown or down time there becomes up time in the record. Between two
heartbeats no further apart than `down_after` there is no doubt (rule E3). Times are monotonic milliseconds.

Emitted runs are remembered, so that a repeated heartbeat emits nothing: each event covers a new stretch, or
one that grew. A restart forgets them, which does no harm: overlapping backfills are merged in the record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter

from camwatch.core import deadlines
from camwatch.core.events import Backfill
from camwatch.core.model import NEVER, Instant, Status
from camwatch.core.state import CameraState, Run
from camwatch.core.status_time import Interval

_NOT_UP_KEPT = 16
"""Intervals of unknown or down time that are remembered of a camera, for late heartbeats to fill."""
RUNS_KEPT = 64
"""Runs remembered of a camera beside the present one. Heartbeats older than all of them prove nothing."""
_STEP = 16  # a late heartbeat adds something from a 16th of an interval on, so that a flood adds little
_ends = attrgetter("end")


def record_not_up(camera: CameraState, start: int, end: int) -> None:
    """Remember that [start, end) was accounted as unknown or down."""
    not_up = camera.not_up
    if not_up and not_up[-1].end == start:
        start = not_up.pop().start
    not_up.append(Interval(start, end))
    del not_up[:-_NOT_UP_KEPT]


def record_proof(camera: CameraState, at: float) -> None:
    """Remember a proof on time at an edge of such time, monotonic seconds."""
    camera.gap_proofs.append(at)
    del camera.gap_proofs[: -2 * _NOT_UP_KEPT]


def add_late(camera: CameraState, now: Instant, sent: float, uptime_s: float | None) -> list[Backfill]:
    """Add a late heartbeat, `sent` at monotonic seconds, to the runs of its camera.

    Sets `late_proved_more`: whether it proved more than was known. It proves nothing before its boot. Returns
    the runs that are emitted now, because they are about to be forgotten.
    """
    at, no_further = round(sent * 1000), round(camera.down_s * 1000)
    if camera.backfill_at_proof is None:
        camera.backfill_at_proof = (camera.backfill, tuple(camera.backfills_emitted))
    _note_arrival(camera, round(now.mono * 1000), no_further)
    step = round(camera.interval_s * 1000 / _STEP)
    # A draining queue also covers time that was up.
    served = (
        camera.accounted_until_ms is None
        or at + no_further >= camera.accounted_until_ms - camera.status_time.in_service
    )
    camera.late_proved_more = served and at >= camera.late_sent_ms + step
    if camera.late_proved_more:
        camera.late_sent_ms = at
    if not served:  # before it was in service
        return []
    sign = _sign(camera, at, no_further, uptime_s)
    runs = _runs(camera)
    first, last = at - no_further, at + no_further
    # A closed run does not grow at its end: the time after it need not have been unknown or down.
    near = [
        run
        for run in runs
        if first <= run.end and run.certain_from <= last and (at <= run.end or not run.closed)
    ]
    if not any(run.start <= at for run in near):  # it continues no run
        too_old = len(runs) > RUNS_KEPT and all(at < run.certain_from for run in runs)
        # A proof up to `no_further` after it may still join them.
        if too_old or not _was_not_up(camera, sign.start, last):
            return []
    joined = _closed(camera, _joined(near, sign), no_further)
    grown = joined.end - joined.start - sum(run.end - run.start for run in near)
    camera.late_proved_more = camera.late_proved_more or not near or grown >= step
    if len(near) == 1 and joined == near[0]._replace(emitted=False):
        return []
    forgotten = (
        [] if camera.backfill is None or camera.backfill in near else _set_aside(camera, now, camera.backfill)
    )
    camera.backfills_emitted = [run for run in camera.backfills_emitted if run not in near]
    camera.backfill = joined
    return forgotten


def close(camera: CameraState, at: float, now: Instant) -> list[Backfill]:
    """End the run of late heartbeats before a proof on time (`at` monotonic seconds), and fill the gap.

    A proof too far from the run leaves it open: it may come over another link, ahead of the rest. What the
    run proves so far is no longer doubted. Returns the backfills to emit.
    """
    camera.backfill_at_proof = camera.late_arrivals = None
    if camera.backfill is None:
        return []
    run, proof = max(_runs(camera), key=_ends), round(at * 1000)
    if (run.closed and run is not camera.backfill) or proof - run.end > round(camera.down_s * 1000):
        return []
    if run is camera.backfill:
        camera.backfill = None
    else:
        camera.backfills_emitted.remove(run)
    # A run closed before does not grow: the time after its end need not have been unknown or down.
    closed = run._replace(end=run.end if run.closed else max(proof, run.end), closed=True, emitted=True)
    event = _to_event(camera, now, closed)
    unchanged = run.emitted and event == _to_event(camera, now, run)
    return [*([] if unchanged else [event]), *_set_aside(camera, now, closed)]


def pending(camera: CameraState, now: Instant) -> list[Backfill]:
    """Return the backfills that late heartbeats prove so far and that were not emitted."""
    if (camera.backfill is None and not camera.backfills_emitted) or now.mono < camera.undecided_until:
        return []
    unemitted = [run for run in _runs(camera) if not run.emitted]
    if unemitted:
        # An open run that ends later proves still more.
        over = round(now.mono * 1000 - camera.interval_s * 500)
        camera.backfills_emitted = [_emitted(run, over) for run in camera.backfills_emitted]
        camera.backfill = None if camera.backfill is None else _emitted(camera.backfill, over)
        camera.backfill_at_proof = (
            None if camera.backfill_at_proof is None else (camera.backfill, tuple(camera.backfills_emitted))
        )
    return [_to_event(camera, now, run) for run in unemitted]


def doubt(camera: CameraState) -> None:
    """Discard the runs since the last proof on time: they rest on a wrong clock (L8).

    Those heartbeats were not late, then, and prove life when they arrived.
    """
    if camera.backfill_at_proof is None or camera.late_arrivals is None:
        return
    (camera.backfill, filled), camera.backfill_at_proof = camera.backfill_at_proof, None
    camera.backfills_emitted = list(filled)
    came, camera.late_arrivals = camera.late_arrivals, None
    starts = max(came.start, round(camera.late_since * 1000))
    if camera.late_since > NEVER and starts < came.end and _was_not_up(camera, starts, came.end):
        if camera.backfill is not None:
            camera.backfills_emitted.append(camera.backfill)
            del camera.backfills_emitted[:-RUNS_KEPT]
        camera.backfill, camera.steady = Run(starts, came.end, starts), False
        camera.undecided_until = NEVER


def reset_emitted(camera: CameraState) -> None:
    """Forget emitted runs after our own clock was set: repeated, they would cover other time (T2)."""
    camera.backfill, camera.backfills_emitted = _unemitted(camera.backfill, camera.backfills_emitted)
    if camera.backfill_at_proof is not None:
        fill, filled = _unemitted(*camera.backfill_at_proof)
        camera.backfill_at_proof = fill, tuple(filled)


def _note_arrival(camera: CameraState, at: int, no_further: int) -> None:
    last = camera.late_arrivals
    camera.late_arrivals = Interval(at if last is None or at - last.end > no_further else last.start, at)


def _unemitted(fill: Run | None, filled: Iterable[Run]) -> tuple[Run | None, list[Run]]:
    if fill is not None and fill.emitted:
        fill = fill._replace(start=fill.end, certain_from=fill.end)
    return fill, [run for run in filled if not run.emitted]


def _sign(camera: CameraState, at: int, no_further: int, uptime_s: float | None) -> Run:
    """Return the run of one heartbeat, joined with the proof before it if that is near."""
    half = round(camera.interval_s * 500)
    back = half if uptime_s is None else min(half, round(uptime_s * 1000))
    certain_from = at if back == half else at - back  # the boot is certain, half an interval is not
    # Another link may have delivered newer proofs already.
    signs = (round(each * 1000) for each in (camera.proof, *camera.gap_proofs) if each > NEVER)
    before = max((each for each in signs if each < at), default=None)
    if before is not None and at - before <= no_further:
        return Run(before, at, before)
    return Run(at - back, at, certain_from)


def _runs(camera: CameraState) -> list[Run]:
    return (
        camera.backfills_emitted if camera.backfill is None else [*camera.backfills_emitted, camera.backfill]
    )


def _emitted(run: Run, over: int) -> Run:
    return run._replace(emitted=run.closed or run.end <= over)


def _joined(runs: Sequence[Run], sign: Run) -> Run:
    every = (*runs, sign)
    last = max(every, key=_ends)
    start, certain_from = min(run.start for run in every), min(run.certain_from for run in every)
    return Run(start, last.end, certain_from, closed=last.closed)


def _closed(camera: CameraState, run: Run, no_further: int) -> Run:
    """Return a run, closed by a proof that followed it if that arrived first.

    That is the newest proof, or the one that ended unknown or down time.
    """
    on_time = () if camera.proof == camera.sent_late else (camera.proof,)
    signs = (round(each * 1000) for each in (*on_time, *camera.gap_proofs) if each > NEVER)
    back = min((each for each in signs if each > run.end), default=None)
    if run.closed or back is None or back - run.end > no_further:
        return run
    return run._replace(end=back, closed=True)


def _set_aside(camera: CameraState, now: Instant, run: Run) -> list[Backfill]:
    """Keep a run that does not grow now; return the backfill of a run that is forgotten for it."""
    doubtful = camera.backfill_at_proof is not None and run != camera.backfill_at_proof[0]
    if now.mono < camera.undecided_until and doubtful and not run.emitted:
        return []  # its clock may be wrong
    camera.backfills_emitted.append(run)
    if len(camera.backfills_emitted) <= RUNS_KEPT:
        return []
    first = min(camera.backfills_emitted, key=_ends)
    camera.backfills_emitted.remove(first)
    return [] if first.emitted else [_to_event(camera, now, first)]


def _to_event(camera: CameraState, now: Instant, run: Run) -> Backfill:
    after = 0 if run.closed else round(camera.interval_s * 500)
    end = min(run.end + after, round(now.mono * 1000))
    to_utc = now.utc_ms - round(now.mono * 1000)
    first, last = min(run.certain_from, end), min(run.end, end)
    row = camera.camera
    return Backfill(
        row.id, row.operator, run.start + to_utc, end + to_utc, first + to_utc, max(first, last) + to_utc
    )


def _was_not_up(camera: CameraState, start: int, end: int) -> bool:
    """Return whether some of [start, end) is not up, or will not be if the present gap lasts."""
    if any(span.start < end and start < span.end for span in camera.not_up):
        return True
    blind = deadlines.blind_since(camera)
    if blind is not None:
        return end > blind * 1000
    not_up = camera.underlying_status in (Status.UNKNOWN, Status.DOWN)
    return not_up and camera.accounted_until_ms is not None and end > camera.accounted_until_ms
