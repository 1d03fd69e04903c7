"""Whatever happens to a fleet, in whatever order: what must always hold (rules L, S, V, A, T)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from camwatch.core.model import CameraConfig, Instant, Lifecycle, Liveness, MaintenanceWindow, Scope, Status
from camwatch.core.state import LinkState
from camwatch.core.telemetry import RejectionReason, SessionStatus
from tests.simulation.invariants import Observer
from tests.support.fleet import START, World, enrolment, instant, utc_ms, window

CAMERAS = ("a", "b", "c", "d", "e")
OPERATORS = {"a": "ville", "b": "ville", "c": "ville", "d": "sacogiva", "e": "sacogiva"}
LINKS = {"main": ["ville"], "both": []}
STALL_S = 5.0


class WanderingWorld(World):
    """A world whose wall clock is set back and ahead; UTC waits rather than run backwards (rule T2)."""

    wall_ms = 0
    shown_ms = 0

    @property
    def now(self) -> Instant:
        """The moment that both clocks show."""
        moment = instant(self.t)
        self.shown_ms = max(self.shown_ms, moment.utc_ms + self.wall_ms)
        return Instant(moment.mono, self.shown_ms)


@dataclass(frozen=True)
class Step:
    """One thing that happens, `after` so many seconds."""

    after: float
    what: str
    who: str = "a"
    how: Any = None


def _rows() -> st.SearchStrategy[dict[str, CameraConfig]]:
    rows = {
        name: st.builds(
            lambda name, interval, hold, lifecycle, date, site: enrolment(
                name,
                Liveness(interval_s=interval, will_grace_s=hold),
                operator=OPERATORS[name],
                site=site,
                lifecycle=lifecycle,
                in_service_from_ms=None if date is None else utc_ms(date),
            ),
            st.just(name),
            st.sampled_from([10.0, 10.0, 4.0, 25.0]),
            st.sampled_from([10.0, 2.0]),
            st.sampled_from([Lifecycle.IN_SERVICE] * 6 + [Lifecycle.PLANNED, Lifecycle.RETIRED]),
            st.sampled_from([None, None, None, None, -50.0, 30.0, 300.5]),
            st.sampled_from(["mairie", "puyricard"]),
        )
        for name in CAMERAS
    }
    return st.fixed_dictionaries(rows) | st.fixed_dictionaries({}, optional=rows)


_windows = st.lists(
    st.builds(
        lambda scope, start, length: window(start, start + length, *scope),
        st.sampled_from([(Scope.CAMERA, "a"), (Scope.SITE, "mairie"), (Scope.OPERATOR, "sacogiva")]),
        st.integers(-50, 400).map(lambda s: s + 0.25),
        st.sampled_from([0.001, 3.0, 40.0, 200.0]),
    ),
    max_size=4,
)
_after = st.sampled_from([0.0, 0.001, 0.5, 2.0, 8.0, 10.0, 33.0]) | st.integers(0, 20_000).map(
    lambda ms: ms / 1000
)
_who = st.sampled_from(CAMERAS)
_link = st.sampled_from(sorted(LINKS))


def _step(what: str, who: st.SearchStrategy[str] = _who, how: st.SearchStrategy[Any] | None = None) -> Any:
    return st.builds(Step, _after, st.just(what), who, st.none() if how is None else how)


_said = st.sampled_from(
    ["bare", "next", "again", "older", "reboot", "late", "behind", "ill", "well", "offset"]
)
_words = st.tuples(st.sampled_from(SessionStatus), st.booleans())
_steps = st.lists(
    st.one_of(
        _step("beat", how=_said),
        _step("beat", how=_said),
        _step("beats"),
        _step("beats"),
        _step("beats"),
        _step("word", how=_words),
        _step("word", how=_words),
        _step("lose", _link),
        _step("regain", _link),
        _step("freeze", _link),
        _step("sleep", how=st.sampled_from([0.5, 5.0, 5.5, 30.0, 200.0])),
        _step("reload", how=st.tuples(_rows(), _windows)),
        _step("settle"),
        _step("wall", how=st.sampled_from([-60_000, -1, 1, 2_000, 100_000])),
    ),
    min_size=20,
    max_size=60,
)


class Play:
    """Lets steps happen to a world, under observation."""

    def __init__(self, rows: dict[str, CameraConfig], windows: list[MaintenanceWindow]) -> None:
        self.rows = rows or {"a": enrolment("a", operator="ville")}
        self.world = WanderingWorld(
            *self.rows.values(),
            links=LINKS,
            windows=windows,
            sight=False,
            chatter_s=3.0,
            stall_after_s=STALL_S,
        )
        self.observer = Observer(self.world)
        self._dark = dict.fromkeys(OPERATORS.values(), START.mono)  # operators out of sight, since when
        self._sent: dict[str, tuple[int, float]] = {}  # seq, and when the camera booted

    def run(self, steps: list[Step]) -> None:
        """Let every step happen, and check the world after each."""
        for step in steps:
            self.world.to(self.world.t + step.after)
            self.observer.check()
            if step.who in self.world.watch.cameras or step.what not in ("beat", "word"):
                getattr(self, step.what)(step)
            self.observer.check()
            self.world.tick()
            upcoming = self.world.watch.next_deadline
            assert upcoming is None or upcoming > self.world.now.mono
            self.observer.check()

    def beat(self, step: Step) -> None:
        state = self.world.camera(step.who)
        refusal = self.world.beat(step.who, **self._say(step))
        if refusal is None:
            self.observer.proof(state)
        elif refusal is RejectionReason.LATE:
            self.observer.late(state)

    def beats(self, _step: Step) -> None:
        """Everybody speaks: most sequences would be of the dead otherwise."""
        for name in self.world.watch.cameras:
            self.beat(Step(0.0, "beat", name, "next"))
            self.observer.check()

    def _say(self, step: Step) -> dict[str, Any]:
        mono, clock = self.world.t, (START.utc_ms + self.world.t * 1000) / 1000
        seq, booted = self._sent.get(step.who, (0, mono - 3.0))
        if step.how in ("reboot", "next"):
            seq, booted = (0, mono) if step.how == "reboot" else (seq + 1, booted)
            self._sent[step.who] = seq, booted
        fields: dict[str, dict[str, Any]] = {
            "next": {"seq": seq, "ts": clock, "uptime_s": mono - booted},
            "again": {"seq": seq},
            "older": {"seq": max(0, seq - 2)},
            "reboot": {"seq": seq, "ts": clock, "uptime_s": 0.0},
            "late": {"ts": clock - 60.0},
            "behind": {"ts": clock - 20.0},
            "ill": {"tamper": True, "fps": 1.0},
            "well": {"tamper": False, "fps": 25.0},
            "offset": {"ts": clock + 3600.0},
        }
        return fields.get(step.how, {})

    def word(self, step: Step) -> None:
        state, (word, retained) = self.world.camera(step.who), step.how
        life = state.underlying_status
        self.world.word(word, step.who, retained=retained)
        if word is not SessionStatus.ONLINE:
            self.observer.hint(state)
        elif not retained and life is not Status.RETIRED:
            self.observer.online(state)

    def lose(self, step: Step) -> None:
        link = self.world.watch.links[step.who]
        if not link.up or link.last_packet_at is None:
            return
        self.world.lose(step.who, link.last_packet_at.mono - START.mono)
        for operator in set(OPERATORS.values()) - self._dark.keys():
            carriers = self._carriers(operator)
            if not any(link.up for link in carriers):
                self._dark[operator] = max(
                    link.last_packet_at.mono for link in carriers if link.last_packet_at
                )

    def _carriers(self, operator: str) -> list[LinkState]:
        return [link for link in self.world.watch.links.values() if link.covers(operator)]

    def regain(self, step: Step) -> None:
        for operator in list(self._dark):
            if self.world.watch.links[step.who].covers(operator):
                self.observer.blindness(operator, self._dark.pop(operator), self.world.now.mono)
        self.world.frozen.discard(step.who)
        self.world.regain(step.who)

    def freeze(self, step: Step) -> None:
        self.world.frozen.add(step.who)

    def sleep(self, step: Step) -> None:
        begin = self.world.now.mono
        self.world.t += step.how
        if step.how > STALL_S:
            for operator in OPERATORS.values():
                self.observer.blindness(operator, begin, self.world.now.mono)
        self.world.tick()

    def reload(self, step: Step) -> None:
        rows, windows = step.how
        self.world.reload(*rows.values(), windows=windows)
        self.observer.meet()

    def settle(self, _step: Step) -> None:
        for name in self.world.watch.cameras:
            self.world.account(name)

    def wall(self, step: Step) -> None:
        self.world.wall_ms += step.how


@settings(max_examples=120)
@given(_rows(), _windows, _steps)
def test_whatever_happens_the_rules_hold(
    rows: dict[str, CameraConfig], windows: list[MaintenanceWindow], steps: list[Step]
) -> None:
    """A1, T2, L3, L5, S2, S10, I1: see `Observer`."""
    play = Play(rows, windows)
    play.run([Step(1.0, "regain", "main"), Step(1.0, "regain", "both"), Step(0.0, "beats"), *steps])


@settings(max_examples=60)
@given(st.lists(st.integers(1, 44_999), min_size=1, max_size=60), st.booleans())
def test_a_camera_whose_heartbeats_keep_coming_is_never_convicted(gaps: list[int], numbered: bool) -> None:
    """L2: however unevenly, as long as each comes before the deadline."""
    world, at_ms = World(chatter_s=5.0), 0
    world.beat()
    for number, gap in enumerate(gaps):
        at_ms += gap
        world.to(at_ms / 1000)
        assert (world.beat(seq=number) if numbered else world.beat()) is None
    assert [move.new for move in world.moves()] == [Status.UP]
    assert world.account().up == at_ms
