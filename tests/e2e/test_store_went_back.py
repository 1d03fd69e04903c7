"""The store goes back under a running daemon: it is told, made whole from memory, and goes on (H1)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cameras import playing
from tests.support.copies import Copies, InFile, InServer
from tests.support.daemon import broker, running
from tests.support.faults import assert_none_decreased, problems, settings
from tests.support.mosquitto import Mosquitto
from tests.support.publisher import heartbeat_topic, publishing

REJECTED = "camwatch_camera_messages_rejected_total"


async def refuse(mosquitto: Mosquitto) -> None:
    """Send a message of a camera that is refused."""
    async with publishing(mosquitto.port) as publisher:
        await publisher.send(heartbeat_topic("cam-1"), b"{")


@pytest.fixture(params=["sqlite", "postgresql"])
def copies(request: pytest.FixtureRequest, tmp_path: Path) -> Copies:
    """Return a store that can go back."""
    if request.param == "sqlite":
        return InFile(tmp_path / "camwatch.db")
    return InServer(request.getfixturevalue("postgres"))


@pytest.mark.parametrize("emptied", [False, True])
async def test_a_store_that_goes_back_is_told_and_goes_on_without_a_restart(
    copies: Copies, emptied: bool, tmp_path: Path, mosquitto: Mosquitto, fleet: Path
) -> None:
    """H1: outages that a lagging copy lacks are stored again; no exported counter falls; the audit passes."""
    async with playing(mosquitto.url, fleet, qos=1) as city:
        async with running(tmp_path, settings(fleet, copies.url, broker(mosquitto.url))) as daemon:
            await daemon.until_all("up")
            await daemon.stored()
            copies.take()
            await refuse(mosquitto)
            await daemon.until(lambda now: now.value(REJECTED, camera="cam-1", reason="malformed") == 1)
            city.silence(city.fleet.cameras[:2])
            await daemon.until(lambda now: sorted(now.statuses().values()) == ["down", "down", "up", "up"])
            city.restore(city.fleet.cameras[:1])
            await daemon.until(lambda now: sorted(now.statuses().values()) == ["down", "up", "up", "up"])
            before = await daemon.stored()
            assert before.outages() == 2
            copies.empty() if emptied else copies.put_back()
            said = await daemon.says("the store lacks what was stored: what memory has of it is stored again")
            assert daemon.log("the store went back")
            assert (said["unknown_s"] > 0) is emptied
            await daemon.until_ready()
            city.restore(city.fleet.cameras[:2])
            await daemon.until_all("up")
            after = await daemon.stored()
            assert_none_decreased(before, after)
            assert (after.value("camwatch_history_write_errors_total") or 0) > 0
            assert after.value("camwatch_history_pending_events") == 0
        assert problems(daemon.config_file) == []
        async with running(tmp_path, settings(fleet, copies.url, broker(mosquitto.url))) as daemon:
            assert (await daemon.metrics()).value(REJECTED, camera="cam-1", reason="malformed") == 1
