"""A real Alertmanager on free ports, fed by a configuration that is derived from the committed one."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self, TypeAlias

import httpx
import yaml

from tests.support.eventually import eventually
from tests.support.mosquitto import free_port, program
from tests.support.pace import PATIENCE_S
from tests.support.paths import ROOT

FOLDER = ROOT / "deploy" / "alertmanager"
COMMITTED = FOLDER / "alertmanager.yml"

Tree: TypeAlias = Any
"""What YAML is made of."""
Labels: TypeAlias = Mapping[str, str]

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(?:\d+(?:ms|[smhd]))+")
_TIMES = ("group_wait", "group_interval", "repeat_interval", "resolve_timeout")


def committed() -> Tree:
    """Return the committed configuration, where what several routes share is a copy for each of them."""
    return json.loads(json.dumps(yaml.safe_load(COMMITTED.read_text())))


def milliseconds(duration: str) -> int:
    """Return a duration as Prometheus and Alertmanager write it (`1h30m`)."""
    assert _DURATION.fullmatch(duration), duration
    return sum(int(count) * _UNITS_MS[unit] for count, unit in re.findall(r"(\d+)(ms|[smhd])", duration))


def scaled(duration: str, quicker: float) -> str:
    """Return a duration that is so many times shorter, in whole milliseconds, 1 at least."""
    ms = milliseconds(duration)
    return f"{max(1, round(ms / quicker))}ms" if ms else "0s"


def walk(tree: Tree, visit: Callable[[dict[str, Tree]], None]) -> None:
    """Visit every mapping of a tree."""
    if isinstance(tree, dict):
        visit(tree)
    for branch in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        walk(branch, visit)


def derived(*, quicker: float, webhook: str, smarthost: str, secrets: Path, at_any_hour: bool = True) -> Tree:
    """Return the committed configuration with shorter times, and every receiver pointing at the test.

    Webhooks go to `webhook/RECEIVER/KIND`, mail to `smarthost`; secrets are files of the folder `secrets`.
    `at_any_hour`: tickets are told now; otherwise never.
    """
    tree = committed()
    now = datetime.now(UTC)
    days = [f"{(now + timedelta(days=offset)):%A}".lower() for offset in (-1, 0, 1)]  # now, in any time zone
    others = [day for day in _DAYS if day not in days]
    tree["time_intervals"] = [
        {"name": "heures-ouvrees", "time_intervals": [{"weekdays": _DAYS if at_any_hour else others}]},
        {"name": "jours-feries", "time_intervals": [{"weekdays": others}]},
    ]
    tree["templates"] = [str(FOLDER / pattern) for pattern in tree["templates"]]
    tree["global"] |= {"smtp_smarthost": smarthost, "smtp_require_tls": False}
    walk(tree, lambda node: _shorten(node, quicker))
    walk(tree, lambda node: _supply(node, secrets, f"{webhook}/chat"))
    for receiver in tree["receivers"]:
        for config in receiver.get("webhook_configs", ()):
            config["url"] = f"{webhook}/{receiver['name']}"
    return tree


_DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def _shorten(node: dict[str, Tree], quicker: float) -> None:
    node.update({name: scaled(node[name], quicker) for name in _TIMES if name in node})


def _supply(node: dict[str, Tree], secrets: Path, chat: str) -> None:
    """Write each secret that a setting names into a file of the test's, and let the setting name that."""
    for name in [name for name in node if name.endswith("_file")]:
        file = secrets / Path(node[name]).name
        file.write_text(chat if name == "api_url_file" else f"secret of {file.name}")
        node[name] = str(file)


class Alertmanager:
    """One process in a folder of its own; `tree` is its configuration. Times in mails are Paris's."""

    def __init__(self, folder: Path, tree: Tree) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._file = folder / "alertmanager.yml"
        self._file.write_text(yaml.safe_dump(tree, allow_unicode=True))
        self.address = f"127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None
        self._http = httpx.AsyncClient(base_url=f"http://{self.address}", trust_env=False, verify=False)  # noqa: S501 - no TLS here; to read the authorities takes a while

    def start(self) -> None:
        """Start it."""
        command = [
            program("prometheus-alertmanager"),
            f"--config.file={self._file}",
            f"--storage.path={self._folder / 'data'}",
            f"--web.listen-address={self.address}",
            "--web.external-url=https://alertes.ville.example",
            "--web.route-prefix=/",
            "--cluster.listen-address=",
            "--log.level=debug",
        ]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env={"TZ": "Europe/Paris"})

    async def ready(self) -> None:
        """Wait until it is ready."""
        await answers(self._http, self._process, lambda: self.log)

    @property
    def log(self) -> str:
        """What it has said so far."""
        return (self._folder / "log").read_text()

    async def post(self, alerts: Iterable[Labels], annotations: Labels | None = None) -> None:
        """Tell it of alerts that fire, as Prometheus does."""
        body = [{"labels": dict(labels), "annotations": dict(annotations or {})} for labels in alerts]
        answer = await self._http.post("/api/v2/alerts", json=body)
        assert answer.status_code == 200, answer.text

    async def alerts(self, *matchers: str) -> list[dict[str, Any]]:
        """Return the alerts that it knows (that match), with their receivers and what mutes them."""
        answer = await self._http.get("/api/v2/alerts", params={"filter": matchers})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()
        return found

    async def settled(self, *, muted: int) -> list[dict[str, Any]]:
        """Wait until it has muted so many alerts, and return all; it inhibits a moment after it was told."""

        async def settled() -> list[dict[str, Any]] | None:
            found = await self.alerts()
            return found if sum(bool(each["status"]["inhibitedBy"]) for each in found) >= muted else None

        return await eventually(settled, every_s=0.05)

    async def __aenter__(self) -> Self:
        self.start()
        await self.ready()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE_S)
        await self._http.aclose()


async def answers(
    http: httpx.AsyncClient, process: subprocess.Popen[bytes] | None, log: Callable[[], str]
) -> None:
    """Wait until a server of the Prometheus family says that it is ready."""
    assert process is not None

    async def ready() -> bool:
        assert process.poll() is None, log()
        with contextlib.suppress(httpx.TransportError):
            return (await http.get("/-/ready")).status_code == 200
        return False

    await eventually(ready, every_s=0.05)
