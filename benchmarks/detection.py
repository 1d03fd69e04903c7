"""How soon 10,000 cameras are seen to be down when they all fall silent at once.

The daemon measures this itself: `camwatch_detection_delay_seconds` is the time from a camera's deadline to
the instant at which the transition was noticed. A histogram bounds a quantile from above by a bucket.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.environment import Environment
from benchmarks.errors import BenchmarkError
from benchmarks.peers import Camwatch

if TYPE_CHECKING:
    from pathlib import Path


_INTERVAL_S = 2.0
_PASSES = 2
_SILENCE_S = 4.5 * _INTERVAL_S + 1.0  # no scrape before the deadlines: it would hold up what is measured
_PATIENCE_S = 60.0
_ALL = float("inf")
_BUCKET = re.compile(r'^camwatch_detection_delay_seconds_bucket\{le="([^"]+)"\} (\S+)$', re.MULTILINE)


class _ShortIntervals(Camwatch):
    interval_s = _INTERVAL_S


@dataclass(frozen=True, slots=True)
class Detection:
    """Upper bounds, in seconds, of the delay from deadline to transition, over `deaths` cameras."""

    deaths: int
    p50_s: float
    p99_s: float
    all_s: float


def detection_delays(cameras: int, folder: Path, times: int) -> list[Detection]:
    """Several times, let all cameras beat for some intervals, fall silent together, and go down."""
    with Environment(cameras, folder, (_ShortIntervals,)) as stage:
        return [_all_die(stage) for _ in range(times)]


def _all_die(stage: Environment) -> Detection:
    running = stage.running[_ShortIntervals]
    before = _buckets(running.metrics())
    stage.beat(running, _PASSES, _INTERVAL_S)
    with running.process.frozen():  # the last heartbeats wait in its socket, to arrive as one
        stage.beat(running, 1, 0.0)
    time.sleep(_SILENCE_S)
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        running.process.settled_cpu_s()
        counts = _since(before, _buckets(running.metrics()))
        deaths = round(counts[_ALL])
        if deaths >= stage.cameras:
            return Detection(deaths, *(_bound(counts, part) for part in (0.5, 0.99, 1.0)))
        if time.monotonic() > deadline:
            raise BenchmarkError(f"only {deaths} of {stage.cameras} cameras were seen to die")


def _buckets(metrics: str) -> dict[float, float]:
    return {float(bound): float(count) for bound, count in _BUCKET.findall(metrics)}


def _since(before: dict[float, float], after: dict[float, float]) -> dict[float, float]:
    counts = {bound: count - before.get(bound, 0.0) for bound, count in after.items()}
    if _ALL not in counts:
        raise BenchmarkError("camwatch shows no camwatch_detection_delay_seconds")
    return counts


def _bound(cumulative: dict[float, float], part: float) -> float:
    wanted = part * cumulative[_ALL]
    return min(bound for bound, count in cumulative.items() if count >= wanted)
