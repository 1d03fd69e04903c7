"""Late heartbeats: what they prove of the past (rules E4, L8, S9).

A late heartbeat changes no account. It proves that its camera was alive when it was sent, and for half an
interval on either side: what is unknown or down there becomes up time in the record. Between two signs of
life no further apart than `down_after` there is no doubt (rule E3). Times here are monotonic milliseconds,
as in a camera's account.

What was told is remembered, so that a heartbeat which says it again tells nothing: however many come, each
event is for a stretch of its own, or for one that grew. A restart forgets it, and the record does not mind:
there, stretches that overlap are one.
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
"""How many stretches without life are remembered of a camera, to know what a late heartbeat may fill."""
RUNS_KEPT = 64
"""How many runs are remembered of a camera beside the present one. What is earlier than all of them fills
nothing more."""
_STEP = 16
"""A late heartbeat is news if it tells of another 16th of an interval: a flood may not creep on for ever."""
_ends = attrgetter("end")


def record_not_up(camera: CameraState, start: int, end: int) -> None:
    """Remember that [start, end) was accounted as unknown or down."""
    dark = camera.not_up
    if dark and dark[-1].end == start:
        start = dark.pop().start
    dark.append(Interval(start, end))
    del dark[:-_NOT_UP_KEPT]


def record_proof(camera: CameraState, at: float) -> None:
    """Remember a proof on time at an edge of such a stretch, monotonic."""
    if at > NEVER:
        camera.gap_proofs.append(at)
        del camera.gap_proofs[: -2 * _NOT_UP_KEPT]


def add_late(camera: CameraState, now: Instant, sent: float, uptime_s: float | None) -> list[Backfill]:
    """Take a heartbeat that was `sent` long ago; return what is to be told before it is forgotten.

    It proves nothing of the time before its camera booted, `uptime_s` earlier. Sets `late_news`: whether it
    told more than what was known.
    """
    at, no_further = round(sent * 1000), round(camera.down_s * 1000)
    if camera.backfill_at_proof is None:
        camera.backfill_at_proof = (camera.backfill, tuple(camera.backfills_emitted))
    _note_arrival(camera, round(now.mono * 1000), no_further)
    step = round(camera.interval_s * 1000 / _STEP)
    # A queue that empties goes on and on, also through time that was not dark.
    served = (
        camera.accounted_until_ms is None
        or at + no_further >= camera.accounted_until_ms - camera.status_time.in_service
    )
    camera.late_proved_more = served and at >= camera.late_sent_ms + step
    if camera.late_proved_more:
        camera.late_sent_ms = at
    if not served:  # there was no ledger yet that could be dark
        return []
    sign = _sign(camera, at, no_further, uptime_s)
    runs = _runs(camera)
    first, last = at - no_further, at + no_further
    # One that is closed does not go on: what comes after it need not have been dark.
    near = [
        run
        for run in runs
        if first <= run.end and run.certain_from <= last and (at <= run.end or not run.closed)
    ]
    if not any(run.start <= at for run in near):  # it does not go on with what was dark
        too_old = len(runs) > RUNS_KEPT and all(at < run.certain_from for run in runs)
        # A proof may come until `no_further` after it, and join them.
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
    """Let a proof at a monotonic instant close the gap to a run of late ones.

    One too far from them leaves the run to those that are still to come: another camera's link may be ahead.
    What the run proves so far is not doubted any more.
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
    # One that is closed already goes on no further: what came after its end need not have been dark.
    closed = run._replace(end=run.end if run.closed else max(proof, run.end), closed=True, emitted=True)
    fill = _to_event(camera, now, closed)
    told = run.emitted and fill == _to_event(camera, now, run)
    return [*([] if told else [fill]), *_set_aside(camera, now, closed)]


def pending(camera: CameraState, now: Instant) -> list[Backfill]:
    """Return the stretches that late heartbeats filled so far, of which something was not told."""
    if (camera.backfill is None and not camera.backfills_emitted) or now.mono < camera.undecided_until:
        return []
    untold = [run for run in _runs(camera) if not run.emitted]
    if untold:
        # An open one that ends later fills still more.
        over = round(now.mono * 1000 - camera.interval_s * 500)
        camera.backfills_emitted = [_emitted(run, over) for run in camera.backfills_emitted]
        camera.backfill = None if camera.backfill is None else _emitted(camera.backfill, over)
        camera.backfill_at_proof = (
            None if camera.backfill_at_proof is None else (camera.backfill, tuple(camera.backfills_emitted))
        )
    return [_to_event(camera, now, run) for run in untold]


def doubt(camera: CameraState) -> None:
    """Forget what late heartbeats told since the last proof on time: a wrong clock's word alone (L8).

    So they were not late, and proved life when they came: those that looked late by the same.
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
    """Forget what was told: our clock was set, and it would be of another time if it were told again (T2)."""
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
    """Return what a heartbeat proves by itself, or with the proof before it, if that is near."""
    reach = round(camera.interval_s * 500)
    back = reach if uptime_s is None else min(reach, round(uptime_s * 1000))
    sure = at if back == reach else at - back  # it booted then, or it may have come back a little later
    # Another link may have brought newer proofs already.
    signs = (round(each * 1000) for each in (camera.proof, *camera.gap_proofs) if each > NEVER)
    before = max((each for each in signs if each < at), default=None)
    if before is not None and at - before <= no_further:
        return Run(before, at, before)
    return Run(at - back, at, sure)


def _runs(camera: CameraState) -> list[Run]:
    return (
        camera.backfills_emitted if camera.backfill is None else [*camera.backfills_emitted, camera.backfill]
    )


def _emitted(run: Run, over: int) -> Run:
    return run._replace(emitted=run.closed or run.end <= over)


def _joined(runs: Sequence[Run], sign: Run) -> Run:
    every = (*runs, sign)
    last = max(every, key=_ends)
    starts, sure = min(run.start for run in every), min(run.certain_from for run in every)
    return Run(starts, last.end, sure, closed=last.closed)


def _closed(camera: CameraState, run: Run, no_further: int) -> Run:
    """Let a proof that followed close the gap to a run, if it was heard of first.

    That is the last one, or the return that ended a darkness.
    """
    on_time = () if camera.proof == camera.sent_late else (camera.proof,)
    signs = (round(each * 1000) for each in (*on_time, *camera.gap_proofs) if each > NEVER)
    back = min((each for each in signs if each > run.end), default=None)
    if run.closed or back is None or back - run.end > no_further:
        return run
    return run._replace(end=back, closed=True)


def _set_aside(camera: CameraState, now: Instant, run: Run) -> list[Backfill]:
    """Remember a run that does not go on now; return what is to be told of one that is forgotten for it."""
    doubtful = camera.backfill_at_proof is not None and run != camera.backfill_at_proof[0]
    if now.mono < camera.undecided_until and doubtful and not run.emitted:
        return []  # it may be its clock that is wrong
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
    """Tell whether some of [start, end) is not up, or will not be if the present blindness lasts."""
    if any(span.start < end and start < span.end for span in camera.not_up):
        return True
    blind = deadlines.blind_since(camera)
    if blind is not None:
        return end > blind * 1000
    dark = camera.underlying_status in (Status.UNKNOWN, Status.DOWN)
    return dark and camera.accounted_until_ms is not None and end > camera.accounted_until_ms
