"""Proof and silence: when a camera is up, suspect and down, to the millisecond (rules L1-L4, C1, T1)."""

from __future__ import annotations

import pytest

from camwatch.core import deadlines
from camwatch.core.events import Reboot, Transition
from camwatch.core.model import Cause, Instant, Liveness, Status
from camwatch.core.monitor import FleetMonitor
from camwatch.core.telemetry import SessionStatus
from tests.support.fleet import BARE, Move, World, alive, enrolment, fleet, instant, utc_ms

UNKNOWN, UP, DOWN = Status.UNKNOWN, Status.UP, Status.DOWN


def test_a_camera_without_history_is_unknown_at_the_first_subscription() -> None:
    """S6: neither up nor down before anything was seen."""
    world = World()
    assert world.status() is UNKNOWN
    assert world.moves() == []


def test_the_first_proof_brings_a_camera_up_at_the_proof() -> None:
    """L4."""
    world = World().to(3.25)
    assert world.beat() is None
    assert world.moves() == [Move(UNKNOWN, UP, at=3.25, noticed=3.25)]


def test_a_heartbeat_tells_when_the_camera_was_last_alive() -> None:
    """L2: `last_proof`, on both clocks."""
    world = World().to(7.5)
    world.beat()
    assert (world.camera().proof, world.camera().proof_ms) == instant(7.5)


@pytest.mark.parametrize("life", [UNKNOWN, UP, DOWN])
def test_online_is_no_proof(life: Status) -> None:
    """L1: a bridge may repeat the word of a camera that is long dead, whenever its line comes back."""
    world = World() if life is UNKNOWN else alive().to(60 if life is DOWN else 40)
    before = world.camera().proof
    assert world.word(SessionStatus.ONLINE) is None
    assert (world.status(), world.camera().proof) == (life, before)
    assert world.to(200).status() is DOWN
    assert [move.new for move in world.moves()] == [DOWN]
    assert world.camera().outages == 1


@pytest.mark.parametrize("life", [UNKNOWN, UP, DOWN])
def test_a_retained_online_proves_nothing(life: Status) -> None:
    """L1: a message from the broker's store says nothing about now."""
    world = World() if life is UNKNOWN else alive().to(60 if life is DOWN else 5)
    assert world.status() is life
    before = world.camera().proof, len(world.events)
    world.word(SessionStatus.ONLINE, retained=True)
    assert (world.camera().proof, len(world.events)) == before
    assert world.status() is life


def test_a_retained_online_does_not_move_the_deadline() -> None:
    """L1, L3."""
    world = alive().to(40)
    world.word(SessionStatus.ONLINE, retained=True)
    assert world.to(60).moves() == [Move(UP, DOWN, at=5, noticed=45, cause=Cause.TIMEOUT)]


def test_a_silent_camera_is_down_exactly_at_the_deadline() -> None:
    """L3, E1: noticed at `last_proof` + 45 s, true since `last_proof` + 5 s."""
    world = alive(until=100).to(144.999)
    assert world.moves() == []
    world.to(145)
    assert world.moves() == [Move(UP, DOWN, at=105, noticed=145, cause=Cause.TIMEOUT)]


def test_a_conviction_tells_its_deadline_beside_when_the_loop_got_to_it() -> None:
    """L3: `detected_at` − deadline is the detection delay."""
    world = alive().to(44.5)
    world.t = 45.75
    world.tick()
    conviction = world.transitions()[-1]
    assert isinstance(conviction, Transition)
    assert conviction.deadline == instant(45).mono
    assert conviction.detected_at == instant(45.75)
    assert (conviction.at, conviction.earliest_ms, conviction.latest_ms) == (
        instant(5),
        utc_ms(0),
        utc_ms(12.5),
    )


def test_a_proof_carries_no_cause_and_no_deadline() -> None:
    """L4."""
    world = World()
    world.beat()
    assert world.transitions() == [
        Transition("cam-1", "ville", "mairie", UNKNOWN, UP, at=instant(0), detected_at=instant(0))
    ]


def test_a_heartbeat_just_before_the_deadline_moves_it() -> None:
    """L2."""
    world = alive().to(44.999)
    world.beat()
    assert world.to(89.998).moves() == []
    assert world.to(89.999).last() == Move(UP, DOWN, at=49.999, noticed=89.999, cause=Cause.TIMEOUT)


def test_a_heartbeat_that_waited_for_a_late_loop_counts() -> None:
    """L3, S10, E3: what had arrived is handed over before anyone is convicted; but it proves no 46 s."""
    world = alive().to(44)
    world.t = 46
    assert world.beat() is None
    world.tick()
    assert world.moves() == [Move(UP, UNKNOWN, at=10, noticed=46), Move(UNKNOWN, UP, at=46, noticed=46)]


def test_a_camera_returns_with_its_proof_and_each_down_is_an_outage() -> None:
    """L4, A6."""
    world = alive().to(60)
    world.beat()
    world.to(200)
    assert world.moves() == [
        Move(UP, DOWN, at=5, noticed=45, cause=Cause.TIMEOUT),
        Move(DOWN, UP, at=60, noticed=60),
        Move(UP, DOWN, at=65, noticed=105, cause=Cause.TIMEOUT),
    ]
    assert world.camera().outages == 2


def test_a_silent_unknown_camera_is_down_an_interval_after_visibility() -> None:
    """S5 for the first subscription: fresh deadline, `at` one interval after sight."""
    world = World().to(44.999)
    assert world.moves() == []
    assert world.to(45).moves() == [Move(UNKNOWN, DOWN, at=10, noticed=45, cause=Cause.TIMEOUT)]


@pytest.mark.parametrize(
    ("setting", "suspect", "died", "down"),
    [
        (Liveness(), 25.0, 5.0, 45.0),
        (Liveness(interval_s=60), 150.0, 30.0, 270.0),
        (Liveness(suspect_after=1.5, down_after=3), 15.0, 5.0, 30.0),
        (Liveness(interval_s=0.2), 0.5, 0.1, 0.9),
        (Liveness(interval_s=0.1, down_after=1.1, suspect_after=1), 0.1, 0.05, 0.11),
    ],
)
def test_interval_and_factors_set_the_deadlines(
    setting: Liveness, suspect: float, died: float, down: float
) -> None:
    """L2, C1: to the millisecond, fractions included."""
    world = World(enrolment(liveness=setting), chatter_s=0.01 if down < 2 else 1.0)
    world.beat()
    world.to(suspect - 0.001)
    assert not deadlines.is_suspect(world.camera(), world.now.mono)
    world.to(suspect + 0.001)
    assert deadlines.is_suspect(world.camera(), world.now.mono)
    world.to(down - 0.001)
    assert world.status() is UP
    world.to(down + 0.001)
    assert world.last().at == pytest.approx(died, abs=0.0011)
    assert world.last().noticed == pytest.approx(down, abs=0.0011)


def test_suspect_begins_at_its_instant_and_ends_with_proof_or_down() -> None:
    """C1: 2.5 intervals of silence; a camera that is down or unknown is not suspect as well."""
    world = World()
    assert not deadlines.is_suspect(world.camera(), world.to(30).now.mono)
    world.beat()
    for t, suspect in ((54.999, False), (55.0, True), (74.999, True), (75.0, False)):
        world.to(t)
        assert deadlines.is_suspect(world.camera(), world.now.mono) is suspect, t
    assert world.status() is DOWN
    world.beat()
    assert not deadlines.is_suspect(world.camera(), world.now.mono)


def test_cameras_are_judged_each_by_its_own_silence() -> None:
    """L2."""
    world = alive(*fleet(3)).beats(30, "cam-1").beats(100, "cam-3").to(130)
    assert world.moves("cam-1") == [Move(UP, DOWN, at=35, noticed=75, cause=Cause.TIMEOUT)]
    assert world.moves("cam-2") == [Move(UP, DOWN, at=5, noticed=45, cause=Cause.TIMEOUT)]
    assert world.moves("cam-3") == []


def test_a_tick_reviews_a_limited_number_and_reports_more() -> None:
    """T1: judging ten thousand at once is cut in pieces that the loop survives."""
    world = alive(*fleet(10)).to(44)
    world.t = 45
    watch = world.watch
    assert watch.tick(world.now, limit=4)
    assert watch.next_deadline == instant(45).mono
    assert watch.tick(world.now, limit=4)
    assert not watch.tick(world.now, limit=4)
    convicted = [event for event in watch.drain_events() if isinstance(event, Transition)]
    assert len(convicted) == 10
    upcoming = watch.next_deadline
    assert upcoming is None


def test_what_happened_is_taken_once_and_in_order() -> None:
    """STYLE: facts out, to whoever remembers them."""
    world = World(*fleet(2))
    for camera_id in ("cam-2", "cam-1"):
        world.watch.heartbeat(world.camera(camera_id), instant(0), BARE)
    taken = world.watch.drain_events()
    assert [event.camera for event in taken if isinstance(event, Transition | Reboot)] == ["cam-2", "cam-1"]
    assert world.watch.drain_events() == []


def test_a_fleet_without_cameras_has_nothing_to_wait_for() -> None:
    watch = FleetMonitor(instant(0), {"main": frozenset()})
    watch.link_up(watch.links["main"], instant(0))
    assert watch.next_deadline is None
    assert not watch.tick(instant(1))
    assert not watch.blind


def test_the_gaps_between_proofs_are_counted_by_operator() -> None:
    """The histogram of `camwatch_heartbeat_gap_seconds`: bounds are upper bounds, inside."""
    world = World(*fleet(2), enrolment("elsewhere", operator="sacogiva"))
    for t in (0.0, 10.0, 22.5, 1000.0):
        world.to(t).beat("cam-1")
    world.beat("elsewhere")
    gaps = world.watch.gaps["ville"]
    assert sum(gaps.counts) == 3
    assert gaps.total_s == pytest.approx(1000.0)
    assert [bound for bound, count in zip((10.0, 12.5), gaps.counts[7:9], strict=True) if count] == [10, 12.5]
    assert gaps.counts[-1] == 1
    assert sum(world.watch.gaps["sacogiva"].counts) == 0


def test_a_moment_is_carried_to_another_on_both_clocks() -> None:
    """T1, T3."""
    moment = Instant(100.0004, 1_000_000)
    assert moment.shifted(-2.5) == Instant(97.5004, 997_500)
    assert moment.at_mono(90.0) == Instant(90.0, 990_000)
    assert Instant(100.0006, 1_000_000).at_mono(100.0) == Instant(100.0, 999_999)
    # The ledger's milliseconds are those of the monotonic clock, rounded: both of these are 100,000.
    assert Instant(100.0004, 1_000_000).at_mono(99.9996) == Instant(99.9996, 1_000_000)
