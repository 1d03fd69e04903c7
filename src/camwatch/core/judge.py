"""Judge: carries one camera from status to status, and keeps its account while it does.

House rules: as in `watch`. A camera's life changes in `step` and nowhere else; its account grows in
`_settle` and nowhere else.
"""

from __future__ import annotations

import heapq

from camwatch.core import fills, liveness
from camwatch.core.conditions import Flapping, Reason, reasons_of
from camwatch.core.ledger import next_boundary, pieces
from camwatch.core.liveness import IN_SERVICE, NEVER, TABLE, At, Event
from camwatch.core.model import (
    Cause,
    Happening,
    Instant,
    OutageChange,
    ServiceChange,
    Status,
    Transition,
)
from camwatch.core.signal import Telemetry
from camwatch.core.state import CameraState

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
    def next_look(self) -> float | None:
        """The monotonic instant of the next camera to look at; None if none is."""
        return self._queue[0][0] if self._queue else None

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
    ) -> None:
        """Let an event change a camera's life, as the table says, and account for the time before it."""
        step = TABLE[camera.life].get(event)
        if step is None:
            return
        at = self._instant(camera, step.at, now)
        self._settle(camera, at.mono, now)
        if event is Event.BLINDNESS:
            camera.dark_from, camera.dark_to = camera.proof, NEVER
        elif camera.life is Status.UNKNOWN and event is Event.PROOF:
            camera.dark_to = now.mono
        was_in_service, was = camera.life in IN_SERVICE, camera.status
        camera.life = step.to
        camera.hint = None
        if step.to is Status.DOWN:
            camera.cause = cause
        camera.calm = step.to is Status.UP
        entered = (step.to in IN_SERVICE) - was_in_service
        for group in camera.groups:
            group.in_service += entered
        status = camera.status_at(at)
        if status is not camera.status:
            self._record(camera, status, at, now, cause, until)
        if entered < 0:
            self.leave_service(camera, at, was)
        elif camera.settled_ms is None:
            self.enter_service(camera, at)
        self.expect(camera, now)

    def _instant(self, camera: CameraState, which: At, now: Instant) -> Instant:
        """Return when a transition became true; never within what is already accounted."""
        if which is At.DUE:
            mono = liveness.due(camera)
        elif which is At.HINT:
            mono = min(camera.hint_at, liveness.due(camera))
        elif which is At.BLIND:
            blind = liveness.blind_from(camera)
            mono = now.mono if blind is None else blind
        elif which is At.DATE and camera.life is Status.PLANNED:
            date = camera.camera.in_service_from_ms
            mono = camera.row_at
            if date is not None:
                mono = max(mono, now.mono - (now.utc_ms - date) / 1000)
        else:
            mono = now.mono
        if camera.settled_ms is not None:
            mono = max(mono, camera.settled_ms / 1000)
        return now.at_mono(min(mono, now.mono))

    def enter_service(self, camera: CameraState, at: Instant) -> None:
        """Begin a camera's ledger, once there has been sight of it or it gave a proof (rule S6)."""
        if camera.life not in IN_SERVICE or not (camera.sight.began or camera.life is Status.UP):
            return
        camera.settled_ms = round(at.mono * 1000)
        row = camera.camera
        self.events.append(ServiceChange(row.id, row.operator, True, at, camera.status))
        if camera.life is Status.UNKNOWN and camera.sight.blind_since is None:
            # The date may have passed while nothing could be seen, and been noticed afterwards.
            liveness.fresh_deadline(camera, max(at.mono, camera.sight.since))

    def leave_service(self, camera: CameraState, at: Instant, status: Status) -> None:
        """End a camera's ledger, if it has begun."""
        if camera.settled_ms is not None:
            camera.settled_ms = None
            row = camera.camera
            self.events.append(ServiceChange(row.id, row.operator, False, at, status))

    def expect(self, camera: CameraState, now: Instant) -> None:
        """Arm the next look at a camera after its life changed."""
        blind = liveness.blind_from(camera)
        if blind is None:
            if camera.life in (Status.UP, Status.UNKNOWN):
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
        blind = liveness.blind_from(camera)
        if blind is None:
            self._judge(camera, now)
        elif now.mono >= blind + camera.down_s:
            self.blind_so_far(camera, now)
        elif camera.life is not Status.UNKNOWN:
            self.arm(camera, blind + camera.down_s)

    def blind_so_far(self, camera: CameraState, now: Instant) -> None:
        """Make a camera unknown that has been out of sight for long (rule S4)."""
        blind = liveness.blind_from(camera)
        if (
            blind is not None
            and camera.life in (Status.UP, Status.DOWN)
            and now.mono >= blind + camera.down_s
        ):
            self.step(camera, Event.BLINDNESS, now)

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
        if camera.life not in (Status.UP, Status.UNKNOWN) or liveness.blind_from(camera) is not None:
            return
        until = liveness.conviction(camera)
        event = Event.SILENCE if camera.hint is None else Event.HINT
        if now.mono < until:
            self._arm_conviction(camera, now)
        elif self._sees(camera, now):
            self.step(camera, event, now, cause=camera.hint or Cause.TIMEOUT, until=until)
        else:
            self._held[camera.index] = camera

    def _arm_conviction(self, camera: CameraState, now: Instant) -> None:
        # A heartbeat arms nothing, and may bring the deadline forward where blindness had put it off.
        self.arm(camera, min(liveness.conviction(camera), now.mono + camera.down_s))

    def _sees(self, camera: CameraState, now: Instant) -> bool:
        """Tell whether every connected link has spoken since the heartbeat was due, and lately (S10)."""
        expected = liveness.due(camera)
        for link in camera.sight.links:
            if link.up and (link.heard <= expected or now.mono - link.heard >= self._ask_after_s):
                return False
        return True

    def proven(self, camera: CameraState, now: Instant) -> None:
        """Take a proof of a camera that was not simply up: it may hold a hint, or be filling (L4, L5)."""
        camera.hint = None
        self.tell(fills.on_time(camera, now))
        if camera.life is Status.UP:
            camera.calm = True
        else:
            if camera.life is Status.PLANNED:
                self._review_planned(camera, now)  # its date may have passed while the loop slept (rule V1)
                camera.override_for = NEVER  # what was due since then has come
            self.step(camera, Event.PROOF, now)

    def late(self, camera: CameraState, now: Instant, late_s: float) -> None:
        """Take a late heartbeat for what it tells of unknown time (rule L8)."""
        self.tell(fills.late_proof(camera, now, late_s))
        if camera.fill is not None:
            camera.calm = False  # the next heartbeat on time may close the gap, whatever brought it up

    def tell_fill(self, camera: CameraState, now: Instant) -> None:
        """Leave what late heartbeats filled so far among the events."""
        self.tell(fills.so_far(camera, now))

    def hint(self, camera: CameraState, now: Instant, cause: Cause) -> None:
        """Hold a camera under a hint: down unless it gives a proof within `hint_hold` (rule L5)."""
        self.settle(camera, now)
        if camera.hint is None:
            camera.hint_at = now.mono
            camera.hint_until = now.mono + camera.hint_hold_s
        camera.hint = cause
        camera.calm = False
        self.arm(camera, camera.hint_until)

    def examine(self, camera: CameraState, now: Instant, said: Telemetry) -> None:
        """Set the reasons for which a camera is degraded, and account the time under the old ones (C3)."""
        reasons = reasons_of(camera, said)
        if reasons != camera.reasons:
            self._settle(camera, now.mono, now)
            for reason in Reason(camera.reasons & ~reasons):
                camera.reasons_ended[reason] = now.mono
            camera.reasons = int(reasons)

    def settle(self, camera: CameraState, now: Instant) -> None:
        """Bring a camera's account up to the instant that is already certain."""
        self._settle(camera, liveness.vouched(camera, now.mono), now)

    def settle_proven(self, camera: CameraState, now: Instant) -> None:
        """Bring a camera's account up to now, of which its status is certain."""
        self._settle(camera, now.mono, now)

    def _settle(self, camera: CameraState, upto: float, now: Instant) -> None:
        """Account the time up to a monotonic instant, and record the maintenance that began or ended."""
        begin = camera.settled_ms
        if begin is None:  # not in service, or never seen: no ledger
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
        if status is Status.UNKNOWN:
            fills.note_dark(camera, begin, end)
        elif status is Status.UP and camera.reasons:
            camera.account.degraded += end - begin

    def _record(
        self,
        camera: CameraState,
        new: Status,
        at: Instant,
        now: Instant,
        cause: Cause | None = None,
        until: float | None = None,
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
        self.events.append(Transition(row.id, row.operator, row.site, old, new, at, now, cause, until))
        if (old is Status.UP and new is Status.DOWN) or (old is Status.DOWN and new is Status.UP):
            camera.flapping = camera.flapping or Flapping()
            camera.flapping.changed(at.mono)
        if new is Status.DOWN:
            camera.left_down = None
            if not camera.outage_open:  # otherwise one outage, seen through blindness (rule S7)
                self._begin_outage(camera, at, now, cause)
        elif camera.outage_open:
            if new is Status.UNKNOWN:
                camera.left_down = at
            else:
                self.end_outage(camera, at, now, back=new is Status.UP)

    def _begin_outage(self, camera: CameraState, at: Instant, now: Instant, cause: Cause | None) -> None:
        camera.outage_open = True
        camera.outages += 1
        row = camera.camera
        self.events.append(OutageChange(row.id, row.operator, row.site, True, at, now, cause))
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

    def tell(self, happening: Happening | None) -> None:
        """Leave what happened, if anything did, among the events."""
        if happening is not None:
            self.events.append(happening)

    def arm(self, camera: CameraState, when: float) -> None:
        """Look at a camera at a monotonic instant, unless that is planned sooner already."""
        if when < camera.armed:
            camera.armed = when
            heapq.heappush(self._queue, (when, camera.index))
