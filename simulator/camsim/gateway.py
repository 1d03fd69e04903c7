"""A site's gateway: one MQTT 5 session that speaks for many cameras, so that 100,000 fit on one machine.

Its cameras have no session of their own, so no last will, and they say neither `online` nor `goodbye`: one
that loses power or network is silent. Heartbeats go out at QoS 0, through the codec `mqtt5`.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import cast

import aiomqtt
import mqtt5

from camsim.broker import problem_of
from camsim.faults import Effect
from camsim.lagging_path import Path
from camsim.publishing import Message
from camsim.run_context import RunContext
from camsim.virtual_camera import VirtualCamera

_TOGETHER_S = 0.005  # what is due within this goes out in one piece
_FULL_BYTES = 1 << 20
_PING = mqtt5.PingReqPacket().write()
_GOODBYE = mqtt5.DisconnectPacket().write()


class Gateway:
    """Many cameras on a stage, over one connection named `name`."""

    def __init__(self, name: str, lives: Sequence[VirtualCamera], stage: RunContext, path: Path) -> None:
        self.name = name
        self.lives = {life.device.camera.id: life for life in lives}
        self._stage, self._path = stage, path
        self._order = {camera: number for number, camera in enumerate(self.lives)}
        self._topics = {camera: stage.topic(life.device.camera) for camera, life in self.lives.items()}
        self._due: list[tuple[float, int, str]] = []
        self._more = asyncio.Event()  # something befell a camera, or the session
        self._session: _Session | None = None
        self._task = stage.tasks.create_task(self._live(), name=f"gateway {name}")

    def reconnect(self) -> None:
        """Lose the session without a word; it comes back at once."""
        if self._session is not None:
            self._session.abort()

    def end(self) -> None:
        """Stop: with DISCONNECT, where there is a session."""
        if self._session is not None and not self._task.cancelling():
            self._session.write(_GOODBYE)
            self._session.close()
        self._task.cancel()

    def befall(self, camera: str, happens: Callable[[float], None]) -> None:
        """Let something happen to a camera now."""
        life = self.lives[camera]
        was_reachable = life.reachable
        happens(self._stage.now_s())
        if self._session is not None and life.reachable is not was_reachable:
            note = self._stage.statistics.came if life.reachable else self._stage.statistics.went
            note(camera)
        self._expect(camera)
        self._more.set()

    def _expect(self, camera: str) -> None:
        due = self.lives[camera].due_s()
        if due is not None:
            heapq.heappush(self._due, (due, self._order[camera], camera))

    async def _live(self) -> None:
        """Keep a session and publish on it until cancelled."""
        stage, failures = self._stage, 0
        while True:
            try:
                async with stage.pace:
                    session = await _open(self.name, stage, self._more.set)
                failures = 0
                self._session = session
                self._connected(stage.statistics.came)
                await self._run_session(session)
            except (OSError, TimeoutError) as error:
                stage.statistics.failed(
                    problem_of(stage.broker, aiomqtt.MqttError(str(error) or "timed out"))
                )
            finally:
                if self._session is not None:
                    self._session.close()
                    self._session = None
                    self._connected(stage.statistics.went)
            await asyncio.sleep(stage.back_off_s(self.name, failures, failures + 1))
            failures += 1

    def _connected(self, note: Callable[[str], None]) -> None:
        for camera, life in self.lives.items():
            if life.reachable:
                note(camera)

    async def _run_session(self, session: _Session) -> None:
        """Send what is due when it is due. Raises OSError when the session is lost."""
        stage = self._stage
        await stage.begun.wait()
        now_s = stage.now_s()
        self._due.clear()
        for camera, life in self.lives.items():
            life.skip(now_s)  # what was due without a session is lost
            self._expect(camera)
        while True:
            await self._wait()
            if session.lost.done():
                raise ConnectionError(session.lost.result())
            self._publish_due(session, stage.now_s() + _TOGETHER_S)
            await session.drained()

    async def _wait(self) -> None:
        """Wait until something is due, or has changed, or the session is lost."""
        keep_s = self._stage.broker.keep_alive_s / 2
        wait_s = min(keep_s, max(0.0, self._due[0][0] - self._stage.now_s())) if self._due else keep_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._more.wait()
                self._more.clear()

    def _publish_due(self, session: _Session, until_s: float) -> None:
        utc_s, due = time.time(), self._due
        packets = []
        while due and due[0][0] <= until_s:
            at_s, _, camera = heapq.heappop(due)
            life = self.lives[camera]
            if life.due_s() != at_s:
                continue  # changed since, and queued again
            topic, lag = self._topics[camera], life.lag
            for payload in life.payloads_until(until_s, utc_s):
                if lag is None and not self._path.busy:
                    packets.append(mqtt5.PublishPacket(topic=topic, payload=payload).write())
                else:
                    arrives_s = at_s if lag is None else lag.arrival_s(at_s)
                    self._path.send(Message(topic, payload), arrives_s)
                    self._stage.statistics.heartbeats += 1
            self._expect(camera)
        if packets:
            self._stage.statistics.heartbeats += len(packets)
            session.write(b"".join(packets))
        else:
            session.write(_PING)


class GatewayCamera:
    """One camera that a gateway speaks for, with the methods of a `Connection`."""

    def __init__(self, life: VirtualCamera, gateway: Gateway) -> None:
        self._life = life
        self._befall = partial(gateway.befall, life.device.camera.id)
        self.reconnect, self.end = gateway.reconnect, gateway.end

    def commission(self) -> None:
        """Bring the camera to life, at once."""
        self._befall(self._life.commission)

    def hold(self, reason: str, effect: Effect) -> None:
        """Let an effect begin."""
        self._befall(partial(self._life.hold, reason, effect))

    def release(self, reason: str) -> None:
        """End what held for `reason`."""
        self._befall(partial(self._life.release, reason))

    async def say_goodbye(self) -> None:
        """Say nothing: a gateway has no words for its cameras."""


def gateway_cameras(
    lives: Sequence[VirtualCamera], stage: RunContext, path: Path, connections: int
) -> Iterator[GatewayCamera]:
    """Yield all cameras, in order, spread over so many gateways: neighbours share one."""
    for number in range(connections):
        some = lives[len(lives) * number // connections : len(lives) * (number + 1) // connections]
        if some:
            gateway = Gateway(f"gateway-{number}", some, stage, path)
            yield from (GatewayCamera(life, gateway) for life in some)


class _Session(asyncio.Protocol):
    """One connection: what is written goes out, what comes is read and dropped."""

    def __init__(self, ended: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        self._ended = ended
        self.opened: asyncio.Future[None] = loop.create_future()
        self.lost: asyncio.Future[str] = loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._room = asyncio.Event()
        self._room.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_FULL_BYTES)

    def data_received(self, data: bytes) -> None:
        """Look for the answer to CONNECT; whatever else the broker says needs no answer."""
        if self.opened.done():
            return
        packet = mqtt5.read(memoryview(data))[0]
        if isinstance(packet, mqtt5.ConnAckPacket) and packet.reason_code == mqtt5.ConnAckReasonCode.SUCCESS:
            self.opened.set_result(None)
        else:
            self.opened.set_exception(
                ConnectionError("the broker refuses the gateway: is it MQTT 5, and open?")
            )

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake the waiting task."""
        why = "Disconnected" if exc is None else str(exc)
        self._room.set()
        self._ended()
        if not self.lost.done():
            self.lost.set_result(why)
        if not self.opened.done():
            self.opened.set_exception(ConnectionError(why))

    def pause_writing(self) -> None:
        """Wait: the broker does not keep up."""
        self._room.clear()

    def resume_writing(self) -> None:
        """Let writers continue."""
        self._room.set()

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if self._transport is not None:
            self._transport.write(data)

    async def drained(self) -> None:
        """Wait until there is room for more."""
        await self._room.wait()

    def close(self) -> None:
        """End it, once what was written is gone."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """End it at once."""
        if self._transport is not None:
            self._transport.abort()


async def _open(name: str, stage: RunContext, ended: Callable[[], None]) -> _Session:
    """Open a session, which calls `ended` when it is lost. Raises OSError or TimeoutError."""
    broker = stage.broker
    async with asyncio.timeout(stage.answer_s):
        loop = asyncio.get_running_loop()
        _, session = await loop.create_connection(
            lambda: _Session(ended),
            broker.host,
            broker.port,
            ssl=broker.tls,
            server_hostname=broker.host if broker.tls else None,
        )
        session.write(
            mqtt5.ConnectPacket(
                client_id=f"camsim-{name}",
                clean_start=True,
                keep_alive=broker.keep_alive_s,
                username=broker.username,
                password=None if broker.password is None else broker.password.encode(),
            ).write()
        )
        await session.opened
    return session
