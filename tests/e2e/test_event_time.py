"""What comes late proves nothing against anybody: a whole city behind a link that lags (S11, L8, E4).

458 cameras write down what they sent; the record must hold no outage in which one of them spoke, and an
outage for each that died.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from camsim.fleet import read_fleet
from tests.support.daemon import Daemon, broker, config, running
from tests.support.herd import Camera, Herd, Kind
from tests.support.mosquitto import Mosquitto
from tests.support.pace import SCALE
from tests.support.paths import FLEET
from tests.support.proxy import Cut, Proxy, proxy_to
from tests.support.verdict import false_outages, record, undetected

INTERVAL_S = 1.0 * SCALE
DEATHS = (Kind.POWER_SILENT, Kind.POWER_TOLD, Kind.RESUMES, Kind.RECONNECTS)
_LISTENER = "allow_anonymous true\nmax_queued_messages 0\n"


@pytest.fixture
def mosquitto(tmp_path: Path) -> Mosquitto:
    """Return a broker that keeps whatever comes; not yet started."""
    return Mosquitto(tmp_path / "mosquitto", _LISTENER)


def city(port: int, *kinds: Kind, interval_s: float = INTERVAL_S) -> Herd:
    """Return the 458 cameras of the reference fleet."""
    cameras = read_fleet(FLEET).in_service
    return Herd(((one.id, one.operator) for one in cameras), port, interval_s, kinds=kinds or DEATHS)


def settings(url: str, interval_s: float = INTERVAL_S, **link: object) -> str:
    patient = {"connect_timeout_s": 15.0 * SCALE, **link}
    return config(FLEET, broker(url, **patient), interval_s=interval_s, will_grace_s=1.5 * interval_s)


async def until_only(daemon: Daemon, down: list[Camera], herd: Herd) -> None:
    """Wait until these cameras are down, and all others of the herd are up."""
    gone = {camera.id for camera in down}
    wanted = {one.id: "down" if one.id in gone else "up" for one in herd.cameras}
    await daemon.until(lambda now: wanted.items() <= now.statuses().items(), "camwatch_camera_status")


@asynccontextmanager
async def watched(
    mosquitto: Mosquitto, folder: Path, **link: object
) -> AsyncIterator[tuple[Herd, Proxy, Daemon]]:
    """Have a city on a broker that the daemon hears through a proxy, all of it up."""
    with mosquitto:
        async with (
            proxy_to(mosquitto.port) as proxy,
            city(mosquitto.port) as herd,
            running(folder, settings(proxy.url, INTERVAL_S, **link)) as daemon,
        ):
            await until_only(daemon, [], herd)
            yield herd, proxy, daemon


async def assert_true(daemon: Daemon, herd: Herd) -> None:
    """Hold the record against what the cameras did."""
    said = await record(daemon, herd)
    assert false_outages(said, herd) == []
    assert undetected(said, herd) == []


async def live_rate(herd: Herd, proxy: Proxy) -> float:
    """Return the bytes a second that the daemon gets of cameras that all live."""
    sent, passed = _sent(herd), proxy.back.passed
    await asyncio.sleep(3 * INTERVAL_S)
    a_beat = (proxy.back.passed - passed) / (_sent(herd) - sent)
    return a_beat * len(herd.cameras) / INTERVAL_S


def _sent(herd: Herd) -> int:
    return sum(len(camera.sent_ms) for camera in herd.cameras)


async def test_a_link_too_thin_for_its_traffic_accuses_nobody_and_finds_who_died(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """S11, S10: packets come all the time, each later than the one before."""
    async with watched(mosquitto, tmp_path) as (herd, proxy, daemon):
        proxy.back.rate = await live_rate(herd, proxy) / 2
        await asyncio.sleep(4 * INTERVAL_S)
        dead = herd.cameras[::40]
        for camera in dead:
            herd.cut(camera)
        await asyncio.sleep(8 * INTERVAL_S)
        proxy.back.free()
        await until_only(daemon, dead, herd)
        for camera in dead:
            herd.mend(camera)
        await until_only(daemon, [], herd)
        await assert_true(daemon, herd)


async def test_a_delay_that_grows_unevenly_accuses_nobody_and_finds_who_died(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """S11: from 1.5 to 12 intervals; beyond 4.5 the link is blind."""
    async with watched(mosquitto, tmp_path) as (herd, proxy, daemon):
        loop = asyncio.get_running_loop()
        began, lasts_s = loop.time(), 18 * INTERVAL_S

        def delay_s() -> float:
            passed = loop.time() - began
            grown = 1.5 + 10.5 * passed / lasts_s
            return INTERVAL_S * grown * (1 + 0.1 * math.sin(passed * 3 / INTERVAL_S))

        proxy.back.delay_s = delay_s
        dead = herd.cameras[::40]
        for camera in dead:
            await asyncio.sleep(lasts_s / 2 / len(dead))
            herd.cut(camera)
        await asyncio.sleep(lasts_s / 2)
        proxy.back.free()
        await until_only(daemon, dead, herd)
        for camera in dead:
            herd.mend(camera)
        await until_only(daemon, [], herd)
        await assert_true(daemon, herd)


@pytest.mark.parametrize("how", Cut)
async def test_a_slow_link_cut_within_a_packet_declares_no_camera_down(
    how: Cut, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """S14, S10: bytes come, and no whole packet."""
    async with watched(mosquitto, tmp_path) as (herd, proxy, daemon):
        await asyncio.sleep(2 * INTERVAL_S)
        proxy.back.rate = 10
        await asyncio.sleep(7 * INTERVAL_S)
        dead = herd.cameras[::40]
        for camera in dead:
            herd.cut(camera)
        proxy.cut(how)
        await asyncio.sleep(2 * INTERVAL_S)
        proxy.mend()
        await until_only(daemon, dead, herd)
        for camera in dead:
            herd.mend(camera)
        await until_only(daemon, [], herd)
        await assert_true(daemon, herd)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_slow_backlog_after_a_restart_declares_only_dead_cameras_down(
    protocol: str, tmp_path: Path
) -> None:
    """S9, S11: the backlog takes longer to come than the silence that convicts."""
    window = "" if protocol == "5" else "max_inflight_messages 20\n"
    kept = Mosquitto(tmp_path / "mosquitto", _LISTENER + window)
    text = ""
    with kept:
        async with proxy_to(kept.port) as proxy, city(kept.port) as herd:
            text = settings(proxy.url, protocol=protocol)
            async with running(tmp_path, text) as daemon:
                await until_only(daemon, [], herd)
                rate = await live_rate(herd, proxy)
            await asyncio.sleep(7 * INTERVAL_S)
            dead = herd.cameras[::40]
            for camera in dead:
                herd.cut(camera)
            await asyncio.sleep(8 * INTERVAL_S)
            proxy.back.rate = 3 * rate
            async with running(tmp_path, text) as daemon:
                await until_only(daemon, dead, herd)
                for camera in dead:
                    herd.mend(camera)
                await until_only(daemon, [], herd)
                await assert_true(daemon, herd)


async def test_a_camera_that_returns_during_a_short_restart_is_up_since_then(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """S7, L8: what it sent while camwatch was away ends its outage when it was sent."""
    long_s = 3 * INTERVAL_S  # so that a start is shorter than the silence that convicts
    with mosquitto:
        async with proxy_to(mosquitto.port) as proxy, city(mosquitto.port, interval_s=long_s) as herd:
            text = settings(proxy.url, long_s)
            dead = herd.cameras[::40]
            async with running(tmp_path, text) as daemon:
                await until_only(daemon, [], herd)
                for camera in dead:
                    herd.cut(camera)
                await until_only(daemon, dead, herd)
            for camera in dead:
                herd.mend(camera)
            await asyncio.sleep(long_s)
            async with running(tmp_path, text) as daemon:
                await until_only(daemon, [], herd)
                await assert_true(daemon, herd)
