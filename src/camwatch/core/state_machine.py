"""Carries each camera from status to status, and schedules when to review it.

The underlying status of a camera changes in `apply` and nowhere else.
"""

from __future__ import annotations

import heapq

from camwatch.core import backfill, dating, deadlines
from camwatch.core.conditions import Reason
from camwatch.core.degradation import evaluate_reasons
from camwatch.core.event_recorder import EventRecorder
from camwatch.core.model import NEVER, Cause, Dated, GapCause, Instant, Status
from camwatch.core.state import CameraState, LinkState
from camwatch.core.status_time import next_edge
from camwatch.core.telemetry import Telemetry
from camwatch.core.transitions import IN_SERVICE, TRANSITIONS, TransitionInstant, Trigger

_FOREVER = float("inf")


class StateMachine:
    """Decides about one camera at a time. Instants are monotonic seconds.

    `ping_after_s`: a link silent for longer does not prove visibility (rule S10).
    """

    def __init__(self, recorder: EventRecorder, ping_after_s: float) -> None:
        self._recorder = recorder
        self._ping_after_s = ping_after_s
        self._cameras: dict[int, CameraState] = {}
        self._queue: list[tuple[float, int]] = []  # heap of (when to review, camera index)
        # Past their deadline, waiting for a packet that proves visibility (rule S10).
        self._awaiting_link_check: dict[int, CameraState] = {}

    def add(self, camera: CameraState) -> None:
        """Allow a camera to be scheduled."""
        self._cameras[camera.index] = camera

    def remove(self, camera: CameraState) -> None:
        """Forget a camera."""
        del self._cameras[camera.index]
        self._awaiting_link_check.pop(camera.index, None)

    def camera(self, index: int) -> CameraState | None:
        """Return the camera with an index; None if it was removed."""
        return self._cameras.get(index)

    @property
    def next_due(self) -> float:
        """The instant of the next review; infinite: none."""
        return self._queue[0][0] if self._queue else _FOREVER

    def run_due(self, now: Instant, limit: int) -> bool:
        """Review the cameras that are due, at most `limit`; return whether more are."""
        queue = self._queue
        for _ in range(limit):
            if not queue or queue[0][0] > now.mono:
                return False
            when, index = heapq.heappop(queue)
            camera = self._cameras.get(index)
            if camera is not None and camera.next_check_at == when:
                camera.next_check_at = _FOREVER
                self._review(camera, now)
        return bool(queue) and queue[0][0] <= now.mono

    def retry_pending(self, now: Instant) -> None:
        """Decide about the cameras that waited for a packet of their link (rule S10)."""
        if self._awaiting_link_check:
            held, self._awaiting_link_check = self._awaiting_link_check, {}
            for camera in held.values():
                self._judge(camera, now)

    def apply(
        self,
        camera: CameraState,
        event: Trigger,
        now: Instant,
        *,
        cause: Cause | None = None,
        until: float | None = None,
        dated: Dated | None = None,
    ) -> None:
        """Apply a transition of the table, if it has one for the status, and account the time before it.

        `until` is the deadline that the camera missed; without `dated`, the table gives the instant.
        """
        step = TRANSITIONS[camera.underlying_status].get(event)
        if step is None:
            return
        dated = dated or self._dated(camera, step.at, now)
        at = self._instant(camera, dated.at, now)
        self._recorder.account_until(camera, at.mono, now)
        if step.to in (Status.UNKNOWN, Status.DOWN) and camera.underlying_status is Status.UP:
            backfill.record_proof(camera, min(camera.proof, dated.earliest))
        elif camera.underlying_status in (Status.UNKNOWN, Status.DOWN) and event is Trigger.PROOF:
            backfill.record_proof(camera, camera.proof)
        was_in_service, was = camera.underlying_status in IN_SERVICE, camera.status
        camera.underlying_status = step.to
        camera.hint = None
        if step.to is Status.DOWN:
            camera.cause = cause
        camera.steady = step.to is Status.UP and camera.one_visible_link
        entered = (step.to in IN_SERVICE) - was_in_service
        for group in camera.groups:
            group.in_service += entered
        status = camera.status_at(at)
        if status is not camera.status:
            self._recorder.record_status(camera, status, at, now, cause, until, dated)
        if entered < 0:
            self._recorder.leave_service(camera, at, was)
        elif camera.accounted_until_ms is None:
            self._recorder.enter_service(camera, at)
        self.schedule(camera, now)

    def _dated(self, camera: CameraState, which: TransitionInstant, now: Instant) -> Dated:
        """Return when a transition became true, by the table."""
        if which is TransitionInstant.BLIND:
            blind = deadlines.blind_since(camera)
            return dating.hidden(camera, now.mono if blind is None else blind)
        mono = now.mono
        if which is TransitionInstant.DATE and camera.underlying_status is Status.PLANNED:
            date = camera.camera.in_service_from_ms
            mono = camera.inventory_changed_at
            if date is not None:
                mono = max(mono, now.mono - (now.utc_ms - date) / 1000)
        return dating.exactly(mono)

    def _instant(self, camera: CameraState, mono: float, now: Instant) -> Instant:
        """Return an instant on both clocks; neither after now nor before recorded time."""
        recorded = (
            camera.since.mono if camera.accounted_until_ms is None else camera.accounted_until_ms / 1000
        )
        mono = max(mono, recorded)
        return now.at_mono(min(mono, now.mono))

    def schedule(self, camera: CameraState, now: Instant, *, before: float = _FOREVER) -> None:
        """Schedule the next review after the status, or the lag of the link, changed.

        `before`: only if the decision is due earlier than this.
        """
        blind = deadlines.blind_since(camera)
        if blind is None:
            until = deadlines.decision_deadline(camera) + camera.link_group.lag
            if camera.underlying_status in (Status.UP, Status.UNKNOWN) and until < before:
                self._schedule_decision(camera, now)
        elif camera.underlying_status in (Status.UP, Status.DOWN):
            self.schedule_at(camera, blind + camera.down_s)
        if camera.windows or camera.underlying_status is Status.PLANNED:
            self.schedule_at(camera, now.mono)

    def _review(self, camera: CameraState, now: Instant) -> None:
        """Review a camera that is due: in-service date, window, monitoring gap or deadline."""
        if camera.underlying_status is Status.PLANNED:
            self._review_planned(camera, now)
            return
        if camera.underlying_status is Status.RETIRED:
            return
        if camera.windows:
            self._review_windows(camera, now)
        lost = camera.proof_link_down_since if camera.link_group.blind_since is None else None
        if lost is not None and now.mono >= lost.mono + camera.down_s:
            # It had time to appear on another link (rule S13).
            self.on_visibility_regained(camera, now, GapCause.LINK)
        blind = deadlines.blind_since(camera)
        if blind is None:
            self._judge(camera, now)
        elif now.mono >= blind + camera.down_s:
            self.mark_unknown_if_long_gap(camera, now)
        elif camera.underlying_status is not Status.UNKNOWN:
            self.schedule_at(camera, blind + camera.down_s)

    def mark_unknown_if_long_gap(self, camera: CameraState, now: Instant) -> None:
        """Make a camera unknown that has not been visible for `down_s` (rule S4)."""
        blind = deadlines.blind_since(camera)
        if (
            blind is not None
            and camera.underlying_status in (Status.UP, Status.DOWN)
            and now.mono >= blind + camera.down_s
        ):
            self.apply(camera, Trigger.GAP, now)

    def on_visibility_lost(self, camera: CameraState, since: Instant) -> None:
        """Handle the loss of the link of a camera's proofs, while its other links are up (rule S13)."""
        camera.proof_link_down_since = since
        camera.steady = False
        if camera.underlying_status in (Status.UP, Status.DOWN):
            self.schedule_at(camera, since.mono + camera.down_s)

    def on_visibility_regained(self, camera: CameraState, now: Instant, cause: GapCause) -> None:
        """End a camera's monitoring gap: move its deadlines (S4, S5), and account the hidden time."""
        blind = deadlines.blind_since(camera)
        assert blind is not None, "a gap ends"  # noqa: S101
        if blind - camera.hidden_to > deadlines.PACE * camera.interval_s:
            camera.hidden_from = blind - deadlines.PACE * camera.interval_s
        camera.hidden_to = now.mono
        # Short gaps must not add up: one proof does not keep a camera up without limit.
        worn = camera.underlying_status is Status.UP and now.mono - camera.proof > 2 * camera.down_s
        long = worn or now.mono - blind >= camera.down_s
        if camera.underlying_status is Status.DOWN and not long:
            # Still down, and one outage; only the time in between is unknown (rules E3, S7).
            was, since = camera.cause, dating.hidden(camera, blind)
            self.apply(camera, Trigger.GAP, now, dated=since)
            self.apply(camera, Trigger.SILENCE, now, cause=was, dated=dating.exactly(now.mono))
        elif camera.underlying_status in (Status.UP, Status.DOWN) and long:
            self.apply(camera, Trigger.GAP, now)
        elif camera.underlying_status is Status.UP:
            deadlines.extend_for_gap(camera, blind, now.mono)
        deadlines.extend_hint(camera, blind, now.mono, cause)
        if camera.proof_link_down_since is not None and camera.link_group.blind_since is None:
            camera.proof_link_down_since = None
            self.reschedule(camera, now)

    def reschedule(self, camera: CameraState, now: Instant) -> None:
        """Expect a camera's heartbeats from now on, since it is visible (rule S5)."""
        if camera.underlying_status is Status.UNKNOWN:
            self._recorder.account_until(camera, now.mono, now)
            deadlines.restart_deadline(camera, now.mono)
        self.schedule(camera, now)

    def _review_planned(self, camera: CameraState, now: Instant) -> None:
        date = camera.camera.in_service_from_ms
        if date is None:
            return
        if date <= now.utc_ms:
            self.apply(camera, Trigger.IN_SERVICE, now)
        else:
            # A long sleep would miss a step of the wall clock: review at least hourly.
            self.schedule_at(camera, now.mono + min(3600.0, (date - now.utc_ms) / 1000))

    def _review_windows(self, camera: CameraState, now: Instant) -> None:
        self._recorder.account_until_certain(camera, now)
        if camera.accounted_until_ms is not None:
            settled = now.at_mono(camera.accounted_until_ms / 1000).utc_ms
            passed = next_edge(camera.windows, settled - 1)
            if passed is not None and passed <= now.utc_ms:
                # The status before the edge is not certain yet; the record follows when it is.
                self.schedule_at(camera, now.mono + min(1.0, camera.interval_s))
        edge = next_edge(camera.windows, now.utc_ms)
        if edge is not None:
            self.schedule_at(camera, now.mono + min(3600.0, (edge - now.utc_ms) / 1000))

    def _judge(self, camera: CameraState, now: Instant) -> None:
        """Declare a visible camera down at its deadline, if its links prove visible (L3, L5, S5, S10)."""
        if (
            camera.underlying_status not in (Status.UP, Status.UNKNOWN)
            or deadlines.blind_since(camera) is not None
        ):
            return
        until = deadlines.decision_deadline(camera) + camera.link_group.lag
        if now.mono < until:
            self._schedule_decision(camera, now)
        elif self._sees(camera, now):
            self._declare_down(camera, now, until)
        else:
            self._await_link_check(camera, now, until)

    def _await_link_check(self, camera: CameraState, now: Instant, until: float) -> None:
        """Wait for proof of visibility, while links that delivered only the past are pinged (rule S10).

        After as long again without it, the camera is unknown.
        """
        self._awaiting_link_check[camera.index] = camera
        links = [link for link in camera.link_group.links if link.up]
        for link in links:
            link.doubted = True
        if camera.underlying_status is not Status.UP or any(self._is_silent(link, now) for link in links):
            return
        if now.mono < until + camera.down_s:
            self.schedule_at(camera, until + camera.down_s)
        else:
            self.apply(camera, Trigger.GAP, now, dated=dating.unproven(camera, camera.proof))

    def _declare_down(self, camera: CameraState, now: Instant, until: float) -> None:
        """Date the outage, and the unknown time before it, by what was visible (rules E1, E3)."""
        event = Trigger.SILENCE if camera.hint is None else Trigger.HINT
        cause, dated = camera.hint or Cause.TIMEOUT, dating.beginning(camera)
        unknown = dating.unproven(camera, camera.proof)
        if camera.underlying_status is Status.UP and unknown.at < dated.at and dating.returned(camera):
            self.apply(camera, Trigger.GAP, now, dated=unknown)
        self.apply(camera, event, now, cause=cause, until=until, dated=dated)

    def _schedule_decision(self, camera: CameraState, now: Instant) -> None:
        # A heartbeat schedules nothing, and may shorten a deadline that a gap had extended.
        until = deadlines.decision_deadline(camera) + camera.link_group.lag
        self.schedule_at(camera, min(until, now.mono + camera.down_s))

    def _sees(self, camera: CameraState, now: Instant) -> bool:
        """Return whether every connected link has delivered what was sent since the heartbeat was due (S10).

        Late messages prove nothing of now: a link that lags has delivered so much less (rule S11). A link
        that is not visible hides only cameras of its own proofs, or of no known link (rule S13).
        """
        expected = deadlines.heartbeat_due(camera)
        for link in camera.link_group.links:
            if link.up and not link.visible:
                if camera.proof_link in (None, link) or camera.index in link.late:
                    return False
            elif link.up and (link.delivered_until <= expected or self._is_silent(link, now)):
                return False
        return True

    def _is_silent(self, link: LinkState, now: Instant) -> bool:
        return link.last_packet_at is None or now.mono - link.last_packet_at.mono >= self._ping_after_s

    def on_life_unseen(self, camera: CameraState, now: Instant, at: float) -> None:
        """Record unknown time before an instant `at` which a camera is proven to have lived (E3).

        A camera silent for too long is unknown from when its heartbeat was due; one that was down, from the
        beginning of the gap in which it came back.
        """
        hidden = deadlines.broker_kept_since(camera)
        if camera.underlying_status is Status.UP and at - camera.proof > camera.down_s:
            self.apply(camera, Trigger.GAP, now, dated=dating.unproven(camera, camera.proof))
        elif camera.underlying_status is Status.DOWN and NEVER < hidden <= at:
            self.apply(camera, Trigger.GAP, now, dated=dating.hidden(camera, hidden))

    def on_proof(self, camera: CameraState, now: Instant, at: Instant, back: Dated) -> None:
        """Handle a proof `at` an instant of a camera that is not `steady` (rules L4, L5, E2).

        `back` is when it came back, if it was down.
        """
        camera.hint = None
        camera.proof_link_down_since = None
        until = (
            at.mono if camera.accounted_until_ms is None else max(at.mono, camera.accounted_until_ms / 1000)
        )
        if until > at.mono and camera.underlying_status in (Status.DOWN, Status.UNKNOWN):
            # It is older than accounted time, which only a backfill can change (rule E4). Unknown time in a
            # gap may be accounted up to now, or not yet: the record is the same.
            before_s = 0.0 if deadlines.broker_kept_since(camera) > NEVER else None
            self._recorder.emit(*backfill.add_late(camera, now, at.mono, before_s))
        self._recorder.emit(*backfill.close(camera, until, now))
        if camera.underlying_status is Status.UP:
            camera.steady = camera.one_visible_link
            return
        if camera.underlying_status is Status.PLANNED:
            self._review_planned(camera, now)  # its date may have passed while the loop slept (rule V1)
            camera.override_for = NEVER  # the heartbeat due since then has come
        down = camera.underlying_status is Status.DOWN
        self.apply(camera, Trigger.PROOF, now, dated=back if down else dating.exactly(at.mono))

    def on_late(self, camera: CameraState, now: Instant, sent: Instant, uptime_s: float | None) -> None:
        """Handle a late heartbeat: its camera was alive when it was `sent` (L8, E4)."""
        if camera.underlying_status in (Status.PLANNED, Status.RETIRED):
            return
        self.on_life_unseen(camera, now, sent.mono)
        self._recorder.emit(*backfill.add_late(camera, now, sent.mono, uptime_s))
        if camera.backfill is not None:
            camera.steady = False  # the next heartbeat on time may close the backfill
        if camera.underlying_status is Status.DOWN:
            self.on_return(camera, now)
        if sent.mono > camera.proof:
            deadlines.prove_late(camera, sent)
            self.schedule(camera, now)

    def on_online(self, camera: CameraState, now: Instant) -> None:
        """Handle `online`: it cancels a hint, and dates the end of an outage if a proof follows (L1, E2)."""
        if camera.hint is not None:
            self._recorder.account_until_certain(camera, now)
            camera.hint = None
            camera.steady = (
                camera.underlying_status is Status.UP and camera.backfill is None and camera.one_visible_link
            )
            self.schedule(camera, now)
        # It may be declared down before its next heartbeat is due. While the link lags, the sending time of
        # `online` is not known well enough.
        if camera.underlying_status is Status.DOWN or (
            camera.underlying_status in IN_SERVICE and not camera.link_group.lag
        ):
            self.on_return(camera, now)

    def on_return(self, camera: CameraState, now: Instant) -> None:
        """Note that a camera can send again, though it gave no proof yet (rules E2, S11)."""
        at = now.mono - camera.link_group.lag
        if at - camera.returned_at > camera.interval_s / 2:  # not the same burst
            self._recorder.account_until_certain(camera, now)
            camera.returned_at, camera.return_arrived_at = at, now.mono
            camera.return_earliest = dating.opened_from(camera, at)

    def emit_backfill(self, camera: CameraState, now: Instant) -> None:
        """Emit what late heartbeats have proved so far."""
        self._recorder.emit(*backfill.pending(camera, now))

    def on_hint(self, camera: CameraState, now: Instant, cause: Cause, *, retained: bool) -> None:
        """Handle a hint: the camera is down unless a proof comes within `will_grace_s` (rule L5).

        A retained hint may be old: it names the cause, but the camera keeps its whole deadline (S5).
        """
        self._recorder.account_until_certain(camera, now)
        if camera.hint is None:
            camera.hint_at = now.mono
            hold_s = camera.down_s if retained else camera.will_grace_s
            camera.hint_until = now.mono + hold_s
        camera.hint = cause
        camera.steady = False
        self.schedule_at(camera, camera.hint_until)

    def update_conditions(self, camera: CameraState, now: Instant, telemetry: Telemetry) -> None:
        """Update the reasons for which a camera is degraded, and account the time under the old ones (C3)."""
        reasons = evaluate_reasons(camera, telemetry)
        if reasons != camera.reasons:
            self._recorder.account_until(camera, camera.proof, now)
            for reason in Reason(camera.reasons & ~reasons):
                camera.reasons_ended[reason] = now.mono
            camera.reasons = int(reasons)

    def schedule_at(self, camera: CameraState, when: float) -> None:
        """Review a camera at an instant, unless a review is due earlier."""
        if when < camera.next_check_at:
            camera.next_check_at = when
            heapq.heappush(self._queue, (when, camera.index))
