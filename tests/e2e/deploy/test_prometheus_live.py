"""The committed rules in a real Prometheus that scrapes the real daemon, with shorter times."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.support import daemon
from tests.support.eventually import eventually
from tests.support.mosquitto import Mosquitto, free_port, program
from tests.support.pace import PATIENCE_S
from tests.support.paths import ROOT
from tests.support.publisher import Publisher, publishing
from tests.support.tables import camera, operator, site, window, write_fleet

PROMETHEUS = ROOT / "deploy/prometheus"
TOKEN = "what camwatch asks for and Prometheus shows"  # noqa: S105
LOGIS = [f"tour-{n}" for n in (1, 2, 3)]
"""They fall together: an incident of their site and of their operator."""
FIRE = {"CamwatchSiteIncident", "CamwatchCameraDown", "CamwatchWatchdog", "CamwatchCommissioningOverdue"}


def derived(folder: Path, target: str) -> Path:
    """Write the committed configuration anew: this target, no Alertmanager, looks each second."""
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    del config["alerting"]["alertmanagers"]
    (job,) = (job for job in config["scrape_configs"] if job["job_name"] == "camwatch")
    job["static_configs"] = [{"targets": [target]}]
    config["scrape_configs"] = [job]
    (folder / "rules").mkdir(parents=True)
    (folder / "secrets").mkdir()
    (folder / "secrets/camwatch-metrics-token").write_text(TOKEN)
    for file in (PROMETHEUS / "rules").glob("*.yaml"):
        rules = yaml.safe_load(file.read_text())
        for group in rules["groups"]:
            group.pop("interval", None)
            for rule in group["rules"]:
                if rule.get("record") == "camwatch:camera_down_seconds:threshold":
                    rule["expr"] = 1
        (folder / "rules" / file.name).write_text(yaml.safe_dump(rules, allow_unicode=True))
    written = folder / "prometheus.yml"
    written.write_text(yaml.safe_dump(config, allow_unicode=True))
    return written


class Server:
    """A running Prometheus: its API, and its log."""

    def __init__(self, client: httpx.AsyncClient, log: Path) -> None:
        self._client = client
        self._log = log

    @property
    def log(self) -> str:
        """What it wrote so far."""
        return self._log.read_text()

    async def rules(self) -> list[dict[str, Any]]:
        """Return all rules, as they stand."""
        return [rule for group in (await self._asked("/api/v1/rules"))["groups"] for rule in group["rules"]]

    async def alerts(self) -> dict[str, list[dict[str, Any]]]:
        """Return the alerts that fire, by name."""
        found: dict[str, list[dict[str, Any]]] = {}
        for alert in (await self._asked("/api/v1/alerts"))["alerts"]:
            if alert["state"] == "firing":
                found.setdefault(alert["labels"]["alertname"], []).append(alert)
        return found

    async def rows(self, query: str) -> list[dict[str, Any]]:
        """Return what it answers."""
        return list((await self._asked("/api/v1/query", query=query))["result"])

    async def _asked(self, path: str, **parameters: str) -> dict[str, Any]:
        answer = await self._client.get(path, params=parameters)
        answer.raise_for_status()  # it serves nothing before it has read its own past
        return dict(answer.json()["data"])

    async def until(self, condition: Callable[[], Awaitable[object]], what: str) -> None:
        """Wait until the condition, a coroutine function, returns something."""

        async def came_about() -> object:
            with contextlib.suppress(httpx.HTTPError):
                return await condition()
            return None

        await eventually(came_about, every_s=0.2, saw=lambda: f"{what}\n{self.log[-2000:]}")


@contextlib.asynccontextmanager
async def prometheus(folder: Path, target: str) -> AsyncIterator[Server]:
    """Run a Prometheus with the derived configuration."""
    config = derived(folder, target)
    port = free_port()
    log = folder / "log"
    with log.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            program("prometheus"),
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            stdout=written,
            stderr=written,
        )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S) as client:
            yield Server(client, log)
    finally:
        process.kill()
        await process.wait()


def fleet(folder: Path) -> Path:
    """Write a fleet in which each rule finds something."""
    return write_fleet(
        folder,
        [
            *(camera(f"cam-{n}") for n in (1, 2, 3, 4)),
            *(
                camera(name, operator_id="logis", site_id="tour", name=f"Tour « Est » {name}")
                for name in LOGIS
            ),
            camera("late", lifecycle="planned", commission_by="2020-01-01"),
        ],
        operators=[operator(objective="0.99"), operator("logis", objective="0.95")],
        sites=[site(latitude=43.5298, longitude=5.4475), site("tour", zone="Encagnane")],
        maintenance=[window("camera", "cam-4", "2020-01-01T00:00:00", "2099-01-01T00:00:00")],
    )


@contextlib.asynccontextmanager
async def heard_once(publisher: Publisher) -> AsyncIterator[None]:
    """Give one heartbeat of each camera of LOGIS, and no more."""
    for name in LOGIS:
        await publisher.heartbeat(name, "logis")
    yield


async def test_a_real_prometheus_evaluates_every_rule_on_the_real_daemon(tmp_path: Path) -> None:
    with Mosquitto(tmp_path / "mosquitto") as broker:
        config = daemon.config(fleet(tmp_path / "fleet"), daemon.broker(broker.url))
        (tmp_path / "token").write_text(TOKEN)
        config = config.replace("[http]\n", f'[http]\nmetrics_token_file = "{tmp_path}/token"\n')
        async with (
            daemon.running(tmp_path / "camwatch", config) as camwatch,
            publishing(broker.port) as publisher,
            heard_once(
                publisher
            ),  # before the first look: an outage that Prometheus sees has a last sign of life
            prometheus(tmp_path / "prometheus", camwatch.url.removeprefix("http://")) as server,
            publisher.beating("cam-1", "cam-2", every_s=daemon.INTERVAL_S),
        ):

            async def in_local_time() -> bool:
                return bool(await server.rows("camwatch_timezone_offset_seconds"))

            await server.until(in_local_time, "the time zone")
            for name in LOGIS:  # their last sign of life, at a time of which the offset is known
                await publisher.heartbeat(name, "logis")

            async def told() -> bool:
                alerts = await server.alerts()
                down = {
                    alert["labels"]["camera"]
                    for alert in alerts.get("CamwatchCameraDown", ())
                    if " UTC." not in alert["annotations"]["description"]
                }
                return set(alerts) >= FIRE and set(LOGIS) <= down

            await server.until(told, "the alerts")

            async def judged() -> bool:
                burn = "operator:camwatch_error_budget_burn:ratio_rate5m"
                rules = await server.rules()
                return all(rule["health"] != "unknown" for rule in rules) and bool(await server.rows(burn))

            await server.until(judged, "an evaluation of each rule")

            faults = [rule for rule in await server.rules() if rule["health"] != "ok" or "lastError" in rule]
            assert not faults
            assert "level=warn" not in server.log, "a rule that fails, or a sample that is refused"
            assert "level=error" not in server.log

            for series in {rule["name"] for rule in await server.rules() if rule["type"] == "recording"}:
                assert await server.rows(series), series

            alerts = await server.alerts()
            assert set(alerts) >= FIRE
            (incident,) = alerts["CamwatchSiteIncident"]
            assert incident["labels"] == {
                "alertname": "CamwatchSiteIncident",
                "job": "camwatch",
                "operator": "logis",
                "severity": "critical",
                "site": "tour",
                "zone": "Encagnane",
            }
            assert incident["annotations"]["description"].startswith(
                "3 caméras sur 3 du site tour (secteur Encagnane) ne répondent plus, pour une même cause"
            )
            down = {alert["labels"]["camera"]: alert for alert in alerts["CamwatchCameraDown"]}
            assert set(LOGIS) <= set(down)
            assert "cam-4" not in down, "maintenance needs no alert"
            assert "« Tour « Est » tour-1 »" in down["tour-1"]["annotations"]["description"]
            assert " UTC." not in down["tour-1"]["annotations"]["description"], "local time"
            for found in alerts.values():
                for alert in found:
                    assert "error" not in alert["annotations"]["description"]
                    assert "<no value>" not in alert["annotations"]["description"]
