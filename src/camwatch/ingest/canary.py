"""Sight that delivery proves (rule S12): a message of our own must come back through the same session.

A broker that answers pings may deliver nothing all the same: an access list was edited, a queue is full,
or the session was taken out of the broker's tables. Nobody but the canary notices.
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
"""So many that are out, while other messages come, are told of."""
_MOST_OUT = 360
"""So many may be out; the oldest are not waited for any more."""


class CanaryConnection(Protocol):
    """The connection that a canary goes out and comes back on."""

    last_packet: Instant
    last_message: Instant
    subscribed: bool
    ended: asyncio.Future[LinkError]

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a message of our own, QoS 1; does not wait."""


class Canary:
    """The canaries of one connection: the first that returns begins its sight, one that does not ends it.

    Args:
        sight: called with the instant at which the first canary came back.
        starved: called when the broker turned out to deliver nothing.

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
        self._nonce = secrets.token_hex(8)  # what others send, and what the broker kept, is no return
        self._out: dict[bytes, Instant] = {}  # when each was sent, oldest first
        self._launched = 0
        self._last = -math.inf
        self._awake = -math.inf  # until then we slept, and cannot tell what came
        receiver.set_aside(self._topic, self._came)

    def start(self) -> None:
        """Send one."""
        now = self._clock()
        self._launched += 1
        self._last = now.mono
        payload = f"{self._nonce} {self._launched}".encode()
        self._out[payload] = now
        if len(self._out) > _MOST_OUT:
            del self._out[next(iter(self._out))]
        self._carrier.publish(self._topic, payload)

    async def run(self) -> None:
        """Send one each `ping_after_s`; return once the connection is over, which may be our doing."""
        patience = self._settings.ping_after_s
        while not self._carrier.ended.done():
            due = min(self._last + patience, self._silent_since() + patience)
            await asyncio.sleep(max(0.0, due - self._clock().mono))
            now = self._clock().mono
            overdue = now - (self._silent_since() + patience)
            if overdue > patience / 4:
                self._awake = now  # woken late, we did not wait for it but slept through it
            elif overdue >= 0:
                self._give_up()
                return
            if now >= self._last + patience:
                if len(self._out) == (_MISSED if self._carrier.subscribed else 1):
                    self._receiver.warn(link_errors.describe(link_errors.canary_behind(self._settings)))
                self.start()

    def _silent_since(self) -> float:
        """Return since when a canary is out and no message came; infinite where that is not so.

        A broker that says nothing at all is no matter of the canary: silence is watched elsewhere (S10).
        """
        oldest = next(iter(self._out.values()), None)
        if oldest is None or self._carrier.last_packet.mono <= oldest.mono:
            return math.inf
        return max(oldest.mono, self._carrier.last_message.mono, self._awake)

    def _give_up(self) -> None:
        self._starved()
        if not self._carrier.ended.done():
            self._carrier.ended.set_result(link_errors.starved(self._settings))

    def _came(self, now: Instant, payload: bytes) -> None:
        sent = self._out.get(payload)
        if sent is None:
            return
        while payload in self._out:  # what was sent before it will not come any more
            del self._out[next(iter(self._out))]
        if not self._carrier.subscribed:
            self._sight(now)
        self._receiver.canary(now, sent)


def forms(settings: LinkSettings) -> tuple[tuple[str, ...], ...]:
    """Return the subscription in every form: as it is set, then with `+` for levels of the topics' prefix.

    Mosquitto before 2.0.13 can take a session out of its tables, but not its subscriptions out of their tree:
    a new session of the same name finds those, and whatever it subscribes to goes to the old one. A filter
    that is written differently is new to the tree, and brings the same messages. Not so with MQTT 3.1.1:
    there such a broker sends a message to one session of a name only, and the old one is first.
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
