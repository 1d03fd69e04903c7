"""A small city on a bad day: the real daemon watches it, and a real Prometheus can be asked about it."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import httpx

from camsim.broker import broker_at
from camsim.fleet import PlayedCamera, read_fleet
from camsim.simulator import Simulator, SimulatorSettings
from tests.support import daemon
from tests.support.eventually import eventually, eventually_blocking
from tests.support.mosquitto import Mosquitto, free_port, program
from tests.support.pace import PATIENCE_S, SCALE
from tests.support.paths import ROOT
from tests.support.publisher import Publisher, heartbeat_topic, publishing
from tests.support.tables import camera, cameras, operator, site, window, write_fleet
from tools.grafana_preview.prometheus_client import Prometheus

RULES = ROOT / "deploy/prometheus/rules"

INTERVAL_S = daemon.INTERVAL_S
HAMPERED = "gare-hampered"
"""Is up, with every reason to be degraded that a heartbeat can give."""

FLAPS = "cam-1"
DARK = "jas"
"""The site that loses power: an incident."""

BEFORE = {
    "count(camera:camwatch_camera_status:code == 5)": 14.0,
    "count(site:camwatch_site_info:any)": 4.0,
    'count_over_time((camera:camwatch_camera_status:code{camera="cam-3"} == 5)[10s:1s])': 4.0,
}
"""What Prometheus must say before anything happens: all are up but those in maintenance or planned.

And for so long that whoever asks every two seconds sees it.
"""

REACHED = {
    "max(camwatch_site_incident)": 1.0,
    f'max(camwatch_camera_flapping{{camera="{FLAPS}"}})': 1.0,
    'sum(operator:camwatch_camera_status:count{status="maintenance"})': 1.0,
    'sum(operator:camwatch_camera_status:count{status="planned"})': 1.0,
    "max(camwatch_unregistered_cameras)": 1.0,
    "sum(camwatch_camera_reboots_total) > bool 0": 1.0,
    "sum(camwatch_messages_rejected_total) > bool 0": 1.0,
    "count(operator:camwatch_error_budget_burn:ratio_rate6h)": 2.0,
    'count(camwatch_camera_degraded{reason=~"video_loss|storage|clock"} == 1)': 3.0,
    f'count(rate(camwatch_camera_status_seconds_total{{camera="{FLAPS}"}}[5m])) > bool 0': 1.0,
    f"sum(rate(camwatch_detection_delay_seconds_count[{8 * SCALE:.0f}s])) > bool 0": 1.0,
}
"""What Prometheus must say before the scene is over."""


class Scene(NamedTuple):
    """What is left when the play is over: Prometheus, and the instant at which to ask it."""

    prometheus: Prometheus
    end: float


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    """Play the bad day, stop the daemon, and leave Prometheus to be asked about the last instant of it."""
    with Mosquitto(folder / "mosquitto") as broker, running_prometheus(folder) as (prometheus, targets):
        end = asyncio.run(_play(folder, broker, prometheus, targets))
        yield Scene(prometheus, end)


def city(folder: Path) -> Path:
    """Write two operators and five sites, one of them nowhere, with a camera of every kind."""
    now = datetime.now(UTC)
    works = window(
        "camera", "cam-2", (now - timedelta(hours=1)).isoformat(), (now + timedelta(hours=1)).isoformat()
    )
    return write_fleet(
        folder / "fleet",
        [
            *cameras(6),
            *(camera(f"parc-{number}", operator_id="sacogiva", site_id="parc") for number in (1, 2, 3)),
            camera("parc-4", operator_id="sacogiva", site_id="ailleurs"),
            *(
                camera(f"jas-{n}", operator_id="sacogiva", site_id=DARK, name=f"Résidence « Le Jas » {n}")
                for n in (1, 2, 3, 4)
            ),
            camera("neuve", site_id="chantier", lifecycle="planned"),
            camera(HAMPERED, name="Gare, quai n° 1", model="Dôme motorisé", lifecycle="planned"),
        ],
        operators=[operator(objective="0.99"), operator("sacogiva", objective="0.95")],
        sites=[
            site(latitude=43.5298, longitude=5.4475),
            site("parc", latitude=43.5215, longitude=5.4489),
            site(DARK, name="Résidence « Le Jas »", zone="Jas-de-Bouffan", latitude=43.525, longitude=5.417),
            site("chantier", latitude=43.54, longitude=5.42),
            site("ailleurs"),
        ],
        maintenance=[works],
    )


async def _play(folder: Path, broker: Mosquitto, prometheus: Prometheus, targets: Path) -> float:
    fleet = city(folder)
    config = daemon.config(fleet, daemon.broker(broker.url))
    async with daemon.running(folder / "camwatch", config) as watcher:
        _scrape(targets, watcher.url)
        settings = SimulatorSettings(
            broker_at(broker.url),
            read_fleet(fleet),
            interval_s=INTERVAL_S,
            reconnect_min_s=0.05,
            reconnect_max_s=0.1,
        )
        async with Simulator(settings) as simulator, publishing(broker.port) as publisher:
            tasks = {
                asyncio.create_task(simulator.play(), name="play"),
                asyncio.create_task(_hampered(publisher), name="hampered"),
            }
            try:
                await _said(prometheus, BEFORE)
                every = simulator.fleet.in_service
                simulator.cut_power([one for one in every if one.site == DARK or one.id == "cam-3"])
                flaps = [one for one in every if one.id == FLAPS]
                turning = asyncio.create_task(_turning(watcher, simulator, flaps), name="turning")
                tasks.add(turning)
                return await _said(prometheus, REACHED)
            finally:
                pending = tasks
                for _ in range(10):  # a request under way may swallow the first
                    for task in pending:
                        task.cancel()
                    _, pending = await asyncio.wait(pending, timeout=1)
                    if not pending:
                        break


def _scrape(targets: Path, url: str) -> None:
    targets.write_text(json.dumps([{"targets": [url.removeprefix("http://")]}]))


async def _turning(watcher: daemon.Daemon, simulator: Simulator, flaps: Iterable[PlayedCamera]) -> None:
    """Let a camera go and come, again and again."""
    while True:
        simulator.cut_power(flaps)
        await watcher.until(lambda now: now.statuses()[FLAPS] == "down")
        simulator.restore(flaps)
        await watcher.until(lambda now: now.statuses()[FLAPS] == "up")


async def _hampered(publisher: Publisher) -> None:
    begun = time.time()
    seq = 0
    while True:
        now = time.time()
        figures = {"fps": 0.5, "bitrate_bps": 1e6, "temperature_celsius": 95.0, "storage_used_ratio": 0.999}
        faults = {"video_loss": True, "frozen": True, "tamper": True, "recording": False}
        await publisher.heartbeat(
            HAMPERED, ts=now - 60, seq=seq, uptime_s=now - begun, firmware="1.0", **figures, **faults
        )
        await publisher.heartbeat("stranger")
        await publisher.send(heartbeat_topic("cam-1"), b"[]")  # no heartbeat, so no sign of life
        seq += 1
        await asyncio.sleep(INTERVAL_S)


async def _said(prometheus: Prometheus, wanted: Mapping[str, float]) -> float:
    """Wait until each query's answer is this much or more, and return an instant of which that is true."""
    missing: list[str] = []

    async def said() -> float | None:
        nonlocal missing
        now = time.time()
        missing = await asyncio.to_thread(_missing, prometheus, wanted, now)
        return None if missing else now

    return await eventually(said, every_s=0.1, saw=lambda: missing)


def _missing(prometheus: Prometheus, wanted: Mapping[str, float], now: float) -> list[str]:
    said = {query: prometheus.instant(query, now) for query in wanted}
    return [
        query for query, least in wanted.items() if not said[query] or said[query][0].points[0][1] < least
    ]


@contextmanager
def running_prometheus(folder: Path, scrape: str = "1s") -> Iterator[tuple[Prometheus, Path]]:
    """Run Debian's Prometheus with our rules, quickened; what it scrapes stands in a file that may change."""
    rules = folder / "rules"
    rules.mkdir()
    for path in RULES.glob("*.yaml"):
        quick = re.sub(r"interval: \w+", "interval: 1s", path.read_text())
        (rules / path.name).write_text(quick)
    targets = folder / "targets.json"
    targets.write_text("[]")
    file = folder / "prometheus.yml"
    file.write_text(
        f"global: {{scrape_interval: {scrape}, scrape_timeout: {scrape}, evaluation_interval: 1s}}\n"
        f"rule_files: ['{rules}/*.yaml']\n"
        "scrape_configs:\n- job_name: camwatch\n"
        f"  file_sd_configs: [{{files: ['{targets}'], refresh_interval: 1s}}]\n"
    )
    port = free_port()
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={file}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    prometheus = Prometheus(f"http://127.0.0.1:{port}")
    try:
        eventually_blocking(
            lambda: _ready(port) or process.poll() is not None,
            every_s=0.05,
            saw=(folder / "prometheus.log").read_text,
        )
        assert process.poll() is None, (folder / "prometheus.log").read_text()
        yield prometheus, targets
    finally:
        prometheus.close()
        process.terminate()
        process.wait(PATIENCE_S)


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/-/ready", trust_env=False, timeout=2).status_code == 200
    except httpx.TransportError:
        return False
