"""One camera's life with the broker: connected while it has power and network, and lost as cameras are lost.

What the camera says is the device's business; here is when it can say it. A camera lives while no
reason holds its power off, and is heard while no reason holds its network silent; `restore` ends a reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass

import aiomqtt

from camsim.abrupt import abandon, fall_silent, hang_up
from camsim.broker import Broker, problem_of
from camsim.device import Device
from camsim.statistics import Statistics
from camwatch.wire.heartbeat import Word, encode_heartbeat, encode_status
from camwatch.wire.topics import DEFAULT_PREFIX, Address, Kind, topic_of

_UNCOMMISSIONED = "uncommissioned"  # the reason that holds the power off from the beginning


@dataclass(frozen=True, slots=True)
class Stage:
    """What all connections of a simulator share. Back-off in seconds; `pace` bounds connecting at once."""

    broker: Broker
    tasks: asyncio.TaskGroup
    pace: asyncio.Semaphore
    statistics: Statistics
    qos: int = 0
    retain: bool = True
    prefix: str = DEFAULT_PREFIX
    reconnect_min_s: float = 0.5
    reconnect_max_s: float = 30.0


class Connection:
    """One camera on a stage: without power until `commission`. What is done to it takes effect at once."""

    def __init__(self, device: Device, stage: Stage) -> None:
        self.device = device
        self._stage = stage
        self._off = {_UNCOMMISSIONED}
        self._silent: set[str] = set()
        self._boot = -1
        self._booted_at = 0.0
        self._schedule_from: float | None = None  # the first connection of this boot
        self._seq = 0
        self._occasions = 0
        self._life: asyncio.Task[None] | None = None
        self._client: aiomqtt.Client | None = None
        address = Address(device.camera.operator, device.camera.id, Kind.HEARTBEAT)
        self._heartbeats = topic_of(stage.prefix, address)
        self._status = topic_of(stage.prefix, address._replace(kind=Kind.STATUS))

    @property
    def commissioned(self) -> bool:
        """Whether the camera was brought to life, whatever befell it since."""
        return _UNCOMMISSIONED not in self._off

    @property
    def reachable(self) -> bool:
        """Whether the camera has power and network, so that it ought to be connected."""
        return not self._off and not self._silent

    def commission(self) -> None:
        """Bring the camera to life, at once."""
        self.restore(_UNCOMMISSIONED)

    def cut_power(self, reason: str) -> None:
        """Take the camera's power: its connection drops without a word."""
        self._off.add(reason)
        if not self._silent:  # else nobody hears it: the silent connection stays as it is
            self._end_life()
            self._drop()

    def silence(self, reason: str) -> None:
        """Cut the camera's network: nothing is sent any more, and neither side is told."""
        self._silent.add(reason)
        self._end_life()
        if self._client is not None:
            fall_silent(self._client)
        self._stage.statistics.went(self.device.camera.id)

    def restore(self, reason: str) -> None:
        """End what was done for `reason`. Power that returns means a new boot; network does not."""
        had_power, was_heard, was_reachable = not self._off, not self._silent, self.reachable
        self._off.discard(reason)
        self._silent.discard(reason)
        if not self._silent and not was_heard:
            self._drop()
        if not self._off and not had_power:
            self._start_up()
        if self.reachable and not was_reachable:
            first = self.device.pause_s(self._boot, self._occasions) if self._occasions else 0.0
            self._occasions += 1
            self._life = self._stage.tasks.create_task(
                self._live(first), name=f"camera {self.device.camera.id}"
            )

    async def say_goodbye(self) -> None:
        """End cleanly, if the camera can: retained `goodbye`, then DISCONNECT. Else just end."""
        self._end_life()
        client = self._client
        if client is not None and not self._silent:
            with contextlib.suppress(aiomqtt.MqttError):  # the broker is gone: nobody is left to say it to
                await self._say(client, Word.GOODBYE)
                await client.__aexit__(None, None, None)
        self.end()

    def end(self) -> None:
        """Stop for good, without a word where none was said."""
        self._end_life()
        self._drop()

    async def _say(self, client: aiomqtt.Client, word: Word) -> None:
        await _publish(client, self._status, encode_status(word), qos=1, retain=self._stage.retain)

    def _start_up(self) -> None:
        self._boot += 1
        self._booted_at = asyncio.get_running_loop().time()
        self._schedule_from = None
        self._seq = 0

    def _end_life(self) -> None:
        if self._life is not None:
            self._life.cancel()
            self._life = None

    def _drop(self) -> None:
        """Leave the session, if there is one, without a word."""
        if self._client is not None:
            hang_up(self._client)
            self._client = None
            self._stage.statistics.went(self.device.camera.id)

    async def _live(self, delay_s: float) -> None:
        """Connect and talk, for ever; after a loss, try again with full-jitter back-off."""
        failures = 0
        while True:
            await asyncio.sleep(delay_s)
            try:
                client, lost = await self._connect()
                failures = 0
                await self._talk(client, lost)
            except aiomqtt.MqttError as error:
                self._drop()
                self._stage.statistics.failed(problem_of(self._stage.broker, error))
            ceiling_s = min(self._stage.reconnect_max_s, self._stage.reconnect_min_s * 2 ** min(failures, 16))
            delay_s = random.uniform(0, ceiling_s)  # noqa: S311 - spreads load, hides nothing
            failures += 1

    async def _connect(self) -> tuple[aiomqtt.Client, asyncio.Task[aiomqtt.MqttError]]:
        """Open a session; the task ends with the reason when that session does."""
        will = aiomqtt.Will(self._status, encode_status(Word.OFFLINE), qos=1, retain=self._stage.retain)
        async with self._stage.pace:
            client = self._stage.broker.client(self.device.camera, will)
            opening = asyncio.create_task(client.__aenter__())
            try:
                await asyncio.shield(opening)
            except BaseException:
                abandon(client, opening)
                raise
            self._client = client
            lost = self._stage.tasks.create_task(_end_of(client))
            await self._say(client, Word.ONLINE)
        self._stage.statistics.came(self.device.camera.id)
        return client, lost

    async def _talk(self, client: aiomqtt.Client, lost: asyncio.Task[aiomqtt.MqttError]) -> None:
        """Send each heartbeat when it is due. Raises MqttError when the session is lost."""
        now = asyncio.get_running_loop().time
        if self._schedule_from is None:
            self._schedule_from = now()
        else:  # the camera went on counting while nobody could hear it
            self._seq = max(self._seq, self.device.next_seq(self._boot, now() - self._schedule_from))
        while True:
            due = self._schedule_from + self.device.due_s(self._boot, self._seq)
            await asyncio.wait({lost}, timeout=max(0.0, due - now()))
            if lost.done():
                raise lost.result()
            heartbeat = self.device.heartbeat(self._seq, now() - self._booted_at, time.time())
            self._seq += 1
            await _publish(client, self._heartbeats, encode_heartbeat(heartbeat), qos=self._stage.qos)
            self._stage.statistics.heartbeats += 1


async def _publish(
    client: aiomqtt.Client, topic: str, payload: bytes, *, qos: int, retain: bool = False
) -> None:
    """Publish, and do not outlive a cancellation.

    Before Python 3.12 `asyncio.wait_for`, on which aiomqtt waits here, returns in spite of a cancellation
    that comes in the same turn of the loop as the confirmation: the camera would live twice.
    """
    await client.publish(topic, payload, qos=qos, retain=retain)
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _end_of(client: aiomqtt.Client) -> aiomqtt.MqttError:
    """Return why a session ended, once it has. Cameras subscribe to nothing, so nothing else comes."""
    try:
        async for _ in client.messages:
            pass
    except aiomqtt.MqttError as error:
        return error
    raise AssertionError("aiomqtt's messages end by raising MqttError")
