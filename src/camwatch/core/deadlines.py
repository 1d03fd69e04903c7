"""Deadlines of a camera as functions of its state (rules L, S, V).

A heartbeat moves them by moving `proof`; a monitoring gap by an override that holds until the next proof.
"""

from __future__ import annotations

from camwatch.core.model import NEVER, GapCause, Instant, Status
from camwatch.core.state import CameraState

PACE = 1.25
"""Within how many intervals the next heartbeat comes of a camera that lives and can be seen: none keeps quite
to its pace."""


def heartbeat_due(camera: CameraState) -> float:
    """Return the monotonic instant by which a heartbeat is due, in sight (rule L3)."""
    if camera.override_for == camera.proof:
        return camera.due_override
    return camera.proof + camera.interval_s


def down_deadline(camera: CameraState) -> float:
    """Return the monotonic instant at which the camera is down for want of a proof (rules L2, S4, S5)."""
    if camera.override_for == camera.proof:
        return camera.deadline_override
    return camera.proof + camera.down_s


def decision_deadline(camera: CameraState) -> float:
    """Return the monotonic instant at which the camera is down if it stays silent (rules L3, L5)."""
    until = down_deadline(camera)
    return until if camera.hint is None else min(until, camera.hint_until)


def set_override(camera: CameraState, due_at: float, deadline_at: float) -> None:
    """Set due instant and deadline until the next proof."""
    camera.override_for = camera.proof
    camera.due_override = due_at
    camera.deadline_override = deadline_at


def restart_deadline(camera: CameraState, start: float) -> None:
    """Give the camera a whole `down_after` from `start` to show itself (rule S5)."""
    set_override(camera, start + camera.interval_s, start + camera.down_s)


def extend_for_gap(camera: CameraState, blind_from: float, visible_at: float) -> None:
    """Move the deadlines past a short blindness: by its length plus one interval (rule S4).

    No further than a deadline and an interval beyond the return: many in a row would put it off for ever.
    The next heartbeat is due one interval after sight returned (rule E1).
    """
    due_at = visible_at + camera.interval_s
    moved = down_deadline(camera) + visible_at - blind_from + camera.interval_s
    set_override(camera, due_at, min(moved, due_at + camera.down_s))


def prove_late(camera: CameraState, sent: Instant) -> None:
    """Let a heartbeat that was `sent` before now move the deadlines, if they become later by it (rule L8)."""
    record_return(camera, sent.mono)
    if (
        camera.replay_started_at < camera.proof != camera.sent_late
    ):  # a proof on time ended the run of duplicates
        camera.replay_last_at = NEVER
    camera.proof, camera.proof_ms = sent.mono, sent.utc_ms
    camera.sent_late = sent.mono


def record_return(camera: CameraState, sent: float) -> None:
    """Keep what the return of sight granted for a proof that was `sent` before it (rules S4, S11).

    The deadline moves with the proof, up to that of a camera which spoke until sight returned.
    """
    returned = camera.due_override - camera.interval_s
    if camera.override_for == camera.proof and sent <= returned:
        moved = camera.deadline_override + sent - camera.proof
        camera.override_for = sent
        camera.deadline_override = min(moved, returned + camera.down_s + camera.interval_s)


def extend_hint(camera: CameraState, blind_from: float, visible_at: float, cause: GapCause) -> None:
    """Carry a hint through a blindness of ours, whose time stands still (rules L5, S2, S4).

    Where a link was lost, hints go with it: a broker that ends publishes the wills of cameras that live,
    just before the loss, or into what it keeps for us meanwhile. So does one from before a long blindness:
    what it hinted at is long over.
    """
    if camera.hint is None:
        return
    if camera.hint_at > blind_from and cause is not GapCause.LINK:
        # It came before the subscription was confirmed: it is held from then.
        camera.hint_until = visible_at + camera.hint_until - camera.hint_at
    elif cause is GapCause.STALL and visible_at - blind_from < camera.down_s:
        camera.hint_until += visible_at - blind_from + camera.interval_s
    else:
        camera.hint = None


def blind_since(camera: CameraState) -> float | None:
    """Return since when nothing could have been seen of the camera; None while it is in sight.

    A proof that came through all the same (the broker sends what it kept before the subscription is
    confirmed) ends the blindness up to itself.
    """
    blind_since = camera.link_group.blind_since or camera.proof_link_down_since
    return None if blind_since is None else max(blind_since.mono, camera.proof)


def broker_kept_since(camera: CameraState) -> float:
    """Return since when a broker may have kept what comes of a camera now; NEVER: it was sent just now."""
    group = camera.link_group
    missed = group.ever_visible or group.resumed  # otherwise there was nobody for whom it could be kept
    return NEVER if group.blind_since is None or not missed else group.blind_since.mono


def certain_until(camera: CameraState, now: float) -> float:
    """Return the monotonic instant up to which the camera's present life is certain.

    Beyond it nothing is accounted yet, so that no account is ever taken back (rule E5): a camera that is up
    is certain until half an interval after its last proof, its hint, or its link's last packet (S3); one
    that is down until half an interval before that packet.
    """
    blind = blind_since(camera)
    limit = now - camera.link_group.lag
    if camera.underlying_status is Status.UNKNOWN:
        if blind is not None:
            return limit
        limit = min(limit, heartbeat_due(camera))
    else:
        # Packets may come before sight returns (the broker's answers): they end no blindness.
        seen = max(camera.link_group.delivered_until, camera.proof)
        limit = min(limit, seen if blind is None else min(seen, blind))
        if camera.underlying_status is Status.UP:
            limit = min(limit, camera.proof + camera.interval_s / 2)
        else:
            limit -= camera.interval_s / 2
            # To which a proof of now could date its return.
            earliest = now - camera.link_group.lag - PACE * camera.interval_s
            back = max(camera.returned_at, camera.hidden_to)
            if earliest <= back:
                limit = min(limit, back)
    return min(limit, camera.hint_at) if camera.hint is not None else limit


def is_suspect(camera: CameraState, now: float) -> bool:
    """Tell whether a camera that is up is past `suspect_after`, or held under a hint (rule C1)."""
    if camera.underlying_status is not Status.UP:
        return False
    if camera.hint is not None:
        return True
    blind = blind_since(camera)
    until = now - camera.link_group.lag if blind is None else min(now, blind)
    return until >= down_deadline(camera) - camera.down_s + camera.suspect_s
