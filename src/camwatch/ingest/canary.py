"""The canary (rule S12): a message of our own that must come back through the same session.

A broker that answers pings may still deliver nothing: its access list was edited, a queue is full, or the
session is missing from the broker's tables. Only the canary detects that.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Callable
from itertools import product
from typing import Protocol

from camwatch.core.model import Instant
from camwatch.errors import LinkError
from camwatch.ingest import link_errors
from camwatch.ingest.link import Clock, LinkSettings, Receiver

_MISSED = 6
"""This many missing canaries, while other messages arrive, are reported."""
_MOST_OUT = 360
"""The most missing canaries that are remembered."""


class CanaryConnection(Protocol):
    """What a canary needs of its connection."""

    last_packet: Instant
    """When the last packet came from the broker whole (rule S14)."""

    last_message: Instant
    """When the last message came."""

    subscribed: bool
    """Whether `Receiver.subscribed` was called."""

    ended: asyncio.Future[LinkError]
    """Done once the connection has ended, with the reason."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Publish a message of our own with QoS 1, without waiting."""


class Canary:
    """The canaries of one connection: the first return makes it visible, a missing one ends it.

    Args:
        settings: the settings of the link.
        topic: the topic of the canaries.
        receiver: called with each return.
        clock: the time.
        carrier: the connection.
        sight: called with the time at which the first canary came back.
        starved: called when the broker delivers nothing.

    """

    def __init__(
        self,
        settings: LinkSettings,
        topic: str,
        receiver: Receiver,
        clock: Clock,
        carrier: CanaryConnection,
        sight: Callable[[Instant], None],
        starved: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._topic = topic
        self._receiver = receiver
        self._clock = clock
        self._carrier = carrier
        self._sight = sight
        self._starved = starved
        self._nonce = secrets.token_hex(8)  # so that other messages and kept ones do not count
        self._out: dict[bytes, Instant] = {}  # when each was sent, oldest first
        self._launched = 0
        self._last = -math.inf
        self._awake = -math.inf  # monotonic: until then we were suspended and received nothing
        receiver.set_aside(self._topic, self._returned)

    def start(self) -> None:
        """Send a canary."""
        now = self._clock()
        self._launched += 1
        self._last = now.mono
        payload = f"{self._nonce} {self._launched}".encode()
        self._out[payload] = now
        if len(self._out) > _MOST_OUT:
            del self._out[next(iter(self._out))]
        self._carrier.publish(self._topic, payload)

    async def run(self) -> None:
        """Send a canary each `ping_after_s`, until the connection ends; end it if nothing is delivered."""
        patience = self._settings.ping_after_s
        while not self._carrier.ended.done():
            due = min(self._last + patience, self._silent_since() + patience)
            await asyncio.sleep(max(0.0, due - self._clock().mono))
            now = self._clock().mono
            overdue = now - (self._silent_since() + patience)
            if overdue > patience / 4:
                self._awake = now  # woken late: we were suspended rather than waiting
            elif overdue >= 0:
                self._give_up()
                return
            if now >= self._last + patience:
                if len(self._out) == (_MISSED if self._carrier.subscribed else 1):
                    self._receiver.warn(link_errors.describe(link_errors.canary_behind(self._settings)))
                self.start()

    def _silent_since(self) -> float:
        """Return since when a canary is missing and no message came, monotonic; infinite if that is not so.

        A broker that sends no packets at all is detected elsewhere (S10).
        """
        oldest = next(iter(self._out.values()), None)
        if oldest is None or self._carrier.last_packet.mono <= oldest.mono:
            return math.inf
        return max(oldest.mono, self._carrier.last_message.mono, self._awake)

    def _give_up(self) -> None:
        self._starved()
        if not self._carrier.ended.done():
            self._carrier.ended.set_result(link_errors.starved(self._settings))

    def _returned(self, now: Instant, payload: bytes) -> None:
        sent = self._out.get(payload)
        if sent is None:
            return
        while payload in self._out:  # earlier ones are lost
            del self._out[next(iter(self._out))]
        if not self._carrier.subscribed:
            self._sight(now)
        self._receiver.canary(now, sent)


def forms(settings: LinkSettings) -> tuple[tuple[str, ...], ...]:
    """Return equivalent forms of the subscription: as configured, then with `+` for levels of the prefix.

    Mosquitto before 2.0.13 can drop a session but keep its subscriptions: a new session with the same client
    id then shares them, and its messages go to the old session. A filter in another form is a new
    subscription that brings the same messages. With MQTT 3.1.1 this does not help: such a
    broker sends a message to one session of a client id only, and the old one comes first.
    """
    if settings.canary is None:
        return (settings.filters,)
    plain = (*settings.filters, settings.canary)
    if settings.protocol != "5":
        return (plain,)
    prefix = settings.canary.partition("/$canary/")[0]
    first, *rest = prefix.split("/")
    fronts = product(*((level, "+") for level in (first, *rest[:1])))
    heads = ["/".join((*front, *rest[1:])) for front in fronts]
    return tuple(tuple(head + pattern.removeprefix(prefix) for pattern in plain) for head in heads)
