"""What a tired person reads when a broker says no: each problem names the setting to look at."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

import pytest
from amqtt.broker import Broker as Amqtt

from tests.integration.ingest.test_links import publish
from tests.support.ingest.links import (
    BOTH_LINKS,
    EVERY_KIND,
    FILTERS,
    HEARTBEAT,
    Broker,
    Kind,
    running,
)
from tests.support.mosquitto import free_port, program
from tests.support.pace import SCALE
from tests.support.recording_receiver import RecordingReceiver
from tests.support.tls import Authority

OPEN_SESAME = "correct horse battery staple"
(PLUGIN,) = Path("/usr/lib").glob("*/mosquitto_dynamic_security.so")
WITH_TLS = tuple(kind for kind in EVERY_KIND if kind.scheme in ("mqtts", "wss"))

both_links = pytest.mark.parametrize("kind", BOTH_LINKS, ids=str)
with_tls = pytest.mark.parametrize("kind", WITH_TLS, ids=str)


async def first_trouble(broker: Broker, kind: Kind, **changes: object) -> str:
    """Return what the link says first; it must go on trying, and keep the password to itself."""
    receiver = RecordingReceiver()
    async with running(broker.settings(kind, **changes), receiver):
        await receiver.until(lambda told: len(told.troubles) >= 2)
    assert not receiver.sessions
    assert not receiver.losses
    assert OPEN_SESAME not in str(receiver)
    return receiver.troubles[0]


@pytest.fixture
def locked(tmp_path: Path, authority: Authority) -> Broker:
    folder = tmp_path / "locked"
    folder.mkdir()
    passwords = folder / "passwords"
    subprocess.run([program("mosquitto_passwd"), "-b", "-c", passwords, "eye", OPEN_SESAME], check=True)
    return Broker(folder, authority, f"password_file {passwords}")


@both_links
async def test_the_right_password_opens(kind: Kind, locked: Broker, receiver: RecordingReceiver) -> None:
    with locked:
        async with running(locked.settings(kind, username="eye", password=OPEN_SESAME), receiver):
            await receiver.until(lambda told: told.sessions)
    assert not receiver.troubles


@pytest.mark.parametrize("kind", [*BOTH_LINKS, Kind("5", "ws")], ids=str)
async def test_a_wrong_password_leads_to_the_settings(kind: Kind, locked: Broker) -> None:
    with locked:
        problem = await first_trouble(locked, kind, username="eye", password=OPEN_SESAME + "!")
    assert "refuses user 'eye'" in problem
    assert "`username` and `password_file`" in problem


@both_links
async def test_a_refused_subscription_names_the_filter_and_the_reason(
    kind: Kind, tmp_path: Path, authority: Authority
) -> None:
    """Mosquitto's access file never refuses a SUBSCRIBE; its dynamic security does."""
    rules = tmp_path / "rules.json"
    allowed = {"acltype": "subscribePattern", "topic": FILTERS[0], "priority": 0, "allow": True}
    rules.write_text(
        json.dumps(
            {
                "defaultACLAccess": {"subscribe": False, "unsubscribe": True},
                "anonymousGroup": "anyone",
                "groups": [{"groupname": "anyone", "roles": [{"rolename": "eyes"}]}],
                "roles": [{"rolename": "eyes", "acls": [allowed]}],
            }
        )
    )
    config = f"allow_anonymous true\nplugin {PLUGIN}\nplugin_opt_config_file {rules}"
    with Broker(tmp_path / "strict", authority, config) as broker:
        problem = await first_trouble(broker, kind)
    reason = "not authorized" if kind.protocol == "5" else "unspecified error"  # all that 3.1.1 can say
    assert f"refuses the subscription to {FILTERS[1]} ({reason})" in problem
    assert FILTERS[0] not in problem


@with_tls
async def test_a_certificate_of_another_authority_leads_to_the_setting(
    kind: Kind, broker: Broker, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other", "somebody else")
    problem = await first_trouble(broker, kind, ca_file=other.ca_file)
    assert f"is not trusted by `ca_file` {other.ca_file}" in problem


@with_tls
async def test_a_name_that_stands_nowhere_but_in_the_common_name_is_none(kind: Kind, tmp_path: Path) -> None:
    """Nobody who signs certificates looks at it any more."""
    named = Authority(tmp_path / "named")
    named.server_cert, named.server_key = named._issue("localhost", "extendedKeyUsage=serverAuth")
    with Broker(tmp_path / "broker", named, "allow_anonymous true") as broker:
        problem = await first_trouble(broker, kind, host="localhost", ca_file=named.ca_file)
    assert "the certificate of localhost" in problem


@with_tls
async def test_without_an_authority_the_systems_are_asked(kind: Kind, broker: Broker) -> None:
    problem = await first_trouble(broker, kind, ca_file=None)
    assert "the system's authorities" in problem
    assert "`ca_file`" in problem


@pytest.mark.parametrize("kind", [kind for kind in WITH_TLS if kind.scheme == "mqtts"], ids=str)
async def test_a_missing_client_certificate_leads_to_the_settings(kind: Kind, broker: Broker) -> None:
    problem = await first_trouble(broker, kind, cert_file=None, key_file=None)
    assert "`cert_file` and `key_file`" in problem


@pytest.mark.parametrize("setting", ["ca_file", "cert_file"])
@with_tls
async def test_a_file_that_cannot_be_read_is_named(setting: str, kind: Kind, broker: Broker) -> None:
    problem = await first_trouble(broker, kind, **{setting: Path("/nowhere/x.pem")})
    assert f"`{setting}` /nowhere/x.pem" in problem
    assert "No such file" in problem


@pytest.fixture
def locked_key(authority: Authority, tmp_path: Path) -> Path:
    key = tmp_path / "locked.key"
    locking = f"pkey -in {authority.client_key} -aes256 -passout pass:x -out {key}"
    subprocess.run([program("openssl"), *locking.split()], check=True)
    return key


@both_links
async def test_a_key_with_a_passphrase_is_an_error_and_not_a_prompt(
    kind: Kind, broker: Broker, authority: Authority, locked_key: Path
) -> None:
    secured = Kind(kind.protocol, "mqtts")
    problem = await first_trouble(broker, secured, cert_file=authority.client_cert, key_file=locked_key)
    assert "`cert_file`" in problem
    assert f"`key_file` {locked_key}" in problem


@pytest.mark.parametrize("kind", EVERY_KIND, ids=str)
async def test_a_port_without_listener_is_told(kind: Kind, broker: Broker) -> None:
    with socket.socket() as held:  # bound, so that nobody else takes the port; but not listening
        held.bind(("127.0.0.1", 0))
        problem = await first_trouble(broker, kind, port=held.getsockname()[1])
    assert "no broker listens at 127.0.0.1:" in problem


@both_links
async def test_a_host_without_address_is_told(kind: Kind, broker: Broker) -> None:
    problem = await first_trouble(broker, kind, host="no-such-host.invalid")
    assert "no address is known for host 'no-such-host.invalid'" in problem


@both_links
async def test_a_host_name_that_is_none_is_told(kind: Kind, broker: Broker) -> None:
    assert "no address is known" in await first_trouble(broker, kind, host="x" * 80 + ".invalid")


@both_links
async def test_a_tls_port_without_tls_is_told(kind: Kind, broker: Broker) -> None:
    port = broker.settings(Kind("5", "mqtts")).port
    assert "mqtts://" in await first_trouble(broker, kind, port=port)


@both_links
async def test_a_broker_of_3_1_1_alone(kind: Kind, receiver: RecordingReceiver, broker: Broker) -> None:
    """The broker of the demo, amqtt: taken with 3.1.1, refused with a hint with 5."""
    port = free_port()
    config = {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    settings = broker.settings(kind, port=port, ping_after_s=0.25 * SCALE, connect_timeout_s=0.5 * SCALE)
    other = Amqtt(config)
    await other.start()
    try:
        async with running(settings, receiver, alone=False):
            if kind.protocol == "5":
                await receiver.until(lambda told: told.troubles)
                assert 'protocol = "3.1.1"' in receiver.troubles[0]
                return
            await receiver.until(lambda told: len(told.heard_at) >= 3)
            broker.port = port
            await publish(broker, HEARTBEAT, b"alive")
            await receiver.until(lambda told: told.messages)
    finally:
        await other.shutdown()
    assert receiver.payloads == [b"alive"]
    assert not receiver.losses
