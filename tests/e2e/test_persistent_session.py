"""The daemon is away while the broker keeps its session (rules S6, S9)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cameras import playing
from tests.support.daemon import broker, config, running
from tests.support.eventually import eventually
from tests.support.mosquitto import Mosquitto

LOST = "broker kept no session, messages sent meanwhile are lost"


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_backlog_of_the_broker_declares_no_camera_down(
    protocol: str, mosquitto: Mosquitto, fleet: Path, tmp_path: Path
) -> None:
    """S9: nine heartbeats of each camera wait for the daemon; one camera that died meanwhile is convicted."""
    settings = config(fleet, broker(mosquitto.url, protocol=protocol))
    async with playing(mosquitto.url, fleet, qos=1) as cameras:
        async with running(tmp_path, settings) as daemon:
            await daemon.until_all("up")
            assert await daemon.end() == 0
        beats = cameras.statistics.heartbeats
        await eventually(lambda: cameras.statistics.heartbeats >= beats + 5 * 4)
        cameras.silence(cameras.fleet.cameras[:1])
        beats_of_three = cameras.statistics.heartbeats
        await eventually(lambda: cameras.statistics.heartbeats >= beats_of_three + 4 * 3)
        kept = cameras.statistics.heartbeats - beats
        async with running(tmp_path, settings) as daemon:
            assert (await daemon.says("link subscribed"))["session_present"] is True
            received = "camwatch_messages_received_total"
            first = await daemon.until(lambda now: (now.value(received, link="main") or 0) >= kept)
            heartbeats = first.by("camera", "camwatch_camera_heartbeats_total")
            assert heartbeats["cam-1"] > 0  # which it sent before it died, and the broker kept
            refused = first.rejected()
            assert sum(heartbeats.values()) + refused.pop("late") >= kept
            # What was acknowledged just as the session ended may be delivered once more.
            assert refused.pop("duplicate") <= 4
            assert set(refused.values()) == {0}
            await daemon.until(lambda now: list(now.statuses().values()) == ["down", "up", "up", "up"])
            assert {line["camera"] for line in daemon.log("camera down")} == {"cam-1"}
            assert (await daemon.stored()).outages() == 1


async def test_a_session_that_the_broker_did_not_keep_is_told(
    mosquitto: Mosquitto, fleet: Path, tmp_path: Path
) -> None:
    """S9: what cameras sent meanwhile is lost, and the time unknown; a first start expects no session."""
    settings = config(fleet, broker(mosquitto.url))
    async with running(tmp_path, settings) as daemon:
        await daemon.says("link subscribed")
        await daemon.stored()
        assert not daemon.log(LOST)
        mosquitto.kill()  # it keeps nothing on its disk
        await daemon.says("link lost")
        mosquitto.start()
        await daemon.says(LOST)
        mosquitto.kill()
    mosquitto.start()  # once the daemon has ended, which would have begun a session
    async with running(tmp_path, settings) as daemon:
        assert (await daemon.says(LOST))["link"] == "main"
    async with running(tmp_path, config(fleet, broker(mosquitto.url, name="new"))) as daemon:
        await daemon.says("link subscribed")
        await daemon.stored()
        assert not daemon.log(LOST)
