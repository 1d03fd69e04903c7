"""A broker that says no: a line in the log that leads to the cause, readiness that tells, and recovery."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from amqtt.broker import Broker as Amqtt

from tests.support.daemon import Daemon, broker, config, running
from tests.support.eventually import eventually
from tests.support.mosquitto import Mosquitto, free_port, program
from tests.support.publisher import publishing
from tests.support.tls import Authority

SESAME = "correct horse battery staple"
REFUSED = "link not connected, retrying"
(DYNAMIC_SECURITY,) = Path("/usr/lib").glob("*/mosquitto_dynamic_security.so")


async def assert_refused(daemon: Daemon, refusing: Mosquitto, *words: str) -> None:
    """See the refusal told once, however often it is tried, and readiness and metrics tell of it."""
    tries = refusing.log().count("New connection from")
    line = await daemon.says(REFUSED)
    assert line["level"] == "error"
    assert line["link"] == "main"
    for word in words:
        assert word in line["problem"]
    await daemon.unready("link main: ", *words)
    metrics = await daemon.metrics()
    assert metrics.value("camwatch_link_up", link="main") == 0
    assert metrics.value("camwatch_blind") == 1
    await eventually(lambda: refusing.log().count("New connection from") >= tries + 3)
    assert len(daemon.log(REFUSED)) == 1
    assert SESAME not in daemon.text


async def assert_recovers(daemon: Daemon, refusing: Mosquitto, mended: Mosquitto) -> None:
    """Restart the broker with its configuration mended, and see the link come up by itself."""
    refusing.stop()
    with mended:
        await daemon.until_ready()
        assert len(daemon.log("link subscribed")) == 1
        metrics = await daemon.metrics()
        assert metrics.value("camwatch_link_up", link="main") == 1
        assert metrics.value("camwatch_blind") == 0


def with_password(folder: Path, password: str, port: int) -> Mosquitto:
    """Return a broker that knows `camwatch` by this password."""
    folder.mkdir()
    passwords = folder / "passwords"
    subprocess.run([program("mosquitto_passwd"), "-b", "-c", passwords, "camwatch", password], check=True)
    return Mosquitto(folder, f"password_file {passwords}", port)


def with_certificate(folder: Path, authority: Authority, port: int) -> Mosquitto:
    """Return a broker with a TLS listener at this port, beside its plain one."""
    return Mosquitto(folder, f"{authority.listener(port)}allow_anonymous true")


def with_rules(folder: Path, port: int) -> Mosquitto:
    """Return a broker that lets anybody in and nobody read.

    Mosquitto's access file never refuses a SUBSCRIBE; its dynamic security does.
    """
    folder.mkdir()
    rules = folder / "rules.json"
    rules.write_text(json.dumps({"defaultACLAccess": {"subscribe": False, "unsubscribe": True}}))
    plugin = f"plugin {DYNAMIC_SECURITY}\nplugin_opt_config_file {rules}"
    return Mosquitto(folder, f"allow_anonymous true\n{plugin}", port)


async def test_a_wrong_password(fleet: Path, tmp_path: Path) -> None:
    port = free_port()
    secret = tmp_path / "password"
    secret.write_text(SESAME + "\n")
    mended = with_password(tmp_path / "mended", SESAME, port)
    settings = config(fleet, broker(mended.url, username="camwatch", password_file=str(secret)))
    with with_password(tmp_path / "wrong", SESAME + "!", port) as wrong:
        async with running(tmp_path, settings) as daemon:
            await assert_refused(daemon, wrong, "refuses user 'camwatch'", "`username` and `password_file`")
            await assert_recovers(daemon, wrong, mended)


async def test_a_certificate_of_a_wrong_authority(fleet: Path, tmp_path: Path) -> None:
    port = free_port()
    ours = Authority(tmp_path / "ours", "the authority of the settings")
    theirs = Authority(tmp_path / "theirs", "somebody else")
    settings = config(fleet, broker(f"mqtts://127.0.0.1:{port}", ca_file=str(ours.ca_file)))
    with with_certificate(tmp_path / "wrong", theirs, port) as wrong:
        async with running(tmp_path, settings) as daemon:
            await assert_refused(daemon, wrong, f"is not trusted by `ca_file` {ours.ca_file}")
            await assert_recovers(daemon, wrong, with_certificate(tmp_path / "mended", ours, port))


async def test_a_refused_subscription(fleet: Path, tmp_path: Path) -> None:
    with with_rules(tmp_path / "wrong", free_port()) as wrong:
        async with running(tmp_path, config(fleet, broker(wrong.url))) as daemon:
            await assert_refused(
                daemon,
                wrong,
                "refuses the subscription to camwatch/v1/+/+/heartbeat",
                "not authorized",
                "access list",
            )
            await assert_recovers(daemon, wrong, Mosquitto(tmp_path / "mended", port=wrong.port))


@asynccontextmanager
async def old_broker() -> AsyncIterator[int]:
    """Run a broker that speaks MQTT 3.1.1 only, in the test's own loop; yield its port."""
    port = free_port()
    listener = {"type": "tcp", "bind": f"127.0.0.1:{port}"}
    anonymous = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    server = Amqtt({"listeners": {"default": listener}, "plugins": anonymous})
    await server.start()
    try:
        yield port
    finally:
        await server.shutdown()


async def test_a_broker_of_mqtt_3_1_1_alone_is_told_with_the_setting_that_helps(
    fleet: Path, tmp_path: Path
) -> None:
    async with old_broker() as port:
        url = f"mqtt://127.0.0.1:{port}"
        async with running(tmp_path, config(fleet, broker(url, connect_timeout_s=0.5))) as daemon:
            await daemon.unready("link main: ", 'protocol = "3.1.1"')
            assert 'protocol = "3.1.1"' in (await daemon.says(REFUSED))["problem"]
        settings = config(fleet, broker(url, protocol="3.1.1"))
        async with running(tmp_path, settings) as daemon, publishing(port, protocol="3.1.1") as publisher:
            await daemon.until_ready()
            async with publisher.beating("cam-1", every_s=0.1):
                metrics = await daemon.until(
                    lambda now: list(now.statuses().values()) == ["up", "down", "down", "down"]
                )
                assert metrics.value("camwatch_blind") == 0
            assert not daemon.log(REFUSED)
