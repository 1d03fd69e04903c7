"""The nouns of the core. Values only: they act on nothing and read no clock.

`docs/reference/semantics.md` defines them. Wall-clock times are UTC milliseconds since 1970; deadlines and
durations are monotonic seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

NEVER = float("-inf")
"""The `proof` of a camera without one."""


class Instant(NamedTuple):
    """One moment on both clocks (rule T1)."""

    mono: float  # monotonic seconds, for deadlines and durations
    utc_ms: int  # milliseconds since 1970-01-01 UTC, for records

    def shifted(self, seconds: float) -> Instant:
        """Return the moment `seconds` later on both clocks (earlier, if negative)."""
        return Instant(self.mono + seconds, self.utc_ms + round(seconds * 1000))

    def at_mono(self, mono: float) -> Instant:
        """Return the moment at which the monotonic clock shows `mono`."""
        # Whole milliseconds on both sides, as in status times: rounding the difference could be one off.
        return Instant(mono, self.utc_ms + round(mono * 1000) - round(self.mono * 1000))


class Purpose(StrEnum):
    """The purpose of a camera."""

    VIDEO_PROTECTION = "video_protection"
    ACCESS_CONTROL = "access_control"
    TRAFFIC = "traffic"


class Lifecycle(StrEnum):
    """The place of a camera in its life, by the inventory."""

    PLANNED = "planned"
    IN_SERVICE = "in_service"
    RETIRED = "retired"


class Scope(StrEnum):
    """The kind of thing that a maintenance window covers."""

    CAMERA = "camera"
    SITE = "site"
    OPERATOR = "operator"


class OperatorScope(NamedTuple):
    """The operators whose cameras something covers."""

    only: frozenset[str] | None = None  # None: all operators
    but: frozenset[str] = frozenset()  # except these

    def covers(self, operator: str) -> bool:
        """Return whether an operator's cameras are covered."""
        return operator not in self.but and (self.only is None or operator in self.only)


ALL_OPERATORS = OperatorScope()


class Status(StrEnum):
    """The status of a camera at an instant: exactly one (rule V4 gives the precedence)."""

    PLANNED = "planned"
    RETIRED = "retired"
    MAINTENANCE = "maintenance"
    UNKNOWN = "unknown"
    DOWN = "down"
    UP = "up"

    __hash__ = str.__hash__  # Enum's own hash is slow Python, and the table is looked up often


class Cause(StrEnum):
    """The evidence on which a camera was declared down (rule A6)."""

    TIMEOUT = "timeout"
    WILL = "will"
    GOODBYE = "goodbye"


@dataclass(frozen=True, slots=True)
class Camera:
    """One row of `cameras.csv`, with the zone of its site.

    `in_service_from_ms` and `commission_by_ms` are UTC milliseconds (local midnight of the date in the
    table), None without a date. `interval_s` overrides the heartbeat interval in seconds.
    """

    id: str
    operator: str
    site: str
    zone: str
    name: str
    purpose: Purpose
    lifecycle: Lifecycle
    in_service_from_ms: int | None = None
    commission_by_ms: int | None = None
    interval_s: float | None = None
    latitude: float | None = None
    longitude: float | None = None
    model: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """Maintenance in [start_ms, end_ms), UTC milliseconds, for the operators in `whose` (rules V3, H3)."""

    scope: Scope
    scope_id: str
    start_ms: int
    end_ms: int
    reason: str
    whose: OperatorScope = ALL_OPERATORS


HINT_GRACE_MIN = 1.5
"""Intervals for which a hint is held at least, and within which it dates the end of life (L5, E1)."""


@dataclass(frozen=True, slots=True)
class Liveness:
    """The deadlines of one camera (rule L2): seconds, and multiples of the interval."""

    interval_s: float = 10.0
    suspect_after: float = 2.5
    down_after: float = 4.5
    will_grace_s: float = 10.0

    @property
    def down_s(self) -> float:
        """Seconds of silence after which the camera is down; also `blind_after` (rule S4)."""
        return self.interval_s * self.down_after

    @property
    def suspect_s(self) -> float:
        """Seconds of silence after which the camera is suspect (rule C1)."""
        return self.interval_s * self.suspect_after

    @property
    def grace_s(self) -> float:
        """Seconds that a camera has to disprove a hint; at least 1.5 intervals (rule L5).

        Otherwise a camera with a long interval could be declared down before its next heartbeat was due.
        """
        return max(self.will_grace_s, HINT_GRACE_MIN * self.interval_s)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Limits beyond which a camera that is up is degraded (rule C3)."""

    fps_min: float = 5.0
    storage_used_max_ratio: float = 0.95
    temperature_min_celsius: float = -25.0
    temperature_max_celsius: float = 70.0
    clock_offset_max_s: float = 5.0


@dataclass(frozen=True, slots=True)
class CameraConfig:
    """A camera to monitor, with its deadlines and thresholds."""

    camera: Camera
    liveness: Liveness = field(default_factory=Liveness)
    thresholds: Thresholds = field(default_factory=Thresholds)


class Dated(NamedTuple):
    """When something became true, and the bounds of that instant (rule E); monotonic seconds.

    All three are equal if the instant is known exactly.
    """

    at: float
    earliest: float
    latest: float


class IncidentKind(StrEnum):
    """The thing that the cameras of an incident share (rule I1)."""

    SITE = "site"
    OPERATOR = "operator"
    LINK = "link"


class GapCause(StrEnum):
    """The cause of a monitoring gap."""

    LINK = "link"  # no link was subscribed (S1-S3)
    STALL = "stall"  # the event loop stalled (S8)
    OFFLINE = "offline"  # camwatch did not run (S6)
    LOST = "lost"  # the record of it was lost with the store (H1)
    LAG = "lag"  # messages of the link arrive later than its cameras may be silent (S11)
    # The wall clock was stepped. Forward: the skipped UTC interval is unknown (T2). Backward (`ended` before
    # `began`): UTC was slewed at half speed; no gap (T5). Both equal: a process started.
    CLOCK_STEP = "clock_step"
