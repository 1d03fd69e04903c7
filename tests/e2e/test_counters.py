"""What Prometheus may rely on, however stormy the day: counters grow, and no account holds more than time."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from datetime import datetime
from pathlib import Path

from camsim.simulator import Simulator
from tests.support.cameras import playing
from tests.support.daemon import Daemon, Metrics, broker, config, running
from tests.support.mosquitto import Mosquitto
from tests.support.pace import SCALE
from tests.support.tables import camera, write_fleet, write_table

CAMERAS = [camera(f"cam-{number}", site_id=f"site-{number % 3}") for number in range(12)]
ROUNDS = 8
SCRAPES_PER_ROUND = 5
ACCOUNTS = ("up", "down", "unknown", "maintenance")


def assert_nothing_decreased(before: Metrics, after: Metrics) -> None:
    assert before.counters <= after.counters, before.counters - after.counters
    for key in before.counters:
        assert after.values[key] >= before.values[key], key


def assert_accounts_hold_no_more_than_time(metrics: Metrics, since_s: float) -> None:
    """A1: the four accounts of a camera together, against the seconds since the first subscription."""
    accounts = [metrics.account(name) for name in ACCOUNTS]
    for name in metrics.statuses():
        assert sum(account[name] for account in accounts) <= since_s
        degraded = metrics.value("camwatch_camera_degraded_seconds_total", camera=name)
        assert degraded is not None
        assert degraded <= accounts[0][name]


async def follow(daemon: Daemon, subscribed: float, before: Metrics) -> Metrics:
    """Scrape a few times, hold each scrape against the one before, and return the last."""
    for _ in range(SCRAPES_PER_ROUND):
        after = await daemon.metrics()
        assert_nothing_decreased(before, after)
        assert_accounts_hold_no_more_than_time(after, time.time() - subscribed)
        before = after
        await asyncio.sleep(0.05)
    return before


def power_cuts(cameras: Simulator, chance: random.Random) -> None:
    """Give the power back that was taken before, and take it from four cameras by chance."""
    cameras.restore(cameras.fleet.cameras)
    cameras.cut_power(chance.sample(cameras.fleet.cameras, 4))


async def test_counters_never_decrease_and_accounts_never_exceed_the_time(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """A1: through power cuts by chance, reloads, a restart of the broker and a stall of the daemon itself."""
    fleet = write_fleet(tmp_path / "fleet", CAMERAS)
    settings = config(fleet, broker(mosquitto.url), will_grace_s=0.3 * SCALE, stall_after_s=0.5 * SCALE)
    chance = random.Random(9)
    async with running(tmp_path, settings) as daemon, playing(mosquitto.url, fleet) as cameras:
        subscribed = datetime.fromisoformat((await daemon.says("link subscribed"))["time"]).timestamp() - 0.05
        before = await daemon.until_all("up")
        for number in range(ROUNDS):
            if number == 4:
                await asyncio.to_thread(mosquitto.start)
            if number != 3:  # a camera that is just connecting when the broker dies would hang for 10 s
                power_cuts(cameras, chance)
            if number in (2, 5):
                renamed = [dict(row) | {"name": f"Round {number}"} for row in CAMERAS]
                write_table(fleet, "cameras.csv", renamed)
                daemon.send(signal.SIGHUP)
            if number == 3:
                await asyncio.to_thread(mosquitto.kill)
            if number == 6:
                daemon.send(signal.SIGSTOP)
                await asyncio.sleep(0.8 * SCALE)
                daemon.send(signal.SIGCONT)
            before = await follow(daemon, subscribed, before)
        cameras.restore(cameras.fleet.cameras)
        after = await daemon.until_all("up")
        assert_nothing_decreased(before, after)
        assert after.outages() > 0
        assert (after.value("camwatch_event_loop_stall_seconds_total") or 0) > 0.5 * SCALE
        assert sum(after.account("unknown").values()) > 0
        assert sum(after.account("down").values()) > 0
        assert len(daemon.log("inventory reloaded")) >= 2
        assert len(daemon.log("link subscribed")) >= 2
