"""Carries one camera from status to status, and accounts its time while it does.

The status of a camera changes in `apply` and nowhere else; its account grows in
`_settle` and nowhere else.
"""

from __future__ import annotations

import heapq
from math import isfinite

from camwatch.core import backfill, dating, deadlines
from camwatch.core.conditions import Flapping, Reason
from camwatch.core.degradation import evaluate_reasons
from camwatch.core.events import Event, OutageEvent, ServicePeriodEvent, Transition
from camwatch.core.model import NEVER, Cause, Dated, GapCause, Instant, Status
from camwatch.core.state import CameraState, LinkState
from camwatch.core.status_time import next_edge, split
from camwatch.core.telemetry import Telemetry
from camwatch.core.transitions import IN_SERVICE, TRANSITIONS, TransitionInstant, Trigger

_FOREVER = float("inf")


class StateMachine:
    """Judges cameras one at a time, and remembers which to look at when.

    `ping_after_s`: a link silent for longer proves no sight (rule S10).
    """

    def __init__(self, ping_after_s: float) -> None:
        self.events: list[Event] = []
        self._ping_after_s = ping_after_s
        self._cameras: dict[int, CameraState] = {}
        self._queue: list[tuple[float, int]] = []  # heap of (when to look again, camera)
        self._awaiting_link_check: dict[
            int, CameraState
        ] = {}  # past their deadline, waiting for proven sight (rule S10)

    def add(self, camera: CameraState) -> None:
        """Begin to look at a camera when it asks for it."""
        self._cameras[camera.index] = camera

    def remove(self, camera: CameraState) -> None:
        """Forget a camera."""
        del self._cameras[camera.index]
        self._awaiting_link_check.pop(camera.index, None)

    def camera(self, index: int) -> CameraState | None:
        """Return the camera of an index, if it is still looked at."""
        return self._cameras.get(index)

    @property
    def next_due(self) -> float:
        """The monotonic instant of the next camera to look at; infinite if none is."""
        return self._queue[0][0] if self._queue else _FOREVER

    def run_due(self, now: Instant, limit: int) -> bool:
        """Look at the cameras whose time has come, at most `limit`; return whether more wait."""
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
        """Judge those that waited for proven sight, now that a link has spoken (rule S10)."""
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
        """Let an event change a camera's life, as the table says, and account for the time before it.

        `dated` is when that became true, where the caller knows better than the table.
        """
        step = TRANSITIONS[camera.underlying_status].get(event)
        if step is None:
            return
        dated = dated or self._dated(camera, step.at, now)
        at = self._instant(camera, dated.at, now)
        self._account_until(camera, at.mono, now)
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
            self._record(camera, status, at, now, cause, until, dated)
        if entered < 0:
            self.leave_service(camera, at, was)
        elif camera.accounted_until_ms is None:
            self.enter_service(camera, at)
        self.schedule(camera, now)

    def _dated(self, camera: CameraState, which: TransitionInstant, now: Instant) -> Dated:
        """Return when a transition became true."""
        if which in (TransitionInstant.DUE, TransitionInstant.HINT):
            return dating.beginning(camera)
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
        """Return an instant on both clocks; never after now, nor before what was told of a camera."""
        told = camera.since.mono if camera.accounted_until_ms is None else camera.accounted_until_ms / 1000
        mono = max(mono, told)
        return now.at_mono(min(mono, now.mono))

    def enter_service(self, camera: CameraState, at: Instant) -> None:
        """Begin a camera's ledger, once there has been sight of it or it gave a proof (rule S6).

        One that an earlier process knew as planned waits for neither: nobody saw its date pass (rule V1).
        """
        seen = (
            camera.link_group.ever_visible
            or camera.underlying_status is Status.UP
            or camera.inventory_changed_at == NEVER
        )
        if camera.underlying_status not in IN_SERVICE or not seen:
            return
        camera.accounted_until_ms = round(at.mono * 1000)
        row = camera.camera
        self.events.append(ServicePeriodEvent(row.id, row.operator, True, at, camera.status))
        if camera.underlying_status is Status.UNKNOWN and camera.link_group.blind_since is None:
            # The date may have passed while nothing could be seen, and been noticed afterwards.
            deadlines.restart_deadline(camera, max(at.mono, camera.link_group.visible_since))

    def leave_service(self, camera: CameraState, at: Instant, status: Status) -> None:
        """End a camera's ledger, if it has begun."""
        if camera.accounted_until_ms is not None:
            camera.accounted_until_ms = None
            row = camera.camera
            self.events.append(ServicePeriodEvent(row.id, row.operator, False, at, status))

    def schedule(self, camera: CameraState, now: Instant, *, before: float = _FOREVER) -> None:
        """Arm the next look at a camera after its life changed, or the lag of its link; if it is `before`."""
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
        """Look at a camera whose time has come: in-service date, window, blindness or deadline."""
        if camera.underlying_status is Status.PLANNED:
            self._review_planned(camera, now)
            return
        if camera.underlying_status is Status.RETIRED:
            return
        if camera.windows:
            self._review_windows(camera, now)
        lost = (
            camera.proof_link_down_since if camera.link_group.blind_since is None else None
        )  # nobody is alone in the dark
        if lost is not None and now.mono >= lost.mono + camera.down_s:
            self.on_visibility_regained(
                camera, now, GapCause.LINK
            )  # it had time to show on another link (rule S13)
        blind = deadlines.blind_since(camera)
        if blind is None:
            self._judge(camera, now)
        elif now.mono >= blind + camera.down_s:
            self.mark_unknown_if_long_gap(camera, now)
        elif camera.underlying_status is not Status.UNKNOWN:
            self.schedule_at(camera, blind + camera.down_s)

    def mark_unknown_if_long_gap(self, camera: CameraState, now: Instant) -> None:
        """Make a camera unknown that has been out of sight for long (rule S4)."""
        blind = deadlines.blind_since(camera)
        if (
            blind is not None
            and camera.underlying_status in (Status.UP, Status.DOWN)
            and now.mono >= blind + camera.down_s
        ):
            self.apply(camera, Trigger.GAP, now)

    def on_visibility_lost(self, camera: CameraState, since: Instant) -> None:
        """Take it that the one link over which a camera spoke is lost, while others are not (rule S13)."""
        camera.proof_link_down_since = since
        camera.steady = False
        if camera.underlying_status in (Status.UP, Status.DOWN):
            self.schedule_at(camera, since.mono + camera.down_s)

    def on_visibility_regained(self, camera: CameraState, now: Instant, cause: GapCause) -> None:
        """End a camera's blindness: give it what S4 or S5 grants it, and account for what was hidden."""
        blind = deadlines.blind_since(camera)
        if blind is None:
            return
        if blind - camera.hidden_to > deadlines.PACE * camera.interval_s:
            camera.hidden_from = blind - deadlines.PACE * camera.interval_s
        camera.hidden_to = now.mono
        # Short ones must not add up: nobody is up for ever on the strength of one proof.
        worn = camera.underlying_status is Status.UP and now.mono - camera.proof > 2 * camera.down_s
        long = worn or now.mono - blind >= camera.down_s
        if camera.underlying_status is Status.DOWN and not long:
            # Down as before, and one outage; only the time in between is unknown (rules E3, S7).
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
        """Begin to expect a camera's heartbeats, now that it is in sight (rule S5)."""
        if camera.underlying_status is Status.UNKNOWN:
            self.account_until_now(camera, now)
            deadlines.restart_deadline(camera, now.mono)
        self.schedule(camera, now)

    def _review_planned(self, camera: CameraState, now: Instant) -> None:
        date = camera.camera.in_service_from_ms
        if date is None:
            return
        if date <= now.utc_ms:
            self.apply(camera, Trigger.IN_SERVICE, now)
        else:
            # A long sleep would miss a step of the wall clock: look at least once an hour.
            self.schedule_at(camera, now.mono + min(3600.0, (date - now.utc_ms) / 1000))

    def _review_windows(self, camera: CameraState, now: Instant) -> None:
        self.account_until_certain(camera, now)
        if camera.accounted_until_ms is not None:
            settled = now.at_mono(camera.accounted_until_ms / 1000).utc_ms
            passed = next_edge(camera.windows, settled - 1)
            if passed is not None and passed <= now.utc_ms:
                # What happened before the boundary is not certain yet; the record follows when it is.
                self.schedule_at(camera, now.mono + min(1.0, camera.interval_s))
        edge = next_edge(camera.windows, now.utc_ms)
        if edge is not None:
            self.schedule_at(camera, now.mono + min(3600.0, (edge - now.utc_ms) / 1000))

    def _judge(self, camera: CameraState, now: Instant) -> None:
        """Convict a camera in sight whose time is up, once sight is proven (rules L3, L5, S5, S10)."""
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
        """Wait for sight to be proven, while a link that speaks of the past alone is asked (rule S10).

        In vain for as long again, and nothing is known of the camera any more.
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
        """Date the outage, and what is unknown before it, by what was visible (rules E1, E3)."""
        event = Trigger.SILENCE if camera.hint is None else Trigger.HINT
        cause, dated = camera.hint or Cause.TIMEOUT, dating.beginning(camera)
        unknown = dating.unproven(camera, camera.proof)
        if camera.underlying_status is Status.UP and unknown.at < dated.at and dating.returned(camera):
            self.apply(camera, Trigger.GAP, now, dated=unknown)
        self.apply(camera, event, now, cause=cause, until=until, dated=dated)

    def _schedule_decision(self, camera: CameraState, now: Instant) -> None:
        # A heartbeat arms nothing, and may bring the deadline forward where blindness had put it off.
        until = deadlines.decision_deadline(camera) + camera.link_group.lag
        self.schedule_at(camera, min(until, now.mono + camera.down_s))

    def _sees(self, camera: CameraState, now: Instant) -> bool:
        """Tell whether every connected link has brought what was sent since the heartbeat was due (S10).

        What comes late says nothing of now: a link that lags has seen so much less (rule S11). One that
        cannot see hides those cameras alone that speak over it, or of which nobody knows (rule S13).
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
        """Take it that a camera lived `at` an instant: before it, more may be unknown than it seemed (E3).

        One that had been silent for too long is unknown since its heartbeat was due; one that was down, since
        it went out of sight: it came back there.
        """
        hidden = deadlines.broker_kept_since(camera)
        if camera.underlying_status is Status.UP and at - camera.proof > camera.down_s:
            self.apply(camera, Trigger.GAP, now, dated=dating.unproven(camera, camera.proof))
        elif camera.underlying_status is Status.DOWN and NEVER < hidden <= at:
            self.apply(camera, Trigger.GAP, now, dated=dating.hidden(camera, hidden))

    def on_proof(self, camera: CameraState, now: Instant, at: Instant, back: Dated) -> None:
        """Take a proof `at` an instant of a camera that was not simply up (rules L4, L5, E2).

        `back` is when it came back, if it was down.
        """
        camera.hint = None
        camera.proof_link_down_since = None
        until = (
            at.mono if camera.accounted_until_ms is None else max(at.mono, camera.accounted_until_ms / 1000)
        )
        if until > at.mono and camera.underlying_status in (Status.DOWN, Status.UNKNOWN):
            # It is older than what is accounted already: that time is proven by the record alone (rule E4).
            # Unknown time out of sight may be accounted up to now, or not yet: the record is the same.
            before_s = 0.0 if deadlines.broker_kept_since(camera) > NEVER else None
            self.emit(*backfill.add_late(camera, now, at.mono, before_s))
        self.emit(*backfill.close(camera, until, now))
        if camera.underlying_status is Status.UP:
            camera.steady = camera.one_visible_link
            return
        if camera.underlying_status is Status.PLANNED:
            self._review_planned(camera, now)  # its date may have passed while the loop slept (rule V1)
            camera.override_for = NEVER  # what was due since then has come
        down = camera.underlying_status is Status.DOWN
        self.apply(camera, Trigger.PROOF, now, dated=back if down else dating.exactly(at.mono))

    def on_late(self, camera: CameraState, now: Instant, sent: Instant, uptime_s: float | None) -> None:
        """Take a late heartbeat for what it tells: its camera was alive when it was `sent` (L8, E4)."""
        if camera.underlying_status in (Status.PLANNED, Status.RETIRED):
            return
        self.on_life_unseen(camera, now, sent.mono)
        self.emit(*backfill.add_late(camera, now, sent.mono, uptime_s))
        if camera.backfill is not None:
            camera.steady = False  # the next heartbeat on time may close the gap, whatever brought it up
        if camera.underlying_status is Status.DOWN:
            self.on_return(camera, now)
        if sent.mono > camera.proof:
            deadlines.prove_late(camera, sent)
            self.schedule(camera, now)

    def on_online(self, camera: CameraState, now: Instant) -> None:
        """Take a birth: it cancels a hint, and dates the end of an outage if a proof follows (L1, E2)."""
        if camera.hint is not None:
            self.account_until_certain(camera, now)
            camera.hint = None
            camera.steady = (
                camera.underlying_status is Status.UP and camera.backfill is None and camera.one_visible_link
            )
            self.schedule(camera, now)
        # It may have been silent, and be declared down before its next heartbeat is due. While the link lags,
        # nobody knows well enough when the birth was sent.
        if camera.underlying_status is Status.DOWN or (
            camera.underlying_status in IN_SERVICE and not camera.link_group.lag
        ):
            self.on_return(camera, now)

    def on_return(self, camera: CameraState, now: Instant) -> None:
        """Note that a camera can speak again, though it gave no proof yet (rules E2, S11)."""
        at = now.mono - camera.link_group.lag
        if (
            at - camera.returned_at > camera.interval_s / 2
        ):  # not the same burst: the end is within an interval
            self.account_until_certain(camera, now)
            camera.returned_at, camera.return_arrived_at = at, now.mono
            camera.return_earliest = dating.opened_from(camera, at)

    def emit_backfill(self, camera: CameraState, now: Instant) -> None:
        """Leave what late heartbeats filled so far among the events."""
        self.emit(*backfill.pending(camera, now))

    def on_hint(self, camera: CameraState, now: Instant, cause: Cause, *, retained: bool) -> None:
        """Hold a camera under a hint: down unless it gives a proof within `hint_hold` (rule L5).

        One that is retained may be old: it is the cause then, but the camera keeps its whole deadline (S5).
        """
        self.account_until_certain(camera, now)
        if camera.hint is None:
            camera.hint_at = now.mono
            hold_s = camera.down_s if retained else camera.will_grace_s
            camera.hint_until = now.mono + hold_s
        camera.hint = cause
        camera.steady = False
        self.schedule_at(camera, camera.hint_until)

    def update_conditions(self, camera: CameraState, now: Instant, telemetry: Telemetry) -> None:
        """Set the reasons for which a camera is degraded, and account the time under the old ones (C3)."""
        reasons = evaluate_reasons(camera, telemetry)
        if reasons != camera.reasons:
            self._account_until(camera, camera.proof, now)
            for reason in Reason(camera.reasons & ~reasons):
                camera.reasons_ended[reason] = now.mono
            camera.reasons = int(reasons)

    def account_until_certain(self, camera: CameraState, now: Instant) -> None:
        """Bring a camera's account up to the instant that is already certain."""
        self._account_until(camera, deadlines.certain_until(camera, now.mono), now)

    def account_until_now(self, camera: CameraState, now: Instant) -> None:
        """Bring a camera's account up to now, of which its status is certain."""
        self._account_until(camera, now.mono, now)

    def _account_until(self, camera: CameraState, until: float, now: Instant) -> None:
        """Account the time up to a monotonic instant, and record the maintenance that began or ended."""
        begin = camera.accounted_until_ms
        if begin is None or until == NEVER:  # not in service, or never seen: no ledger
            return
        end = round(until * 1000)
        if end <= begin:
            return
        camera.accounted_until_ms = end
        if not camera.windows and camera.status is camera.underlying_status:
            self._credit(camera, camera.underlying_status, begin, end)
            return
        to_utc = now.utc_ms - round(now.mono * 1000)
        known = min(camera.since.utc_ms, end + to_utc)
        if known > begin + to_utc:  # the wall clock lost some time: what is recorded stays (rule T2)
            self._credit(camera, camera.status, begin, known - to_utc)
            begin = known - to_utc
        for start, stop, inside in split(camera.windows, begin + to_utc, end + to_utc):
            status = Status.MAINTENANCE if inside else camera.underlying_status
            if status is not camera.status:
                self._record(camera, status, Instant((start - to_utc) / 1000, start), now)
            self._credit(camera, status, start - to_utc, stop - to_utc)

    def _credit(self, camera: CameraState, status: Status, begin: int, end: int) -> None:
        """Put down [begin, end), monotonic milliseconds."""
        camera.status_time.add(status, end - begin)
        if status is Status.UP:
            if camera.reasons:
                camera.status_time.degraded += end - begin
        elif status is not Status.MAINTENANCE:
            backfill.record_not_up(camera, begin, end)

    def _record(
        self,
        camera: CameraState,
        new: Status,
        at: Instant,
        now: Instant,
        cause: Cause | None = None,
        until: float | None = None,
        dated: Dated | None = None,
    ) -> None:
        """Record a change of status, and what follows from it: outages, flapping, incidents."""
        # A wall clock that lost some time must not make this older than the change before (rule T2).
        at = Instant(max(at.mono, camera.since.mono), max(at.utc_ms, camera.since.utc_ms))
        if new is Status.DOWN:
            cause = cause or camera.cause  # it may have been convicted beneath a maintenance
        else:
            cause = until = None  # or from the instant at which one begins: then it is not told to be down
        old, camera.status, camera.since = camera.status, new, at
        row = camera.camera
        earliest, latest = _bounds(dated, at, now)
        self.events.append(
            Transition(row.id, row.operator, row.site, old, new, at, now, cause, until, earliest, latest)
        )
        if (old is Status.UP and new is Status.DOWN) or (old is Status.DOWN and new is Status.UP):
            camera.flapping = camera.flapping or Flapping()
            camera.flapping.record_change(at.mono)
        if new is Status.DOWN:
            if not camera.outage_open:  # otherwise one outage, seen through blindness (rule S7)
                self._begin_outage(camera, at, now, cause)
            camera.down_until = None
        elif camera.outage_open:
            if new is Status.UNKNOWN:
                camera.down_until = at
            else:
                self.end_outage(camera, at, now, back=new is Status.UP)
        elif new is not Status.UNKNOWN:
            camera.down_until = None  # what ended with an absence is over

    def _begin_outage(self, camera: CameraState, at: Instant, now: Instant, cause: Cause | None) -> None:
        again = camera.down_until is not None  # one outage, on both sides of an absence (rule V6)
        camera.outage_open = True
        camera.outages += not again
        if camera.returned_at <= camera.proof:
            camera.returned_at = NEVER
        row = camera.camera
        self.events.append(OutageEvent(row.id, row.operator, row.site, True, at, now, cause, again))
        for group in camera.groups:
            self.emit(group.camera_down(camera.index, at, now))

    def end_outage(self, camera: CameraState, at: Instant, now: Instant, *, back: bool) -> None:
        """End a camera's outage with its last stay in `down`; `back`: the camera is up again."""
        camera.outage_open = False
        at, camera.down_until = camera.down_until or at, None
        row = camera.camera
        self.events.append(OutageEvent(row.id, row.operator, row.site, False, at, now, camera.cause))
        for group in camera.groups:
            self.emit(group.camera_recovered(camera.index, now, up=back))

    def emit(self, *happenings: Event | None) -> None:
        """Leave what happened, if anything did, among the events."""
        self.events += (each for each in happenings if each is not None)

    def schedule_at(self, camera: CameraState, when: float) -> None:
        """Look at a camera at a monotonic instant, unless that is planned sooner already."""
        if when < camera.next_check_at:
            camera.next_check_at = when
            heapq.heappush(self._queue, (when, camera.index))


def _bounds(dated: Dated | None, at: Instant, now: Instant) -> tuple[int | None, int | None]:
    """Return the bounds of `at` as UTC milliseconds; None where it is exact, or they are not known."""
    if dated is None or dated.earliest == dated.latest or not isfinite(dated.earliest):
        return None, None
    earliest, latest = now.at_mono(dated.earliest), now.at_mono(min(dated.latest, now.mono))
    return min(earliest.utc_ms, at.utc_ms), max(latest.utc_ms, at.utc_ms)
