"""The daemon itself is frozen: it does not convict on what it slept through."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from tests.support.cameras import playing
from tests.support.daemon import broker, config, running
from tests.support.eventually import eventually
from tests.support.mosquitto import Mosquitto
from tests.support.pace import SCALE
from tests.support.publisher import publishing


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_daemon_frozen_for_longer_than_stall_after_convicts_nobody(
    protocol: str, mosquitto: Mosquitto, fleet: Path, tmp_path: Path
) -> None:
    """S8: frozen for a dozen heartbeats; the gap is counted, and accounted as unknown."""
    settings = config(fleet, broker(mosquitto.url, protocol=protocol), stall_after_s=1.0 * SCALE)
    async with running(tmp_path, settings) as daemon, playing(mosquitto.url, fleet) as cameras:
        before = await daemon.until_all("up")
        stalled_before_s = before.value("camwatch_event_loop_stall_seconds_total")
        assert stalled_before_s is not None  # the machine may have been busy
        daemon.send(signal.SIGSTOP)
        began, beats = time.monotonic(), cameras.statistics.heartbeats
        await eventually(lambda: cameras.statistics.heartbeats >= beats + 12 * 4)
        frozen_s = time.monotonic() - began
        daemon.send(signal.SIGCONT)
        after = await daemon.until(
            lambda now: (
                (now.value("camwatch_event_loop_stall_seconds_total") or 0) > stalled_before_s
                and set(now.statuses().values()) == {"up"}
                and min(now.account("unknown").values()) > before.account("unknown")["cam-1"] + 1
            )
        )
        stalled_s = after.value("camwatch_event_loop_stall_seconds_total")
        assert stalled_s is not None
        assert stalled_s - stalled_before_s >= frozen_s
        assert not daemon.log("camera down")
        assert after.outages() == 0
        assert set(after.account("down").values()) == {0}
        for camera, unknown in after.account("unknown").items():
            assert unknown - before.account("unknown")[camera] >= frozen_s - 0.3 * SCALE


async def test_a_camera_that_died_during_a_stall_is_down_afterwards(
    mosquitto: Mosquitto, fleet: Path, tmp_path: Path
) -> None:
    """S5, S8."""
    settings = config(fleet, broker(mosquitto.url), stall_after_s=1.0 * SCALE)
    async with running(tmp_path, settings) as daemon, playing(mosquitto.url, fleet) as cameras:
        await daemon.until_all("up")
        daemon.send(signal.SIGSTOP)
        cameras.silence(cameras.fleet.cameras[:1])
        beats = cameras.statistics.heartbeats
        await eventually(lambda: cameras.statistics.heartbeats >= beats + 12 * 3)
        daemon.send(signal.SIGCONT)
        await daemon.until(lambda now: list(now.statuses().values()) == ["down", "up", "up", "up"])
        (down,) = daemon.log("camera down")
        assert down["camera"] == "cam-1"
        assert down["old"] == "unknown"


async def test_a_stall_long_enough_to_convict_is_one_whatever_stall_after_says(
    mosquitto: Mosquitto, fleet: Path, tmp_path: Path
) -> None:
    """S8: a camera that says nothing while the daemon is frozen is not convicted when it wakes.

    Its neighbour speaks on, so the link is proven alive at once (rule S10): the stall alone saves it.
    """
    async with (
        running(tmp_path, config(fleet, broker(mosquitto.url))) as daemon,
        publishing(mosquitto.port) as publisher,
        publishing(mosquitto.port) as neighbour,
        neighbour.beating("cam-2", every_s=0.05 * SCALE),
    ):
        async with publisher.beating("cam-1", every_s=0.1 * SCALE):
            await daemon.until(lambda now: list(now.statuses().values())[:2] == ["up", "up"])
        daemon.send(signal.SIGSTOP)
        await asyncio.sleep(1.5 * SCALE)
        daemon.send(signal.SIGCONT)
        await daemon.metrics()  # the daemon is awake: now, and not before, the camera speaks again
        async with publisher.beating("cam-1", every_s=0.1 * SCALE):
            beats = "camwatch_camera_heartbeats_total"
            before = (await daemon.metrics()).value(beats, camera="cam-1") or 0
            after = await daemon.until(lambda now: (now.value(beats, camera="cam-1") or 0) > before)
        assert not daemon.log("camera down", camera="cam-1", old="up")
        assert (after.value("camwatch_event_loop_stall_seconds_total") or 0) >= 1.4 * SCALE
