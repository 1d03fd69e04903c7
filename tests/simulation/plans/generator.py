"""From a seed to a plan. Everything that chance decides is decided here, and written into the plan."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from random import Random

from tests.simulation.plans import faults
from tests.simulation.plans.codec import DAY, HOUR, MINUTE, SECOND, Ms
from tests.simulation.plans.faults import Fault
from tests.simulation.plans.plan import PARIS, Device, Line, Plan

HEARTBEATS = 5000
"""About so many heartbeats make a simulation: with long intervals, they are weeks."""

_OPERATORS = ("ville", "habitat", "duo")
_DATES = ("2026-03-29", "2026-10-25", "2027-01-01", "2028-02-29", "2026-11-01", "2026-06-17")
"""Summer time begins, ends; a year ends; a leap day; a month ends; nothing."""

_BEATS = (0.1, 0.5, 0.9, 1.0, 1.1, 2.0, 2.5, 4.0, 4.4, 4.5, 4.6, 5.5, 8.0, 20.0, 60.0, 200.0)
"""How long things last, in intervals: around every threshold, and far beyond."""

_NONSENSE = ("json", "type", "range", "utf8", "large", "word", "empty-word", "topic")
_CAUSES = ("power", "network", "camera", "vandalism", "works", "other")


def draw(seed: int) -> Plan:
    """Return the plan of a seed."""
    return _Draw(Random(seed), seed).plan()


class _Draw:
    def __init__(self, random: Random, seed: int) -> None:
        self.random = random
        self.apart = Random(f"wills of {seed}")  # so that the rest of each plan stayed as it was
        self.seed = seed
        self.exact = random.random() < 0.5  # all instants are eighths of seconds: ties, and exact floats
        self.grid = 125 if self.exact else 1
        self.aligned = self.exact and random.random() < 0.4  # on quarters of the interval: many ties
        self.interval = random.choice((20, 60, 120, 300, 300, 600, 900, 1800)) * SECOND
        self.lines = self._lines()
        self.devices = tuple(self._device(number) for number in range(random.randint(1, 8)))
        rate = sum(1 / device.interval for device in self.devices)
        self.lasts = self.on_grid(min(max(HEARTBEATS / rate, DAY), 90 * DAY))
        self.centres = [self.when() for _ in range(random.randint(1, 4))]
        self.clock = random.random() < 0.25  # the wall clock is set; then no maintenance, which follows it

    def plan(self) -> Plan:
        random = self.random
        date = datetime.fromisoformat(random.choice(_DATES)).replace(tzinfo=PARIS)
        begins = round(date.timestamp() * SECOND) - self.on_grid(self.lasts * random.uniform(0.1, 0.9))
        shortest = min(device.interval for device in self.devices)
        return Plan(
            seed=self.seed,
            begins=begins,
            lasts=self.lasts,
            grid=self.grid,
            eager=random.random() < 0.5,
            interval=self.interval,
            half_steps=random.choice((9, 9, 9, 7, 6, 12)),
            hold=self.on_grid(random.choice((10 * SECOND, shortest / 2, shortest * 2, shortest * 3))),
            stall_after=self.on_grid(shortest * random.choice((0.5, 1, 1.4))),
            write_every=self.on_grid(max(self.lasts / random.choice((30, 60, 100)), 2 * shortest)),
            lines=self.lines,
            devices=self.devices,
            faults=self._faults(),
        )

    # --- the fleet

    def _lines(self) -> tuple[Line, ...]:
        random = self.random
        if random.random() < 0.4:
            return (Line("main", "+".join(_OPERATORS), random.random() < 0.6),)
        second = random.choice(("habitat+duo", "duo", "habitat"))
        first = "ville+duo" if "habitat" in second else "ville+habitat+duo"
        return (
            Line("main", first, random.random() < 0.6),
            Line("second", second, random.random() < 0.6),
        )

    def _device(self, number: int) -> Device:
        random = self.random
        operator = _OPERATORS[number % 3] if random.random() < 0.7 else random.choice(_OPERATORS)
        interval = self.interval * random.choice((1, 1, 1, 2, 3))
        says = random.choice(("all", "all", "all", "whole", "seq+ts", "seq", "ts", "bare"))
        wobble = 0 if self.aligned else self.on_grid(interval * random.choice((0, 0.01, 0.05)))
        phase = (
            interval // 4 * random.randrange(4) if self.aligned else self.on_grid(random.random() * interval)
        )
        return Device(
            id=f"c{number + 1}",
            operator=operator,
            site=f"{operator}-{random.randint(1, 2)}",
            interval=interval,
            says=says,
            speaks=random.random() < 0.6,
            sure=random.random() < 0.7,
            phase=phase,
            latency=0 if self.aligned else random.choice((0, 0, 125, 1000)),
            wobble=wobble,
            off=random.choice((0, 0, 0, 2250, -1125, 40_000, -40_000)) // self.grid * self.grid,
        )

    # --- instants and durations

    def on_grid(self, value: float) -> Ms:
        return round(value / self.grid) * self.grid

    def when(self) -> Ms:
        """Return an instant, not too near the ends."""
        return self._placed(self.random.uniform(0.03, 0.93) * self.lasts)

    def _placed(self, at: float) -> Ms:
        if self.aligned:
            return round(at / self.interval * 4) * (self.interval // 4)
        return self.on_grid(at)

    def near(self) -> Ms:
        """Return an instant near others, mostly: faults are to meet."""
        random = self.random
        if random.random() < 0.25:
            return self.when()
        spread = self.interval * random.choice((1, 3, 10, 40))
        return max(self.interval, self._placed(random.choice(self.centres) + random.uniform(-1, 1) * spread))

    def long(self, *, most: float = 200.0) -> Ms:
        """Return how long something lasts."""
        beats = self.random.choice([each for each in _BEATS if each <= most])
        if not self.aligned and self.random.random() < 0.7:
            beats *= self.random.uniform(0.9, 1.1)
        return max(self.grid, self._placed(beats * self.interval) or self.interval // 4)

    # --- what goes wrong

    def _faults(self) -> tuple[Fault, ...]:
        random = self.random
        kinds = [kind for kind, weight in _WEIGHTS.items() for _ in range(weight)]
        kinds = random.sample(kinds, min(len(kinds), random.choice((8, 20, len(kinds)))))
        found = [fault for _ in range(random.randint(2, 30)) for fault in self._made(random.choice(kinds))]
        if self.clock:
            found = [each for each in found if not isinstance(each, _BY_WALL)]
            steps = [_sets_wall(self) for _ in range(random.randint(1, 3))]
            found += steps
        return tuple(sorted(found, key=lambda fault: fault.at))

    def _made(self, kind: str) -> tuple[Fault, ...]:
        made = _MAKERS[kind](self)
        return made if isinstance(made, tuple) else (made,)

    def camera(self) -> str:
        return self.random.choice(self.devices).id

    def place(self) -> tuple[str, str]:
        """Return a scope and what it is of."""
        device = self.random.choice(self.devices)
        return self.random.choice(
            (("camera", device.id), ("site", device.site), ("operator", device.operator))
        )


_BY_WALL = (faults.Announces, faults.Corrects, faults.Plans)


def _dies(d: _Draw) -> Fault:
    how = d.random.choice(("silence", "silence", "will", "goodbye"))
    return faults.Dies(d.near(), d.camera(), d.long(), _old(d, how), d.long(most=2.5))


def _reboots(d: _Draw) -> Fault:
    how = d.random.choice(("silence", "will", "goodbye"))
    return faults.Dies(d.near(), d.camera(), d.long(most=1.1), _old(d, how), d.long(most=2.0))


def _old(d: _Draw, how: str) -> str:
    """Let every other will come whether or not the camera has returned."""
    return "old-will" if how == "will" and d.apart.random() < 0.5 else how


def _flaps(d: _Draw) -> Fault:
    return faults.Flaps(d.near(), d.camera(), d.random.randint(2, 6), d.long(most=8), d.long(most=8))


def _loses(d: _Draw) -> Fault:
    return faults.Loses(d.near(), d.camera(), d.random.choice((1, 1, 2, 3, 4, 5)))


def _duplicates(d: _Draw) -> Fault:
    return faults.Duplicates(
        d.near(), d.camera(), d.random.randint(1, 6), d.random.choice((0, d.long(most=8)))
    )


def _delays(d: _Draw) -> Fault:
    return faults.Delays(d.near(), d.camera(), d.random.choice((1, 1, 2, 5)), d.long(most=20))


def _holds(d: _Draw) -> Fault:
    operator = d.random.choice(d.devices).operator
    return faults.Holds(d.near(), operator, d.long(most=60), d.random.random() < 0.3)


def _replays(d: _Draw) -> Fault:
    apart = d.random.choice((0, d.grid, d.long(most=1.1)))
    return faults.Replays(d.near(), d.camera(), d.long(), d.random.choice((1, 3, 10)), apart)


def _sets_wall(d: _Draw) -> Fault:
    random = d.random
    by = random.choice((-300, 300, 1500, -1500, 10_000, -10_000, HOUR, -HOUR, 5 * MINUTE, -5 * MINUTE))
    return faults.SetsWall(d.near(), by if random.random() < 0.5 else d.on_grid(by * random.random()))


def _cuts(d: _Draw) -> Fault:
    # A silent link is asked after an interval and given up after another (rule S10), a little later at most.
    noticed = d.on_grid(d.random.choice((0, 0.05, 0.5, 1, 2, 2.2)) * d.interval)
    return faults.Cuts(d.near(), d.random.choice(d.lines).name, noticed, d.long(), d.random.random() < 0.5)


def _dies_unseen(d: _Draw) -> tuple[Fault, ...]:
    """Return a short blindness with a death in it, which may last longer, or with the return of one."""
    at, lasts = d.near(), d.long(most=4.0)
    cut = faults.Cuts(at, d.random.choice(d.lines).name, 0, lasts, d.random.random() < 0.5)
    within, camera, away = d.on_grid(at + lasts * d.random.random()), d.camera(), d.long(most=20)
    if d.apart.random() < 0.3:
        died = max(0, at - d.on_grid(d.interval * d.apart.uniform(6, 20)))
        return cut, faults.Dies(died, camera, within - died, "silence", 0)
    return cut, faults.Dies(within, camera, away, "silence", 0)


def _lags(d: _Draw) -> tuple[Fault, ...]:
    """Return a link whose messages come late; in half of them camwatch stops meanwhile, or a camera dies."""
    random, at, lasts = d.random, d.near(), d.long(most=60)
    how = random.choice(("steady", "grows", "uneven", "bursts", "thin"))
    by = d.long(most=random.choice((2.5, 8.0)))
    lag = faults.Lags(at, random.choice(d.lines).name, lasts, by, how, random.random() < 0.5)
    within = d.on_grid(at + lasts * random.random())
    others: tuple[tuple[Fault, ...], ...] = (
        (),
        (),
        (faults.Stops(within, d.long(most=8)),),
        (faults.Dies(within, d.camera(), d.long(most=60), "silence", 0),),
    )
    return lag, *random.choice(others)


def _wanders(d: _Draw) -> Fault:
    by = d.random.choice((-1, 1)) * d.random.choice((d.interval * 2, MINUTE, HOUR, DAY))
    return faults.Wanders(d.near(), d.camera(), d.long(), d.on_grid(by))


def _stands(d: _Draw) -> Fault:
    step = d.random.choice((0, 0, d.interval * 3, d.interval * 10))
    return faults.Stands(d.near(), d.camera(), d.long(), step)


def _stalls(d: _Draw) -> Fault:
    return faults.Stalls(d.near(), d.long(most=60), d.random.random() < 0.5)


def _crashes(d: _Draw) -> Fault:
    lag = d.on_grid(d.interval * d.random.choice((0, 0.1, 0.4)))
    return faults.Crashes(d.near(), d.long(most=60), lag, d.random.choice((-1, -1, 0, *range(1, 16), 99)))


def _announces(d: _Draw) -> Fault:
    scope, where = d.place()
    starts = d.random.choice((-d.long(most=20), 0, d.long(), d.long()))
    taken = d.random.choice((0, 0, d.long()))
    return faults.Announces(d.near(), scope, where, starts, starts + d.long(), taken)


def _corrects(d: _Draw) -> Fault:
    scope, where = d.place()
    starts = d.random.choice((-d.long(), -d.long(), 0, d.long()))
    cancelled = d.random.choice((0, 0, d.long()))
    return faults.Corrects(d.near(), scope, where, starts, starts + d.long(), cancelled)


_MAKERS: dict[str, Callable[[_Draw], Fault | tuple[Fault, ...]]] = {
    "dies": _dies,
    "reboots": _reboots,
    "flaps": _flaps,
    "loses": _loses,
    "duplicates": _duplicates,
    "delays": _delays,
    "holds": _holds,
    "replays": _replays,
    "retains": lambda d: faults.Retains(d.near(), d.camera()),
    "strays": lambda d: faults.Strays(
        d.near(), d.camera(), d.random.randint(1, 6), d.random.choice(_OPERATORS)
    ),
    "babbles": lambda d: faults.Babbles(
        d.near(), d.camera(), d.random.randint(1, 6), d.random.choice(_NONSENSE)
    ),
    "sets": lambda d: faults.Sets(
        d.near(), d.camera(), d.on_grid(d.random.choice((-1, 1)) * d.random.choice((2 * SECOND, MINUTE, DAY)))
    ),
    "drifts": lambda d: faults.Drifts(d.near(), d.camera(), d.long(), d.random.choice((-200, 50, 500))),
    "wanders": _wanders,
    "stands": _stands,
    "sticks": lambda d: faults.Sticks(d.near(), d.camera(), d.long()),
    "greets": lambda d: faults.Greets(d.near(), d.random.choice(d.devices).operator),
    "lags": _lags,
    "dies unseen": _dies_unseen,
    "ails": lambda d: faults.Ails(d.near(), d.camera(), d.long()),
    "cuts": _cuts,
    "stalls": _stalls,
    "stops": lambda d: faults.Stops(d.near(), d.long(most=60)),
    "crashes": _crashes,
    "loses store": lambda d: faults.LosesStore(d.near(), d.long(), d.random.random() < 0.3),
    "leaves": lambda d: faults.Leaves(d.near(), d.camera(), d.long()),
    "retires": lambda d: faults.Retires(d.near(), d.camera(), d.long()),
    "plans": lambda d: faults.Plans(d.near(), d.camera(), d.random.random() < 0.5, d.near()),
    "paces": lambda d: faults.Paces(
        d.near(), d.camera(), d.long(), d.interval * d.random.choice((1, 2, 4)), d.random.random() < 0.7
    ),
    "moves": lambda d: faults.Moves(d.near(), c := d.camera(), _other_site(d, c)),
    "announces": _announces,
    "corrects": _corrects,
    "attributes": lambda d: faults.Attributes(
        d.near(), d.camera(), d.random.choice(_CAUSES), d.random.random() < 0.5
    ),
}

_WEIGHTS = dict.fromkeys(_MAKERS, 1) | {
    "dies": 4, "lags": 3, "dies unseen": 2, "reboots": 2, "loses": 2, "cuts": 5, "stalls": 2, "crashes": 3,
    "announces": 2, "corrects": 2,
}  # fmt: skip


def _other_site(d: _Draw, camera: str) -> str:
    operator = next(device.operator for device in d.devices if device.id == camera)
    return f"{operator}-{d.random.randint(1, 3)}"
