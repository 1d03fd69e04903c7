"""A client of the event stream, as a browser is one: it keeps the last id, and may go away at any time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx

from tests.support.pace import PATIENCE_S


class Heard(NamedTuple):
    """One event."""

    id: str
    name: str
    data: dict[str, Any]


class Listener:
    """Reads one stream; `last_id` is what a browser would send when it comes back."""

    def __init__(self, lines: AsyncIterator[str], last_id: str | None) -> None:
        self._lines = lines
        self.last_id = last_id

    async def next(self) -> Heard:
        """Wait for the next event that is not a `ping`."""
        name, data = "", ""
        async with asyncio.timeout(PATIENCE_S):
            async for line in self._lines:
                field, _, value = line.partition(": ")
                if field == "id":
                    self.last_id = value
                elif field == "event":
                    name = value
                elif field == "data":
                    data = value
                elif not line and name == "ping":
                    name = ""
                elif not line and name:
                    return Heard(self.last_id or "", name, json.loads(data))
        raise EOFError("the stream ended")

    async def greeted(self) -> str:
        """Wait for the id that the stream begins with."""
        async with asyncio.timeout(PATIENCE_S):
            async for line in self._lines:
                if line.startswith("id: "):
                    self.last_id = line[4:]
                    return self.last_id
        raise EOFError("the stream ended")

    async def take(self, count: int) -> list[Heard]:
        """Wait for so many events."""
        return [await self.next() for _ in range(count)]


@asynccontextmanager
async def listening(
    client: httpx.AsyncClient, last_id: str | None = None, **headers: str
) -> AsyncIterator[Listener]:
    """Open a stream, from after an event on; leave without a word."""
    if last_id is not None:
        headers["last-event-id"] = last_id
    async with client.stream("GET", "/api/v1/events", headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Listener(response.aiter_lines(), last_id)
