"""The API at ten thousand cameras: a page of the list, and what five hundred open event streams cost."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.environment import Environment, Running
from benchmarks.errors import BenchmarkError
from benchmarks.fleet import camera_id, heartbeat_topic, write_fleet
from benchmarks.load_generator import connect, publish
from benchmarks.loop_latency import api_latency
from benchmarks.peers import Camwatch
from benchmarks.process import get
from benchmarks.report import Figure, Row, beside, within

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

CAMERAS = 10_000
STREAMS = 500
_SPARE = 60  # cameras that stay silent, until each makes one transition
_APART_S = 0.4  # so that a transition has reached all streams before the next
_PAYLOAD = (
    b'{"fps":25.0,"recording":true,"storage_used_ratio":0.50,"temperature_celsius":30.5,"firmware":"4.2.1"}'
)
LISTS = ("/api/v1/cameras?limit=100", "/api/v1/cameras?limit=500&sort=name&q=camera")
HELD = (*LISTS, "/api/v1/fleet", "/api/v1/operators", "/api/v1/sites?limit=500")
_NOTES = f"""

Window: the API of a daemon with {CAMERAS:,} cameras, asked over HTTP one request after the other; nine
of ten are quicker. Its loop is held as it is by a scrape.

Listeners: {STREAMS} event streams in one process beside the daemon. A camera that was silent sends its first
heartbeat; the figure is the time from then until the last stream has the transition, at worst. Ingest: the
CPU of a heartbeat in a flood with {STREAMS} streams open, beside the same without; medians of interleaved
rounds. A transition costs: the CPU of the daemon to bring one to all of them.
"""
_REMEDY_LIST = "To reach it: keep the order of the cameras, and change it by events."
_REMEDY_EVENTS = "To reach it: a faster HTTP protocol (httptools), or fewer streams a process."


class _Roomy(Camwatch):
    """camwatch with some cameras more than the flood knows of."""

    def write_config(self) -> Path:
        file = super().write_config()
        write_fleet(self.place.folder / "fleet", self.place.cameras + _SPARE)
        return file


@dataclass
class HttpLoadBench:
    """Measures, and collects the rows."""

    folder: Path
    progress: Callable[[str], None]
    quick: bool
    rows: list[Row] = field(default_factory=list)
    notes: str = _NOTES

    def run(self) -> None:
        """Measure all."""
        self.progress(f"{CAMERAS} cameras: the API, and {STREAMS} listeners")
        with Environment(CAMERAS, self.folder / "listeners", (_Roomy,)) as stage:
            running = stage.running[_Roomy]
            running.take(CAMERAS)
            self._lists(running)
            self._listeners(running)
        self._hold()

    def _lists(self, running: Running) -> None:
        for path, what in zip(LISTS, ("list page, 100 of 10000", "… 500, searched, sorted"), strict=True):
            spent = [_asked(running, path) for _ in range(10 if self.quick else 30)]
            beside, p90 = (
                f"median {1000 * statistics.median(spent):.3g} ms",
                statistics.quantiles(spent, n=10)[-1],
            )
            self.rows.append(within(what, Figure(1000 * p90, "ms"), 100.0, _REMEDY_LIST, beside))
            self.progress(f"{path}: {beside}, p90 {1000 * p90:.3g} ms, at worst {1000 * max(spent):.3g} ms")

    def _listeners(self, running: Running) -> None:
        messages, rounds = (40_000, 1) if self.quick else (200_000, 3)
        alone: list[float] = []
        listened: list[float] = []
        delays: list[float] = []
        spent: list[float] = []
        each = _SPARE // rounds
        for number in range(rounds):
            alone.append(running.take(messages).us_per_message)
            with _listening(running.peer.port) as crowd:
                listened.append(running.take(messages).us_per_message)
                self.progress(f"a heartbeat {alone[-1]:.3g} µs, with listeners {listened[-1]:.3g} µs")
                first = CAMERAS + number * each
                before = running.process.settled_cpu_s()
                delays += _delays(running, crowd, range(first, first + each))
                spent.append((running.process.settled_cpu_s() - before) / each)
        slowest, usual = 1000 * max(delays), 1000 * statistics.median(delays)
        self.progress(f"a transition reaches all in {usual:.3g} ms, at worst {slowest:.3g} ms")
        ours = Figure(statistics.median(listened), "µs")
        none = Figure(statistics.median(alone), "µs", "without")
        self.rows += [
            within(
                f"to all {STREAMS} streams",
                Figure(slowest, "ms"),
                250.0,
                _REMEDY_EVENTS,
                f"median {usual:.3g} ms",
            ),
            beside("heartbeat, streams open", ours, none, 1.1, _REMEDY_EVENTS),
            Row("a transition costs", str(Figure(1000 * statistics.median(spent), "ms"))),
        ]

    def _hold(self) -> None:
        found = api_latency(CAMERAS, self.folder / "hold", HELD, 3 if self.quick else 8)
        for path, hold in found.items():
            self.progress(
                f"{path} holds the loop {1000 * hold.scraped_s:.3g} ms (idle {1000 * hold.idle_s:.3g})"
            )
        worst = max(found.values(), key=lambda hold: hold.scraped_s)
        late, idle = 1000 * worst.scraped_s, 1000 * worst.idle_s
        beside = f"late {late:.3g}, idle {idle:.3g} ms"
        ours = Figure(max(0.0, late - idle), "ms")
        self.rows.append(within("loop held by the API", ours, 20.0, _REMEDY_LIST, beside))


def _asked(running: Running, path: str) -> float:
    began = time.perf_counter()
    status, body = get(running.peer.port, path)
    spent = time.perf_counter() - began
    if status != 200:
        raise BenchmarkError(f"{path} answers {status} {body[:200]!r}")
    return spent


@contextmanager
def _listening(port: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "benchmarks.sse_clients", f"--port={port}", f"--streams={STREAMS}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as crowd:
        try:
            if _line(crowd) != "ready":
                raise BenchmarkError("the listeners do not begin")
            yield crowd
        finally:
            crowd.kill()


def _delays(running: Running, crowd: subprocess.Popen[str], cameras: range) -> Iterator[float]:
    with connect(running.peer.place.broker_port) as broker:
        for number in cameras:
            yield _delay(broker, crowd, number)
            time.sleep(_APART_S)


def _delay(broker: socket.socket, crowd: subprocess.Popen[str], number: int) -> float:
    """Let a silent camera send a heartbeat; return the seconds until every listener knows."""
    began = time.monotonic()
    broker.sendall(publish(heartbeat_topic(number).encode(), _PAYLOAD))
    camera, at = _line(crowd).split()
    if camera != camera_id(number):
        raise BenchmarkError(f"the listeners heard of {camera} instead of {camera_id(number)}")
    return float(at) - began


def _line(crowd: subprocess.Popen[str]) -> str:
    line = crowd.stdout.readline() if crowd.stdout is not None else ""
    if not line:
        raise BenchmarkError("the listeners ended")
    return line.strip()
