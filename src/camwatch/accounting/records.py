"""The record: what the store gives back to whoever derives figures from it. Values only.

Times are UTC milliseconds; a span holds its start and not its end. Changes are stored, figures derived
(`timeline`), so a correction made today is right in the report of any month.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from camwatch.core.model import ALL_OPERATORS, Cause, GapCause, OperatorScope, Purpose, Scope, Status
from camwatch.core.status_time import Interval, Proven, StatusTime

VOIDED_REASON = "late heartbeats prove that the camera was alive"
"""Why an outage is voided, for programs; pages and reports say it in their own language."""


class AttributedCause(StrEnum):
    """What people found out to be the cause of an outage (rule A6)."""

    POWER = "power"
    NETWORK = "network"
    CAMERA = "camera"
    VANDALISM = "vandalism"
    WORKS = "works"
    OTHER = "other"


class StatusChange(NamedTuple):
    """From `at_ms` on the camera was `status`; None: out of the ledger.

    It changed somewhere in [earliest_ms, latest_ms]; None where `at_ms` is exact (rule E).
    """

    at_ms: int
    status: Status | None
    earliest_ms: int | None = None
    latest_ms: int | None = None


class Attribution(NamedTuple):
    """What people say of an outage: its cause, and whether it counts by contract. The newest holds."""

    cause: AttributedCause
    excluded: bool
    author: str
    reason: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class OutageRecord:
    """One outage: `cause` is what was seen, `attributions` what people said of it, oldest first.

    It began and ended somewhere between the earliest and the latest instants; without them, exactly at
    `at_ms` and `end_ms`. `voided`: late heartbeats prove that the camera was alive all the time (rule E4).
    """

    id: int
    at_ms: int
    end_ms: int | None  # None: not over
    detected_ms: int
    cause: Cause
    attributions: tuple[Attribution, ...] = ()
    at_bounds: Interval | None = None
    end_bounds: Interval | None = None
    voided: bool = False

    @property
    def at_earliest_ms(self) -> int:
        """The instant before which it did not begin."""
        return self.at_ms if self.at_bounds is None else self.at_bounds.start

    @property
    def at_latest_ms(self) -> int:
        """The instant by which it had begun."""
        return self.at_ms if self.at_bounds is None else self.at_bounds.end

    @property
    def end_earliest_ms(self) -> int | None:
        """The instant before which it did not end; None: it is not over."""
        return self.end_ms if self.end_bounds is None else self.end_bounds.start

    @property
    def end_latest_ms(self) -> int | None:
        """The instant by which it had ended; None: it is not over."""
        return self.end_ms if self.end_bounds is None else self.end_bounds.end

    @property
    def attribution(self) -> Attribution | None:
        """The one that holds: the newest."""
        return self.attributions[-1] if self.attributions else None


@dataclass(slots=True)
class DailyRollup:
    """What a folded day left of a camera: its accounts, and of `down` what was excluded by contract."""

    status_time: StatusTime
    excluded: int = 0
    outages: int = 0
    reboots: int = 0


OPEN_ENDED = 1 << 62
"""The end of a span that has not ended."""


class Place(NamedTuple):
    """Where a camera stood, and for what, in [since_ms, until_ms) (rule V7)."""

    site: str
    purpose: Purpose
    since_ms: int
    until_ms: int


@dataclass(slots=True)
class CameraHistory:
    """One camera's past, in order of time; `days` (local dates, ISO) hold what was folded away.

    `site` and `purpose` are those that it had in the end, `earlier` what it had before (rule V7).
    """

    id: str
    operator: str
    site: str
    zone: str
    purpose: Purpose
    name: str
    changes: list[StatusChange] = field(default_factory=list)
    service_periods: list[Interval] = field(default_factory=list)  # an open one ends at OPEN_END
    backfills: list[Proven] = field(default_factory=list)
    outages: list[OutageRecord] = field(default_factory=list)
    reboots: list[int] = field(default_factory=list)
    days: dict[str, DailyRollup] = field(default_factory=dict)
    earlier: list[Place] = field(default_factory=list)

    @property
    def places(self) -> list[Place]:
        """Where it stood, in order and without gaps, from the beginning of time on."""
        since = self.earlier[-1].until_ms if self.earlier else -OPEN_ENDED
        return [*self.earlier, Place(self.site, self.purpose, since, OPEN_ENDED)]

    def place_at(self, at_ms: int) -> Place:
        """Return where it stood at an instant."""
        places = self.places
        return next((place for place in places if at_ms < place.until_ms), places[-1])


class GapRecord(NamedTuple):
    """A stretch in which cameras of these operators (none named: of all) could not be seen."""

    operators: tuple[str, ...]
    links: tuple[str, ...]
    cause: GapCause
    start_ms: int
    end_ms: int | None  # None: not over


class MaintenanceRecord(NamedTuple):
    """A maintenance window of the inventory (`id` None), or one added by a correction.

    It covers the cameras of `whose` only, at each moment (rule H3). Where some cancelled it for their own
    cameras, there is one for these and one for the others, with the same `id`.
    """

    id: int | None
    scope: Scope
    scope_id: str
    start_ms: int
    end_ms: int
    reason: str
    author: str = ""
    created_ms: int | None = None
    cancelled: bool = False  # by a correction: it no longer counts
    operators: OperatorScope = ALL_OPERATORS


@dataclass(slots=True)
class History:
    """What the store knows of some operators in some stretch of time.

    `watermark_ms`: everything before it is in the record. `rolled_up_until_ms`: before it, only `days`.
    `corrections` counts the corrections, `chain_head` is the hash of the newest.
    """

    cameras: list[CameraHistory]
    gaps: list[GapRecord]
    maintenance: list[MaintenanceRecord]
    watermark_ms: int
    rolled_up_until_ms: int
    corrections: int
    chain_head: str
