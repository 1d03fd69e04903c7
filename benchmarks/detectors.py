"""`python -m benchmarks.detectors` asks whether another detector is earlier, at as few mistakes.

Three detectors look at the same arrivals: camwatch's (a fixed silence after the last heartbeat, rule L2), the
estimated arrival of Chen, Toueg and Aguilera (IEEE Transactions on Computers 51(5), 2002) and phi accrual
(Hayashibara, Défago, Yared, Katayama, SRDS 2004). Each has one threshold, which buys fewer mistakes with
later detection. So each is given the lowest threshold with which it makes no more
mistakes than camwatch's rule does, chosen when all is known: no detector can be better than that.

The arrivals are those of `camsim`'s devices, made here without a clock or a broker, so millions are quick.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import nlargest
from pathlib import Path
from statistics import NormalDist
from typing import Final, NamedTuple

from camsim.device import Device
from camsim.fleet import Fleet, PlayedCamera, read_fleet

INTERVAL_S: Final = 10.0
DOWN_AFTER: Final = 4.5
WINDOW: Final = 100  # heartbeats that the two adaptive detectors remember
SIGMA_MIN: Final = 0.01  # intervals; without jitter, a microsecond of lateness would count as a death
_KEPT: Final = 20_000  # of the largest overruns; mistakes beyond so many are too many anyway

Delay = Callable[[random.Random], float]


class Network(NamedTuple):
    """The network of a camera. Times in seconds; `bad_s` and `good_s` are means, 0: never bad."""

    name: str
    jitter: float  # of the interval, either way
    loss: float
    delay: Delay
    good_s: float = 0.0
    bad_s: float = 0.0
    bad_loss: float = 0.9


def _quick(chance: random.Random) -> float:
    return 0.01 + chance.expovariate(1 / 0.03)


def _slow(chance: random.Random) -> float:
    return chance.lognormvariate(-0.5, 1.2)  # median 0.6 s, one in a hundred 10 s


NETWORKS: Final = (
    Network("a good cable", 0.05, 0.0, _quick),
    Network("1 % loss, jitter of 20 %", 0.2, 0.01, _quick),
    Network("5 % loss, jitter of 20 %", 0.2, 0.05, _quick),
    Network("20 % loss", 0.05, 0.2, _quick),
    Network("a radio link: 20 s bad an hour", 0.05, 0.005, _quick, 3600.0, 20.0),
    Network("slow: one in a hundred 10 s late", 0.05, 0.005, _slow),
)


def arrivals(device: Device, network: Network, heartbeats: int, seed: int) -> Iterator[tuple[int, float]]:
    """Yield (seq, second of arrival) of the heartbeats that come, in order of `seq`; late ones left out."""
    chance = random.Random(f"{seed}/{network.name}/{device.camera.id}")
    bad_until, good_until = 0.0, chance.expovariate(1 / network.good_s) if network.good_s else math.inf
    last = -math.inf
    for seq in range(heartbeats):
        sent = device.due_s(0, seq, network.jitter)
        while sent > good_until:
            bad_until = good_until + chance.expovariate(1 / network.bad_s)
            good_until = bad_until + chance.expovariate(1 / network.good_s)
        loss = network.bad_loss if sent < bad_until else network.loss
        lost, at = chance.random() < loss, sent + network.delay(chance)
        if not lost and at > last:  # an overtaken one adds nothing
            last = at
            yield seq, at


@dataclass(slots=True)
class Score:
    """One detector on one network, in intervals: how late each threshold is, and what it would mistake.

    A camera that falls silent after heartbeat i goes down `base[i] + threshold * scale[i]` after it. One
    that does not goes down wrongly if the next heartbeat comes later, its overrun above the threshold.
    """

    base: array[float] = field(default_factory=lambda: array("f"))
    scale: array[float] = field(default_factory=lambda: array("f"))
    overruns: array[float] = field(default_factory=lambda: array("f"))

    def add(self, base: float, scale: float, gap: float) -> None:
        """Take one heartbeat, and how long the next let us wait."""
        self.base.append(base)
        self.scale.append(scale)
        self.overruns.append((gap - base) / scale)

    def mistakes(self, threshold: float) -> int:
        """Count the live cameras that the threshold would have declared down."""
        return sum(overrun > threshold for overrun in self.overruns)

    def threshold(self, mistakes: int) -> float:
        """Return the lowest threshold that makes at most so many mistakes."""
        return nlargest(min(mistakes, _KEPT) + 1, self.overruns)[-1]

    def detection(self, threshold: float) -> tuple[float, float]:
        """Return mean and 99th percentile of the silence after which a dead camera is declared down."""
        waits = sorted(base + threshold * scale for base, scale in zip(self.base, self.scale, strict=True))
        return sum(waits) / len(waits), waits[len(waits) * 99 // 100]


def judge(network: Network, fleet: Fleet, heartbeats: int, seed: int) -> dict[str, Score]:
    """Let every detector look at every camera's arrivals."""
    scores = {"fixed silence": Score(), "estimated arrival": Score(), "phi accrual": Score()}
    for camera in fleet.cameras:
        _judge_one(camera, network, heartbeats, seed, scores)
    return scores


def _judge_one(
    camera: PlayedCamera, network: Network, heartbeats: int, seed: int, scores: dict[str, Score]
) -> None:
    fixed, chen, phi = scores.values()
    shifts: deque[float] = deque(maxlen=WINDOW)  # of each arrival against its place in the sequence
    gaps: deque[float] = deque(maxlen=WINDOW)
    shifted = total = squares = 0.0
    before: tuple[int, float] | None = None
    device = Device(camera, seed, INTERVAL_S)
    for seq, at_s in arrivals(device, network, heartbeats, seed):
        at = at_s / INTERVAL_S
        if before is not None:
            last_seq, last_at = before
            gap = at - last_at
            if len(gaps) == WINDOW:  # all begin to judge when they have learnt enough
                mean = total / WINDOW
                sigma = max(math.sqrt(max(squares / WINDOW - mean * mean, 0.0)), SIGMA_MIN)
                fixed.add(0.0, 1.0, gap)
                chen.add(shifted / WINDOW + last_seq + 1 - last_at, 1.0, gap)
                phi.add(mean, sigma, gap)
                total, squares = total - gaps[0], squares - gaps[0] * gaps[0]
            gaps.append(gap)
            total, squares = total + gap, squares + gap * gap
        if len(shifts) == WINDOW:
            shifted -= shifts[0]
        shifts.append(at - seq)
        shifted += at - seq
        before = seq, at


def rows(network: Network, scores: dict[str, Score]) -> Iterator[tuple[str, ...]]:
    """Yield the lines of one network: camwatch as it ships, then each detector at as few mistakes."""
    ours = scores["fixed silence"]
    mistakes = ours.mistakes(DOWN_AFTER)
    mean, p99 = ours.detection(DOWN_AFTER)
    yield network.name, "camwatch as it ships", "4.5 intervals", str(mistakes), f"{mean:.2f}", f"{p99:.2f}"
    for name, score in scores.items():
        threshold = score.threshold(mistakes)
        mean, p99 = score.detection(threshold)
        yield (
            "",
            name,
            _setting(name, threshold),
            str(score.mistakes(threshold)),
            f"{mean:.2f}",
            f"{p99:.2f}",
        )


def _setting(name: str, threshold: float) -> str:
    if name != "phi accrual":
        return f"{'' if name == 'fixed silence' else '+ '}{threshold:.2f} intervals"
    later = NormalDist().cdf(-threshold)
    return f"phi {-math.log10(later):.1f}" if later else f"{threshold:.0f} sigma"


def main() -> int:
    """Print the comparison as a table for docs/explanation/accuracy.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detectors")
    parser.add_argument("--fleet", default="config/fleet", help="the inventory (config/fleet)")
    parser.add_argument(
        "--hours", type=float, default=24.0, help="of each camera's life, of each network (24)"
    )
    parser.add_argument("--seed", type=int, default=1)
    said = parser.parse_args()
    fleet = read_fleet(Path(said.fleet))
    heartbeats = round(said.hours * 3600 / INTERVAL_S)
    print("| network | detector | threshold | mistakes | detection, mean | p99 |")
    print("|---|---|---|---|---|---|")
    count = 0
    for network in NETWORKS:
        scores = judge(network, fleet, heartbeats, said.seed)
        count = len(scores["fixed silence"].overruns)
        for row in rows(network, scores):
            print(f"| {' | '.join(row)} |", flush=True)
    print(
        f"\n{len(fleet.cameras)} cameras, {said.hours:g} hours each; of the last network {count:,} heartbeats"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
