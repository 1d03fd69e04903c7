"""Who tries to cheat the broker, and gets nowhere: the very files that are deployed, in a real Mosquitto."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from camsim.broker import broker_at
from camsim.disconnects import hang_up
from camsim.fleet import read_fleet
from camsim.simulator import Simulator, SimulatorSettings
from tests.support.daemon import INTERVAL_S, broker, config, running
from tests.support.deploy.broker import Deployed, make_accounts
from tests.support.eventually import eventually
from tests.support.pace import PATIENCE_S
from tests.support.tables import camera, write_fleet

CAMERAS = [
    camera("cam-1"),
    camera("cam-2"),
    camera("gone", lifecycle="retired"),
    camera("cam-1x", operator_id="sacogiva", site_id="les-mees"),
    camera("cam-9", operator_id="sacogiva", site_id="les-mees"),
]
OWN = "camwatch/v1/ville/cam-1/"
WATCHED = ("camwatch/v1/+/+/heartbeat", "camwatch/v1/+/+/status")


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("deployed")
    found = Deployed.at(folder, write_fleet(folder / "fleet", CAMERAS))
    with found.mosquitto:
        yield found


class Listening:
    """camwatch's account, or another's: what reaches it, in order."""

    def __init__(self, deployed: Deployed, user: str = "camwatch", *filters: str) -> None:
        self._deployed, self._user, self._filters = deployed, user, filters or WATCHED
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.client = await self._stack.enter_async_context(self._deployed.session(self._user))
        for topic in self._filters:
            await self.client.subscribe(topic, qos=1)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def hears(self) -> list[str]:
        """Return the topics of all that came up to now: what was on its way comes before `end`."""
        async with self._deployed.session("sacogiva/cam-9") as honest:
            await honest.publish("camwatch/v1/sacogiva/cam-9/heartbeat", b"end", qos=1)
        topics: list[str] = []
        async with asyncio.timeout(PATIENCE_S):
            async for message in self.client.messages:
                if message.payload == b"end":
                    return topics
                topics.append(str(message.topic))
        raise AssertionError("the session ended")

    async def has(self) -> list[str]:
        """Return what came up to now, for those who may not hear the sentinel."""
        await self.client.subscribe(
            "camwatch/v1/nobody", qos=1
        )  # its answer comes after all that came before
        return [str(self.client._queue.get_nowait().topic) for _ in range(self.client._queue.qsize())]


async def test_the_broker_starts_without_a_warning(deployed: Deployed) -> None:
    await eventually(lambda: " running\n" in deployed.mosquitto.log())
    start, _, _ = deployed.mosquitto.log().partition(" running\n")  # then come clients, and their errors
    assert "Warning" not in start
    assert "Error" not in start


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("ville/cam-1", OWN + "heartbeat"),
        ("ville/cam-1", OWN + "status"),
        ("sacogiva", "camwatch/v1/sacogiva/cam-9/heartbeat"),
        ("sacogiva", "camwatch/v1/sacogiva/cam-1x/status"),
    ],
)
async def test_a_camera_speaks_for_itself_and_a_bridge_for_its_operator(
    deployed: Deployed, user: str, topic: str
) -> None:
    async with Listening(deployed) as camwatch:
        async with deployed.session(user) as client:
            await client.publish(topic, b"{}", qos=1)
        assert await camwatch.hears() == [topic]


@pytest.mark.parametrize("retain", [False, True])
@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("ville/cam-1", "camwatch/v1/ville/cam-2/heartbeat"),
        ("ville/cam-1", "camwatch/v1/ville/cam-2/status"),
        ("ville/cam-1", "camwatch/v1/sacogiva/cam-1/heartbeat"),  # the same id, another operator
        ("ville/cam-1", "camwatch/v1/ville/cam-1x/heartbeat"),
        ("ville/cam-1", "camwatch/v1/ville/heartbeat"),
        ("ville/cam-1", OWN + "command"),
        ("ville/cam-1", OWN + "heartbeat/more"),
        ("ville/cam-1", "camwatch/v1/camwatch/cam-1/heartbeat"),
        ("ville/cam-1", OWN + "below/heartbeat"),
        ("ville/cam-1", OWN + "below/status"),
        ("ville/cam-1", "camwatch/v1/$canary/camwatch"),
        ("sacogiva", "camwatch/v1/$canary/camwatch"),
        ("ville/cam-1", "$SYS/broker/uptime"),
        ("ville/cam-1", "elsewhere"),
        ("sacogiva", OWN + "heartbeat"),
        ("sacogiva", "camwatch/v1/ville/cam-9/status"),
        ("sacogiva", "camwatch/v1/sacogiva-2/cam-9/status"),
        ("sacogiva", "camwatch/v1/sacogiva/invented/heartbeat"),
        ("ville", "camwatch/v1/ville/gone/status"),
        ("camwatch", OWN + "heartbeat"),
        ("camwatch", OWN + "status"),
        ("camwatch", "camwatch/v1/camwatch/heartbeat"),
        ("camwatch", "camwatch/v1/camwatch/cam-1/heartbeat"),
        ("camwatch-b", "camwatch/v1/camwatch-b/cam-1/status"),
        ("camwatch-b", "camwatch/v1/camwatch/cam-1/status"),
        ("camwatch-b", "camwatch/v1/$canary/camwatch"),
    ],
)
async def test_nobody_writes_what_is_not_theirs(
    deployed: Deployed, user: str, topic: str, *, retain: bool
) -> None:
    """The broker says so to whom asks (reason 135), passes nothing on, and keeps nothing."""
    codes: list[int] = []
    reader = "camwatch-b" if user == "camwatch" else "camwatch"
    async with deployed.session(user) as client, Listening(deployed, reader) as camwatch:
        client._client.on_publish = lambda *told: codes.append(told[3].value)
        client._client.publish(topic, b"spoofed", qos=1, retain=retain)
        await eventually(lambda: codes)
        assert await camwatch.hears() == []
    assert codes == [135]
    async with Listening(deployed) as later:
        assert await later.hears() == []


async def test_a_last_will_on_anothers_topic_is_not_spoken(deployed: Deployed) -> None:
    will = aiomqtt.Will("camwatch/v1/ville/cam-2/status", b'{"status":"offline"}', qos=1, retain=True)
    async with Listening(deployed) as camwatch:
        with contextlib.suppress(aiomqtt.MqttError):  # the session is gone when it is left
            async with deployed.session("ville/cam-1", will=will) as client:
                hang_up(client)
                await eventually(lambda: "ville/cam-1 closed its connection" in deployed.mosquitto.log())
        assert await camwatch.hears() == []


@pytest.mark.parametrize("user", ["ville/cam-1", "ville", "sacogiva"])
async def test_who_writes_reads_nothing(deployed: Deployed, user: str) -> None:
    """Neither others' words nor its own, by no wildcard, from the store or live; nor how the broker fares."""
    filters = ("#", "+/+/+/+/+", "camwatch/v1/#", "camwatch/v1/ville/cam-2/#", "$SYS/#", "$share/g/#")
    async with deployed.session("ville/cam-2") as other:
        await other.publish("camwatch/v1/ville/cam-2/status", b'{"status":"online"}', qos=1, retain=True)
        async with Listening(deployed) as camwatch, Listening(deployed, user, *filters) as curious:
            assert await camwatch.hears() == ["camwatch/v1/ville/cam-2/status"]  # from the store
            await other.publish("camwatch/v1/ville/cam-2/heartbeat", b"{}", qos=1)
            assert await camwatch.hears() == ["camwatch/v1/ville/cam-2/heartbeat"]
            assert await curious.has() == []
        await other.publish("camwatch/v1/ville/cam-2/status", b"", qos=1, retain=True)


@pytest.mark.parametrize("stolen", ["camwatch", "ville/cam-2", "cam-2"])
async def test_no_camera_can_take_anothers_session(deployed: Deployed, stolen: str) -> None:
    """The id that a client gives itself is not looked at; the account is the id."""
    async with Listening(deployed) as camwatch, deployed.session("ville/cam-2") as honest:
        async with deployed.session("ville/cam-1", identifier=stolen) as thief:
            await thief.subscribe("camwatch/v1/nobody")
            await honest.publish("camwatch/v1/ville/cam-2/heartbeat", b"{}", qos=1)
        assert await camwatch.hears() == ["camwatch/v1/ville/cam-2/heartbeat"]


@pytest.mark.parametrize(
    ("user", "password"),
    [
        (None, None),
        ("ville/cam-1", None),
        ("ville/cam-1", ""),
        ("ville/cam-1", "guessed"),
        ("ville/gone", "guessed"),
        ("nobody", "guessed"),
        ("", ""),
    ],
)
async def test_nobody_comes_in_without_an_account(
    deployed: Deployed, user: str | None, password: str | None
) -> None:
    with pytest.raises(aiomqtt.MqttError, match=r"(?i)not authori[sz]ed|user name or password"):
        async with deployed.session(None, username=user, password=password):
            pass


async def test_a_password_opens_its_own_account_only(deployed: Deployed) -> None:
    with pytest.raises(aiomqtt.MqttError, match=r"(?i)not authori"):
        async with deployed.session("ville/cam-1", password=deployed.password("ville/cam-2")):
            pass


def test_the_connection_is_encrypted_and_the_broker_proves_who_it_is(deployed: Deployed) -> None:
    """Another authority, another host, TLS of 2006, no TLS at all: no session."""
    trusting = ssl.create_default_context(cafile=deployed.ca_file)
    old = ssl.create_default_context(cafile=deployed.ca_file)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1
    old.set_ciphers("DEFAULT:@SECLEVEL=0")  # it would, if the broker would
    place = ("127.0.0.1", deployed.mosquitto.port)

    def hands_shaken(context: ssl.SSLContext, host: str) -> str | None:
        with (
            socket.create_connection(place, timeout=PATIENCE_S) as sock,
            context.wrap_socket(sock, server_hostname=host) as wrapped,
        ):
            return wrapped.version()

    assert hands_shaken(trusting, "localhost") == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError, match="self-signed certificate in certificate chain"):
        hands_shaken(ssl.create_default_context(), "localhost")
    with pytest.raises(ssl.SSLCertVerificationError, match="ostname mismatch"):
        hands_shaken(trusting, "broker.example")
    with pytest.raises(ssl.SSLError):
        hands_shaken(old, "localhost")
    with socket.create_connection(place, timeout=PATIENCE_S) as plain:
        plain.sendall(bytes.fromhex("100c00044d51545404c2003c0000"))  # CONNECT
        with contextlib.suppress(ConnectionResetError):
            assert b"\x20\x02" not in plain.recv(100), "a CONNACK"


async def test_an_inventory_that_changes_changes_the_accounts(tmp_path: Path) -> None:
    """Who stays keeps the password; who is gone is refused once the broker has read its files anew."""
    fleet = write_fleet(tmp_path / "fleet", CAMERAS)
    found = Deployed.at(tmp_path, fleet)
    kept, hashes = found.password("ville/cam-1"), (found.secrets / "mosquitto/passwords").read_text()
    leaving = found.password("ville/cam-2")
    with found.mosquitto:
        write_fleet(fleet, [*CAMERAS[:1], camera("cam-3"), *CAMERAS[2:]])
        said = make_accounts(fleet, found.secrets)
        assert said.stdout.startswith("8 accounts, 1 of them new, 1 removed.\n")
        assert found.password("ville/cam-1") == kept
        assert hashes.splitlines()[0] in (found.secrets / "mosquitto/passwords").read_text()
        found.mosquitto._process.send_signal(signal.SIGHUP)  # type: ignore[union-attr] # it runs
        await eventually(lambda: "Reloading config" in found.mosquitto.log())
        for user in ("ville/cam-1", "ville/cam-3"):
            async with found.session(user):
                pass
        with pytest.raises(aiomqtt.MqttError, match=r"(?i)not authori"):
            async with found.session(None, username="ville/cam-2", password=leaving):
                pass
    make_accounts(fleet, found.secrets, "--renew", "ville/cam-1")
    assert found.password("ville/cam-1") != kept
    assert {file.stat().st_mode & 0o077 for file in found.secrets.rglob("*") if file.is_file()} == {0}


async def test_a_landlord_that_invents_cameras_does_not_end_the_broker(tmp_path: Path) -> None:
    """3,000 retained messages of 19 kB, where 20 MB (`memory_limit`) are the end; nobody else notices."""
    found = Deployed.at(tmp_path, write_fleet(tmp_path / "fleet", CAMERAS))
    file = found.mosquitto._file
    limit = "memory_limit 1000000000\n"
    assert limit in file.read_text()
    file.write_text(file.read_text().replace(limit, "memory_limit 20000000\n"))
    told: set[int] = set()
    with found.mosquitto:
        async with Listening(found) as camwatch:
            async with found.session("sacogiva") as greedy:
                greedy._client.on_publish = lambda *heard: told.add(heard[3].value)
                for number in range(3_000):
                    topic = f"camwatch/v1/sacogiva/invented-{number}/status"
                    greedy._client.publish(topic, b"x" * 19_000, qos=0, retain=True)
                greedy._client.publish("camwatch/v1/sacogiva/invented/status", b"{}", qos=1, retain=True)
                await eventually(lambda: 135 in told)  # not authorised: all before it has been looked at
            async with found.session("ville/cam-1") as honest:
                await honest.publish(OWN + "heartbeat", b"{}", qos=1)
            assert await camwatch.hears() == [OWN + "heartbeat"]


async def test_a_message_larger_than_any_of_ours_is_not_taken(deployed: Deployed) -> None:
    async with Listening(deployed) as camwatch:
        with contextlib.suppress(aiomqtt.MqttError):
            async with deployed.session("ville/cam-1") as client:
                await client.publish(OWN + "heartbeat", b"x" * 21_000, qos=1, timeout=5)
        async with deployed.session("ville/cam-1") as client:
            await client.publish(OWN + "heartbeat", b"x" * 17_000, qos=1)
        assert await camwatch.hears() == [OWN + "heartbeat"], "the one that camwatch is to count as too large"


def test_what_the_accounts_cannot_be_made_of_is_told(tmp_path: Path) -> None:
    fleet = write_fleet(tmp_path / "fleet")
    said = make_accounts(tmp_path / "none", tmp_path / "secrets")
    assert (said.returncode, said.stdout) == (2, "")
    assert "No such file" in said.stderr
    assert "Traceback" not in said.stderr
    write_fleet(tmp_path / "fleet", [camera("cam#1")])
    assert "not a valid id" in make_accounts(fleet, tmp_path / "secrets").stderr
    write_fleet(tmp_path / "fleet")
    assert "no such account" in make_accounts(fleet, tmp_path / "secrets", "--renew", "x").stderr
    assert not (tmp_path / "secrets").exists()


async def test_camwatch_watches_cameras_that_have_accounts(tmp_path: Path) -> None:
    """The simulator's cameras are users of their own, as real ones are."""
    fleet = write_fleet(tmp_path / "fleet", [row for row in CAMERAS if row["lifecycle"] == "in_service"])
    found = Deployed.at(tmp_path, fleet)
    access = {
        "username_file": str(found.secrets / "camwatch/mqtt-username"),
        "canary": True,
        "password_file": str(found.secrets / "camwatch/mqtt-password"),
        "ca_file": str(found.secrets / "camwatch/ca.pem"),
    }
    with found.mosquitto:
        url = found.mosquitto.url
        played = broker_at(url, ca_file=found.ca_file, accounts_file=found.secrets / "cameras/accounts")
        async with (
            running(tmp_path, config(fleet, broker(url, **access))) as daemon,
            Simulator(SimulatorSettings(played, read_fleet(fleet), interval_s=INTERVAL_S)),
        ):
            await daemon.until_all("up", 4)


async def test_what_waits_for_camwatch_outlives_the_broker(tmp_path: Path) -> None:
    """S9: it is kept in the working directory, which the unit and the compose file set."""
    found = Deployed.at(tmp_path, write_fleet(tmp_path / "fleet", CAMERAS))
    place, file = f"persistence_location {found.mosquitto.folder}/\n", found.mosquitto._file
    file.write_text(file.read_text().replace(place, ""))
    topic = "camwatch/v1/sacogiva/cam-9/heartbeat"
    kept = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho leaves it untyped
    kept.SessionExpiryInterval = 3600
    with contextlib.chdir(tmp_path / "mosquitto"), found.mosquitto:
        async with found.session("camwatch", clean_start=False, properties=kept) as camwatch:
            await camwatch.subscribe(WATCHED[0], qos=1)
        async with found.session("sacogiva/cam-9") as client:
            for number in range(1100):  # more than the broker would keep of itself
                await client.publish(topic, str(number), qos=1)
        found.mosquitto.stop()
        found.mosquitto.start()
        async with found.session("camwatch", clean_start=False, properties=kept) as camwatch:
            heard: list[object] = []
            async with asyncio.timeout(PATIENCE_S):
                async for message in camwatch.messages:
                    heard.append(message.payload)
                    if message.payload == b"1099":
                        break
    assert heard == [str(number).encode() for number in range(1100)]
    assert (tmp_path / "mosquitto/mosquitto.db").exists()
