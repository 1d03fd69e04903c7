"""The broker dies, restarts or freezes: no camera that lived on is convicted for it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

import pytest

from tests.support.cameras import playing
from tests.support.daemon import INTERVAL_S, Daemon, Metrics, broker, config, running
from tests.support.mosquitto import Mosquitto
from tests.support.pace import SCALE

LONG = 5 * INTERVAL_S  # for tests of blindness that must stay below 4.5 of them


def assert_nobody_was_convicted(daemon: Daemon, metrics: Metrics) -> None:
    assert metrics.outages() == 0
    assert not daemon.log("camera down")
    assert set(metrics.account("down").values()) == {0}


def seconds_between(earlier: str, later: str) -> float:
    """Return the seconds between two times of the log."""
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


@pytest.mark.parametrize("fault", ["killed", "stopped", "frozen"])
async def test_a_broker_gone_for_less_than_blind_after_changes_no_status(
    fault: str, mosquitto: Mosquitto, fleet: Path, tmp_path: Path
) -> None:
    """S2, S4, S10."""
    settings = config(fleet, broker(mosquitto.url), interval_s=LONG)
    async with running(tmp_path, settings) as daemon, playing(mosquitto.url, fleet, interval_s=LONG):
        await daemon.until_all("up")
        before = await daemon.stored()
        if fault == "frozen":
            mosquitto.freeze()
            await daemon.says("link lost")
            mosquitto.thaw()
        else:
            await asyncio.to_thread(mosquitto.kill if fault == "killed" else mosquitto.stop)
            await daemon.says("link lost")
            await asyncio.to_thread(mosquitto.start)
        await daemon.until_ready()
        beats = "camwatch_camera_heartbeats_total"
        after = await daemon.until(
            lambda now: all(
                count >= before.by("camera", beats)[camera] + 6
                for camera, count in now.by("camera", beats).items()
            )
        )
        assert_nobody_was_convicted(daemon, after)
        assert set(after.statuses().values()) == {"up"}
        assert not daemon.log("camera unknown")
        assert after.account("unknown") == before.account("unknown")


@pytest.mark.parametrize("fault", ["killed", "frozen"])
async def test_a_broker_gone_for_longer_makes_unknown_and_convicts_nobody(
    fault: str, mosquitto: Mosquitto, fleet: Path, tmp_path: Path
) -> None:
    """S2-S5, S10: what could not be seen is unknown, to the millisecond; metrics and readiness tell."""
    interval_s = INTERVAL_S if fault == "frozen" else LONG  # cameras need some time to connect anew
    settings = config(fleet, broker(mosquitto.url, connect_timeout_s=1.0 * SCALE), interval_s=interval_s)
    async with running(tmp_path, settings) as daemon, playing(mosquitto.url, fleet, interval_s=interval_s):
        await daemon.until_all("up")
        before = await daemon.stored()
        assert before.value("camwatch_link_up", link="main") == 1
        assert before.value("camwatch_blind") == 0
        if fault == "frozen":
            mosquitto.freeze()
        else:
            mosquitto.kill()
        blind = await daemon.until_all("unknown")
        assert blind.value("camwatch_link_up", link="main") == 0
        assert blind.value("camwatch_blind") == 1
        assert not list(blind.find("camwatch_camera_up"))
        told = "did not answer" if fault == "frozen" else "no broker listens"
        assert (await daemon.unready("link main", told)).startswith("link main: ")
        if fault == "frozen":
            mosquitto.thaw()
        else:
            await asyncio.to_thread(mosquitto.start)
        await daemon.until_ready()  # what the broker kept may bring cameras up before the link is
        await daemon.until_all("up")
        after = await daemon.stored()
        assert after.value("camwatch_link_up", link="main") == 1
        assert after.value("camwatch_blind") == 0
        assert_nobody_was_convicted(daemon, after)
        for camera, unknown in after.account("unknown").items():
            (gone,) = daemon.log("camera unknown", camera=camera)
            back = daemon.log("camera up", camera=camera)[-1]
            span = seconds_between(gone["at"], back["at"])
            assert unknown - before.account("unknown")[camera] == pytest.approx(span, abs=0.002)


async def test_a_camera_that_died_during_a_broker_outage_is_down_afterwards(
    mosquitto: Mosquitto, fleet: Path, tmp_path: Path
) -> None:
    """S5: the blind time is unknown; what follows is down, from one interval after the return of sight."""
    settings = config(fleet, broker(mosquitto.url), interval_s=LONG)
    async with (
        running(tmp_path, settings) as daemon,
        playing(mosquitto.url, fleet, interval_s=LONG) as cameras,
    ):
        await daemon.until_all("up")
        mosquitto.kill()
        await daemon.until_all("unknown")
        cameras.cut_power(cameras.fleet.cameras[:1])
        await asyncio.to_thread(mosquitto.start)
        after = await daemon.until(lambda now: sorted(now.statuses().values()) == ["down", "up", "up", "up"])
        assert after.statuses()["cam-1"] == "down"
        (down,) = daemon.log("camera down")
        assert down["old"] == "unknown"
        subscribed = daemon.log("link subscribed")[-1]
        assert seconds_between(subscribed["time"], down["at"]) == pytest.approx(LONG, abs=0.1)
