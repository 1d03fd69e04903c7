"""Judge: carries one camera from status to status, and keeps its account while it does.

House rules: as in `watch`. A camera's life changes in `step` and nowhere else; its account grows in
`_settle` and nowhere else.
"""

from __future__ import annotations

import heapq
from math import isfinite

from camwatch.core import backfill, dating, deadlines
from camwatch.core.conditions import Flapping, Reason, reasons_of
from camwatch.core.deadlines import IN_SERVICE, NEVER, TABLE, At, Event
from camwatch.core.model import (
    BlindCause,
    Cause,
    Dated,
    Happening,
    Instant,
    OutageChange,
    ServiceChange,
    Status,
    Transition,
)
from camwatch.core.state import CameraState, LinkState
from camwatch.core.status_time import next_boundary, pieces
from camwatch.core.telemetry import Telemetry

_FOREVER = float("inf")


class Judge:
    """Judges cameras one at a time, and remembers which to look at when.

    `ask_after_s`: a link silent for longer proves no sight (rule S10).
    """

    def __init__(self, ask_after_s: float) -> None:
        self.events: list[Happening] = []
        self._ask_after_s = ask_after_s
        self._cameras: dict[int, CameraState] = {}
        self._queue: list[tuple[float, int]] = []  # heap of (when to look again, camera)
        self._held: dict[int, CameraState] = {}  # past their deadline, waiting for proven sight (rule S10)

    def admit(self, camera: CameraState) -> None:
        """Begin to look at a camera when it asks for it."""
        self._cameras[camera.index] = camera

    def dismiss(self, camera: CameraState) -> None:
        """Forget a camera."""
        del self._cameras[camera.index]
        self._held.pop(camera.index, None)

    def camera(self, index: int) -> CameraState | None:
        """Return the camera of an index, if it is still looked at."""
        return self._cameras.get(index)

    @property
    def next_look(self) -> float:
        """The monotonic instant of the next camera to look at; infinite if none is."""
        return self._queue[0][0] if self._queue else _FOREVER

    def look(self, now: Instant, limit: int) -> bool:
        """Look at the cameras whose time has come, at most `limit`; return whether more wait."""
        queue = self._queue
        for _ in range(limit):
            if not queue or queue[0][0] > now.mono:
                return False
            when, index = heapq.heappop(queue)
            camera = self._cameras.get(index)
            if camera is not None and camera.armed == when:
                camera.armed = _FOREVER
                self._review(camera, now)
        return bool(queue) and queue[0][0] <= now.mono

    def look_again(self, now: Instant) -> None:
        """Judge those that waited for proven sight, now that a link has spoken (rule S10)."""
        if self._held:
            held, self._held = self._held, {}
            for camera in held.values():
                self._judge(camera, now)

    def step(
        self,
        camera: CameraState,
        event: Event,
        now: Instant,
        *,
        cause: Cause | None = None,
        until: float | None = None,
        dated: Dated | None = None,
    ) -> None:
        """Let an event change a camera's life, as the table says, and account for the time before it.

        `dated` is when that became true, where the caller knows better than the table.
        """
        step = TABLE[camera.life].get(event)
        if step is None:
            return
        dated = dated or self._dated(camera, step.at, now)
        at = self._instant(camera, dated.at, now)
        self._settle(camera, at.mono, now)
        if step.to in (Status.UNKNOWN, Status.DOWN) and camera.life is Status.UP:
            backfill.note_sign(camera, min(camera.proof, dated.earliest))
        elif camera.life in (Status.UNKNOWN, Status.DOWN) and event is Event.PROOF:
            backfill.note_sign(camera, camera.proof)
        was_in_service, was = camera.life in IN_SERVICE, camera.status
        camera.life = step.to
        camera.hint = None
        if step.to is Status.DOWN:
            camera.cause = cause
        camera.calm = step.to is Status.UP and camera.plain
        entered = (step.to in IN_SERVICE) - was_in_service
        for group in camera.groups:
            group.in_service += entered
        status = camera.status_at(at)
        if status is not camera.status:
            self._record(camera, status, at, now, cause, until, dated)
        if entered < 0:
            self.leave_service(camera, at, was)
        elif camera.settled_ms is None:
            self.enter_service(camera, at)
        self.expect(camera, now)

    def _dated(self, camera: CameraState, which: At, now: Instant) -> Dated:
        """Return when a transition became true."""
        if which in (At.DUE, At.HINT):
            return dating.beginning(camera)
        if which is At.BLIND:
            blind = deadlines.blind_from(camera)
            return dating.hidden(camera, now.mono if blind is None else blind)
        mono = now.mono
        if which is At.DATE and camera.life is Status.PLANNED:
            date = camera.camera.in_service_from_ms
            mono = camera.row_at
            if date is not None:
                mono = max(mono, now.mono - (now.utc_ms - date) / 1000)
        return dating.exactly(mono)

    def _instant(self, camera: CameraState, mono: float, now: Instant) -> Instant:
        """Return an instant on both clocks; never after now, nor before what was told of a camera."""
        told = camera.since.mono if camera.settled_ms is None else camera.settled_ms / 1000
        mono = max(mono, told)
        return now.at_mono(min(mono, now.mono))

    def enter_service(self, camera: CameraState, at: Instant) -> None:
        """Begin a camera's ledger, once there has been sight of it or it gave a proof (rule S6).

        One that an earlier process knew as planned waits for neither: nobody saw its date pass (rule V1).
        """
        seen = camera.sight.began or camera.life is Status.UP or camera.row_at == NEVER
        if camera.life not in IN_SERVICE or not seen:
            return
        camera.settled_ms = round(at.mono * 1000)
        row = camera.camera
        self.events.append(ServiceChange(row.id, row.operator, True, at, camera.status))
        if camera.life is Status.UNKNOWN and camera.sight.blind_since is None:
            # The date may have passed while nothing could be seen, and been noticed afterwards.
            deadlines.fresh_deadline(camera, max(at.mono, camera.sight.since))

    def leave_service(self, camera: CameraState, at: Instant, status: Status) -> None:
        """End a camera's ledger, if it has begun."""
        if camera.settled_ms is not None:
            camera.settled_ms = None
            row = camera.camera
            self.events.append(ServiceChange(row.id, row.operator, False, at, status))

    def expect(self, camera: CameraState, now: Instant, *, before: float = _FOREVER) -> None:
        """Arm the next look at a camera after its life changed, or the lag of its link; if it is `before`."""
        blind = deadlines.blind_from(camera)
        if blind is None:
            until = deadlines.conviction(camera) + camera.sight.lag
            if camera.life in (Status.UP, Status.UNKNOWN) and until < before:
                self._arm_conviction(camera, now)
        elif camera.life in (Status.UP, Status.DOWN):
            self.arm(camera, blind + camera.down_s)
        if camera.windows or camera.life is Status.PLANNED:
            self.arm(camera, now.mono)

    def _review(self, camera: CameraState, now: Instant) -> None:
        """Look at a camera whose time has come: in-service date, window, blindness or deadline."""
        if camera.life is Status.PLANNED:
            self._review_planned(camera, now)
            return
        if camera.life is Status.RETIRED:
            return
        if camera.windows:
            self._review_windows(camera, now)
        lost = camera.lost if camera.sight.blind_since is None else None  # nobody is alone in the dark
        if lost is not None and now.mono >= lost.mono + camera.down_s:
            self.visible(camera, now, BlindCause.LINK)  # it had time to show on another link (rule S13)
        blind = deadlines.blind_from(camera)
        if blind is None:
            self._judge(camera, now)
        elif now.mono >= blind + camera.down_s:
            self.blind_so_far(camera, now)
        elif camera.life is not Status.UNKNOWN:
            self.arm(camera, blind + camera.down_s)

    def blind_so_far(self, camera: CameraState, now: Instant) -> None:
        """Make a camera unknown that has been out of sight for long (rule S4)."""
        blind = deadlines.blind_from(camera)
        if (
            blind is not None
            and camera.life in (Status.UP, Status.DOWN)
            and now.mono >= blind + camera.down_s
        ):
            self.step(camera, Event.BLINDNESS, now)

    def lose(self, camera: CameraState, since: Instant) -> None:
        """Take it that the one link over which a camera spoke is lost, while others are not (rule S13)."""
        camera.lost = since
        camera.calm = False
        if camera.life in (Status.UP, Status.DOWN):
            self.arm(camera, since.mono + camera.down_s)

    def visible(self, camera: CameraState, now: Instant, cause: BlindCause) -> None:
        """End a camera's blindness: give it what S4 or S5 grants it, and account for what was hidden."""
        blind = deadlines.blind_from(camera)
        if blind is None:
            return
        if blind - camera.hidden_to > deadlines.PACE * camera.interval_s:
            camera.hidden_from = blind - deadlines.PACE * camera.interval_s
        camera.hidden_to = now.mono
        # Short ones must not add up: nobody is up for ever on the strength of one proof.
        worn = camera.life is Status.UP and now.mono - camera.proof > 2 * camera.down_s
        long = worn or now.mono - blind >= camera.down_s
        if camera.life is Status.DOWN and not long:
            # Down as before, and one outage; only the time in between is unknown (rules E3, S7).
            was, since = camera.cause, dating.hidden(camera, blind)
            self.step(camera, Event.BLINDNESS, now, dated=since)
            self.step(camera, Event.SILENCE, now, cause=was, dated=dating.exactly(now.mono))
        elif camera.life in (Status.UP, Status.DOWN) and long:
            self.step(camera, Event.BLINDNESS, now)
        elif camera.life is Status.UP:
            deadlines.shift_for_blindness(camera, blind, now.mono)
        deadlines.shift_hint(camera, blind, now.mono, cause)
        if camera.lost is not None and camera.sight.blind_since is None:
            camera.lost = None
            self.expect_again(camera, now)

    def expect_again(self, camera: CameraState, now: Instant) -> None:
        """Begin to expect a camera's heartbeats, now that it is in sight (rule S5)."""
        if camera.life is Status.UNKNOWN:
            self.settle_proven(camera, now)
            deadlines.fresh_deadline(camera, now.mono)
        self.expect(camera, now)

    def _review_planned(self, camera: CameraState, now: Instant) -> None:
        date = camera.camera.in_service_from_ms
        if date is None:
            return
        if date <= now.utc_ms:
            self.step(camera, Event.IN_SERVICE, now)
        else:
            # A long sleep would miss a step of the wall clock: look at least once an hour.
            self.arm(camera, now.mono + min(3600.0, (date - now.utc_ms) / 1000))

    def _review_windows(self, camera: CameraState, now: Instant) -> None:
        self.settle(camera, now)
        if camera.settled_ms is not None:
            settled = now.at_mono(camera.settled_ms / 1000).utc_ms
            passed = next_boundary(camera.windows, settled - 1)
            if passed is not None and passed <= now.utc_ms:
                # What happened before the boundary is not certain yet; the record follows when it is.
                self.arm(camera, now.mono + min(1.0, camera.interval_s))
        edge = next_boundary(camera.windows, now.utc_ms)
        if edge is not None:
            self.arm(camera, now.mono + min(3600.0, (edge - now.utc_ms) / 1000))

    def _judge(self, camera: CameraState, now: Instant) -> None:
        """Convict a camera in sight whose time is up, once sight is proven (rules L3, L5, S5, S10)."""
        if camera.life not in (Status.UP, Status.UNKNOWN) or deadlines.blind_from(camera) is not None:
            return
        until = deadlines.conviction(camera) + camera.sight.lag
        if now.mono < until:
            self._arm_conviction(camera, now)
        elif self._sees(camera, now):
            self._declare_down(camera, now, until)
        else:
            self._hold(camera, now, until)

    def _hold(self, camera: CameraState, now: Instant, until: float) -> None:
        """Wait for sight to be proven, while a link that speaks of the past alone is asked (rule S10).

        In vain for as long again, and nothing is known of the camera any more.
        """
        self._held[camera.index] = camera
        links = [link for link in camera.sight.links if link.up]
        for link in links:
            link.doubted = True
        if camera.life is not Status.UP or any(self._is_silent(link, now) for link in links):
            return
        if now.mono < until + camera.down_s:
            self.arm(camera, until + camera.down_s)
        else:
            self.step(camera, Event.BLINDNESS, now, dated=dating.unproven(camera, camera.proof))

    def _declare_down(self, camera: CameraState, now: Instant, until: float) -> None:
        """Date the outage, and what is unknown before it, by what was visible (rules E1, E3)."""
        event = Event.SILENCE if camera.hint is None else Event.HINT
        cause, dated = camera.hint or Cause.TIMEOUT, dating.beginning(camera)
        unknown = dating.unproven(camera, camera.proof)
        if camera.life is Status.UP and unknown.at < dated.at and dating.returned(camera):
            self.step(camera, Event.BLINDNESS, now, dated=unknown)
        self.step(camera, event, now, cause=cause, until=until, dated=dated)

    def _arm_conviction(self, camera: CameraState, now: Instant) -> None:
        # A heartbeat arms nothing, and may bring the deadline forward where blindness had put it off.
        until = deadlines.conviction(camera) + camera.sight.lag
        self.arm(camera, min(until, now.mono + camera.down_s))

    def _sees(self, camera: CameraState, now: Instant) -> bool:
        """Tell whether every connected link has brought what was sent since the heartbeat was due (S10).

        What comes late says nothing of now: a link that lags has seen so much less (rule S11). One that
        cannot see hides those cameras alone that speak over it, or of which nobody knows (rule S13).
        """
        expected = deadlines.due(camera)
        for link in camera.sight.links:
            if link.up and not link.sees:
                if camera.via in (None, link) or camera.index in link.late:
                    return False
            elif link.up and (link.heard <= expected or self._is_silent(link, now)):
                return False
        return True

    def _is_silent(self, link: LinkState, now: Instant) -> bool:
        return link.last_packet is None or now.mono - link.last_packet.mono >= self._ask_after_s

    def lived(self, camera: CameraState, now: Instant, at: float) -> None:
        """Take it that a camera lived `at` an instant: before it, more may be unknown than it seemed (E3).

        One that had been silent for too long is unknown since its heartbeat was due; one that was down, since
        it went out of sight: it came back there.
        """
        hidden = deadlines.kept_since(camera)
        if camera.life is Status.UP and at - camera.proof > camera.down_s:
            self.step(camera, Event.BLINDNESS, now, dated=dating.unproven(camera, camera.proof))
        elif camera.life is Status.DOWN and NEVER < hidden <= at:
            self.step(camera, Event.BLINDNESS, now, dated=dating.hidden(camera, hidden))

    def proven(self, camera: CameraState, now: Instant, at: Instant, back: Dated) -> None:
        """Take a proof `at` an instant of a camera that was not simply up (rules L4, L5, E2).

        `back` is when it came back, if it was down.
        """
        camera.hint = None
        camera.lost = None
        upto = at.mono if camera.settled_ms is None else max(at.mono, camera.settled_ms / 1000)
        if upto > at.mono and camera.life in (Status.DOWN, Status.UNKNOWN):
            # It is older than what is accounted already: that time is proven by the record alone (rule E4).
            # Unknown time out of sight may be accounted up to now, or not yet: the record is the same.
            before_s = 0.0 if deadlines.kept_since(camera) > NEVER else None
            self.tell(*backfill.late_proof(camera, now, at.mono, before_s))
        self.tell(*backfill.on_time(camera, upto, now))
        if camera.life is Status.UP:
            camera.calm = camera.plain
            return
        if camera.life is Status.PLANNED:
            self._review_planned(camera, now)  # its date may have passed while the loop slept (rule V1)
            camera.override_for = NEVER  # what was due since then has come
        down = camera.life is Status.DOWN
        self.step(camera, Event.PROOF, now, dated=back if down else dating.exactly(at.mono))

    def late(self, camera: CameraState, now: Instant, sent: Instant, uptime_s: float | None) -> None:
        """Take a late heartbeat for what it tells: its camera was alive when it was `sent` (L8, E4)."""
        if camera.life in (Status.PLANNED, Status.RETIRED):
            return
        self.lived(camera, now, sent.mono)
        self.tell(*backfill.late_proof(camera, now, sent.mono, uptime_s))
        if camera.fill is not None:
            camera.calm = False  # the next heartbeat on time may close the gap, whatever brought it up
        if camera.life is Status.DOWN:
            self.opened(camera, now)
        if sent.mono > camera.proof:
            deadlines.prove_late(camera, sent)
            self.expect(camera, now)

    def online(self, camera: CameraState, now: Instant) -> None:
        """Take a birth: it cancels a hint, and dates the end of an outage if a proof follows (L1, E2)."""
        if camera.hint is not None:
            self.settle(camera, now)
            camera.hint = None
            camera.calm = camera.life is Status.UP and camera.fill is None and camera.plain
            self.expect(camera, now)
        # It may have been silent, and be declared down before its next heartbeat is due. While the link lags,
        # nobody knows well enough when the birth was sent.
        if camera.life is Status.DOWN or (camera.life in IN_SERVICE and not camera.sight.lag):
            self.opened(camera, now)

    def opened(self, camera: CameraState, now: Instant) -> None:
        """Note that a camera can speak again, though it gave no proof yet (rules E2, S11)."""
        at = now.mono - camera.sight.lag
        if at - camera.opened > camera.interval_s / 2:  # not the same burst: the end is within an interval
            self.settle(camera, now)
            camera.opened, camera.opened_by = at, now.mono
            camera.opened_from = dating.opened_from(camera, at)

    def tell_fill(self, camera: CameraState, now: Instant) -> None:
        """Leave what late heartbeats filled so far among the events."""
        self.tell(*backfill.so_far(camera, now))

    def hint(self, camera: CameraState, now: Instant, cause: Cause, *, retained: bool) -> None:
        """Hold a camera under a hint: down unless it gives a proof within `hint_hold` (rule L5).

        One that is retained may be old: it is the cause then, but the camera keeps its whole deadline (S5).
        """
        self.settle(camera, now)
        if camera.hint is None:
            camera.hint_at = now.mono
            hold_s = camera.down_s if retained else camera.hint_hold_s
            camera.hint_until = now.mono + hold_s
        camera.hint = cause
        camera.calm = False
        self.arm(camera, camera.hint_until)

    def examine(self, camera: CameraState, now: Instant, said: Telemetry) -> None:
        """Set the reasons for which a camera is degraded, and account the time under the old ones (C3)."""
        reasons = reasons_of(camera, said)
        if reasons != camera.reasons:
            self._settle(camera, camera.proof, now)
            for reason in Reason(camera.reasons & ~reasons):
                camera.reasons_ended[reason] = now.mono
            camera.reasons = int(reasons)

    def settle(self, camera: CameraState, now: Instant) -> None:
        """Bring a camera's account up to the instant that is already certain."""
        self._settle(camera, deadlines.vouched(camera, now.mono), now)

    def settle_proven(self, camera: CameraState, now: Instant) -> None:
        """Bring a camera's account up to now, of which its status is certain."""
        self._settle(camera, now.mono, now)

    def _settle(self, camera: CameraState, upto: float, now: Instant) -> None:
        """Account the time up to a monotonic instant, and record the maintenance that began or ended."""
        begin = camera.settled_ms
        if begin is None or upto == NEVER:  # not in service, or never seen: no ledger
            return
        end = round(upto * 1000)
        if end <= begin:
            return
        camera.settled_ms = end
        if not camera.windows and camera.status is camera.life:
            self._credit(camera, camera.life, begin, end)
            return
        to_utc = now.utc_ms - round(now.mono * 1000)
        known = min(camera.since.utc_ms, end + to_utc)
        if known > begin + to_utc:  # the wall clock lost some time: what is recorded stays (rule T2)
            self._credit(camera, camera.status, begin, known - to_utc)
            begin = known - to_utc
        for start, stop, inside in pieces(camera.windows, begin + to_utc, end + to_utc):
            status = Status.MAINTENANCE if inside else camera.life
            if status is not camera.status:
                self._record(camera, status, Instant((start - to_utc) / 1000, start), now)
            self._credit(camera, status, start - to_utc, stop - to_utc)

    def _credit(self, camera: CameraState, status: Status, begin: int, end: int) -> None:
        """Put down [begin, end), monotonic milliseconds."""
        camera.account.add(status, end - begin)
        if status is Status.UP:
            if camera.reasons:
                camera.account.degraded += end - begin
        elif status is not Status.MAINTENANCE:
            backfill.note_dark(camera, begin, end)

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
            camera.flapping.changed(at.mono)
        if new is Status.DOWN:
            if not camera.outage_open:  # otherwise one outage, seen through blindness (rule S7)
                self._begin_outage(camera, at, now, cause)
            camera.left_down = None
        elif camera.outage_open:
            if new is Status.UNKNOWN:
                camera.left_down = at
            else:
                self.end_outage(camera, at, now, back=new is Status.UP)
        elif new is not Status.UNKNOWN:
            camera.left_down = None  # what ended with an absence is over

    def _begin_outage(self, camera: CameraState, at: Instant, now: Instant, cause: Cause | None) -> None:
        again = camera.left_down is not None  # one outage, on both sides of an absence (rule V6)
        camera.outage_open = True
        camera.outages += not again
        if camera.opened <= camera.proof:
            camera.opened = NEVER
        row = camera.camera
        self.events.append(OutageChange(row.id, row.operator, row.site, True, at, now, cause, again))
        for group in camera.groups:
            self.tell(group.went_down(camera.index, at, now))

    def end_outage(self, camera: CameraState, at: Instant, now: Instant, *, back: bool) -> None:
        """End a camera's outage with its last stay in `down`; `back`: the camera is up again."""
        camera.outage_open = False
        at, camera.left_down = camera.left_down or at, None
        row = camera.camera
        self.events.append(OutageChange(row.id, row.operator, row.site, False, at, now, camera.cause))
        for group in camera.groups:
            self.tell(group.left_down(camera.index, now, back=back))

    def tell(self, *happenings: Happening | None) -> None:
        """Leave what happened, if anything did, among the events."""
        self.events += (each for each in happenings if each is not None)

    def arm(self, camera: CameraState, when: float) -> None:
        """Look at a camera at a monotonic instant, unless that is planned sooner already."""
        if when < camera.armed:
            camera.armed = when
            heapq.heappush(self._queue, (when, camera.index))


def _bounds(dated: Dated | None, at: Instant, now: Instant) -> tuple[int | None, int | None]:
    """Return the bounds of `at` as UTC milliseconds; None where it is exact, or they are not known."""
    if dated is None or dated.earliest == dated.latest or not isfinite(dated.earliest):
        return None, None
    earliest, latest = now.at_mono(dated.earliest), now.at_mono(min(dated.latest, now.mono))
    return min(earliest.utc_ms, at.utc_ms), max(latest.utc_ms, at.utc_ms)
