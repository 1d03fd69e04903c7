"""What a scrape costs: the daemon's CPU per sample, beside its peers and the library that it does without."""

from __future__ import annotations

import gc
import gzip
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from benchmarks.errors import BenchmarkError
from benchmarks.process import get

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from benchmarks.environment import Running

PLAIN = {"Accept": "text/plain;version=0.0.4", "Accept-Encoding": "identity"}
AS_PROMETHEUS = {
    "Accept": "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "Accept-Encoding": "gzip",
}
"""What a Prometheus 2 server sends."""


@dataclass(frozen=True, slots=True)
class ScrapeCost:
    """The mean over several scrapes: CPU of the process that was scraped, and what the client saw."""

    samples: int
    us_per_sample: float
    seconds: float  # of one scrape, for the client
    megabytes: float  # of one answer, as sent


def scrape_cost(running: Running, scrapes: int, headers: Mapping[str, str]) -> ScrapeCost:
    """Scrape a peer so many times; the CPU that it uses when idle is measured first and taken off."""
    _scrape(running, headers)
    running.process.settled_cpu_s()
    idle = _idle_share(running)
    cpu, began = running.process.cpu_s(), time.perf_counter()
    bodies = [_scrape(running, headers) for _ in range(scrapes)]
    elapsed = time.perf_counter() - began
    used = running.process.settled_cpu_s() - cpu - idle * (time.perf_counter() - began)
    text = bodies[-1]
    samples = count_samples(gzip.decompress(text) if text[:2] == b"\x1f\x8b" else text)
    return ScrapeCost(samples, used / scrapes / samples * 1e6, elapsed / scrapes, len(text) / 1e6)


def library_cost(text: str, repeats: int) -> ScrapeCost:
    """Render the samples of `text` with `prometheus_client.generate_latest`; the CPU is this process's."""
    families = list(text_string_to_metric_families(text))
    registry = CollectorRegistry()
    registry.register(_Held(families))
    gc.collect()
    gc.freeze()  # in the library's favour: its garbage is collected without walking all samples again
    costs, rendered = [], b""
    try:
        for _ in range(repeats):
            start = time.process_time()
            rendered = generate_latest(registry)
            costs.append(time.process_time() - start)
    finally:
        gc.unfreeze()
    samples = count_samples(rendered)
    if samples != count_samples(text.encode()):
        raise BenchmarkError("prometheus_client does not render as many samples as it was given")
    cost = statistics.median(costs)
    return ScrapeCost(samples, cost / samples * 1e6, cost, len(rendered) / 1e6)


def count_samples(text: bytes) -> int:
    """Return how many samples a plain exposition holds: its lines that are no comments."""
    return sum(1 for line in text.splitlines() if line and not line.startswith(b"#"))


class _Held(Collector):
    """Yields families that are already there, so that rendering alone is timed."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _scrape(running: Running, headers: Mapping[str, str]) -> bytes:
    status, body = get(running.peer.port, "/metrics", headers)
    if status != 200:
        raise BenchmarkError(f"{running.peer.name}: /metrics answers {status} {body[:200]!r}")
    return body


def _idle_share(running: Running) -> float:
    cpu, began = running.process.cpu_s(), time.perf_counter()
    time.sleep(1.0)
    return (running.process.cpu_s() - cpu) / (time.perf_counter() - began)
