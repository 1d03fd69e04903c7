"""A receiver that writes down what a link tells it, and wakes whoever waits for that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from camwatch.core.model import Instant
from tests.support.pace import PATIENCE_S


def real_clock() -> Instant:
    """Return now, on the clocks of this machine."""
    return Instant(time.monotonic(), time.time_ns() // 1_000_000)


@dataclass(frozen=True, slots=True)
class Message:
    """One message that was handed over, `at` the instant that `begin` announced."""

    at: Instant
    topic: str
    payload: bytes
    retained: bool


@dataclass(frozen=True, slots=True)
class Loss:
    """One call of `lost`."""

    now: Instant
    last_packet: Instant
    problem: str


@dataclass
class RecordingReceiver:
    """Keeps every call; `order` names them in the order in which they came.

    `stumbles` is how many messages raise instead of being kept, as a receiver with a bug would.
    """

    messages: list[Message] = field(default_factory=list)
    heard_at: list[Instant] = field(default_factory=list)
    sessions: list[bool] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    canaries: list[tuple[Instant, Instant]] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    stumbles: int = 0
    doubted: bool = False
    answers: list[tuple[Instant, Instant]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._changed = asyncio.Event()
        self._now = Instant(0.0, 0)
        self._aside: dict[str, Callable[[Instant, bytes], None]] = {}

    def packets_begin(self, now: Instant) -> None:
        self._now = now

    def message(self, topic: str, payload: bytes, retained: bool) -> None:
        if topic in self._aside:
            self._aside[topic](self._now, payload)
            return
        if self.stumbles:
            self.stumbles -= 1
            raise RuntimeError("the receiver stumbles, as the test asked")
        self.messages.append(Message(self._now, topic, payload, retained))
        self._note(f"message {topic}")

    def packets_end(self, now: Instant) -> None:
        self.heard_at.append(now)
        self._note("heard")

    def subscribed(self, now: Instant, *, session_present: bool) -> None:
        self._now = now
        self.sessions.append(session_present)
        self._note("subscribed")

    def set_aside(self, topic: str, take: Callable[[Instant, bytes], None]) -> None:
        self._aside = {topic: take}

    def canary(self, now: Instant, sent: Instant) -> None:
        self.canaries.append((now, sent))
        self._note("canary")

    def answered(self, now: Instant, asked: Instant) -> None:
        self.answers.append((now, asked))
        self._note("answered")

    def lost(self, now: Instant, last_packet: Instant, problem: str) -> None:
        self.losses.append(Loss(now, last_packet, problem))
        self._note("lost")

    def warn(self, problem: str) -> None:
        self.troubles.append(problem)
        self._note("trouble")

    @property
    def payloads(self) -> list[bytes]:
        """The payloads of all messages, in order."""
        return [message.payload for message in self.messages]

    async def until(self, condition: Callable[[RecordingReceiver], object]) -> None:
        """Wait until `condition` is true of this receiver: evaluated after each of its calls."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not condition(self):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"not within {PATIENCE_S:.0f} s; {self._last()}") from None

    def _last(self) -> str:
        return f"{self.order[-20:]}; troubles {self.troubles[-3:]}; losses {self.losses[-3:]}"

    def _note(self, what: str) -> None:
        self.order.append(what)
        self._changed.set()
