"""A report before it is written down: who asked for what, and what was found. Values only.

Instants are UTC milliseconds, durations milliseconds. Nothing in a section concerns another operator.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from camwatch.accounting.records import Attribution
from camwatch.core.model import Cause, GapCause, Lifecycle, Purpose, Scope
from camwatch.core.status_time import Interval, StatusTime
from camwatch.reports.figures import Figures
from camwatch.reports.period import Completeness, Period


@dataclass(frozen=True, slots=True)
class ReportScope:
    """What is asked for: a section for each operator, in this order, and a total if `total`.

    `purpose`, `site` and `camera` narrow it; operators that have nothing of it then get no section.
    """

    period: Period
    operators: tuple[str, ...]
    total: bool
    purpose: Purpose | None = None
    site: str | None = None
    camera: str | None = None

    @property
    def narrowed(self) -> bool:
        """Tell whether only some cameras of an operator are asked for."""
        return not (self.purpose is None and self.site is None and self.camera is None)


@dataclass(slots=True)
class GroupRow:
    """The figures of one group: an operator, a purpose, a site."""

    id: str
    name: str
    figures: Figures = field(default_factory=Figures)
    objective: float | None = None


@dataclass(slots=True)
class CameraRow:
    """The figures of one camera, and the account of each of its days that has one."""

    id: str
    operator: str
    site: str
    purpose: Purpose
    name: str
    figures: Figures
    days: dict[int, StatusTime]  # by the number of the day in the period, from 0


@dataclass(frozen=True, slots=True)
class OutageRow:
    """One outage that touches the period.

    `duration` is its down time up to its end, or to the end of the accounts if it goes on (`end_ms`
    None); `inside` is the part of that within the period. Where `at_ms` or `end_ms` is not exact, it lies
    within its bounds. One that late heartbeats `voided` counts nowhere.
    """

    id: int
    camera: str
    name: str
    at_ms: int
    end_ms: int | None
    cause: Cause
    attribution: Attribution | None
    duration: int
    inside: int
    at_bounds: Interval | None = None
    end_bounds: Interval | None = None
    voided: bool = False

    @property
    def excluded(self) -> bool:
        """Tell whether contracts leave it out; of a voided one nothing is left to leave out."""
        return self.attribution is not None and self.attribution.excluded and not self.voided


@dataclass(frozen=True, slots=True)
class GapRow:
    """A blind interval, cut to the period; `end_ms` None: not over when the accounts end."""

    start_ms: int
    end_ms: int | None
    duration: int
    cause: GapCause
    links: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MaintenanceRow:
    """A maintenance window that touches the period, as announced or as corrected (`id`)."""

    id: int | None
    scope: Scope
    scope_id: str
    name: str
    start_ms: int
    end_ms: int
    reason: str
    author: str
    cancelled: bool


@dataclass(slots=True)
class OperatorSection:
    """All about one operator. `idle` counts its cameras that have no figure, by their place in life."""

    line: GroupRow
    purposes: list[GroupRow]
    sites: list[GroupRow]
    cameras: list[CameraRow]
    outages: list[OutageRow]
    gaps: list[GapRow]
    maintenance: list[MaintenanceRow]
    inactive: dict[Lifecycle, int]

    @property
    def excluded(self) -> list[OutageRow]:
        """The outages that contracts leave out."""
        return [outage for outage in self.outages if outage.excluded]

    @property
    def worst(self) -> list[CameraRow]:
        """The cameras with the most down time."""
        return worst_cameras(self.cameras)


@dataclass(slots=True)
class FleetSection:
    """All operators together."""

    line: GroupRow
    purposes: list[GroupRow]
    worst: list[CameraRow]


@dataclass(slots=True)
class Report:
    """A report: `until_ms` is where its accounts end, `reach` says why there.

    `rolled_up_until_ms`: of the time before it there are sums of days, and no single outage any more.
    `corrections` counts the journal, `head` is the hash of its newest entry. A report on some operators
    counts those that concern them, and has an `anchor` instead of a `head`: it tells nothing of others.
    """

    question: ReportScope
    version: str
    created_ms: int
    watermark_ms: int
    rolled_up_until_ms: int
    until_ms: int
    completeness: Completeness
    corrections: int
    chain_head: str
    days: list[date]  # of the period, as far as the accounts go
    sections: list[OperatorSection]
    total: FleetSection | None
    anchor: str = ""
    sealed: str = ""  # the newest seal of the record; empty: not known


MAX_WORST = 10
"""That many cameras are called the worst."""


def worst_cameras(cameras: list[CameraRow]) -> list[CameraRow]:
    """Return the cameras with the most down time, the worst first; none that was never down."""
    found = [camera for camera in cameras if camera.figures.account.down]
    return sorted(found, key=lambda camera: (-camera.figures.account.down, camera.operator, camera.id))[
        :MAX_WORST
    ]
