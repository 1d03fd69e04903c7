"""Deadlines of a camera as functions of its state (rules L, S, V). Instants are monotonic seconds.

A heartbeat moves them by moving `proof`; a monitoring gap by overrides that hold until the next proof.
"""

from __future__ import annotations

from camwatch.core.model import NEVER, GapCause, Instant, Status
from camwatch.core.state import CameraState

PACE = 1.25
"""Intervals within which a living, visible camera sends its next heartbeat: none is quite regular."""


def heartbeat_due(camera: CameraState) -> float:
    """Return when a heartbeat is due, while visible (rule L3)."""
    if camera.override_for == camera.proof:
        return camera.due_override
    return camera.proof + camera.interval_s


def down_deadline(camera: CameraState) -> float:
    """Return when the camera is down without a proof (rules L2, S4, S5)."""
    if camera.override_for == camera.proof:
        return camera.deadline_override
    return camera.proof + camera.down_s


def decision_deadline(camera: CameraState) -> float:
    """Return when the camera is down if it stays silent: by deadline or hint (rules L3, L5)."""
    until = down_deadline(camera)
    return until if camera.hint is None else min(until, camera.hint_until)


def set_override(camera: CameraState, due_at: float, deadline_at: float) -> None:
    """Replace due instant and deadline until the next proof."""
    camera.override_for = camera.proof
    camera.due_override = due_at
    camera.deadline_override = deadline_at


def restart_deadline(camera: CameraState, start: float) -> None:
    """Give the camera a whole `down_after` from `start` (rule S5)."""
    set_override(camera, start + camera.interval_s, start + camera.down_s)


def extend_for_gap(camera: CameraState, blind_from: float, visible_at: float) -> None:
    """Extend the deadlines for a short monitoring gap: by its length plus one interval (rule S4).

    At most to `down_after` plus an interval after its end: many gaps in a row must not postpone it without
    limit. The next heartbeat is due one interval after the gap (rule E1).
    """
    due_at = visible_at + camera.interval_s
    moved = down_deadline(camera) + visible_at - blind_from + camera.interval_s
    set_override(camera, due_at, min(moved, due_at + camera.down_s))


def prove_late(camera: CameraState, sent: Instant) -> None:
    """Move the deadlines for a heartbeat that was `sent` before now, if they become later (rule L8)."""
    record_return(camera, sent.mono)
    # A proof on time ended the run of duplicates.
    if camera.replay_started_at < camera.proof != camera.sent_late:
        camera.replay_last_at = NEVER
    camera.proof, camera.proof_ms = sent.mono, sent.utc_ms
    camera.sent_late = sent.mono


def record_return(camera: CameraState, sent: float) -> None:
    """Keep the overrides of the end of a gap for a proof `sent` before that (rules S4, S11).

    The deadline moves with the proof, at most to that of a camera that sent until the gap ended.
    """
    returned = camera.due_override - camera.interval_s
    if camera.override_for == camera.proof and sent <= returned:
        moved = camera.deadline_override + sent - camera.proof
        camera.override_for = sent
        camera.deadline_override = min(moved, returned + camera.down_s + camera.interval_s)


def extend_hint(camera: CameraState, blind_from: float, visible_at: float, cause: GapCause) -> None:
    """Keep or drop a hint after a monitoring gap (rules L5, S2, S4).

    Hints of a lost link are dropped: a broker that stops publishes the wills of living cameras, just before
    the loss or into its backlog. So are hints before a long gap: they are outdated.
    """
    if camera.hint is None:
        return
    if camera.hint_at > blind_from and cause is not GapCause.LINK:
        # It arrived before the subscription was confirmed: its grace starts then.
        camera.hint_until = visible_at + camera.hint_until - camera.hint_at
    elif cause is GapCause.STALL and visible_at - blind_from < camera.down_s:
        camera.hint_until += visible_at - blind_from + camera.interval_s
    else:
        camera.hint = None


def blind_since(camera: CameraState) -> float | None:
    """Return since when the camera is not visible; None if it is.

    A proof during the gap (the broker sends its backlog before it confirms the subscription) shortens it.
    """
    blind_since = camera.link_group.blind_since or camera.proof_link_down_since
    return None if blind_since is None else max(blind_since.mono, camera.proof)


def broker_kept_since(camera: CameraState) -> float:
    """Return since when the broker may have kept a message that arrives now; NEVER: it was sent just now."""
    group = camera.link_group
    missed = group.ever_visible or group.resumed  # otherwise there was no session to keep it for
    return NEVER if group.blind_since is None or not missed else group.blind_since.mono


def certain_until(camera: CameraState, now: float) -> float:
    """Return the instant up to which the camera's present status is certain.

    Time beyond it is not accounted yet, so that no accounted time is ever taken back (rule E5). A camera that
    is up is certain until half an interval after its last proof, its hint, or its link's last packet (S3);
    one that is down until half an interval before that packet.
    """
    blind = blind_since(camera)
    limit = now - camera.link_group.lag
    if camera.underlying_status is Status.UNKNOWN:
        if blind is not None:
            return limit
        limit = min(limit, heartbeat_due(camera))
    else:
        # Packets may arrive before the group is visible (the broker's answers): they end no gap.
        seen = max(camera.link_group.delivered_until, camera.proof)
        limit = min(limit, seen if blind is None else min(seen, blind))
        if camera.underlying_status is Status.UP:
            limit = min(limit, camera.proof + camera.interval_s / 2)
        else:
            limit -= camera.interval_s / 2
            # A proof now could date its return to this instant.
            earliest = now - camera.link_group.lag - PACE * camera.interval_s
            back = max(camera.returned_at, camera.hidden_to)
            if earliest <= back:
                limit = min(limit, back)
    return min(limit, camera.hint_at) if camera.hint is not None else limit


def is_suspect(camera: CameraState, now: float) -> bool:
    """Return whether a camera that is up is past `suspect_after`, or has a hint (rule C1)."""
    if camera.underlying_status is not Status.UP:
        return False
    if camera.hint is not None:
        return True
    blind = blind_since(camera)
    until = now - camera.link_group.lag if blind is None else min(now, blind)
    return until >= down_deadline(camera) - camera.down_s + camera.suspect_s
