"""The nouns of the core. Values only: nothing here acts, waits or reads a clock.

`docs/reference/semantics.md` defines the terms. Wall-clock times are UTC milliseconds since 1970; times for
deadlines and durations are monotonic seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

NEVER = float("-inf")
"""The `proof` of a camera that never gave one."""


class Instant(NamedTuple):
    """One moment on both clocks (rule T1).

    `mono` is monotonic seconds, for deadlines and durations; `utc_ms` is milliseconds since
    1970-01-01 UTC, for records.
    """

    mono: float
    utc_ms: int

    def shifted(self, seconds: float) -> Instant:
        """Return the moment `seconds` later (or earlier, if negative) on both clocks."""
        return Instant(self.mono + seconds, self.utc_ms + round(seconds * 1000))

    def at_mono(self, mono: float) -> Instant:
        """Return the moment at which the monotonic clock showed or will show `mono`."""
        # Whole milliseconds on both sides, as in the ledger: rounding the difference could be one off.
        return Instant(mono, self.utc_ms + round(mono * 1000) - round(self.mono * 1000))


class Purpose(StrEnum):
    """What a camera is for."""

    VIDEO_PROTECTION = "video_protection"
    ACCESS_CONTROL = "access_control"
    TRAFFIC = "traffic"


class Lifecycle(StrEnum):
    """What the inventory says about a camera's place in its life."""

    PLANNED = "planned"
    IN_SERVICE = "in_service"
    RETIRED = "retired"


class Scope(StrEnum):
    """What a maintenance window covers."""

    CAMERA = "camera"
    SITE = "site"
    OPERATOR = "operator"


class OperatorScope(NamedTuple):
    """Whose cameras something covers: of the operators in `only` (None: of all), but of none in `but`."""

    only: frozenset[str] | None = None
    but: frozenset[str] = frozenset()

    def covers(self, operator: str) -> bool:
        """Tell whether an operator's cameras are among them."""
        return operator not in self.but and (self.only is None or operator in self.only)


ALL_OPERATORS = OperatorScope()


class Status(StrEnum):
    """What a camera is at an instant: exactly one of these (rule V4 gives the precedence)."""

    PLANNED = "planned"
    RETIRED = "retired"
    MAINTENANCE = "maintenance"
    UNKNOWN = "unknown"
    DOWN = "down"
    UP = "up"

    __hash__ = str.__hash__  # a member is its text; Enum's own hash is slow Python, and the table asks often


class Cause(StrEnum):
    """The evidence on which a camera was convicted (rule A6)."""

    TIMEOUT = "timeout"
    WILL = "will"
    GOODBYE = "goodbye"


@dataclass(frozen=True, slots=True)
class Camera:
    """One row of `cameras.csv`, with the zone of its site.

    `in_service_from_ms` and `commission_by_ms` are UTC milliseconds (local midnight of the date in the
    table), None where the table is silent. `interval_s` overrides the heartbeat interval in seconds.
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
    """A maintenance window: UTC milliseconds, `start_ms` inside and `end_ms` outside (rules V3, H3)."""

    scope: Scope
    scope_id: str
    start_ms: int
    end_ms: int
    reason: str
    whose: OperatorScope = ALL_OPERATORS


HINT_GRACE_MIN = 1.5
"""A hint is held for at least so many intervals, and dates a death if it came within as many (L5, E1)."""


@dataclass(frozen=True, slots=True)
class Liveness:
    """The deadlines of one camera (rule L2): seconds, and factors of the interval."""

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
        """Seconds that a camera has to disprove a hint; never less than 1.5 intervals (rule L5).

        Otherwise a camera with a long interval could be declared down before its next heartbeat was due.
        """
        return max(self.will_grace_s, HINT_GRACE_MIN * self.interval_s)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Beyond these a camera that is up is degraded (rule C3)."""

    fps_min: float = 5.0
    storage_used_max_ratio: float = 0.95
    temperature_min_celsius: float = -25.0
    temperature_max_celsius: float = 70.0
    clock_offset_max_s: float = 5.0


class Dated(NamedTuple):
    """When something became true: monotonic seconds, and the instants between which it happened (rule E).

    All three are equal where the instant is known exactly.
    """

    at: float
    earliest: float
    latest: float


class IncidentKind(StrEnum):
    """What the cameras of an incident have in common (rule I1)."""

    SITE = "site"
    OPERATOR = "operator"
    LINK = "link"


class GapCause(StrEnum):
    """Why heartbeats could not have been seen."""

    LINK = "link"  # no link was subscribed (S1-S3)
    STALL = "stall"  # the daemon's own loop stood still (S8)
    OFFLINE = "offline"  # camwatch did not run (S6)
    LOST = "lost"  # it was recorded, and the store has lost it (H1)
    LAG = "lag"  # messages of the link arrive later than its cameras may be silent (S11)
    # The wall clock was set ahead: an hour of the record that never was (T2). Where it `ended` before it
    # `began`, it was set back: nobody was blind, but UTC is ahead of it by as much (T5). Where both are one,
    # a process began there.
    CLOCK_STEP = "clock_step"
