"""What must hold of a FleetMonitor after every step, whatever happened: checked from outside.

An `Observer` keeps a diary of its own (proofs, hints, blindness) and the core's transitions, and checks
the core's accounts, counters and convictions against them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from camwatch.core.events import IncidentEvent, Transition
from camwatch.core.model import Cause, IncidentKind, Instant, Status
from camwatch.core.state import CameraState
from camwatch.core.transitions import IN_SERVICE
from tests.support.fleet import World

ACCOUNTS = ("up", "down", "unknown", "maintenance")


@dataclass
class Diary:
    """What the observer knows of one camera; times are monotonic seconds."""

    state: CameraState
    status: Status
    since: Instant
    proof: float  # the last one, or when the camera was first watched
    enrolled: float
    down_s: float  # the smallest in force so far
    interval_s: float
    hold_s: float = float("inf")
    outages: int = 0
    outage_open: bool = False
    hint_at: float | None = None
    counters: tuple[int, ...] = (0, 0, 0)
    account: dict[str, int] = field(default_factory=dict)
    at_first: int = 0  # in-service milliseconds of its earlier stays in the inventory
    base: dict[str, int] | None = None  # the account when the ledger last began; None: out of service
    begin_ms: int = 0  # when it did
    history: list[tuple[int, Status]] = field(default_factory=list)  # every transition, at its millisecond


class Observer:
    """Checks a world after every step, and consumes its events."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.diaries: dict[int, Diary] = {}
        self._blind: dict[str, list[tuple[float, float]]] = {}  # by operator, disjoint stretches
        self._open: set[tuple[IncidentKind, str]] = set()
        self.meet()

    def meet(self) -> None:
        """Take note of the cameras that are watched now, with the deadlines that hold now."""
        now = self.world.now
        for state in self.world.watch.cameras.values():
            diary = self.diaries.get(state.index)
            if diary is None:
                life, met = (
                    state.underlying_status if state.status is Status.MAINTENANCE else state.status,
                    now,
                )
                told = self._told_already(state)
                if told is not None:
                    life, met = told.old, told.at
                diary = Diary(state, life, met, now.mono, met.mono, state.down_s, state.interval_s)
                self._welcome(diary)
                diary.history = [(round(met.mono * 1000), life)]
                self.diaries[state.index] = diary
            diary.down_s = min(diary.down_s, state.down_s)
            diary.interval_s = min(diary.interval_s, state.interval_s)
            diary.hold_s = min(diary.hold_s, state.will_grace_s)

    def _told_already(self, state: CameraState) -> Transition | None:
        """Return what the reload that brought a camera changed already: its date passed while away (V1)."""
        mine = (each for each in self.world.events if isinstance(each, Transition))
        return next((each for each in mine if each.camera == state.camera.id), None)

    def _welcome(self, diary: Diary) -> None:
        """Check that a camera that returns counts on from where it left (V6), and begin from there."""
        state = diary.state
        diary.account, diary.at_first = asdict(state.status_time), state.status_time.in_service
        diary.counters, diary.outages = _counters(state), state.outages
        row = state.camera
        former = [each for each in self.diaries.values() if each.state.camera.id == row.id]
        if former and former[-1].state.camera.operator == row.operator:
            diary.outage_open = former[-1].outage_open and state.underlying_status in IN_SERVICE
            assert all(new >= old for new, old in zip(diary.counters, former[-1].counters, strict=True))
            assert all(diary.account[name] >= old for name, old in former[-1].account.items())

    def blindness(self, operator: str, begin: float, end: float) -> None:
        """Take note that an operator's cameras could not be seen from `begin` to `end`."""
        known = self._blind.setdefault(operator, [])
        while known and known[-1][1] >= begin:
            earlier = known.pop()
            begin, end = min(begin, earlier[0]), max(end, earlier[1])
        known.append((begin, end))

    def proof(self, state: CameraState) -> None:
        """Take note of a proof now; one that came as late as its link lags is of when it was sent (S11)."""
        diary = self.diaries[state.index]
        diary.proof = min(self.world.now.mono, state.proof)
        diary.hint_at = None

    def late(self, state: CameraState) -> None:
        """Take note of a heartbeat that came too late to be a proof of now: of when it was sent (L8)."""
        diary = self.diaries[state.index]
        diary.proof = max(diary.proof, min(self.world.now.mono, state.proof))

    def online(self, state: CameraState) -> None:
        """Take note of a birth now, which cancels a hint."""
        self.diaries[state.index].hint_at = None

    def hint(self, state: CameraState) -> None:
        """Take note of a hint now."""
        diary = self.diaries[state.index]
        diary.hint_at = self.world.now.mono if diary.hint_at is None else diary.hint_at

    def check(self) -> None:
        """Check everything that happened since the last time."""
        newest = {diary.state.camera.id: diary for diary in self.diaries.values()}
        for event in self.world.events:
            if isinstance(event, Transition):
                self._check_transition(newest[event.camera], event)
            elif isinstance(event, IncidentEvent):
                key = (event.kind, event.id)
                assert event.opened is (key not in self._open), f"{key} twice"
                self._open ^= {key}
                assert event.since <= event.detected_at
        self.world.events.clear()
        for state in self.world.watch.cameras.values():
            self._check_account(self.diaries[state.index])
            self._check_counters(self.diaries[state.index])
        self._check_incidents()

    def _check_transition(self, diary: Diary, event: Transition) -> None:
        """Transitions are chained, in order, and known no sooner than true (T2)."""
        assert event.old is diary.status, f"{event} does not follow {diary.status}"
        assert event.old is not event.new
        for part in range(2):  # on both clocks
            assert diary.since[part] <= event.at[part] <= event.detected_at[part], event
        if event.new is Status.DOWN:
            assert event.cause is not None, event
            diary.outages += not diary.outage_open
        if event.deadline is not None:
            self._check_conviction(diary, event, event.deadline)
        diary.outage_open = event.new is Status.DOWN or (diary.outage_open and event.new is Status.UNKNOWN)
        diary.status, diary.since = event.new, event.at
        diary.history.append((round(event.at.mono * 1000), event.new))

    def _check_conviction(self, diary: Diary, event: Transition, deadline: float) -> None:
        """Nobody is convicted before its time, out of sight, or without proof of sight (L3, L5, S2, S10)."""
        noticed, state = event.detected_at.mono, diary.state
        assert deadline <= noticed, event
        links = [link for link in state.link_group.links if link.up]
        assert links, f"out of sight: {event}"
        hiding = [link for link in links if link.visible or state.proof_link in (None, link)]
        assert all(link.delivered_until > diary.proof + diary.interval_s for link in hiding), (
            f"no packet since: {event}"
        )
        hidden = sum(
            max(0.0, min(end, noticed) - max(begin, diary.proof))
            for begin, end in self._blind.get(event.operator, ())
        )
        silent = noticed - diary.proof - hidden
        if event.cause is Cause.TIMEOUT:
            assert silent >= diary.down_s - 1e-6, f"after {silent} s: {event}"
        else:
            assert diary.hint_at is not None, f"no hint: {event}"
            held = noticed - diary.hint_at
            assert held >= diary.hold_s - 1e-6 or silent >= diary.down_s - 1e-6, event

    def _check_account(self, diary: Diary) -> None:
        """Accounts only grow, sum up exactly, and say what the transitions say (A1, T3)."""
        state, now_ms = diary.state, round(self.world.now.mono * 1000)
        account = asdict(state.status_time)
        assert all(account[name] >= diary.account[name] for name in account), (diary.account, account)
        assert account["degraded"] <= account["up"]
        assert state.status_time.in_service - diary.at_first <= now_ms - round(diary.enrolled * 1000)
        if state.accounted_until_ms is None:
            diary.base = None
        else:
            assert state.accounted_until_ms <= now_ms
            if diary.base is None:
                grown = sum(account[name] - diary.account[name] for name in ACCOUNTS)
                diary.base, diary.begin_ms = diary.account, state.accounted_until_ms - grown
            spent = dict.fromkeys(ACCOUNTS, 0)
            ends = [at for at, _ in diary.history[1:]] + [state.accounted_until_ms]
            for (start, status), end in zip(diary.history, ends, strict=True):
                length = min(end, state.accounted_until_ms) - max(start, diary.begin_ms)
                if length > 0:
                    spent[status.value] += length
            assert spent == {name: account[name] - diary.base[name] for name in ACCOUNTS}, state.camera.id
        diary.account = account

    def _check_counters(self, diary: Diary) -> None:
        state = diary.state
        counters = _counters(state)
        assert all(new >= old for new, old in zip(counters, diary.counters, strict=True))
        assert state.outages == diary.outages
        diary.counters = counters

    def _check_incidents(self) -> None:
        """Compare each group with what is in service, and its incident with what was told (I1)."""
        cameras = self.world.watch.cameras.values()
        for key, group in self.world.watch.incidents.items():
            assert group.in_service == sum(
                s.underlying_status in IN_SERVICE for s in cameras if group in s.groups
            )
            assert (group.since is not None) is (key in self._open)


def _counters(state: CameraState) -> tuple[int, int, int]:
    return state.heartbeats, state.outages, state.reboots
