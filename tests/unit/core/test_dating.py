"""Both ends of an outage, and the instants between which they lie (rules E1, E2)."""

from __future__ import annotations

from typing import Any

import pytest

from camwatch.core.events import Transition
from camwatch.core.model import Cause, Liveness, Status
from camwatch.core.telemetry import SessionStatus
from tests.support.fleet import START, Move, World, enrolment, utc_ms

UP, DOWN = Status.UP, Status.DOWN


def beat(world: World, t: float, **said: Any) -> None:
    """Give a heartbeat at an instant."""
    world.to(t).beat(**said)


def dead(until: float = 200.0) -> World:
    """Return a world whose camera fell silent after 100 s, and is down at `until`."""
    world = World()
    for t in range(0, 101, 10):
        beat(world, t, seq=t // 10, uptime_s=1000.0 + t)
    world.to(until)
    assert world.last().new is DOWN
    return world


def end(world: World) -> tuple[float, float, float]:
    """Return when the newest transition was, and its bounds, in seconds."""
    last = world.transitions()[-1]
    assert (last.old, last.new) == (DOWN, UP)
    return at(last)


def at(event: Transition) -> tuple[float, float, float]:
    """Return an instant and its bounds, in seconds since the start."""
    when = (event.at.utc_ms - START.utc_ms) / 1000
    if event.earliest_ms is None or event.latest_ms is None:
        return when, when, when
    return when, (event.earliest_ms - START.utc_ms) / 1000, (event.latest_ms - START.utc_ms) / 1000


def test_silence_begins_half_an_interval_after_the_last_proof() -> None:
    """E1: the death lies between that and the heartbeat that was due."""
    down = dead().transitions()[-1]
    assert at(down) == (105.0, 100.0, 112.5)


def test_a_return_is_half_an_interval_before_the_first_heartbeat() -> None:
    """E2: the way may have opened at any instant since the heartbeat before it was lost."""
    world = dead()
    beat(world, 205.0, seq=20, uptime_s=1205.0)
    assert end(world) == (200.0, 192.5, 205.0)


def test_a_count_that_goes_on_is_the_same_boot_too() -> None:
    """E2: of a camera that tells no uptime."""
    world = World()
    for t in range(0, 101, 10):
        beat(world, t, seq=t // 10)
    beat(world, 205.0, seq=20)
    assert end(world) == (200.0, 192.5, 205.0)


def test_a_new_boot_ends_it_with_its_first_heartbeat() -> None:
    """E2: it may have been up for as long as it says."""
    world = dead()
    beat(world, 205.0, seq=0, uptime_s=3.0)
    assert end(world) == (205.0, 202.0, 205.0)


def test_a_birth_within_an_interval_before_the_first_heartbeat_is_the_end() -> None:
    """E2, L1: though it proves nothing by itself."""
    world = dead()
    world.word(SessionStatus.ONLINE)
    assert world.status() is DOWN
    beat(world, 209.0, seq=20, uptime_s=1209.0)
    assert end(world) == (200.0, 200.0, 200.0)


def test_a_birth_long_before_the_first_heartbeat_is_none() -> None:
    """E2: a bridge may have repeated it."""
    world = dead()
    world.word(SessionStatus.ONLINE)
    beat(world, 230.0, seq=20, uptime_s=1230.0)
    assert end(world) == (225.0, 217.5, 230.0)


def test_without_evidence_of_the_boot_the_proof_is_the_end() -> None:
    """E2."""
    world = World().beats(100).to(205)
    world.beat()
    assert end(world) == (205.0, 192.5, 205.0)


def test_an_outage_that_was_told_ends_with_the_proof() -> None:
    """E2: half an interval is for those that were seen by silence."""
    world = World()
    for t in range(0, 101, 10):
        beat(world, t, seq=t // 10, uptime_s=1000.0 + t)
    world.to(103).word(SessionStatus.GOODBYE)
    world.to(150)
    assert world.last() == Move(UP, DOWN, at=103, noticed=118, cause=Cause.GOODBYE)
    beat(world, 205.0, seq=20, uptime_s=1205.0)
    assert end(world)[0] == 205.0


@pytest.mark.parametrize("interval_s", [0.2, 10.0, 60.0])
def test_what_is_down_is_never_accounted_beyond_where_it_may_end(interval_s: float) -> None:
    """E5: looked at at every moment, nothing has to be taken back."""
    world = World(
        enrolment(liveness=Liveness(interval_s=interval_s)), chatter_s=interval_s / 10, stall_after_s=60.0
    )
    beat(world, 0.0, seq=0, uptime_s=100.0)
    for step in range(300):
        world.to(step * interval_s / 10)
        world.account()
    beat(world, 30.05 * interval_s, seq=30, uptime_s=100.0 + 30.05 * interval_s)
    last = world.transitions()[-1]
    assert last.at.utc_ms == pytest.approx(utc_ms(29.55 * interval_s), abs=2)


def test_the_online_within_an_interval_of_the_proof_is_the_end() -> None:
    """E2: the first of them came too long before, and does not hide the second."""
    world = World()
    world.beat(seq=0)
    world.to(290).word(SessionStatus.ONLINE)
    world.to(300).word(SessionStatus.ONLINE)
    world.to(310).beat(seq=1)
    assert world.last().at == 300
