"""The daemon on itself, operators and incidents, through `prometheus_client`; and the whole exposition."""

from __future__ import annotations

import platform
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Protocol
from zoneinfo import ZoneInfo

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
from camwatch.accounting.rolling import RollingAccounts
from camwatch.core.events import Event, Transition
from camwatch.core.model import IncidentKind, Instant, Status
from camwatch.core.monitor import FleetMonitor
from camwatch.core.state import GAP_BOUNDS_S, Gaps
from camwatch.errors import RejectReason
from camwatch.fleet.inventory import Inventory
from camwatch.metrics import families
from camwatch.metrics.camera_renderer import (
    CameraLabels,
    render_bool_family,
    render_cameras,
    render_rejections,
    render_sites,
)
from camwatch.metrics.families import Family
from camwatch.rejections import SOURCE, RejectionCount

DELAY_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class _RoundTrips(Protocol):
    @property
    def bounds(self) -> Sequence[float]: ...
    @property
    def counts(self) -> Sequence[int]: ...
    @property
    def total_s(self) -> float: ...


class _LinkReport(Protocol):
    @property
    def received(self) -> int: ...
    @property
    def round_trips(self) -> _RoundTrips | None: ...


class _Rejections(Protocol):
    @property
    def counts(self) -> Mapping[RejectReason, int]: ...
    @property
    def unregistered(self) -> Mapping[str, int]: ...
    @property
    def refused(self) -> Mapping[str, Mapping[str, RejectionCount]]: ...
    @property
    def fields(self) -> Mapping[str, int]: ...


class _Clock(Protocol):
    def __call__(self) -> Instant: ...
    @property
    def lead_s(self) -> float: ...


class _ClockTrust(Protocol):
    @property
    def fleet_offset_s(self) -> float | None: ...


class _History(Protocol):
    @property
    def pending(self) -> int: ...
    @property
    def write_errors(self) -> int: ...
    @property
    def sealed(self) -> tuple[int, str]: ...


class Source(Protocol):
    """What the metrics are read from: the daemon's watcher."""

    @property
    def fleet(self) -> FleetMonitor:
        """The judgement of the fleet."""

    @property
    def inventory(self) -> Inventory:
        """The inventory in force."""

    @property
    def clock(self) -> _Clock:
        """Where `now` comes from."""

    @property
    def rejections(self) -> _Rejections:
        """What was refused."""

    @property
    def link_reports(self) -> Mapping[str, _LinkReport]:
        """What each link received."""

    @property
    def reload_errors(self) -> int:
        """Inventories refused."""

    @property
    def held(self) -> object | None:
        """The inventory that waits to be confirmed."""

    @property
    def last_reload(self) -> Instant:
        """When the inventory in force was taken."""

    @property
    def not_ready_reasons(self) -> list[str]:
        """Why the daemon is not ready; empty when it is."""

    @property
    def clock_steps(self) -> int:
        """Steps of the wall clock."""

    @property
    def clock_trust(self) -> _ClockTrust:
        """What the cameras' clocks say of the machine's."""

    @property
    def timezone(self) -> ZoneInfo:
        """The zone in which people are shown times."""

    @property
    def rolling_accounts(self) -> RollingAccounts | None:
        """The operators' accounts over all windows; None until they are derived."""

    @property
    def history(self) -> _History:
        """What remembers the fleet."""


class Door(Protocol):
    """What the door counts: see `web.auth`."""

    @property
    def reload_errors(self) -> int:
        """Changed files that were refused."""

    @property
    def logins(self) -> int:
        """Logins that succeeded."""

    @property
    def denials(self) -> Mapping[str, int]:
        """Requests that were not let in, by reason."""


class _NoDoor:
    reload_errors = 0
    logins = 0
    denials: Mapping[str, int] = {}


class Log(Protocol):
    """What the log counts: see `logs`."""

    @property
    def dropped(self) -> int:
        """Lines that could not be written."""


class _NoLog:
    dropped = 0


class MetricsEndpoint:
    """Writes everything that Prometheus reads, and counts what only happens once (detection delays)."""

    def __init__(self, source: Source, door: Door | None = None, log: Log | None = None) -> None:
        self._source = source
        self._delays = [0] * (len(DELAY_BOUNDS_S) + 1)  # by bucket; the last is +Inf
        self._delayed_s = 0.0
        self._registry = CollectorRegistry()
        self._registry.register(
            DaemonCollector(source, door or _NoDoor(), log or _NoLog(), self._delay_histogram)
        )
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
        source = self._source
        if source.inventory is not self._inventory:
            before = {row.camera.camera.id: row for row in self._rows}
            self._rows = [
                CameraLabels(camera, before.get(camera.camera.id)) for camera in source.fleet.cameras.values()
            ]
            self._inventory = source.inventory
        yield from render_cameras(self._rows, source.clock, openmetrics=openmetrics)
        yield from render_rejections(source.rejections.refused, source.fleet.cameras, openmetrics=openmetrics)
        yield render_sites(source.inventory.sites.values(), openmetrics=openmetrics)
        for metric, kind, ids in (
            (families.SITE_INCIDENT, IncidentKind.SITE, source.inventory.sites),
            (families.OPERATOR_INCIDENT, IncidentKind.OPERATOR, source.inventory.operators),
            (families.LINK_INCIDENT, IncidentKind.LINK, source.link_reports),
        ):
            yield render_bool_family(metric, self._open(kind, ids), openmetrics=openmetrics)
        generate = openmetrics_text.generate_latest if openmetrics else text.generate_latest
        yield generate(self._registry).decode()

    def _delay_histogram(self) -> Metric:
        family = _histogram(families.DETECTION_DELAY)
        _add_histogram(family, [], DELAY_BOUNDS_S, self._delays, self._delayed_s)
        return family

    def _open(self, kind: IncidentKind, ids: Iterable[str]) -> Iterator[tuple[str, bool]]:
        incidents = self._source.fleet.incidents
        for key in ids:
            group = incidents.get((kind, key))
            yield key, group is not None and group.since is not None


class DaemonCollector(Collector):
    """Reads operators' and the daemon's own figures at each scrape."""

    def __init__(self, source: Source, door: Door, log: Log, delays: Callable[[], Metric]) -> None:
        self._source = source
        self._door = door
        self._log = log
        self._delays = delays

    def collect(self) -> Iterator[Metric]:
        """Yield every family of the daemon on itself."""
        yield from self._operators()
        yield from self._ratios()
        yield self._gaps()
        yield from self._links()
        source = self._source
        watch = source.fleet
        info = _gauge(families.BUILD_INFO)
        info.add_metric([__version__, platform.python_version()], 1)
        yield info
        yield _scalar(families.READY, not source.not_ready_reasons)
        yield _scalar(families.BLIND, watch.blind)
        rejected = _counter(families.MESSAGES_REJECTED)
        for reason, count in source.rejections.counts.items():
            rejected.add_metric([reason.value], count)
        yield rejected
        dropped = _counter(families.FIELDS_DROPPED)
        for field, count in source.rejections.fields.items():
            dropped.add_metric([SOURCE, field], count)
        yield dropped
        yield _scalar(families.UNREGISTERED, len(source.rejections.unregistered))
        yield self._delays()
        yield _scalar(families.LOOP_STALL, watch.stalled_s)
        yield _scalar(families.HISTORY_PENDING, source.history.pending)
        yield _scalar(families.HISTORY_WRITE_ERRORS, source.history.write_errors)
        yield _scalar(families.HISTORY_SEALS, source.history.sealed[0])
        yield _scalar(families.HISTORY_SEAL_HEAD, int(source.history.sealed[1][:12], 16))
        yield _scalar(families.RELOAD_ERRORS, source.reload_errors)
        yield _scalar(families.RELOAD_HELD, source.held is not None)
        yield _scalar(families.LAST_RELOAD, source.last_reload.utc_ms / 1000)
        yield from self._clock()
        yield _scalar(families.ACCESS_RELOAD_ERRORS, self._door.reload_errors)
        yield _scalar(families.LOGINS, self._door.logins)
        refusals = _counter(families.ACCESS_REFUSALS)
        for why, count in self._door.denials.items():
            refusals.add_metric([why], count)
        yield refusals

    def _clock(self) -> Iterator[Metric]:
        source = self._source
        now_ms = source.clock().utc_ms
        yield _scalar(families.NOW, now_ms / 1000)
        local = datetime.fromtimestamp(now_ms // 1000, source.timezone)
        yield _scalar(families.UTC_OFFSET, (local.utcoffset() or timedelta()).total_seconds())
        yield _scalar(families.LOG_LINES_DROPPED, self._log.dropped)
        yield _scalar(families.CLOCK_STEPS, source.clock_steps)
        fleet = _gauge(families.CLOCK_FLEET_OFFSET)
        if source.clock_trust.fleet_offset_s is not None:
            fleet.add_metric([], source.clock_trust.fleet_offset_s)
        yield fleet
        yield _scalar(families.RECORD_AHEAD, max(0.0, source.clock.lead_s))

    def _operators(self) -> Iterator[Metric]:
        source = self._source
        now = source.clock()
        counts = Counter(
            (camera.camera.operator, camera.status_at(now)) for camera in source.fleet.cameras.values()
        )
        cameras = _gauge(families.OPERATOR_CAMERAS)
        objective = _gauge(families.OPERATOR_OBJECTIVE)
        blind = _gauge(families.OPERATOR_BLIND)
        dark = {operator for sight in source.fleet.blind_groups for operator in sight.operators}
        for operator in sorted({operator for operator, _ in counts}):
            blind.add_metric([operator], operator in dark)
        for row in source.inventory.operators.values():
            for status in Status:
                cameras.add_metric([row.id, status.value], counts[row.id, status])
            if row.objective is not None:
                objective.add_metric([row.id], row.objective)
        yield cameras
        yield objective
        yield blind

    def _ratios(self) -> Iterator[Metric]:
        """Yield availability and coverage; nothing until they are known, rather than a guess (rule A2)."""
        standing = self._source.rolling_accounts
        if standing is None:
            return
        now_ms = self._source.clock().utc_ms
        availability = _gauge(families.OPERATOR_AVAILABILITY)
        coverage = _gauge(families.OPERATOR_COVERAGE)
        for operator in self._source.inventory.operators:
            for window, account in standing.status_times(operator, now_ms).items():
                if account.availability is not None:
                    availability.add_metric([operator, window], account.availability)
                if account.coverage is not None:
                    coverage.add_metric([operator, window], account.coverage)
        yield availability
        yield coverage

    def _gaps(self) -> Metric:
        family = _histogram(families.HEARTBEAT_GAP)
        none = Gaps()
        for operator in self._source.inventory.operators:
            gaps = self._source.fleet.gaps.get(operator, none)
            _add_histogram(family, [operator], GAP_BOUNDS_S, gaps.counts, gaps.total_s)
        return family

    def _links(self) -> Iterator[Metric]:
        up = _gauge(families.LINK_UP)
        operators = _gauge(families.LINK_OPERATOR)
        lag = _gauge(families.LINK_LAG)
        received = _counter(families.MESSAGES_RECEIVED)
        canaries = _histogram(families.CANARY_ROUND_TRIP)
        for name, report in self._source.link_reports.items():
            up.add_metric([name], self._source.fleet.links[name].up)
            for operator in sorted(self._source.fleet.links[name].operators):
                operators.add_metric([name, operator], 1)
            lag.add_metric([name], self._source.fleet.links[name].lag)
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
