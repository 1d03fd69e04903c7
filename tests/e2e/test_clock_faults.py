"""The wall clock is set, or summer time changes, while the daemon runs; the steady clock goes on (T1, T2)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from camwatch.core.model import GapCause
from tests.support.cameras import playing
from tests.support.daemon import Daemon, Metrics, broker
from tests.support.faults import WallClock, boot_anew, problems, settings
from tests.support.ledger import Book, camwatch
from tests.support.mosquitto import Mosquitto
from tests.support.pace import SCALE
from tests.support.publisher import heartbeat_topic, publishing

HOUR_MS = 3_600_000


def steps(metrics: Metrics) -> float:
    """Return how often the wall clock was set."""
    return metrics.value("camwatch_clock_steps_total") or 0


@pytest.mark.parametrize("hours", [1, -1])
async def test_a_step_of_an_hour_convicts_and_acquits_nobody(
    hours: int, tmp_path: Path, mosquitto: Mosquitto, fleet: Path
) -> None:
    """T2, A1: three cameras live, one is down; ahead, the hour that never was is unknown, and adds up."""
    store = tmp_path / "camwatch.db"
    clock = WallClock(tmp_path)
    daemon = Daemon(tmp_path, settings(fleet, store, broker(mosquitto.url), interval_s=0.4 * SCALE))
    expected = {"cam-1": "down", "cam-2": "up", "cam-3": "up", "cam-4": "up"}
    async with playing(mosquitto.url, fleet, qos=1, interval_s=0.4 * SCALE) as city:
        try:
            daemon.start(**clock.environment)
            await daemon.runs()
            await daemon.until_all("up")
            city.silence(city.fleet.cameras[:1])
            await daemon.until(lambda now: now.statuses() == expected)
            before = await daemon.stored()
            clock.set(3600 * hours)
            await daemon.says("wall clock stepped")
            await daemon.until(lambda now: steps(now) == 1)
            for _ in range(3):
                await daemon.stored()
            after = await daemon.metrics()
            assert after.statuses() == expected
            assert after.outages() == before.outages() == 1
            assert {line["camera"] for line in daemon.log("camera down")} == {"cam-1"}
            counted = [
                sum(sum(now.account(name).values()) for name in ("up", "down", "unknown"))
                for now in (before, after)
            ]
            assert 0 < counted[1] - counted[0] < 3600, "the counters are on the steady clock"
            assert await daemon.end() == 0, daemon.text
        finally:
            await daemon.release()
    assert problems(daemon.config_file) == []
    book = Book(store)
    for camera in expected:
        account = book.account(camera)
        assert account.in_service == book.in_service(camera)
        assert abs(account.unknown - (HOUR_MS if hours > 0 else 0)) < 10_000
    stepped = [blind for blind in book.record.gaps if blind.cause is GapCause.CLOCK_STEP]
    assert [(blind.end_ms or 0) - blind.start_ms for blind in stepped] == ([HOUR_MS] if hours > 0 else [])


@asynccontextmanager
async def living(port: int, *cameras: str) -> AsyncIterator[None]:
    """Let cameras give bare heartbeats: their own clocks would tell another year."""

    async def beat() -> None:
        while True:
            for camera in cameras:
                await publisher.send(heartbeat_topic(camera))
            await asyncio.sleep(0.3 * SCALE)

    async with publishing(port) as publisher:
        beating = asyncio.create_task(beat())
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.wait({beating})


async def lives(daemon: Daemon, clock: WallClock, begins: str, until: str) -> None:
    """Let the daemon begin at a wall clock's time, and live until it heard all cameras after another."""
    clock.show(begins)
    daemon.start(**clock.environment)
    await daemon.says("started")
    await daemon.until_all("up")
    reached = datetime.fromisoformat(until).replace(tzinfo=UTC).timestamp()
    heard = "camwatch_camera_last_heartbeat_timestamp_seconds"
    await daemon.until(lambda now: min(now.by("camera", heard).values()) > reached)
    assert steps(await daemon.stored()) == 0
    assert await daemon.end() == 0, daemon.text


@pytest.mark.parametrize(
    ("day", "before", "length_h"),
    [("2026-03-29", "2026-03-28 20:00:00", 23), ("2026-10-25", "2026-10-24 20:00:00", 25)],
)
async def test_a_change_of_summer_time_while_the_daemon_runs_changes_nothing(
    day: str, before: str, length_h: int, tmp_path: Path, mosquitto: Mosquitto, fleet: Path
) -> None:
    """A5, T2: a local day of 23 or 25 hours adds up; no step, no gap in the time in service."""
    store = tmp_path / "camwatch.db"
    clock = WallClock(tmp_path)
    daemon = Daemon(tmp_path, settings(fleet, store, broker(mosquitto.url), interval_s=0.4 * SCALE))
    async with living(mosquitto.port, "cam-1", "cam-2", "cam-3", "cam-4"):
        try:
            await lives(daemon, clock, before, before)
            boot_anew(store)
            await lives(daemon, clock, f"{day} 00:59:57", f"{day} 01:00:00")
            boot_anew(store)
            await lives(daemon, clock, f"{day} 23:30:00", f"{day} 23:30:00")
        finally:
            await daemon.release()
    assert problems(daemon.config_file) == []
    report = ("report", "--all", "--config", daemon.config_file, "--format", "json")
    code, out, err = await camwatch(*report, "--from", day, "--to", day, cwd=tmp_path)
    assert code == 0, err
    for section in json.loads(out)["operators"]:
        for camera in section["cameras"]:
            exact = camera["figures"]["exact"]
            spent = [exact.get(name, 0) for name in ("up", "down", "unknown", "maintenance")]
            assert sum(spent) == length_h * HOUR_MS
            assert spent[0] > 0
