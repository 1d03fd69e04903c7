"""Late heartbeats: what they prove of the past (rules L8, S9).

A late heartbeat moves no deadline and changes no account; unknown time around the moment when it was
sent becomes up time in the record. Between two proofs of which the later came before a camera would have
been suspect there is no doubt. Times here are monotonic milliseconds, as in a camera's account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from camwatch.core import liveness
from camwatch.core.ledger import Span
from camwatch.core.liveness import NEVER
from camwatch.core.model import Fill, Instant, Status

if TYPE_CHECKING:
    from camwatch.core.state import CameraState

_DARK_KEPT = 16
"""How many stretches of unknown time are remembered of a camera, to know what a late heartbeat may fill."""


def note_dark(camera: CameraState, start: int, end: int) -> None:
    """Remember that [start, end) was accounted as unknown."""
    dark = camera.dark
    if dark and dark[-1].ends == start:
        start = dark.pop().starts
    dark.append(Span(start, end))
    del dark[:-_DARK_KEPT]


def late_proof(camera: CameraState, now: Instant, late_s: float) -> Fill | None:
    """Take a heartbeat that is late by so much; return the stretch that is complete by it, if any."""
    at = round((now.mono - late_s) * 1000)
    reach = round(camera.interval_s * 1000)
    beyond_doubt = round(camera.suspect_s * 1000)
    run = camera.fill
    if run is not None and abs(at - run.ends) <= beyond_doubt:
        camera.fill = Span(run.starts, max(run.ends, at))
        return None
    # Another link may have brought newer proofs already.
    before = (
        max((each for each in (camera.proof, camera.dark_from) if each * 1000 < at), default=NEVER) * 1000
    )
    start = round(before) if at - before <= beyond_doubt else at - reach
    if not _was_dark(camera, start, at + beyond_doubt):  # a proof may come until then, and join them
        return None
    complete = so_far(camera, now)
    camera.fill, camera.fill_told = Span(start, at), None
    return complete


def on_time(camera: CameraState, now: Instant) -> Fill | None:
    """Let a proof that is on time close the gap to a run of late ones.

    One too far from them leaves the run to those that are still to come: a status message, which does not
    tell when it was sent, may stand among heartbeats that a broker kept.
    """
    run, at = camera.fill, round(now.mono * 1000)
    if run is None:
        return None
    if at - run.ends > round(camera.suspect_s * 1000):
        return so_far(camera, now)
    filled = _told(camera, now, run.starts, at)
    camera.fill = camera.fill_told = None
    return filled


def so_far(camera: CameraState, now: Instant) -> Fill | None:
    """Return the stretch that late heartbeats filled so far; None if there is none, or it was told."""
    run = camera.fill
    if run is None:
        return None
    end = run.ends + round(camera.interval_s * 1000)
    if 0 < camera.dark_to * 1000 - run.ends <= camera.suspect_s * 1000:
        end = max(end, round(camera.dark_to * 1000))
    return _told(camera, now, run.starts, min(end, round(now.mono * 1000)))


def _told(camera: CameraState, now: Instant, start: int, end: int) -> Fill | None:
    span = Span(start, end)
    if span == camera.fill_told:
        return None
    camera.fill_told = span
    to_utc = now.utc_ms - round(now.mono * 1000)
    return Fill(camera.camera.id, camera.camera.operator, start + to_utc, end + to_utc)


def _was_dark(camera: CameraState, start: int, end: int) -> bool:
    """Tell whether some of [start, end) is unknown, or will be if the present blindness lasts."""
    if any(span.starts < end and start < span.ends for span in camera.dark):
        return True
    blind = liveness.blind_from(camera)
    if blind is not None:
        return end > blind * 1000
    return camera.life is Status.UNKNOWN and camera.settled_ms is not None and end > camera.settled_ms
