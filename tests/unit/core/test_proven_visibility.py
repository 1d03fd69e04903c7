"""Conviction needs proven sight, and a daemon that was awake (rules S8, S10)."""

from __future__ import annotations

import pytest

from camwatch.core.model import Cause, Status
from camwatch.core.telemetry import SessionStatus
from tests.support.fleet import Move, World, alive, fleet, instant

UNKNOWN, UP, DOWN = Status.UNKNOWN, Status.UP, Status.DOWN
TIMEOUT = Cause.TIMEOUT


def test_a_frozen_broker_convicts_nobody() -> None:
    """S10: its connection is open and silent; no deadline on it falls."""
    world = alive(*fleet(3), until=100)
    world.frozen.add("main")
    world.to(10_000)
    assert world.moves() == []
    assert world.status() is UP


def test_a_frozen_broker_convicts_nobody_on_a_hint() -> None:
    """L5, S10."""
    world = alive(until=100).to(101)
    world.word(SessionStatus.OFFLINE)
    world.frozen.add("main")
    assert world.to(1000).moves() == []


def test_the_first_packet_after_the_deadline_convicts() -> None:
    """S10: at once, and `at` stays half an interval after the last proof."""
    world = alive(until=100)
    world.frozen.add("main")
    world.to(150.5)
    world.heard()
    assert world.moves() == [Move(UP, DOWN, at=105, noticed=150.5, cause=TIMEOUT)]


def test_a_pending_camera_heard_in_the_first_packet_stays_up() -> None:
    """S10: everything that had arrived is handed over first."""
    world = alive(*fleet(2), until=100)
    world.frozen.add("main")
    world.to(150.5)
    world.beat("cam-1")
    assert world.moves("cam-1") == [Move(UP, UNKNOWN, 110, 150.5), Move(UNKNOWN, UP, 150.5, 150.5)]
    assert world.moves("cam-2") == [Move(UP, DOWN, at=105, noticed=150.5, cause=TIMEOUT)]
    world.frozen.clear()
    assert world.to(195.499).status("cam-1") is UP
    assert world.to(195.5).last("cam-1") == Move(UP, DOWN, at=155.5, noticed=195.5, cause=TIMEOUT)


@pytest.mark.parametrize(("packet", "convicted"), [(110.0, False), (110.001, True)])
def test_a_packet_proves_sight_only_after_the_heartbeat_was_due(packet: float, convicted: bool) -> None:
    """S10: a hint convicts only once something came after the heartbeat was due."""
    world = alive(until=100)
    world.frozen.add("main")
    world.word(SessionStatus.OFFLINE)
    world.to(packet)
    world.heard()
    assert bool(world.to(115).moves()) is convicted


def test_a_packet_long_ago_proves_no_sight_now() -> None:
    """S10: a link silent for one interval is asked; until it answers no deadline on it falls."""
    world = alive(until=100).to(134)
    world.frozen.add("main")
    world.heard()
    assert world.to(145).moves() == []
    world.to(146.25).heard()
    assert world.moves() == [Move(UP, DOWN, at=105, noticed=146.25, cause=TIMEOUT)]


def test_a_link_silent_for_less_than_an_interval_has_proven_sight() -> None:
    """S10."""
    world = alive(until=100).to(135.5)
    world.frozen.add("main")
    world.heard()
    assert world.to(145).moves() == [Move(UP, DOWN, at=105, noticed=145, cause=TIMEOUT)]


def test_a_held_conviction_becomes_unknown_when_the_link_is_lost() -> None:
    """S3, S10: no answer is loss of sight, from the last packet."""
    world = alive(until=100)
    world.frozen.add("main")
    world.to(160).lose(last_packet=105).to(161)
    assert world.moves() == [Move(UP, UNKNOWN, at=105, noticed=160)]


def test_a_held_conviction_gets_the_grace_of_a_short_blindness() -> None:
    """S4, S10."""
    world = alive(until=100).to(130)
    world.frozen.add("main")
    world.to(150).lose(last_packet=130).regain()
    world.frozen.clear()
    assert world.to(174.999).moves() == []
    assert world.to(175).moves() == [
        Move(UP, UNKNOWN, at=110, noticed=175),
        Move(UNKNOWN, DOWN, at=160, noticed=175, cause=TIMEOUT),
    ]


def test_every_connected_link_must_have_spoken() -> None:
    """S10: the camera's heartbeats may be stuck in the one that did not."""
    world = World(links=("one", "two")).beats(100)
    world.frozen.add("two")
    assert world.to(150).last().new is UP
    world.heard("two")
    assert world.last() == Move(UP, DOWN, at=105, noticed=150, cause=TIMEOUT)


def test_a_frozen_link_that_is_given_up_holds_nobody_back() -> None:
    """S1, S10: sight is then what the other link shows."""
    world = World(links=("one", "two")).beats(100)
    world.frozen.add("two")
    world.to(150).lose("two", last_packet=100).to(151)
    assert world.last() == Move(UP, DOWN, at=105, noticed=151, cause=TIMEOUT)


def test_a_camera_removed_while_its_conviction_is_held_is_not_convicted() -> None:
    """S10, V6."""
    world = alive(*fleet(3), until=100)
    world.frozen.add("main")
    world.to(150).reload(*fleet(2))
    world.frozen.clear()
    world.to(160)
    assert [move.new for move in world.moves("cam-2")] == [DOWN]
    assert world.moves("cam-3") == []
    assert world.incidents() == []


def test_a_camera_held_more_than_once_is_convicted_once() -> None:
    """S10, V6: a reload looks at everyone again."""
    world = alive(until=100)
    world.frozen.add("main")
    for t in range(150, 160):
        world.to(t).reload(*fleet(1))
    world.heard()
    assert world.moves() == [Move(UP, DOWN, at=105, noticed=159, cause=TIMEOUT)]


def test_until_sight_is_proven_the_account_stops() -> None:
    """A1, S10: what may turn out to be blind is not accounted yet."""
    world = alive(until=100).to(102)
    world.frozen.add("main")
    world.to(104)
    assert world.account().up == 102_000
    world.heard()
    assert world.account().up == 104_000
    world.to(109).heard()
    assert world.account().up == 105_000  # half an interval after the proof (E5)


# --- S8: what the daemon slept through


@pytest.mark.parametrize(("gap", "noticed"), [(5.0, 145.0), (5.001, 160.001), (20.0, 175.0)])
def test_a_stall_is_blind_time(gap: float, noticed: float) -> None:
    """S8, S4: more than 5 s without the loop moves deadlines by the gap and an interval."""
    world = alive(until=100).to(120).stall(120 + gap)
    assert world.to(noticed - 0.001).moves() == []
    assert world.to(noticed).last().at == pytest.approx(130 + gap if gap > 5 else 105, abs=0.0011)
    assert (world.last().new, world.last().noticed) == (DOWN, noticed)
    assert world.watch.stalled_s == pytest.approx(gap if gap > 5 else 0)


def test_a_heartbeat_due_during_a_stall_is_due_one_interval_after_it() -> None:
    """S8, E1."""
    world = alive(until=100).to(105).stall(125).to(175)
    assert world.last() == Move(UNKNOWN, DOWN, at=135, noticed=175, cause=TIMEOUT)


def test_a_stall_as_long_as_blind_after_makes_everybody_unknown() -> None:
    """S8, S4: from the last time that the loop ran."""
    world = alive(*fleet(2), until=100).to(104).stall(3704)
    world.tick()
    for camera_id in ("cam-1", "cam-2"):
        assert world.moves(camera_id) == [Move(UP, UNKNOWN, at=104, noticed=3704)]
    world.beat()
    assert world.last("cam-1") == Move(UNKNOWN, UP, at=3704, noticed=3704)
    assert world.to(3749).last("cam-2") == Move(UNKNOWN, DOWN, at=3714, noticed=3749, cause=TIMEOUT)


def test_a_stall_during_blindness_is_nothing_more() -> None:
    """S8: the blindness has begun already, and goes on."""
    world = alive(until=100).to(101).lose().to(110).stall(200)
    world.tick()
    assert world.is_blind()
    assert world.moves() == [Move(UP, UNKNOWN, at=101, noticed=200)]
    assert world.watch.stalled_s == 90.0


@pytest.mark.parametrize("call", ["heartbeat", "lose", "regain", "tick"])
def test_whatever_wakes_the_daemon_notices_the_stall(call: str) -> None:
    """S8."""
    world = alive(*fleet(2), until=100).to(104)
    world.t = 300
    if call == "heartbeat":
        world.beat("cam-1")
    elif call == "lose":
        world.lose(last_packet=104)
    elif call == "regain":
        world.regain()
    world.tick()
    assert world.moves("cam-2") == [Move(UP, UNKNOWN, at=104, noticed=300)]


def test_a_down_camera_sleeps_through_as_unknown() -> None:
    """S7, S8."""
    world = alive(until=100).to(200).stall(400)
    world.tick()
    assert world.last() == Move(DOWN, UNKNOWN, at=200, noticed=400)
    assert world.to(500).camera().outages == 1


def test_a_hint_held_through_a_stall_is_judged_later() -> None:
    """L5, S8."""
    world = alive(until=100).to(104)
    world.word(SessionStatus.OFFLINE)
    world.to(106).stall(116)
    assert world.to(138.999).moves() == []
    assert world.to(139).last() == Move(UNKNOWN, DOWN, at=116, noticed=139, cause=Cause.WILL)


def test_the_limit_of_a_stall_is_a_setting() -> None:
    """S8."""
    world = World(stall_after_s=60.0).beats(100).stall(155)
    world.tick()
    world.heard()
    assert world.last() == Move(UP, DOWN, at=105, noticed=155, cause=TIMEOUT)
    assert world.watch.stalled_s == 0.0


def test_a_complete_tick_leaves_no_deadline_behind() -> None:
    """T1: or the loop would spin."""
    world = alive(*fleet(20), until=100)
    world.frozen.add("main")
    for t in range(101, 400):
        world.to(t)
        upcoming = world.watch.next_deadline
        assert upcoming is None or upcoming > instant(t).mono
