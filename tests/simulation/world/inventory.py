"""The inventory at each instant, by the faults of a plan."""

from __future__ import annotations

from typing import TypeAlias

from camwatch.core.model import Camera, Lifecycle, MaintenanceWindow, Purpose, Scope
from tests.simulation.plans.faults import (
    IntervalChange,
    InventoryMaintenance,
    PlannedCamera,
    Removal,
    Retirement,
    SiteChange,
)
from tests.simulation.plans.plan import CameraSpec, Plan

_Noted: TypeAlias = Removal | Retirement | PlannedCamera | IntervalChange | SiteChange | InventoryMaintenance


class InventorySchedule:
    """The inventory of a plan at any instant. Times are true UTC milliseconds."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._faults: list[_Noted] = [fault for fault in plan.faults if isinstance(fault, _Noted)]

    def changes(self) -> list[int]:
        """Return when the inventory changes."""
        edges = set()
        for fault in self._faults:
            at = self._plan.begins + fault.at
            if isinstance(fault, PlannedCamera):
                continue
            edges.add(at)
            if isinstance(fault, InventoryMaintenance):
                edges.update([at + fault.taken] if fault.taken else ())
            elif not isinstance(fault, SiteChange):
                edges.add(at + fault.duration)
        return sorted(edge for edge in edges if edge < self._plan.ends)

    def rows(self, at: int) -> list[Camera]:
        """Return the cameras in the inventory at an instant."""
        found = []
        for spec in self._plan.cameras:
            mine = [fault for fault in self._faults if getattr(fault, "camera", "") == spec.id]
            if not any(isinstance(fault, Removal) and self._holds(fault, at) for fault in mine):
                found.append(self._row(spec, mine, at))
        return found

    def windows(self, at: int) -> list[MaintenanceWindow]:
        """Return the maintenance windows in the inventory at an instant."""
        found = []
        for fault in self._faults:
            if isinstance(fault, InventoryMaintenance):
                announced = self._plan.begins + fault.at
                if announced <= at and not (fault.taken and announced + fault.taken <= at):
                    scope = Scope(fault.scope)
                    found.append(
                        MaintenanceWindow(
                            scope, fault.where, announced + fault.starts, announced + fault.ends, "works"
                        )
                    )
        return list(dict.fromkeys(found))

    def _holds(self, fault: Removal | Retirement | IntervalChange, at: int) -> bool:
        return 0 <= at - self._plan.begins - fault.at < fault.duration

    def _row(self, spec: CameraSpec, faults: list[_Noted], at: int) -> Camera:
        lifecycle, date, interval, site = Lifecycle.IN_SERVICE, None, spec.interval, spec.site
        for fault in faults:
            if isinstance(fault, PlannedCamera):
                lifecycle = Lifecycle.PLANNED
                date = self._plan.begins + fault.at if fault.dated else None
            elif isinstance(fault, Retirement) and self._holds(fault, at):
                lifecycle = Lifecycle.RETIRED
            elif isinstance(fault, IntervalChange) and self._holds(fault, at):
                interval = fault.interval
            elif isinstance(fault, SiteChange) and self._plan.begins + fault.at <= at:
                site = fault.site
        return Camera(
            spec.id,
            spec.operator,
            site,
            "centre",
            spec.id,
            Purpose.TRAFFIC,
            lifecycle,
            in_service_from_ms=date,
            interval_s=interval / 1000,
        )
