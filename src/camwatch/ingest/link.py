"""The interface between a session with a broker and the daemon that judges what it brings.

A link is one session with one MQTT broker, kept up for as long as it runs. What it must promise:

- Messages are handed over in order, synchronously, and QoS 1 is acknowledged after the handing over.
- Messages that the broker kept for a session come as soon as it stands, so partly before `subscribed`.
- `heard` is told only once everything that had arrived was handed over, so that a camera whose
  heartbeat still waits in a buffer is not convicted (rule S10).
- A silent broker is asked (PINGREQ or another round trip) after `ping_after_s` of silence; no answer
  within as long again is loss of sight, from the last packet received (rules S3, S10). While the receiver
  is catching up it is asked more often, and each answer is told.
- It goes on trying, with full-jitter back-off, until it is stopped; it never raises into the daemon.
- With a canary (rule S12), sight begins and lasts by delivery alone: see `camwatch.ingest.canary`.
- A failed session with sight is told by `lost` and then `trouble`, with the same words. Being stopped is
  no failure: whoever stops a link knows that its sight ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from camwatch.core.model import Instant

MAX_PACKET_BYTES: Final = 1024 * 1024 + 64 * 1024
"""The largest packet that the broker may send us, told to it in CONNECT."""

Clock: TypeAlias = Callable[[], Instant]


class Receiver(Protocol):
    """What a link tells the daemon; every call is synchronous, quick, and does not raise."""

    def packets_begin(self, now: Instant) -> None:
        """Packets arrived at `now`; the messages in them follow."""

    def message(self, topic: str, payload: bytes, retained: bool) -> None:
        """Take one message of the packets that `begin` announced."""

    def packets_end(self, now: Instant) -> None:
        """Note that a packet came by `now` (with a canary: a message), all that had arrived handed over."""

    def subscribed(self, now: Instant, *, session_present: bool) -> None:
        """Sight begins: connected, every topic filter granted, the first canary back if there are any."""

    def set_aside(self, topic: str, take: Callable[[Instant, bytes], None]) -> None:
        """Hand messages on this topic, no camera's, to `take` from now on, with the instant of `begin`."""

    def canary(self, now: Instant, sent: Instant) -> None:
        """Note that a canary sent at `sent` came back, after all that the broker had for us before it."""

    @property
    def doubted(self) -> bool:
        """Whether what comes does not tell that it is up to date: the broker is asked often (S10, S11)."""

    def answered(self, now: Instant, asked: Instant) -> None:
        """Note that what was `asked` was answered, after all that came before the answer (rule S11)."""

    def lost(self, now: Instant, last_packet: Instant, problem: str) -> None:
        """Sight, once begun, ended with the last packet received; `problem` is for people."""

    def warn(self, problem: str) -> None:
        """Tell people why there is no session, at each failed attempt; or, once, what one does not grant."""


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """One broker and how to talk to it. Durations in seconds; `password` never shows in a repr."""

    name: str
    scheme: str  # mqtt, mqtts, ws or wss
    host: str
    port: int
    protocol: str  # "5" or "3.1.1"
    client_id: str
    filters: tuple[str, ...]
    canary: str | None = None  # the topic of our own that must bring back what we publish on it (S12)
    dropped: tuple[str, ...] = ()  # filters that a kept session may have, and shall not
    path: str = "/mqtt"  # ws and wss only
    session_expiry_s: int = 86_400
    keep_alive_s: int = 30
    ping_after_s: float = 10.0
    connect_timeout_s: float = 10.0
    reconnect_min_s: float = 0.25
    reconnect_max_s: float = 1.0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @property
    def tls(self) -> bool:
        """Whether the session is encrypted."""
        return self.scheme in ("mqtts", "wss")

    @property
    def who(self) -> str:
        """Who we are to the broker, for people."""
        return "an anonymous session" if self.username is None else f"user {self.username!r}"


class Link(Protocol):
    """A supervised session: run it as a task; stop it to say goodbye to the broker cleanly."""

    name: str

    async def run(self) -> None:
        """Keep the session up until `stop` is called or the task is cancelled."""

    async def stop(self) -> None:
        """Disconnect cleanly (the broker keeps a persistent session) and let `run` return."""
