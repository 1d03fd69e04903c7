"""A report before it is rendered: the request and the results, as values.

Instants are UTC milliseconds, durations milliseconds. A section contains nothing of another operator.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from camwatch.accounting.records import MaintenanceRecord, OutageRecord
from camwatch.core.model import GapCause, Lifecycle, Purpose
from camwatch.core.status_time import StatusTime
from camwatch.reports.figures import Figures
from camwatch.reports.period import Completeness, Period


@dataclass(frozen=True, slots=True)
class ReportScope:
    """The scope of a report: a section for each operator, in this order, and a total if `total`.

    `purpose`, `site` and `camera` narrow it; operators without such cameras then have no section.
    """

    period: Period
    operators: tuple[str, ...]
    total: bool
    purpose: Purpose | None = None
    site: str | None = None
    camera: str | None = None

    @property
    def narrowed(self) -> bool:
        """Whether only some cameras of an operator are in scope."""
        return not (self.purpose is None and self.site is None and self.camera is None)


@dataclass(slots=True)
class GroupRow:
    """The figures of a group: an operator, a purpose, a site, or a single camera."""

    id: str
    name: str
    figures: Figures = field(default_factory=Figures)
    objective: float | None = None


@dataclass(slots=True, kw_only=True)
class CameraRow(GroupRow):
    """The figures of one camera, and the status time of each day in service."""

    operator: str
    site: str
    purpose: Purpose
    days: dict[int, StatusTime]  # by the number of the day in the period, from 0


@dataclass(frozen=True, slots=True)
class OutageRow:
    """An outage that overlaps the period; it is open if it ends after the figures.

    `duration` is its down time up to its end, or to the end of the figures if it is open; `inside` is the
    part within the period. An outage that late heartbeats voided counts nowhere.
    """

    outage: OutageRecord
    camera: str
    name: str
    duration: int
    inside: int

    @property
    def excluded(self) -> bool:
        """Whether contracts exclude it; a voided outage has nothing to exclude."""
        given = self.outage.attribution
        return given is not None and given.excluded and not self.outage.voided


@dataclass(frozen=True, slots=True)
class GapRow:
    """A monitoring gap, clipped to the period; `end_ms` None: ongoing when the figures end."""

    start_ms: int
    end_ms: int | None
    duration: int
    cause: GapCause
    links: tuple[str, ...]


class MaintenanceRow(NamedTuple):
    """A maintenance window that overlaps the period, and the name of what it covers."""

    window: MaintenanceRecord
    name: str


@dataclass(slots=True)
class OperatorSection:
    """The section of an operator. `inactive` counts its cameras without figures, by lifecycle."""

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
        """The outages that contracts exclude."""
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
    """A report: its figures end at `until_ms`, for the reason `completeness`.

    Before `rolled_up_until_ms` only daily sums are kept, and no outages. `corrections` is their number,
    `chain_head` the hash of the last one. A report on some operators counts the corrections that concern
    them, and has an `anchor` instead of a `chain_head`, which discloses nothing of others.
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
    days: list[date]  # of the period, up to `until_ms`
    sections: list[OperatorSection]
    total: FleetSection | None
    anchor: str = ""
    sealed: str = ""  # the latest seal of the record; empty: unknown


MAX_WORST = 10
"""Cameras in the list of the worst."""


def worst_cameras(cameras: list[CameraRow]) -> list[CameraRow]:
    """Return the cameras with the most down time, worst first, without those that were never down."""
    found = [camera for camera in cameras if camera.figures.account.down]
    found.sort(key=lambda camera: (-camera.figures.account.down, camera.operator, camera.id))
    return found[:MAX_WORST]
