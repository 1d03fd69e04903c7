"""Clock offsets and late messages: whose clock is wrong, and what waited in a queue (rules L7, L8, T2)."""

from __future__ import annotations

import pytest

from camwatch.core.conditions import Reason
from camwatch.core.events import Transition
from camwatch.core.model import Cause, Instant, Status
from camwatch.core.state import OFFSET_WINDOW
from camwatch.core.telemetry import RejectionReason, SessionStatus
from camwatch.wire.heartbeat import Heartbeat
from tests.support.fleet import START, Move, World, fleet, instant

CLOCK = START.utc_ms / 1000


def say(world: World, lag: float, uptime: float | None = None) -> RejectionReason | None:
    """Deliver a heartbeat that, by the camera's clock, was sent `lag` seconds ago."""
    sent = CLOCK + world.t - lag
    return world.beat(ts=sent) if uptime is None else world.beat(ts=sent, uptime_s=uptime)


def run(world: World, count: int, lag: float) -> list[RejectionReason | None]:
    """Deliver `count` heartbeats of the same lag, 10 s apart, beginning 10 s from now."""
    outcomes = []
    for _ in range(count):
        world.to(world.t + 10)
        outcomes.append(say(world, lag))
    return outcomes


def test_the_offset_is_the_smallest_delay_of_the_heartbeats() -> None:
    """L7."""
    world = World()
    for lag, offset in ((0.3, 0.3), (0.2, 0.2), (0.9, 0.2), (-1.5, -1.5), (4.0, -1.5)):
        say(world, lag)
        assert world.camera().clock_offset == pytest.approx(offset, abs=1e-3)


def test_the_smallest_delay_is_forgotten_after_32_heartbeats() -> None:
    """L7: exactly 32."""
    world = World()
    say(world, 0.1)
    run(world, OFFSET_WINDOW - 1, 0.5)
    assert world.camera().clock_offset == pytest.approx(0.1, abs=1e-3)
    run(world, 1, 0.5)
    assert world.camera().clock_offset == pytest.approx(0.5, abs=1e-3)
    assert OFFSET_WINDOW == 32


def test_heartbeats_without_ts_leave_the_offset_alone() -> None:
    """L7, L8."""
    world = World()
    say(world, 0.1)
    world.beats(1000)
    assert world.camera().clock_offset == pytest.approx(0.1, abs=1e-3)


@pytest.mark.parametrize(("offset", "wrong"), [(4.9, False), (5.1, True), (-4.9, False), (-5.1, True)])
def test_a_clock_more_than_five_seconds_off_either_way_is_a_reason(offset: float, wrong: bool) -> None:
    """L7, C3."""
    world = World()
    assert say(world, offset) is None
    assert bool(world.camera().reasons & Reason.CLOCK) is wrong


def test_a_clock_that_is_put_right_is_no_reason_any_more() -> None:
    """L7, C3: set ahead, so at once."""
    world = World()
    say(world, 3600.0)
    assert world.camera().reasons == Reason.CLOCK
    assert run(world, 1, 0.0) == [None]
    assert world.camera().reasons == 0


def test_a_camera_whose_clock_is_hours_off_is_heard_like_any_other() -> None:
    """L8: lateness is measured against the camera's own offset."""
    world = World()
    say(world, 7200.0)
    assert run(world, 50, 7200.2) == [None] * 50


@pytest.mark.parametrize(("delay", "refusal"), [(9.9, None), (10.2, RejectionReason.LATE)])
def test_a_heartbeat_is_late_beyond_one_interval(delay: float, refusal: RejectionReason | None) -> None:
    """L8."""
    world = World()
    say(world, 0.1)
    world.to(30)
    assert say(world, 0.1 + delay) is refusal


def test_a_late_heartbeat_proves_its_sending_time_and_brings_none_up() -> None:
    """L8, E1: the deadline runs from when it was sent, and the outage begins after that."""
    world = World(*fleet(4))
    world.beats(0)
    say(world, 0.0)
    world.beats(40, "cam-2", "cam-3", "cam-4")
    assert say(world, 25.0) is RejectionReason.LATE
    world.beats(70, "cam-2", "cam-3", "cam-4")
    assert world.last() == Move(Status.UP, Status.DOWN, at=20, noticed=60, cause=Cause.TIMEOUT)
    assert say(world, 35.0) is RejectionReason.LATE
    assert world.status() is Status.DOWN
    assert world.camera().heartbeats == 2


def test_without_ts_nothing_is_late() -> None:
    """L8."""
    world = World()
    say(world, 0.0)
    assert world.to(44).beat() is None


def test_a_queue_that_empties_is_late_to_the_last_heartbeat() -> None:
    """L8: 60 heartbeats from ten minutes of a bridge's outage, all at once, from a camera now dead."""
    world = World()
    say(world, 0.0)
    world.to(700)
    outcomes = [say(world, 690.0 - 10 * number) for number in range(60)]
    assert outcomes == [RejectionReason.LATE] * 60
    assert world.status() is Status.DOWN


def test_a_queue_that_empties_slowly_is_late_too() -> None:
    """L8: one heartbeat every 2 s, each 8 s less late than the one before."""
    world = World()
    say(world, 0.0)
    world.to(700)
    for number in range(60):
        world.to(700 + number * 2.0)
        assert say(world, 690.0 - 8 * number) is RejectionReason.LATE


def test_after_its_queue_is_empty_a_camera_is_heard_as_before() -> None:
    """L8: lateness leaves no trace in the offset."""
    world = World()
    say(world, 0.2)
    world.to(200)
    for number in range(19):
        say(world, 190.0 - 10 * number)
    assert run(world, 1, 0.2) == [None]
    assert world.camera().clock_offset == pytest.approx(0.2, abs=1e-3)


def test_a_clock_set_back_is_told_from_lateness_by_the_uptime() -> None:
    """L8: uptime does not pass through the clock: one heartbeat is refused, and nobody is convicted."""
    world = World()
    for number in range(50):
        world.to(number * 10.0)
        lag = 0.0 if number < 25 else 3600.0
        expected = RejectionReason.LATE if number == 25 else None
        assert say(world, lag, uptime=500.0 + world.t) is expected
    assert world.camera().reasons == Reason.CLOCK
    assert [move.new for move in world.moves()] == [Status.UP]


def test_a_late_heartbeat_with_uptime_is_late() -> None:
    """L8: its uptime is as old as its `ts`."""
    world = World()
    say(world, 0.0, uptime=500.0)
    world.to(60)
    assert say(world, 30.0, uptime=530.0) is RejectionReason.LATE


def test_a_clock_set_back_without_uptime_costs_two_heartbeats() -> None:
    """L8, T2: lateness that does not shrink is the clock's."""
    world = World()
    run(world, 10, 0.0)
    assert run(world, 30, 3600.0) == [RejectionReason.LATE] * 2 + [None] * 28
    assert [move.new for move in world.moves()] == [Status.UP]


def test_a_clock_set_back_is_believed_while_our_utc_is_slewed() -> None:
    """L8, T2: evenly late is measured by the steady clock: UTC runs at half speed for hours."""
    world = World()
    watch, camera = world.watch, world.camera()
    outcomes = []
    for number in range(100):
        now = Instant(START.mono + number * 10, START.utc_ms + number * 5_000)
        watch.tick(now)
        back = 0 if number < 10 else 3600
        outcomes.append(watch.heartbeat(camera, now, Heartbeat(ts=CLOCK + number * 10.0 - back)))
        watch.packets_taken(watch.links["main"], now)
    assert outcomes == [None] * 10 + [RejectionReason.LATE] * 2 + [None] * 88
    assert camera.underlying_status is Status.UP


def test_a_boot_with_the_clock_set_back_is_believed_after_two() -> None:
    """L8: the first of them comes in one packet with its `online`."""
    world = World()
    run(world, 10, 0.0)
    world.to(world.t + 10)
    world.word(SessionStatus.ONLINE)
    assert [say(world, 3600.0), *run(world, 3, 3600.0)] == [RejectionReason.LATE] * 2 + [None] * 2


def test_our_own_clock_set_ahead_convicts_nobody() -> None:
    """T2: to us every camera's clock then looks set back, whatever it tells."""
    world = World()
    watch, camera = world.watch, world.camera()
    run(world, 10, 0.0)
    for number in range(11, 60):
        now = Instant(START.mono + number * 10, START.utc_ms + number * 10_000 + 7_200_000)
        watch.tick(now)
        watch.heartbeat(camera, now, Heartbeat(ts=CLOCK + number * 10.0))
        watch.packets_taken(watch.links["main"], now)
    assert camera.underlying_status is Status.UP
    assert camera.outages == 0


def test_a_jump_of_our_own_clock_that_is_known_makes_nothing_late() -> None:
    """T2: nor is the camera's clock any more or less wrong than it was."""
    world = World()
    watch, camera = world.watch, world.camera()
    run(world, 10, 0.3)
    watch.wall_clock_advanced(7200.0)
    for number in range(11, 60):
        now = Instant(START.mono + number * 10, START.utc_ms + number * 10_000 + 7_200_000)
        watch.tick(now)
        assert watch.heartbeat(camera, now, Heartbeat(ts=CLOCK + number * 10.0 - 0.3)) is None
        watch.packets_taken(watch.links["main"], now)
    assert camera.clock_offset == pytest.approx(7200.3, abs=1e-3)


def test_our_own_clock_set_back_convicts_and_refuses_nobody() -> None:
    """T2: UTC runs slower for a while; heartbeats only seem early."""
    world = World()
    watch, camera = world.watch, world.camera()
    for number in range(1, 100):
        now = Instant(START.mono + number * 10, START.utc_ms + number * 5_000)
        watch.tick(now)
        assert watch.heartbeat(camera, now, Heartbeat(ts=CLOCK + number * 10.0)) is None
        watch.packets_taken(watch.links["main"], now)
    assert camera.underlying_status is Status.UP


def test_transitions_stay_in_order_while_utc_gives_way_to_a_clock_set_back() -> None:
    """T2: an `at` in the past, by the slow clock, is not before the change that it follows."""
    world = World()
    world.beat()
    slow = Instant(START.mono + 1, START.utc_ms + 1)
    world.watch.heartbeat(world.camera(), slow, Heartbeat(ts=CLOCK))
    for second in range(2, 60):
        now = Instant(START.mono + second, START.utc_ms + second)
        world.watch.packets_taken(world.watch.links["main"], now)
        world.watch.tick(now)
    (down,) = [event for event in world.watch.drain_events() if isinstance(event, Transition)]
    assert START.utc_ms <= down.at.utc_ms <= down.detected_at.utc_ms


def test_what_waits_in_a_line_that_moves_is_no_fault_of_its_clock() -> None:
    """L8, S11: it is as late as one that was refused before, but others in between had waited for less."""
    world = World()
    world.frozen.add("main")
    for t in range(0, 110, 10):
        world.to(t).beat(ts=CLOCK + t)
    came = [(110, 150.0), (120, 154.5), (130, 158.5), (140, 163.0), (150, 190.5)]
    taken = [world.to(at).beat(ts=CLOCK + sent) for sent, at in came]
    assert taken == [RejectionReason.LATE, None, None, None, RejectionReason.LATE]
    assert world.camera().proof == instant(150).mono
