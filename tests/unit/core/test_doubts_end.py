"""No camera, link or clock is doubted for ever: who lives is believed in the end, who died is found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from camwatch.core.backfill import RUNS_KEPT
from camwatch.core.events import Backfill
from camwatch.core.model import Cause, Liveness, Status
from camwatch.core.telemetry import RejectionReason, SessionStatus
from tests.support.fleet import START, World, enrolment, fleet, seconds, utc_ms
from tests.unit.core.test_resume import Left, restarted

UP, DOWN, UNKNOWN = Status.UP, Status.DOWN, Status.UNKNOWN
CLOCK = START.utc_ms / 1000


def say(world: World, number: int, sent: float, link: str = "main") -> RejectionReason | None:
    """Let a heartbeat of a camera arrive that was sent at an instant."""
    return world.beat(f"cam-{number}", link, ts=CLOCK + sent, seq=int(sent // 10), uptime_s=50_000.0 + sent)


def played(world: World, beats: Iterable[tuple[float, float, int]], link: str = "main") -> World:
    """Deliver heartbeats: when each arrives, when it was sent, and of which camera."""
    for arrives, sent, number in sorted(beats):
        world.to(round(arrives, 3))
        say(world, number, sent, link)
    return world


def test_a_camera_that_lost_its_clock_is_back_at_once_after_late_ones() -> None:
    """L6, L8: a dead battery after a power cut; what a broker kept came long before."""
    world = World(*fleet(2))
    for t in range(0, 3600, 10):
        world.to(t)
        for camera in ("cam-1", "cam-2"):
            world.beat(camera, ts=CLOCK + t, seq=t // 10, uptime_s=5.0 + t)
    world.to(3600).lose().to(3640).regain()
    assert world.beat("cam-1", ts=CLOCK + 3610, seq=361, uptime_s=3615.0) is RejectionReason.LATE
    for t in range(3640, 5000, 10):
        world.to(t).beat("cam-2", ts=CLOCK + t, seq=t // 10, uptime_s=5.0 + t)
        if t >= 4600:
            boot = t - 4600
            assert world.beat("cam-1", ts=946_684_800.0 + boot, seq=boot // 10, uptime_s=float(boot)) is None
    assert world.reboots() == [4600.0]


@pytest.mark.parametrize("says", [("ts", "seq", "uptime_s"), ("ts",), ("ts", "seq")])
def test_a_clock_is_judged_by_the_link_that_brings_its_camera(says: tuple[str, ...]) -> None:
    """L8, S11, S13: another link is behind, unevenly; no camera of this one waits for that."""
    world = World(*fleet(6), links=("a", "b"))
    beats = [
        (t + min(t / 2, 80.0 + 20 * (t // 120 % 2)), t, n) for n in range(1, 6) for t in range(n, 1500, 10)
    ]
    beats += [(t, t, 6) for t in range(6, 1500, 10)]
    for arrives, sent, number in sorted(beats):
        if arrives > 1500:
            break
        world.to(arrives)
        if number < 6:
            say(world, number, sent, "a")
        else:
            behind = 120.0 if sent > 1000 else 0.0
            told = {"ts": CLOCK + sent - behind, "seq": int(sent // 10), "uptime_s": 50_000.0 + sent}
            world.beat("cam-6", "b", **{name: told[name] for name in says})
    assert world.watch.links["a"].lagging
    assert DOWN not in [move.new for move in world.moves("cam-6")]
    assert world.status("cam-6") is UP


def test_one_camera_that_stays_late_does_not_hide_dead_ones() -> None:
    """S11: a lag lasts while more than one camera speaks of about the same time."""

    def late(t: int) -> float:
        return 0.0 if t < 100 else min((t - 100) / 2, 60.0 + 30 * (t // 100 % 2))

    beats = [(t + late(t), t, n) for n in range(1, 11) for t in range(n, 2000, 10) if n == 1 or t <= 600]
    world = played(World(*fleet(10)), beats).to(2100)
    assert [world.status(f"cam-{number}") for number in range(2, 11)] == [DOWN] * 9
    assert all(world.moves(f"cam-{number}")[-1].noticed < 1000 for number in range(2, 11))


@pytest.mark.parametrize("most_s", [30.0, 60.0, 90.0])
def test_cameras_with_a_long_interval_do_not_disprove_a_lag(most_s: float) -> None:
    """S11: one that speaks each five minutes does not look late before it is so by as much."""
    slow = [enrolment(f"cam-{n}", Liveness(interval_s=300.0)) for n in range(5, 15)]
    world = World(*[enrolment(f"cam-{n}") for n in range(1, 5)], *slow)

    def late(t: int) -> float:
        return 0.0 if t < 600 else min(most_s, (t - 600) / 2)

    beats = [(t + late(t), t, n) for n in range(1, 15) for t in range(n * 7 % 10, 2000, 10 if n < 5 else 300)]
    played(world, beats)
    assert DOWN not in [move.new for number in range(1, 5) for move in world.moves(f"cam-{number}")]


def test_a_goodbye_on_a_link_that_lags_is_dated_by_the_lag() -> None:
    """E1, S11: it was said by as much before it came."""
    world = World(*fleet(4))
    for t in range(1, 300):
        world.to(t)
        for number in range(1, 5):
            sent = t - (12 if t > 100 else 0)
            if sent % 10 == number and (number > 1 or sent <= 201):
                say(world, number, sent)
        if t == 214:
            world.word(SessionStatus.GOODBYE)  # said at 202
    down = world.transitions()[-1]
    assert (down.new, down.cause) == (DOWN, Cause.GOODBYE)
    assert seconds(down.at) == pytest.approx(202, abs=1)
    assert down.earliest_ms is not None
    assert down.latest_ms is not None
    assert down.earliest_ms <= utc_ms(202) <= down.latest_ms


def test_an_even_lag_that_the_canary_shows_is_not_the_clocks() -> None:
    """L8, S12: the canary goes by our own steady clock."""
    world = World(*fleet(6))
    link = world.watch.links["main"]

    def late(t: int) -> float:
        return 0.0 if t < 300 else min((t - 300) * 0.6, 60.0)

    for arrives, sent, number in sorted((t + late(t), t, t % 10) for t in range(1500) if t % 10 < 7):
        world.to(round(arrives, 3))
        if number:
            say(world, number, sent)
        else:
            world.watch.packets_arrived(link, world.now)
            world.watch.canary_returned(link, world.now, START.mono + sent)
            world.heard()
    assert world.camera("cam-2").clock_offset == pytest.approx(0, abs=1)
    assert link.lagging
    assert world.status("cam-2") is UNKNOWN


def test_what_is_older_than_the_ledger_fills_nothing_and_is_no_news() -> None:
    """E4, S9: one camera may tell of any past; after a restart all of it may have been dark."""
    world = World(*fleet(4))
    for t in range(0, 101, 10):
        world.to(t)
        for number in range(1, 5):
            say(world, number, t)
    again = restarted(Left(world), 120.0, *fleet(4)).regain()
    for number in range(1, 5):
        say(again.to(130), number, 130)
    camera = again.camera("cam-1")
    for step in range(500):
        again.beat("cam-1", ts=1000.0 + 46 * step)
        assert not camera.late_proved_more
    again.watch._state_machine.emit_backfill(camera, again.now)
    fills = [each for each in again.watch.drain_events() if isinstance(each, Backfill)]
    assert all(each.start_ms >= utc_ms(-50) for each in fills)


def test_a_clock_doubted_repeatedly_leaves_a_bounded_number_of_runs() -> None:
    """E4, L8."""
    world, t = World(*fleet(4)), 0
    for _ in range(RUNS_KEPT + 20):
        for step in range(0, 360, 10):
            world.to(t + step)
            for number in (2, 3, 4):
                world.beat(f"cam-{number}", ts=CLOCK + t + step)
            if step < 30 or step >= 330:
                world.beat("cam-1", ts=CLOCK + t + step - (5000 if step >= 330 else 0))
            if step == 20 and t:
                world.beat("cam-1", ts=CLOCK + t - 190)
                world.beat("cam-1", ts=CLOCK + t + step)
        t += 360
        world.watch._state_machine.emit_backfill(world.camera("cam-1"), world.now)
    assert len(world.camera("cam-1").backfills_emitted) <= RUNS_KEPT + 1


def test_a_camera_that_left_leaves_no_copy_on_its_links() -> None:
    """S13, V6."""
    world = World(*fleet(3), links=("a", "b"))
    for t in range(0, 50, 10):
        world.to(t)
        for number in (1, 2, 3):
            say(world, number, t, "a")
            say(world, number, t, "b")
    assert len(world.watch.links["b"].copies) == 3
    world.reload(*fleet(1))
    assert len(world.watch.links["b"].copies) == 1


def test_bounds_allow_for_the_pace_of_cameras_where_sight_was_lost_as_well() -> None:
    """E1, E3: a camera that keeps to 12 s dies 11.9 s after the last heartbeat, which nobody could see."""
    world = World(*fleet(3))
    for t in range(0, 300, 10):
        if t == 100:
            world.to(t).lose()
        elif t == 200:
            world.to(t).regain()
        if not 100 <= t < 200:
            for number in (1, 2, 3):
                if number > 1 or t < 100:
                    world.to(t).beat(f"cam-{number}")
    down = world.transitions()[-1]
    assert (down.new, down.latest_ms) == (DOWN, utc_ms(212.5))
    world.to(310.5).lose().to(400).regain()
    hidden = next(each for each in world.transitions() if each.camera == "cam-1" and each.old is DOWN)
    assert hidden.earliest_ms == utc_ms(310.5 - 12.5)


@pytest.mark.parametrize(
    ("says", "shows"),
    [
        ("ts", lambda _: 0.0),  # it has no battery, and stands
        ("ts", lambda _: CLOCK + 240.0),
        ("ts", lambda t: CLOCK + 600.0 - t),  # backwards
        ("ts", lambda t: CLOCK + 10 * (t * 7919 % 97) - 2000.0),  # anything
        ("ts, seq", lambda t: CLOCK + t - 3600.0),  # and its counter stands still
        ("ts, seq", lambda t: CLOCK + 600.0 - t),
    ],
)
def test_a_living_camera_is_not_down_for_what_its_clock_shows(
    says: str, shows: Callable[[int], float]
) -> None:
    """L8 to L10: it went wrong at 300 s. Heartbeats arrive at their pace, whatever they say."""
    world = World(*fleet(5))
    for t in range(0, 3901, 10):
        world.to(t)
        said: dict[str, Any] = {"ts": CLOCK + t if t < 300 else shows(t)}
        said |= {"seq": 7} if "seq" in says else {}
        world.beat("cam-1", **said)
        for number in range(2, 6):
            say(world, number, t)
    assert [move.new for move in world.moves()] == [UP]


def test_a_draining_queue_without_a_count_proves_nothing_of_now() -> None:
    """L8, L10: what comes at once is not at the pace of heartbeats, in whatever order."""
    world = World(*fleet(5))
    for t in range(0, 700, 10):
        world.to(t)
        if t < 300:
            world.beat("cam-1", ts=CLOCK + t)
        if 400 <= t < 430:
            for sent in (300, 310, 310, 320, 330):
                world.beat("cam-1", ts=CLOCK + sent + t - 400)
        for number in range(2, 6):
            say(world, number, t)
    assert world.status() is DOWN


def test_a_late_word_that_comes_once_more_is_no_life_of_now() -> None:
    """L8, L10, S13: over another link, or from a queue handed over again, of a camera that tells `ts`."""
    world = World(*fleet(5), links=("a", "b"))
    for t in range(0, 260, 10):
        world.to(t)
        if t <= 100:
            world.beat("cam-1", "a", ts=CLOCK + t)
        if t in (140, 160):
            assert world.beat("cam-1", "a" if t == 160 else "b", ts=CLOCK + 110) is RejectionReason.LATE
        for number in range(2, 6):
            say(world, number, t, "a")
    assert world.status() is DOWN


def test_a_copy_after_what_a_broker_kept_is_no_life_of_now() -> None:
    """L9: of a camera that tells `seq` alone, and died in the gap."""
    world = World()
    for t in range(0, 101, 10):
        world.to(t).beat(seq=t // 10)
    world.to(101).lose().to(118)
    assert world.beat(seq=10) is RejectionReason.DUPLICATE
    world.to(118.1)
    assert world.beat(seq=11) is None
    world.regain().to(135)
    assert [world.beat(seq=10), world.beat(seq=11)] == [RejectionReason.DUPLICATE] * 2
