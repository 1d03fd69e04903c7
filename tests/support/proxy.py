"""A TCP proxy on the loopback whose two ways can be slowed, delayed, stalled and cut while it runs.

async with proxy_to(mosquitto.port) as proxy:
    proxy.back.rate = 600            # bytes a second from the server to its client
    proxy.back.delay_s = lambda: 2.0
    proxy.cut(Cut.RESET)
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum, auto

_PIECE = 1 << 16
_SLICE_S = 0.02  # a slow way looks so often whether more bytes may pass
_SAVED_S = 1.0  # a machine that was busy makes up for so much time
_AHEAD = 1 << 18  # so much is taken from the sender before it must wait, as a network's buffers do


class Cut(Enum):
    """How connections end."""

    FIN = auto()
    RESET = auto()
    BLACK_HOLE = auto()  # both ends believe in the connection; nothing passes, and nobody new gets through


class Way:
    """One direction of all connections. Whatever is set takes effect at once, also on what is under way.

    `rate`: bytes a second (None: all at once). `delay_s` is asked for each piece that comes in; no piece
    overtakes another. `after`: so many bytes more pass, then nothing, in the midst of a packet perhaps.
    """

    def __init__(self) -> None:
        self.rate: float | None = None
        self.delay_s: Callable[[], float] = float
        self.after: int | None = None
        self.passed = 0
        self._credit = 0.0
        self._reckoned = time.monotonic()

    def stall(self) -> None:
        """Let nothing pass any more."""
        self.after = 0

    def free(self) -> None:
        """Let everything pass, at once."""
        self.rate, self.after, self.delay_s = None, None, float

    def share(self, size: int) -> int:
        """Return how many of so many bytes may pass now."""
        now = time.monotonic()
        passed_s, self._reckoned = min(_SAVED_S, now - self._reckoned), now
        if self.rate is not None:
            self._credit = min(self._credit + self.rate * passed_s, max(1.0, self.rate * _SAVED_S))
            size = min(size, int(self._credit))
        return size if self.after is None else min(size, self.after)

    def took(self, size: int) -> None:
        """Note that so many have passed."""
        self.passed += size
        self._credit = max(0.0, self._credit - size)
        if self.after is not None:
            self.after -= size


class _Pump:
    """Carries one direction of one connection."""

    def __init__(self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._way, self._reader, self._writer = way, reader, writer
        self._pieces: deque[tuple[float, bytes]] = deque()
        self._held = 0
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Carry until the sender ends."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._take())
            tasks.create_task(self._give())

    async def _take(self) -> None:
        loop, due = asyncio.get_running_loop(), 0.0
        while True:
            piece = await self._reader.read(_PIECE)
            due = max(due, loop.time() + self._way.delay_s())
            self._pieces.append((due, piece))
            self._held += len(piece)
            self._changed.set()
            if not piece:
                return
            while self._way.rate is not None and self._held > _AHEAD:
                await asyncio.sleep(_SLICE_S)

    async def _give(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while not self._pieces:
                self._changed.clear()
                await self._changed.wait()
            due, piece = self._pieces.popleft()
            await asyncio.sleep(due - loop.time())
            if not piece:
                self._writer.write_eof()
                return
            await self._slices(piece)
            self._held -= len(piece)

    async def _slices(self, piece: bytes) -> None:
        way = self._way
        while piece:
            size = way.share(len(piece))
            if size:
                self._writer.write(piece[:size])
                await self._writer.drain()
                piece = piece[size:]
                way.took(size)
            if piece:
                await asyncio.sleep(_SLICE_S)


class Proxy:
    """Takes connections at `port` and makes one each to a server of this machine; see the module."""

    def __init__(self, target: int) -> None:
        self.there = Way()
        self.back = Way()
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._refuses: Cut | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Where clients find it, for MQTT."""
        return f"mqtt://127.0.0.1:{self.port}"

    def cut(self, how: Cut) -> None:
        """End all connections, and take no more until `mend`."""
        self._refuses = how
        if how is Cut.BLACK_HOLE:
            self.there.stall()
            self.back.stall()
            return
        for writer in list(self._writers):
            _close(writer, how)

    def mend(self) -> None:
        """Let everything pass; what a black hole held back is lost with its connections."""
        if self._refuses is Cut.BLACK_HOLE:
            for writer in list(self._writers):
                _close(writer, Cut.RESET)
        self._refuses = None
        self.there.free()
        self.back.free()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            if self._refuses is not None:
                await self._refuse(writer)
                return
            there, their_writer = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers.add(their_writer)
            with contextlib.suppress(OSError, ExceptionGroup, asyncio.CancelledError):
                await self._carry(_Pump(self.there, reader, their_writer), _Pump(self.back, there, writer))
            _close(their_writer, Cut.RESET)
            self._writers.discard(their_writer)
        except OSError:
            pass  # the server is not there: so is nobody behind us
        finally:
            _close(writer, Cut.RESET)
            self._writers.discard(writer)
            self._tasks.discard(task)

    async def _carry(self, *pumps: _Pump) -> None:
        """Carry both ways until one ends."""
        running = [asyncio.create_task(pump.run()) for pump in pumps]
        try:
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in running:
                one.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _refuse(self, writer: asyncio.StreamWriter) -> None:
        if self._refuses is Cut.BLACK_HOLE:
            await writer.wait_closed()  # nobody answers; `mend` or the client ends it

    async def end(self) -> None:
        """Leave nothing open."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def proxy_to(target: int) -> AsyncIterator[Proxy]:
    """Run a proxy to the port of a server on this machine."""
    proxy = Proxy(target)
    server = await asyncio.start_server(proxy.connected, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.end()


def _close(writer: asyncio.StreamWriter, how: Cut) -> None:
    if how is Cut.RESET:
        sock = writer.get_extra_info("socket")
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.close()
