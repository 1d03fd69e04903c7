"""The daemon on itself, operators and incidents, through `prometheus_client`; and the whole exposition."""

from __future__ import annotations

import platform
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from types import MappingProxyType
from typing import NamedTuple

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client import exposition as text
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.openmetrics import exposition as openmetrics_text
from prometheus_client.registry import Collector

from camwatch import __version__
from camwatch.core.events import Event, Transition
from camwatch.core.model import IncidentKind, Status
from camwatch.core.state import GAP_BOUNDS_S, GapHistogram
from camwatch.fleet.inventory import Inventory
from camwatch.history.recorder import HistoryStatus
from camwatch.logs import LogWriter
from camwatch.metrics import families
from camwatch.metrics.camera_renderer import (
    CameraLabels,
    render_bool_family,
    render_cameras,
    render_rejections,
    render_sites,
)
from camwatch.metrics.families import Family
from camwatch.monitoring.service import MonitorService
from camwatch.rejections import SOURCE

REQUEST_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
DELAY_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class WebCounts(NamedTuple):
    """What the web counts.

    `auth_reload_errors`: changed files of accounts, tokens or certificates that were not taken. `denials`:
    denied requests by reason. `responses`: by status code. `durations`: requests for each of
    `REQUEST_BOUNDS_S`, and those that took longer; `durations_s`: the time that all took together.
    """

    auth_reload_errors: int = 0
    logins: int = 0
    denials: Mapping[str, int] = MappingProxyType({})
    responses: Mapping[str, int] = MappingProxyType({"200": 0})
    durations: Sequence[int] = (0,) * (len(REQUEST_BOUNDS_S) + 1)
    durations_s: float = 0.0


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
        self._delays = [0] * (len(DELAY_BOUNDS_S) + 1)  # by bucket; the last is +Inf
        self._delayed_s = 0.0
        self._registry = CollectorRegistry()
        self._registry.register(DaemonCollector(monitor, history, web, log, self._delay_histogram))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._inventory: Inventory | None = None
        self._rows: list[CameraLabels] = []

    def observe(self, events: Iterable[Event]) -> None:
        """Take note of transitions for the histogram of detection delays."""
        for event in events:
            if isinstance(event, Transition) and event.deadline is not None:
                delay = max(0.0, event.detected_at.mono - event.deadline)
                self._delays[bisect_left(DELAY_BOUNDS_S, delay)] += 1
                self._delayed_s += delay

    def render(self, openmetrics: bool = False) -> Generator[str]:
        """Yield the exposition in pieces of a millisecond's work each, in format 0.0.4 or OpenMetrics 1.0."""
        monitor = self._monitor
        if monitor.inventory is not self._inventory:
            before = {row.camera.camera.id: row for row in self._rows}
            self._rows = [
                CameraLabels(camera, before.get(camera.camera.id)) for camera in monitor.cameras.values()
            ]
            self._inventory = monitor.inventory
        yield from render_cameras(self._rows, monitor.clock, openmetrics=openmetrics)
        yield from render_rejections(monitor.rejections.refused, monitor.cameras, openmetrics=openmetrics)
        yield render_sites(monitor.inventory.sites.values(), openmetrics=openmetrics)
        for metric, kind, ids in (
            (families.SITE_INCIDENT, IncidentKind.SITE, monitor.inventory.sites),
            (families.OPERATOR_INCIDENT, IncidentKind.OPERATOR, monitor.inventory.operators),
            (families.LINK_INCIDENT, IncidentKind.LINK, monitor.link_reports),
        ):
            yield render_bool_family(metric, self._open(kind, ids), openmetrics=openmetrics)
        generate = openmetrics_text.generate_latest if openmetrics else text.generate_latest
        yield generate(self._registry).decode()

    def _delay_histogram(self) -> Metric:
        family = _histogram(families.DETECTION_DELAY)
        _add_histogram(family, [], DELAY_BOUNDS_S, self._delays, self._delayed_s)
        return family

    def _open(self, kind: IncidentKind, ids: Iterable[str]) -> Iterator[tuple[str, bool]]:
        incidents = self._monitor.fleet.incidents
        for key in ids:
            group = incidents.get((kind, key))
            yield key, group is not None and group.since is not None


class DaemonCollector(Collector):
    """Reads operators' and the daemon's own figures at each scrape."""

    def __init__(
        self,
        monitor: MonitorService,
        history: Callable[[], HistoryStatus],
        web: Callable[[], WebCounts],
        log: LogWriter | None,
        delays: Callable[[], Metric],
    ) -> None:
        self._monitor = monitor
        self._history = history
        self._web = web
        self._log = log
        self._delays = delays

    def collect(self) -> Iterator[Metric]:
        """Yield every family of the daemon on itself."""
        yield from self._operators()
        yield from self._ratios()
        yield self._gaps()
        yield from self._links()
        monitor = self._monitor
        watch = monitor.fleet
        info = _gauge(families.BUILD_INFO)
        info.add_metric([__version__, platform.python_version()], 1)
        yield info
        yield _scalar(families.READY, not monitor.not_ready_reasons)
        yield _scalar(families.BLIND, watch.blind)
        rejected = _counter(families.MESSAGES_REJECTED)
        for reason, count in monitor.rejections.counts.items():
            rejected.add_metric([reason.value], count)
        yield rejected
        dropped = _counter(families.FIELDS_DROPPED)
        for field, count in monitor.rejections.fields.items():
            dropped.add_metric([SOURCE, field], count)
        yield dropped
        yield _scalar(families.UNREGISTERED, len(monitor.rejections.unregistered))
        yield self._delays()
        yield _scalar(families.LOOP_STALL, watch.stalled_s)
        history = self._history()
        yield _scalar(families.HISTORY_PENDING, history.pending)
        yield _scalar(families.HISTORY_WRITE_ERRORS, history.write_errors)
        yield _scalar(families.HISTORY_SEALS, history.sealed.seq)
        yield _scalar(families.HISTORY_SEAL_HEAD, int(history.sealed.hash[:12], 16))
        yield _scalar(families.RELOAD_ERRORS, monitor.reload_errors)
        yield _scalar(families.RELOAD_HELD, monitor.held is not None)
        yield _scalar(families.LAST_RELOAD, monitor.last_reload.utc_ms / 1000)
        yield _scalar(families.LAST_RELOAD_SUCCESSFUL, not monitor.inventory_faults)
        yield from self._clock()
        yield from self._requests()

    def _requests(self) -> Iterator[Metric]:
        web = self._web()
        yield _scalar(families.AUTH_RELOAD_ERRORS, web.auth_reload_errors)
        yield _scalar(families.AUTH_LOGINS, web.logins)
        denied = _counter(families.HTTP_REQUESTS_DENIED)
        for reason, count in web.denials.items():
            denied.add_metric([reason], count)
        yield denied
        responses = _counter(families.HTTP_REQUESTS)
        for code, count in sorted(web.responses.items()):
            responses.add_metric([code], count)
        yield responses
        durations = _histogram(families.HTTP_REQUEST_DURATION)
        _add_histogram(durations, [], REQUEST_BOUNDS_S, web.durations, web.durations_s)
        yield durations

    def _clock(self) -> Iterator[Metric]:
        monitor = self._monitor
        now_ms = monitor.clock().utc_ms
        yield _scalar(families.NOW, now_ms / 1000)
        local = datetime.fromtimestamp(now_ms // 1000, monitor.timezone)
        yield _scalar(families.UTC_OFFSET, (local.utcoffset() or timedelta()).total_seconds())
        yield _scalar(families.LOG_LINES_DROPPED, 0 if self._log is None else self._log.dropped)
        yield _scalar(families.CLOCK_STEPS, monitor.clock_steps)
        fleet = _gauge(families.CLOCK_FLEET_OFFSET)
        if monitor.clock_trust.fleet_offset_s is not None:
            fleet.add_metric([], monitor.clock_trust.fleet_offset_s)
        yield fleet
        yield _scalar(families.RECORD_AHEAD, max(0.0, monitor.clock.lead_s))

    def _operators(self) -> Iterator[Metric]:
        monitor = self._monitor
        now = monitor.clock()
        counts = Counter(
            (camera.camera.operator, camera.status_at(now)) for camera in monitor.cameras.values()
        )
        cameras = _gauge(families.OPERATOR_CAMERAS)
        objective = _gauge(families.OPERATOR_OBJECTIVE)
        blind = _gauge(families.OPERATOR_BLIND)
        dark = {operator for sight in monitor.fleet.blind_groups for operator in sight.operators}
        for operator in sorted({operator for operator, _ in counts}):
            blind.add_metric([operator], operator in dark)
        for row in monitor.inventory.operators.values():
            for status in Status:
                cameras.add_metric([row.id, status.value], counts[row.id, status])
            if row.objective is not None:
                objective.add_metric([row.id], row.objective)
        yield cameras
        yield objective
        yield blind

    def _ratios(self) -> Iterator[Metric]:
        """Yield availability and coverage; nothing until they are known, rather than a guess (rule A2)."""
        rolling = self._history().rolling
        if rolling is None:
            return
        now_ms = self._monitor.clock().utc_ms
        availability = _gauge(families.OPERATOR_AVAILABILITY)
        coverage = _gauge(families.OPERATOR_COVERAGE)
        for operator in self._monitor.inventory.operators:
            for window, account in rolling.status_times(operator, now_ms).items():
                if account.availability is not None:
                    availability.add_metric([operator, window], account.availability)
                if account.coverage is not None:
                    coverage.add_metric([operator, window], account.coverage)
        yield availability
        yield coverage

    def _gaps(self) -> Metric:
        family = _histogram(families.HEARTBEAT_GAP)
        none = GapHistogram()
        for operator in self._monitor.inventory.operators:
            gaps = self._monitor.fleet.gaps.get(operator, none)
            _add_histogram(family, [operator], GAP_BOUNDS_S, gaps.counts, gaps.total_s)
        return family

    def _links(self) -> Iterator[Metric]:
        up = _gauge(families.LINK_UP)
        operators = _gauge(families.LINK_OPERATOR)
        lag = _gauge(families.LINK_LAG)
        received = _counter(families.MESSAGES_RECEIVED)
        canaries = _histogram(families.CANARY_ROUND_TRIP)
        for name, report in self._monitor.link_reports.items():
            up.add_metric([name], self._monitor.fleet.links[name].up)
            for operator in sorted(self._monitor.fleet.links[name].operators):
                operators.add_metric([name, operator], 1)
            lag.add_metric([name], self._monitor.fleet.links[name].lag)
            received.add_metric([name], report.received)
            if (trips := report.round_trips) is not None:
                _add_histogram(canaries, [name], trips.bounds, trips.counts, trips.total_s)
        yield up
        yield operators
        yield lag
        yield received
        yield canaries


def _gauge(family: Family) -> GaugeMetricFamily:
    return GaugeMetricFamily(family.name, family.help, labels=family.labels)


def _counter(family: Family) -> CounterMetricFamily:
    return CounterMetricFamily(family.name, family.help, labels=family.labels)


def _histogram(family: Family) -> HistogramMetricFamily:
    return HistogramMetricFamily(family.name, family.help, labels=family.labels)


def _add_histogram(
    family: HistogramMetricFamily,
    labels: Sequence[str],
    bounds: Sequence[float],
    counts: Sequence[int],
    total: float,
) -> None:
    """Add one histogram; `counts` are per bucket, one more than there are `bounds`."""
    names = [*map(str, bounds), "+Inf"]
    family.add_metric(labels, list(zip(names, accumulate(counts), strict=True)), sum_value=total)


def _scalar(family: Family, value: float) -> Metric:
    metric = _gauge(family) if family.type == "gauge" else _counter(family)
    metric.add_metric([], value)
    return metric
