"""A real MonitorService whose clock the test moves, and its exposition as the library's parsers read it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from prometheus_client import parser as text_parser
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics import parser as openmetrics_parser

from camwatch.accounting.rolling import RollingAccounts
from camwatch.clock import Clock, ClockStep
from camwatch.core.events import Event
from camwatch.core.model import Camera, Lifecycle, MaintenanceWindow
from camwatch.core.telemetry import SessionStatus
from camwatch.fleet.inventory import Inventory, Operator, Site
from camwatch.history.recorder import HistoryStatus
from camwatch.history.sealing import Seal
from camwatch.metrics.collector import MetricsEndpoint
from camwatch.metrics.daemon_families import WebCounts
from camwatch.monitoring.receiver import LinkReceiver
from camwatch.monitoring.service import MonitorService
from camwatch.settings import Settings
from camwatch.web.auth import Authenticator
from camwatch.wire.heartbeat import Heartbeat, encode_heartbeat, encode_status
from tests.support.fleet import camera

BEGIN_S = 1_767_258_000.0
"""The Unix second at which every city begins."""

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample as a parser read it."""

    name: str
    labels: Labels
    value: float

    def __getitem__(self, label: str) -> str:
        """Return the value of a label."""
        return dict(self.labels)[label]


def registered(
    cameras: Iterable[Camera],
    operators: Iterable[Operator] = (Operator("ville", "Ville", 0.98),),
    windows: tuple[MaintenanceWindow, ...] = (),
    sites: Iterable[Site] = (),
) -> Inventory:
    """Return an inventory of these cameras, operators and sites; a site not given has no coordinates."""
    rows = {camera.id: camera for camera in cameras}
    places = {row.site: Site(row.site, row.site, row.zone) for row in rows.values()}
    places |= {site.id: site for site in sites}
    return Inventory({operator.id: operator for operator in operators}, places, rows, windows)


class City:
    """A MonitorService with the link `main`, subscribed unless told otherwise; only `pass_s` moves time.

    `links`: other links than that, `main` among them, with the operators that each carries.
    """

    def __init__(
        self,
        inventory: Inventory,
        *,
        settings: Settings | None = None,
        subscribed: bool = True,
        links: Mapping[str, frozenset[str]] = {},
    ) -> None:
        self.mono = 5_000.0
        self.wall = BEGIN_S
        clock = Clock(self._jumped, lambda: self.mono, lambda: self.wall)
        links = dict(links) or {"main": frozenset()}
        self.rolling: RollingAccounts | None = RollingAccounts(ZoneInfo("Europe/Paris"))
        self.history = HistoryStatus(0, 0, Seal(), None, None)  # what a store has is set by hand here
        self.history_problem: str | None = None
        self.watcher = MonitorService(
            settings or Settings(), inventory, links, clock, self._on_events, lambda _cameras, _windows: None
        )
        self.exposition = MetricsEndpoint(
            self.watcher,
            lambda: self.history._replace(rolling=self.rolling),
            lambda: WebCounts(denials=Authenticator().denials),
        )
        self.watcher.load_inventory(inventory)
        self.receivers = {name: self.watcher.receiver(name) for name in links}
        self.link: LinkReceiver = self.receivers["main"]
        if subscribed:
            for receiver in self.receivers.values():
                receiver.subscribed(self.watcher.clock(), session_present=False)

    def _jumped(self, jump: ClockStep) -> None:
        self.watcher.on_clock_step(jump)

    def _on_events(self, events: list[Event]) -> None:
        if self.rolling is not None:
            self.rolling.apply(events)
        self._happened(events)

    def _happened(self, events: list[Any]) -> None:
        self.exposition.observe(events)

    def pass_s(self, seconds: float) -> City:
        """Let time pass, a second at a time; the link says something each second."""
        until = self.mono + seconds
        while self.mono < until:
            step = min(1.0, until - self.mono)
            self.mono += step
            self.wall += step
            while self.watcher.fleet.tick(self.watcher.clock()):
                pass
            for name, receiver in self.receivers.items():
                if self.watcher.fleet.links[name].up:
                    receiver.packets_end(self.watcher.clock())
            self.watcher.flush_events()
        return self

    def beat(self, *camera_ids: str, **said: Any) -> City:
        """Deliver a heartbeat of each camera as bytes on its topic."""
        return self.send("heartbeat", encode_heartbeat(Heartbeat(**said)) if said else b"", *camera_ids)

    def say(self, word: SessionStatus, *camera_ids: str) -> City:
        """Deliver a status message of each camera."""
        return self.send("status", encode_status(word), *camera_ids)

    def send(self, kind: str, payload: bytes, *camera_ids: str) -> City:
        """Deliver these bytes for each camera."""
        self.link.packets_begin(self.watcher.clock())
        for camera_id in camera_ids:
            operator = self.watcher.inventory.cameras[camera_id].operator
            self.link.message(f"camwatch/v1/{operator}/{camera_id}/{kind}", payload, retained=False)
        self.link.packets_end(self.watcher.clock())
        return self

    def lose_sight(self) -> City:
        """Lose the link, now."""
        now = self.watcher.clock()
        self.link.lost(now, now, "as the test asked")
        return self

    def text(self, *, openmetrics: bool = False) -> str:
        """Return a whole scrape, of what a store would have by now."""
        watch = self.watcher.fleet
        for state in watch.cameras.values():
            state.persisted = watch.checkpoint(state, self.watcher.clock())
        rejections = self.watcher.rejections
        rejections.stored(list(rejections.news(watch.cameras)))
        return "".join(self.exposition.render(openmetrics))

    def scrape(self) -> Scraped:
        """Return the samples of a scrape."""
        return Scraped(self.text())


class Scraped:
    """The samples of one scrape."""

    def __init__(self, text: str, *, openmetrics: bool = False) -> None:
        self.families = families_of(text, openmetrics=openmetrics)
        self.samples = [
            Sample(sample.name, frozenset(sample.labels.items()), sample.value)
            for family in self.families
            for sample in family.samples
        ]

    def of(self, name: str, **labels: str) -> list[Sample]:
        """Return the samples of this name that have these labels, among others."""
        wanted = set(labels.items())
        return [sample for sample in self.samples if sample.name == name and wanted <= sample.labels]

    def value(self, name: str, **labels: str) -> float | None:
        """Return the one value under this name and these labels; None if there is none."""
        found = self.of(name, **labels)
        assert len(found) <= 1, f"{len(found)} samples {name} {labels}"
        return found[0].value if found else None

    def ours(self) -> set[Sample]:
        """Return the samples that do not differ from one scrape to the next for reasons of the process."""
        return {sample for sample in self.samples if not sample.name.startswith(("process_", "python_"))}

    def counters(self) -> Mapping[tuple[str, Labels], float]:
        """Return the values of ours that must never decrease."""
        growing = {family.name for family in self.families if family.type in ("counter", "histogram")}
        return {
            (sample.name, sample.labels): sample.value
            for sample in self.ours()
            if re.sub("_(total|bucket|count|sum)$", "", sample.name) in growing
        }


def families_of(text: str, *, openmetrics: bool) -> list[Metric]:
    """Parse an exposition."""
    if openmetrics:
        return list(openmetrics_parser.text_string_to_metric_families(text))  # type: ignore[no-untyped-call]
    return list(text_parser.text_string_to_metric_families(text))


ODD = "L'Étoile \"nord\" \\\nrue\td'Italie \\n \x00\x07\x1b\r\x85\u2028 🎥"

PLAIN = 'v1 "b" \\n {},=# ~'  # what a camera may call its firmware


def odd_city() -> City:
    """Return a city with something of everything: all statuses, faults, odd names and firmware."""
    rows = [camera(f"cam-{number}", name=ODD, model='x"\\', zone="Jas de Bouffan") for number in range(1, 9)]
    rows.append(camera("cam-9", name="", lifecycle=Lifecycle.PLANNED))
    city = City(registered(rows, sites=[Site("mairie", ODD, "Jas de Bouffan", -1e-7, 179.99999999999997)]))
    city.beat(*(row.id for row in rows[:8]), seq=0, ts=city.wall, uptime_s=1.5, firmware=PLAIN)
    city.pass_s(10)
    city.beat("cam-1", "cam-2", "cam-3", fps=1e-7, bitrate_bps=1e12, temperature_celsius=-59.999, seq=1)
    city.beat("cam-2", storage_used_ratio=1, video_loss=True, recording=False, ts=253402300799, seq=2)
    city.say(SessionStatus.OFFLINE, "cam-4").send("heartbeat", b"{", "cam-5")
    return city.pass_s(30)
