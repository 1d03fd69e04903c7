"""What the memory costs while nothing happens: heartbeats come in, and checkpoints are stored."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.environment import Environment, Running
from benchmarks.with_history import WithHistory, with_history

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

INTERVAL_S = 10.0
_MARGIN_S = 0.5  # at both ends of the pass, not measured


@dataclass(frozen=True, slots=True)
class IdleCost:
    """CPU seconds a second with a memory and without; rows and kilobytes a second that were stored."""

    cameras: int
    cpu_with: float
    cpu_without: float
    rows: float
    kilobytes: float

    @property
    def history(self) -> float:
        """CPU seconds a second of remembering alone."""
        return self.cpu_with - self.cpu_without


@dataclass(frozen=True, slots=True)
class _Used:
    cpu: float
    rows: float
    kilobytes: float


def idle_cost(sizes: Sequence[int], folder: Path) -> list[IdleCost]:
    """Let fleets of these sizes send a heartbeat each interval, evenly, to both daemons at a time."""
    kinds = {memory: with_history(INTERVAL_S, memory=memory) for memory in (True, False)}
    with ExitStack() as stack, ThreadPoolExecutor(2 * len(sizes)) as threads:
        stages = [
            stack.enter_context(Environment(cameras, folder / str(cameras), tuple(kinds.values())))
            for cameras in sizes
        ]
        work = [
            [threads.submit(_use, stage.running[kinds[memory]]) for memory in (True, False)]
            for stage in stages
        ]
        found = []
        for stage, jobs in zip(stages, work, strict=True):
            ours, bare = (job.result() for job in jobs)
            found.append(IdleCost(stage.cameras, ours.cpu, bare.cpu, ours.rows, ours.kilobytes))
        return found


def _use(running: Running) -> _Used:
    peer, process = running.peer, running.process
    if not isinstance(peer, WithHistory):
        raise TypeError(peer)
    with ThreadPoolExecutor(1) as flooding:
        flood = flooding.submit(running.beat_evenly, INTERVAL_S)
        time.sleep(2 * _MARGIN_S)  # the publisher is a process that has to start
        began, cpu, written = time.monotonic(), process.cpu_s(), process.written_bytes()
        time.sleep(INTERVAL_S - 2 * _MARGIN_S)
        ended, cpu, written = time.monotonic(), process.cpu_s() - cpu, process.written_bytes() - written
        flood.result()
    lasted = ended - began
    rows = sum(batch.events + batch.memories for batch in peer.stored() if began < batch.at <= ended)
    return _Used(cpu / lasted, rows / lasted, written / 1000 / lasted)
