"""The daemon itself is frozen: it does not convict on what it slept through."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import playing
from tests.support.daemon import broker, config, running
from tests.support.mosquitto import Mosquitto, until


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_daemon_frozen_for_longer_than_stall_after_convicts_nobody(
    protocol: str, mosquitto: Mosquitto, fleet: Path, tmp_path: Path
) -> None:
    """S8: frozen for a dozen heartbeats; the gap is counted, and accounted as unknown."""
    settings = config(fleet, broker(mosquitto.url, protocol=protocol), stall_after_s=1.0)
    async with running(tmp_path, settings) as daemon, playing(mosquitto.url, fleet) as cameras:
        before = await daemon.until_all("up")
        assert before.value("camwatch_loop_stall_seconds_total") == 0
        daemon.send(signal.SIGSTOP)
        began, beats = time.monotonic(), cameras.statistics.heartbeats
        await until(lambda: cameras.statistics.heartbeats >= beats + 12 * 4)
        frozen_s = time.monotonic() - began
        daemon.send(signal.SIGCONT)
        after = await daemon.until(
            lambda now: (
                (now.value("camwatch_loop_stall_seconds_total") or 0) > 0
                and set(now.statuses().values()) == {"up"}
            )
        )
        stalled_s = after.value("camwatch_loop_stall_seconds_total")
        assert stalled_s is not None
        assert stalled_s >= frozen_s
        assert not daemon.log("camera down")
        assert after.outages() == 0
        assert set(after.account("down").values()) == {0}
        for camera, unknown in after.account("unknown").items():
            assert unknown - before.account("unknown")[camera] >= frozen_s - 0.3


async def test_a_camera_that_died_while_the_daemon_was_frozen_is_convicted_afterwards(
    mosquitto: Mosquitto, fleet: Path, tmp_path: Path
) -> None:
    """S5, S8."""
    settings = config(fleet, broker(mosquitto.url), stall_after_s=1.0)
    async with running(tmp_path, settings) as daemon, playing(mosquitto.url, fleet) as cameras:
        await daemon.until_all("up")
        daemon.send(signal.SIGSTOP)
        cameras.silence(cameras.fleet.cameras[:1])
        beats = cameras.statistics.heartbeats
        await until(lambda: cameras.statistics.heartbeats >= beats + 12 * 3)
        daemon.send(signal.SIGCONT)
        await daemon.until(lambda now: list(now.statuses().values()) == ["down", "up", "up", "up"])
        (down,) = daemon.log("camera down")
        assert down["camera"] == "cam-1"
        assert down["old"] == "unknown"
