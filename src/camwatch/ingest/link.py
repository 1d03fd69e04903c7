"""The interface between a link and its receiver.

A link is one session with one MQTT broker, kept up while it runs. It guarantees:

- Messages are delivered in order and synchronously; QoS 1 is acknowledged after delivery.
- Messages that the broker kept for the session arrive at once, some of them before `subscribed`.
- `packets_end` is called only once everything that had arrived is delivered, so that a camera whose heartbeat
  still waits in a buffer is not declared down (rule S10).
- A silent broker is asked (PINGREQ or another round trip) after `ping_after_s`. Without an answer within the
  same time, the link is lost as of the last packet (rules S3, S10). While the receiver is catching up, the
  broker is asked more often, and each answer is reported.
- It retries with full-jitter back-off until it is stopped, and never raises into the daemon.
- With a canary (rule S12), only deliveries make the link visible: see `camwatch.ingest.canary`.
- The failure of a visible session calls `lost` and then `warn` with the same text. Being stopped is not a
  failure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from camwatch.core.model import Instant

MAX_PACKET_BYTES: Final = 1024 * 1024 + 64 * 1024
"""The largest packet that the broker may send; CONNECT announces it."""

Clock: TypeAlias = Callable[[], Instant]


class Receiver(Protocol):
    """What a link calls; every method is synchronous, quick, and does not raise."""

    def packets_begin(self, now: Instant) -> None:
        """Note that packets arrived at `now`; their messages follow."""

    def message(self, topic: str, payload: bytes, retained: bool) -> None:
        """Receive one message of the packets that `packets_begin` announced."""

    def packets_end(self, now: Instant) -> None:
        """Note that a packet (with a canary: a message) came by `now`, and that all is delivered."""

    def subscribed(self, now: Instant, *, session_present: bool) -> None:
        """Note that the link is visible: every topic filter is granted and a canary, if used, came back."""

    def set_aside(self, topic: str, take: Callable[[Instant, bytes], None]) -> None:
        """Pass messages on this topic, which is not a camera's, to `take`, with the time of their packets."""

    def canary(self, now: Instant, sent: Instant) -> None:
        """Note that the canary sent at `sent` came back, after all earlier messages."""

    @property
    def doubted(self) -> bool:
        """Whether messages may be out of date, so that the broker is asked more often (rules S10, S11)."""

    def answered(self, now: Instant, asked: Instant) -> None:
        """Note that the question sent at `asked` was answered, after all earlier messages (rule S11)."""

    def lost(self, now: Instant, last_packet: Instant, problem: str) -> None:
        """Note that a visible link was lost as of the last packet; `problem` is for users."""

    def warn(self, problem: str) -> None:
        """Report why there is no session, at each failed attempt, or what a session does not grant, once."""


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """Settings of one link. Durations are seconds; repr omits `password`."""

    name: str
    scheme: str  # mqtt, mqtts, ws or wss
    host: str
    port: int
    protocol: str  # "5" or "3.1.1"
    client_id: str
    filters: tuple[str, ...]
    canary: str | None = None  # the topic of the canary (S12)
    dropped: tuple[str, ...] = ()  # filters to remove from a persistent session
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
        """The user of the session, for users."""
        return "an anonymous session" if self.username is None else f"user {self.username!r}"
