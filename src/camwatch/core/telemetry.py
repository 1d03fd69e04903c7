"""What enters the core from outside: a camera's heartbeat, or a word about its session.

The core asks only for these shapes; the wire room makes them from bytes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class SessionStatus(StrEnum):
    """What a camera (or its broker, for a last will) says on the status topic."""

    ONLINE = "online"
    OFFLINE = "offline"
    GOODBYE = "goodbye"


class Telemetry(Protocol):
    """A heartbeat: every field may be None, which means that the camera did not say."""

    @property
    def ts(self) -> float | None:
        """When it was sent, Unix seconds by the camera's clock."""

    @property
    def seq(self) -> int | None:
        """Heartbeats since boot, plus one each."""

    @property
    def uptime_s(self) -> float | None:
        """Seconds since boot."""

    @property
    def fps(self) -> float | None:
        """Pictures per second."""

    @property
    def bitrate_bps(self) -> float | None:
        """Bits per second of the video stream."""

    @property
    def recording(self) -> bool | None:
        """Whether the pictures are being kept."""

    @property
    def video_loss(self) -> bool | None:
        """Whether the sensor gives no picture."""

    @property
    def frozen(self) -> bool | None:
        """Whether the picture does not change."""

    @property
    def tamper(self) -> bool | None:
        """Whether the camera was covered, turned or defocused."""

    @property
    def storage_used_ratio(self) -> float | None:
        """How full the storage is, 0 to 1."""

    @property
    def temperature_celsius(self) -> float | None:
        """Temperature inside the housing."""

    @property
    def firmware(self) -> str | None:
        """Version of the camera's firmware."""


class RejectionReason(StrEnum):
    """Why a well-formed message from a known camera proves nothing."""

    RETAINED = "retained"
    DUPLICATE = "duplicate"
    LATE = "late"
    UNEXPECTED = "unexpected"
