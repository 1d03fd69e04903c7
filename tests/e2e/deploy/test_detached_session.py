"""One refused connection, nobody's: what it can do to camwatch behind the broker that is deployed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import aiomqtt
import pytest

from camsim.broker import broker_at
from camsim.fleet import read_fleet
from camsim.simulator import Simulator, SimulatorSettings
from tests.support.daemon import INTERVAL_S, broker, config, running
from tests.support.deploy.broker import Deployed
from tests.support.tables import cameras, write_fleet


async def refused(deployed: Deployed, client_id: str) -> None:
    """Connect as nobody under this id, and be turned away."""
    with pytest.raises(aiomqtt.MqttError, match=r"(?i)not authori"):
        async with deployed.session(None, identifier=client_id):
            pass


@pytest.mark.parametrize("known", [False, True], ids=["its name is secret", "its name got out"])
async def test_a_refused_connection_takes_nobody_down(tmp_path: Path, *, known: bool) -> None:
    """S12: guessing gets nowhere; with the name the link is blind, no camera is convicted, and it heals."""
    fleet = write_fleet(tmp_path / "fleet", cameras(4))
    found = Deployed.at(tmp_path, fleet)
    settings = config(
        fleet,
        broker(
            found.mosquitto.url,
            username_file=str(found.secrets / "camwatch/mqtt-username"),
            password_file=str(found.secrets / "camwatch/mqtt-password"),
            ca_file=str(found.secrets / "camwatch/ca.pem"),
            canary=True,
        ),
    )
    played = broker_at(
        found.mosquitto.url, ca_file=found.ca_file, accounts_file=found.secrets / "cameras/accounts"
    )
    with found.mosquitto:
        async with Simulator(SimulatorSettings(played, read_fleet(fleet), interval_s=INTERVAL_S)):
            async with running(tmp_path, settings) as daemon:
                await daemon.until_all("up")
                for guess in (
                    "camwatch",
                    "camwatch-b",
                    "ville",
                    *([found.name("camwatch")] if known else []),
                ):
                    await refused(found, guess)
            async with running(tmp_path, settings) as daemon:
                await daemon.until_ready()
                after = await daemon.until_all("up")
                said = [line["problem"] for line in daemon.log("link not connected, retrying")]
    assert after.outages() == 0
    assert not daemon.log("camera down")
    assert any("answers but delivers nothing" in problem for problem in said) == known


def test_the_names_of_camwatchs_accounts_are_drawn_and_kept(tmp_path: Path) -> None:
    """Nobody can guess 64 bits; the access list has the same names, and a second run changes none."""
    fleet = write_fleet(tmp_path / "fleet", cameras(1))
    found = Deployed.at(tmp_path / "one", fleet)
    names = [found.name("camwatch"), found.name("camwatch-b")]
    assert all(re.fullmatch(r"camwatch-[0-9a-f]{16}", name) for name in names)
    assert len(set(names)) == 2
    rules = (found.secrets / "mosquitto/acl").read_text()
    assert f"user {names[0]}\ntopic read camwatch/v1/+/+/heartbeat\n" in rules
    shutil.rmtree(tmp_path / "one/mosquitto")
    again = Deployed.at(tmp_path / "one", fleet)
    assert [again.name("camwatch"), again.name("camwatch-b")] == names
    assert (again.secrets / "mosquitto/acl").read_text() == rules
    other = Deployed.at(tmp_path / "other", fleet)
    assert other.name("camwatch") not in names
