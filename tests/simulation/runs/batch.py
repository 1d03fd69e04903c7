"""Runs many seeds on all cores, and reports progress and failures."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import TextIO

from camwatch.logs import configure
from tests.simulation.plans.codec import DAY, format_value
from tests.simulation.plans.generator import draw
from tests.simulation.plans.plan import PARIS, Plan
from tests.simulation.runs.play import Outcome, empty_store, play, store_folder
from tests.simulation.runs.shrink import shrink

SHRINKS = 3
"""How many failures are shrunk; of the others only the seed is reported."""
_PROGRESS_EVERY_S = 10.0
_YEAR = 365.25 * DAY


@dataclass
class Totals:
    """Sums over all seeds."""

    seeds: int = 0
    simulated: int = 0  # milliseconds
    counts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    failed: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Add one seed."""
        self.seeds += 1
        self.simulated += outcome.simulated
        self.counts.update(outcome.counts)
        self.faults.update(outcome.faults)
        if outcome.problem:
            self.failed.append(outcome)

    def lines(self, seconds: float) -> list[str]:
        """Return the summary."""
        counts = ", ".join(f"{count:,} {name}" for name, count in self.counts.items())
        faults = ", ".join(f"{name} {count:,}" for name, count in self.faults.most_common())
        years = self.simulated / _YEAR
        speed = self.simulated / 1000 / seconds if seconds else 0.0
        return [
            f"{self.seeds:,} seeds, {years:,.1f} simulated years in {seconds:,.0f} s ({speed:,.0f} to one)",
            counts,
            f"faults: {faults}",
        ]


class Progress:
    """Reports progress: on one line of a terminal, otherwise a line every ten seconds."""

    def __init__(self, stream: TextIO, seeds: int | None) -> None:
        self._stream = stream
        self._of = "" if seeds is None else f" of {seeds:,}"
        self._next = time.monotonic() + _PROGRESS_EVERY_S
        self._began = time.monotonic()
        self._begin, self._end = ("\r", "") if stream.isatty() else ("", "\n")

    def update(self, total: Totals, outcome: Outcome) -> None:
        """Write a failure at once, and progress if some time has passed."""
        if outcome.problem:
            self._stream.write(f"{self._begin}seed {outcome.seed} fails\n")
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + (0.5 if self._begin else _PROGRESS_EVERY_S)
        failed = f", {len(total.failed)} FAILED" if total.failed else ""
        seconds = now - self._began
        line = (
            f"{total.seeds:,}{self._of} seeds, {total.simulated / _YEAR:,.1f} years, {seconds:,.0f} s{failed}"
        )
        self._stream.write(f"{self._begin}{line}{self._end}")
        self._stream.flush()


def run(
    seeds: Iterator[int], jobs: int, seconds: float | None, reporter: Progress, *, first_failure: bool = False
) -> tuple[Totals, float]:
    """Run seeds until none is left, or `seconds` are over; return the sums and the seconds taken."""
    silence_logs()
    began, total = time.monotonic(), Totals()

    def more() -> Iterator[int]:
        while seconds is None or time.monotonic() - began < seconds:
            seed = next(seeds, None)
            if seed is None or (first_failure and total.failed):
                return
            yield seed

    with tempfile.TemporaryDirectory(prefix="camwatch-simulation-", dir=store_folder()) as folder:
        template = empty_store(Path(folder))
        for outcome in _outcomes(more(), jobs, template):
            total.add(outcome)
            reporter.update(total, outcome)
    return total, time.monotonic() - began


def _outcomes(seeds: Iterator[int], jobs: int, template: Path) -> Iterator[Outcome]:
    if jobs == 1:
        silence_logs()
        yield from (play(draw(seed), template) for seed in seeds)
        return
    with ProcessPoolExecutor(jobs, get_context("spawn"), initializer=silence_logs) as pool:
        running: set[Future[Outcome]] = set()
        for seed in seeds:
            running.add(pool.submit(_play_seed, seed, template))
            if len(running) >= 2 * jobs:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (each.result() for each in done)
        done, _ = wait(running)
        yield from (each.result() for each in done)


def _play_seed(seed: int, template: Path) -> Outcome:
    return play(draw(seed), template)


def silence_logs() -> None:
    """Discard what the daemon logs."""
    configure("json", "critical", PARIS, Path(os.devnull).open("w"))  # noqa: SIM115 - as long as we live


def explain(plan: Plan, command: str) -> list[str]:
    """Return the problem of a failing plan, its fewest faults, and the command that replays it."""
    with tempfile.TemporaryDirectory(prefix="camwatch-simulation-", dir=store_folder()) as folder:
        template = empty_store(Path(folder))

        def fails(faults: tuple[int, ...], cameras: tuple[str, ...]) -> bool:
            return bool(play(plan.subset(faults, cameras), template).problem)

        cameras = tuple(spec.id for spec in plan.cameras)
        shrunk = shrink(range(len(plan.faults)), cameras, fails)
        least = plan.subset(shrunk.faults, shrunk.cameras)
        outcome = play(least, template)
    kept = ",".join(map(str, shrunk.faults)) or "none"
    text = [f"seed {plan.seed} fails: {outcome.problem}"]
    text += [f"  {line}" for line in (*least.describe()[: 1 + len(least.links) + len(least.cameras)],)]
    text += [f"  {number:3} {format_value(plan.faults[number])}" for number in shrunk.faults]
    return [*text, f"replay: {command} SEED={plan.seed} KEEP={kept} CAMERAS={','.join(shrunk.cameras)}"]


def cores() -> int:
    """Return the number of usable cores."""
    return len(os.sched_getaffinity(0))


def print_lines(*lines: str) -> None:
    """Write lines to standard output."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()
