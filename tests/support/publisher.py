"""Messages made by hand, as a camera with a fault (or somebody else) would send them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiomqtt

PREFIX = "camwatch/v1"


def heartbeat_topic(camera: str, operator: str = "ville") -> str:
    """Return the topic of a camera's heartbeats."""
    return f"{PREFIX}/{operator}/{camera}/heartbeat"


def status_topic(camera: str, operator: str = "ville") -> str:
    """Return the topic of a camera's status messages."""
    return f"{PREFIX}/{operator}/{camera}/status"


class Publisher:
    """Publishes anything at all on one session; made by `publishing`."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client

    async def send(self, topic: str, payload: bytes = b"", *, retain: bool = False) -> None:
        """Publish, and wait for the broker's acknowledgement."""
        await self._client.publish(topic, payload, qos=1, retain=retain)

    async def heartbeat(self, camera: str, operator: str = "ville", /, **fields: object) -> None:
        """Publish a heartbeat with these fields, right or wrong."""
        await self.send(heartbeat_topic(camera, operator), json.dumps(fields).encode())

    @asynccontextmanager
    async def beating(self, *cameras: str, every_s: float) -> AsyncIterator[None]:
        """Let these cameras of `ville` live meanwhile: sound heartbeats, with `ts` and `seq`."""
        beat = asyncio.create_task(self._beat(cameras, every_s), name="beating")
        try:
            yield
        finally:
            while not beat.done():  # before Python 3.12, a confirmation that comes just then swallows it
                beat.cancel()
                await asyncio.wait({beat}, timeout=1)
        if not beat.cancelled():
            beat.result()

    async def _beat(self, cameras: tuple[str, ...], every_s: float) -> None:
        seq = 0
        while True:
            for camera in cameras:
                await self.heartbeat(camera, ts=time.time(), seq=seq)
            seq += 1
            await asyncio.sleep(every_s)


@asynccontextmanager
async def publishing(port: int, *, protocol: str = "5") -> AsyncIterator[Publisher]:
    """Open a session with the broker at this port of the loopback."""
    version = aiomqtt.ProtocolVersion.V5 if protocol == "5" else aiomqtt.ProtocolVersion.V311
    async with aiomqtt.Client("127.0.0.1", port, protocol=version) as client:
        yield Publisher(client)
