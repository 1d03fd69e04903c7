"""What camsim reaches for inside aiomqtt is still there, and does what cameras need."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

import aiomqtt
import pytest

from camsim.disconnects import abandon, careful, fall_silent, hang_up
from camwatch.core.telemetry import SessionStatus
from camwatch.wire.heartbeat import encode_status
from tests.support.eventually import eventually
from tests.support.mosquitto import Mosquitto
from tests.support.pace import PATIENCE_S
from tests.support.simulator.mqtt_observer import observing

TOPIC = "camwatch/v1/ville/cam-1/status"


def client_of(port: int) -> aiomqtt.Client:
    will = aiomqtt.Will(TOPIC, encode_status(SessionStatus.OFFLINE), qos=1, retain=True)
    return aiomqtt.Client("127.0.0.1", port, identifier="cam-1", will=will)


def client_of_observer(port: int) -> aiomqtt.Client:
    return aiomqtt.Client("127.0.0.1", port)


async def test_the_library_still_has_inside_what_camsim_needs(mosquitto: Mosquitto) -> None:
    async with client_of(mosquitto.port) as client:
        assert isinstance(client._client.socket(), socket.socket)
        assert isinstance(client._misc_task, asyncio.Task)
        for callback in ("on_disconnect", "on_socket_open", "on_socket_register_write"):
            assert callable(getattr(client._client, callback)), callback


async def test_hanging_up_makes_the_broker_publish_the_will(mosquitto: Mosquitto) -> None:
    async with observing(mosquitto.url) as observer:
        client = await client_of(mosquitto.port).__aenter__()
        hang_up(client)
        await observer.until(lambda: observer.words("cam-1") == [SessionStatus.OFFLINE])
        with pytest.raises(aiomqtt.MqttError):  # the library noticed, by its own path
            await anext(aiter(client.messages))
        assert client._client.socket() is None
        hang_up(client)


async def test_a_clean_end_leaves_the_will_unsaid(mosquitto: Mosquitto) -> None:
    async with observing(mosquitto.url) as observer:
        async with client_of(mosquitto.port) as client:
            await client.publish(TOPIC, encode_status(SessionStatus.GOODBYE), qos=1)
        async with client_of(mosquitto.port) as client:
            await client.publish(TOPIC, encode_status(SessionStatus.ONLINE), qos=1)
            await observer.until(lambda: len(observer.words("cam-1")) == 2)
        assert observer.words("cam-1") == [SessionStatus.GOODBYE, SessionStatus.ONLINE]


async def test_a_silent_client_sends_no_ping_any_more(mosquitto: Mosquitto) -> None:
    async with client_of(mosquitto.port) as client:
        fall_silent(client)
        await asyncio.wait({client._misc_task}, timeout=PATIENCE_S) if client._misc_task else None
        assert client._misc_task is None or client._misc_task.cancelled()
        assert client._client.socket() is not None


async def test_an_abandoned_opening_leaves_no_connection_behind() -> None:
    """The broker accepts the connection but never answers CONNECT."""
    ended, greeted = asyncio.Event(), asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.read(1) == b"\x10"  # CONNECT
        greeted.set()
        await reader.read()
        ended.set()
        writer.close()

    async with await asyncio.start_server(mute, "127.0.0.1", 0) as server:
        client = client_of(server.sockets[0].getsockname()[1])
        opening = asyncio.create_task(client.__aenter__())
        await greeted.wait()
        abandon(client, opening)
        with pytest.raises(asyncio.CancelledError):
            await opening
        async with asyncio.timeout(PATIENCE_S):
            await ended.wait()


def connecting_to(port: int) -> bool:
    """Return whether a connection to a port of the loopback is being opened: its state is SYN_SENT."""
    return f"0100007F:{port:04X} 02 " in Path("/proc/net/tcp").read_text("ascii")


async def test_an_opening_abandoned_in_its_thread_hangs_up_when_it_gets_through() -> None:
    """The connection comes about only after the camera has left: nothing may be said on it."""
    loop = asyncio.get_running_loop()
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        server.setblocking(False)
        # The one place in the queue is taken, so that the next connection has to wait.
        taken = stack.enter_context(socket.create_connection(server.getsockname()))
        client = client_of(server.getsockname()[1])
        opening = asyncio.create_task(client.__aenter__())
        await eventually(lambda: connecting_to(server.getsockname()[1]))
        assert client._client.socket() is None
        abandon(client, opening)
        with pytest.raises(asyncio.CancelledError):
            await opening
        first, _ = await loop.sock_accept(server)
        stack.enter_context(first)
        assert first.getpeername() == taken.getsockname()
        async with asyncio.timeout(PATIENCE_S):
            second, _ = await loop.sock_accept(server)
            stack.enter_context(second)
            second.setblocking(False)
            assert await loop.sock_recv(second, 1) == b""


async def test_a_connection_that_ends_before_its_turn_to_write_is_left_alone(mosquitto: Mosquitto) -> None:
    """The number of its file is nobody's by then, or another camera's."""
    loop = asyncio.get_running_loop()
    told: list[dict[str, object]] = []
    loop.set_exception_handler(lambda _loop, context: told.append(context))
    client = careful(client_of(mosquitto.port))
    await client.__aenter__()
    hang_up(client)
    publishing = asyncio.create_task(client.publish(TOPIC, encode_status(SessionStatus.ONLINE)))
    loop.call_soon(
        client._client.loop_read
    )  # in the same turn as the publishing: it reads the end, and closes
    await asyncio.wait({publishing})
    assert client._client.socket() is None
    assert told == []


async def test_a_careful_client_writes_what_the_broker_cannot_take_at_once(mosquitto: Mosquitto) -> None:
    """Four megabytes are more than the way holds while the broker is frozen."""
    async with careful(client_of(mosquitto.port)) as client, client_of_observer(mosquitto.port) as observer:
        await observer.subscribe("large")
        mosquitto.freeze()
        publishing = asyncio.create_task(client.publish("large", bytes(4_000_000), qos=1))
        await asyncio.sleep(0)
        mosquitto.thaw()
        await publishing
        message = await anext(aiter(observer.messages))
        assert message.payload == bytes(4_000_000)
