"""Plans with a purpose. Like drawn plans, they depend on nothing but their seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from random import Random

from tests.simulation.plans import faults
from tests.simulation.plans.codec import DAY, HOUR, MINUTE, SECOND, Ms
from tests.simulation.plans.faults import Fault
from tests.simulation.plans.plan import PARIS, CameraSpec, LinkSpec, Plan

_OPERATORS = ("ville", "habitat", "duo")
_BEGINS = round(datetime(2026, 10, 1, tzinfo=PARIS).timestamp() * SECOND) - 30 * MINUTE
_LASTS: Ms = 31 * DAY + HOUR + 40 * MINUTE
"""October 2026: 31 local days, one of which has 25 hours, and some minutes before and after."""


def month(seed: int, *, clock_step: bool = False) -> Plan:
    """Return a month of a fleet: outages, gaps, restarts, maintenance, changes of the inventory.

    `clock_step`: instead of maintenance, the wall clock is an hour ahead for some hours.
    """
    random = Random(seed)
    cameras = tuple(_device(random, number) for number in range(6))
    links = (
        LinkSpec("main", "ville+duo", persistent=True),
        LinkSpec("second", "habitat+duo", random.random() < 0.5),
    )
    drawn = [*_interruptions(random), *_outages(random, cameras), *_inventory_changes(cameras)]
    if clock_step:
        at = 12 * DAY + 10 * HOUR + random.randrange(HOUR)
        drawn += [faults.HostClockStep(at, HOUR), faults.HostClockStep(at + 4 * HOUR, -HOUR)]
    else:
        drawn += _maintenance(random, cameras)
    return Plan(
        seed=seed,
        begins=_BEGINS,
        duration=_LASTS,
        grid=1,
        deadlines_first=bool(seed % 2),
        interval=10 * MINUTE,
        down_half_intervals=9,
        will_grace=10 * SECOND,
        stall_after=4 * MINUTE,
        write_every=4 * HOUR,
        links=links,
        cameras=cameras,
        faults=tuple(sorted(drawn, key=lambda fault: fault.at)),
    )


def _device(random: Random, number: int) -> CameraSpec:
    operator = _OPERATORS[number % 3]
    interval = random.choice((10, 15, 20, 30)) * MINUTE
    return CameraSpec(
        id=f"c{number + 1}",
        operator=operator,
        site=f"{operator}-{number // 3}",
        interval=interval,
        reports="all" if operator == "duo" else random.choice(("all", "whole", "seq+ts", "ts", "bare")),
        sends_status=random.random() < 0.6,
        qos1=random.random() < 0.7,
        phase=random.randrange(interval),
        latency=random.choice((0, 125)),
        jitter=interval // 20,
        clock_offset=random.choice((0, 0, 2_250, -1_125, 40_000)),
    )


def _interruptions(random: Random) -> Iterator[Fault]:
    """Yield a lost link, restart, crash or stall every few hours."""
    at = HOUR
    while at < _LASTS - 8 * HOUR:
        at += random.randrange(HOUR)
        duration = random.choice((20, 100, 250, 500, 1500, 3600, 9000)) * SECOND + random.randrange(SECOND)
        kind = random.choice(("main", "second", "both", "stop", "crash", "stall", "none"))
        for link in ("main", "second"):
            if kind in (link, "both"):
                detected = random.randrange(15 * SECOND)
                yield faults.LinkCut(at, link, detected, detected + duration, random.random() < 0.5)
        if kind == "stop":
            yield faults.Restart(at, duration)
        elif kind == "crash":
            yield faults.Crash(at, duration, random.randrange(4 * MINUTE), random.choice((-1, 0, 7, 99)))
        elif kind == "stall":
            yield faults.LoopStall(at, max(duration, 5 * MINUTE), random.random() < 0.5)
        at += duration + 2 * HOUR


def _outages(random: Random, cameras: tuple[CameraSpec, ...]) -> Iterator[Fault]:
    for spec in cameras:
        at = 0
        while at < _LASTS:
            at += 3 * spec.interval + int(random.expovariate(1 / random.choice((6 * HOUR, 2 * DAY, 5 * DAY))))
            duration = random.choice(
                (SECOND, MINUTE, 10 * MINUTE, 90 * MINUTE, 10 * HOUR)
            ) + random.randrange(MINUTE)
            how = random.choice(("silence", "silence", "will", "goodbye"))
            yield faults.CameraOutage(at, spec.id, duration, how, random.randrange(100, 90 * SECOND))
            yield faults.MessageLoss(at + duration, spec.id, random.choice((1, 1, 2)))
            at += duration


def _inventory_changes(cameras: tuple[CameraSpec, ...]) -> Iterator[Fault]:
    yield faults.Retirement(19 * DAY, cameras[0].id, 12 * DAY)
    yield faults.Removal(8 * DAY, cameras[1].id, 3 * DAY)
    yield faults.SiteChange(15 * DAY, cameras[2].id, f"{cameras[2].operator}-1")
    yield faults.PlannedCamera(9 * DAY, cameras[4].id, dated=False, first_message=9 * DAY)


def _maintenance(random: Random, cameras: tuple[CameraSpec, ...]) -> Iterator[Fault]:
    """Yield windows of the inventory, and windows entered before, during and after the work."""
    yield faults.PlannedCamera(
        5 * DAY, cameras[5].id, dated=True, first_message=5 * DAY + random.choice((20 * MINUTE, 5 * HOUR))
    )
    for spec in random.sample(cameras, 4):
        starts = random.randrange(DAY, 29 * DAY)
        yield faults.InventoryMaintenance(
            0, "camera", spec.id, starts, starts + random.randrange(MINUTE, 9 * HOUR), 0
        )
    starts = random.randrange(2 * DAY, 28 * DAY)
    yield faults.InventoryMaintenance(0, "site", "duo-1", starts, starts + 7 * HOUR, 0)
    yield faults.InventoryMaintenance(0, "operator", "habitat", starts + 5 * HOUR, starts + 11 * HOUR, 0)
    at = random.randrange(10 * DAY, 20 * DAY)
    yield faults.MaintenanceCorrection(at, "camera", cameras[3].id, -30 * HOUR, -20 * HOUR, 0)
    yield faults.MaintenanceCorrection(at, "site", "ville-0", -3 * DAY, -3 * DAY + 5 * HOUR, 0)
    yield faults.MaintenanceCorrection(at, "operator", "duo", 5 * HOUR, 9 * HOUR, 0)
    yield faults.MaintenanceCorrection(at, "camera", cameras[3].id, 20 * HOUR, 22 * HOUR, HOUR)
    yield faults.MaintenanceCorrection(at + DAY, "site", "habitat-1", -HOUR, 2 * HOUR, 0)


SCENARIOS: dict[str, Callable[[int], Plan]] = {
    "month": month,
    "month-clock-step": partial(month, clock_step=True),
}
"""By name; each takes a seed."""
