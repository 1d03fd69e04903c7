"""A day of 458 cameras, heartbeat by heartbeat, with totals worked out on paper (rules A1-A4, S4, S7, I1)."""

from __future__ import annotations

import functools

import pytest

from camwatch.core.model import IncidentKind, Status
from camwatch.core.status_time import StatusTime, sum_status_times
from tests.support.fleet import BARE, World, fleet, instant, seconds, window

CAMERAS = 458
DAY_S = 86_400
BLIND = (36_000, 39_600)  # 10:00 to 11:00: the last packet before it, the subscription after it
WINDOW = (50_000, 53_600)  # an hour of maintenance for cam-5
EVER = DAY_S + 100

SILENCES: dict[str, list[tuple[int, int]]] = {  # the last heartbeat before, the first after
    "cam-1": [(3_600, 7_200)],
    "cam-2": [(20_000, 20_050), (30_000, 30_040)],  # beyond the deadline, and within it
    "cam-3": [(35_000, 41_000)],  # before, through and after the blindness
    "cam-4": [(80_000, EVER)],
    "cam-5": [(50_400, 52_000), (53_000, 54_000)],  # within its maintenance, and beyond its end
    "cam-6": [(-1, EVER)],  # was never alive
}
CUT_OFF = [f"cam-{number}" for number in range(151, 458)]  # 307 of 458, all at once
SILENCES |= {name: [(60_000, 60_600)] for name in CUT_OFF}
STEADY = StatusTime(up=82_800_000, unknown=3_600_000)


def speaking(t: int) -> list[str]:
    """Return the cameras that give a heartbeat at `t`."""
    return [
        name
        for name in (row.camera.id for row in fleet(CAMERAS))
        if not any(last < t < back for last, back in SILENCES.get(name, ()))
    ]


@functools.cache
def lived_day() -> World:
    """Return the fleet at the end of its day: heartbeats every 10 s, a look at deadlines every 5 s."""
    world = World(*fleet(CAMERAS), windows=[window(*WINDOW, scope_id="cam-5")])
    watch, link = world.watch, world.watch.links["main"]
    heartbeat, cameras = watch.heartbeat, watch.cameras
    edges = {0, *(edge for pairs in SILENCES.values() for last, back in pairs for edge in (last + 10, back))}
    edges |= {9 + last for pairs in SILENCES.values() for last, _ in pairs if last < 0}
    states = []
    for t in range(0, DAY_S + 1, 10):
        now = instant(t)
        watch.tick(now, CAMERAS)
        if t in edges:
            states = [cameras[name] for name in speaking(t)]
        if t == BLIND[0] + 20:
            watch.link_down(link, now, instant(BLIND[0]))
        if t == BLIND[1]:
            watch.link_up(link, now)
        if not BLIND[0] < t < BLIND[1]:
            for state in states:
                heartbeat(state, now, BARE)
            watch.packets_taken(link, now)
        if t < DAY_S:
            watch.tick(instant(t + 5), CAMERAS)
    world.t = DAY_S
    world.tick()
    return world


def test_a_steady_camera_is_up_but_for_the_blindness() -> None:
    """A1, S4: to the millisecond, and so is every one of them."""
    day = lived_day()
    steady = [name for name in day.watch.cameras if name not in SILENCES]
    assert len(steady) == 145
    for name in steady:
        assert day.account(name) == STEADY
        assert day.camera(name).outages == 0
        assert [move.new for move in day.moves(name)] == [Status.UP, Status.UNKNOWN, Status.UP]


@pytest.mark.parametrize(
    ("name", "account", "outages"),
    [
        ("cam-1", StatusTime(up=79_205_000, down=3_595_000, unknown=3_600_000), 1),
        ("cam-2", StatusTime(up=82_755_000, down=45_000, unknown=3_600_000), 1),
        ("cam-3", StatusTime(up=80_405_000, down=2_385_000, unknown=3_610_000), 1),
        ("cam-4", StatusTime(up=76_405_000, down=6_390_000, unknown=3_600_000), 1),
        ("cam-5", StatusTime(up=78_800_000, down=400_000, unknown=3_600_000, maintenance=3_600_000), 1),
        ("cam-6", StatusTime(down=82_775_000, unknown=3_620_000), 1),
        ("cam-151", StatusTime(up=82_205_000, down=595_000, unknown=3_600_000), 1),
    ],
)
def test_a_camera_with_silences_has_exactly_these_totals(
    name: str, account: StatusTime, outages: int
) -> None:
    """A1, E1, E5, S4, S5, S7, V3: what is down now is certain until half an interval ago."""
    day = lived_day()
    assert day.account(name) == account
    assert account.in_service == DAY_S * 1000 - 5_000 * (day.status(name) is Status.DOWN)
    assert day.camera(name).outages == outages


def test_the_fleet_sums_up() -> None:
    """A4: milliseconds first, division after."""
    day = lived_day()
    whole = sum_status_times(day.account(name) for name in day.watch.cameras)
    down = 3_595_000 + 45_000 + 2_385_000 + 6_390_000 + 400_000 + 82_775_000 + 307 * 595_000
    unknown = 458 * 3_600_000 + 10_000 + 20_000
    assert (whole.down, whole.unknown, whole.maintenance) == (down, unknown, 3_600_000)
    assert whole.in_service == 458 * DAY_S * 1000 - 2 * 5_000
    assert whole.availability == whole.up / (whole.up + down)


def test_the_cut_was_one_incident() -> None:
    """I1: opened by the 275th of 458 cameras, ended when half of the 307 were back."""
    day = lived_day()
    for kind in IncidentKind:
        told = [change for change in day.incidents() if change.kind is kind]
        assert [(change.opened, change.cameras) for change in told] == [(True, 275), (False, 307)]
        assert {seconds(change.since) for change in told} == {60_005}
        assert [seconds(change.detected_at) for change in told] == [60_045, 60_600]


def test_every_heartbeat_was_counted() -> None:
    """L1: those of a day, less those that were not sent or not seen."""
    day = lived_day()
    assert day.camera("cam-10").heartbeats == 8_641 - 359
    assert day.camera("cam-1").heartbeats == 8_641 - 359 - 359
    assert day.camera("cam-6").heartbeats == 0
    assert sum(day.watch.gaps["ville"].counts) == sum(
        max(0, state.heartbeats - 1) for state in day.watch.cameras.values()
    )
