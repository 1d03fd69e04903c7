"""The way to the broker: addresses, secrets, TLS, and what its refusals mean."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from camsim.broker import broker_at
from camsim.errors import BrokerError, ConnectError
from camsim.simulator import Simulator, SimulatorSettings
from camwatch.core.telemetry import SessionStatus
from tests.support.mosquitto import Mosquitto, free_port, program
from tests.support.pace import SCALE
from tests.support.simulator.builders import fleet_of, row, table
from tests.support.simulator.mqtt_observer import observing
from tests.support.simulator.process import camsim, finished

LOCKED = "allow_anonymous false\npassword_file {folder}/passwords"


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("mqtt://127.0.0.1:18830", "127.0.0.1", 18830),
        ("mqtt://broker.example", "broker.example", 1883),
        ("mqtts://broker.example/", "broker.example", 8883),
        ("mqtt://[::1]:1884", "::1", 1884),
    ],
)
def test_an_address_is_read(url: str, host: str, port: int) -> None:
    broker = broker_at(url)
    assert (broker.host, broker.port) == (host, port)
    assert (broker.tls is not None) is url.startswith("mqtts")


@pytest.mark.parametrize(
    "url",
    ["", "broker", "broker:1883", "ws://broker", "mqtt://", "mqtt://a:b", "mqtt://a:1/x", "mqtt://u:p@a"],
)
def test_a_wrong_address_says_how_to_write_it(url: str) -> None:
    with pytest.raises(BrokerError, match=r"^broker '"):
        broker_at(url)


def test_secrets_stay_out_of_sight_and_their_files_are_named(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("hush\n")
    broker = broker_at("mqtt://a", username="u", password_file=file)
    assert broker.password == "hush"  # noqa: S105 - the test's own
    assert "hush" not in repr(broker)
    with pytest.raises(BrokerError, match="needs --username"):
        broker_at("mqtt://a", password_file=file)
    with pytest.raises(BrokerError, match="nowhere: cannot be read: No such file"):
        broker_at("mqtt://a", username="u", password_file=tmp_path / "nowhere")
    with pytest.raises(BrokerError, match="--ca-file needs mqtts://"):
        broker_at("mqtt://a", ca_file=file)
    with pytest.raises(BrokerError, match=r"--ca-file .*password: cannot be used"):
        broker_at("mqtts://a", ca_file=file)


def locked(folder: Path) -> Mosquitto:
    """Return a broker that knows the user `cam` with the password `hush`, and nobody else."""
    mosquitto = Mosquitto(folder, LOCKED.format(folder=folder))
    command = [program("mosquitto_passwd"), "-b", "-c", "passwords", "cam", "hush"]
    subprocess.run(command, cwd=folder, check=True)
    return mosquitto


async def test_the_right_password_opens_and_the_wrong_one_is_said_once(tmp_path: Path) -> None:
    file = tmp_path / "password"
    notices: list[str] = []
    with locked(tmp_path / "mosquitto") as mosquitto:
        for password in ("hush\n", "shout\n"):
            file.write_text(password)
            broker = broker_at(mosquitto.url, username="cam", password_file=file)
            simulator = Simulator(SimulatorSettings(broker, fleet_of(20)))
            simulator.statistics.on_notice = notices.append
            if password == "hush\n":  # noqa: S105 - the test's own
                async with simulator:
                    assert simulator.statistics.connected == 20
            else:  # long before the time to connect is over: trying again does not help
                with pytest.raises(
                    ConnectError, match="check --username, --password-file and its access list"
                ):
                    await simulator.__aenter__()
    assert notices == []


async def test_each_camera_can_be_a_user_of_its_own(tmp_path: Path) -> None:
    """The broker makes the user the client's id: 20 cameras that were one user would throw each other out."""
    folder, accounts = tmp_path / "mosquitto", tmp_path / "accounts"
    fleet = fleet_of(20)
    users = [f"{camera.operator}/{camera.id}" for camera in fleet.cameras]
    accounts.write_text("".join(f"{user}:secret{number}\n" for number, user in enumerate(users)))
    mosquitto = Mosquitto(folder, LOCKED.format(folder=folder) + "\nuse_username_as_clientid true")
    shutil.copy(accounts, folder / "passwords")
    hashing = await asyncio.create_subprocess_exec(program("mosquitto_passwd"), "-U", folder / "passwords")
    assert await hashing.wait() == 0
    with mosquitto:
        broker = broker_at(mosquitto.url, accounts_file=accounts)
        assert "secret" not in repr(broker)
        async with Simulator(SimulatorSettings(broker, fleet, qos=1)) as simulator:
            assert simulator.statistics.connected == 20
        assert simulator.statistics.failures == 0
    log = mosquitto.log()
    assert all(f" as {user} (" in log for user in users)


def test_a_camera_without_an_account_is_told_before_anything_starts(tmp_path: Path) -> None:
    file = tmp_path / "accounts"
    fleet = fleet_of(3)
    first, *_, last = fleet.cameras
    file.write_text(f"{first.operator}/{first.id}:x\n{last.operator}/{last.id}:x\n")
    broker = broker_at("mqtt://a", accounts_file=file)
    with pytest.raises(BrokerError, match=f"lacks 1 of the fleet's cameras: .*{fleet.cameras[1].id} first"):
        Simulator(SimulatorSettings(broker, fleet))
    with pytest.raises(BrokerError, match="leave out --username"):
        broker_at("mqtt://a", accounts_file=file, username="u")
    file.write_text("a:b:b\nc\n")
    with pytest.raises(BrokerError, match="line 2: write OPERATOR/CAMERA:PASSWORD"):
        broker_at("mqtt://a", accounts_file=file)
    with pytest.raises(BrokerError, match=r"--accounts .*nowhere: cannot be read"):
        broker_at("mqtt://a", accounts_file=tmp_path / "nowhere")


def certificate(folder: Path) -> Path:
    """Make a key and a certificate that signs itself, for 127.0.0.1."""
    folder.mkdir(parents=True)
    wanted = "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -days 2 -nodes"
    made = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -keyout key.pem -out cert.pem"
    command = [program("openssl"), "req", "-x509", *wanted.split(), *made.split()]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "cert.pem"


async def test_over_tls_cameras_live_and_die_as_well(tmp_path: Path) -> None:
    folder = tmp_path / "mosquitto"
    cert = certificate(folder)
    plain = free_port()
    lines = f"certfile {cert}\nkeyfile {folder}/key.pem\nallow_anonymous true\nlistener {plain} 127.0.0.1"
    with Mosquitto(folder, f"{lines}\nallow_anonymous true") as mosquitto:
        url = mosquitto.url.replace("mqtt:", "mqtts:")
        settings = SimulatorSettings(broker_at(url, ca_file=cert), fleet_of(3), interval_s=0.1)
        async with observing(f"mqtt://127.0.0.1:{plain}") as observer:
            async with Simulator(settings) as playing:
                await observer.until(lambda: len(observer.heartbeats("cam-2")) > 1)
                playing.cut_power(playing.fleet.cameras[:1])
                await observer.until(lambda: observer.last("cam-0") is SessionStatus.OFFLINE)
                playing.restore(playing.fleet.cameras)
                await observer.until(lambda: observer.last("cam-0") is SessionStatus.ONLINE)
            await observer.until(lambda: observer.last("cam-0") is SessionStatus.GOODBYE)
        run = await camsim("run", "--broker", url, "--fleet", str(table(tmp_path / "fleet", row())))
        code, _, err = await finished(run)  # in a process of its own: paho leaves a refused socket open
        assert code == 1
        assert "certificate is not trusted: give the authority that signed it with --ca-file" in err


async def test_an_unknown_host_is_named() -> None:
    nowhere = SimulatorSettings(
        broker_at("mqtt://nowhere.invalid"), fleet_of(3), connect_timeout_s=1.0 * SCALE
    )
    with pytest.raises(ConnectError, match=r"nowhere\.invalid:1883: the host name is not known"):
        await Simulator(nowhere).__aenter__()
