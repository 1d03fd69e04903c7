"""Virtual time of one host: the clocks and the event loop of camwatch, and all that reaches it.

The model learns of everything that happens to the daemon; the checker compares both after each step.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

from camwatch.core.camera_clock import has_offset
from camwatch.core.model import Camera, Instant
from camwatch.core.state import CameraState
from camwatch.monitoring.receiver import LinkReceiver
from camwatch.settings import LivenessSettings, Settings
from tests.simulation.checks.state_checker import StateChecker, ViolationError
from tests.simulation.model.fleet import DaemonVerdict, FleetModel
from tests.simulation.model.records import Moment
from tests.simulation.model.verdicts import CLOSE, EVENT, PROOF, Expected, Received
from tests.simulation.plans.plan import Plan
from tests.simulation.world.cameras import Message
from tests.simulation.world.daemon_process import DaemonProcess
from tests.simulation.world.links import SUBSCRIBED, Link

_MESSAGES_PER_INTERVAL = 1000  # of a camera: bridges and brokers deliver bursts
_TICKS = 3  # at one instant; more is an endless loop, which `run_loop` detects
_ITERATIONS = 5  # of the loop at one instant: each may make something else due


class Scheduler:
    """One host. `now` is the true time in UTC milliseconds; the wall clock is `wall_ahead` of it."""

    def __init__(self, plan: Plan, links: dict[str, Link], url: str) -> None:
        self.plan = plan
        self.now = plan.begins
        self.wall_ahead = 0
        self.starts = 0
        self.model = FleetModel(plan, self._deadlines)
        self.checker = StateChecker(self.model)
        self.process: DaemonProcess | None = None
        self.url = url
        self._links = links
        self._mono_base = 0
        self._axis_zero = 0
        self._last: dict[str, Instant] = {}
        self._chatter = 0
        self._chatter_every = 1
        self._noted = 0
        self._operators = {spec.name: frozenset(spec.operators.split("+")) for spec in plan.links}
        self._settings = Settings(
            liveness=LivenessSettings(
                interval_s=plan.interval / 1000,
                suspect_after=2.5,
                down_after=plan.down_half_intervals / 2,
                will_grace_s=plan.will_grace / 1000,
                messages_per_interval=_MESSAGES_PER_INTERVAL,
                stall_after_s=plan.stall_after / 1000,
            )
        )

    # --- clocks

    def mono(self) -> float:
        """Return the monotonic clock in seconds; each process has its own."""
        return (self.now - self.plan.begins + self._mono_base) / 1000

    def wall(self) -> float:
        """Return the wall clock in seconds."""
        return (self.now + self.wall_ahead) / 1000

    @property
    def running(self) -> DaemonProcess:
        """The process."""
        assert self.process is not None
        return self.process

    def _read_clock(self) -> Instant:
        """Read the process's clock and set that of the model."""
        now = self.running.clock()
        moment = Moment(self.now - self._axis_zero, now.utc_ms)
        jumped = (moment.utc - moment.at) - (self.model.now.utc - self.model.now.at)
        if jumped > 0 and self.model.process == self.starts:
            self.model.clock_stepped(jumped)
        self.model.now = moment
        return now

    def _deadlines(self, row: Camera) -> tuple[int, int, int]:
        assert row.interval_s is not None
        interval = round(row.interval_s * 1000)
        return interval, self.plan.down_after(interval), max(self.plan.will_grace, interval * 3 // 2)

    # --- time

    def advance_to(self, at: int) -> None:
        """Advance the time; the loop runs whenever something is due."""
        while True:
            if self._chatter <= self.now:
                self._chatter = self.now + self._chatter_every
            wake, deadline = self._chatter, self.running.watcher.fleet.next_deadline
            if deadline is not None:
                wake = min(wake, max(self.now, self._moment_of(deadline)))
            if wake > at or (wake == at and not self.plan.deadlines_first):
                break
            self.now = wake
            self.run_loop()
            if wake == at:
                break
        self.now = at if self.plan.grid > 1 else self._clear_of_thresholds(at)

    def _moment_of(self, mono: float) -> int:
        """Return the first instant of the grid at which the monotonic clock shows at least `mono`."""
        base = self.plan.begins - self._mono_base
        moment = int(mono * 1000) + base
        while (moment - base) / 1000 < mono:
            moment += 1
        return moment

    def _clear_of_thresholds(self, at: int) -> int:
        """Return the first instant from `at` at which no rounding decides whether a deadline has passed."""
        cameras = list(self.model.cameras.values())
        while True:
            axis = at - self._axis_zero
            near = range(axis - 2, axis + 1)
            if not any(camera.decides_in(near) for camera in cameras) and not any(
                measured in near for measured in self.model.measure_times()
            ):
                return at
            at += 3

    def run_loop(self) -> None:
        """Run the loop, with deadlines and packets, until nothing is due."""
        now = self._read_clock()
        watch = self.running.watcher.fleet
        for _ in range(_ITERATIONS):
            self._run_once(now)
            if watch.next_deadline is None or watch.next_deadline > now.mono:
                break
        else:
            raise ViolationError("a deadline that has passed stays the next one")
        self._check()

    def _run_once(self, now: Instant) -> None:
        watcher = self.running.watcher
        self.model.tick()
        for _ in range(_TICKS):
            if not watcher.fleet.tick(now):
                break
        watcher.flush_events()
        self._record_checkpoints()
        for name, link in self._links.items():
            if link.state == SUBSCRIBED and not link.cut and not link.queue.waits(self.now):
                self._packet(name, now)

    def _packet(self, name: str, now: Instant) -> None:
        self.running.receivers[name].packets_end(now)
        self.model.on_packet(name)
        self._last[name] = now

    def _check(self, cameras: Iterable[str] | None = None, *, swept: bool = False) -> None:
        """Check these cameras (None: all), and record queued checkpoints."""
        self.checker.check(self.running, None if cameras is None else set(cameras))
        self._record_checkpoints(swept=swept)

    def _record_checkpoints(self, *, swept: bool = False) -> None:
        """Let the model take a snapshot for each queued checkpoint."""
        pieces = self.running.chronicle._queue._pieces
        if self._noted == len(pieces):
            return
        for number in range(self._noted, len(pieces)):
            piece = pieces[number]
            cameras = {memory.camera for memory in piece.checkpoints}
            self.model.checkpoint_queued(piece.watermark_ms, cameras, piece.groups or None, swept=swept)
        self._noted = len(pieces)

    # --- links

    def deliver(self, link: Link, messages: list[Message], *, retained: bool = False) -> None:
        """Deliver messages in one burst."""
        now = self._read_clock()
        receiver = self.running.receivers[link.spec.name]
        self.model.detect_stall()
        receiver.packets_begin(now)
        self._last[link.spec.name] = now
        for sent in messages:
            self._message(link.spec.name, receiver, sent, retained=retained)
        if link.state == SUBSCRIBED:
            self._packet(link.spec.name, now)
        else:
            self.running.watcher.flush_events()
        self._check({sent.camera for sent in messages})

    def _message(self, link: str, receiver: LinkReceiver, sent: Message, *, retained: bool) -> None:
        counts = self.running.watcher.rejections.counts
        before = counts.copy()
        receiver.message(sent.topic, sent.payload, retained)
        refused = [reason.value for reason, count in counts.items() if count != before[reason]]
        verdict = refused[0] if refused else "proof"
        camera = self.model.cameras.get(sent.camera)
        due = self._refusal_at_border(sent, camera is not None and camera.row is not None, retained=retained)
        if due is None and camera is not None and camera.status == "retired":
            due = "" if sent.word and retained else "unexpected"
        if due is not None:
            if verdict != (due or "proof"):
                raise ViolationError(f"{sent} was classified as {verdict}; expected {due}")
        elif sent.word:
            self.model.status_message(sent, retained=retained)
        else:
            self._heartbeat(link, sent, verdict)

    def _refusal_at_border(self, sent: Message, registered: bool, *, retained: bool) -> str | None:
        """Return why a message is refused before the core; empty: ignored; None: not refused."""
        if not registered:
            return "unknown_topic" if sent.wrong == "unknown_topic" else "unregistered"
        if sent.wrong == "nothing":
            return ""
        if sent.wrong in ("wrong_operator", "unknown_topic"):
            return sent.wrong
        if retained and not sent.word and not sent.topic.endswith("status"):
            return "retained"
        return sent.wrong or None

    def _heartbeat(self, link: str, sent: Message, verdict: str) -> None:
        tally, model = self.checker.tally, self.model
        tally.heartbeats += 1
        received, expected = model.classify(link, sent, self.now - sent.at)
        due = PROOF if expected.verdict == EVENT else expected.verdict
        tally.judgements += due is None
        if verdict == expected.never or verdict != (due or verdict):
            at = self.checker.format_time(model.now.at)
            due = due or f"anything but {expected.never}"
            raise ViolationError(f"at {at}, {sent} was classified as {verdict}; expected {due}")
        state = self.running.watcher.fleet.cameras[sent.camera]
        if due is None:
            self._adopt_verdict(link, received, verdict, expected)
        else:
            judged = DaemonVerdict(proof=self._proof(state))
            model.record_verdict(link, received, expected.verdict or verdict, expected, judged)
        classifier = model.classifiers[sent.camera]
        if due is None or classifier.relearning:
            classifier.adopt_offsets(self._offsets(sent.camera))
        since = classifier.refused_since
        if since is not None and model.now.at - since > classifier.patience():
            raise ViolationError(
                f"{sent}: a live camera has been refused since {self.checker.format_time(since)}"
            )

    def _adopt_verdict(self, link: str, received: Received, verdict: str, expected: Expected) -> None:
        """Adopt the daemon's verdict where the rules leave it open."""
        state = self.running.watcher.fleet.cameras[received.sent.camera]
        now, dated, proof = self.model.now, None, self._proof(state)
        late, by = self.running.watcher.fleet.links[link].late.get(state.index, (0.0, 0.0))
        lags = round(late * 1000) - self.checker.zero == now.at
        # After at most an interval a message is not late, though it may arrive together with a late one.
        if verdict == PROOF and lags and proof is not None and abs(now.at - proof - by * 1000) <= CLOSE:
            dated, verdict = proof, EVENT
        clock_known = has_offset(state)
        self.model.record_verdict(
            link, received, verdict, expected, DaemonVerdict(dated, lags, clock_known, proof)
        )

    def _proof(self, state: CameraState) -> int | None:
        """Return when a camera gave its last proof, by the daemon."""
        return round(state.proof * 1000) - self.checker.zero if isfinite(state.proof) else None

    def _offsets(self, camera: str) -> list[int]:
        """Return a camera's recent clock offsets, by the daemon."""
        state = self.running.watcher.fleet.cameras[camera]
        slot = state.offset_index & 31  # the oldest
        ring = [*state.offsets[slot:], *state.offsets[:slot]]
        return [round(each * 1000) for each in ring if isfinite(each)]

    def subscribe(self, link: Link) -> None:
        """Confirm a subscription, and deliver what the broker kept or retains."""
        now = self._read_clock()
        name = link.spec.name
        link.kept_session, link.state, link.session_known = (
            link.spec.persistent and link.session_known,
            SUBSCRIBED,
            True,
        )
        kept = link.kept_session
        link.sessions += 1
        self.model.subscribed(name, kept=kept)
        self.running.receivers[name].subscribed(now, session_present=kept)
        self._last[name] = now
        self._check()
        self.deliver(link, link.take_kept())
        self.deliver(link, [link.retained[topic] for topic in sorted(link.retained)], retained=True)

    def is_catching_up(self, link: Link) -> bool:
        """Return whether the backlog of a kept session has not all arrived."""
        return self.model.links[link.spec.name].catching_up

    def answer_ping(self, link: Link, asked: int) -> None:
        """Answer a ping that was sent at an instant, after everything before it."""
        name, now = link.spec.name, self._read_clock()
        since = (asked - self.now) / 1000
        self._packet(name, now)
        self.model.answered(name, asked - self._axis_zero)
        self.running.receivers[name].answered(now, now.shifted(since))
        self._check()

    def lose_link(self, link: Link) -> None:
        """Let the daemon detect the loss of a link."""
        name, now = link.spec.name, self._read_clock()
        was_visible = link.state == SUBSCRIBED
        link.drop()
        if was_visible:
            last = self._last[name]
            axis = round(last.mono * 1000) - self.checker.zero
            self.model.lost(name, Moment(axis, last.utc_ms))
            self.running.receivers[name].lost(now, last, "gone")
            self._check()
