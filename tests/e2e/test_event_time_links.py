"""Cameras that several links carry, or a landlord's bridge: a way that is lost accuses nobody (S13, E4)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from camsim.fleet import read_fleet
from tests.e2e.test_event_time import INTERVAL_S, assert_true, city, until_only
from tests.support.daemon import broker, config, running
from tests.support.herd import Herd, Kind
from tests.support.mosquitto import Mosquitto
from tests.support.paths import FLEET
from tests.support.proxy import Cut, proxy_to

_LISTENER = "allow_anonymous true\nmax_queued_messages 0\n"
_BRIDGE = """\
connection city
address 127.0.0.1:{port}
topic camwatch/v1/# out 1
cleansession false
notifications false
keepalive_interval 5
restart_timeout 1
bridge_protocol_version mqttv311
"""


async def test_cameras_of_a_frozen_broker_are_not_visible_despite_another_link(
    tmp_path: Path,
) -> None:
    """S13: they hold their sessions with the frozen one; who dies meanwhile is found afterwards."""
    with Mosquitto(tmp_path / "frozen", _LISTENER) as frozen, Mosquitto(tmp_path / "well", _LISTENER) as well:
        links = (broker(frozen.url, name="frozen"), broker(well.url, name="well"))
        async with (
            city(frozen.port, Kind.RESUMES) as herd,
            running(tmp_path, config(FLEET, *links, interval_s=INTERVAL_S)) as daemon,
        ):
            await until_only(daemon, [], herd)
            frozen.freeze()
            await daemon.says("link lost", link="frozen")
            dead = herd.cameras[::40]
            for camera in dead:
                herd.cut(camera)
            await asyncio.sleep(7 * INTERVAL_S)
            frozen.thaw()
            await until_only(daemon, dead, herd)
            for camera in dead:
                herd.mend(camera)
            await until_only(daemon, [], herd)
            await assert_true(daemon, herd)


async def test_late_heartbeats_of_a_bridge_void_the_outages_they_disprove(
    tmp_path: Path,
) -> None:
    """E4: the bridge is cut for longer than the silence that convicts, and flushes what it kept."""
    cameras = [(one.id, one.operator) for one in read_fleet(FLEET).in_service]
    theirs, ours = cameras[::10], [one for number, one in enumerate(cameras) if number % 10]
    with Mosquitto(tmp_path / "city", _LISTENER) as hub:
        async with proxy_to(hub.port) as proxy:
            bridge = Mosquitto(tmp_path / "landlord", _LISTENER + _BRIDGE.format(port=proxy.port))
            with bridge:
                async with (
                    Herd(ours, hub.port, INTERVAL_S) as city_herd,
                    Herd(theirs, bridge.port, INTERVAL_S) as herd,
                    running(tmp_path, config(FLEET, broker(hub.url), interval_s=INTERVAL_S)) as daemon,
                ):
                    await until_only(daemon, [], city_herd)
                    await until_only(daemon, [], herd)
                    dead = herd.cameras[:1]
                    proxy.cut(Cut.RESET)
                    for camera in dead:
                        herd.cut(camera)
                    await asyncio.sleep(9 * INTERVAL_S)
                    proxy.mend()
                    await until_only(daemon, dead, herd)
                    for camera in dead:
                        herd.mend(camera)
                    await until_only(daemon, [], herd)
                    await assert_true(daemon, herd)
                    await assert_true(daemon, city_herd)
