"""That a message arrived is the strongest fact: no clock and no counter takes a life (rules L8-L10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from camwatch.core.conditions import Reason
from camwatch.core.model import Status
from camwatch.core.telemetry import RejectionReason
from tests.support.fleet import START, World, fleet

EPOCH_S = START.utc_ms / 1000
Clock = Callable[[float], float]


def live(fields: str, clock: Clock, *, boots: tuple[float, ...] = (-500.0,), until: float = 1200.0) -> World:
    """Return a world whose camera lived from 0 on, one heartbeat in 10 s; it tells these fields.

    `clock` is what its clock shows at an instant; `boots` are the instants at which it started.
    """
    world, refused = World(), 0
    t = 0.0
    while t < until:
        world.to(t)
        boot = max(each for each in boots if each <= t)
        told: dict[str, Any] = {
            "ts": clock(t),
            "seq": round((t - boot) / 10),
            "uptime_s": t - boot,
        }
        refusal = world.beat(**{name: told[name] for name in fields.split()})
        refused = refused + 1 if refusal is not None else 0
        assert refused <= 3, f"refused again and again at {t}: {refusal}"
        t += 10.0
    return world


CLOCKS: dict[str, Clock] = {
    "stands at 0": lambda _t: 0.0,
    "stands at a date": lambda _t: EPOCH_S,
    "moves in steps of six intervals": lambda t: EPOCH_S + t // 60 * 60,
    "is an hour back from the middle on": lambda t: EPOCH_S + t - 3600 * (t >= 600),
    "is a quarter of an hour ahead for a while": lambda t: EPOCH_S + t + 900 * (300 <= t < 600),
    "is 0 for five minutes, until it is set": lambda t: t if t < 300 else EPOCH_S + t,
    "runs at half speed": lambda t: EPOCH_S + t / 2,
}


SLOW = "runs at half speed"
"""Where nothing else is told, such a clock cannot be told from a line that gets slower and slower."""


@pytest.mark.parametrize(
    ("clock", "fields"),
    [
        (clock, fields)
        for clock in CLOCKS
        for fields in ("ts seq uptime_s", "ts uptime_s", "ts seq", "ts")
        if (clock, fields) != (SLOW, "ts")
    ],
)
def test_a_living_camera_is_up_whatever_its_clock_does(clock: str, fields: str) -> None:
    """L8, L10."""
    world = live(fields, CLOCKS[clock])
    assert Status.DOWN not in [move.new for move in world.moves()]
    assert world.status() is Status.UP


@pytest.mark.parametrize("clock", ["stands at 0", "stands at a date", "moves in steps of six intervals"])
def test_a_clock_that_does_not_run_degrades_its_camera(clock: str) -> None:
    """L8, C3."""
    world = live("ts seq uptime_s", CLOCKS[clock])
    assert Reason(world.camera().reasons) & Reason.CLOCK


@pytest.mark.parametrize("fields", ["ts seq uptime_s", "ts uptime_s"])
@pytest.mark.parametrize("lives", [300.0, 5000.0])
def test_a_clock_that_is_an_hour_back_after_each_boot_costs_no_outage(fields: str, lives: float) -> None:
    """L10: uptime and count began anew, so it is a new boot, and its clock is its own affair."""
    boots = (-lives, 200.0, 700.0)

    def clock(t: float) -> float:
        return EPOCH_S + t - 3600.0 * sum(boot <= t for boot in boots[1:])

    world = live(fields, clock, boots=boots)
    assert Status.DOWN not in [move.new for move in world.moves()]
    assert world.status() is Status.UP


@pytest.mark.parametrize("seq", [0, 1, 7])
@pytest.mark.parametrize("others", ["ts", "uptime_s", "ts uptime_s", ""])
def test_a_counter_that_never_counts_costs_no_outage(seq: int, others: str) -> None:
    """L9."""
    world = World()
    for step in range(120):
        t = step * 10.0
        world.to(t)
        told: dict[str, Any] = {"ts": EPOCH_S + t, "uptime_s": 50.0 + t}
        refusal = world.beat(seq=seq, **{name: told[name] for name in others.split()})
        assert not others or refusal is None  # by its clock or its uptime it is newer
    assert Status.DOWN not in [move.new for move in world.moves()]


@pytest.mark.parametrize("bits", [4, 6, 8])
def test_a_counter_that_wraps_costs_no_outage(bits: int) -> None:
    """L9."""
    world = World()
    for step in range(4 * 2**bits):
        t = step * 10.0
        world.to(t)
        world.beat(seq=step % 2**bits, ts=EPOCH_S + t)
    assert [move.new for move in world.moves()] == [Status.UP]


def test_a_replay_at_the_pace_of_heartbeats_brings_no_dead_camera_up() -> None:
    """L1, L9: its number, its clock and its uptime all say that it was there before."""
    world = World()
    for step in range(10):
        t = step * 10.0
        world.to(t)
        world.beat(seq=step, ts=EPOCH_S + t, uptime_s=500.0 + t)
    for step in range(10, 60):
        world.to(step * 10.0)
        assert world.beat(seq=9, ts=EPOCH_S + 90, uptime_s=590.0) in (
            RejectionReason.DUPLICATE,
            RejectionReason.LATE,
        )
    assert world.status() is Status.DOWN


def test_copies_of_the_last_heartbeat_bring_no_dead_camera_up() -> None:
    """L9: a broker that sends again what was not acknowledged, each time the line comes back."""
    world = World()
    for step in range(10):
        t = step * 10.0
        world.to(t)
        world.beat(seq=step, ts=EPOCH_S + t, uptime_s=500.0 + t)
    for t in (150.0, 151.0, 300.0, 600.0):
        world.to(t)
        assert world.beat(seq=9, ts=EPOCH_S + 90, uptime_s=590.0) in (
            RejectionReason.DUPLICATE,
            RejectionReason.LATE,
        )
    assert world.status() is Status.DOWN


def test_copies_from_a_clock_that_moves_in_steps_are_no_new_boot() -> None:
    """L6, L9: by that clock one boot looks like several, and a copy like one of the next."""
    world = World()
    said: list[dict[str, Any]] = [
        {"seq": step, "ts": EPOCH_S + step // 6 * 60, "uptime_s": 500.0 + step * 10} for step in range(30)
    ]
    for step, told in enumerate(said):
        world.to(step * 10.0).beat(**told)
    world.to(400)
    for told in said[-8:]:
        assert world.beat(**told) in (RejectionReason.DUPLICATE, RejectionReason.LATE)
    assert world.status() is Status.DOWN
    assert world.reboots() == []


def test_a_clock_that_was_set_back_while_camwatch_was_away_takes_no_life() -> None:
    """L8, L10, S6: some heartbeats were lost as well; its uptime says that this is the boot that is known."""
    world = World()
    for step in range(20):
        world.to(step * 10.0).beat(seq=step, ts=EPOCH_S + step * 10, uptime_s=500.0 + step * 10)
    world.camera().boot = None  # as after a restart
    world.lose().to(222).regain()
    for step in range(23, 60):
        t = step * 10.0
        refusal = world.to(t).beat(seq=step, ts=EPOCH_S + t - 3600, uptime_s=500.0 + t)
        assert refusal is None or step == 23
    assert world.status() is Status.UP
    assert Status.DOWN not in [move.new for move in world.moves()]


def test_a_clock_set_back_by_whole_intervals_is_believed_as_soon() -> None:
    """L8, L10: it shows again what it showed last, and does not stand still for that."""
    world, refusals = World(*fleet(4)), 0
    for step in range(60):
        world.to(10.0 * step)
        for name in ("cam-2", "cam-3", "cam-4"):
            world.beat(name, ts=EPOCH_S + 10.0 * step)
        refusals += world.beat(ts=EPOCH_S + 10.0 * step - 20 * (step > 30)) is not None
    assert refusals == 2
    assert [move.new for move in world.moves()] == [Status.UP]


def test_bursts_that_come_evenly_apart_are_no_broken_clock() -> None:
    """L8, S11: the last of each is on time, if at the same instant as those before it."""
    world, refusals = World(*fleet(4)), []
    for step in range(61):
        world.to(10.0 * step)
        for name in ("cam-2", "cam-3", "cam-4"):
            world.beat(name, ts=EPOCH_S + 10.0 * step)
        if step % 3 == 0:  # what it sent 20 s ago, and what it sent just now
            sent = range(max(0, step - 2), step + 1, 2)
            refusals += [world.beat(ts=EPOCH_S + 10.0 * each, seq=each) for each in sent]
    assert refusals == [None] + [RejectionReason.LATE, None] * 20
