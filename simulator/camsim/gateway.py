"""A site's gateway: one MQTT 5 session for many cameras, so that 100,000 fit on one machine.

Its cameras have no session of their own, so no last will and no status: one that loses power or network is
silent. Heartbeats have QoS 0.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import aiomqtt
import mqtt5

from camsim.broker import problem_of
from camsim.faults import Change, Moment
from camsim.publishing import Courier, Message
from camsim.run_context import RunContext
from camsim.virtual_camera import VirtualCamera

_TOGETHER_S = 0.005  # messages due within this time are sent together
_FULL_BYTES = 1 << 20
_PING = mqtt5.PingReqPacket().write()
_GOODBYE = mqtt5.DisconnectPacket().write()


class Gateway:
    """Many cameras of a run, over one connection named `name`."""

    def __init__(self, name: str, lives: Sequence[VirtualCamera], context: RunContext, path: Courier) -> None:
        self.name = name
        self.lives = {life.device.camera.id: life for life in lives}
        self._context, self._path = context, path
        self.controls = {camera: partial(self.apply, camera) for camera in self.lives}
        self._topics = {camera: context.topic(life.device.camera) for camera, life in self.lives.items()}
        self._due: list[tuple[float, str]] = []
        self._more = asyncio.Event()  # a change of a camera, or of the session
        self._session: _Session | None = None
        self._task = context.tasks.create_task(self._live(), name=f"gateway {name}")

    async def say_goodbye(self) -> None:
        """DISCONNECT where there is a session, and end. Gateways publish no status of their cameras."""
        if self._session is not None:
            self._session.writer.write(_GOODBYE)
        self.end()

    def end(self) -> None:
        """Stop; the session is closed once all written bytes are sent."""
        self._task.cancel()

    def apply(self, camera: str, change: Change, reason: str) -> None:
        """Apply a change to a camera now. `Moment.RECONNECT` reconnects the gateway."""
        if change is Moment.RECONNECT and self._session is not None:
            self._session.writer.transport.abort()
        life = self.lives[camera]
        was_reachable = life.reachable
        life.apply(change, reason, self._context.now_s())
        if self._session is not None and life.reachable is not was_reachable:
            note = self._context.statistics.came if life.reachable else self._context.statistics.went
            note(camera)
        self._expect(camera)
        self._more.set()

    def _expect(self, camera: str) -> None:
        due = self.lives[camera].due_s()
        if due is not None:
            heapq.heappush(self._due, (due, camera))

    async def _live(self) -> None:
        """Keep a session and publish on it until cancelled."""
        context, failures = self._context, 0
        while True:
            try:
                async with context.pace:
                    session = await _open(self.name, context)
                session.lost.add_done_callback(lambda _: self._more.set())
                failures = 0
                self._session = session
                self._connected(context.statistics.came)
                await self._run_session(session)
            except (OSError, TimeoutError) as error:
                context.statistics.failed(
                    problem_of(context.broker, aiomqtt.MqttError(str(error) or "timed out"))
                )
            finally:
                if self._session is not None:
                    self._session.writer.close()
                    self._session.lost.cancel()
                    self._session = None
                    self._connected(context.statistics.went)
            await asyncio.sleep(context.back_off_s(self.name, failures, failures + 1))
            failures += 1

    def _connected(self, note: Callable[[str], None]) -> None:
        for camera, life in self.lives.items():
            if life.reachable:
                note(camera)

    async def _run_session(self, session: _Session) -> None:
        """Send each heartbeat when it is due. Raises OSError when the session is lost."""
        context = self._context
        await context.begun.wait()
        now_s = context.now_s()
        self._due.clear()
        for camera, life in self.lives.items():
            life.skip(now_s)  # heartbeats due without a session are lost
            self._expect(camera)
        while True:
            await self._wait()
            if session.lost.done():
                raise ConnectionError(session.lost.result())
            self._publish_due(session, context.now_s() + _TOGETHER_S)
            with contextlib.suppress(ConnectionError):  # `lost` has the reason
                await session.writer.drain()

    async def _wait(self) -> None:
        """Wait until a message is due, a camera changes, or the session is lost."""
        keep_s = self._context.broker.keep_alive_s / 2
        wait_s = min(keep_s, max(0.0, self._due[0][0] - self._context.now_s())) if self._due else keep_s
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._more.wait()
                self._more.clear()

    def _publish_due(self, session: _Session, until_s: float) -> None:
        utc_s, due = time.time(), self._due
        packets = []
        while due and due[0][0] <= until_s:
            at_s, camera = heapq.heappop(due)
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
                    self._context.statistics.heartbeats += 1
            self._expect(camera)
        if packets:
            self._context.statistics.heartbeats += len(packets)
            session.writer.write(b"".join(packets))
        else:
            session.writer.write(_PING)


def gateways(
    lives: Sequence[VirtualCamera], context: RunContext, path: Courier, connections: int
) -> Iterator[Gateway]:
    """Yield gateways for all cameras, at most `connections` of them; neighbours share one."""
    for number in range(connections):
        some = lives[len(lives) * number // connections : len(lives) * (number + 1) // connections]
        if some:
            yield Gateway(f"gateway-{number}", some, context, path)


class _Session(NamedTuple):
    """An open session; `lost` ends with the reason when the session does."""

    writer: asyncio.StreamWriter
    lost: asyncio.Task[str]


async def _end_of(reader: asyncio.StreamReader) -> str:
    """Read and drop everything from the broker, none of which needs an answer; return why it ended."""
    try:
        while await reader.read(_FULL_BYTES):
            pass
    except OSError as error:
        return str(error)
    return "Disconnected"


async def _open(name: str, context: RunContext) -> _Session:
    """Open a session. Raises OSError or TimeoutError."""
    broker = context.broker
    async with asyncio.timeout(context.answer_s):
        reader, writer = await asyncio.open_connection(broker.host, broker.port, ssl=broker.tls)
        writer.transport.set_write_buffer_limits(high=_FULL_BYTES)
        packet = mqtt5.ConnectPacket(
            client_id=f"camsim-{name}",
            clean_start=True,
            keep_alive=broker.keep_alive_s,
            username=broker.username,
            password=None if broker.password is None else broker.password.encode(),
        )
        writer.write(packet.write())
        try:
            _must_be_accepted(await reader.read(_FULL_BYTES))
        except BaseException:
            writer.close()
            raise
        return _Session(writer, asyncio.create_task(_end_of(reader)))


def _must_be_accepted(answer: bytes) -> None:
    """Raise ConnectionError unless the broker's answer to CONNECT accepts the session."""
    if not answer:
        raise ConnectionError("Disconnected")
    packet = mqtt5.read(memoryview(answer))[0]
    if not isinstance(packet, mqtt5.ConnAckPacket) or packet.reason_code != mqtt5.ConnAckReasonCode.SUCCESS:
        raise ConnectionError("the broker refuses the gateway: is it MQTT 5, and open?")
