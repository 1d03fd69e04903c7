"""The real daemon as a process of its own, and what users read of it: metrics, readiness, logs, exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.support.eventually import eventually
from tests.support.pace import PATIENCE_S, SCALE

INTERVAL_S = 0.2 * SCALE
"""Between two heartbeats in most end-to-end tests; at scale 1, `blind_after` is 0.9 s."""

_PROGRAM = Path(sys.executable).with_name("camwatch")
_LOOK_EVERY_S = 0.03

Key: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]
Line: TypeAlias = dict[str, Any]


class Metrics:
    """One scrape, as Prometheus would parse it; `only` keeps the lines that begin with one of these names."""

    def __init__(self, text: str, *only: str) -> None:
        self.values: dict[Key, float] = {}
        self.counters: set[Key] = set()  # what must never decrease: counters, and all of a histogram
        if only:
            starts = only + tuple(f"# TYPE {name}" for name in only)
            text = "".join(line for line in text.splitlines(keepends=True) if line.startswith(starts))
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                self.values[key] = sample.value
                if family.type in ("counter", "histogram"):
                    self.counters.add(key)

    def find(self, name: str, /, **labels: str) -> Iterator[tuple[dict[str, str], float]]:
        """Yield labels and value of each sample of this name that has these labels."""
        for (found, pairs), value in self.values.items():
            if found == name and labels.items() <= set(pairs):
                yield dict(pairs), value

    def value(self, name: str, /, **labels: str) -> float | None:
        """Return the value of the one sample that is so described; None if there is none."""
        found = [value for _, value in self.find(name, **labels)]
        assert len(found) <= 1, f"{name} {labels} describes {len(found)} samples"
        return found[0] if found else None

    def by(self, label: str, name: str, /, **labels: str) -> dict[str, float]:
        """Return the values of a family by one of its labels."""
        return {found[label]: value for found, value in self.find(name, **labels)}

    def statuses(self) -> dict[str, str]:
        """Return each camera's status."""
        return {
            labels["camera"]: labels["status"]
            for labels, value in self.find("camwatch_camera_status")
            if value == 1
        }

    def account(self, account: str) -> dict[str, float]:
        """Return the seconds in this account of each camera's ledger."""
        return self.by("camera", "camwatch_camera_status_seconds_total", status=account)

    def outages(self) -> int:
        """Return how many outages began so far, of all cameras."""
        return round(sum(value for _, value in self.find("camwatch_camera_outages_total")))

    def rejected(self) -> dict[str, int]:
        """Return how many messages were refused, by reason."""
        found = self.by("reason", "camwatch_messages_rejected_total")
        return {reason: round(count) for reason, count in found.items()}


class Daemon:
    """One process of `camwatch run`, from `start` to `end`."""

    def __init__(self, folder: Path, config: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.config_file = folder / "camwatch.toml"
        self.config_file.write_text(config)
        self._errors = folder / "camwatch.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._http = httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S)

    # ---- the process

    @property
    def pid(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    def start(self, **additional: str) -> None:
        """Start the process, with these variables too in its environment; its log begins anew."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CAMWATCH_")}
        command = [str(_PROGRAM), "run", "--config", str(self.config_file)]
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                command,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=environment | additional,
                cwd=self.config_file.parent,  # where its store is
            )

    async def runs(self) -> None:
        """Wait until the daemon says that it runs."""
        await eventually(lambda: self.log("started") or self.exit_code is not None)
        assert self.exit_code is None, self.text

    @property
    def exit_code(self) -> int | None:
        """The exit code; None while it runs."""
        assert self._process is not None
        return self._process.poll()

    def send(self, number: signal.Signals) -> None:
        """Send the process a signal; SIGSTOP freezes it, SIGCONT thaws it."""
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait until the process has ended by itself, and return its exit code."""
        await eventually(lambda: self.exit_code is not None)
        assert self.exit_code is not None
        return self.exit_code

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask the process to stop, and return its exit code."""
        self.send(number)
        return await self.ended()

    async def release(self) -> None:
        """Leave nothing behind, whatever happened."""
        await self._http.aclose()
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    # ---- what it writes

    @property
    def text(self) -> str:
        """Everything on standard error so far."""
        return self._errors.read_text() if self._errors.exists() else ""

    def log(self, event: str | None = None, **fields: object) -> list[Line]:
        """Return the log lines so far: those of this event, whose fields have these values."""
        complete, _, _ = self.text.rpartition("\n")
        lines: list[Line] = [json.loads(line) for line in complete.splitlines() if line.startswith("{")]
        return [
            line
            for line in lines
            if event in (None, line.get("event")) and fields.items() <= {**line}.items()
        ]

    async def says(self, event: str, **fields: object) -> Line:
        """Wait for such a line, and return the newest."""
        await eventually(lambda: self.log(event, **fields))
        return self.log(event, **fields)[-1]

    # ---- what it serves

    @property
    def url(self) -> str:
        """Where it listens, by its own word."""
        return str(self.log("started")[-1]["http"])

    async def get(self, path: str) -> httpx.Response:
        """Ask for a page."""
        return await self._http.get(self.url + path)

    async def metrics(self, *only: str) -> Metrics:
        """Scrape; `only` those families, which is quicker with many cameras."""
        response = await self.get("/metrics")
        assert response.status_code == 200
        return Metrics(response.text, *only)

    async def until(self, condition: Callable[[Metrics], object], *only: str) -> Metrics:
        """Scrape until the condition is true, and return that scrape."""
        seen: Metrics | None = None

        async def reached() -> Metrics | None:
            nonlocal seen
            seen = await self.metrics(*only)
            return seen if condition(seen) else None

        return await eventually(
            reached, every_s=_LOOK_EVERY_S, saw=lambda: f"{seen and seen.statuses()}\n{self.text[-2000:]}"
        )

    async def until_all(self, status: str, cameras: int | None = None) -> Metrics:
        """Wait until every camera (of that many) has this status."""

        def reached(metrics: Metrics) -> bool:
            found = metrics.statuses()
            return set(found.values()) == {status} and cameras in (None, len(found))

        return await self.until(reached)

    async def stored(self) -> Metrics:
        """Scrape when the store, and so every counter, has what has been seen of the cameras that are up."""
        beats = "camwatch_camera_heartbeats_total"
        before = await self.metrics()
        up = {camera for camera, status in before.statuses().items() if status == "up"}
        seen = before.by("camera", beats)

        def grown(now: Metrics) -> bool:
            return all(
                count > seen[camera] for camera, count in now.by("camera", beats).items() if camera in up
            )

        await self.until(grown)
        return await self.until(lambda now: now.value("camwatch_history_pending_events") == 0)

    async def until_ready(self) -> None:
        """Wait until /-/ready answers 200."""

        async def ready() -> bool:
            return (await self.get("/-/ready")).status_code == 200

        await eventually(ready, every_s=_LOOK_EVERY_S)

    async def unready(self, *words: str) -> str:
        """Wait until /-/ready answers 503 with all these words in its reasons, and return the reasons."""
        reasons = ""

        async def unready() -> bool:
            nonlocal reasons
            response = await self.get("/-/ready")
            reasons = response.text
            return response.status_code == 503 and all(word in reasons for word in words)

        await eventually(unready, every_s=_LOOK_EVERY_S, saw=lambda: reasons)
        return reasons


@asynccontextmanager
async def running(folder: Path, config: str) -> AsyncIterator[Daemon]:
    """Run the daemon; at the end it must stop when asked, with exit code 0, and have told of no bug."""
    daemon = Daemon(folder, config)
    try:
        daemon.start()
        await daemon.runs()
        yield daemon
        if daemon.exit_code is None:
            assert await daemon.end() == 0, daemon.text
        assert "Traceback" not in daemon.text, daemon.text
    finally:
        await daemon.release()


def broker(url: str, **settings: object) -> Mapping[str, object]:
    """Return one `[[brokers]]` table: quick to retry, unless `settings` say otherwise."""
    quick = {
        "name": "main",
        "connect_timeout_s": 2.0 * SCALE,
        "reconnect_min_s": 0.05,
        "reconnect_max_s": 0.2,
    }
    return {**quick, "url": url, **settings}


def config(fleet: Path, *brokers: Mapping[str, object], **liveness: object) -> str:
    """Return a settings file: a free HTTP port, JSON logs, cameras that are heard every `INTERVAL_S`."""
    tables: list[tuple[str, Mapping[str, object]]] = [
        ("[fleet]", {"path": str(fleet), "reload_interval_s": 0.1}),
        *(("[[brokers]]", table) for table in brokers),
        ("[clock]", {"require_sync": False}),
        ("[liveness]", {"interval_s": INTERVAL_S, **liveness}),
        ("[http]", {"listen": "127.0.0.1:0"}),
        ("[log]", {"format": "json"}),
    ]
    return "\n".join(f"{head}\n{_toml(table)}" for head, table in tables)


def _toml(table: Mapping[str, object]) -> str:
    # What JSON writes of these texts, numbers and lists is TOML, too.
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in table.items())
