"""When an outage began and ended: both instants lie between two others, and the figure is the point (rule E).

A camera that falls silent died at any instant between its last proof and the heartbeat that was due next;
one whose stream resumes came back at any instant within the interval before its first proof. The middle of
each is wrong by half an interval at most, and by nothing on average. Where evidence names the instant (a
hint, a birth, a boot), that is taken. No camera keeps quite to its pace, so what bounds the instant allows
for that (`PACE`). Times are monotonic seconds.
"""

from __future__ import annotations

from enum import Enum

from camwatch.core import deadlines
from camwatch.core.deadlines import PACE
from camwatch.core.model import HINT_GRACE_MIN, NEVER, Cause, Dated, Status
from camwatch.core.state import CameraState


class Boot(Enum):
    """What a proof tells of the boot that it belongs to, compared with the one before."""

    NEW = "new"
    SAME = "same"
    UNTOLD = "untold"


def exactly(at: float) -> Dated:
    """Return an instant that is known."""
    return Dated(at, at, at)


def returned(camera: CameraState) -> bool:
    """Tell whether visibility returned since the camera's last proof."""
    return camera.override_for == camera.proof


def beginning(camera: CameraState) -> Dated:
    """Return when a camera died that is declared down now (rule E1)."""
    proof, interval = camera.proof, camera.interval_s
    since = proof - possible_wait(camera, proof)
    if returned(camera):
        at = camera.due_override
        if camera.hint is not None:  # what lies before the return is unknown, whatever hinted at it
            at = max(at - interval, min(at, camera.hint_at))
        return Dated(at, at if proof == NEVER else since, at + (PACE - 1) * interval)
    # A broker publishes a will up to 1.5 times the keep-alive after the death; a goodbye comes before it.
    goodbye = camera.hint is Cause.GOODBYE
    lag = camera.link_group.lag if goodbye else 0.0
    if camera.hint is not None and camera.hint_at - lag - proof < HINT_GRACE_MIN * interval:
        at = max(proof, camera.hint_at - lag)
        exact = goodbye and since == proof and not lagged(camera, at)
        return exactly(at) if exact else Dated(at, since, camera.hint_at)
    waited_s = 0.0 if proof == camera.sent_late else waited(camera)
    return Dated(proof + interval / 2, since - waited_s, proof + PACE * interval)


def lagged(camera: CameraState, at: float) -> bool:
    """Tell whether a message that came `at` an instant may have waited: the link lags, or just did."""
    return camera.link_group.lag > 0.0 or at - camera.link_group.lagged_to <= camera.interval_s


def waited(camera: CameraState) -> float:
    """Return for how many seconds a camera's last heartbeat on time waited on its way.

    By the newest `ts` that came on time; 0 if that does not tell.
    """
    late_s = camera.offsets[(camera.offset_index - 1) & 31] - camera.clock_offset
    return late_s if 0.0 < late_s <= camera.interval_s else 0.0


def possible_wait(camera: CameraState, came: float) -> float:
    """Return how long a heartbeat can have waited that arrived when it `came`, in seconds.

    0 for a camera that tells when it sends, and where the link did not lag. A lag is known to an interval.
    """
    group = camera.link_group
    within = group.lagged_from <= came and (group.lag > 0.0 or came <= group.lagged_to)
    if not within or camera.clock_offset < float("inf"):
        return 0.0
    return group.lagged_s + camera.interval_s


def unproven(camera: CameraState, proof: float) -> Dated:
    """Return from when a camera is unknown that gave no proof in time after `proof` (rule E3)."""
    due = proof + camera.interval_s
    if camera.hint is not None:
        due = min(due, camera.hint_at)
    return Dated(due, min(proof - possible_wait(camera, proof), due), due)


def hidden(camera: CameraState, blind: float) -> Dated:
    """Return from when a camera is unknown that cannot be seen since `blind` (rules E3, S4)."""
    if camera.underlying_status is not Status.UP:
        return Dated(blind, blind - PACE * camera.interval_s, blind)
    at = min(blind, camera.proof + camera.interval_s)
    return Dated(at, min(at, camera.proof - possible_wait(camera, camera.proof)), at)


def opened_from(camera: CameraState, at: float) -> float:
    """Return when a camera can have come back at the earliest that showed `at` an instant that it can speak.

    Where its link lags, that instant is known to an interval. A broker may have kept what showed it, and who
    had come back before sight was lost connects anew when it returns.
    """
    spare, kept = PACE * camera.interval_s, deadlines.broker_kept_since(camera)
    earliest = at - camera.interval_s if lagged(camera, at) else at
    if kept > NEVER:
        return min(earliest, kept - spare)
    return min(earliest, camera.hidden_from) if at - camera.hidden_to <= spare else earliest


def ending(
    camera: CameraState, proof: float, boot: Boot, uptime_s: float | None, waited_s: float = 0.0
) -> Dated:
    """Return when a camera came back that is down and gives its first `proof` (rule E2).

    `uptime_s` is what that proof tells of its boot; `waited_s` is for how long it waited on its way.
    """
    interval, sent, wait_s = camera.interval_s, proof - waited_s, possible_wait(camera, proof)
    due = sent - PACE * interval
    booted = sent - uptime_s if boot is Boot.NEW and uptime_s is not None else NEVER
    unseen = camera.hidden_to >= due  # it may have come back before sight of it returned
    first = (min(due, camera.hidden_from) if unseen else due) - wait_s
    if due <= camera.return_arrived_at and due - interval <= camera.returned_at <= proof:
        at = camera.returned_at
        if (
            camera.return_arrived_at > at
        ):  # the lag is that of the slowest message: this one may have waited for less
            at = min(max(at, sent - interval / 2, booted), camera.return_arrived_at)
        earliest = camera.return_earliest if camera.returned_at >= due else first
        if at > sent:  # it waited as well
            at, earliest = sent, min(earliest, at - waited_s)
        return Dated(at, earliest, camera.return_arrived_at)
    if boot is Boot.NEW:
        if booted == NEVER:
            booted = first if unseen else sent
        # What had booted before sight returned was back then.
        at = camera.hidden_to if unseen and booted <= camera.hidden_to else sent
        return Dated(at, max(booted - wait_s, first), proof)
    silent = boot is Boot.SAME and (unseen or camera.cause is Cause.TIMEOUT)
    at = max(sent - interval / 2, camera.hidden_to if unseen else NEVER) if silent else sent
    return Dated(at, first, proof)
