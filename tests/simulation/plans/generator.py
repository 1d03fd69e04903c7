"""Draws a plan from a seed. Everything random is decided here and is part of the plan."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from random import Random

from tests.simulation.plans import faults
from tests.simulation.plans.codec import DAY, HOUR, MINUTE, SECOND, Ms
from tests.simulation.plans.faults import Fault
from tests.simulation.plans.plan import PARIS, CameraSpec, LinkSpec, Plan

HEARTBEATS = 5000
"""Number of heartbeats of a simulation; with long intervals they take weeks."""

_OPERATORS = ("ville", "habitat", "duo")
_DATES = ("2026-03-29", "2026-10-25", "2027-01-01", "2028-02-29", "2026-11-01", "2026-06-17")
"""Summer time begins, ends; a year ends; a leap day; a month ends; nothing."""

_BEATS = (0.1, 0.5, 0.9, 1.0, 1.1, 2.0, 2.5, 4.0, 4.4, 4.5, 4.6, 5.5, 8.0, 20.0, 60.0, 200.0)
"""How long things last, in intervals: around every threshold, and far beyond."""

_MALFORMED = ("json", "type", "range", "utf8", "large", "word", "empty-word", "topic")
_CAUSES = ("power", "network", "camera", "vandalism", "works", "other")


def draw(seed: int) -> Plan:
    """Return the plan of a seed."""
    return _Draw(Random(seed), seed).plan()


class _Draw:
    def __init__(self, random: Random, seed: int) -> None:
        self.random = random
        self.will_random = Random(f"wills of {seed}")  # its own, so that it changes nothing else
        self.seed = seed
        self.exact = random.random() < 0.5  # all instants are eighths of a second: ties, and exact floats
        self.grid = 125 if self.exact else 1
        self.aligned = self.exact and random.random() < 0.4  # to quarters of the interval: many ties
        self.interval = random.choice((20, 60, 120, 300, 300, 600, 900, 1800)) * SECOND
        self.links = self._lines()
        self.cameras = tuple(self._device(number) for number in range(random.randint(1, 8)))
        rate = sum(1 / spec.interval for spec in self.cameras)
        self.duration = self.on_grid(min(max(HEARTBEATS / rate, DAY), 90 * DAY))
        self.centres = [self.when() for _ in range(random.randint(1, 4))]
        self.clock = random.random() < 0.25  # the wall clock is set; then no maintenance, which follows it

    def plan(self) -> Plan:
        random = self.random
        date = datetime.fromisoformat(random.choice(_DATES)).replace(tzinfo=PARIS)
        begins = round(date.timestamp() * SECOND) - self.on_grid(self.duration * random.uniform(0.1, 0.9))
        shortest = min(spec.interval for spec in self.cameras)
        return Plan(
            seed=self.seed,
            begins=begins,
            duration=self.duration,
            grid=self.grid,
            deadlines_first=random.random() < 0.5,
            interval=self.interval,
            down_half_intervals=random.choice((9, 9, 9, 7, 6, 12)),
            will_grace=self.on_grid(random.choice((10 * SECOND, shortest / 2, shortest * 2, shortest * 3))),
            stall_after=self.on_grid(shortest * random.choice((0.5, 1, 1.4))),
            write_every=self.on_grid(max(self.duration / random.choice((30, 60, 100)), 2 * shortest)),
            links=self.links,
            cameras=self.cameras,
            faults=self._faults(),
        )

    # --- the fleet

    def _lines(self) -> tuple[LinkSpec, ...]:
        random = self.random
        if random.random() < 0.4:
            return (LinkSpec("main", "+".join(_OPERATORS), random.random() < 0.6),)
        second = random.choice(("habitat+duo", "duo", "habitat"))
        first = "ville+duo" if "habitat" in second else "ville+habitat+duo"
        return (
            LinkSpec("main", first, random.random() < 0.6),
            LinkSpec("second", second, random.random() < 0.6),
        )

    def _device(self, number: int) -> CameraSpec:
        random = self.random
        operator = _OPERATORS[number % 3] if random.random() < 0.7 else random.choice(_OPERATORS)
        interval = self.interval * random.choice((1, 1, 1, 2, 3))
        reports = random.choice(("all", "all", "all", "whole", "seq+ts", "seq", "ts", "bare"))
        jitter = 0 if self.aligned else self.on_grid(interval * random.choice((0, 0.01, 0.05)))
        phase = (
            interval // 4 * random.randrange(4) if self.aligned else self.on_grid(random.random() * interval)
        )
        return CameraSpec(
            id=f"c{number + 1}",
            operator=operator,
            site=f"{operator}-{random.randint(1, 2)}",
            interval=interval,
            reports=reports,
            sends_status=random.random() < 0.6,
            qos1=random.random() < 0.7,
            phase=phase,
            latency=0 if self.aligned else random.choice((0, 0, 125, 1000)),
            jitter=jitter,
            clock_offset=random.choice((0, 0, 0, 2250, -1125, 40_000, -40_000)) // self.grid * self.grid,
        )

    # --- instants and durations

    def on_grid(self, value: float) -> Ms:
        return round(value / self.grid) * self.grid

    def when(self) -> Ms:
        """Return an instant, not too near the start or the end."""
        return self._placed(self.random.uniform(0.03, 0.93) * self.duration)

    def _placed(self, at: float) -> Ms:
        if self.aligned:
            return round(at / self.interval * 4) * (self.interval // 4)
        return self.on_grid(at)

    def near(self) -> Ms:
        """Return an instant, mostly near others, so that faults coincide."""
        random = self.random
        if random.random() < 0.25:
            return self.when()
        spread = self.interval * random.choice((1, 3, 10, 40))
        return max(self.interval, self._placed(random.choice(self.centres) + random.uniform(-1, 1) * spread))

    def long(self, *, most: float = 200.0) -> Ms:
        """Return a duration."""
        beats = self.random.choice([each for each in _BEATS if each <= most])
        if not self.aligned and self.random.random() < 0.7:
            beats *= self.random.uniform(0.9, 1.1)
        return max(self.grid, self._placed(beats * self.interval) or self.interval // 4)

    # --- faults

    def _faults(self) -> tuple[Fault, ...]:
        random = self.random
        kinds = [kind for kind, weight in _WEIGHTS.items() for _ in range(weight)]
        kinds = random.sample(kinds, min(len(kinds), random.choice((8, 20, len(kinds)))))
        found = [fault for _ in range(random.randint(2, 30)) for fault in self._made(random.choice(kinds))]
        if self.clock:
            found = [each for each in found if not isinstance(each, _BY_WALL)]
            steps = [_host_clock_step(self) for _ in range(random.randint(1, 3))]
            found += steps
        return tuple(sorted(found, key=lambda fault: fault.at))

    def _made(self, kind: str) -> tuple[Fault, ...]:
        made = _MAKERS[kind](self)
        return made if isinstance(made, tuple) else (made,)

    def camera(self) -> str:
        return self.random.choice(self.cameras).id

    def place(self) -> tuple[str, str]:
        """Return a scope and its id."""
        spec = self.random.choice(self.cameras)
        return self.random.choice((("camera", spec.id), ("site", spec.site), ("operator", spec.operator)))


_BY_WALL = (faults.InventoryMaintenance, faults.MaintenanceCorrection, faults.PlannedCamera)


def _camera_outage(d: _Draw) -> Fault:
    how = d.random.choice(("silence", "silence", "will", "goodbye"))
    return faults.CameraOutage(d.near(), d.camera(), d.long(), _independent_will(d, how), d.long(most=2.5))


def _reboot(d: _Draw) -> Fault:
    how = d.random.choice(("silence", "will", "goodbye"))
    return faults.CameraOutage(
        d.near(), d.camera(), d.long(most=1.1), _independent_will(d, how), d.long(most=2.0)
    )


def _independent_will(d: _Draw, how: str) -> str:
    """Make half of the last wills independent of the camera's return."""
    return "old-will" if how == "will" and d.will_random.random() < 0.5 else how


def _flapping(d: _Draw) -> Fault:
    return faults.Flapping(d.near(), d.camera(), d.random.randint(2, 6), d.long(most=8), d.long(most=8))


def _message_loss(d: _Draw) -> Fault:
    return faults.MessageLoss(d.near(), d.camera(), d.random.choice((1, 1, 2, 3, 4, 5)))


def _duplicate_messages(d: _Draw) -> Fault:
    return faults.DuplicateMessages(
        d.near(), d.camera(), d.random.randint(1, 6), d.random.choice((0, d.long(most=8)))
    )


def _delayed_messages(d: _Draw) -> Fault:
    return faults.DelayedMessages(d.near(), d.camera(), d.random.choice((1, 1, 2, 5)), d.long(most=20))


def _bridge_buffering(d: _Draw) -> Fault:
    operator = d.random.choice(d.cameras).operator
    return faults.BridgeBuffering(d.near(), operator, d.long(most=60), d.random.random() < 0.3)


def _replay(d: _Draw) -> Fault:
    will_random = d.random.choice((0, d.grid, d.long(most=1.1)))
    return faults.Replay(d.near(), d.camera(), d.long(), d.random.choice((1, 3, 10)), will_random)


def _host_clock_step(d: _Draw) -> Fault:
    random = d.random
    by = random.choice((-300, 300, 1500, -1500, 10_000, -10_000, HOUR, -HOUR, 5 * MINUTE, -5 * MINUTE))
    return faults.HostClockStep(d.near(), by if random.random() < 0.5 else d.on_grid(by * random.random()))


def _link_cut(d: _Draw) -> Fault:
    # A silent link is pinged after an interval and dropped after another (S10), or a little later.
    detected = d.on_grid(d.random.choice((0, 0.05, 0.5, 1, 2, 2.2)) * d.interval)
    return faults.LinkCut(
        d.near(), d.random.choice(d.links).name, detected, d.long(), d.random.random() < 0.5
    )


def _outage_in_gap(d: _Draw) -> tuple[Fault, ...]:
    """Return a short gap and an outage that begins or ends in it."""
    at, duration = d.near(), d.long(most=4.0)
    cut = faults.LinkCut(at, d.random.choice(d.links).name, 0, duration, d.random.random() < 0.5)
    within, camera, away = d.on_grid(at + duration * d.random.random()), d.camera(), d.long(most=20)
    if d.will_random.random() < 0.3:
        died = max(0, at - d.on_grid(d.interval * d.will_random.uniform(6, 20)))
        return cut, faults.CameraOutage(died, camera, within - died, "silence", 0)
    return cut, faults.CameraOutage(within, camera, away, "silence", 0)


def _link_lag(d: _Draw) -> tuple[Fault, ...]:
    """Return a link lag; in half of the cases camwatch restarts meanwhile, or a camera goes off."""
    random, at, duration = d.random, d.near(), d.long(most=60)
    how = random.choice(("steady", "grows", "uneven", "bursts", "thin"))
    by = d.long(most=random.choice((2.5, 8.0)))
    lag = faults.LinkLag(at, random.choice(d.links).name, duration, by, how, random.random() < 0.5)
    within = d.on_grid(at + duration * random.random())
    others: tuple[tuple[Fault, ...], ...] = (
        (),
        (),
        (faults.Restart(within, d.long(most=8)),),
        (faults.CameraOutage(within, d.camera(), d.long(most=60), "silence", 0),),
    )
    return lag, *random.choice(others)


def _clock_offset(d: _Draw) -> Fault:
    by = d.random.choice((-1, 1)) * d.random.choice((d.interval * 2, MINUTE, HOUR, DAY))
    return faults.CameraClockOffset(d.near(), d.camera(), d.long(), d.on_grid(by))


def _clock_freeze(d: _Draw) -> Fault:
    step = d.random.choice((0, 0, d.interval * 3, d.interval * 10))
    return faults.CameraClockFreeze(d.near(), d.camera(), d.long(), step)


def _loop_stall(d: _Draw) -> Fault:
    return faults.LoopStall(d.near(), d.long(most=60), d.random.random() < 0.5)


def _crash(d: _Draw) -> Fault:
    lag = d.on_grid(d.interval * d.random.choice((0, 0.1, 0.4)))
    return faults.Crash(d.near(), d.long(most=60), lag, d.random.choice((-1, -1, 0, *range(1, 16), 99)))


def _inventory_maintenance(d: _Draw) -> Fault:
    scope, where = d.place()
    starts = d.random.choice((-d.long(most=20), 0, d.long(), d.long()))
    taken = d.random.choice((0, 0, d.long()))
    return faults.InventoryMaintenance(d.near(), scope, where, starts, starts + d.long(), taken)


def _maintenance_correction(d: _Draw) -> Fault:
    scope, where = d.place()
    starts = d.random.choice((-d.long(), -d.long(), 0, d.long()))
    cancelled = d.random.choice((0, 0, d.long()))
    return faults.MaintenanceCorrection(d.near(), scope, where, starts, starts + d.long(), cancelled)


_MAKERS: dict[str, Callable[[_Draw], Fault | tuple[Fault, ...]]] = {
    "outage": _camera_outage,
    "reboot": _reboot,
    "flapping": _flapping,
    "message loss": _message_loss,
    "duplicates": _duplicate_messages,
    "delays": _delayed_messages,
    "bridge buffering": _bridge_buffering,
    "replay": _replay,
    "retained heartbeat": lambda d: faults.RetainedHeartbeat(d.near(), d.camera()),
    "wrong topic": lambda d: faults.WrongTopic(
        d.near(), d.camera(), d.random.randint(1, 6), d.random.choice(_OPERATORS)
    ),
    "malformed": lambda d: faults.MalformedMessages(
        d.near(), d.camera(), d.random.randint(1, 6), d.random.choice(_MALFORMED)
    ),
    "clock step": lambda d: faults.CameraClockStep(
        d.near(), d.camera(), d.on_grid(d.random.choice((-1, 1)) * d.random.choice((2 * SECOND, MINUTE, DAY)))
    ),
    "clock drift": lambda d: faults.CameraClockDrift(
        d.near(), d.camera(), d.long(), d.random.choice((-200, 50, 500))
    ),
    "clock offset": _clock_offset,
    "clock freeze": _clock_freeze,
    "sequence freeze": lambda d: faults.SequenceFreeze(d.near(), d.camera(), d.long()),
    "bridge online": lambda d: faults.BridgeOnline(d.near(), d.random.choice(d.cameras).operator),
    "link lag": _link_lag,
    "outage in gap": _outage_in_gap,
    "tampering": lambda d: faults.Tampering(d.near(), d.camera(), d.long()),
    "link cut": _link_cut,
    "loop stall": _loop_stall,
    "restart": lambda d: faults.Restart(d.near(), d.long(most=60)),
    "crash": _crash,
    "store outage": lambda d: faults.StoreOutage(d.near(), d.long(), d.random.random() < 0.3),
    "removal": lambda d: faults.Removal(d.near(), d.camera(), d.long()),
    "retirement": lambda d: faults.Retirement(d.near(), d.camera(), d.long()),
    "planned": lambda d: faults.PlannedCamera(d.near(), d.camera(), d.random.random() < 0.5, d.near()),
    "interval change": lambda d: faults.IntervalChange(
        d.near(), d.camera(), d.long(), d.interval * d.random.choice((1, 2, 4)), d.random.random() < 0.7
    ),
    "site change": lambda d: faults.SiteChange(d.near(), c := d.camera(), _other_site(d, c)),
    "inventory maintenance": _inventory_maintenance,
    "maintenance correction": _maintenance_correction,
    "attribution": lambda d: faults.Attribution(
        d.near(), d.camera(), d.random.choice(_CAUSES), d.random.random() < 0.5
    ),
}

_WEIGHTS = dict.fromkeys(_MAKERS, 1) | {
    "outage": 4, "link lag": 3, "outage in gap": 2, "reboot": 2, "message loss": 2, "link cut": 5,
    "loop stall": 2, "crash": 3, "inventory maintenance": 2, "maintenance correction": 2,
}  # fmt: skip


def _other_site(d: _Draw, camera: str) -> str:
    operator = next(spec.operator for spec in d.cameras if spec.id == camera)
    return f"{operator}-{d.random.randint(1, 3)}"
