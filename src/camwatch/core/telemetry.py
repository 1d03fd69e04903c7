"""What enters the core from outside: heartbeats and session messages. `wire` parses them from bytes."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol


class SessionStatus(StrEnum):
    """Content of a message on the status topic, sent by a camera or, for a last will, by its broker."""

    ONLINE = "online"
    OFFLINE = "offline"
    GOODBYE = "goodbye"


class Telemetry(Protocol):
    """A heartbeat. A field that it does not have is None."""

    @property
    def ts(self) -> float | None:
        """When it was sent, Unix seconds by the camera's clock."""

    @property
    def seq(self) -> int | None:
        """Number of the heartbeat since boot."""

    @property
    def uptime_s(self) -> float | None:
        """Seconds since boot."""

    @property
    def fps(self) -> float | None:
        """Frames per second."""

    @property
    def bitrate_bps(self) -> float | None:
        """Bits per second of the video stream."""

    @property
    def recording(self) -> bool | None:
        """Whether the video is recorded."""

    @property
    def video_loss(self) -> bool | None:
        """Whether the sensor delivers no picture."""

    @property
    def frozen(self) -> bool | None:
        """Whether the picture does not change."""

    @property
    def tamper(self) -> bool | None:
        """Whether the camera was covered, turned or defocused."""

    @property
    def storage_used_ratio(self) -> float | None:
        """Used share of the storage, 0 to 1."""

    @property
    def temperature_celsius(self) -> float | None:
        """Temperature inside the housing."""

    @property
    def firmware(self) -> str | None:
        """Version of the camera's firmware."""


class RejectionReason(StrEnum):
    """Why a well-formed message of a registered camera proves nothing."""

    RETAINED = "retained"
    DUPLICATE = "duplicate"
    LATE = "late"
    UNEXPECTED = "unexpected"
