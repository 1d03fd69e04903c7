"""Late heartbeats: what they prove of the past (rules E4, L8, S9).

A late heartbeat changes no account. It proves that its camera was alive when it was sent, and for half an
interval on either side: what is unknown or down there becomes up time in the record. Between two signs of
life no further apart than `down_after` there is no doubt (rule E3). Times here are monotonic milliseconds,
as in a camera's account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from camwatch.core import liveness
from camwatch.core.ledger import Span
from camwatch.core.liveness import NEVER
from camwatch.core.model import Fill, Instant, Status

if TYPE_CHECKING:
    from camwatch.core.state import CameraState


class Run(NamedTuple):
    """Late heartbeats on end: up from `starts`, for certain from `sure`, to the last, sent at `ends`."""

    starts: int
    ends: int
    sure: int


_DARK_KEPT = 16
"""How many stretches without life are remembered of a camera, to know what a late heartbeat may fill."""


def note_dark(camera: CameraState, start: int, end: int) -> None:
    """Remember that [start, end) was accounted as unknown or down."""
    dark = camera.dark
    if dark and dark[-1].ends == start:
        start = dark.pop().starts
    dark.append(Span(start, end))
    del dark[:-_DARK_KEPT]


def late_proof(camera: CameraState, now: Instant, sent: float, uptime_s: float | None) -> Fill | None:
    """Take a heartbeat that was `sent` long ago; return the stretch that is complete by it, if any.

    It proves nothing of the time before its camera booted, `uptime_s` earlier.
    """
    at, reach = round(sent * 1000), round(camera.interval_s * 500)
    back = reach if uptime_s is None else min(reach, round(uptime_s * 1000))
    sure = at if back == reach else at - back  # it booted then, or it may have come back a little later
    no_further = round(camera.down_s * 1000)
    run = camera.fill
    if run is not None and abs(at - run.ends) <= no_further:
        camera.fill = Run(min(run.starts, at - back), max(run.ends, at), min(run.sure, sure))
        return None
    # Another link may have brought newer proofs already.
    signs = (each for each in (camera.proof, camera.dark_from) if each * 1000 < at)
    before = max(signs, default=NEVER) * 1000
    start = at - back
    if at - before <= no_further:
        start = sure = round(before)
    if not _was_dark(camera, start, at + no_further):  # a proof may come until then, and join them
        return None
    complete = so_far(camera, now)
    camera.fill, camera.fill_told = Run(start, at, sure), None
    return complete


def on_time(camera: CameraState, at: float, now: Instant) -> Fill | None:
    """Let a proof at a monotonic instant close the gap to a run of late ones.

    One too far from them leaves the run to those that are still to come: another camera's link may be ahead.
    """
    run, proof = camera.fill, round(at * 1000)
    if run is None:
        return None
    if proof - run.ends > round(camera.down_s * 1000):
        return so_far(camera, now)
    end = max(proof, run.ends)
    filled = _told(camera, now, run, end, end)
    camera.fill = camera.fill_told = None
    return filled


def so_far(camera: CameraState, now: Instant) -> Fill | None:
    """Return the stretch that late heartbeats filled so far; None if there is none, or it was told."""
    run = camera.fill
    if run is None or now.mono < camera.undecided_until:
        return None
    end, sure = run.ends + round(camera.interval_s * 500), run.ends
    if 0 < camera.dark_to * 1000 - run.ends <= camera.down_s * 1000:
        sure = round(camera.dark_to * 1000)
        end = max(end, sure)
    return _told(camera, now, run, min(end, round(now.mono * 1000)), sure)


def _told(camera: CameraState, now: Instant, run: Run, end: int, sure: int) -> Fill | None:
    span = Span(run.starts, end)
    if span == camera.fill_told:
        return None
    camera.fill_told = span
    to_utc = now.utc_ms - round(now.mono * 1000)
    first, last = min(run.sure, end), min(sure, end)
    row = camera.camera
    return Fill(
        row.id, row.operator, span.starts + to_utc, end + to_utc, first + to_utc, max(first, last) + to_utc
    )


def _was_dark(camera: CameraState, start: int, end: int) -> bool:
    """Tell whether some of [start, end) is not up, or will not be if the present blindness lasts."""
    if any(span.starts < end and start < span.ends for span in camera.dark):
        return True
    blind = liveness.blind_from(camera)
    if blind is not None:
        return end > blind * 1000
    dark = camera.life in (Status.UNKNOWN, Status.DOWN)
    return dark and camera.settled_ms is not None and end > camera.settled_ms
