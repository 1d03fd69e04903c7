"""The families of operators, sites, incidents and the daemon: one row each."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from camwatch import __version__
from camwatch.core.model import IncidentKind, Status
from camwatch.core.state import GAP_BOUNDS_S, GapHistogram
from camwatch.core.status_time import StatusTime
from camwatch.history.recorder import HistoryStatus
from camwatch.metrics.families import Family, Histogram, Sample, Values
from camwatch.monitoring.service import MonitorService
from camwatch.rejections import SOURCE

REQUEST_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_NO_GAPS = GapHistogram()


class WebCounts(NamedTuple):
    """Counts of the HTTP server since the start.

    `denials`: denied requests by reason. `responses`: by status code. `durations`: requests for each of
    `REQUEST_BOUNDS_S` and those that took longer; `durations_s`: the sum of all durations.
    """

    auth_reload_errors: int = 0
    logins: int = 0
    denials: Mapping[str, int] = MappingProxyType({})
    responses: Mapping[str, int] = MappingProxyType({"200": 0})
    durations: Sequence[int] = (0,) * (len(REQUEST_BOUNDS_S) + 1)
    durations_s: float = 0.0


@dataclass(slots=True)
class Scrape:
    """What the families are read from; figures that several of them need are computed once."""

    monitor: MonitorService
    history: HistoryStatus
    web: WebCounts
    log_lines_dropped: int
    detection_delays: Histogram
    now_ms: int = field(init=False)
    cameras: Counter[tuple[str, Status]] = field(init=False)
    """Number of cameras by operator and status."""
    windows: list[tuple[tuple[str, str], StatusTime]] | None = field(init=False, default=None)
    """Status time by operator and window; None until it is known (rule A2)."""

    def __post_init__(self) -> None:
        monitor, now = self.monitor, self.monitor.clock()
        self.now_ms = now.utc_ms
        cameras = monitor.cameras.values()
        self.cameras = Counter((each.camera.operator, each.status_at(now)) for each in cameras)
        if (rolling := self.history.rolling) is not None:
            self.windows = [
                ((operator, window), time)
                for operator in monitor.inventory.operators
                for window, time in rolling.status_times(operator, now.utc_ms).items()
            ]


_Family: TypeAlias = Family[Values[Scrape]]


def _one(value: Callable[[Scrape], float | Histogram | None]) -> Values[Scrape]:
    """Return the values of a family without labels; it has no sample while the value is None."""

    def values(scrape: Scrape) -> list[Sample]:
        return [] if (found := value(scrape)) is None else [((), found)]

    return values


def _gauge(name: str, values: Values[Scrape], text: str, *labels: str) -> _Family:
    return Family(f"camwatch_{name}", "gauge", text, labels, values)


def _counter(name: str, values: Values[Scrape], text: str, *labels: str) -> _Family:
    return Family(f"camwatch_{name}_total", "counter", text, labels, values)


def _histogram(name: str, values: Values[Scrape], text: str, *labels: str) -> _Family:
    return Family(f"camwatch_{name}", "histogram", text, labels, values)


def _counts(counts: Mapping[Any, int]) -> list[Sample]:
    return [((str(key),), count) for key, count in counts.items()]


def _operator_cameras(scrape: Scrape) -> list[Sample]:
    operators = scrape.monitor.inventory.operators
    return [((each, status), scrape.cameras[each, status]) for each in operators for status in Status]


def _objectives(scrape: Scrape) -> list[Sample]:
    rows = scrape.monitor.inventory.operators.values()
    return [((row.id,), row.objective) for row in rows if row.objective is not None]


def _ratios(ratio: Callable[[StatusTime], float | None], scrape: Scrape) -> list[Sample] | None:
    """Return the ratios over all windows; nothing until they are known, rather than a guess (rule A2)."""
    if scrape.windows is None:
        return None
    return [(labels, found) for labels, time in scrape.windows if (found := ratio(time)) is not None]


def _blind_operators(scrape: Scrape) -> list[Sample]:
    blind = {operator for group in scrape.monitor.fleet.blind_groups for operator in group.operators}
    return [((each,), int(each in blind)) for each in sorted({operator for operator, _ in scrape.cameras})]


def _heartbeat_gaps(scrape: Scrape) -> Iterator[Sample]:
    for operator in scrape.monitor.inventory.operators:
        gaps = scrape.monitor.fleet.gaps.get(operator, _NO_GAPS)
        yield (operator,), Histogram(GAP_BOUNDS_S, gaps.counts, gaps.total_s)


def _sites(scrape: Scrape) -> Iterator[Sample]:
    for site in scrape.monitor.inventory.sites.values():
        if site.latitude is not None and site.longitude is not None:
            # A coordinate is the shortest text that reads back as the same number: as in the inventory.
            yield (site.id, site.name, site.zone, repr(site.latitude), repr(site.longitude)), 1


def _incidents(kind: IncidentKind, ids: Callable[[MonitorService], Iterable[str]]) -> Values[Scrape]:
    def values(scrape: Scrape) -> Iterator[Sample]:
        incidents = scrape.monitor.fleet.incidents
        for key in ids(scrape.monitor):
            group = incidents.get((kind, key))
            yield (key,), int(group is not None and group.since is not None)

    return values


def _link_operators(scrape: Scrape) -> list[Sample]:
    links = scrape.monitor.fleet.links.values()
    return [((link.name, operator), 1) for link in links for operator in sorted(link.operators)]


def _canaries(scrape: Scrape) -> Iterator[Sample]:
    for name, report in scrape.monitor.link_reports.items():
        if (trips := report.round_trips) is not None:
            yield (name,), Histogram(trips.bounds, trips.counts, trips.total_s)


def _utc_offset(scrape: Scrape) -> float:
    local = datetime.fromtimestamp(scrape.now_ms // 1000, scrape.monitor.timezone)
    return (local.utcoffset() or timedelta()).total_seconds()


# fmt: off
DAEMON_FAMILIES: tuple[_Family, ...] = (
    _gauge("operator_cameras", _operator_cameras,
           "Number of the operator's cameras in each status.", "operator", "status"),
    _gauge("operator_objective_ratio", _objectives,
           "Availability that the operator promises, from the inventory.", "operator"),
    _gauge("operator_availability_ratio", partial(_ratios, lambda time: time.availability),
           "Up / (up + down) of the operator's cameras over a window; absent without such time.",
           "operator", "window"),
    _gauge("operator_coverage_ratio", partial(_ratios, lambda time: time.coverage),
           "Share of a window's time outside maintenance that is not unknown; absent without such time.",
           "operator", "window"),
    _gauge("operator_blind", _blind_operators,
           "1 while heartbeats of some of its cameras could not be received; absent if it has no camera.",
           "operator"),
    _histogram("heartbeat_gap_seconds", _heartbeat_gaps,
               "Time between two successive proofs of life of the same camera.", "operator"),
    _gauge("site_info", _sites,
           "Inventory data of a site that has coordinates (degrees, WGS 84); always 1.",
           "site", "name", "zone", "latitude", "longitude"),
    _gauge("site_incident", _incidents(IncidentKind.SITE, lambda monitor: monitor.inventory.sites),
           "1 while many cameras of the site are down for one cause.", "site"),
    _gauge("operator_incident",
           _incidents(IncidentKind.OPERATOR, lambda monitor: monitor.inventory.operators),
           "1 while many cameras of the operator are down for one cause.", "operator"),
    _gauge("link_incident", _incidents(IncidentKind.LINK, lambda monitor: monitor.link_reports),
           "1 while many cameras on the link are down for one cause.", "link"),
    _gauge("build_info", lambda _: [((__version__, platform.python_version()), 1)],
           "Versions of camwatch and Python; always 1.", "version", "python"),
    _gauge("link_up", lambda s: [((link.name,), int(link.up)) for link in s.monitor.fleet.links.values()],
           "1 while the link is connected and subscribed.", "link"),
    _gauge("link_operator_info", _link_operators,
           "The operators of a link that does not carry all of them; always 1.", "link", "operator"),
    _gauge("link_lag_seconds",
           lambda s: [((link.name,), link.lag) for link in s.monitor.fleet.links.values()],
           "How much later than sent the link's messages arrive; 0 while they are on time.", "link"),
    _histogram("canary_round_trip_seconds", _canaries,
               "Round trip of camwatch's own messages through the link; only links with a canary.", "link"),
    _gauge("ready", _one(lambda s: int(not s.monitor.not_ready_reasons)), "1 while /-/ready answers 200."),
    _gauge("blind", _one(lambda s: int(s.monitor.fleet.blind)),
           "1 while heartbeats of some cameras could not be received."),
    _counter("messages_received",
             lambda s: [((name,), each.received) for name, each in s.monitor.link_reports.items()],
             "Messages received.", "link"),
    _counter("messages_rejected", lambda s: _counts(s.monitor.rejections.counts),
             "Messages that had no effect, by reason.", "reason"),
    _counter("fields_dropped",
             lambda s: [((SOURCE, name), count) for name, count in s.monitor.rejections.fields.items()],
             "Fields of heartbeats that could not be used, by name; the rest of the heartbeat was.",
             "source", "field"),
    _gauge("unregistered_cameras", _one(lambda s: len(s.monitor.rejections.unregistered)),
           "Ids received that are not in the inventory (the last 1,000 are kept)."),
    _histogram("detection_delay_seconds", _one(lambda s: s.detection_delays),
               "Delay between a camera's deadline and the decision that it is down."),
    _counter("event_loop_stall_seconds", _one(lambda s: s.monitor.fleet.stalled_s),
             "Time in which the daemon did not run although it should have."),
    _gauge("history_pending_events", _one(lambda s: s.history.pending), "Events that are not stored yet."),
    _counter("history_write_errors", _one(lambda s: s.history.write_errors), "Failed writes to the store."),
    _gauge("history_seals", _one(lambda s: s.history.sealed.seq), "Seals in the record, as stored last."),
    _gauge("history_seal_head", _one(lambda s: int(s.history.sealed.hash[:12], 16)),
           "The first 12 hexadecimal digits of the newest seal's hash, as a number."),
    _counter("inventory_reload_errors", _one(lambda s: s.monitor.reload_errors),
             "Reloads refused because the inventory was faulty."),
    _gauge("inventory_reload_held", _one(lambda s: int(s.monitor.held is not None)),
           "1 while an inventory waits to be confirmed: it would take too many cameras out of service."),
    _gauge("inventory_last_reload_success_timestamp_seconds",
           _one(lambda s: s.monitor.last_reload.utc_ms / 1000),
           "When the inventory in force was loaded, Unix time."),
    _gauge("inventory_last_reload_successful", _one(lambda s: int(not s.monitor.inventory_faults)),
           "0 if the tables were faulty when last read, else 1."),
    _counter("auth_reload_errors", _one(lambda s: s.web.auth_reload_errors),
             "Reloads refused because the accounts file, a token or the certificate was faulty."),
    _counter("auth_logins", _one(lambda s: s.web.logins), "Successful logins with name and password."),
    _counter("http_requests_denied", lambda s: _counts(s.web.denials),
             "Denied requests, by reason.", "reason"),
    _counter("http_requests", lambda s: sorted(_counts(s.web.responses)),
             "Responses to HTTP requests, by status code.", "code"),
    _histogram("http_request_duration_seconds",
               _one(lambda s: Histogram(REQUEST_BOUNDS_S, s.web.durations, s.web.durations_s)),
               "Duration of HTTP requests until the last byte, without event streams."),
    _gauge("timezone_offset_seconds", _one(_utc_offset),
           "UTC offset of the configured time zone now: added to a Unix time, it shows local time as UTC."),
    _gauge("now_timestamp_seconds", _one(lambda s: s.now_ms / 1000),
           "The time that all timestamps here refer to, Unix time: an age is this less a timestamp."),
    _counter("log_lines_dropped", _one(lambda s: s.log_lines_dropped),
             "Log lines that could not be written: too many waited, or the system refused them."),
    _counter("clock_steps", _one(lambda s: s.monitor.clock_steps),
             "Steps of the wall clock by more than 2 s."),
    _gauge("clock_fleet_offset_seconds", _one(lambda s: s.monitor.clock_trust.fleet_offset_s),
           "How far the machine's clock is ahead of the cameras' median; absent if too few cameras report."),
    _gauge("record_ahead_seconds", _one(lambda s: max(0.0, s.monitor.clock.lead_s)),
           "How far the record is ahead of the machine's clock, as after it was set back; otherwise 0."),
)
# fmt: on
