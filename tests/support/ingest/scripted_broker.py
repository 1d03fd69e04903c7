"""A server that follows a script, for what no real broker does on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import mqtt5

from camwatch.ingest.link import LinkSettings
from camwatch.ingest.mqtt5_link import packet_size
from tests.support.ingest.links import FILTERS, HEARTBEAT

ACCEPTED = mqtt5.ConnAckPacket().write()
GRANTED = mqtt5.SubAckPacket(1, [mqtt5.SubAckReasonCode.GRANTED_QOS_AT_LEAST_ONCE] * len(FILTERS)).write()
REFUSED_3_1_1 = b"\x20\x02\x00\x01"


def published(payload: bytes, packet_id: int | None = None, *, qos: int = 1, topic: str = HEARTBEAT) -> bytes:
    """Return a PUBLISH of MQTT 5: QoS 0 without a packet id."""
    level = mqtt5.QoS.AT_MOST_ONCE if packet_id is None else mqtt5.QoS(qos)
    return mqtt5.PublishPacket(topic, payload, qos=level, packet_id=packet_id).write()


class Visit:
    """One connection of a client to the scripted server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.reader = reader
        self.writer = writer
        self.number = number

    async def packet(self) -> bytes:
        """Return the next packet of the client, as bytes."""
        start = await self.reader.readexactly(2)
        while (size := packet_size(memoryview(start))) is None:
            start += await self.reader.readexactly(1)
        return start + await self.reader.readexactly(size - len(start))

    async def mqtt5_packet(self) -> mqtt5.Packet:
        """Return the next packet of the client, of MQTT 5."""
        return mqtt5.read(memoryview(await self.packet()))[0]

    async def say(self, *packets: bytes) -> None:
        """Send these bytes."""
        self.writer.writelines(packets)
        await self.writer.drain()

    async def welcome(self, *then: bytes) -> None:
        """Answer CONNECT and SUBSCRIBE of MQTT 5 with a yes, and send these bytes after that."""
        await self.packet()
        await self.say(ACCEPTED)
        await self.packet()
        await self.say(GRANTED, *then)

    async def until_gone(self) -> None:
        """Wait until the client closes the connection."""
        while await self.reader.read(65536):
            pass


@asynccontextmanager
async def served(script: Callable[[Visit], Awaitable[None]], **changes: Any) -> AsyncIterator[LinkSettings]:
    """Serve the script to each connection; give settings that lead there: MQTT 5 over TCP, unless changed."""
    visits: set[asyncio.Task[None]] = set()

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await script(Visit(reader, writer, len(visits)))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client went away, as it may
        finally:
            writer.close()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.add(asyncio.create_task(visit(reader, writer), name="scripted visit"))

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    told: dict[str, Any] = {
        "name": "main", "scheme": "mqtt", "host": "127.0.0.1", "port": server.sockets[0].getsockname()[1],
        "protocol": "5", "client_id": "camwatch-test", "filters": FILTERS,
        "reconnect_min_s": 0.02, "reconnect_max_s": 0.1,
    }  # fmt: skip
    try:
        yield LinkSettings(**(told | changes))
    finally:
        server.close()
        await server.wait_closed()
        for task in visits:
            task.cancel()
        for outcome in await asyncio.gather(*visits, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome
