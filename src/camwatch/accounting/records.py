"""The record as the store returns it. Values only.

Times are UTC milliseconds; an interval includes its start and excludes its end. Changes are stored, figures
derived (`timeline`), so a correction made today corrects the report of any month.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from camwatch.core.model import ALL_OPERATORS, Cause, GapCause, OperatorScope, Purpose, Scope, Status
from camwatch.core.status_time import Interval, Proven, StatusTime

VOIDED_REASON = "late heartbeats prove that the camera was alive"
"""Why an outage is voided, for programs; pages and reports have their own text."""


class AttributedCause(StrEnum):
    """The cause that people attribute to an outage (rule A6)."""

    POWER = "power"
    NETWORK = "network"
    CAMERA = "camera"
    VANDALISM = "vandalism"
    WORKS = "works"
    OTHER = "other"


class StatusChange(NamedTuple):
    """The camera has `status` from `at_ms` on."""

    at_ms: int
    status: Status | None  # None: out of service
    earliest_ms: int | None = None  # the bounds of `at_ms`; None: it is exact (rule E)
    latest_ms: int | None = None


class Attribution(NamedTuple):
    """An attributed cause, and whether contracts exclude the outage. The newest one applies."""

    cause: AttributedCause
    excluded: bool
    author: str
    reason: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class OutageRecord:
    """One outage."""

    id: int  # the public one
    at_ms: int
    end_ms: int | None  # None: open
    detected_ms: int
    cause: Cause  # as detected
    attributions: tuple[Attribution, ...] = ()  # oldest first
    at_bounds: Interval | None = None  # it began within them; None: exactly at `at_ms`
    end_bounds: Interval | None = None
    voided: bool = False  # late heartbeats prove that the camera was alive all the time (rule E4)

    @property
    def at_earliest_ms(self) -> int:
        """The earliest instant at which it may have begun."""
        return self.at_ms if self.at_bounds is None else self.at_bounds.start

    @property
    def at_latest_ms(self) -> int:
        """The latest instant at which it may have begun."""
        return self.at_ms if self.at_bounds is None else self.at_bounds.end

    @property
    def end_earliest_ms(self) -> int | None:
        """The earliest instant at which it may have ended; None: it is open."""
        return self.end_ms if self.end_bounds is None else self.end_bounds.start

    @property
    def end_latest_ms(self) -> int | None:
        """The latest instant at which it may have ended; None: it is open."""
        return self.end_ms if self.end_bounds is None else self.end_bounds.end

    @property
    def attribution(self) -> Attribution | None:
        """The attribution that applies: the newest."""
        return self.attributions[-1] if self.attributions else None


@dataclass(slots=True)
class DailyRollup:
    """One local day of a camera, rolled up."""

    status_time: StatusTime
    excluded: int = 0  # milliseconds of `down` excluded by contract
    outages: int = 0  # that began on that day
    reboots: int = 0


OPEN_ENDED = 1 << 62
"""The end of an interval that has not ended."""


class Place(NamedTuple):
    """Site and purpose of a camera in [since_ms, until_ms) (rule V7)."""

    site: str
    purpose: Purpose
    since_ms: int
    until_ms: int


@dataclass(slots=True)
class CameraHistory:
    """One camera's record, in order of time."""

    id: str
    operator: str
    site: str  # the last one, as are zone and purpose
    zone: str
    purpose: Purpose
    name: str
    changes: list[StatusChange] = field(default_factory=list)
    service_periods: list[Interval] = field(default_factory=list)  # an open one ends at OPEN_ENDED
    backfills: list[Proven] = field(default_factory=list)
    outages: list[OutageRecord] = field(default_factory=list)
    reboots: list[int] = field(default_factory=list)
    days: dict[str, DailyRollup] = field(default_factory=dict)  # rolled up, by local date (ISO)
    earlier: list[Place] = field(default_factory=list)  # previous sites and purposes (rule V7)

    @property
    def places(self) -> list[Place]:
        """All its places, in order and without gaps, without beginning."""
        since = self.earlier[-1].until_ms if self.earlier else -OPEN_ENDED
        return [*self.earlier, Place(self.site, self.purpose, since, OPEN_ENDED)]

    def place_at(self, at_ms: int) -> Place:
        """Return its place at an instant."""
        places = self.places
        return next((place for place in places if at_ms < place.until_ms), places[-1])


class GapRecord(NamedTuple):
    """A monitoring gap of the cameras of these operators."""

    operators: tuple[str, ...]  # empty: all
    links: tuple[str, ...]
    cause: GapCause
    start_ms: int
    end_ms: int | None  # None: open


class MaintenanceRecord(NamedTuple):
    """A maintenance window of the inventory, or one added by a correction (rule H3).

    If it was cancelled for the cameras of some operators, there is one record for these and one for the rest.
    """

    id: int | None  # None: of the inventory
    scope: Scope
    scope_id: str
    start_ms: int
    end_ms: int
    reason: str
    author: str = ""
    created_ms: int | None = None
    cancelled: bool = False  # by a correction: it does not count
    operators: OperatorScope = ALL_OPERATORS  # whose cameras it covers


@dataclass(slots=True)
class History:
    """The record of some operators in an interval of time."""

    cameras: list[CameraHistory]
    gaps: list[GapRecord]
    maintenance: list[MaintenanceRecord]
    watermark_ms: int  # the record is complete before it
    rolled_up_until_ms: int  # only `days` are kept before it
    corrections: int  # how many the store has
    chain_head: str  # the hash of the newest
