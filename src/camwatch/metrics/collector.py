"""The whole exposition: all families, and those of the process from `prometheus_client`."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Generator, Iterable
from typing import Any

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client import exposition as text
from prometheus_client.openmetrics import exposition as openmetrics_text

from camwatch.core.events import Event, Transition
from camwatch.fleet.inventory import Inventory
from camwatch.history.recorder import HistoryStatus
from camwatch.logs import LogWriter
from camwatch.metrics.camera_renderer import (
    CAMERA_FAMILIES,
    CAMERA_REJECTED,
    CameraLabels,
    render_cameras,
    render_rejections,
)
from camwatch.metrics.daemon_families import DAEMON_FAMILIES, Scrape, WebCounts
from camwatch.metrics.families import Family, Histogram
from camwatch.monitoring.service import MonitorService

DELAY_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
FAMILIES: tuple[Family[Any], ...] = (*CAMERA_FAMILIES, CAMERA_REJECTED, *DAEMON_FAMILIES)


class MetricsEndpoint:
    """Renders everything that Prometheus reads, and counts detection delays.

    `history` and `web` return the present status of the recorder and the counts of the web; `log` is the log
    writer of the process, if it has one.
    """

    def __init__(
        self,
        monitor: MonitorService,
        history: Callable[[], HistoryStatus],
        web: Callable[[], WebCounts] = WebCounts,
        log: LogWriter | None = None,
    ) -> None:
        self._monitor = monitor
        self._history = history
        self._web = web
        self._log = log
        self._delays = [0] * (len(DELAY_BOUNDS_S) + 1)
        self._delayed_s = 0.0
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)
        PlatformCollector(registry=self._process)
        self._inventory: Inventory | None = None
        self._rows: list[CameraLabels] = []

    def observe(self, events: Iterable[Event]) -> None:
        """Add transitions to the histogram of detection delays."""
        for event in events:
            if isinstance(event, Transition) and event.deadline is not None:
                delay = max(0.0, event.detected_at.mono - event.deadline)
                self._delays[bisect_left(DELAY_BOUNDS_S, delay)] += 1
                self._delayed_s += delay

    def render(self, openmetrics: bool = False) -> Generator[str]:
        """Yield the exposition, format 0.0.4 or OpenMetrics 1.0, in pieces of a few milliseconds' work."""
        monitor = self._monitor
        if monitor.inventory is not self._inventory:
            before = {row.camera.camera.id: row for row in self._rows}
            self._rows = [
                CameraLabels(camera, before.get(camera.camera.id)) for camera in monitor.cameras.values()
            ]
            self._inventory = monitor.inventory
        yield from render_cameras(self._rows, monitor.clock, openmetrics=openmetrics)
        yield from render_rejections(monitor.rejections.refused, monitor.cameras, openmetrics=openmetrics)
        scrape = Scrape(
            monitor,
            self._history(),
            self._web(),
            0 if self._log is None else self._log.dropped,
            Histogram(DELAY_BOUNDS_S, self._delays, self._delayed_s),
        )
        for family in DAEMON_FAMILIES:
            if (samples := family.values(scrape)) is not None:
                yield family.text(samples, openmetrics=openmetrics)
        generate = openmetrics_text.generate_latest if openmetrics else text.generate_latest
        yield generate(self._process).decode()
