"""When an outage began and ended: a point and its bounds (rule E).

A camera that falls silent went down between its last proof and the next heartbeat due; one whose heartbeats
resume came back within the interval before its first proof. The middle of each is wrong by half an interval
at most, and unbiased. Evidence of the instant (a hint, `online`, a boot) replaces it. Heartbeats are not
quite regular, so the bounds allow for `PACE`. Times are monotonic seconds.
"""

from __future__ import annotations

from enum import Enum

from camwatch.core import deadlines
from camwatch.core.deadlines import PACE
from camwatch.core.model import HINT_GRACE_MIN, NEVER, Cause, Dated, Status
from camwatch.core.state import CameraState


class Boot(Enum):
    """How the boot of a proof compares with the previous one."""

    NEW = "new"
    SAME = "same"
    UNKNOWN = "unknown"


def exactly(at: float) -> Dated:
    """Return an instant that is known exactly."""
    return Dated(at, at, at)


def returned(camera: CameraState) -> bool:
    """Return whether the camera became visible again since its last proof."""
    return camera.override_for == camera.proof


def beginning(camera: CameraState) -> Dated:
    """Return when a camera went down that is declared down now (rule E1)."""
    proof, interval = camera.proof, camera.interval_s
    since = proof - possible_wait(camera, proof)
    if returned(camera):
        at = camera.due_override
        if camera.hint is not None:  # the time before it became visible is unknown, whatever the hint
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
    """Return whether a message that arrived `at` an instant may have waited: the link lags, or just did."""
    return camera.link_group.lag > 0.0 or at - camera.link_group.lagged_to <= camera.interval_s


def waited(camera: CameraState) -> float:
    """Return how long a camera's last heartbeat on time was under way, in seconds.

    By the newest `ts` on time; 0 if that does not show it.
    """
    late_s = camera.offsets[(camera.offset_index - 1) & 31] - camera.clock_offset
    return late_s if 0.0 < late_s <= camera.interval_s else 0.0


def possible_wait(camera: CameraState, came: float) -> float:
    """Return how long a heartbeat that arrived at `came` can have been under way, in seconds.

    0 for a camera with a usable clock, and while the link did not lag. A lag is known to an interval.
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
    """Return from when a camera is unknown whose monitoring gap began at `blind` (rules E3, S4)."""
    if camera.underlying_status is not Status.UP:
        return Dated(blind, blind - PACE * camera.interval_s, blind)
    at = min(blind, camera.proof + camera.interval_s)
    return Dated(at, min(at, camera.proof - possible_wait(camera, camera.proof)), at)


def opened_from(camera: CameraState, at: float) -> float:
    """Return the earliest return of a camera that showed `at` an instant that it can send.

    While its link lags, that instant is known to an interval. A broker may have kept the message, and a
    camera that came back before the gap connects again after it.
    """
    spare, kept = PACE * camera.interval_s, deadlines.broker_kept_since(camera)
    earliest = at - camera.interval_s if lagged(camera, at) else at
    if kept > NEVER:
        return min(earliest, kept - spare)
    return min(earliest, camera.hidden_from) if at - camera.hidden_to <= spare else earliest


def ending(
    camera: CameraState, proof: float, boot: Boot, uptime_s: float | None, waited_s: float = 0.0
) -> Dated:
    """Return when a camera that is down came back (rule E2).

    `proof` is its first one, with that boot and uptime; it was under way for `waited_s`.
    """
    interval, sent, wait_s = camera.interval_s, proof - waited_s, possible_wait(camera, proof)
    due = sent - PACE * interval
    booted = sent - (uptime_s or 0.0) if boot is Boot.NEW else NEVER
    unseen = camera.hidden_to >= due  # it may have come back during the gap
    first = (min(due, camera.hidden_from) if unseen else due) - wait_s
    if due <= camera.return_arrived_at and due - interval <= camera.returned_at <= proof:
        at = camera.returned_at
        if camera.return_arrived_at > at:  # the lag is that of the slowest message: this one may be faster
            at = min(max(at, sent - interval / 2, booted), camera.return_arrived_at)
        earliest = camera.return_earliest if camera.returned_at >= due else first
        if at > sent:  # it waited as well
            at, earliest = sent, min(earliest, at - waited_s)
        return Dated(at, earliest, camera.return_arrived_at)
    if boot is Boot.NEW:
        # A camera that booted during the gap was back at its end.
        at = camera.hidden_to if unseen and booted <= camera.hidden_to else sent
        return Dated(at, max(booted - wait_s, first), proof)
    silent = boot is Boot.SAME and (unseen or camera.cause is Cause.TIMEOUT)
    at = max(sent - interval / 2, camera.hidden_to if unseen else NEVER) if silent else sent
    return Dated(at, first, proof)
