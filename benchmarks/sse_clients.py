"""Clients of the event stream, in a process that reports when an event has reached all of them.

It writes `ready` when every stream has begun, and then a line for each camera whose transition all of them
have: its id, and the monotonic second at which the last of them had it.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import time
from collections import Counter

_TRANSITION = re.compile(rb'event: transition\ndata: \{"camera":"([^"]+)"')
_HELLO = b"event: ping"


class _Clients:
    """What all listeners have heard."""

    def __init__(self, streams: int) -> None:
        self.streams = streams
        self.begun = 0
        self.heard: Counter[bytes] = Counter()

    def begin(self) -> None:
        self.begun += 1
        if self.begun == self.streams:
            _say("ready")

    def hear(self, camera: bytes) -> None:
        self.heard[camera] += 1
        if self.heard[camera] == self.streams:
            _say(f"{camera.decode()} {time.monotonic()!r}")


class _Listener(asyncio.Protocol):
    """One stream; what came is searched event by event."""

    def __init__(self, crowd: _Clients, port: int) -> None:
        self._crowd = crowd
        self._port = port
        self._rest = b""
        self._begun = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(transport)
        transport.write(f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        self._rest += data
        if not self._begun and _HELLO in self._rest:
            self._begun = True
            self._crowd.begin()
        *events, self._rest = self._rest.split(b"\n\n")
        for event in events:
            found = _TRANSITION.search(event + b"\n\n")
            if found is not None:
                self._crowd.hear(found[1])

    def connection_lost(self, exc: Exception | None) -> None:
        sys.exit(f"a stream ended: {exc}")


def _say(text: str) -> None:
    print(text, flush=True)


async def _listen(port: int, streams: int) -> None:
    loop = asyncio.get_running_loop()
    crowd = _Clients(streams)
    for _ in range(streams):
        await loop.create_connection(lambda: _Listener(crowd, port), "127.0.0.1", port)
    await asyncio.Event().wait()


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--streams", type=int, required=True)
    options = parser.parse_args()
    asyncio.run(_listen(options.port, options.streams))


if __name__ == "__main__":
    _main()
