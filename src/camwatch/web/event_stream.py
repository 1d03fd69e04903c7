"""Live events for many streams: one ring buffer, which each stream reads at its own pace.

A stream keeps only its position, so a slow client costs no memory: it falls out of the ring. An event is
encoded once, or once per set of visible operators if its content depends on them. Event ids are
random: consecutive ones would reveal how much happens to other operators.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Iterator
from typing import TypeAlias

from camwatch.core.events import Event
from camwatch.monitoring.service import MonitorService
from camwatch.web.auth.principal import LOCAL_ADMIN, Principal
from camwatch.web.views.events import (
    CameraEvent,
    ResyncUpdate,
    ScopedEvent,
    camera_event,
    fleet_event,
    incident_event,
    inventory_event,
    link_event,
    visibility_event,
)
from camwatch.web.views.links import strain_of

BUFFER_SIZE = 4_000
"""Events kept for clients that reconnect."""
MAX_POSITIONS = 4_000
"""Ids kept beside those of events: of starts of streams, and of pings."""
HEARTBEAT_S = 15.0
"""A stream is never silent for longer, seconds."""
RETRY_MS = 2_000
"""Minimum reconnection delay of browsers; the maximum is double that."""
MAX_STREAMS = 16
"""Concurrent streams of one account; one more ends the oldest."""
RETRY_LATE_MS = 60_000
"""Reconnection delay after a stream was ended for a newer one."""
_LOOK_S = 0.25  # how often links and visibility are polled
_TOGETHER = 20  # streams woken at a time: some milliseconds
_BATCH = 250  # events sent in one piece

Scope: TypeAlias = frozenset[str] | None


class _CameraEvent:
    """An event of one camera: encoded when first needed, the same for all."""

    __slots__ = ("_encoded", "_event", "_id")

    def __init__(self, event_id: str, event: CameraEvent) -> None:
        self._id = event_id
        self._event = event
        self._encoded = b""

    def of(self, live: MonitorService, scope: Scope) -> bytes:
        """Return the encoded event for a scope; empty if it is not visible."""
        if scope is not None and self._event.operator not in scope:
            return b""
        if not self._encoded:
            name, view = camera_event(live, self._event)
            self._encoded = _message(name, view.model_dump_json(), self._id)
        return self._encoded


class _ScopedEvent:
    """An event whose content depends on the visible operators."""

    __slots__ = ("_encoded", "_event", "_id")

    def __init__(self, event_id: str, event: ScopedEvent) -> None:
        self._id = event_id
        self._event = event
        self._encoded: dict[Scope, bytes] = {}

    def of(self, _live: MonitorService, scope: Scope) -> bytes:
        """Return the encoded event for a scope; empty if it is not visible."""
        encoded = self._encoded.get(scope)
        if encoded is None:
            view = self._event.of(scope)
            encoded = b"" if view is None else _message(self._event.name, view.model_dump_json(), self._id)
            self._encoded[scope] = encoded
        return encoded


class _Listener:
    """One stream: what it waits for, and whether it must end."""

    __slots__ = ("over", "waiter")

    def __init__(self) -> None:
        self.over = False
        self.waiter: asyncio.Future[None] | None = None

    def end(self) -> None:
        """End the stream with its next message."""
        self.over = True
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)


class EventStream:
    """The ring of the last events, and the streams."""

    def __init__(self, live: MonitorService) -> None:
        self._live = live
        self._boot = secrets.token_hex(4)
        self._ring: deque[_CameraEvent | _ScopedEvent] = deque(maxlen=BUFFER_SIZE)
        self._count = 0  # events so far; the ring holds the last of them
        self._positions: dict[str, int] = {}  # events before the position of an id, oldest first
        self._waiting: list[asyncio.Future[None]] = []
        self._events_ready = asyncio.Event()
        self._signs = 0  # pings so far; id and position of the last
        self._sign, self._signed = "", 0
        self._closed = False
        self._listeners: dict[str, list[_Listener]] = {}  # by account, oldest first
        self.streams = 0
        """Number of open streams."""

    def publish(self, events: Iterable[Event]) -> None:
        """Add events."""
        for event in events:
            if isinstance(event, CameraEvent):
                self._add(_CameraEvent(self._new_event_id(self._count + 1), event))
            elif (one := fleet_event(event)) is not None:
                self._share(one)
            for operators, change in self._live.scoped.apply(event):
                self._share(incident_event(change, operators))

    def _share(self, one: ScopedEvent) -> None:
        self._add(_ScopedEvent(self._new_event_id(self._count + 1), one))

    def _add(self, entry: _CameraEvent | _ScopedEvent) -> None:
        self._count += 1
        self._ring.append(entry)
        self._events_ready.set()

    def _new_event_id(self, place: int) -> str:
        """Return a new id for a position in the ring."""
        name = f"{self._boot}-{secrets.token_hex(6)}"
        self._positions[name] = place
        if len(self._positions) > BUFFER_SIZE + MAX_POSITIONS:
            del self._positions[next(iter(self._positions))]
        return name

    async def stream(self, viewer: Principal, last_event_id: str | None = None) -> AsyncGenerator[bytes]:
        """Yield server-sent events after `last_event_id` (None: from now on).

        If the events after it are no longer kept, the first event is `resync`.
        """
        listener = self._admit(viewer)
        if viewer.operators is not None:
            self._live.scoped.of(viewer.operators)  # derive their incidents from now on
        self.streams += 1
        try:
            place, begin = self._begin(last_event_id)
            signs = self._signs
            yield begin
            while not self._closed:
                if listener.over:
                    yield f"retry: {RETRY_LATE_MS}\n: this account has too many streams\n\n".encode()
                    return
                if place < self._count - len(self._ring):
                    yield self._stale("more happened than is kept while this stream was slow")
                    return
                if place == self._count:
                    if signs == self._signs:
                        await self._wait(listener)
                    else:  # even if all events were of others
                        signs = self._signs
                        yield _ping(self._sign if self._signed == place else self._new_event_id(place))
                    continue
                pieces, place = self._after(place, viewer.operators)
                if pieces:
                    yield pieces
                else:
                    await asyncio.sleep(0)
        finally:
            self.streams -= 1
            self._dismiss(viewer, listener)

    def _admit(self, viewer: Principal) -> _Listener:
        """Register a stream; end the oldest of the account if there are too many."""
        listener = _Listener()
        if viewer != LOCAL_ADMIN:
            listeners = self._listeners.setdefault(viewer.name, [])
            listeners.append(listener)
            if len(listeners) > MAX_STREAMS:
                listeners.pop(0).end()
        return listener

    def _dismiss(self, viewer: Principal, listener: _Listener) -> None:
        listeners = self._listeners.get(viewer.name, [])
        if listener in listeners:
            listeners.remove(listener)
            if not listeners:
                del self._listeners[viewer.name]

    def _begin(self, last_event_id: str | None) -> tuple[int, bytes]:
        # Spread reconnections after a restart.
        retry = f"retry: {RETRY_MS + secrets.randbelow(RETRY_MS)}\n".encode()
        place = None if last_event_id is None else self._positions.get(last_event_id)
        if place is not None and place >= self._count - len(self._ring):
            return place, retry + _ping(self._new_event_id(place))
        hello = retry + _ping(self._new_event_id(self._count))
        if last_event_id:
            hello += self._stale("what happened meanwhile is not kept any more")
        return self._count, hello

    def _stale(self, why: str) -> bytes:
        return _message("resync", ResyncUpdate(reason=why).model_dump_json(), self._new_event_id(self._count))

    def _after(self, place: int, scope: Scope) -> tuple[bytes, int]:
        """Return the encoded events after a position, at most `_BATCH`, and the next position."""
        first = place - (self._count - len(self._ring))
        last = min(first + _BATCH, len(self._ring))
        # Nearly all reads are at the end; a deque is slow in its middle only.
        found = b"".join([self._ring[index].of(self._live, scope) for index in range(first, last)])
        return found, place + last - first

    async def _wait(self, listener: _Listener) -> None:
        waiter = listener.waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter

    async def run(self) -> None:
        """Wake waiting streams, and poll links, visibility and inventory; runs until cancelled."""
        loop = asyncio.get_running_loop()
        changes = ChangePoller(self._live)
        signed = loop.time()
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S):
                        await self._events_ready.wait()
                for one in changes.poll():
                    self._share(one)
                sign = loop.time() - signed >= HEARTBEAT_S
                if sign:
                    signed = loop.time()
                    self._signs += 1
                    self._sign, self._signed = self._new_event_id(self._count), self._count
                if sign or self._events_ready.is_set():
                    self._events_ready.clear()
                    began = loop.time()
                    await self._wake()
                    # In a mass outage, streams take at most half of the time.
                    await asyncio.sleep(loop.time() - began)
        finally:
            self.close()

    async def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), _TOGETHER):
            for waiter in waiting[start : start + _TOGETHER]:
                if not waiter.done():
                    waiter.set_result(None)
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    def close(self) -> None:
        """End all streams."""
        self._closed = True
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        self._waiting.clear()


def _message(name: str, data: str, event_id: str) -> bytes:
    return f"id: {event_id}\nevent: {name}\ndata: {data}\n\n".encode()


def _ping(event_id: str) -> bytes:
    """Return a ping, from whose id a client can resume."""
    return _message("ping", "{}", event_id)


class ChangePoller:
    """Polls state that emits no events: links, visibility, inventory."""

    def __init__(self, live: MonitorService) -> None:
        self._live = live
        self._links = self._problems()
        self._blind = self._visibility()
        self._loaded = live.last_reload

    def poll(self) -> Iterator[ScopedEvent]:
        """Yield the changes since the last call."""
        links, blind = self._problems(), self._visibility()
        if links != self._links:
            for name in links:
                if links[name] != self._links.get(name, links[name]):
                    yield link_event(self._live, name)
            self._links = links
        if blind != self._blind:
            yield visibility_event(self._live, self._blind | blind)
            self._blind = blind
        if self._live.last_reload != self._loaded:
            self._loaded = self._live.last_reload
            yield inventory_event(self._live)

    def _problems(self) -> dict[str, tuple[str | None, str]]:
        links = self._live.fleet.links
        return {
            name: (report.problem, strain_of(links[name])) for name, report in self._live.link_reports.items()
        }

    def _visibility(self) -> dict[str, int]:
        """Return since when operators' cameras are not visible, UTC ms."""
        return {
            operator: group.blind_since.utc_ms
            for group in self._live.fleet.blind_groups
            if group.blind_since is not None
            for operator in group.operators
        }
