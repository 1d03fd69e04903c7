"""Two brokers at once: who is blind when one of them is lost (rule S1)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cameras import playing
from tests.support.daemon import broker, config, running
from tests.support.mosquitto import Mosquitto
from tests.support.pace import SCALE
from tests.support.tables import camera, write_fleet


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "other") as running_broker:
        yield running_broker


async def test_losing_one_broker_blinds_its_operators_alone(
    mosquitto: Mosquitto, other: Mosquitto, tmp_path: Path
) -> None:
    """S1: operators split between two brokers."""
    city = write_fleet(tmp_path / "city", [camera("cam-1"), camera("cam-2")])
    landlord = write_fleet(tmp_path / "landlord", [camera("cam-3", operator_id="bailleur")])
    both = write_fleet(
        tmp_path / "both", [camera("cam-1"), camera("cam-2"), camera("cam-3", operator_id="bailleur")]
    )
    settings = config(
        both,
        broker(mosquitto.url, name="city", operators=["ville"]),
        broker(other.url, name="landlord", operators=["bailleur"]),
        interval_s=0.4 * SCALE,  # cameras need some time to connect anew
    )
    async with (
        running(tmp_path, settings) as daemon,
        playing(mosquitto.url, city, interval_s=0.4 * SCALE),
        playing(other.url, landlord, interval_s=0.4 * SCALE),
    ):
        await daemon.until_all("up")
        mosquitto.kill()
        gone = {"cam-1": "unknown", "cam-2": "unknown", "cam-3": "up"}
        blind = await daemon.until(lambda now: now.statuses() == gone)
        assert blind.by("link", "camwatch_link_up") == {"city": 0, "landlord": 1}
        assert blind.value("camwatch_blind") == 1
        assert blind.by("operator", "camwatch_operator_blind") == {"ville": 1, "bailleur": 0}
        carried = {(each["link"], each["operator"]) for each, _ in blind.find("camwatch_link_operator_info")}
        assert carried == {("city", "ville"), ("landlord", "bailleur")}
        reasons = await daemon.unready("link city: no broker listens")
        assert "landlord" not in reasons
        await asyncio.to_thread(mosquitto.start)
        after = await daemon.until_all("up")
        assert after.outages() == 0
        assert len(daemon.log("camera up", camera="cam-3")) == 1
        received = after.by("link", "camwatch_messages_received_total")
        assert received["city"] > 0
        assert received["landlord"] > 0


async def test_losing_one_of_two_brokers_that_carry_all_blinds_nobody(
    mosquitto: Mosquitto, other: Mosquitto, fleet: Path, tmp_path: Path
) -> None:
    """S1: a camera is in sight while one of its links is; the loss of the other is told all the same."""
    settings = config(fleet, broker(mosquitto.url, name="spare"), broker(other.url, name="main"))
    async with running(tmp_path, settings) as daemon, playing(other.url, fleet):
        await daemon.until_ready()
        beats = "camwatch_camera_heartbeats_total"
        # Counters are what the store has: once it has heartbeats, it has the unknown time before them.
        before = await daemon.until(lambda now: min(now.by("camera", beats).values()) >= 1)
        mosquitto.kill()
        await daemon.unready("link spare: no broker listens")
        after = await daemon.until(
            lambda now: all(
                count >= before.by("camera", beats)[name] + 8
                for name, count in now.by("camera", beats).items()
            )
        )
        assert after.by("link", "camwatch_link_up") == {"main": 1, "spare": 0}
        assert after.value("camwatch_blind") == 0
        assert set(after.statuses().values()) == {"up"}
        assert len(daemon.log("camera up")) == 4
        assert after.account("unknown") == before.account("unknown")
