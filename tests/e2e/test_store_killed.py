"""The daemon is killed at any instant: what it reported as stored is stored, and the ledger adds up (A1, S6).

Most kills are of a daemon without broker and HTTP (`tests.support.crash_loop`), which is busier than a real
one and starts in milliseconds; some are of the real one, in the middle of a city that flaps.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import httpx
import msgspec

from tests.support.cameras import playing
from tests.support.crash_loop import Kill
from tests.support.daemon import Daemon, Metrics, broker
from tests.support.eventually import eventually
from tests.support.faults import assert_none_decreased, problems, settings
from tests.support.ledger import assert_adds_up
from tests.support.mosquitto import Mosquitto
from tests.support.postgres import PostgreSQL
from tests.support.tables import cameras, write_fleet

FAST = {"interval_s": 0.02, "will_grace_s": 0.02}
QUICK = {"interval_s": 0.1, "will_grace_s": 0.1}


async def hammered(folder: Path, store: Path | str, kills: int, seed: int) -> list[Kill]:
    """Kill a busy daemon on this store so many times, and return what was found after each."""
    fleet = write_fleet(folder / "fleet", cameras(12))
    file = folder / "camwatch.toml"
    nobody = broker("mqtt://127.0.0.1:1")
    file.write_text(settings(fleet, store, nobody, checkpoint_interval_s=0.02, **FAST))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.crash_loop",
        file,
        str(seed),
        str(kills),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return [msgspec.convert(msgspec.json.decode(line), Kill) for line in out.splitlines()]


def assert_survived(found: list[Kill], kills: int) -> None:
    """Every audit passed, nothing reported was gone, and there was something to lose."""
    assert len(found) == kills
    assert [kill for kill in found if kill.problems or kill.gone] == []
    assert found[-1].batches >= kills * 3 // 4
    assert sum(kill.reported for kill in found) > kills


async def test_a_file_survives_180_kills_of_a_busy_daemon(tmp_path: Path) -> None:
    """A1, S6: three stores, 60 kills each, from the first instant of their making."""
    folders = [tmp_path / f"store-{number}" for number in range(3)]
    work = (hammered(folder, folder / "camwatch.db", 60, seed) for seed, folder in enumerate(folders))
    for found in await asyncio.gather(*work):
        assert_survived(found, 60)


async def test_a_server_survives_kills_of_a_busy_daemon(tmp_path: Path, postgres: PostgreSQL) -> None:
    """A1, S6: its half of a transaction goes with its session."""
    assert_survived(await hammered(tmp_path, postgres.url(postgres.fresh()), 12, 7), 12)


async def until_killed(daemon: Daemon, rng: random.Random) -> Metrics | None:
    """Let the daemon start and live for a moment, kill it, and return the last scrape."""
    seen: list[Metrics] = []

    async def scrape() -> None:
        await daemon.runs()
        while True:
            with contextlib.suppress(httpx.HTTPError):
                seen.append(await daemon.metrics("camwatch_camera_", "camwatch_history_"))

    daemon.start()
    scraping = asyncio.create_task(scrape())
    chance = rng.random()
    if chance < 0.8:  # the others are killed while they start
        event = "camera down" if chance < 0.3 else "link subscribed"
        await eventually(lambda: scraping.done() or (seen and daemon.log(event)))
    await asyncio.sleep(rng.uniform(0, 0.6))
    scraping.cancel()
    await daemon.end(signal.SIGKILL)
    await asyncio.wait({scraping})
    return seen[-1] if seen else None


def stored_outages(file: Path) -> dict[str, int]:
    """Return how many outages of each camera are in the store."""
    query = "SELECT cameras.id, count(*) FROM outages JOIN cameras ON key = camera_key GROUP BY 1"
    with closing(sqlite3.connect(file)) as connection:
        return dict(connection.execute(query))


async def survived(folder: Path, config: str, kills: int, seed: int) -> int:
    """Kill the real daemon again and again, and look at its store each time; return how many were scraped."""
    rng = random.Random(seed)
    counters: Metrics | None = None
    scraped = 0
    for _ in range(kills):
        daemon = Daemon(folder, config)
        try:
            seen = await until_killed(daemon, rng)
        finally:
            await daemon.release()
        assert await asyncio.to_thread(problems, daemon.config_file) == []
        if seen is None:
            continue
        if counters is not None:
            assert_none_decreased(counters, seen)
        counters, scraped = seen, scraped + 1
        stored = stored_outages(folder / "camwatch.db")
        for camera, count in seen.by("camera", "camwatch_camera_outages_total").items():
            assert count <= stored.get(camera, 0)
    await assert_adds_up(daemon.config_file)
    assert counters is not None
    assert counters.outages() > 0
    return scraped


async def test_the_real_daemon_survives_20_kills_in_a_city_that_flaps(tmp_path: Path) -> None:
    """A1, S6: cameras fall silent and come back, the broker ends and returns; counters never decrease."""
    rng = random.Random(11)
    fleet = write_fleet(tmp_path / "fleet", cameras(16))

    async def flap() -> None:
        while True:
            some = rng.sample(city.fleet.cameras, 4)
            city.silence(some)
            await asyncio.sleep(rng.uniform(0.2, 0.7))
            city.restore(some)
            if rng.random() < 0.2:
                mosquitto.kill()
                await asyncio.sleep(rng.uniform(0, 0.2))
                mosquitto.start()

    with Mosquitto(tmp_path / "mosquitto") as mosquitto:
        async with playing(mosquitto.url, fleet, qos=1, interval_s=0.1) as city:
            flapping = asyncio.create_task(flap())
            work = (
                survived(
                    tmp_path / name,
                    settings(
                        fleet,
                        tmp_path / name / "camwatch.db",
                        broker(mosquitto.url, client_id=name),
                        **QUICK,
                    ),
                    10,
                    seed,
                )
                for seed, name in enumerate(("one", "two"))
            )
            scraped = await asyncio.gather(*work)
            assert not flapping.done()
            flapping.cancel()
            await asyncio.wait({flapping})
    assert sum(scraped) >= 10
