"""The machine on which camwatch runs: its clocks, its process, its people; each thing that happens is a step.

What happens to the daemon is told to the second opinion as well, and the witness looks at both.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

from camwatch.core.message_order import has_clock_offset
from camwatch.core.model import Camera, Instant
from camwatch.core.state import CameraState
from camwatch.monitoring.receiver import LinkReceiver
from camwatch.settings import LivenessSettings, Settings
from tests.simulation.checks.state_checker import ViolationError, Witness
from tests.simulation.model.classifier import CLOSE, EVENT, PROOF, Expected, Heard
from tests.simulation.model.fleet import Judged, Opinion
from tests.simulation.model.records import Moment
from tests.simulation.plans.plan import Plan
from tests.simulation.world.cameras import Sent
from tests.simulation.world.daemon_process import Process
from tests.simulation.world.links import SUBSCRIBED, Wire

_MOST = 1000  # messages of a camera in an interval: bridges and brokers bring them in bursts
_LOOKS = 3  # of all cameras at one instant: then it goes round in circles, which `loops` finds
_TURNS = 5  # of the loop at one instant: what it does may leave something to look at


class Host:
    """One machine. `now` is the true time, UTC milliseconds; the wall clock is `wall_ahead` of it."""

    def __init__(self, plan: Plan, wires: dict[str, Wire], url: str) -> None:
        self.plan = plan
        self.now = plan.begins
        self.wall_ahead = 0
        self.starts = 0
        self.opinion = Opinion(plan, self._deadlines)
        self.witness = Witness(self.opinion)
        self.process: Process | None = None
        self.url = url
        self._wires = wires
        self._mono_base = 0
        self._axis_zero = 0
        self._last: dict[str, Instant] = {}
        self._chatter = 0
        self._chatter_every = 1
        self._noted = 0
        self._links = {line.name: frozenset(line.operators.split("+")) for line in plan.lines}
        self._settings = Settings(
            liveness=LivenessSettings(
                interval_s=plan.interval / 1000,
                suspect_after=2.5,
                down_after=plan.half_steps / 2,
                will_grace_s=plan.hold / 1000,
                messages_per_interval=_MOST,
                stall_after_s=plan.stall_after / 1000,
            )
        )

    # --- clocks

    def mono(self) -> float:
        """Return what the monotonic clock shows; each process has its own."""
        return (self.now - self.plan.begins + self._mono_base) / 1000

    def wall(self) -> float:
        """Return what the wall clock shows."""
        return (self.now + self.wall_ahead) / 1000

    @property
    def running(self) -> Process:
        """The process."""
        assert self.process is not None
        return self.process

    def _look(self) -> Instant:
        """Read the process's clock, and tell the second opinion."""
        now = self.running.clock()
        moment = Moment(self.now - self._axis_zero, now.utc_ms)
        jumped = (moment.utc - moment.at) - (self.opinion.now.utc - self.opinion.now.at)
        if jumped > 0 and self.opinion.process == self.starts:
            self.opinion.clock_set_ahead(jumped)
        self.opinion.now = moment
        return now

    def _deadlines(self, row: Camera) -> tuple[int, int, int]:
        assert row.interval_s is not None
        interval = round(row.interval_s * 1000)
        return interval, self.plan.down_after(interval), max(self.plan.hold, interval * 3 // 2)

    # --- time passes

    def passes_to(self, at: int) -> None:
        """Let time pass; the loop runs whenever something is due."""
        while True:
            if self._chatter <= self.now:
                self._chatter = self.now + self._chatter_every
            wake, deadline = self._chatter, self.running.watcher.fleet.next_deadline
            if deadline is not None:
                wake = min(wake, max(self.now, self._moment_of(deadline)))
            if wake > at or (wake == at and not self.plan.eager):
                break
            self.now = wake
            self.loops()
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
        """Return an instant, a little later, at which no float decides whether a deadline has passed."""
        near = True
        while near:
            axis = at - self._axis_zero
            near = any(
                axis - 2 <= threshold <= axis
                for mind in self.opinion.minds.values()
                for threshold in mind.thresholds()
            ) or any(axis - 2 <= at <= axis for at in self.opinion.looks())
            at += 3 * near
        return at

    def loops(self) -> None:
        """Let the loop look at deadlines, and at what links say, until nothing is left to do."""
        now = self._look()
        watch = self.running.watcher.fleet
        for _ in range(_TURNS):
            self._turn(now)
            if watch.next_deadline is None or watch.next_deadline > now.mono:
                break
        else:
            raise ViolationError("a deadline has passed, and looking at it does not help")
        self._after()

    def _turn(self, now: Instant) -> None:
        watcher = self.running.watcher
        self.opinion.ticks()
        for _ in range(_LOOKS):
            if not watcher.fleet.tick(now):
                break
        watcher.flush_events()
        self._note()
        for name, wire in self._wires.items():
            if wire.state == SUBSCRIBED and not wire.cut and not wire.queue.waits(self.now):
                self._hears(name, now)

    def _hears(self, name: str, now: Instant) -> None:
        self.running.receivers[name].packets_end(now)
        self.opinion.heard(name)
        self._last[name] = now

    def _after(self, cameras: Iterable[str] | None = None, *, swept: bool = False) -> None:
        """Have these cameras looked at (None: all), and note what is to be stored."""
        self.witness.check(self.running, None if cameras is None else set(cameras))
        self._note(swept=swept)

    def _note(self, *, swept: bool = False) -> None:
        """Tell the second opinion what was put down, to be stored."""
        pieces = self.running.chronicle._queue._pieces
        for number in range(self._noted, len(pieces)):
            piece = pieces[number]
            cameras = {memory.camera for memory in piece.checkpoints}
            self.opinion.notes(piece.watermark_ms, cameras, piece.groups or None, swept=swept)
        self._noted = len(pieces)

    # --- links

    def hand(self, wire: Wire, sents: list[Sent], *, retained: bool = False) -> None:
        """Let messages arrive, in one burst."""
        now = self._look()
        receiver = self.running.receivers[wire.line.name]
        self.opinion.awake()
        receiver.packets_begin(now)
        self._last[wire.line.name] = now
        for sent in sents:
            self._message(wire.line.name, receiver, sent, retained=retained)
        if wire.state == SUBSCRIBED:
            self._hears(wire.line.name, now)
        else:
            self.running.watcher.flush_events()
        self._after({sent.camera for sent in sents})

    def _message(self, link: str, receiver: LinkReceiver, sent: Sent, *, retained: bool) -> None:
        counts = self.running.watcher.rejections.counts
        before = counts.copy()
        receiver.message(sent.topic, sent.payload, retained)
        refused = [reason.value for reason, count in counts.items() if count != before[reason]]
        verdict = refused[0] if refused else "proof"
        mind = self.opinion.minds.get(sent.camera)
        due = self._without_looking(sent, mind is not None and mind.row is not None, retained=retained)
        if due is None and mind is not None and mind.life == "retired":
            due = "" if sent.word and retained else "unexpected"
        if due is not None:
            if verdict != (due or "proof"):
                raise ViolationError(f"{sent} was taken for {verdict}, should be {due}")
        elif sent.word:
            self.opinion.word(sent, retained=retained)
        else:
            self._heartbeat(link, sent, verdict)

    def _without_looking(self, sent: Sent, registered: bool, *, retained: bool) -> str | None:
        """Return why a message is refused before the core sees it; empty: passed over; None: it is not."""
        if not registered:
            return "unknown_topic" if sent.wrong == "unknown_topic" else "unregistered"
        if sent.wrong == "nothing":
            return ""
        if sent.wrong in ("wrong_operator", "unknown_topic"):
            return sent.wrong
        if retained and not sent.word and not sent.topic.endswith("status"):
            return "retained"
        return sent.wrong or None

    def _heartbeat(self, link: str, sent: Sent, verdict: str) -> None:
        tally, opinion = self.witness.tally, self.opinion
        tally.heartbeats += 1
        said, expected = opinion.hears(link, sent, self.now - sent.at)
        due = PROOF if expected.verdict == EVENT else expected.verdict
        tally.judgements += due is None
        if verdict == expected.never or verdict != (due or verdict):
            at = self.witness.shown(opinion.now.at)
            due = due or f"anything but {expected.never}"
            raise ViolationError(f"at {at}, {sent} was taken for {verdict}, should be {due}")
        state = self.running.watcher.fleet.cameras[sent.camera]
        if due is None:
            self._judged(link, said, verdict, expected)
        else:
            judged = Judged(proof=self._proof(state))
            opinion.took(link, said, expected.verdict or verdict, expected, judged)
        hearing = opinion.hearings[sent.camera]
        if due is None or hearing.anew:
            hearing.learns(self._offsets(sent.camera))
        since = hearing.refused_since
        if since is not None and opinion.now.at - since > hearing.patience():
            raise ViolationError(f"{sent}: a live camera is refused since {self.witness.shown(since)}")

    def _judged(self, link: str, said: Heard, verdict: str, expected: Expected) -> None:
        """Take the daemon's word for what the rules leave to judgement."""
        state = self.running.watcher.fleet.cameras[said.sent.camera]
        now, dated, proof = self.opinion.now, None, self._proof(state)
        late, by = self.running.watcher.fleet.links[link].late.get(state.index, (0.0, 0.0))
        lags = round(late * 1000) - self.witness.zero == now.at
        # What waited for no longer than an interval is no late word, though a late one may have come with it.
        if verdict == PROOF and lags and proof is not None and abs(now.at - proof - by * 1000) <= CLOSE:
            dated, verdict = proof, EVENT
        told = has_clock_offset(state)
        self.opinion.took(link, said, verdict, expected, Judged(dated, lags, told, proof))

    def _proof(self, state: CameraState) -> int | None:
        """Return when a camera gave its last proof, by the daemon."""
        return round(state.proof * 1000) - self.witness.zero if isfinite(state.proof) else None

    def _offsets(self, camera: str) -> list[int]:
        """Return how far a camera's clock was off lately, by the daemon."""
        state = self.running.watcher.fleet.cameras[camera]
        slot = state.offset_index & 31  # the oldest
        ring = [*state.offsets[slot:], *state.offsets[:slot]]
        return [round(each * 1000) for each in ring if isfinite(each)]

    def subscribes(self, wire: Wire) -> None:
        """Sight over a link begins; what the broker kept or retains follows."""
        now = self._look()
        name = wire.line.name
        wire.kept_session, wire.state, wire.known = wire.line.keeps and wire.known, SUBSCRIBED, True
        kept = wire.kept_session
        wire.sessions += 1
        self.opinion.subscribed(name, kept=kept)
        self.running.receivers[name].subscribed(now, session_present=kept)
        self._last[name] = now
        self._after()
        self.hand(wire, wire.flow())
        self.hand(wire, [wire.retained[topic] for topic in sorted(wire.retained)], retained=True)

    def waits(self, wire: Wire) -> bool:
        """Whether what a session kept is not through yet."""
        return self.opinion.links[wire.line.name].waits

    def answers(self, wire: Wire, asked: int) -> None:
        """Let a ping be answered that was sent at an instant, and all before it be handed over."""
        name, now = wire.line.name, self._look()
        since = (asked - self.now) / 1000
        self._hears(name, now)
        self.opinion.answered(name, asked - self._axis_zero)
        self.running.receivers[name].answered(now, now.shifted(since))
        self._after()

    def loses(self, wire: Wire) -> None:
        """Let it be found that a link is lost."""
        name, now = wire.line.name, self._look()
        sighted = wire.state == SUBSCRIBED
        wire.drop()
        if sighted:
            last = self._last[name]
            axis = round(last.mono * 1000) - self.witness.zero
            self.opinion.lost(name, Moment(axis, last.utc_ms))
            self.running.receivers[name].lost(now, last, "gone")
            self._after()
