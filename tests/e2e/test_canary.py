"""A broker that answers and delivers nothing: camwatch is blind, says so, and takes no camera for dead."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.cameras import playing
from tests.support.daemon import broker, config, running
from tests.support.eventually import eventually
from tests.support.mosquitto import Mosquitto, program

CANARY = "camwatch/v1/$canary/camwatch"
CAMERAS = "topic write camwatch/v1/+/+/+\n"
SEES = f"user eye\ntopic read camwatch/v1/+/+/+\ntopic readwrite {CANARY}\n"
STARVES = f"user eye\ntopic write {CANARY}\n"
ROUND_TRIPS = "camwatch_canary_round_trip_seconds_count"


def guarded(folder: Path) -> Mosquitto:
    """Return a broker with an access list: cameras are anonymous, camwatch is `eye`."""
    folder.mkdir()
    command = [program("mosquitto_passwd"), "-b", "-c", str(folder / "passwords"), "eye", "eye"]
    subprocess.run(command, check=True, capture_output=True)
    (folder / "acl").write_text(CAMERAS + SEES)
    files = f"password_file {folder}/passwords\nacl_file {folder}/acl\n"
    return Mosquitto(folder, f"allow_anonymous true\n{files}")


async def allow(mosquitto: Mosquitto, eye: str) -> None:
    """Edit the access list, and have the broker read it."""
    (mosquitto.folder / "acl").write_text(CAMERAS + eye)
    before = mosquitto.log().count("Reloading config")
    os.kill(mosquitto.pid, signal.SIGHUP)
    await eventually(lambda: mosquitto.log().count("Reloading config") > before)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
async def test_a_link_that_is_starved_is_blind_and_nobody_is_down(
    protocol: str, fleet: Path, tmp_path: Path
) -> None:
    """S12: until the access list is mended, no camera is anything but unknown; then all are up at once."""
    mosquitto = guarded(tmp_path / "guarded")
    (tmp_path / "password").write_text("eye")
    login = {"username": "eye", "password_file": str(tmp_path / "password"), "canary": True}
    settings = config(fleet, broker(mosquitto.url, protocol=protocol, **login))
    with mosquitto:
        async with running(tmp_path, settings) as daemon, playing(mosquitto.url, fleet):
            await daemon.until_all("up")
            seen = await daemon.until(lambda now: (now.value(ROUND_TRIPS, link="main") or 0) >= 2)
            assert seen.value("camwatch_blind") == 0
            await allow(mosquitto, STARVES)
            await daemon.unready("link main: ", "answers but delivers nothing", "access list", "'eye'")
            blind = await daemon.until_all("unknown")
            assert blind.value("camwatch_blind") == 1
            assert blind.value("camwatch_link_up", link="main") == 0
            await allow(mosquitto, SEES)
            await daemon.until_ready()
            after = await daemon.until_all("up")
            assert after.outages() == 0
            assert not daemon.log("camera down")
