"""Cameras of few words, each on a connection of its own, which write down what they sent and when.

They speak MQTT 3.1.1 in bytes written here, so that nothing stands between what a camera does and what its
truth says it did. What befalls a camera is its `Kind`'s: see there.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import json
import random
import socket
import struct
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from itertools import count
from types import TracebackType
from typing import Self

from tests.support.pace import PATIENCE_S

PREFIX = "camwatch/v1"
JITTER = 0.05
_TOGETHER = 50
_RETRY_S = 0.1


class Kind(Enum):
    """What a cut does to a camera, and how it comes back."""

    POWER_TOLD = "power, told"  # the connection is reset, so the broker tells the last will; it boots
    POWER_SILENT = "power, silent"  # no connection is closed, there is no last will; it boots
    HALF_OPEN = "power, half-open"  # as before, but when it is back the broker tells the old session's will
    RESUMES = "network, resumes"  # what it says is lost meanwhile; the session goes on
    QUEUE = "network, queue flushed"  # what it says waits, and comes all at once
    RECONNECTS = "network, reconnects"  # what it says is lost; it comes back with `online`, in the same boot
    BARE = "bare, power silent"  # its heartbeats are empty, and it says no words

    @property
    def power(self) -> bool:
        """Whether a cut takes the power too, so that it boots afterwards."""
        return self in {Kind.POWER_TOLD, Kind.POWER_SILENT, Kind.HALF_OPEN, Kind.BARE}

    @property
    def will(self) -> bool:
        """Whether the broker has a last will of it."""
        return self in {Kind.POWER_TOLD, Kind.HALF_OPEN}


@dataclass(slots=True)
class Absence:
    """A camera could not be heard; `heard_ms` is what it sent last before. UTC milliseconds."""

    from_ms: int
    heard_ms: int
    until_ms: int | None = None


@dataclass(eq=False, slots=True)
class Camera:
    """One camera. `sent_ms`: when each heartbeat was said that reached, or will reach, the broker."""

    id: str
    operator: str
    kind: Kind
    interval_s: float
    chance: random.Random
    sent_ms: list[int] = field(default_factory=list)
    absences: list[Absence] = field(default_factory=list)
    began_ms: int = 0
    cut: bool = False
    booted: float = 0.0
    seq: int = 0
    session: _Session | None = None
    connecting: asyncio.Task[None] | None = None
    queue: list[tuple[int, bytes]] = field(default_factory=list)

    def boot(self) -> None:
        """Begin to count anew."""
        self.booted, self.seq = time.monotonic(), 0

    def payload(self) -> bytes:
        """Return its next heartbeat."""
        if self.kind is Kind.BARE:
            return b""
        said = {
            "ts": round(time.time(), 3),
            "seq": self.seq,
            "uptime_s": round(time.monotonic() - self.booted, 3),
        }
        self.seq += 1
        return json.dumps(said).encode()

    def topic(self, kind: str) -> str:
        """Return one of its topics."""
        return f"{PREFIX}/{self.operator}/{self.id}/{kind}"


class Herd:
    """Cameras that live on the broker at a port while the context is open; cut and mended at any time."""

    def __init__(
        self,
        cameras: Iterable[tuple[str, str]],
        port: int,
        interval_s: float,
        *,
        kinds: Iterable[Kind] = (Kind.POWER_SILENT,),
        seed: int = 0,
        qos: int = 1,
    ) -> None:
        among = tuple(kinds)
        self.cameras = [
            Camera(name, operator, among[number % len(among)], interval_s, random.Random(f"{seed}/{name}"))
            for number, (name, operator) in enumerate(cameras)
        ]
        self.port, self.qos = port, qos
        self._due: list[tuple[float, int, Camera]] = []
        self._number = count()

    async def __aenter__(self) -> Self:
        """Connect all, and let them live."""
        for begin in range(0, len(self.cameras), _TOGETHER):
            await asyncio.gather(*map(self._connect, self.cameras[begin : begin + _TOGETHER]))
        for camera in self.cameras:
            camera.boot()
            camera.began_ms = utc_ms()
            self._expect(camera, camera.chance.random() * camera.interval_s)
        self._living = asyncio.create_task(self._live(), name="herd")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End without a word."""
        tasks = [self._living, *(each.connecting for each in self.cameras if each.connecting)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for camera in self.cameras:
            if camera.session is not None:
                camera.session.end()
        if self._living.done() and not self._living.cancelled():
            self._living.result()

    # ---- what befalls them

    def cut(self, camera: Camera) -> None:
        """Cut one off, as its kind is."""
        now = utc_ms()
        camera.absences.append(Absence(now, camera.sent_ms[-1] if camera.sent_ms else now))
        camera.cut = True
        if camera.connecting is not None:
            camera.connecting.cancel()
        if camera.kind is Kind.POWER_TOLD and camera.session is not None:
            camera.session.reset()

    def mend(self, camera: Camera) -> None:
        """Let it come back: at once, or as soon as it has a connection."""
        anew = camera.session is None or camera.session.lost or camera.kind is Kind.RECONNECTS
        if camera.kind.power or anew:
            self._start(camera, self._return(camera))
        else:
            self._back(camera)
            self._flush(camera)

    async def _return(self, camera: Camera) -> None:
        old, camera.session = camera.session, None
        try:
            await self._connect(camera, after_absence=True)
        except asyncio.CancelledError:  # it was cut off again
            camera.session = old
            raise
        if old is not None:
            old.end()

    def _back(self, camera: Camera) -> None:
        camera.cut = False
        camera.absences[-1].until_ms = utc_ms()

    def _flush(self, camera: Camera) -> None:
        session, queue = camera.session, camera.queue
        if session is not None and queue and not session.lost:
            for at_ms, payload in queue:
                camera.sent_ms.append(at_ms)
                session.publish(camera.topic("heartbeat"), payload, self.qos)
            queue.clear()

    # ---- what they do

    async def _connect(self, camera: Camera, *, after_absence: bool = False) -> None:
        """Open a session, however long that takes, and say `online`."""
        while True:
            try:
                session = await self._session(camera)
                break
            except (OSError, TimeoutError):
                await asyncio.sleep(_RETRY_S * (1 + camera.chance.random()))
        camera.session = session
        if after_absence:
            self._back(camera)
            if camera.kind.power:
                camera.boot()
        if camera.kind is not Kind.BARE:
            session.publish(camera.topic("status"), b'{"status":"online"}', 1, retain=True)
        if not camera.cut:
            self._flush(camera)

    async def _session(self, camera: Camera) -> _Session:
        """Open a session. Raises OSError or TimeoutError."""
        session = _Session(partial(self._lost, camera))
        will = camera.topic("status") if camera.kind.will else None
        try:
            async with asyncio.timeout(PATIENCE_S):
                loop = asyncio.get_running_loop()
                await loop.create_connection(lambda: session, "127.0.0.1", self.port)
                session.write(connect(camera.id, will))
                await session.opened
        except BaseException:
            session.end()
            raise
        return session

    def _lost(self, camera: Camera, session: _Session) -> None:
        """Connect anew where the broker ended the session of a camera that lives."""
        if camera.session is session and not camera.cut and session.opened.done():
            camera.session = None
            self._start(camera, self._connect(camera))

    def _start(self, camera: Camera, work: Coroutine[None, None, None]) -> None:
        """Let it connect, once at a time: two sessions of one name would end each other for ever."""
        if camera.connecting is not None:
            camera.connecting.cancel()
        camera.connecting = asyncio.create_task(work)

    def _expect(self, camera: Camera, in_s: float) -> None:
        due = asyncio.get_running_loop().time() + in_s
        heapq.heappush(self._due, (due, next(self._number), camera))

    async def _live(self) -> None:
        loop = asyncio.get_running_loop()
        while self._due:
            due, _, camera = heapq.heappop(self._due)
            await asyncio.sleep(max(0.0, due - loop.time()))
            self._beat(camera)
            wander = camera.chance.uniform(-JITTER, JITTER)
            heapq.heappush(self._due, (due + camera.interval_s * (1 + wander), next(self._number), camera))

    def _beat(self, camera: Camera) -> None:
        if camera.cut and camera.kind.power:
            return
        payload, now, session = camera.payload(), utc_ms(), camera.session
        there = session is not None and not session.lost
        if not camera.cut and there and session is not None:
            camera.sent_ms.append(now)
            session.publish(camera.topic("heartbeat"), payload, self.qos)
        elif camera.kind is Kind.QUEUE:
            camera.queue.append((now, payload))


class _Session(asyncio.Protocol):
    """One connection: what is written goes out, what comes is dropped but for the first answer."""

    def __init__(self, ended: Callable[[_Session], None]) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost = False
        self._ended = ended
        self._transport: asyncio.Transport | None = None
        self._packet = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if not self.opened.done():
            if data[:1] == b"\x20" and data[3:4] == b"\x00":
                self.opened.set_result(None)
            else:
                self.opened.set_exception(ConnectionError(f"the broker answers {data!r}"))

    def connection_lost(self, exc: Exception | None) -> None:
        by_us, self.lost = self.lost, True
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionError("the broker ends"))
            self.opened.exception()  # whoever waits is told; else nobody needs to be
        elif not by_us:
            self._ended(self)

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self.lost:
            self._transport.write(data)

    def publish(self, topic: str, payload: bytes, qos: int, *, retain: bool = False) -> None:
        self._packet = self._packet % 65_535 + 1
        self.write(publish(topic, payload, qos, self._packet, retain=retain))

    def end(self) -> None:
        self.lost = True
        if self._transport is not None:
            self._transport.abort()

    def reset(self) -> None:
        """Let the connection end as if the machine had gone."""
        if self._transport is not None:
            sock = self._transport.get_extra_info("socket")
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.end()


# ---- MQTT 3.1.1


def connect(client: str, will_topic: str | None) -> bytes:
    """Return CONNECT: a clean session without keep-alive; with a topic, a will that says `offline`."""
    flags, will = 0x02, b""
    if will_topic is not None:
        flags |= 0x04 | 1 << 3 | 0x20
        will = _text(will_topic.encode()) + _text(b'{"status":"offline"}')
    return _packet(0x10, _text(b"MQTT") + bytes((4, flags, 0, 0)) + _text(client.encode()) + will)


def publish(topic: str, payload: bytes, qos: int, packet: int, *, retain: bool = False) -> bytes:
    """Return PUBLISH."""
    number = struct.pack(">H", packet) if qos else b""
    return _packet(0x30 | qos << 1 | retain, _text(topic.encode()) + number + payload)


def _packet(kind: int, body: bytes) -> bytes:
    length, left = bytearray(), len(body)
    while True:
        left, low = divmod(left, 128) if left else (0, 0)
        length.append(low | (0x80 if left else 0))
        if not left:
            return bytes((kind, *length)) + body


def _text(text: bytes) -> bytes:
    return struct.pack(">H", len(text)) + text


def utc_ms() -> int:
    """Return the wall clock."""
    return time.time_ns() // 1_000_000
