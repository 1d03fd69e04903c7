"""What others say in a camera's name: heartbeats that it did not send, over a connection of their own."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import aiomqtt

from camsim.faults import SpoofedMessage
from camsim.publishing import Message, heed_cancellation, publish
from camsim.run_context import RunContext
from camsim.virtual_camera import VirtualCamera
from camwatch.wire.heartbeat import encode_heartbeat
from camwatch.wire.topics import MessageKind, TopicAddress, topic_of

_OLD_S: Final = 3600.0
_NOBODY: Final = "somebody-else"


def spoofed_heartbeat(life: VirtualCamera, lie: SpoofedMessage, now_s: float, utc_s: float) -> bytes:
    """Return what is published: a made-up heartbeat, an old one, or the last one again. Pure."""
    device = life.device
    if lie.kind == "spoof":
        # It was listened to, and knows what comes next.
        heartbeat = device.heartbeat(life.seq + lie.number, max(0.0, now_s - life.booted_s), utc_s)
        return encode_heartbeat(heartbeat)
    if life.last_payload and (lie.kind == "retained" or lie.number % 2 == 0):
        return life.last_payload
    past_s = utc_s - _OLD_S - lie.number
    return encode_heartbeat(device.heartbeat(lie.number, _OLD_S, past_s))


class Spoofer:
    """Publishes lies on a stage, while the camera lives and while it does not."""

    def __init__(self, stage: RunContext) -> None:
        self._stage = stage
        self._told: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def publish(self, life: VirtualCamera, lie: SpoofedMessage) -> None:
        """Publish one lie, soon."""
        camera = life.device.camera
        operator = camera.operator if lie.own_topic else _NOBODY
        topic = topic_of(self._stage.prefix, TopicAddress(operator, camera.id, MessageKind.HEARTBEAT))
        payload = spoofed_heartbeat(life, lie, self._stage.now_s(), time.time())
        self._told.put_nowait(Message(topic, payload, qos=1, retain=lie.kind == "retained"))
        if self._task is None:
            self._task = self._stage.tasks.create_task(self._publish(), name="lies")

    def end(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()

    async def _publish(self) -> None:
        broker = self._stage.broker
        while True:
            try:
                async with broker.client_of_nobody("lies") as client:
                    heed_cancellation()
                    while True:
                        await publish(client, await self._told.get())
                        self._stage.statistics.lies += 1
            except aiomqtt.MqttError:
                heed_cancellation()
                await asyncio.sleep(self._stage.reconnect_min_s)
