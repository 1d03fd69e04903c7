"""The whole daemon, over a real broker, scraped by a real Prometheus."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiomqtt
import httpx

from camwatch.app import running
from camwatch.fleet.inventory import load_inventory
from camwatch.settings import Broker, FleetSettings, HistorySettings, HttpSettings, Settings
from camwatch.wire.heartbeat import Heartbeat, encode_heartbeat
from tests.support.eventually import eventually
from tests.support.mosquitto import Mosquitto, free_port, program
from tests.support.pace import PATIENCE_S
from tests.support.tables import camera, write_fleet

NAME = "L'Étoile \"nord\" \\\nrue d'Italie"
FIRMWARE = 'v1 "b" \\n {},=# ~'
CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: camwatch
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


@contextlib.asynccontextmanager
async def prometheus(folder: Path, target: int) -> AsyncIterator[httpx.AsyncClient]:
    """Run a Prometheus that scrapes the port `target` each second; give a client of its API."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        program("prometheus"),
        f"--config.file={_config(folder, target)}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S) as client:
            yield client
    finally:
        process.kill()
        await process.wait()


def _config(folder: Path, target: int) -> Path:
    folder.mkdir()
    file = folder / "prometheus.yml"
    file.write_text(CONFIG.format(port=target))
    return file


async def answer(client: httpx.AsyncClient, query: str) -> list[dict[str, Any]]:
    """Return what Prometheus knows, once it knows something."""

    async def known() -> list[dict[str, Any]]:
        with contextlib.suppress(httpx.TransportError):
            response = await client.get("/api/v1/query", params={"query": query})
            if response.status_code == 200:
                return list(response.json()["data"]["result"])
        return []

    return await eventually(known, every_s=0.1)


async def test_prometheus_reads_the_running_daemon(tmp_path: Path) -> None:
    rows = [camera("cam-1", name=NAME), camera("cam-2")]
    fleet = FleetSettings(path=write_fleet(tmp_path / "fleet", rows))
    with Mosquitto(tmp_path / "broker") as broker:
        settings = Settings(
            fleet=fleet,
            brokers=(Broker(url=broker.url),),
            history=HistorySettings(url=f"sqlite:///{tmp_path}/camwatch.db"),
            http=HttpSettings(listen="127.0.0.1:0"),
        )
        inventory = load_inventory(fleet.path, ZoneInfo("Europe/Paris"))
        async with running(settings, inventory) as daemon, prometheus(tmp_path / "p", daemon.port) as client:
            watcher = daemon.monitor
            await eventually(lambda: not watcher.not_ready_reasons)
            async with aiomqtt.Client("127.0.0.1", broker.port) as cam:
                heartbeat = encode_heartbeat(Heartbeat(firmware=FIRMWARE, fps=25.0))
                await cam.publish("camwatch/v1/ville/cam-1/heartbeat", heartbeat, qos=1)
            (up,) = await answer(client, "camwatch_camera_up")
            labels = {"camera": "cam-1", "operator": "ville", "site": "mairie"}
            assert labels.items() <= up["metric"].items()
            assert up["value"][1] == "1"
            (info,) = await answer(client, 'camwatch_camera_info{camera="cam-1"}')
            assert info["metric"]["name"] == NAME
            assert info["metric"]["firmware"] == FIRMWARE
            (beats,) = await answer(client, 'camwatch_camera_heartbeats_total{camera="cam-1"}')
            assert beats["value"][1] == "1"
            (target,) = (await client.get("/api/v1/targets")).json()["data"]["activeTargets"]
            assert (target["health"], target["lastError"]) == ("up", "")
            metadata = (await client.get("/api/v1/metadata?metric=camwatch_camera_heartbeats")).json()
            assert [entry["type"] for entry in metadata["data"]["camwatch_camera_heartbeats"]] == ["counter"]
