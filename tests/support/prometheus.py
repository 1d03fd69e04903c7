"""A real Prometheus with the committed configuration and rules, every duration in them made shorter."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any, Self

import httpx
import yaml

from tests.support.alertmanager import Tree, answers, scaled, walk
from tests.support.mosquitto import free_port, program
from tests.support.paths import ROOT

FOLDER = ROOT / "deploy" / "prometheus"
_TIMES = ("for", "keep_firing_for", "interval", "scrape_interval", "evaluation_interval")
_IN_QUERIES = re.compile(r"(\[|\boffset\s+)((?:\d+(?:ms|[smhd]))+)")


def quicker_rules(rules: Tree, quicker: float) -> Tree:
    """Return a rules file whose durations are shorter: of the alerts, in the queries, in the thresholds.

    A threshold is in seconds if its name says so (`…_seconds:threshold`); others are not times.
    """
    walk(rules, lambda node: _shorten(node, quicker))
    return rules


def _shorten(node: dict[str, Tree], quicker: float) -> None:
    node.update({name: scaled(node[name], quicker) for name in _TIMES if name in node})
    if "expr" in node:
        query = str(node["expr"])
        if str(node.get("record")).endswith("_seconds:threshold"):
            query = f"({query}) / {quicker:g}"
        node["expr"] = _IN_QUERIES.sub(lambda found: f"{found[1]}{scaled(found[2], quicker)}", query)


class Prometheus:
    """One process in a folder of its own, which scrapes camwatch and tells Alertmanager (`HOST:PORT`)."""

    def __init__(self, folder: Path, *, quicker: float, camwatch: str, alertmanager: str) -> None:
        (folder / "rules").mkdir(parents=True)
        (folder / "secrets").mkdir()
        (folder / "secrets/camwatch-metrics-token").write_text("asked for by nobody here")
        self._folder, self._quicker = folder, quicker
        self._process: subprocess.Popen[bytes] | None = None
        self.address = f"127.0.0.1:{free_port()}"
        self._http = httpx.AsyncClient(base_url=f"http://{self.address}", trust_env=False, verify=False)  # noqa: S501 - no TLS here; to read the authorities takes a while
        for file in (FOLDER / "rules").glob("*.yaml"):
            self._write(f"rules/{file.name}", quicker_rules(yaml.safe_load(file.read_text()), quicker))
        tree = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
        targets = {"camwatch": camwatch, "alertmanager": alertmanager, "prometheus": self.address}
        tree["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [alertmanager]}]}]
        for job in tree["scrape_configs"]:
            job["static_configs"] = [{"targets": [targets[job["job_name"]]]}]
        walk(tree, lambda node: _shorten(node, quicker))
        tree["global"]["scrape_timeout"] = tree["global"]["scrape_interval"]
        self._write("prometheus.yml", tree)

    def _write(self, name: str, tree: Tree) -> None:
        (self._folder / name).write_text(yaml.safe_dump(tree, allow_unicode=True))

    @property
    def log(self) -> str:
        """What it has said so far."""
        return (self._folder / "log").read_text()

    def start(self) -> None:
        """Start it."""
        command = [
            program("prometheus"),
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--web.listen-address={self.address}",
            f"--rules.alert.resend-delay={scaled('1m', self._quicker)}",  # its default, made shorter
        ]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    async def ready(self) -> None:
        """Wait until it answers."""
        await answers(self._http, self._process, lambda: self.log)

    async def ask(self, query: str) -> list[dict[str, Any]]:
        """Return what Prometheus knows."""
        answer = await self._http.get("/api/v1/query", params={"query": query})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    async def __aenter__(self) -> Self:
        self.start()
        await self.ready()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
        await self._http.aclose()
