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

from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from camwatch.core import deadlines
from camwatch.core.deadlines import NEVER
from camwatch.core.model import Fill, Instant, Status
from camwatch.core.status_time import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from camwatch.core.state import CameraState


class Run(NamedTuple):
    """Signs of life on end: up from `starts`, for certain from `sure`, to the last, at `ends`.

    `closed`: the last of them was on time. `told`: all of this is among the events.
    """

    starts: int
    ends: int
    sure: int
    closed: bool = False
    told: bool = False


_DARK_KEPT = 16
"""How many stretches without life are remembered of a camera, to know what a late heartbeat may fill."""
RUNS_KEPT = 64
"""How many runs are remembered of a camera beside the present one. What is earlier than all of them fills
nothing more."""
_STEP = 16
"""A late heartbeat is news if it tells of another 16th of an interval: a flood may not creep on for ever."""
_ends = attrgetter("ends")


def note_dark(camera: CameraState, start: int, end: int) -> None:
    """Remember that [start, end) was accounted as unknown or down."""
    dark = camera.dark
    if dark and dark[-1].ends == start:
        start = dark.pop().starts
    dark.append(Span(start, end))
    del dark[:-_DARK_KEPT]


def note_sign(camera: CameraState, at: float) -> None:
    """Remember a proof on time at an edge of such a stretch, monotonic."""
    if at > NEVER:
        camera.signs.append(at)
        del camera.signs[: -2 * _DARK_KEPT]


def late_proof(camera: CameraState, now: Instant, sent: float, uptime_s: float | None) -> list[Fill]:
    """Take a heartbeat that was `sent` long ago; return what is to be told before it is forgotten.

    It proves nothing of the time before its camera booted, `uptime_s` earlier. Sets `late_news`: whether it
    told more than what was known.
    """
    at, no_further = round(sent * 1000), round(camera.down_s * 1000)
    if camera.sound is None:
        camera.sound = (camera.fill, tuple(camera.filled))
    _note_arrival(camera, round(now.mono * 1000), no_further)
    step = round(camera.interval_s * 1000 / _STEP)
    # A queue that empties goes on and on, also through time that was not dark.
    served = camera.settled_ms is None or at + no_further >= camera.settled_ms - camera.account.in_service
    camera.late_news = served and at >= camera.late_upto + step
    if camera.late_news:
        camera.late_upto = at
    if not served:  # there was no ledger yet that could be dark
        return []
    sign = _sign(camera, at, no_further, uptime_s)
    runs = _runs(camera)
    first, last = at - no_further, at + no_further
    # One that is closed does not go on: what comes after it need not have been dark.
    near = [
        run for run in runs if first <= run.ends and run.sure <= last and (at <= run.ends or not run.closed)
    ]
    if not any(run.starts <= at for run in near):  # it does not go on with what was dark
        too_old = len(runs) > RUNS_KEPT and all(at < run.sure for run in runs)
        # A proof may come until `no_further` after it, and join them.
        if too_old or not _was_dark(camera, sign.starts, last):
            return []
    joined = _closed(camera, _joined(near, sign), no_further)
    grown = joined.ends - joined.starts - sum(run.ends - run.starts for run in near)
    camera.late_news = camera.late_news or not near or grown >= step
    if len(near) == 1 and joined == near[0]._replace(told=False):
        return []
    forgotten = [] if camera.fill is None or camera.fill in near else _set_aside(camera, now, camera.fill)
    camera.filled = [run for run in camera.filled if run not in near]
    camera.fill = joined
    return forgotten


def on_time(camera: CameraState, at: float, now: Instant) -> list[Fill]:
    """Let a proof at a monotonic instant close the gap to a run of late ones.

    One too far from them leaves the run to those that are still to come: another camera's link may be ahead.
    What the run proves so far is not doubted any more.
    """
    camera.sound = camera.came = None
    if camera.fill is None:
        return []
    run, proof = max(_runs(camera), key=_ends), round(at * 1000)
    if (run.closed and run is not camera.fill) or proof - run.ends > round(camera.down_s * 1000):
        return []
    if run is camera.fill:
        camera.fill = None
    else:
        camera.filled.remove(run)
    # One that is closed already goes on no further: what came after its end need not have been dark.
    closed = run._replace(ends=run.ends if run.closed else max(proof, run.ends), closed=True, told=True)
    fill = _fill_of(camera, now, closed)
    told = run.told and fill == _fill_of(camera, now, run)
    return [*([] if told else [fill]), *_set_aside(camera, now, closed)]


def so_far(camera: CameraState, now: Instant) -> list[Fill]:
    """Return the stretches that late heartbeats filled so far, of which something was not told."""
    if (camera.fill is None and not camera.filled) or now.mono < camera.undecided_until:
        return []
    untold = [run for run in _runs(camera) if not run.told]
    if untold:
        # An open one that ends later fills still more.
        over = round(now.mono * 1000 - camera.interval_s * 500)
        camera.filled = [_told(run, over) for run in camera.filled]
        camera.fill = None if camera.fill is None else _told(camera.fill, over)
        camera.sound = None if camera.sound is None else (camera.fill, tuple(camera.filled))
    return [_fill_of(camera, now, run) for run in untold]


def doubt(camera: CameraState) -> None:
    """Forget what late heartbeats told since the last proof on time: a wrong clock's word alone (L8).

    So they were not late, and proved life when they came: those that looked late by the same.
    """
    if camera.sound is None or camera.came is None:
        return
    (camera.fill, filled), camera.sound = camera.sound, None
    camera.filled = list(filled)
    came, camera.came = camera.came, None
    starts = max(came.starts, round(camera.late_at * 1000))
    if camera.late_at > NEVER and starts < came.ends and _was_dark(camera, starts, came.ends):
        if camera.fill is not None:
            camera.filled.append(camera.fill)
            del camera.filled[:-RUNS_KEPT]
        camera.fill, camera.calm = Run(starts, came.ends, starts), False
        camera.undecided_until = NEVER


def forget_told(camera: CameraState) -> None:
    """Forget what was told: our clock was set, and it would be of another time if it were told again (T2)."""
    camera.fill, camera.filled = _untold(camera.fill, camera.filled)
    if camera.sound is not None:
        fill, filled = _untold(*camera.sound)
        camera.sound = fill, tuple(filled)


def _note_arrival(camera: CameraState, at: int, no_further: int) -> None:
    last = camera.came
    camera.came = Span(at if last is None or at - last.ends > no_further else last.starts, at)


def _untold(fill: Run | None, filled: Iterable[Run]) -> tuple[Run | None, list[Run]]:
    if fill is not None and fill.told:
        fill = fill._replace(starts=fill.ends, sure=fill.ends)
    return fill, [run for run in filled if not run.told]


def _sign(camera: CameraState, at: int, no_further: int, uptime_s: float | None) -> Run:
    """Return what a heartbeat proves by itself, or with the proof before it, if that is near."""
    reach = round(camera.interval_s * 500)
    back = reach if uptime_s is None else min(reach, round(uptime_s * 1000))
    sure = at if back == reach else at - back  # it booted then, or it may have come back a little later
    # Another link may have brought newer proofs already.
    signs = (round(each * 1000) for each in (camera.proof, *camera.signs) if each > NEVER)
    before = max((each for each in signs if each < at), default=None)
    if before is not None and at - before <= no_further:
        return Run(before, at, before)
    return Run(at - back, at, sure)


def _runs(camera: CameraState) -> list[Run]:
    return camera.filled if camera.fill is None else [*camera.filled, camera.fill]


def _told(run: Run, over: int) -> Run:
    return run._replace(told=run.closed or run.ends <= over)


def _joined(runs: Sequence[Run], sign: Run) -> Run:
    every = (*runs, sign)
    last = max(every, key=_ends)
    starts, sure = min(run.starts for run in every), min(run.sure for run in every)
    return Run(starts, last.ends, sure, closed=last.closed)


def _closed(camera: CameraState, run: Run, no_further: int) -> Run:
    """Let a proof that followed close the gap to a run, if it was heard of first.

    That is the last one, or the return that ended a darkness.
    """
    on_time = () if camera.proof == camera.sent_late else (camera.proof,)
    signs = (round(each * 1000) for each in (*on_time, *camera.signs) if each > NEVER)
    back = min((each for each in signs if each > run.ends), default=None)
    if run.closed or back is None or back - run.ends > no_further:
        return run
    return run._replace(ends=back, closed=True)


def _set_aside(camera: CameraState, now: Instant, run: Run) -> list[Fill]:
    """Remember a run that does not go on now; return what is to be told of one that is forgotten for it."""
    doubtful = camera.sound is not None and run != camera.sound[0]
    if now.mono < camera.undecided_until and doubtful and not run.told:
        return []  # it may be its clock that is wrong
    camera.filled.append(run)
    if len(camera.filled) <= RUNS_KEPT:
        return []
    first = min(camera.filled, key=_ends)
    camera.filled.remove(first)
    return [] if first.told else [_fill_of(camera, now, first)]


def _fill_of(camera: CameraState, now: Instant, run: Run) -> Fill:
    after = 0 if run.closed else round(camera.interval_s * 500)
    end = min(run.ends + after, round(now.mono * 1000))
    to_utc = now.utc_ms - round(now.mono * 1000)
    first, last = min(run.sure, end), min(run.ends, end)
    row = camera.camera
    return Fill(
        row.id, row.operator, run.starts + to_utc, end + to_utc, first + to_utc, max(first, last) + to_utc
    )


def _was_dark(camera: CameraState, start: int, end: int) -> bool:
    """Tell whether some of [start, end) is not up, or will not be if the present blindness lasts."""
    if any(span.starts < end and start < span.ends for span in camera.dark):
        return True
    blind = deadlines.blind_from(camera)
    if blind is not None:
        return end > blind * 1000
    dark = camera.life in (Status.UNKNOWN, Status.DOWN)
    return dark and camera.settled_ms is not None and end > camera.settled_ms
