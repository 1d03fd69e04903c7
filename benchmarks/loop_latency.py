"""How long a request keeps the daemon's event loop from everything else, heartbeats included."""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.environment import Environment
from benchmarks.peers import Camwatch, Peer
from benchmarks.process import get
from benchmarks.scrape import AS_PROMETHEUS, PLAIN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_AFTERMATH_S = 0.05  # a tick that the scrape delayed may be reported just after its answer


class _Ticking(Camwatch):
    """camwatch with a ticker in its loop."""

    def command(self) -> list[str]:
        ticks = str(_record(self))
        return [sys.executable, "-m", "benchmarks.loop_ticker", ticks, str(self.write_config())]


@dataclass(frozen=True, slots=True)
class LoopLatency:
    """The longest lateness of a tick, in seconds: one value per scrape, and per idle span as long."""

    scraped: tuple[float, ...]
    idle: tuple[float, ...]

    @property
    def scraped_s(self) -> float:
        """The median over the scrapes."""
        return statistics.median(self.scraped)

    @property
    def idle_s(self) -> float:
        """The median over the idle spans: what the machine and the ticker itself are late by."""
        return statistics.median(self.idle)


def loop_latency(cameras: int, folder: Path, scrapes: int) -> dict[str, LoopLatency]:
    """Scrape a daemon with so many cameras, plainly and as Prometheus does, and read its late ticks."""
    with Environment(cameras, folder, (_Ticking,)) as stage:
        running = stage.running[_Ticking]
        peer = running.peer
        running.take(cameras)  # all telemetry is there
        return {
            name: _hold(peer, scrapes, headers)
            for name, headers in (("plain", PLAIN), ("as Prometheus asks", AS_PROMETHEUS))
        }


def api_latency(cameras: int, folder: Path, paths: Sequence[str], times: int) -> dict[str, LoopLatency]:
    """Ask a daemon with so many cameras for each of these paths, and read its late ticks."""
    with Environment(cameras, folder, (_Ticking,)) as stage:
        running = stage.running[_Ticking]
        running.take(cameras)
        return {path: _hold(running.peer, times, {}, path) for path in paths}


def _hold(peer: Peer, scrapes: int, headers: Mapping[str, str], path: str = "/metrics") -> LoopLatency:
    scraped, idle = [], []
    for _ in range(scrapes):
        began = time.monotonic()
        get(peer.port, path, headers)
        time.sleep(_AFTERMATH_S)
        ended = time.monotonic()
        time.sleep(ended - began)
        late = late_ticks(_record(peer))
        scraped.append(longest(late, began, ended))
        idle.append(longest(late, ended, time.monotonic()))
    return LoopLatency(tuple(scraped), tuple(idle))


def _record(peer: Peer) -> Path:
    return peer.place.folder / "ticks"


def late_ticks(record: Path) -> list[tuple[float, float]]:
    """Return the ticks that were late so far: monotonic seconds, and by how many seconds."""
    lines = record.read_text().splitlines(keepends=True)
    return [(float(at), float(late)) for at, late in (line.split() for line in lines if line.endswith("\n"))]


def longest(late: list[tuple[float, float]], began: float, ended: float) -> float:
    """Return by how much a tick was late at most between two instants."""
    return max((lateness for at, lateness in late if began <= at <= ended), default=0.0)
