"""Sees what cameras publish, as the daemon would: a real MQTT client that decodes with `camwatch.wire`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

import aiomqtt

from camwatch.core.telemetry import SessionStatus
from camwatch.wire.heartbeat import Heartbeat, decode_heartbeat, decode_status
from camwatch.wire.topics import DEFAULT_PREFIX, MessageKind, parse_topic
from tests.support.eventually import eventually


class Seen(NamedTuple):
    """One message; `at` in the event loop's seconds."""

    at: float
    camera: str
    operator: str
    retained: bool
    said: Heartbeat | SessionStatus


@dataclass
class Observer:
    """All that was published since it began, in order."""

    seen: list[Seen] = field(default_factory=list)

    def heartbeats(self, camera: str) -> list[Heartbeat]:
        return [one.said for one in self.seen if one.camera == camera and isinstance(one.said, Heartbeat)]

    def boots(self, camera: str) -> list[list[int]]:
        """Return the numbers of a camera's heartbeats, a list for each instant at which it says it booted."""
        parts: list[list[int]] = []
        began = -1.0
        for heartbeat in self.heartbeats(camera):
            if heartbeat.ts - heartbeat.uptime_s > began + 0.003:  # both are in whole milliseconds
                parts.append([])
            began = heartbeat.ts - heartbeat.uptime_s
            parts[-1].append(heartbeat.seq)
        return parts

    def words(self, camera: str) -> list[SessionStatus]:
        return [one.said for one in self.seen if one.camera == camera and isinstance(one.said, SessionStatus)]

    def last(self, camera: str) -> SessionStatus | None:
        """Return a camera's latest status, None before the first."""
        return next(reversed(self.words(camera)), None)

    def when(self, camera: str, word: SessionStatus) -> float:
        """Return when a camera's last such status came."""
        return max(one.at for one in self.seen if one.camera == camera and one.said is word)

    def note(self, message: aiomqtt.Message) -> None:
        address = parse_topic(DEFAULT_PREFIX, str(message.topic))
        assert address is not None, f"unknown topic {message.topic}"
        assert isinstance(message.payload, bytes)
        decode = decode_heartbeat if address.kind is MessageKind.HEARTBEAT else decode_status
        now = asyncio.get_running_loop().time()
        self.seen.append(Seen(now, address.camera, address.operator, message.retain, decode(message.payload)))

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until `condition()` is true."""
        await eventually(condition)


@contextlib.asynccontextmanager
async def observing(url: str) -> AsyncIterator[Observer]:
    """Subscribe to everything under the prefix; the block begins once the broker has granted it."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    observer = Observer()
    async with aiomqtt.Client(parts.hostname, parts.port) as client:
        await client.subscribe(f"{DEFAULT_PREFIX}/#", qos=1)
        task = asyncio.create_task(_collect(client, observer))
        try:
            yield observer
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _collect(client: aiomqtt.Client, observer: Observer) -> None:
    async for message in client.messages:
        observer.note(message)
